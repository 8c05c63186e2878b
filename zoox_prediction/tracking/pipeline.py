"""From detections and odometry as they arrive to tracks ten times a second; safe to use from several threads."""

from __future__ import annotations

import bisect
import threading
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.config import check_positive
from zoox_prediction.detection.ego_motion import EgoMotion
from zoox_prediction.detections import Detections
from zoox_prediction.geometry import rotation_matrix
from zoox_prediction.scene import EgoState, TrackedAgents
from zoox_prediction.tracking.calibration_check import BearingOffset
from zoox_prediction.tracking.config import TrackingConfig
from zoox_prediction.tracking.tracker import Tracker

_EGO_HISTORY_S = 2.0
_MAX_DEAD_RECKONING_S = 0.5  # from the nearest odometry


@dataclass(frozen=True)
class TrackingNodeConfig:
    """The tracker's config, and what belongs to the node."""

    frame_id: str = "map"  # of the tracks; TF brings the sensors' frames into it
    base_frame: str = "base_link"  # of the vehicle that carries the sensors (REP-105)
    period_s: float = 0.1  # between two outputs
    detections_3d: bool = False  # boxes of another detector come too, vision_msgs/Detection3DArray on detections_3d
    gather_s: float = 0.03  # that an output waits, from the first detections on, for those of other sensors
    max_detections_age_s: float = 0.5  # diagnostics report older input
    max_odometry_age_s: float = 0.5
    max_latency_s: float = 0.15  # from the sensor's stamp to the tracks; diagnostics warn above
    tracker: TrackingConfig = field(default_factory=TrackingConfig)

    def __post_init__(self) -> None:
        check_positive(self, "period_s", "max_detections_age_s", "max_odometry_age_s", "max_latency_s")
        if not 0.0 <= self.gather_s < self.period_s:
            raise ValueError(f"gather_s must be 0 to below period_s ({self.period_s:g}), got {self.gather_s:g}")


