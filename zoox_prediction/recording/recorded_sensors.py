"""The sensors of a recording, by the types and the first messages of its topics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from zoox_prediction.detections import Modality
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.messages import is_radar_cloud

_POINTS = "sensor_msgs/msg/PointCloud2"
IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
_INFO = "sensor_msgs/msg/CameraInfo"
_ODOMETRY = "nav_msgs/msg/Odometry"
_ODOMETRY_TOPICS = ("/localization/odometry", "/odometry")  # of a simulation the first has noise, the second is true
_THERMAL_ENCODINGS = ("mono16", "16UC1")
_THERMAL_NAMES = ("thermal", "lwir", "infrared", "flir")
_TAILS = {"points", "image", "compressed", "image_raw", "image_rect", "image_rect_color", "image_color"}


@dataclass(frozen=True)
class SensorTopics:
    """One sensor and its topics."""

    name: str
    modality: Modality
    topic: str
    frame_id: str
    info_topic: str = ""  # of a camera's CameraInfo
    compressed: bool = False
    scanning: bool = False  # a radar that sends polar images


def find_sensors(reader: BagReader) -> tuple[SensorTopics, ...]:
    """Those whose messages can be decoded, in the order of their names.

    Point clouds with a radial speed or a radar cross-section are a radar's. Images of 16 bits, or on a topic whose name
    says so, are thermal; images without a CameraInfo beside them are a scanning radar's where the name says that it is
    one, and nobody's elsewhere.
    """
    infos = {name for name, topic in reader.topics.items() if topic.type == _INFO and topic.message_count}
    found = []
    for name, topic in reader.topics.items():
        if topic.type not in (_POINTS, *IMAGE_TYPES) or not topic.message_count or not reader.can_decode(name):
            continue
        message = next(iter(reader.messages([name]))).message
        sensor = _points(name, message) if topic.type == _POINTS else _image(name, message, infos)
        if sensor is not None:
            found.append(sensor)
    return tuple(sorted(found, key=lambda sensor: sensor.name))


def find_odometry(reader: BagReader) -> str | None:
    """The topic that tells how the vehicle moved, as the vehicle itself knew it; None when there is none."""
    names = [name for name, topic in reader.topics.items() if topic.type == _ODOMETRY and topic.message_count]
    return next((name for name in (*_ODOMETRY_TOPICS, *names) if name in names), None)


def sensor_messages(
    reader: BagReader, sensors: tuple[SensorTopics, ...]
) -> Iterator[tuple[SensorTopics, Any, Any | None]]:
    """Every message of the sensors in the order of time, of cameras with the newest CameraInfo (None: no)."""
    of_topic = {sensor.topic: sensor for sensor in sensors}
    infos: dict[str, Any] = {}
    info_topics = {sensor.info_topic for sensor in sensors if sensor.info_topic}
    for recorded in reader.messages([*of_topic, *info_topics]):
        if recorded.topic in info_topics:
            infos[recorded.topic] = recorded.message
        else:
            sensor = of_topic[recorded.topic]
            yield sensor, recorded.message, infos.get(sensor.info_topic)


def _points(topic: str, message: Any) -> SensorTopics:
    modality = Modality.RADAR if is_radar_cloud(message) else Modality.LIDAR
    return SensorTopics(sensor_name(topic), modality, topic, message.header.frame_id.lstrip("/"))


def _image(topic: str, message: Any, infos: set[str]) -> SensorTopics | None:
    compressed = hasattr(message, "format")
    name, frame = sensor_name(topic), message.header.frame_id.lstrip("/")
    info = next((each for each in sorted(infos) if sensor_name(each.removesuffix("/camera_info")) == name), "")
    encoding = message.format if compressed else message.encoding
    if not info:
        is_radar = "radar" in topic.lower() or "navtech" in topic.lower()
        return SensorTopics(name, Modality.RADAR, topic, frame, scanning=True) if is_radar else None
    thermal = encoding.startswith(_THERMAL_ENCODINGS) or any(each in topic.lower() for each in _THERMAL_NAMES)
    return SensorTopics(name, Modality.THERMAL if thermal else Modality.CAMERA, topic, frame, info, compressed)


def sensor_name(topic: str) -> str:
    """`lidar_front` of /sensors/lidar_front/points; the last part of the name that tells sensors apart."""
    parts = [part for part in topic.split("/") if part]
    while len(parts) > 1 and parts[-1] in _TAILS:
        parts.pop()
    return parts[-1]
