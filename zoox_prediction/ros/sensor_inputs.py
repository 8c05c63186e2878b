"""What a sensor sends, as it arrives: only the newest is worked on; what came while that was under way is dropped."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from zoox_prediction.detection.config import DetectionConfig
from zoox_prediction.detection.sensor_detector import CameraImage
from zoox_prediction.recording.messages import (
    camera_model_from_message,
    check_image_size,
    image_from_message,
    point_cloud_from_message,
    stamp_ns,
)
from zoox_prediction.ros.diagnostics import Diagnostics
from zoox_prediction.ros.qos import SENSOR_DATA
from zoox_prediction.ros.synchronizers import ApproximateTimeSynchronizer, SimpleFilter
from zoox_prediction.sensor_data import PointCloud

# An image and its camera info have one stamp, but for drivers that round.
_PAIRED_WITHIN_S, _PAIRS_WAITING = 0.005, 10


_EARLY = 0.9  # of the period of a limited rate, after which the next frame may come


class NewestOnly:
    """Hands the newest value to `work` in a thread of its own, one at a time, and counts those in between.

    Not by the executor: waking it costs rclpy more than the work on a small scan.
    """

    def __init__(
        self, work: Callable[[Any], None], on_error: Callable[[Exception], None], max_rate_hz: float = math.inf
    ) -> None:
        """`on_error` is called with what `work` raised, and the next value is worked on.

        Values that come sooner after the last one than `max_rate_hz` allows are dropped.
        """
        self._work, self._on_error = work, on_error
        self._changed = threading.Condition()
        self._waiting: Any = None
        self._closing = False
        self.received, self.dropped = 0, 0
        self._next_s, self._period_s = -math.inf, _EARLY / max_rate_hz
        self._thread = threading.Thread(target=self._run, name="newest only", daemon=True)
        self._thread.start()

    def offer(self, value: Any) -> None:
        """From any thread; returns at once."""
        with self._changed:
            self.received += 1
            now_s = time.monotonic()
            if now_s < self._next_s:
                self.dropped += 1
                return
            self._next_s = now_s + self._period_s
            self.dropped += self._waiting is not None
            self._waiting = value
            self._changed.notify()

    def clear(self) -> None:
        with self._changed:
            self._waiting = None

    def close(self) -> None:
        """Returns when the work that is under way is done; not to be called by the work itself."""
        with self._changed:
            self._waiting, self._closing = None, True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._waiting is not None)
                if self._closing:
                    return
                value, self._waiting = self._waiting, None
            try:
                self._work(value)
            except Exception as error:  # a thread that ends would go unnoticed
                self._on_error(error)


class SensorInputs:
    """The subscriptions of one sensor; `use` is called with a PointCloud2, an Image, or an image and its CameraInfo.

    Messages from the future by more than `max_age_s` are dropped, and images that have no camera info told.
    """

    def __init__(self, node: Node, diagnostics: Diagnostics, max_age_s: float, use: Callable[..., None]) -> None:
        self._node, self._diagnostics = node, diagnostics
        self._max_age_s, self._use = max_age_s, use
        self._group = MutuallyExclusiveCallbackGroup()
        self._subscriptions: list[Any] = []
        self._images, self._infos = SimpleFilter(), SimpleFilter()
        self._alone = 0  # images since the last that had a camera info

    def subscribe_points(self, topic: str = "points") -> None:
        """sensor_msgs/PointCloud2."""
        self._subscribe(PointCloud2, topic, self._use)

    def subscribe_polar_image(self, topic: str = "image") -> None:
        """sensor_msgs/Image of a scanning radar, which has no CameraInfo."""
        self._subscribe(Image, topic, self._use)

    def subscribe_image(self, topic: str = "image", info_topic: str = "camera_info", *, compressed: bool) -> None:
        """sensor_msgs/Image or CompressedImage, with the sensor_msgs/CameraInfo of the same stamp."""

        def receive_image(message: Any) -> None:
            self._alone += 1
            self._images.signalMessage(message)
            if self._alone >= _PAIRS_WAITING:
                text = f"{topic}: no {info_topic} has the stamp of any of the last {self._alone} images"
                self._diagnostics.problem(topic, f"{text}; publish one with every image")

        def receive_info(message: Any) -> None:  # the filter is another one after a reset
            self._infos.signalMessage(message)

        self.reset()
        self._subscribe(CompressedImage if compressed else Image, topic, receive_image)
        self._subscribe(CameraInfo, info_topic, receive_info)

    def reset(self) -> None:
        """Forgets what waits for its partner."""
        self._images, self._infos = SimpleFilter(), SimpleFilter()
        pairs = ApproximateTimeSynchronizer([self._images, self._infos], _PAIRS_WAITING, _PAIRED_WITHIN_S)
        pairs.registerCallback(self._on_pair)

    def close(self) -> None:
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())

    def _on_pair(self, *pair: Any) -> None:
        self._alone = 0
        self._use(*pair)

    def _subscribe(self, message_type: type, topic: str, use: Callable[[Any], None]) -> None:
        self._diagnostics.expect_input(topic, self._max_age_s, required=True)

        def receive(message: Any) -> None:
            stamp = stamp_ns(message.header.stamp)
            self._diagnostics.received(topic, stamp)
            ahead_s = (stamp - self._node.get_clock().now().nanoseconds) * 1e-9
            if ahead_s > self._max_age_s:
                text = f"{topic}: the stamp lies {ahead_s:.2f} s in the future; check the clocks and use_sim_time"
                self._diagnostics.problem(topic, f"{text}; the message is dropped")
            else:
                use(message)

        self._subscriptions.append(
            self._node.create_subscription(message_type, topic, receive, SENSOR_DATA, callback_group=self._group)
        )


def arrays_from_messages(config: DetectionConfig, message: Any, info: Any = None) -> PointCloud | CameraImage:
    """What `SensorInputs` hands on, as arrays; raises InputError."""
    if not config.takes_images:
        return point_cloud_from_message(message)
    pixels = image_from_message(message)
    if info is None:
        return CameraImage(pixels)
    camera = camera_model_from_message(info, config.rectified)
    check_image_size(pixels, camera)
    return CameraImage(pixels, camera)
