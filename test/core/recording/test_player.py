"""The replay's clock and queue against a wall clock that the tests move by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer

from zoox_prediction.errors import InputError
from zoox_prediction.recording.bag import LATCHED, BagReader, BagWriter, RecordingError, qos_profile
from zoox_prediction.recording.messages import header_to_message
from zoox_prediction.recording.player import BagPlayer
from zoox_prediction.recording.typestore import RosbagsTypes

TYPES = RosbagsTypes()
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
WALL = 55 * SECOND  # the wall clock has nothing to do with the recording's


@pytest.fixture(scope="module")
def bag(tmp_path_factory) -> Path:
    """/map (latched) at 0 s, /static (latched, depth 2) at 0, 1 and 2 s, /tick at 0, 1, ... 10 s."""
    path = tmp_path_factory.mktemp("player") / "ticks"
    with BagWriter(path) as writer:
        for second in range(11):
            stamp = START + second * SECOND
            if second == 0:
                writer.write("/map", header_to_message(stamp, "map", TYPES), stamp, LATCHED)
            if second < 3:
                header = header_to_message(stamp, f"static {second}", TYPES)
                writer.write("/static", header, stamp, qos_profile(latched=True, depth=2))
            writer.write("/tick", header_to_message(stamp, f"tick {second}", TYPES), stamp)
    return path


@pytest.fixture
def reader(bag):
    with BagReader(bag) as opened:
        yield opened


def wall(seconds: float) -> int:
    return WALL + round(seconds * SECOND)


def played(reader: BagReader, messages) -> list[str]:
    return [reader.decode(each).frame_id for each in messages]


def bag_seconds(player: BagPlayer, seconds: float) -> float:
    return (player.clock_ns(wall(seconds)) - START) / SECOND


def test_messages_come_when_their_time_has_come(reader):
    player = BagPlayer(reader, topics=["/tick"])
    assert player.clock_ns(wall(-3)) == START  # the clock stands until play begins
    assert played(reader, player.due(wall(0))) == ["tick 0"]
    assert player.next_due_wall_ns() == wall(1)
    assert player.due(wall(0.999999999)) == []
    assert played(reader, player.due(wall(1))) == ["tick 1"]
    assert played(reader, player.due(wall(3.5))) == ["tick 2", "tick 3"]
    assert bag_seconds(player, 3.5) == 3.5
    assert not player.finished
    assert played(reader, player.due(wall(99)))[-1] == "tick 10"
    assert player.finished and player.next_due_wall_ns() is None
    assert bag_seconds(player, 99) == 10.0  # the clock does not leave the recording
    assert player.due(wall(100)) == []


def test_the_bytes_are_passed_on_as_recorded(reader):
    recorded = list(reader.raw())
    player = BagPlayer(reader)
    assert player.due(wall(0)) + player.due(wall(20)) == recorded


@pytest.mark.parametrize("rate", [0.25, 2.0, 10.0])
def test_the_rate_stretches_time(reader, rate):
    player = BagPlayer(reader, rate=rate, topics=["/tick"])
    player.due(wall(0))
    assert player.next_due_wall_ns() == wall(1 / rate)
    assert player.due(wall(0.99 / rate)) == []
    assert played(reader, player.due(wall(1 / rate))) == ["tick 1"]


def test_the_wall_time_of_the_next_message_is_never_too_early(reader):
    player = BagPlayer(reader, rate=3.0, topics=["/tick"])
    player.due(wall(0))
    for second in range(1, 11):
        assert played(reader, player.due(player.next_due_wall_ns())) == [f"tick {second}"]


def test_a_change_of_the_rate_keeps_the_clock(reader):
    player = BagPlayer(reader, topics=["/tick"])
    player.due(wall(0))
    assert player.set_rate(2.0, wall(1.5))
    assert (player.rate, bag_seconds(player, 1.5), bag_seconds(player, 2.5)) == (2.0, 1.5, 3.5)
    for rate in (0.0, -1.0, float("nan"), float("inf")):
        assert not player.set_rate(rate, wall(2.5))
    assert player.rate == 2.0


def test_pause_and_resume(reader):
    player = BagPlayer(reader, topics=["/tick"])
    player.due(wall(0))
    player.pause(wall(1.5))
    player.pause(wall(2))
    assert player.is_paused and player.next_due_wall_ns() is None
    assert player.due(wall(50)) == [] and bag_seconds(player, 50) == 1.5
    player.resume(wall(50))
    player.resume(wall(50.25))
    assert played(reader, player.due(wall(50.4))) == ["tick 1"]
    assert player.due(wall(50.49)) == []
    assert played(reader, player.due(wall(50.5))) == ["tick 2"]
    player.toggle_paused(wall(51))
    assert player.is_paused
    player.toggle_paused(wall(60))
    assert not player.is_paused and bag_seconds(player, 60.25) == 2.75


def test_play_can_begin_paused(reader):
    player = BagPlayer(reader, paused=True, topics=["/tick"])
    assert player.due(wall(0)) == [] and player.due(wall(5)) == []
    player.resume(wall(5))
    assert played(reader, player.due(wall(5))) == ["tick 0"]


def test_play_next_only_when_paused_and_moves_the_clock(reader):
    player = BagPlayer(reader, topics=["/tick"])
    player.due(wall(0))
    assert player.play_next(wall(0.5)) is None
    player.pause(wall(0.5))
    assert played(reader, [player.play_next(wall(3))]) == ["tick 1"]
    assert bag_seconds(player, 9) == 1.0
    player.resume(wall(9))
    assert played(reader, player.due(wall(10))) == ["tick 2"]


def test_burst(reader):
    player = BagPlayer(reader, paused=True, topics=["/tick"])
    assert played(reader, player.burst(3, wall(0))) == ["tick 0", "tick 1", "tick 2"]
    assert len(player.burst(0, wall(0))) == 8
    assert player.burst(1, wall(0)) == [] and player.play_next(wall(0)) is None
    assert player.finished
    player.resume(wall(0))
    assert player.burst(1, wall(0)) == []


def test_seek_goes_both_ways_and_brings_the_latched_messages(reader):
    player = BagPlayer(reader)
    player.due(wall(0))
    assert player.seek(START + 7 * SECOND, wall(2))
    assert played(reader, player.due(wall(2))) == ["map", "static 1", "static 2", "tick 7"]
    assert bag_seconds(player, 2.5) == 7.5
    assert player.seek(START + 2 * SECOND, wall(3))  # what is latched at the point itself comes in its own order
    assert played(reader, player.due(wall(3))) == ["map", "static 0", "static 1", "static 2", "tick 2"]
    for outside in (START - 1, START + 10 * SECOND + 1):
        assert not player.seek(outside, wall(3.5))
    assert bag_seconds(player, 3.5) == 2.5


def test_seek_while_paused_stays_paused(reader):
    player = BagPlayer(reader, paused=True, topics=["/tick"])
    assert player.seek(START + 5 * SECOND, wall(1))
    assert player.is_paused and bag_seconds(player, 9) == 5.0
    assert played(reader, [player.play_next(wall(9))]) == ["tick 5"]


def test_seek_revives_a_finished_play(reader):
    player = BagPlayer(reader, topics=["/tick"])
    player.due(wall(0))
    player.due(wall(20))
    assert player.finished
    assert player.seek(START + 9 * SECOND, wall(21))
    assert played(reader, player.due(wall(22))) == ["tick 9", "tick 10"]


def test_a_start_within_the_recording_brings_the_latched_messages_first(reader):
    player = BagPlayer(reader, start_offset_s=4.5)
    assert played(reader, player.due(wall(0))) == ["map", "static 1", "static 2"]
    assert bag_seconds(player, 0) == 4.5
    assert played(reader, player.due(wall(0.5))) == ["tick 5"]


def test_latched_messages_of_several_publishers_are_all_brought(tmp_path):
    """rosbag2 notes the quality of service of each publisher: three with a depth of 1 keep three messages together."""
    writer = Writer(tmp_path / "static", version=9, storage_plugin=StoragePlugin.MCAP)
    with writer:
        connection = writer.add_connection(
            "/tf_static", "std_msgs/msg/Header", typestore=TYPES.store, offered_qos_profiles=[LATCHED] * 3
        )
        for second in range(6):
            stamp = START + second * SECOND
            header = header_to_message(stamp, f"static {second}", TYPES)
            writer.write(connection, stamp, TYPES.serialize(header))
    with BagReader(tmp_path / "static") as reader:
        player = BagPlayer(reader, start_offset_s=4.5)
        assert played(reader, player.due(wall(0))) == ["static 2", "static 3", "static 4"]


def test_a_loop_jumps_back_and_never_spans_the_jump(reader):
    player = BagPlayer(reader, loop=True, start_offset_s=8.0, topics=["/tick", "/map"])
    assert played(reader, player.due(wall(0))) == ["map", "tick 8"]
    assert played(reader, player.due(wall(2.5))) == ["tick 9", "tick 10"]
    assert (player.loops, bag_seconds(player, 2.5), player.finished) == (0, 10.0, False)
    assert played(reader, player.due(wall(2.6))) == ["map", "tick 8"]
    assert (player.loops, bag_seconds(player, 2.6)) == (1, 8.0)
    assert played(reader, player.due(wall(3.6))) == ["tick 9"]


def test_a_loop_of_a_single_instant_ends_no_call(tmp_path):
    with BagWriter(tmp_path / "one") as writer:
        writer.write("/tick", header_to_message(START, "once", TYPES), START)
    with BagReader(tmp_path / "one") as reader:
        player = BagPlayer(reader, loop=True)
        assert [len(player.due(wall(second))) for second in range(4)] == [1, 1, 1, 1]


def test_a_damaged_recording_is_played_up_to_the_damage_and_told_once(tmp_path):
    with BagWriter(tmp_path / "drive") as writer:
        for index in range(30):  # 10 chunks
            image = TYPES.new("sensor_msgs/msg/Image")
            image.data = np.random.default_rng(index).integers(0, 4, 400_000).astype(np.uint8)
            writer.write("/image", image, START + index * SECOND)
    file = tmp_path / "drive" / "drive.mcap"
    data = bytearray(file.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 1000] = bytes(1000)
    file.write_bytes(data)
    with BagReader(tmp_path / "drive") as reader:
        player = BagPlayer(reader)
        messages = player.due(wall(0)) + player.due(wall(40))
        assert [message.stamp_ns for message in messages] == [START + index * SECOND for index in range(len(messages))]
        assert 10 <= len(messages) <= 15 and not player.finished
        with pytest.raises(RecordingError, match="is damaged"):
            player.due(wall(41))
        assert player.finished and player.due(wall(42)) == []


def test_an_empty_recording_is_finished_at_once(tmp_path):
    with BagWriter(tmp_path / "empty"):
        pass
    with BagReader(tmp_path / "empty") as reader:
        player = BagPlayer(reader)
        assert player.finished and player.due(wall(0)) == []
        looping = BagPlayer(reader, loop=True)
        assert looping.due(wall(0)) == [] and looping.due(wall(1)) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"rate": 0.0}, "rate must be positive"),
        ({"rate": float("nan")}, "rate must be positive"),
        ({"start_offset_s": -1.0}, "start must be within the 10.0 s"),
        ({"start_offset_s": 11.0}, "start must be within the 10.0 s"),
        ({"start_offset_s": float("nan")}, "start must be within the 10.0 s"),
    ],
)
def test_impossible_wishes_are_refused(reader, options, reason):
    with pytest.raises(InputError, match=reason):
        BagPlayer(reader, **options)
