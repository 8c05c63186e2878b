"""A recording in memory: frames, interpolation of the truth, and what to do when something is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import recording_samples as samples
from mcap_ros2.writer import Writer as Ros2McapWriter
from recording_samples import START_NS as START
from recording_samples import agents_at, assert_same
from scipy.spatial.transform import Rotation

from zoox_prediction.geometry import transform_points
from zoox_prediction.recording import messages
from zoox_prediction.recording.bag import BagWriter, RecordingError
from zoox_prediction.recording.log import RecordedLog, load_log
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.scene import EgoState, TrackedAgents

TYPES = RosbagsTypes()
SECOND = 1_000_000_000


def transform(parent: str, child: str, pose: tuple, seconds: float):
    """geometry_msgs/TransformStamped of a pose x, y, yaw."""
    message = TYPES.new("geometry_msgs/msg/TransformStamped")
    message.header = messages.header_to_message(START + round(seconds * SECOND), parent, TYPES)
    message.child_frame_id = child
    message.transform.translation.x, message.transform.translation.y = float(pose[0]), float(pose[1])
    rotation = message.transform.rotation
    rotation.x, rotation.y, rotation.z, rotation.w = Rotation.from_euler("z", pose[2]).as_quat().tolist()
    return message


class Bag:
    """A bag that is written by calls in any order of time."""

    def __init__(self, path: Path, metadata: dict[str, str] | None = None) -> None:
        self.path = path
        self._metadata = metadata or {}
        self._messages: list[tuple] = []

    def add(self, topic: str, message, seconds: float) -> None:
        self._messages.append((topic, message, START + round(seconds * SECOND)))

    def agents(self, agents: TrackedAgents) -> None:
        message = messages.tracked_agents_to_message(agents, TYPES)
        self.add("/ground_truth/agents", message, (agents.stamp_ns - START) / SECOND)

    def transforms(self, topic: str, *transforms) -> None:
        self.add(topic, TYPES["tf2_msgs/msg/TFMessage"](transforms=list(transforms)), 0.0)

    def load(self) -> RecordedLog:
        with BagWriter(self.path, self._metadata) as bag:
            for topic, message, stamp in self._messages:
                bag.write(topic, message, stamp)
        return load_log(self.path)


@pytest.fixture
def bag(tmp_path) -> Bag:
    return Bag(tmp_path / "drive")


def test_everything_of_a_recording_is_there(tmp_path):
    metadata = {
        "dataset": "generated",
        "recording": "crossing 7",
        "ego_length_m": "5.1",
        "ego_width_m": "2.25",
        "ego_center_offset_m": "1.5",
        "note": "kept",
    }
    bag = Bag(tmp_path / "drive", metadata)
    ego = EgoState(START + SECOND, np.array([1.0, 2.0]), 0.5, np.array([3.0, 4.0]), 0.1)
    bag.add("/odometry", messages.odometry_to_message(ego, TYPES), 1.0)
    bag.add("/road_network", messages.road_network_to_message(samples.road_network(), TYPES), 0.0)
    for seconds in (2.0, 0.0):
        signals = samples.traffic_signals(START + round(seconds * SECOND))
        bag.add("/traffic_signals", messages.traffic_signals_to_message(signals, TYPES), seconds)
        bag.agents(samples.tracked_agents(3, START + round(seconds * SECOND), seed=int(seconds)))
    log = bag.load()
    assert (log.name, log.dataset, log.metadata["note"]) == ("crossing 7", "generated", "kept")
    assert (log.ego_size, log.ego_center_offset_m) == ((5.1, 2.25), 1.5)
    assert log.problems == ()
    assert_same(log.agents[1], samples.tracked_agents(3, START + 2 * SECOND, seed=2), 1e-6)
    assert_same(log.ego, (ego,), 1e-12)
    assert_same(log.road_network, samples.road_network(), 1e-6)
    assert [each.stamp_ns - START for each in log.signals] == [0, 2 * SECOND]
    np.testing.assert_array_equal(log.stamps_ns, START + np.array([0, 2]) * SECOND)


def test_what_is_missing_is_empty(bag):
    log = bag.load()
    assert (log.name, log.dataset, log.agents, log.ego, log.signals) == ("drive", "", (), (), ())
    assert len(log.road_network.lanes) == 0 and len(log.stamps_ns) == 0
    assert not log.future(np.array([1]), START, 0.1, 5).valid.any()
    assert log.future(np.zeros(0), START, 0.1, 5).position.shape == (0, 5, 2)


def test_frames_of_one_stamp_count_once(bag):
    bag.agents(agents_at(0.0, {1: (0, 0, 0, 0, 0)}))
    bag.agents(agents_at(0.0, {1: (5, 0, 0, 0, 0)}))
    (only,) = bag.load().agents
    assert only.position[0, 0] == 5.0


EGO_POSES = {0.0: (0.0, 0.0, 0.0), 1.0: (10.0, 0.0, np.pi / 2)}


@pytest.mark.parametrize("source", ["transforms", "odometry"])
def test_agents_seen_from_base_link_are_put_into_the_map(bag, source):
    for seconds, pose in EGO_POSES.items():
        if source == "transforms":
            bag.transforms("/tf", transform("odom", "base_link", pose, seconds))
        else:
            ego = EgoState(START + round(seconds * SECOND), np.array(pose[:2]), pose[2], np.zeros(2))
            bag.add("/odometry", messages.odometry_to_message(ego, TYPES, "odom"), seconds)
    bag.transforms("/tf_static", transform("map", "odom", (100.0, 50.0, 0.0), 0.0))
    bag.agents(agents_at(0.75, {1: (4.0, 1.0, 0.25, 2.0, 0.0)}, "base_link"))
    bag.agents(agents_at(9.0, {1: (4.0, 1.0, 0.25, 2.0, 0.0)}, "base_link"))  # long after the last transform
    bag.agents(agents_at(0.25, {1: (4.0, 1.0, 0.25, 2.0, 0.0)}, "odom"))
    log = bag.load()
    in_odom, in_base = log.agents
    heading = 0.75 * np.pi / 2
    np.testing.assert_allclose(in_odom.position[0], [104.0, 51.0, 0.0])
    np.testing.assert_allclose(in_base.position[0, :2], transform_points([107.5, 50.0, heading], [4.0, 1.0]))
    np.testing.assert_allclose(in_base.yaw, [0.25 + heading])
    np.testing.assert_allclose(in_base.velocity[0], 2.0 * np.array([np.cos(heading), np.sin(heading)]), atol=1e-9)
    assert {each.frame_id for each in log.agents} == {"map"}
    assert len(log.problems) == 1 and "1 frames of agents were left out" in log.problems[0]


def test_odometry_in_another_frame_is_put_into_the_map(bag):
    ego = EgoState(START, np.array([1.0, 0.0]), 0.0, np.array([5.0, 0.0]))
    bag.add("/odometry", messages.odometry_to_message(ego, TYPES, "odom"), 0.0)
    bag.transforms("/tf_static", transform("map", "odom", (10.0, 20.0, np.pi / 2), 0.0))
    (found,) = bag.load().ego
    np.testing.assert_allclose([*found.position, found.yaw], [10.0, 21.0, np.pi / 2])
    np.testing.assert_allclose(found.velocity, [0.0, 5.0], atol=1e-9)


def test_without_odometry_the_ego_is_where_the_transforms_say(bag):
    for step in range(5):
        bag.transforms("/tf", transform("map", "base_link", (2.0 * step, 0.0, 0.1 * step), 0.5 * step))
    log = bag.load()
    np.testing.assert_allclose([each.position[0] for each in log.ego], [0, 2, 4, 6, 8])
    np.testing.assert_allclose([each.velocity for each in log.ego], [[4.0, 0.0]] * 5)
    np.testing.assert_allclose([each.yaw_rate for each in log.ego], [0.2] * 5)


def test_a_recording_from_the_roadside_has_no_ego(tmp_path):
    bag = Bag(tmp_path / "drive", {"has_ego": "false"})
    for step in range(3):
        bag.transforms("/tf", transform("map", "base_link", (0.0, 0.0, 0.0), float(step)))
    assert bag.load().ego == ()


def test_transforms_in_a_circle_end(bag):
    bag.transforms("/tf_static", transform("b", "a", (0, 0, 0), 0), transform("a", "b", (0, 0, 0), 0))
    bag.agents(agents_at(0.0, {1: (0, 0, 0, 0, 0)}, "a"))
    assert bag.load().agents == ()


def test_malformed_messages_are_left_out_and_told_once(bag):
    bag.agents(agents_at(0.0, {1: (0, 0, 0, 0, 0)}))
    for seconds in (1.0, 2.0):
        broken = messages.traffic_signals_to_message(samples.traffic_signals(), TYPES)
        broken.confidence = np.zeros(1, np.float32)
        bag.add("/traffic_signals", broken, seconds)
    odometry = TYPES.new("nav_msgs/msg/Odometry")
    bag.add("/odometry", odometry, 0.0)
    log = bag.load()
    assert len(log.agents) == 1 and log.signals == () and log.ego == ()
    assert [each.partition(": ")[2].split(" ")[0] for each in sorted(log.problems)] == [
        "Odometry.pose.pose.orientation",
        "TrafficSignalArray.confidence",
    ]


def test_a_cut_recording_is_loaded_as_far_as_it_goes(tmp_path):
    bag = Bag(tmp_path / "drive", {"dataset": "generated"})
    for step in range(200):
        bag.agents(samples.tracked_agents(30, START + step * SECOND // 10, seed=step))
    whole = bag.load()
    file = bag.path / "drive.mcap"
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    log = load_log(bag.path)
    assert 80 <= len(log.agents) <= 105 and log.dataset == "generated"
    assert_same(log.agents, whole.agents[: len(log.agents)])
    assert "the end is missing" in log.problems[0]


def test_a_recording_of_another_version_is_refused(tmp_path):
    path = tmp_path / "old.mcap"
    with path.open("wb") as stream:
        writer = Ros2McapWriter(stream)
        schema = writer.register_msgdef("zoox_prediction/msg/TrackedAgentArray", "int32 something_else\n")
        writer.write_message("/ground_truth/agents", schema, {"something_else": 3}, log_time=1, publish_time=1)
        writer.finish()
    with pytest.raises(RecordingError, match=r"another version of zoox_prediction/msg/TrackedAgentArray; convert"):
        load_log(path)


def test_a_size_that_is_no_number_is_told(tmp_path):
    bag = Bag(tmp_path / "drive", {"ego_length_m": "long"})
    with pytest.raises(RecordingError, match="ego_length_m in its custom_data must be a number, got 'long'"):
        bag.load()
