"""Bags that are written here open elsewhere with equal values, and are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import recording_samples as samples
import yaml
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from recording_samples import assert_same
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader

from zoox_prediction.recording import messages
from zoox_prediction.recording.bag import BagReader, BagWriter, RecordingError, qos_profile
from zoox_prediction.recording.typestore import RosbagsTypes

TYPES = RosbagsTypes()
START_NS = 1_700_000_000_000_000_000
METADATA = {"dataset": "generated", "has_ego": "false", "ego_length_m": "4.6"}


def write_bag(path: Path, frames: int = 5, **options) -> Path:
    with BagWriter(path, METADATA, **options) as bag:
        bag.write("/road_network", messages.road_network_to_message(samples.road_network(), TYPES), START_NS)
        for frame in range(frames):
            stamp = START_NS + frame * 100_000_000
            agents = samples.tracked_agents(4, stamp, seed=frame)
            bag.write("/ground_truth/agents", messages.tracked_agents_to_message(agents, TYPES), stamp)
    return path


@pytest.fixture(scope="module")
def bag(tmp_path_factory) -> Path:
    return write_bag(tmp_path_factory.mktemp("bags") / "drive.bag")


def test_a_bag_is_a_folder_with_its_description_beside_the_file(bag):
    assert sorted(each.name for each in bag.iterdir()) == ["drive.bag.mcap", "metadata.yaml"]


def test_our_reader_gives_back_what_was_written(bag):
    with BagReader(bag) as reader:
        assert not reader.problems
        assert reader.metadata == METADATA
        assert (reader.start_ns, reader.end_ns) == (START_NS, START_NS + 400_000_001)
        assert {name: topic.message_count for name, topic in reader.topics.items()} == {
            "/ground_truth/agents": 5,
            "/road_network": 1,
        }
        for frame, recorded in enumerate(reader.messages(["/ground_truth/agents"])):
            expected = samples.tracked_agents(4, START_NS + frame * 100_000_000, seed=frame)
            assert recorded.stamp_ns == expected.stamp_ns
            assert_same(messages.tracked_agents_from_message(recorded.message), expected, 1e-6)


def test_reading_can_start_and_end_anywhere_and_keeps_to_topics(bag):
    with BagReader(bag) as reader:
        stamps = [each.stamp_ns - START_NS for each in reader.raw(start_ns=START_NS + 100_000_000)]
        assert stamps == [100_000_000, 200_000_000, 300_000_000, 400_000_000]
        assert len(list(reader.raw(end_ns=START_NS + 100_000_000))) == 2
        assert [each.topic for each in reader.messages(["/road_network", "/nowhere"])] == ["/road_network"]


def test_rosbags_reads_equal_values(tmp_path):
    # Not named `.bag`: this reader of rosbags takes such a name for a ROS 1 bag, whatever it is.
    with AnyReader([write_bag(tmp_path / "drive")]) as reader:
        found = [
            reader.deserialize(data, connection.msgtype)
            for connection, _, data in reader.messages()
            if connection.topic == "/ground_truth/agents"
        ]
    assert len(found) == 5
    agents = messages.tracked_agents_from_message(found[2])
    assert_same(agents, samples.tracked_agents(4, START_NS + 200_000_000, seed=2), 1e-6)


def test_the_mcap_decoder_of_foxglove_reads_equal_values(bag):
    with (bag / "drive.bag.mcap").open("rb") as stream:
        reader = make_reader(stream, decoder_factories=[DecoderFactory()])
        decoded = [(channel.topic, found) for _, channel, _, found in reader.iter_decoded_messages()]
        summary = reader.get_summary()
    assert summary is not None and summary.statistics is not None and summary.statistics.message_count == 6
    assert [topic for topic, _ in decoded].count("/ground_truth/agents") == 5
    network = next(found for topic, found in decoded if topic == "/road_network")
    received = messages.road_network_from_message(network)
    assert_same(received, samples.road_network(), 1e-6)


def test_the_description_has_all_that_ros2_bag_needs(bag):
    """The keys that rosbag2_storage reads without asking whether they are there, of version 9 (Jazzy and later)."""
    information = yaml.safe_load((bag / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert information["version"] == 9
    assert information["storage_identifier"] == "mcap"
    assert information["duration"] == {"nanoseconds": 400_000_000}
    assert information["starting_time"] == {"nanoseconds_since_epoch": START_NS}
    assert information["message_count"] == 6
    assert information["relative_file_paths"] == ["drive.bag.mcap"]
    assert (information["compression_format"], information["compression_mode"]) == ("", "")
    assert information["custom_data"] == METADATA
    assert isinstance(information["ros_distro"], str)
    assert set(information["files"][0]) == {"path", "starting_time", "duration", "message_count"}
    for topic in information["topics_with_message_count"]:
        described = topic["topic_metadata"]
        assert described["serialization_format"] == "cdr"
        assert described["type_description_hash"].startswith("RIHS01_")
        assert len(described["offered_qos_profiles"]) == 1


def test_the_type_hashes_are_those_of_the_generated_messages(bag):
    """`ros2 bag play` compares them with the types that are installed."""
    share = pytest.importorskip("ament_index_python").get_package_share_directory
    with Reader(bag) as reader:
        hashes = {each.msgtype: each.digest for each in reader.connections}
    for name, digest in hashes.items():
        package, kind, leaf = name.split("/")
        os.environ.setdefault("AMENT_PREFIX_PATH", os.sys.prefix)
        path = Path(share(package), kind, f"{leaf}.json")
        if not path.exists():
            pytest.skip(f"{path} is not installed")
        described = yaml.safe_load(path.read_text())
        assert digest == next(each["hash_string"] for each in described["type_hashes"] if each["type_name"] == name)


def test_the_map_and_static_transforms_are_offered_latched(tmp_path):
    path = tmp_path / "latched"
    with BagWriter(path) as bag:
        for topic in ("/tf_static", "/tf"):
            bag.write(topic, TYPES["tf2_msgs/msg/TFMessage"](transforms=[]), START_NS)
        header = TYPES.new("std_msgs/msg/Header")
        bag.write("/best_effort", header, START_NS, qos_profile(reliable=False, depth=5))
        bag.write("/road_network", messages.road_network_to_message(samples.road_network(), TYPES), START_NS)
    described = yaml.safe_load((path / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    qos = {
        each["topic_metadata"]["name"]: each["topic_metadata"]["offered_qos_profiles"][0]
        for each in described["topics_with_message_count"]
    }
    assert {name: each["durability"] for name, each in qos.items()} == {
        "/tf_static": "transient_local",
        "/road_network": "transient_local",
        "/tf": "volatile",
        "/best_effort": "volatile",
    }
    assert (qos["/best_effort"]["reliability"], qos["/best_effort"]["depth"]) == ("best_effort", 5)
    with BagReader(path) as reader:
        assert {name for name, topic in reader.topics.items() if topic.latched} == {"/tf_static", "/road_network"}


def test_chunks_are_compressed_unless_asked_otherwise(tmp_path):
    sizes = {}
    for compress in (True, False):
        path = write_bag(tmp_path / f"bag_{compress}", frames=50, compress=compress)
        sizes[compress] = (path / f"{path.name}.mcap").stat().st_size
        with BagReader(path) as reader:
            assert len(list(reader.messages())) == 51
    assert sizes[True] < 0.5 * sizes[False]


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def interrupted() -> None:
        with BagWriter(tmp_path / "half") as bag:
            bag.write("/header", TYPES.new("std_msgs/msg/Header"), START_NS)
            assert not (tmp_path / "half").exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_write_left_is_in_nobodys_way(tmp_path):
    killed = BagWriter(tmp_path / "drive")
    killed.__enter__()
    killed.write("/header", TYPES.new("std_msgs/msg/Header"), START_NS)
    with pytest.raises(RecordingError, match="does not exist"):
        BagReader(tmp_path / "drive")
    write_bag(tmp_path / "drive")
    assert [each.name for each in tmp_path.iterdir()] == ["drive"]


def test_an_existing_bag_is_kept_unless_asked_otherwise(tmp_path):
    path = write_bag(tmp_path / "drive", frames=1)
    with pytest.raises(RecordingError, match="exists already"):
        BagWriter(path)
    write_bag(path, frames=2, overwrite=True)
    with BagReader(path) as reader:
        assert reader.message_count == 3


def test_a_failed_overwrite_keeps_the_old_bag(tmp_path):
    path = write_bag(tmp_path / "drive", frames=1)

    def failing() -> None:
        with BagWriter(path, overwrite=True) as bag:
            bag.write("/header", TYPES.new("std_msgs/msg/Header"), START_NS)
            raise ValueError

    with pytest.raises(ValueError):
        failing()
    with BagReader(path) as reader:
        assert reader.message_count == 2


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def write() -> None:
        cloud = TYPES.new("sensor_msgs/msg/PointCloud2")
        cloud.data = np.random.default_rng(0).integers(0, 256, 2_000_000).astype(np.uint8)
        with BagWriter(tmp_path / "drive") as bag:
            bag.write("/points", cloud, START_NS)

    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))  # no file may be longer
    try:
        with pytest.raises(RecordingError, match="drive: cannot be written: File too large"):
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_mistakes_of_the_writer_are_told(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        bag.write("/topic", TYPES.new("std_msgs/msg/Header"), START_NS)
        with pytest.raises(RecordingError, match="has the type std_msgs/msg/Header, not nav_msgs/msg/Odometry"):
            bag.write("/topic", TYPES.new("nav_msgs/msg/Odometry"), START_NS)
        with pytest.raises(RecordingError, match="before 1970"):
            bag.write("/topic", TYPES.new("std_msgs/msg/Header"), -1)
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="cannot be written"):
        BagWriter(tmp_path / "file" / "bag")


def test_a_bag_without_messages(tmp_path):
    with BagWriter(tmp_path / "empty", METADATA):
        pass
    with BagReader(tmp_path / "empty") as reader:
        assert (reader.message_count, reader.duration_s, reader.metadata) == (0, 0.0, METADATA)
        assert list(reader.raw()) == []


def test_a_bare_mcap_file_keeps_the_metadata(bag):
    with BagReader(bag / "drive.bag.mcap") as reader:
        assert reader.metadata == METADATA and reader.message_count == 6


def test_a_folder_without_its_description_opens_and_says_so(bag, tmp_path):
    folder = tmp_path / "copied"
    folder.mkdir()
    (folder / "drive.bag.mcap").write_bytes((bag / "drive.bag.mcap").read_bytes())
    with BagReader(folder) as reader:
        assert len(list(reader.messages())) == 6 and reader.metadata == METADATA
        assert len(reader.problems) == 1 and "no metadata.yaml" in reader.problems[0]
