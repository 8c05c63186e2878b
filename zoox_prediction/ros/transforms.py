"""Brings what arrives in odom or base_link into the map frame, by /tf and /tf_static."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time

from zoox_prediction.errors import InputError
from zoox_prediction.ros.rotations import euler_from_quaternion
from zoox_prediction.ros.tf import Buffer, TransformException, TransformListener
from zoox_prediction.scene import EgoState, TrackedAgents
from zoox_prediction.transforms import transform_agents, transform_ego


class TransformError(InputError):
    """A frame that cannot be brought into the map; the message is one sentence that names the frames and the cause."""


class FrameTransformer:
    """Poses of other frames in `target_frame`, from /tf and /tf_static.

    A lookup waits up to `timeout_s` of wall time for a transform that is still on its way. It therefore must not run
    in a single-threaded executor that also has to receive /tf; the subscriptions have a callback group of their own.
    """

    def __init__(self, node: Node, target_frame: str = "map", *, timeout_s: float = 0.1, cache_s: float = 10.0) -> None:
        self.target_frame = target_frame
        self._timeout = Duration(seconds=timeout_s)
        self._buffer = Buffer(Duration(seconds=cache_s))
        self._listener = TransformListener(self._buffer, node)

    def pose(self, frame_id: str, stamp_ns: int) -> tuple[NDArray[np.float64], float]:
        """target_from_frame at `stamp_ns` as a pose (3,) x, y [m], yaw [rad], and the height z [m].

        Roll and pitch are left out. Raises TransformError when there is no such transform.
        """
        try:
            found = self._buffer.lookup_transform(
                self.target_frame, frame_id, Time(nanoseconds=stamp_ns), self._timeout
            ).transform
        except TransformException as error:
            raise TransformError(
                f"no transform '{self.target_frame}' from '{frame_id}' at {stamp_ns * 1e-9:.3f} s "
                f"({str(error).strip().rstrip('.')}); publish it on /tf"
            ) from error
        rotation = found.rotation
        yaw = euler_from_quaternion([rotation.x, rotation.y, rotation.z, rotation.w])[2]
        return np.array([found.translation.x, found.translation.y, yaw]), found.translation.z

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

    def close(self) -> None:
        """Ends the subscriptions."""
        self._listener.unregister()
