"""Brings what arrives in odom or base_link into the map frame, by /tf and /tf_static."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from geometry_msgs.msg import Transform
from numpy.typing import NDArray
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time

from zoox_prediction.errors import InputError
from zoox_prediction.ros.rotations import euler_from_quaternion, quaternion_matrix
from zoox_prediction.ros.tf import (
    Buffer,
    ConnectivityException,
    ExtrapolationException,
    LookupException,
    TransformException,
    TransformListener,
)
from zoox_prediction.scene import EgoState, TrackedAgents
from zoox_prediction.transforms import transform_agents, transform_ego

# How long after a vain wait the next one may be, by cause [s]: a transform that always comes late must not hold up all
# other inputs, and frames that nobody names are waited for once, for at the start /tf_static may still be on its way.
_WAIT_AGAIN_AFTER_S: dict[type[Exception], float] = {
    ExtrapolationException: 0.3,
    LookupException: math.inf,
    ConnectivityException: math.inf,
}


class TransformError(InputError):
    """A frame that cannot be brought into the map; the message is one sentence that names the frames and the cause."""


class FrameTransformer:
    """Poses of other frames in `target_frame`, from /tf and /tf_static.

    A lookup may wait up to `timeout_s` of wall time for a transform that is still on its way, and seldom
    when it waits in vain. It therefore must not run in a single-threaded executor that also has to receive /tf; the
    subscriptions have a callback group of their own.
    """

    def __init__(
        self,
        node: Node,
        target_frame: str = "map",
        *,
        timeout_s: float = 0.1,
        cache_s: float = 10.0,
        static_only: bool = False,
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`static_only`: /tf, which is busy on a vehicle, is not listened to."""
        self.target_frame = target_frame
        self._timeout = Duration(seconds=timeout_s)
        self._steady_s = steady_s
        self._next_wait_s: dict[type[Exception], float] = {}  # steady time from which on to wait again, by cause
        self._buffer = Buffer(Duration(seconds=cache_s))
        self._listener = TransformListener(self._buffer, node)
        if static_only:
            node.destroy_subscription(self._listener.tf_sub)

    def pose(self, frame_id: str, stamp_ns: int) -> tuple[NDArray[np.float64], float]:
        """target_from_frame at `stamp_ns` as a pose (3,) x, y [m], yaw [rad], and the height z [m].

        Roll and pitch are left out. Raises TransformError when there is no such transform.
        """
        found = self._transform(frame_id, stamp_ns)
        rotation = found.rotation
        yaw = euler_from_quaternion([rotation.x, rotation.y, rotation.z, rotation.w])[2]
        return np.array([found.translation.x, found.translation.y, yaw]), found.translation.z

    def matrix(self, frame_id: str, stamp_ns: int, target_frame: str | None = None) -> NDArray[np.float64]:
        """target_from_frame (4, 4) at `stamp_ns`; raises TransformError when there is no such transform."""
        found = self._transform(frame_id, stamp_ns, target_frame)
        place, rotation = found.translation, found.rotation
        matrix = np.asarray(quaternion_matrix([rotation.x, rotation.y, rotation.z, rotation.w]), dtype=np.float64)
        matrix[:3, 3] = place.x, place.y, place.z
        return matrix

    def _transform(self, frame_id: str, stamp_ns: int, target_frame: str | None = None) -> Transform:
        target_frame = target_frame or self.target_frame
        try:
            return self._lookup(target_frame, frame_id, Time(nanoseconds=stamp_ns))
        except TransformException as error:
            raise TransformError(
                f"no transform '{target_frame}' from '{frame_id}' at {stamp_ns * 1e-9:.3f} s "
                f"({str(error).strip().rstrip('.')}); publish it on /tf"
            ) from error

    def _lookup(self, target_frame: str, frame_id: str, stamp: Time) -> Transform:
        try:
            return self._buffer.lookup_transform(target_frame, frame_id, stamp).transform
        except TransformException as error:
            cause = type(error)
            if cause not in _WAIT_AGAIN_AFTER_S or self._steady_s() < self._next_wait_s.get(cause, 0.0):
                raise
        try:
            return self._buffer.lookup_transform(target_frame, frame_id, stamp, self._timeout).transform
        except TransformException:
            self._next_wait_s[cause] = self._steady_s() + _WAIT_AGAIN_AFTER_S[cause]
            raise

    def agents_in_map(self, agents: TrackedAgents) -> TrackedAgents:
        """`agents` in the target frame; raises TransformError."""
        if agents.frame_id == self.target_frame:
            return agents
        pose, z_m = self.pose(agents.frame_id, agents.stamp_ns)
        return transform_agents(agents, pose, self.target_frame, z_m)

    def ego_in_map(self, ego: EgoState, frame_id: str) -> EgoState:
        """`ego` of the odometry frame `frame_id` in the target frame; raises TransformError."""
        if frame_id == self.target_frame:
            return ego
        pose, z_m = self.pose(frame_id, ego.stamp_ns)
        return transform_ego(ego, pose, z_m)

    def reset(self) -> None:
        """Forgets the past, after time jumped backwards; static transforms stay."""
        self._buffer.clear()
        self._next_wait_s.clear()

    def close(self) -> None:
        """Ends the subscriptions."""
        self._listener.unregister()
