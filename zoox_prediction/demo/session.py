"""What the demo's own node keeps while a recording plays: all predictions in a bag, the account, the what-if answer."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoox_prediction.demo.chain import DETECTIONS_TOPIC, TRACKS_TOPIC
from zoox_prediction.demo.monitor import DemoMonitor
from zoox_prediction.demo.node_health import NodeHealth
from zoox_prediction.demo.plans import PLAN_NAMES, candidate_plans, hypothetical_ego
from zoox_prediction.recording.bag import BagWriter
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.messages import predictions_to_message
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.scene import CandidatePlans, ConditionalAnswer, EgoState, PredictedTrajectories, TrackedAgents

PREDICTIONS_BAG = "predictions"  # below the output; a name in .bag would be taken for a ROS 1 file by rosbags
PREDICTIONS_TOPIC = "/predictions"
_PREDICTIONS_TYPE = "zoox_prediction/msg/PredictedTrajectoryArray"
_TRACKS_TYPE = "zoox_prediction/msg/TrackedAgentArray"
_DETECTIONS_TYPE = "zoox_prediction/msg/DetectionArray"


@dataclass(frozen=True)
class DemoConfig:
    """The parameters of the demo's node."""

    recording: str = ""  # bag that is being played
    output: str = ""  # folder in which the bag of predictions is made
    from_tracker: bool = False  # the scenes are what a tracker publishes, not the recording's own
    query_at: float = 0.5  # when the what-if question is asked, as a share of the recording
    report_period_s: float = 0.5  # between two lines of the account

    def __post_init__(self) -> None:
        if not (0.0 <= self.query_at <= 1.0 and self.report_period_s > 0.0):
            raise ValueError("query_at must be within [0, 1] and report_period_s > 0")


def what_if_topic(plan: int) -> str:
    return f"/what_if/plan_{plan}"


class DemoSession:
    """Every method may be called from any thread: an answer arrives outside of the callback groups of a node.

    `close` completes the bag; what comes later is ignored.
    """

    def __init__(self, log: RecordedLog, config: DemoConfig):
        self._lock = threading.Lock()
        self._closed = False
        self._log = log
        self._monitor = DemoMonitor(log, from_tracker=config.from_tracker)
        self._writer = BagWriter(Path(config.output) / PREDICTIONS_BAG, overwrite=True)
        self._writer.__enter__()
        self._types = RosbagsTypes()
        stamps = log.stamps_ns if len(log.stamps_ns) else [ego.stamp_ns for ego in log.ego] or [0]
        start, end = int(stamps[0]), int(stamps[-1])
        self._query_ns = int(start + config.query_at * (end - start))
        self._asked = False
        self._nodes = NodeHealth()

    def add(self, predictions: PredictedTrajectories, serialized: bytes, scene_age_s: float, arrival_s: float) -> None:
        """One message of predictions, and its CDR bytes; `arrival_s` is steady time."""
        with self._lock:
            if not self._closed:
                self._writer.write_raw(PREDICTIONS_TOPIC, _PREDICTIONS_TYPE, serialized, predictions.stamp_ns)
                self._monitor.add(predictions, scene_age_s, arrival_s)

    def add_tracks(self, tracks: TrackedAgents, serialized: bytes) -> None:
        """One message of a tracker, and its CDR bytes."""
        with self._lock:
            if not self._closed:
                self._writer.write_raw(TRACKS_TOPIC, _TRACKS_TYPE, serialized, tracks.stamp_ns)
                self._monitor.add_tracks(tracks)

    def add_detections(self, stamp_ns: int, serialized: bytes) -> None:
        """One message of a detection node as CDR bytes."""
        with self._lock:
            if not self._closed:
                self._writer.write_raw(DETECTIONS_TOPIC, _DETECTIONS_TYPE, serialized, stamp_ns)

    def add_diagnostics(self, name: str, level: int, message: str, values: dict[str, str]) -> None:
        """One status of /diagnostics."""
        self._nodes.add(name, level, message, values)

    def question(self, stamp_ns: int) -> tuple[CandidatePlans, EgoState] | None:
        """The plans to ask about once the recording has reached the time to ask; None before, and afterwards."""
        if self._asked or stamp_ns < self._query_ns:
            return None
        self._asked = True
        ego = self.ego_at(stamp_ns)
        return None if ego is None else (candidate_plans(ego, self._log.road_network), ego)

    def ego_at(self, stamp_ns: int) -> EgoState | None:
        """The recorded ego; in a recording without one, a vehicle that comes in on the nearest lane."""
        if self._log.ego:
            stamps = np.array([ego.stamp_ns for ego in self._log.ego])
            return self._log.ego[int(np.argmin(np.abs(stamps - stamp_ns)))]
        frames = [agents for agents in self._log.agents if len(agents)]
        if not frames:
            return None
        center = np.mean(np.concatenate([agents.position[:, :2] for agents in frames]), axis=0)
        return hypothetical_ego(stamp_ns, center, self._log.road_network)

    def answered(self, plans: CandidatePlans, ego: EgoState, answer: ConditionalAnswer) -> str:
        """Keeps the answer; returns it as a line of JSON for the table."""
        with self._lock:
            for plan, predictions in enumerate(() if self._closed else answer.predictions):
                message = predictions_to_message(predictions, self._types, 0.0)
                self._writer.write(what_if_topic(plan), message, predictions.stamp_ns)
        rows = []
        for plan, name in enumerate(PLAN_NAMES):
            affected = np.lexsort((answer.smallest_gap_m[plan], -answer.shift_m[plan].round(1)))[:3]
            rows += [
                {
                    "plan": name,
                    "agent": int(answer.ids[agent]),
                    "yield_probability": float(answer.yield_probability[plan, agent]),
                    "collision_probability": float(answer.collision_probability[plan, agent]),
                    "smallest_gap_m": float(answer.smallest_gap_m[plan, agent]),
                    "time_to_conflict_s": float(answer.time_to_conflict_s[plan, agent]),
                    "shift_m": float(answer.shift_m[plan, agent]),
                }
                for agent in affected
            ]
        return _line(
            "what_if",
            {
                "stamp_ns": plans.start_ns,
                "hypothetical_ego": not self._log.ego,
                "ego": {"position": ego.position.tolist(), "yaw": float(ego.yaw), "velocity": ego.velocity.tolist()},
                "rows": rows,
            },
        )

    def account(self, *, ready: bool = True, finished: bool = False) -> str:
        """The state so far as a line of JSON; `ready` tells that the prediction node has been found."""
        with self._lock:
            state = self._monitor.state(finished).as_dict()
        return _line("state", {"ready": ready, **state, **self._nodes.as_dict()})

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._writer.__exit__(None, None, None)


def _line(kind: str, values: dict) -> str:
    return json.dumps({"kind": kind, **values})
