"""Bags that were written elsewhere open here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from mcap_ros2.writer import Writer as Ros2McapWriter
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.enums import CompressionFormat, CompressionMode

from zoox_prediction.recording import messages
from zoox_prediction.recording.bag import BagReader, RecordingError
from zoox_prediction.recording.typestore import RosbagsTypes, typestore

TYPES = RosbagsTypes()


@pytest.mark.parametrize(
    ("plugin", "compression"),
    [
        *((StoragePlugin.SQLITE3, each) for each in (None, CompressionMode.FILE, CompressionMode.MESSAGE)),
        *((StoragePlugin.MCAP, each) for each in (None, *CompressionMode)),
    ],
)
@pytest.mark.parametrize("version", [8, 9])
def test_bags_of_rosbags_open(tmp_path, plugin, compression, version):
    writer = Writer(tmp_path / "bag", version=version, storage_plugin=plugin)
    if compression is not None:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    name = "std_msgs/msg/Header"
    with writer:
        connection = writer.add_connection("/header", name, typestore=typestore())
        for stamp in (5, 6):
            header = messages.header_to_message(stamp, "map", TYPES)
            writer.write(connection, stamp, typestore().serialize_cdr(header, name))
    with BagReader(tmp_path / "bag") as reader:
        assert [(each.stamp_ns, each.message.frame_id) for each in reader.messages()] == [(5, "map"), (6, "map")]


@pytest.mark.parametrize("plugin", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_bare_files_open(tmp_path, plugin):
    writer = Writer(tmp_path / "bag", version=9, storage_plugin=plugin)
    with writer:
        connection = writer.add_connection("/header", "std_msgs/msg/Header", typestore=typestore())
        header = messages.header_to_message(5, "map", TYPES)
        writer.write(connection, 5, typestore().serialize_cdr(header, "std_msgs/msg/Header"))
    file = next(each for each in (tmp_path / "bag").iterdir() if each.suffix in (".mcap", ".db3"))
    with BagReader(file) as reader:
        assert not reader.problems and [each.message.frame_id for each in reader.messages()] == ["map"]


DEFINITION = "int32 number\nother_msgs/Inner inner\n" + "=" * 80 + "\nMSG: other_msgs/Inner\nfloat64[] values\n"


def write_foreign_mcap(path: Path, count: int = 3) -> Path:
    with path.open("wb") as stream:
        writer = Ros2McapWriter(stream)
        schema = writer.register_msgdef("other_msgs/msg/Outer", DEFINITION)
        for index in range(count):
            value = {"number": index, "inner": {"values": [0.5, index]}}
            writer.write_message("/other", schema, value, log_time=10 + index, publish_time=10 + index)
        writer.finish()
    return path


def test_an_mcap_file_of_others_with_types_of_their_own_opens(tmp_path):
    with BagReader(write_foreign_mcap(tmp_path / "foreign.mcap")) as reader:
        assert reader.topics["/other"].type == "other_msgs/msg/Outer"
        found = [each.message for each in reader.messages()]
    assert [each.number for each in found] == [0, 1, 2]
    np.testing.assert_array_equal(found[2].inner.values, [0.5, 2.0])


@pytest.mark.parametrize("compression", list(CompressionType))
@pytest.mark.parametrize(
    "options", [{}, {"use_chunking": False}, {"use_summary_offsets": False, "use_statistics": False}]
)
def test_mcap_files_of_any_layout_and_profile_open(tmp_path, compression, options):
    path = tmp_path / "plain.mcap"
    header = typestore().serialize_cdr(messages.header_to_message(5, "map", TYPES), "std_msgs/msg/Header")
    with path.open("wb") as stream:
        writer = McapWriter(stream, compression=compression, **options)
        writer.start(profile="", library="a recorder that names no profile")
        text, _ = typestore().generate_msgdef("std_msgs/msg/Header", ros_version=2)
        schema = writer.register_schema("std_msgs/msg/Header", "ros2msg", text.encode())
        cdr = writer.register_channel("/header", "cdr", schema)
        json = writer.register_channel("/json", "json", 0)
        for stamp in (7, 5, 6):  # not in the order of time
            writer.add_message(cdr, stamp, bytes(header), stamp)
        writer.add_message(json, 8, b"{}", 8)
        writer.finish()
    with BagReader(path) as reader:
        assert not reader.problems
        assert [each.stamp_ns for each in reader.messages()] == [5, 6, 7]
        assert [each.data for each in reader.raw(["/json"])] == [b"{}"]
        with pytest.raises(RecordingError, match="/json cannot be decoded"):
            list(reader.messages(["/json"]))


def test_a_bag_with_another_version_of_our_messages_is_decoded_with_its_own(tmp_path):
    path = tmp_path / "old.mcap"
    with path.open("wb") as stream:
        writer = Ros2McapWriter(stream)
        schema = writer.register_msgdef("zoox_prediction/msg/TrafficSignalArray", "int32 something_else\n")
        writer.write_message("/traffic_signals", schema, {"something_else": 3}, log_time=1, publish_time=1)
        writer.finish()
    with BagReader(path) as reader:
        assert [each.message.something_else for each in reader.messages()] == [3]
    assert hasattr(TYPES.new("zoox_prediction/msg/TrafficSignalArray"), "confidence")  # the known one is untouched


NEBULA = {
    "40p/1673400149412331409": ("/pandar_packets", "pandar_msgs/msg/PandarScan", 4),
    "ars548/1708578204": ("/sensing/radar/front_center/nebula_packets", "nebula_msgs/msg/NebulaPackets", 2),
    "srr520/1708578209": ("/sensing/radar/front_left/nebula_packets", "nebula_msgs/msg/NebulaPackets", 4),
    "vlp16/1673400471837873222": ("/velodyne_packets", "velodyne_msgs/msg/VelodyneScan", 4),
    "vlp32/1713492677464078412": ("/sensing/lidar/front/velodyne_packets", "velodyne_msgs/msg/VelodyneScan", 5),
    "xt32/1673400677802009732": ("/pandar_packets", "pandar_msgs/msg/PandarScan", 4),
}


@pytest.mark.parametrize("folder", NEBULA)
def test_real_sqlite_bags_with_unknown_types_open(recordings, folder):
    topic, kind, count = NEBULA[folder]
    path = recordings / "nebula_packets" / folder
    for each in (path, next(path.glob("*.db3"))):
        with BagReader(each) as reader:
            assert not reader.problems
            assert (reader.topics[topic].type, reader.topics[topic].message_count) == (kind, count)
            raw = list(reader.raw())
            assert len(raw) == count and all(len(message.data) > 100 for message in raw)
            assert list(reader.messages()) == []
            with pytest.raises(RecordingError, match=f"no definition of {kind}"):
                list(reader.messages([topic]))
