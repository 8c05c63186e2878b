"""Damaged recordings are read as far as they go, say what was lost, and never end in a traceback."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from mcap.writer import CompressionType
from mcap_ros2.writer import Writer as Ros2McapWriter

from zoox_prediction.recording.bag import BagReader, BagWriter, RecordingError
from zoox_prediction.recording.typestore import RosbagsTypes

TYPES = RosbagsTypes()
COUNT = 60
BYTES = 100_000  # of each message, so that a bag has several chunks


def cloud_message(index: int, levels: int = 256):
    """Noise; the fewer `levels`, the better it compresses."""
    message = TYPES.new("sensor_msgs/msg/PointCloud2")
    message.header.stamp.nanosec = index
    message.data = np.random.default_rng(index).integers(0, levels, BYTES).astype(np.uint8)
    return message


def write_bag(path: Path, **options) -> Path:
    with BagWriter(path, {"dataset": "noise"}, **options) as bag:
        for index in range(COUNT):
            bag.write("/points", cloud_message(index), 1_000 + index)
    return path


@pytest.fixture(scope="module", params=[True, False], ids=["compressed", "plain"])
def bag(request, tmp_path_factory) -> Path:
    return write_bag(tmp_path_factory.mktemp("whole") / "drive", compress=request.param)


def cut(bag: Path, to: Path, share: float, keep_description: bool = True) -> Path:
    """A copy of the bag whose file ends after that share of its bytes."""
    shutil.copytree(bag, to)
    file = to / "drive.mcap"
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    if not keep_description:
        (to / "metadata.yaml").unlink()
    return to


@pytest.mark.parametrize("keep_description", [True, False])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.33, 0.5, 0.71, 0.9, 0.99])
def test_every_whole_message_before_the_cut_is_kept(bag, tmp_path, share, keep_description):
    with BagReader(cut(bag, tmp_path / "drive", share, keep_description)) as reader:
        kept = list(reader.messages())
        # zstd gives its blocks of 128 KiB only whole, so a compressed chunk may hold back two messages.
        assert share * COUNT - 3 <= len(kept) <= share * COUNT
        assert reader.message_count == len(kept)
        for index, recorded in enumerate(kept):
            assert recorded.stamp_ns == 1_000 + index
            np.testing.assert_array_equal(recorded.message.data, cloud_message(index).data)
        assert any(f"the end is missing; {len(kept)} messages before it were kept" in each for each in reader.problems)
        assert reader.metadata == ({"dataset": "noise"} if keep_description else {})


def test_reading_of_a_cut_bag_can_start_anywhere_and_be_repeated(bag, tmp_path):
    with BagReader(cut(bag, tmp_path / "drive", 0.5)) as reader:
        whole = [each.stamp_ns for each in reader.raw()]
        assert [each.stamp_ns for each in reader.raw(start_ns=1_010, end_ns=1_015)] == list(range(1_010, 1_015))
        assert [each.stamp_ns for each in reader.raw()] == whole
        assert list(reader.raw(["/nowhere"])) == []


def test_a_bag_that_misses_only_its_index_misses_no_message(bag, tmp_path):
    folder = cut(bag, tmp_path / "drive", 1.0)
    file = folder / "drive.mcap"
    file.write_bytes(file.read_bytes()[:-8])
    with BagReader(folder) as reader:
        assert len(list(reader.messages())) == COUNT and not reader.problems


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 20])
def test_a_file_cut_before_its_first_record_is_refused(bag, tmp_path, length):
    file = tmp_path / "start.mcap"
    file.write_bytes((bag / "drive.mcap").read_bytes()[:length])
    with pytest.raises(RecordingError, match=r"start.mcap: is not an MCAP file or is cut before its first record"):
        BagReader(file)


@pytest.mark.parametrize("compression", list(CompressionType))
def test_cut_files_of_others_open_in_every_compression(tmp_path, compression):
    path = tmp_path / "others.mcap"
    with path.open("wb") as stream:
        writer = Ros2McapWriter(stream, compression=compression, chunk_size=2**20)
        schema = writer.register_msgdef("other_msgs/msg/Blob", "uint8[] data\n")
        for index in range(COUNT):
            writer.write_message("/blob", schema, {"data": cloud_message(index).data.tobytes()}, log_time=index)
        writer.finish()
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with BagReader(path) as reader:
        kept = list(reader.messages())
        assert COUNT / 2 - 3 <= len(kept) <= COUNT / 2
        np.testing.assert_array_equal(kept[-1].message.data, cloud_message(len(kept) - 1).data)


def test_damage_in_the_middle_of_a_file_without_an_index_costs_only_its_chunk(tmp_path):
    folder = tmp_path / "drive"
    with BagWriter(folder) as bag:
        for index in range(COUNT):
            bag.write("/points", cloud_message(index, levels=4), 1_000 + index)
    file = folder / "drive.mcap"
    data = bytearray(file.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1000] = bytes(1000)
    file.write_bytes(data[:-100])
    with BagReader(folder) as reader:
        kept = [each.stamp_ns for each in reader.messages()]
        assert COUNT - 15 <= len(kept) < COUNT and kept[-1] == 1_000 + COUNT - 1
        assert "damaged parts were left out" in " ".join(reader.problems)


def test_damage_never_ends_in_anything_but_a_recording_error(tmp_path):
    """Bytes at random places of a small bag are changed; reading gives messages or one sentence."""
    folder = tmp_path / "drive"
    with BagWriter(folder, {"dataset": "noise"}) as bag:
        for index in range(20):
            header = TYPES.new("std_msgs/msg/Header")
            header.frame_id = f"frame {index}"
            bag.write("/header", header, index)
    file = folder / "drive.mcap"
    whole = file.read_bytes()
    random = np.random.default_rng(0)
    outcomes = set()
    for _ in range(80):
        data = bytearray(whole)
        for place in random.integers(8, len(data), 3):
            data[place] = random.integers(0, 256)
        file.write_bytes(data)
        try:
            with BagReader(folder) as reader:
                outcomes.add("whole" if len(list(reader.messages())) == 20 else "part")
        except RecordingError as error:
            assert str(folder) in str(error) and "\n" not in str(error)
            outcomes.add("error")
    assert "error" in outcomes and len(outcomes) > 1


def test_a_cut_sqlite_bag_is_refused_in_one_sentence(recordings, tmp_path):
    source = recordings / "nebula_packets" / "vlp32" / "1713492677464078412"
    folder = tmp_path / "lidar"
    shutil.copytree(source, folder)
    file = next(folder.glob("*.db3"))
    data = file.read_bytes()
    for share in (0.0, 0.1, 0.5):
        file.write_bytes(data[: int(share * len(data))])
        for path in (folder, file):
            with pytest.raises(RecordingError, match=r"record or copy it again") as caught, BagReader(path) as reader:
                list(reader.raw())
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "rosbag2_bagfile_information: [", "something: else", "\x00\x01", "[1, 2]"])
def test_a_damaged_description_is_no_obstacle(bag, tmp_path, text):
    folder = cut(bag, tmp_path / "drive", 1.0)
    (folder / "metadata.yaml").write_text(text)
    with BagReader(folder) as reader:
        assert len(list(reader.raw())) == COUNT
        assert reader.metadata == {"dataset": "noise"}


def split_bag(folder: Path, parts: int) -> list[Path]:
    """A bag in several files, as rosbag2 splits long ones, ten messages in each."""
    folder.mkdir()
    files, information = [], None
    for part in range(parts):
        with BagWriter(folder / "part", {"dataset": "noise"}) as bag:
            for index in range(10 * part, 10 * part + 10):
                bag.write("/points", cloud_message(index), 1_000 + index)
        files.append((folder / "part" / "part.mcap").rename(folder / f"drive_{part}.mcap"))
        description = yaml.safe_load((folder / "part" / "metadata.yaml").read_text())
        information = information or description
        shutil.rmtree(folder / "part")
    information["rosbag2_bagfile_information"]["relative_file_paths"] = [file.name for file in files]
    (folder / "metadata.yaml").write_text(yaml.safe_dump(information))
    return files


def test_of_a_split_bag_the_whole_files_are_read_in_the_order_of_time(tmp_path):
    files = split_bag(tmp_path / "drive", 12)  # drive_10 comes before drive_2 in the alphabet
    with BagReader(tmp_path / "drive") as reader:
        assert not reader.problems
        assert [each.stamp_ns for each in reader.raw()] == list(range(1_000, 1_120))
    files[3].unlink()
    files[11].write_bytes(b"")
    files[7].write_bytes(files[7].read_bytes()[:-900_000])
    with BagReader(tmp_path / "drive") as reader:
        stamps = [each.stamp_ns for each in reader.raw()]
        assert stamps == [*range(1_000, 1_030), *range(1_040, 1_071), *range(1_080, 1_110)]
        assert reader.metadata == {"dataset": "noise"}
        problems = " ".join(reader.problems)
        for expected in (
            "drive_3.mcap is missing",
            "drive_7.mcap: the end is missing",
            "drive_11.mcap: is not an MCAP",
        ):
            assert expected in problems


@pytest.mark.parametrize("content", [None, "text"])
def test_what_is_no_recording_is_refused(tmp_path, content):
    path = tmp_path / "thing"
    if content is None:
        path.mkdir()
    else:
        path.write_text(content)
    with pytest.raises(RecordingError, match=r"thing: .*(is not a rosbag2 recording|cannot be read)"):
        BagReader(path)
    with pytest.raises(RecordingError, match="does not exist"):
        BagReader(tmp_path / "nowhere")


def test_a_message_of_wrong_bytes_is_told(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        bag.write_raw("/header", "std_msgs/msg/Header", b"\x00\x01\x00\x00\x05", 7)
    with BagReader(tmp_path / "bag") as reader:
        with pytest.raises(RecordingError, match=r"the message on /header at 7 ns is no std_msgs/msg/Header"):
            list(reader.messages())
        assert len(list(reader.raw())) == 1
