"""The sensors of a vehicle, `config/sensor_suite.yaml`, and the detection node that each of them needs.

    sensors:
      front_lidar:                       # a name of its own
        modality: lidar                  # lidar, radar, camera or thermal
        topic: /front_lidar/points
        frame_id: front_lidar
      front_camera:
        modality: camera
        topic: /front_camera/image_raw/compressed
        info_topic: /front_camera/camera_info
        frame_id: front_camera_optical
        detection: {image: {camera: {input_width_px: 416}}}     # parameters of its detection_node, where they differ

What the simulation wants to know of a sensor beside that may stand there too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from zoox_prediction.config import ConfigError, check_known, flatten_mapping, from_mapping, read_yaml_mapping
from zoox_prediction.detection.config import DetectionConfig
from zoox_prediction.recording.recorded_sensors import SensorTopics
from zoox_prediction.simulation.sensors.suite_file import SENSOR_CONFIGS, modality_of

_COMPRESSED = "/compressed"  # how topics of image_transport end
_OWN_KEYS = ("modality", "topic", "frame_id", "info_topic", "detection")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")  # a ROS name


@dataclass(frozen=True)
class DetectionNode:
    """One node to start."""

    name: str
    parameters: Mapping[str, Any]  # by dotted names
    remappings: Mapping[str, str]  # topic of the node to topic of the vehicle


@dataclass(frozen=True)
class SuiteSensor:
    """One sensor, and the parameters of its detection node that differ."""

    topics: SensorTopics
    detection: Mapping[str, Any] = field(default_factory=dict)  # nested, as in config/detection_node.yaml

    def node(self) -> DetectionNode:
        """The node, which is named after the sensor."""
        topics = self.topics
        takes_images = topics.modality.is_image or topics.scanning
        own: dict[str, Any] = {"modality": topics.modality.label, "sensor_name": topics.name}
        own |= {name: True for name in ("compressed", "scanning") if getattr(topics, name)}
        remappings = {"image" if takes_images else "points": topics.topic}
        if topics.info_topic:
            remappings["camera_info"] = topics.info_topic
        return DetectionNode(f"{topics.name}_detection", own | flatten_mapping(self.detection), remappings)


def load_sensor_suite(path: Path | str) -> tuple[SuiteSensor, ...]:
    """The sensors of the YAML file, in its order.

    Raises ConfigError that names the file and the key when it cannot be read, has an unknown key (the nearest known one
    is named) or an unusable value.
    """
    document = read_yaml_mapping(path, "a file of sensors")
    try:
        sensors = document.get("sensors")
        if not isinstance(sensors, Mapping) or not sensors:
            raise ConfigError("expected a mapping 'sensors:' of names to sensors")
        suite = tuple(_sensor(str(name), values) for name, values in sensors.items())
        _check_topics(suite)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return suite


def _sensor(name: str, values: Any) -> SuiteSensor:
    prefix = f"sensors.{name}"
    if not _NAME.fullmatch(name):
        raise ConfigError(f"the name '{name}' of a sensor must be of letters, digits and _, as of a ROS node")
    modality = modality_of(values, f"{prefix}.")
    simulated = {each.name for each in fields(SENSOR_CONFIGS[modality])} - {"name"}
    check_known(values, {*_OWN_KEYS, *simulated}, f"{prefix}.")
    detection = values.get("detection") or {}
    if not isinstance(detection, Mapping):
        raise ConfigError(f"parameter '{prefix}.detection' must be a mapping, got {detection!r}")
    named = {"modality": modality.label, "sensor_name": name}
    for key in sorted(named.keys() & detection.keys()):
        raise ConfigError(f"parameter '{prefix}.detection.{key}' is told by the sensor itself; leave it out")
    config = from_mapping(DetectionConfig, {**detection, **named}, f"{prefix}.detection.")
    topic, info_topic = _topic(values, "topic", prefix), ""
    if modality.is_image:
        info_topic = _topic(values, "info_topic", prefix)
    compressed = modality.is_image and (config.compressed or topic.endswith(_COMPRESSED))
    topics = SensorTopics(
        name, modality, topic, str(values.get("frame_id", "")), info_topic, compressed, config.scanning
    )
    return SuiteSensor(topics, detection)


def _topic(values: Mapping[str, Any], key: str, prefix: str) -> str:
    topic = values.get(key)
    if not isinstance(topic, str) or not topic.strip("/"):
        raise ConfigError(f"parameter '{prefix}.{key}' must name a topic, got {topic!r}")
    return topic


def _check_topics(suite: tuple[SuiteSensor, ...]) -> None:
    topics = [sensor.topics.topic for sensor in suite]
    twice = next((topic for topic in topics if topics.count(topic) > 1), None)
    if twice is not None:
        raise ConfigError(f"two sensors have the topic '{twice}'; give each its own")
