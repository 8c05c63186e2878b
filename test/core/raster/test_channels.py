"""The table of channels: what it holds, its strict reading, and values that become pixels and values again."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoox_prediction.config import ConfigError
from zoox_prediction.raster.channels import Channel, ChannelTable, Kind, load_channel_table
from zoox_prediction.scene import Attribute

TABLE = load_channel_table()
VALUES = [channel for channel in TABLE.channels if channel.kind == Kind.VALUE]
FLAGS = [channel for channel in TABLE.channels if channel.kind == Kind.FLAG]
ENTRY = "{name: speed, group: motion, unit: m/s, kind: value, low: 0, high: 50, draw: box, description: speed}"


def test_there_are_60_channels_in_their_groups():
    assert {name: len(channels) for name, channels in TABLE.groups.items()} == {
        "map": 24,
        "agents": 6,
        "past": 8,
        "motion": 5,
        "attributes": 14,
        "ego": 3,
    }
    assert len(TABLE) == 60
    assert [TABLE.index(channel.name) for channel in TABLE.channels] == list(range(60))
    assert TABLE["lane_direction_sin"] is TABLE.channels[2]


def test_every_attribute_has_its_flag():
    attributes = [channel.name for channel in TABLE.groups["attributes"] if channel.kind == Kind.FLAG]
    assert attributes == [attribute.name.lower() for attribute in Attribute]


@pytest.mark.parametrize("channel", VALUES, ids=lambda channel: channel.name)
@given(value=st.floats(allow_nan=False))
def test_a_value_comes_back_within_half_a_quantisation_step(channel, value):
    pixel = channel.encode(value)
    assert pixel.dtype == np.uint8 and pixel >= 1  # a drawn value is never taken for nothing
    clipped = np.clip(value, channel.low, channel.high)
    assert abs(TABLE.decode(channel.name, pixel) - clipped) <= 0.5 * channel.step + 1e-9


@pytest.mark.parametrize("channel", VALUES, ids=lambda channel: channel.name)
def test_every_pixel_of_a_value_has_its_own_value(channel):
    pixels = np.arange(1, 256, dtype=np.uint8)
    values = channel.decode(pixels)
    assert values[[0, -1]].tolist() == [channel.low, channel.high]
    np.testing.assert_allclose(np.diff(values), channel.step)
    assert channel.encode(values).tolist() == pixels.tolist()


def test_what_zero_means_is_exact_where_it_matters():
    for name in ("heading_cos", "heading_sin", "acceleration", "yaw_rate", "front_wheel_angle"):
        assert TABLE.decode(name, TABLE.encode(name, 0.0)) == pytest.approx(0.0, abs=1e-12)


def test_values_are_clipped_and_nan_draws_nothing():
    assert TABLE.encode("speed", [-1.0, 0.0, 50.0, 1e300, np.inf, np.nan]).tolist() == [1, 1, 255, 255, 255, 0]
    assert TABLE.encode("car", [np.nan, 0.0, 0.5, 1.0, 7.0]).tolist() == [0, 0, 128, 255, 255]
    for channel in TABLE.channels:
        assert channel.encode(np.nan) == 0 and np.isnan(channel.decode(0))
        assert channel.encode(np.zeros((3, 0))).shape == (3, 0)


@pytest.mark.parametrize("channel", FLAGS, ids=lambda channel: channel.name)
def test_a_flag_tells_off_from_unknown(channel):
    assert channel.encode([np.nan, False, True]).tolist() == [0, 128, 255]
    np.testing.assert_array_equal(channel.decode([0, 128, 255]), [np.nan, 0.0, 1.0])


def test_the_digest_changes_with_the_meaning_of_a_pixel_only():
    first, *rest = TABLE.channels
    reworded = ChannelTable((dataclasses.replace(first, description="other words"), *rest))
    assert reworded.digest == TABLE.digest
    assert ChannelTable((rest[0], first, *rest[1:])).digest != TABLE.digest
    wider = [dataclasses.replace(each, high=60.0) if each.name == "speed" else each for each in TABLE.channels]
    assert ChannelTable(tuple(wider)).digest != TABLE.digest


def test_a_table_of_ones_own(tmp_path):
    file = tmp_path / "channels.yaml"
    file.write_text(f"channels:\n  - {ENTRY}\n")
    assert load_channel_table(file).channels == (TABLE["speed"],)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (ENTRY.replace("unit", "unti"), "unknown parameter 'channels[0].unti', did you mean 'channels[0].unit'?"),
        (ENTRY.replace("unit: m/s, ", ""), "'speed' is a value and needs a unit"),
        (ENTRY.replace("name: speed, ", ""), "channels[0]: name must be a word"),
        (ENTRY.replace("group: motion, ", ""), "channels[0]: group of 'speed' is missing"),
        (
            ENTRY.replace("kind: value", "kind: number"),
            "kind of 'speed' must be one of mask, value, flag, got 'number'",
        ),
        (ENTRY.replace("draw: box", "draw: blob"), "draw of 'speed' must be one of area, lane, line, disc, box"),
        (ENTRY.replace("high: 50", "high: fast"), "parameter 'channels[0].high' must be float, got 'fast'"),
        (ENTRY.replace("high: 50", "high: .nan"), "low of 'speed' must be below its high"),
        (f"{ENTRY}\n  - {ENTRY}", "two that are named 'speed'"),
        ("speed", "parameter 'channels[0]' must be a mapping"),
        ("{", "is not YAML"),
    ],
)
def test_a_faulty_table_is_one_sentence(tmp_path, text, sentence):
    file = tmp_path / "channels.yaml"
    file.write_text(f"channels:\n  - {text}\n")
    with pytest.raises(ConfigError) as caught:
        load_channel_table(file)
    assert str(caught.value).startswith(f"{file}: ") and sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "channels: []\n", "channels:\n", "[]\n"])
def test_an_empty_table_is_refused(tmp_path, text):
    file = tmp_path / "channels.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="channels"):
        load_channel_table(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read"):
        load_channel_table(tmp_path / "nowhere.yaml")


def test_groups_stay_together():
    first, second = TABLE["car"], TABLE["speed"]
    with pytest.raises(ValueError, match="follow each other"):
        ChannelTable((first, second, dataclasses.replace(first, name="truck")))
    with pytest.raises(KeyError):
        TABLE.index("truck")
    assert Channel("a", "b", "mask", "box", "c").step > 0.0
