"""The nodes that a recording is played through: from its sensors, or from its tracks."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from zoox_prediction.demo.processes import ProcessGroup, node_command
from zoox_prediction.detection.sensor_suite import DetectionNode, SuiteSensor, load_sensor_suite
from zoox_prediction.detections import Modality
from zoox_prediction.errors import InputError
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.recorded_sensors import find_odometry, find_sensors
from zoox_prediction.resources import resource_path

TRUE_TRACKS_TOPIC, TRACKS_TOPIC, DETECTIONS_TOPIC = "/ground_truth/agents", "/tracked_agents", "/detections"
_BASE_PROCESSORS, _SENSOR_PROCESSORS = 0.6, 0.15  # that tracking and prediction take, and each sensor, on average
_CAMERAS_SHARE = 0.2  # of all processors, for the networks of all cameras together
_CAMERA_FRAME_S = 0.03  # that a picture takes one processor
_TRACKS = "zoox_prediction/msg/TrackedAgentArray"
# What the nodes make themselves, or must not hear.
_NOT_PLAYED = ("/predictions", DETECTIONS_TOPIC, TRACKS_TOPIC, TRUE_TRACKS_TOPIC, "/ground_truth/lanes")


@dataclass(frozen=True)
class Chain:
    """What is started, and what is played to it."""

    sensors: tuple[DetectionNode, ...]  # none: from the tracks of the recording
    tracks_topic: str  # that predictions are made of
    odometry_topic: str

    @property
    def from_sensors(self) -> bool:
        return bool(self.sensors)

    @property
    def not_played(self) -> tuple[str, ...]:
        """Topics of the recording that nobody is to hear."""
        return _NOT_PLAYED if self.from_sensors else ("/predictions",)

    @property
    def awaited(self) -> tuple[str, ...]:
        """Topics of the recording whose subscribers have to be there before it is played."""
        if not self.from_sensors:
            return (self.tracks_topic,)
        return tuple(topic for node in self.sensors for name, topic in node.remappings.items() if name != "camera_info")

    @property
    def min_subscribers(self) -> int:
        """Of each awaited topic; tracks go to the prediction node and to the visualization node."""
        return 1 if self.from_sensors else 2

    @property
    def fitting_rate(self) -> float:
        """Seconds of the recording per second that this machine should stand: real time, or a simple share of it."""
        wanted = _BASE_PROCESSORS + _SENSOR_PROCESSORS * len(self.sensors)
        return min(1.0, 1.0 / math.ceil(wanted / (os.cpu_count() or 1)))

    def start(self, processes: ProcessGroup, bag: Path, prediction_config: Path, rate: float) -> None:
        """Starts all nodes but the player and the observer; `rate` is that of playing."""
        sim_time = {"use_sim_time": True}
        tracks = ["-r", f"tracked_agents:={self.tracks_topic}"]
        odometry = ["-r", f"odometry:={self.odometry_topic}"]
        prediction = node_command("prediction_node", sim_time, prediction_config)
        processes.start("prediction_node", prediction + tracks + odometry)
        shown = {**sim_time, "recording": bag}
        processes.start("visualization_node", node_command("visualization_node", shown) + tracks)
        if not self.from_sensors:
            return
        period_s = 0.1 / rate  # steady time; predictions are made ten times in a second of the recording
        pace = {"period_s": period_s, "gather_s": min(0.03, 0.3 * period_s)}
        command = node_command("tracking_node", {**sim_time, **pace}, resource_path("config/tracking_node.yaml"))
        processes.start("tracking_node", command + odometry)
        detection_config = resource_path("config/detection_node.yaml")
        for node in self.sensors:
            command = node_command("detection_node", {**sim_time, **node.parameters}, detection_config)
            command += [word for topics in node.remappings.items() for word in ("-r", ":=".join(topics))]
            # Who drops frames that it is too slow for yields to the tracker and the predictions, cameras to all others.
            niceness = 10 if node.parameters["modality"] == Modality.CAMERA.label else 5
            command = ["nice", "-n", str(niceness), *command]
            processes.start(node.name, [*command, *odometry, "-r", f"__node:={node.name}"])


def chain_of(bag: Path, *, from_tracks: bool, sensor_suite: Path | None = None) -> Chain:
    """From the sensors of the recording where it has some and tells how it moved, unless `from_tracks`.

    `sensor_suite` names the sensors to use and their parameters. Raises InputError for a recording with neither sensors
    nor tracks, and for a sensor of the suite that was not recorded.
    """
    with BagReader(bag) as reader:
        odometry = find_odometry(reader)
        tracks = [name for name, topic in reader.topics.items() if topic.type == _TRACKS and topic.message_count]
        sensors = () if from_tracks or odometry is None else _sensors(reader, sensor_suite)
    if sensors:
        return Chain(_nodes(sensors), TRACKS_TOPIC, odometry or "/odometry")
    if sensor_suite is not None and not from_tracks:
        raise InputError(f"{bag}: has no odometry, without which sensors cannot be tracked; leave out --sensor-suite")
    if not tracks:
        raise InputError(f"{bag}: has neither sensors with odometry nor tracked agents; give another recording")
    return Chain((), TRUE_TRACKS_TOPIC if TRUE_TRACKS_TOPIC in tracks else tracks[0], odometry or "/odometry")


def _nodes(sensors: Sequence[SuiteSensor]) -> tuple[DetectionNode, ...]:
    """One each; cameras look no more often than the processors can stand."""
    cameras = sum(sensor.topics.modality == Modality.CAMERA for sensor in sensors)
    rate_hz = _CAMERAS_SHARE * (os.cpu_count() or 1) / (max(cameras, 1) * _CAMERA_FRAME_S)
    nodes = []
    for node in (sensor.node() for sensor in sensors):
        limit = {"max_rate_hz": rate_hz} if node.parameters["modality"] == Modality.CAMERA.label else {}
        nodes.append(replace(node, parameters={**limit, **node.parameters}))
    return tuple(nodes)


def _sensors(reader: BagReader, sensor_suite: Path | None) -> tuple[SuiteSensor, ...]:
    if sensor_suite is None:
        return tuple(SuiteSensor(each) for each in find_sensors(reader))
    suite = load_sensor_suite(sensor_suite)
    for sensor in suite:
        if sensor.topics.topic not in reader.topics:
            raise InputError(f"{reader.path}: has no topic {sensor.topics.topic}, which {sensor_suite} names")
    return suite
