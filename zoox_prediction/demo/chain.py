"""The nodes that a recording is played through: from its sensors, or from its tracks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zoox_prediction.demo.processes import ProcessGroup, node_command
from zoox_prediction.detection.sensor_suite import DetectionNode, SuiteSensor, load_sensor_suite
from zoox_prediction.errors import InputError
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.recorded_sensors import find_odometry, find_sensors
from zoox_prediction.resources import resource_path

TRUE_TRACKS_TOPIC, TRACKS_TOPIC, DETECTIONS_TOPIC = "/ground_truth/agents", "/tracked_agents", "/detections"
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

    def start(self, processes: ProcessGroup, bag: Path, prediction_config: Path) -> None:
        """Starts all nodes but the player and the observer."""
        sim_time = {"use_sim_time": True}
        tracks = ["-r", f"tracked_agents:={self.tracks_topic}"]
        odometry = ["-r", f"odometry:={self.odometry_topic}"]
        prediction = node_command("prediction_node", sim_time, prediction_config)
        processes.start("prediction_node", prediction + tracks + odometry)
        shown = {**sim_time, "recording": bag}
        processes.start("visualization_node", node_command("visualization_node", shown) + tracks)
        if not self.from_sensors:
            return
        command = node_command("tracking_node", sim_time, resource_path("config/tracking_node.yaml"))
        processes.start("tracking_node", command + odometry)
        detection_config = resource_path("config/detection_node.yaml")
        for node in self.sensors:
            command = node_command("detection_node", {**sim_time, **node.parameters}, detection_config)
            command += [word for topics in node.remappings.items() for word in ("-r", ":=".join(topics))]
            processes.start(node.name, [*_priority(node), *command, *odometry, "-r", f"__node:={node.name}"])


def _priority(node: DetectionNode) -> list[str]:
    """Networks take most of a small machine and drop frames that they are too slow for: nobody is to wait for them."""
    return ["nice", "-n", "10"] if node.parameters["modality"] in ("camera", "thermal") else []


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
        nodes = tuple(sensor.node() for sensor in sensors)
        return Chain(nodes, TRACKS_TOPIC, odometry or "/odometry")
    if sensor_suite is not None and not from_tracks:
        raise InputError(f"{bag}: has no odometry, without which sensors cannot be tracked; leave out --sensor-suite")
    if not tracks:
        raise InputError(f"{bag}: has neither sensors with odometry nor tracked agents; give another recording")
    return Chain((), TRUE_TRACKS_TOPIC if TRUE_TRACKS_TOPIC in tracks else tracks[0], odometry or "/odometry")


def _sensors(reader: BagReader, sensor_suite: Path | None) -> tuple[SuiteSensor, ...]:
    if sensor_suite is None:
        return tuple(SuiteSensor(each) for each in find_sensors(reader))
    suite = load_sensor_suite(sensor_suite)
    for sensor in suite:
        if sensor.topics.topic not in reader.topics:
            raise InputError(f"{reader.path}: has no topic {sensor.topics.topic}, which {sensor_suite} names")
    return suite
