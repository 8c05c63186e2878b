"""The tracker: detections of any sensor in any order in, tracks of any instant out. It knows no clock."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detections import Detections, Modality
from zoox_prediction.scene import EgoState, TrackedAgents
from zoox_prediction.tracking.calibration_check import BearingOffset, CalibrationCheck
from zoox_prediction.tracking.config import TrackingConfig
from zoox_prediction.tracking.images import ProjectedTracks
from zoox_prediction.tracking.output import tracked_agents
from zoox_prediction.tracking.sensor_frame import SensorFrame, sensor_frame
from zoox_prediction.tracking.step import Step, TrackerState, applied, predicted
from zoox_prediction.tracking.track_table import NEVER

IntArray = NDArray[np.int64]

MAX_SENSORS = 64
_PROBLEM_INTERVAL_S = 5.0  # of the same sentence about a sensor's calibration
_SAME_AGENT_M = 2.0


@dataclass(frozen=True)
class _Applied:
    """A frame and the state before it."""

    frame: SensorFrame
    before: TrackerState


class Tracker:
    """Tracks of all agents in the map frame.

    Every message is applied at its own stamp, in the order of time; nothing waits for a slow sensor. The states of the
    last `timing.max_delay_s` are kept: a message that comes late is applied where it belongs, and those after it again,
    so that the tracks are the same whatever the order of arrival.
    """

    def __init__(self, config: TrackingConfig | None = None) -> None:
        self.config = config or TrackingConfig()
        self._ids = 0
        self.reset()

    def reset(self) -> None:
        """Forgets everything; ids go on where they were."""
        self._state = TrackerState()
        self._waiting: list[SensorFrame] = []  # in their order
        self._history: list[_Applied] = []
        self._now_ns: int | None = None  # latest instant that was asked for
        self._ground_z = 0.0
        self._born: dict[tuple[int, str, int], int] = {}  # id by stamp, sensor and row of the first detection
        self._sensors: list[str] = []  # by their bits
        self._kin_bits: dict[Modality, int] = {}
        self._checks: dict[str, CalibrationCheck] = {}
        self._checked_ns: dict[str, int] = {}
        self._told_ns: dict[str, int] = {}
        self._problems: list[str] = []

    def add(self, detections: Detections, map_from_sensor: NDArray, sensor_velocity: NDArray) -> list[str]:
        """Takes in one message; what is wrong with it or with its sensor comes back, in one sentence each.

        map_from_sensor (4, 4) is the pose of the sensor's frame at the stamp, sensor_velocity (3,) its velocity over
        ground in the map frame. Refused are messages older than `timing.max_delay_s` or more than `timing.max_ahead_s`
        ahead of what was asked for last, those without a pose, and rows that are not finite.
        """
        problems, self._problems = self._problems, []
        refusal = self.refusal(detections)
        if refusal is not None:
            return [*problems, refusal]
        frame, found = sensor_frame(detections, map_from_sensor, sensor_velocity, self.config.max_detections)
        problems += found
        if frame is None:
            return problems
        bisect.insort(self._waiting, frame, key=lambda each: each.order)
        if len(self._waiting) > self.config.timing.max_waiting:
            self._apply(self._waiting[len(self._waiting) // 2].stamp_ns)
        return problems + self._calibration_problems(frame)

    @property
    def num_waiting(self) -> int:
        """Messages that have come and are not applied yet."""
        return len(self._waiting)

    def refusal(self, detections: Detections) -> str | None:
        """Why `add` would not take a message."""
        name, timing = detections.sensor_name, self.config.timing
        if name not in self._sensors and len(self._sensors) == MAX_SENSORS:
            return f"{name}: there are {MAX_SENSORS} sensors already, its detections are dropped"
        latest_ns = max(self._now_ns or detections.stamp_ns, self._state.stamp_ns)
        late_s = (latest_ns - detections.stamp_ns) * 1e-9
        if late_s > timing.max_delay_s:
            return (
                f"{name}: detections come {late_s:.2f} s late, they are dropped (max_delay_s is {timing.max_delay_s:g})"
            )
        if self._now_ns is not None and -late_s > timing.max_ahead_s:
            return (
                f"{name}: detections are stamped {-late_s:.2f} s ahead of the time, they are dropped; check its clock"
            )
        return None

    def advance(self, now_ns: int) -> None:
        """Applies what is older than `timing.wait_s` by now, so that less is left to do when tracks are asked for."""
        self._now_ns = max(now_ns, self._now_ns or now_ns)
        self._drop_ahead()
        self._apply(now_ns - round(self.config.timing.wait_s * 1e9))

    def tracks_at(self, stamp_ns: int, ego: EgoState | None = None) -> TrackedAgents:
        """All confirmed tracks at the stamp, after everything that came with a stamp up to it.

        The ego (at about the stamp) tells how high the ground is; nothing within its outline is an agent. A stamp
        before messages that are applied already gets the tracks of then, back to the oldest state that is kept.
        """
        self._now_ns = max(stamp_ns, self._now_ns or stamp_ns)
        if ego is not None:
            self._ground_z = ego.z
        self._drop_ahead()
        self._apply(stamp_ns)
        later = bisect.bisect_right(self._history, stamp_ns, key=lambda each: each.frame.stamp_ns)
        state = self._history[later].before if later < len(self._history) else self._state
        dt_s = (stamp_ns - state.stamp_ns) * 1e-9 if state.stamp_ns != NEVER else 0.0
        tracks = predicted(state.tracks, dt_s, self.config)
        return tracked_agents(tracks, stamp_ns, ego, self._sensors, self.config)

    def bearing_offsets(self) -> dict[str, BearingOffset | None]:
        """By the name of every image sensor, where its boxes lie against the tracks; None while that is not known."""
        return {name: check.offset() for name, check in self._checks.items()}

    def _drop_ahead(self) -> None:
        """Lets go of messages from the future that came before the time was known."""
        assert self._now_ns is not None
        limit_ns = self._now_ns + round(self.config.timing.max_ahead_s * 1e9)
        while self._waiting and self._waiting[-1].stamp_ns > limit_ns:
            frame = self._waiting.pop()
            ahead_s = (frame.stamp_ns - self._now_ns) * 1e-9
            self._problems.append(
                f"{frame.detections.sensor_name}: detections are stamped {ahead_s:.2f} s ahead of the time, they are "
                "dropped; check its clock"
            )

    def _apply(self, until_ns: int) -> None:
        """Applies what waits and is not later, after a step back where some of it belongs before what was applied."""
        count = bisect.bisect_right(self._waiting, until_ns, key=lambda frame: frame.stamp_ns)
        frames, self._waiting = self._waiting[:count], self._waiting[count:]
        if not frames:
            return
        then = self._state
        back = bisect.bisect_right(self._history, frames[0].order, key=lambda each: each.frame.order)
        again = self._history[back:]
        if again:
            self._state = again[0].before
            del self._history[back:]
            frames = sorted([*frames, *(each.frame for each in again)], key=lambda frame: frame.order)
        for frame in frames:
            self._history.append(_Applied(frame, self._state))
            self._state = applied(self._state, self._step(frame))
        if again:
            self._keep_ids(then)
        self._forget()

    def _step(self, frame: SensorFrame) -> Step:
        name = frame.detections.sensor_name
        if name not in self._sensors:
            self._sensors.append(name)
        bit = self._sensors.index(name)
        self._kin_bits[frame.modality] = self._kin_bits.get(frame.modality, 0) | 1 << bit
        kin_bits = self._kin_bits[frame.modality]
        return Step(frame, bit, kin_bits, self._ground_z, self.config, self._new_ids, self._check)

    def _new_ids(self, frame: SensorFrame, rows: IntArray) -> IntArray:
        """Ids of tracks that begin with these detections, the same when a frame is applied again."""
        ids = np.empty(len(rows), dtype=np.int64)
        for i, row in enumerate(rows.tolist()):  # few tracks begin with a frame
            key = (frame.stamp_ns, frame.detections.sensor_name, row)
            if key not in self._born:
                self._ids += 1
                self._born[key] = self._ids
            ids[i] = self._born[key]
        return ids

    def _keep_ids(self, before: TrackerState) -> None:
        """A track that begins with another detection now that a late one came keeps the id that it was told of by."""
        tracks, old = self._state.tracks, before.tracks
        gone = old.select(old.confirmed & ~np.isin(old.ids, tracks.ids))
        fresh = np.flatnonzero(~np.isin(tracks.ids, old.ids))
        if not len(gone) or not len(fresh):
            return
        apart = np.linalg.norm(gone.position[:, None] - tracks.position[fresh][None], axis=2)
        ids, renamed = tracks.ids.copy(), {}
        for i in np.argsort(apart.min(axis=1), kind="stable").tolist():  # hardly ever more than one
            j = int(apart[i].argmin())
            if apart[i, j] < _SAME_AGENT_M:
                renamed[int(ids[fresh[j]])] = int(gone.ids[i])
                ids[fresh[j]] = gone.ids[i]
                apart[:, j] = np.inf
        self._state = replace(self._state, tracks=replace(tracks, ids=ids))
        self._born = {key: renamed.get(value, value) for key, value in self._born.items()}

    def _forget(self) -> None:
        """Drops the states that no message can call for any more."""
        oldest_ns = self._state.stamp_ns - round(self.config.timing.max_delay_s * 1e9)
        del self._history[: bisect.bisect_left(self._history, oldest_ns, key=lambda each: each.frame.stamp_ns)]
        while self._born and next(iter(self._born))[0] < oldest_ns:  # about in the order of time
            del self._born[next(iter(self._born))]

    def _check(self, frame: SensorFrame, view: ProjectedTracks, ids: IntArray, ranged: NDArray[np.bool_]) -> None:
        name = frame.detections.sensor_name
        check = self._checks.setdefault(name, CalibrationCheck(self.config.calibration))
        if frame.stamp_ns > self._checked_ns.get(name, NEVER):  # not again when a late message calls for a step back
            self._checked_ns[name] = frame.stamp_ns
            check.add(frame, view, ids, ranged)

    def _calibration_problems(self, frame: SensorFrame) -> list[str]:
        name = frame.detections.sensor_name
        if name not in self._checks or frame.stamp_ns - self._told_ns.get(name, NEVER) < _PROBLEM_INTERVAL_S * 1e9:
            return []
        problem = self._checks[name].problem(name)
        self._told_ns[name] = frame.stamp_ns if problem else self._told_ns.get(name, NEVER)
        return [problem] if problem else []
