"""What we use of tf2_ros: the buffer of transforms, the listener and the broadcasters of /tf and /tf_static."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.time import Time
from tf2_msgs.msg import TFMessage

from zoox_prediction.ros.qos import STATIC_TRANSFORMS, STATIC_TRANSFORMS_INPUT, TRANSFORMS
from zoox_prediction.ros.standins.tf2_history import (
    ConnectivityException,
    ExtrapolationException,
    FrameHistory,
    InvalidArgumentException,
    LookupException,
    TransformException,
    invert,
    multiply,
)

__all__ = [
    "Buffer",
    "ConnectivityException",
    "ExtrapolationException",
    "InvalidArgumentException",
    "LookupException",
    "StaticTransformBroadcaster",
    "TransformBroadcaster",
    "TransformException",
    "TransformListener",
]

_MAX_DEPTH = 1000  # a longer way to the root is a loop, as tf2


class Buffer:
    """The transforms of the last `cache_time` (10 s) between frames that form a tree; any thread may use it."""

    def __init__(self, cache_time: Duration | None = None, node: Node | None = None) -> None:
        self._cache_time_ns = (cache_time or Duration(seconds=10)).nanoseconds
        self._frames: dict[str, FrameHistory] = {}  # by child frame
        self._parents: set[str] = set()
        self._changed = threading.Condition()
        self._logger = node.get_logger() if node is not None else get_logger("tf2")

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Adds parent_from_child at its stamp; a malformed one is logged and ignored."""
        self._set(transform, authority, static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Sets parent_from_child for all time."""
        self._set(transform, authority, static=True)

    def clear(self) -> None:
        """Forgets all but the static transforms."""
        with self._changed:
            for history in self._frames.values():
                history.clear()

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Any, timeout: Duration | None = None
    ) -> TransformStamped:
        """target_from_source at `time`, interpolated; time 0 means the newest that all links have.

        Waits up to `timeout` of wall time for it. Raises LookupException for an unknown frame, ConnectivityException
        for frames of two trees, ExtrapolationException for a time that the buffer does not span.
        """
        self.can_transform(target_frame, source_frame, time, timeout)
        with self._changed:
            time_ns, translation, rotation = self._lookup(target_frame, source_frame, _nanoseconds(time))
        result = TransformStamped()
        result.header.stamp = Time(nanoseconds=time_ns).to_msg()
        result.header.frame_id = target_frame
        result.child_frame_id = source_frame
        vector, quaternion = result.transform.translation, result.transform.rotation
        vector.x, vector.y, vector.z = translation.tolist()
        quaternion.x, quaternion.y, quaternion.z, quaternion.w = rotation.tolist()
        return result

    def can_transform(self, target_frame: str, source_frame: str, time: Any, timeout: Duration | None = None) -> bool:
        """Whether `lookup_transform` would succeed, at once or within `timeout` of wall time."""
        time_ns = _nanoseconds(time)

        def possible() -> bool:
            try:
                self._lookup(target_frame, source_frame, time_ns)
            except TransformException:
                return False
            return True

        with self._changed:
            if timeout is None or timeout.nanoseconds <= 0:
                return possible()
            return self._changed.wait_for(possible, timeout.nanoseconds * 1e-9)

    def _set(self, transform: TransformStamped, authority: str, *, static: bool) -> None:
        parent = transform.header.frame_id.removeprefix("/")
        child = transform.child_frame_id.removeprefix("/")
        vector, quaternion = transform.transform.translation, transform.transform.rotation
        translation = np.array([vector.x, vector.y, vector.z])
        rotation = np.array([quaternion.x, quaternion.y, quaternion.z, quaternion.w])
        if not parent or not child or parent == child:
            fault = f"frame_id '{parent}' and child_frame_id '{child}' must be two names"
        elif not (np.isfinite(translation).all() and np.isfinite(rotation).all()):
            fault = "it is not finite"
        elif not rotation.any():  # any other length is normalised, as tf2_py does
            fault = "its quaternion is zero"
        else:
            fault = self._insert(child, parent, _nanoseconds(transform.header.stamp), translation, rotation, static)
        if fault:
            self._logger.error(
                f"ignoring the transform '{parent}' from '{child}' of {authority}: {fault}", throttle_duration_sec=5.0
            )

    def _insert(
        self, child: str, parent: str, stamp_ns: int, translation: np.ndarray, rotation: np.ndarray, static: bool
    ) -> str:
        """Stores a valid transform; returns why it could not, or an empty string."""
        with self._changed:
            history = self._frames.get(child)
            if history is None or history.static != static:
                history = self._frames[child] = FrameHistory(static, self._cache_time_ns)
            accepted = history.insert(stamp_ns, parent, translation, rotation / np.linalg.norm(rotation))
            self._parents.add(parent)
            self._changed.notify_all()
        return "" if accepted else "it is older than what the buffer keeps"

    def _lookup(self, target: str, source: str, time_ns: int) -> tuple[int, np.ndarray, np.ndarray]:
        """Stamp, translation and rotation of target_from_source."""
        for frame in (target, source):
            if not frame or frame.startswith("/"):
                raise InvalidArgumentException(f"'{frame}' is no frame id; it must be a name without a leading '/'")
            if frame not in self._frames and frame not in self._parents:
                raise LookupException(f"frame '{frame}' does not exist")
        if time_ns == 0:
            time_ns = self._latest_common_time(target, source)
        if target == source:
            return time_ns, np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0])
        to_root, source_fault = self._walk(source, time_ns)
        from_root, target_fault = self._walk(target, time_ns)
        common = next((frame for frame in to_root if frame in from_root), None)
        if common is None:
            if source_fault or target_fault:
                raise ExtrapolationException(f"{source_fault or target_fault}, looking up '{target}' from '{source}'")
            raise ConnectivityException(f"'{target}' and '{source}' are not part of the same tree")
        return (time_ns, *multiply(invert(*from_root[common]), to_root[common]))

    def _walk(self, start: str, time_ns: int) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], str]:
        """frame_from_start of every frame from `start` towards its root, and why it ended early, if so."""
        frame = start
        pose = (np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]))
        found = {frame: pose}
        while frame in self._frames:
            if len(found) > _MAX_DEPTH:
                raise LookupException("the frames form a loop")
            try:
                parent, *link = self._frames[frame].at(time_ns)
            except ExtrapolationException as error:
                return found, f"frame '{frame}': {error}"
            pose = multiply((link[0], link[1]), pose)
            frame = parent
            if frame in found:
                raise LookupException("the frames form a loop")
            found[frame] = pose
        return found, ""

    def _latest_common_time(self, target: str, source: str) -> int:
        """The newest stamp at which every moving link between two frames is known; 0 if none moves."""
        if target == source:
            newest = self._frames[target].newest if target in self._frames else None
            return newest[0] if newest else 0
        chains = []
        for frame in (target, source):
            chain: dict[str, int | None] = {frame: None}  # frame to the oldest of the newest stamps on the way to it
            oldest: int | None = None
            while frame in self._frames and (newest := self._frames[frame].newest) is not None:
                stamp_ns, parent = newest
                if stamp_ns:
                    oldest = stamp_ns if oldest is None else min(oldest, stamp_ns)
                if parent in chain:
                    raise LookupException("the frames form a loop")
                frame = parent  # noqa: PLW2901  # the walk towards the root
                chain[frame] = oldest
            chains.append(chain)
        common = next((frame for frame in chains[1] if frame in chains[0]), None)
        if common is None:
            raise ConnectivityException(f"'{target}' and '{source}' are not part of the same tree")
        return min((stamp for chain in chains if (stamp := chain[common]) is not None), default=0)


class TransformListener:
    """Fills `buffer` from /tf and /tf_static while `node` is spun."""

    def __init__(
        self, buffer: Buffer, node: Node, *, qos: QoSProfile | None = None, static_qos: QoSProfile | None = None
    ) -> None:
        self.buffer = buffer
        self.node = node
        self.group = ReentrantCallbackGroup()  # so that another callback of the node may wait for a transform
        self.tf_sub = node.create_subscription(
            TFMessage, "/tf", self.callback, qos or TRANSFORMS, callback_group=self.group
        )
        self.tf_static_sub = node.create_subscription(
            TFMessage,
            "/tf_static",
            self.static_callback,
            static_qos or STATIC_TRANSFORMS_INPUT,
            callback_group=self.group,
        )

    def unregister(self) -> None:
        """Ends the subscriptions."""
        self.node.destroy_subscription(self.tf_sub)
        self.node.destroy_subscription(self.tf_static_sub)

    def callback(self, data: TFMessage) -> None:
        for transform in data.transforms:
            self.buffer.set_transform(transform, "default_authority")

    def static_callback(self, data: TFMessage) -> None:
        for transform in data.transforms:
            self.buffer.set_transform_static(transform, "default_authority")


class TransformBroadcaster:
    """Publishes moving transforms on /tf."""

    def __init__(self, node: Node, qos: QoSProfile | None = None) -> None:
        self.pub_tf = node.create_publisher(TFMessage, "/tf", qos or TRANSFORMS)

    def sendTransform(self, transform: TransformStamped | Iterable[TransformStamped]) -> None:  # noqa: N802
        self.pub_tf.publish(TFMessage(transforms=_as_list(transform)))


class StaticTransformBroadcaster:
    """Publishes transforms that hold for ever on /tf_static: one latched message with all of them so far."""

    def __init__(self, node: Node, qos: QoSProfile | None = None) -> None:
        self.pub_tf = node.create_publisher(TFMessage, "/tf_static", qos or STATIC_TRANSFORMS)
        self._sent: dict[str, TransformStamped] = {}  # by child frame

    def sendTransform(self, transform: TransformStamped | Iterable[TransformStamped]) -> None:  # noqa: N802
        self._sent.update({each.child_frame_id: each for each in _as_list(transform)})
        self.pub_tf.publish(TFMessage(transforms=list(self._sent.values())))


def _as_list(transform: TransformStamped | Iterable[TransformStamped]) -> list[TransformStamped]:
    return [transform] if isinstance(transform, TransformStamped) else list(transform)


def _nanoseconds(time: Any) -> int:
    """Of an rclpy Time or a builtin_interfaces/Time."""
    return int(time.nanoseconds if hasattr(time, "nanoseconds") else Time.from_msg(time).nanoseconds)
