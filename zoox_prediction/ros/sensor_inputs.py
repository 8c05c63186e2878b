"""What a sensor sends, as it arrives: only the newest is worked on; what came while that was under way is dropped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from zoox_prediction.recording.messages import stamp_ns
from zoox_prediction.ros.diagnostics import Diagnostics
from zoox_prediction.ros.qos import SENSOR_DATA
from zoox_prediction.ros.synchronizers import ApproximateTimeSynchronizer, Subscriber

# An image and its camera info have one stamp, but for drivers that round.
_PAIRED_WITHIN_S, _PAIRS_WAITING = 0.005, 10


class NewestOnly:
    """Hands the newest value to `work` in a callback group of its own, one at a time, and counts those in between."""

    def __init__(self, node: Node, work: Callable[[Any], None]) -> None:
        self._node, self._work = node, work
        self._lock = threading.Lock()
        self._waiting: Any = None
        self.received, self.dropped = 0, 0
        self._arrived = node.create_guard_condition(self._run, callback_group=MutuallyExclusiveCallbackGroup())

    def offer(self, value: Any) -> None:
        """From any thread; returns at once."""
        with self._lock:
            self.received += 1
            self.dropped += self._waiting is not None
            self._waiting = value
        self._arrived.trigger()

    def clear(self) -> None:
        with self._lock:
            self._waiting = None

    def close(self) -> None:
        self.clear()
        self._node.destroy_guard_condition(self._arrived)

    def _run(self) -> None:
        with self._lock:
            value, self._waiting = self._waiting, None
        if value is not None:
            self._work(value)


class SensorInputs:
    """The subscriptions of one sensor; `use` is called with a PointCloud2, an Image, or an image and its CameraInfo."""

    def __init__(self, node: Node, diagnostics: Diagnostics, max_age_s: float, use: Callable[..., None]) -> None:
        self._node, self._diagnostics = node, diagnostics
        self._max_age_s, self._use = max_age_s, use
        self._group = MutuallyExclusiveCallbackGroup()
        self._subscriptions: list[Any] = []
        self._synchronizer: ApproximateTimeSynchronizer | None = None

    def subscribe_points(self, topic: str = "points") -> None:
        """sensor_msgs/PointCloud2."""
        self._subscribe(PointCloud2, topic)

    def subscribe_polar_image(self, topic: str = "image") -> None:
        """sensor_msgs/Image of a scanning radar, which has no CameraInfo."""
        self._subscribe(Image, topic)

    def subscribe_image(self, topic: str = "image", info_topic: str = "camera_info", *, compressed: bool) -> None:
        """sensor_msgs/Image or CompressedImage, with the sensor_msgs/CameraInfo of the same stamp."""
        filters = [
            self._subscriber(CompressedImage if compressed else Image, topic),
            self._subscriber(CameraInfo, info_topic),
        ]
        self._synchronizer = ApproximateTimeSynchronizer(filters, _PAIRS_WAITING, _PAIRED_WITHIN_S)
        self._synchronizer.registerCallback(self._use)

    def close(self) -> None:
        self._synchronizer = None
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())

    def _subscribe(self, message_type: type, topic: str) -> None:
        self._diagnostics.expect_input(topic, self._max_age_s, required=True)

        def receive(message: Any) -> None:
            self._diagnostics.received(topic, stamp_ns(message.header.stamp))
            self._use(message)

        self._subscriptions.append(
            self._node.create_subscription(message_type, topic, receive, SENSOR_DATA, callback_group=self._group)
        )

    def _subscriber(self, message_type: type, topic: str) -> Subscriber:
        self._diagnostics.expect_input(topic, self._max_age_s, required=True)
        subscriber = Subscriber(self._node, message_type, topic, qos_profile=SENSOR_DATA, callback_group=self._group)
        subscriber.registerCallback(lambda message: self._diagnostics.received(topic, stamp_ns(message.header.stamp)))
        self._subscriptions.append(subscriber.sub)
        return subscriber
