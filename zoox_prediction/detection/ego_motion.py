"""How a sensor moved when it measured, from the odometry of the vehicle that carries it."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import rotation_matrix
from zoox_prediction.scene import EgoState
from zoox_prediction.sensor_data import Measurement

FloatArray = NDArray[np.float64]

_HISTORY_S, _MAX_AGE_S = 2.0, 0.5
_RESTART_S = 1.0  # stamps that go back further begin anew; smaller steps are messages out of order


class EgoMotion:
    """Speeds of base_link over the last two seconds."""

    def __init__(self) -> None:
        self._stamps_ns: deque[int] = deque()
        self._motion: deque[FloatArray] = deque()  # (3,) vx, vy along base_link's axes, yaw rate

    def add(self, ego: EgoState) -> list[str]:
        """Takes in one odometry; what is wrong with it comes back, in one sentence each.

        Stamps that go back by more than a second begin anew, be it that time jumped or that one of the future came.
        """
        motion = np.array([*(rotation_matrix(-ego.yaw) @ ego.velocity), ego.yaw_rate])
        if not np.isfinite(motion).all():
            return [f"a speed is not finite ({motion.tolist()}), the message is dropped"]
        if self._stamps_ns and self._stamps_ns[-1] - ego.stamp_ns > _RESTART_S * 1e9:
            self.reset()
        if self._stamps_ns and ego.stamp_ns <= self._stamps_ns[-1]:
            return ["stamps go back, the message is dropped"] if ego.stamp_ns < self._stamps_ns[-1] else []
        self._stamps_ns.append(ego.stamp_ns)
        self._motion.append(motion)
        while ego.stamp_ns - self._stamps_ns[0] > _HISTORY_S * 1e9:
            self._stamps_ns.popleft()
            self._motion.popleft()
        return []

    def reset(self) -> None:
        self._stamps_ns.clear()
        self._motion.clear()

    def is_known(self, stamp_ns: int) -> bool:
        """Whether odometry came within half a second of this stamp."""
        if not self._stamps_ns:
            return False
        nearest = int(np.clip(stamp_ns, self._stamps_ns[0], self._stamps_ns[-1]))
        return abs(stamp_ns - nearest) <= _MAX_AGE_S * 1e9

    def measurement(
        self, stamp_ns: int, frame_id: str, sensor_name: str, base_from_sensor: NDArray[np.float64]
    ) -> Measurement:
        """That of a sensor mounted at `base_from_sensor` (4, 4); it stands where the motion is not known."""
        motion = np.zeros(3)
        if self.is_known(stamp_ns):
            stamps = np.array(self._stamps_ns, dtype=np.int64)
            since_s, at_s = (stamps - stamps[-1]) * 1e-9, (stamp_ns - int(stamps[-1])) * 1e-9
            motion = np.array([np.interp(at_s, since_s, column) for column in np.array(self._motion).T])
        turning = np.array([0.0, 0.0, motion[2]])
        velocity = np.array([motion[0], motion[1], 0.0]) + np.cross(turning, base_from_sensor[:3, 3])
        sensor_from_base = base_from_sensor[:3, :3].T
        return Measurement(
            stamp_ns,
            frame_id,
            sensor_name,
            base_from_sensor,
            velocity=sensor_from_base @ velocity,
            angular_velocity=sensor_from_base @ turning,
        )
