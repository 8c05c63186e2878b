"""Two cameras, a thermal camera and a scanning radar that look at a street where nothing moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from sensor_peer import START_NS, Change, SensorPeer
from tf2_msgs.msg import TFMessage

from zoox_prediction.geometry import quaternion_from_yaw
from zoox_prediction.msg import TrackedAgentArray
from zoox_prediction.recording.datasets.source import StaticTransform
from zoox_prediction.recording.messages import odometry_to_message, tracked_agents_to_message
from zoox_prediction.recording.sensor_messages import (
    camera_info_message,
    ego_transform_message,
    encoded_image_message,
    image_message,
    static_transforms_message,
)
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.qos import INPUT, SENSOR_DATA, STATIC_TRANSFORMS, TRANSFORMS
from zoox_prediction.scene import AgentClass, Attribute, EgoState, TrackedAgents
from zoox_prediction.simulation.sensors.camera import camera_image
from zoox_prediction.simulation.sensors.config import CameraConfig, Mount, ThermalConfig
from zoox_prediction.simulation.sensors.suite import SensorSuite
from zoox_prediction.simulation.sensors.thermal import thermal_image
from zoox_prediction.simulation.sensors.truth import SensorTruth

CAMERAS = ("camera", "jpeg", "thermal")  # by the names of their nodes
SENSORS = (*CAMERAS, "scan")
ECHO_M, ECHO_RAD = 20.0, 0.5  # what the radar sees: range, azimuth counter-clockwise
_RESOLUTION_M = 0.173611  # scanning_radar.image.range_resolution_m


class PictureSender(SensorPeer):
    """The names of its messages are those of the sensors, and of the cameras `camera_info` and so on."""

    def __init__(self) -> None:
        super().__init__("picture_sender")
        self._ego = EgoState(START_NS, np.zeros(2), 0.0, np.zeros(2))
        self._agents = _agents()
        self.pixels, self._matrix = _pictures(self._agents, self._ego)
        types = {"camera": Image, "jpeg": CompressedImage, "thermal": Image, "scan": Image}
        topics = {name: (f"{name}/image", kind) for name, kind in types.items()}
        topics |= {f"{name}_info": (f"{name}/camera_info", CameraInfo) for name in CAMERAS}
        self._senders = {
            name: self.create_publisher(kind, topic, SENSOR_DATA) for name, (topic, kind) in topics.items()
        }
        self._odometry = self.create_publisher(Odometry, "odometry", INPUT)
        self._tracks = self.create_publisher(TrackedAgentArray, "tracked_agents", INPUT)
        self._transforms = self.create_publisher(TFMessage, "/tf", TRANSFORMS)
        self._mounting = self.create_publisher(TFMessage, "/tf_static", STATIC_TRANSFORMS)
        self._mounts: dict[str, NDArray[np.float64]] = {}
        ahead = Mount(3.75, 0.0, 1.5)
        self.mount(**dict.fromkeys(CAMERAS, ahead.base_from_optical), scan=ahead.base_from_sensor)

    def mount(self, **base_from_frame: NDArray[np.float64]) -> None:
        """Tells of frames on the vehicle, beside those that were told of."""
        self._mounts |= base_from_frame
        transforms = [StaticTransform("base_link", name, matrix) for name, matrix in self._mounts.items()]
        self._mounting.publish(static_transforms_message(transforms, 0, ROS_TYPES))

    def send_all(self, stamp_ns: int, changes: Mapping[str, Change], transforms: bool) -> None:
        ego = replace(self._ego, stamp_ns=stamp_ns)
        self._odometry.publish(odometry_to_message(ego, ROS_TYPES))
        if transforms:
            self._transforms.publish(ego_transform_message(ego, quaternion_from_yaw(0.0), ROS_TYPES))
        tracks = replace(self._agents, stamp_ns=stamp_ns, attributes_valid=np.zeros(3, dtype=np.uint32))
        self._tracks.publish(tracked_agents_to_message(tracks, ROS_TYPES))
        for name, message in self._messages(stamp_ns).items():
            changed = changes.get(name, lambda message: message)(message)
            if changed is not None:
                self._senders[name].publish(changed)

    def _messages(self, stamp_ns: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, pixels in self.pixels.items():
            if name in CAMERAS:
                found[f"{name}_info"] = camera_info_message(
                    self._matrix[name], np.zeros(5), pixels.shape[:2], stamp_ns, name, ROS_TYPES
                )
            found[name] = (
                encoded_image_message(pixels, "jpeg", stamp_ns, name, ROS_TYPES)
                if name == "jpeg"
                else image_message(pixels, stamp_ns, name, ROS_TYPES)
            )
        return found


def _agents() -> TrackedAgents:
    """A car that brakes, with the id 1, and people."""
    return TrackedAgents.from_states(
        START_NS,
        np.array([1, 2, 3]),
        np.array([AgentClass.CAR, AgentClass.PEDESTRIAN, AgentClass.PEDESTRIAN]),
        np.array([[18.0, 2.0, 0.8], [12.0, -1.0, 0.9], [16.0, -3.0, 0.9]]),
        np.zeros(3),
        np.zeros((3, 2)),
        attributes=np.array([Attribute.BRAKE_LIGHT, 0, 0], dtype=np.uint32),
    )


def _pictures(agents: TrackedAgents, ego: EgoState) -> tuple[dict[str, NDArray], dict[str, NDArray[np.float64]]]:
    """By sensor its picture, and by camera its matrix."""
    whole, mount = SensorSuite.load().config, Mount(3.75, 0.0, 1.5)
    kinds = (CameraConfig, ThermalConfig)
    ahead = [replace(next(each for each in whole.sensors if isinstance(each, kind)), mount=mount) for kind in kinds]
    suite = SensorSuite(replace(whole, sensors=tuple(ahead)))
    scenery, random = suite.scenery(SensorTruth(agents, ego)), np.random.default_rng(1)
    camera, thermal = suite.config.sensors
    assert isinstance(camera, CameraConfig) and isinstance(thermal, ThermalConfig)
    colors = camera_image(camera, scenery, random)
    pixels = {
        "camera": colors,
        "jpeg": colors,
        "thermal": thermal_image(thermal, scenery, random, np.random.default_rng(2)),
        "scan": _polar_image(random),
    }
    return pixels, dict.fromkeys(("camera", "jpeg"), camera.camera_matrix) | {"thermal": thermal.camera_matrix}


def _polar_image(random: np.random.Generator) -> NDArray[np.uint8]:
    """(400, 576) noise and one thing, a row for every direction, clockwise."""
    strength = random.normal(20.0, 3.0, (400, 576))
    row, column = round((-ECHO_RAD % (2.0 * np.pi)) / (2.0 * np.pi) * 400), round(ECHO_M / _RESOLUTION_M)
    rows, columns = np.arange(400)[:, None] - row, np.arange(576) - column
    strength += 150.0 * np.exp(-0.5 * ((rows / 2.0) ** 2 + (columns / 3.0) ** 2))
    return np.clip(strength, 0, 255).astype(np.uint8)