class TrackingPipeline:
    """The tracker with the odometry that it needs."""

    def __init__(self, config: TrackingNodeConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._tracker = Tracker(config.tracker)
        self._motion = EgoMotion()
        self._egos: list[EgoState] = []
        self._forget()

    def reset(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._tracker.reset()
            self._motion.reset()
            self._egos = []
            self._forget()

    def _forget(self) -> None:
        self._newest_ns: dict[str, int] = {}  # of the detections of each sensor
        self._carried: tuple[int, int] | None = None  # newest stamp of all when it was first told of, and now of then
        self._told_ns: int | None = None  # of the last tracks

    def add_ego(self, ego: EgoState) -> list[str]:
        """Odometry in the frame of the tracks; what is wrong with it comes back."""
        with self._lock:
            if not np.isfinite([*ego.position, ego.yaw, ego.z]).all():
                return ["the pose is not finite, the message is dropped"]
            problems = self._motion.add(ego)
            if not problems:
                if self._egos and ego.stamp_ns < self._egos[-1].stamp_ns:  # it has begun anew
                    self._egos = []
                self._egos.append(ego)
                oldest_ns = ego.stamp_ns - round(_EGO_HISTORY_S * 1e9)
                while self._egos[0].stamp_ns < oldest_ns:
                    self._egos.pop(0)
            return problems

    def map_from_base(self, stamp_ns: int) -> NDArray[np.float64] | None:
        """(4, 4) by odometry alone; None when none is near the stamp."""
        with self._lock:
            ego = self._ego_at(stamp_ns)
        if ego is None:
            return None
        matrix = np.eye(4)
        matrix[:2, :2] = rotation_matrix(ego.yaw)
        matrix[:3, 3] = [*ego.position, ego.z]
        return matrix

    def refusal(self, detections: Detections, now_ns: int) -> str | None:
        """Why detections would not be taken at this time; to be asked before their pose is looked for."""
        name, ahead_s = detections.sensor_name, (detections.stamp_ns - now_ns) * 1e-9
        if ahead_s > self._config.tracker.timing.max_ahead_s:
            return (
                f"{name}: detections are stamped {ahead_s:.2f} s ahead of the time, they are dropped; check the clocks "
                "and use_sim_time"
            )
        with self._lock:
            return self._tracker.refusal(detections)

    def add_detections(
        self,
        detections: Detections,
        map_from_sensor: NDArray[np.float64],
        base_from_sensor: NDArray[np.float64] | None = None,
    ) -> list[str]:
        """One message with the pose of its sensor, and where it is mounted (None: it does not move)."""
        stamp_ns, name = detections.stamp_ns, detections.sensor_name
        with self._lock:
            velocity = np.zeros(3)
            if base_from_sensor is not None:
                motion = self._motion.measurement(stamp_ns, detections.frame_id, name, base_from_sensor)
                velocity = map_from_sensor[:3, :3] @ motion.velocity
            if self._tracker.refusal(detections) is None:
                self._newest_ns[name] = max(stamp_ns, self._newest_ns.get(name, stamp_ns))
            return self._tracker.add(detections, map_from_sensor, velocity)

    @property
    def num_waiting(self) -> int:
        """Messages of detections that the next tracks will be made of."""
        with self._lock:
            return self._tracker.num_waiting

    @property
    def has_news(self) -> bool:
        """Whether there are detections that are newer than the last tracks."""
        with self._lock:
            newest_ns = max(self._newest_ns.values(), default=None)
            return newest_ns is not None and (self._told_ns is None or newest_ns > self._told_ns)

    def bearing_offsets(self) -> dict[str, BearingOffset | None]:
        """By the names of the image sensors, where their boxes lie against the tracks; None while that is not known."""
        with self._lock:
            return self._tracker.bearing_offsets()

    def silent(self, now_ns: int) -> dict[str, float]:
        """By the names of the sensors whose newest detections are older than they should be, their age [s]."""
        with self._lock:
            age_s = {name: (now_ns - stamp_ns) * 1e-9 for name, stamp_ns in self._newest_ns.items()}
        return {name: age for name, age in age_s.items() if age > self._config.max_detections_age_s}

    def tracks(self, now_ns: int) -> TrackedAgents | None:
        """Tracks at the stamp of the newest detections, carried on by the time since these were told of first.

        Stamps never go back: None before the first detections, while time stands still, and until it is later.
        """
        with self._lock:
            newest_ns = max(self._newest_ns.values(), default=None)
            if newest_ns is None:
                return None
            if self._carried is None or self._carried[0] != newest_ns:
                self._carried = (newest_ns, now_ns)
            stamp_ns = newest_ns + max(now_ns - self._carried[1], 0)
            if self._told_ns is not None and stamp_ns <= self._told_ns:
                return None
            self._told_ns = stamp_ns
            return self._tracker.tracks_at(stamp_ns, self._ego_at(stamp_ns))

    def tracks_at(self, stamp_ns: int) -> TrackedAgents:
        """Tracks at any instant, for recordings."""
        with self._lock:
            return self._tracker.tracks_at(stamp_ns, self._ego_at(stamp_ns))

    def _ego_at(self, stamp_ns: int) -> EgoState | None:
        """Carried on from the nearest odometry by its speed and turning."""
        if not self._egos:
            return None
        index = bisect.bisect_left(self._egos, stamp_ns, key=lambda ego: ego.stamp_ns)
        near = self._egos[max(index - 1, 0) : index + 1]
        ego = min(near, key=lambda each: abs(each.stamp_ns - stamp_ns))
        dt_s = (stamp_ns - ego.stamp_ns) * 1e-9
        if abs(dt_s) > _MAX_DEAD_RECKONING_S:
            return None
        moved = rotation_matrix(0.5 * dt_s * ego.yaw_rate) @ (dt_s * ego.velocity)
        yaw = float(ego.yaw + dt_s * ego.yaw_rate)
        return EgoState(stamp_ns, ego.position + moved, yaw, ego.velocity, ego.yaw_rate, ego.z)
