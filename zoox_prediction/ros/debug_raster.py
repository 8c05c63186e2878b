"""What the network sees, as a picture on a topic of the node, for people who look for the reason of a prediction."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from sensor_msgs.msg import Image

from zoox_prediction.errors import InputError
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.raster.rasterizer import Rasterizer
from zoox_prediction.recording.messages import header_to_message
from zoox_prediction.ros.diagnostics import Diagnostics
from zoox_prediction.ros.lifecycle import ManagedNode
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.qos import OUTPUT
from zoox_prediction.scene import Scene
from zoox_prediction.visualization.raster_composite import draw_composite

TOPIC = "~/debug/raster"
STATUS = "debug_raster"  # of the diagnostics: how long the pictures take, and how many there were

_MAX_LATENCY_S = 0.1  # of one picture; diagnostics warn above
_BASE_LINK = "base_link"


class DebugRaster:
    """Draws and publishes in a callback group of its own, and only while somebody subscribes.

    A pixel of the picture is one of the raster, which viewers enlarge. Nothing is drawn, and no memory held for it,
    without a subscriber. Scenes that come while one is being drawn are left out, but for the newest.
    """

    def __init__(self, node: ManagedNode, diagnostics: Diagnostics, config: RasterConfig):
        self._node = node
        self._diagnostics = diagnostics
        self._config = config
        self._rasterizer: Rasterizer | None = None
        self._scene: Scene | None = None
        diagnostics.expect_latency(STATUS, _MAX_LATENCY_S)
        self._publisher = node.create_lifecycle_publisher(Image, TOPIC, OUTPUT)
        self._wanted = node.create_guard_condition(self._draw, callback_group=MutuallyExclusiveCallbackGroup())

    def offer(self, scene: Scene) -> None:
        """Takes the scene that was predicted; returns at once, from any thread."""
        if self._publisher.is_activated and self._publisher.get_subscription_count():
            self._scene = scene
            self._wanted.trigger()
        else:
            self._scene = self._rasterizer = None

    def close(self) -> None:
        """Ends the topic."""
        self._scene = None
        self._node.destroy_guard_condition(self._wanted)
        self._node.destroy_lifecycle_publisher(self._publisher)

    def _draw(self) -> None:
        scene, self._scene = self._scene, None
        if scene is None or not self._publisher.is_activated:
            return
        started_s = time.monotonic()
        try:
            picture = self._picture(scene)
        except InputError as error:
            self._diagnostics.problem(STATUS, f"{STATUS}: {error}")
            return
        self._publisher.publish(_image(picture, scene.stamp_ns, self._frame_id(scene)))
        self._diagnostics.latency(STATUS, time.monotonic() - started_s)

    def _picture(self, scene: Scene) -> NDArray[np.uint8]:
        rasterizer = self._rasterizer or Rasterizer(self._config)
        self._rasterizer = rasterizer
        return draw_composite(rasterizer.rasterize(scene), rasterizer.table)

    @staticmethod
    def _frame_id(scene: Scene) -> str:
        """The raster of a scene without an ego stands still in the map."""
        return scene.agents.frame_id if scene.ego is None else _BASE_LINK


def _image(picture: NDArray[np.uint8], stamp_ns: int, frame_id: str) -> Image:
    """sensor_msgs/Image of an (H, W, 3) RGB picture."""
    height, width = picture.shape[:2]
    message = Image(height=height, width=width, encoding="rgb8", step=3 * width)
    message.header = header_to_message(stamp_ns, frame_id, ROS_TYPES)
    message.data = ROS_TYPES.array(picture)
    return message
