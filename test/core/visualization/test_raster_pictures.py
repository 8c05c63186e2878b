"""The composite and the contact sheet of a raster show what its channels hold."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.raster.channels import load_channel_table
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.raster_composite import LAYERS, draw_composite, draw_labelled_composite
from zoox_prediction.visualization.raster_sheet import draw_sheet

TABLE = load_channel_table()
COLORS = {layer.channel: layer.color for layer in LAYERS}


def raster_with(size_px: int = 32, **pixels: int) -> np.ndarray:
    """Zero but for a square in the middle of the channels that are named."""
    raster = np.zeros((len(TABLE), size_px, size_px), dtype=np.uint8)
    for name, pixel in pixels.items():
        raster[TABLE.index(name), 8:24, 8:24] = pixel
    return raster


def test_every_agent_has_its_color_and_lies_above_the_map():
    ground = dict.fromkeys(("drivable_area", "crosswalk", "solid_boundary", "signal_red", "vehicles_0_5_s_ago"), 255)
    for name in ("car", "large_vehicle", "two_wheeler", "pedestrian", "animal", "unknown_agent", "ego"):
        picture = draw_composite(raster_with(**ground, **{name: 255}), TABLE)
        assert picture[16, 16].tolist() == list(COLORS[name])
        assert picture[0, 0].tolist() == list(palette.BACKGROUND)


def test_the_past_fades():
    def contrast(age: str, kind: str = "vehicles") -> int:
        picture = draw_composite(raster_with(**{f"{kind}_{age}_s_ago": 255}), TABLE)
        return int(np.abs(picture[16, 16].astype(int) - palette.BACKGROUND).sum())

    for kind in ("vehicles", "vulnerable"):
        contrasts = [contrast(age, kind) for age in ("0_5", "1_0", "1_5", "2_0")]
        assert contrasts == sorted(contrasts, reverse=True) and len(set(contrasts)) == 4 and contrasts[-1] > 0


def test_signals_color_lanes_and_crosswalks():
    seen = {name: draw_composite(raster_with(**{f"signal_{name}": 255}), TABLE)[16, 16] for name in ("red", "green")}
    assert seen["red"].argmax() == 0 and seen["green"].argmax() == 1
    walk, stop = (draw_composite(raster_with(crosswalk=255, crosswalk_walk=each), TABLE)[16, 16] for each in (255, 128))
    assert int(walk[1]) > int(walk[0]) and int(stop[0]) > int(stop[1])


def test_where_lanes_cross_one_signal_is_seen_and_not_a_mixture():
    names = [f"signal_{color}" for color in ("green", "yellow", "red", "unknown")]
    for place, name in enumerate(names):
        alone = draw_composite(raster_with(**{name: 255}), TABLE)
        together = draw_composite(raster_with(**dict.fromkeys(names[place:], 255)), TABLE)
        np.testing.assert_array_equal(alone, together)


def test_half_covered_pixels_are_half_colored():
    full, half = (draw_composite(raster_with(ego=each), TABLE)[16, 16].astype(int) for each in (255, 128))
    np.testing.assert_allclose(half, (full + palette.BACKGROUND) / 2, atol=1.5)


def test_a_scaled_composite_has_the_same_picture():
    raster = raster_with(car=255)
    plain, large = draw_composite(raster, TABLE), draw_composite(raster, TABLE, scale=4)
    assert large.shape == (128, 128, 3)
    np.testing.assert_array_equal(large[64, 64], plain[16, 16])
    np.testing.assert_array_equal(large[8, 8], plain[2, 2])


@pytest.mark.parametrize("scale", [1, 3])
def test_an_empty_raster_is_an_empty_picture(scale):
    assert (draw_composite(raster_with(), TABLE, scale) == palette.BACKGROUND).all()


def test_the_key_lists_only_what_there_is():
    def key_pixels(**pixels: int) -> int:
        image = draw_labelled_composite(raster_with(64, **pixels), TABLE, 0.8, "", scale=8)
        return int((image[-140:, :200] != palette.BACKGROUND).any(axis=-1).sum())

    assert key_pixels() == 0
    assert 0 < key_pixels(pedestrian=255) < key_pixels(pedestrian=255, ego=255)


@pytest.mark.parametrize("size_px", [8, 100, 256, 640])
def test_the_sheet_has_a_tile_for_every_channel(size_px):
    """With one channel filled after the other, each sheet differs from the empty one in a place of its own."""
    empty = draw_sheet(np.zeros((len(TABLE), size_px, size_px), dtype=np.uint8), TABLE, "title")
    places = set()
    for channel in TABLE.channels[:: 1 if size_px == 100 else 20]:
        raster = np.zeros((len(TABLE), size_px, size_px), dtype=np.uint8)
        raster[TABLE.index(channel.name)] = 255
        rows, columns = np.nonzero((draw_sheet(raster, TABLE, "title") != empty).any(axis=-1))
        assert np.ptp(rows) == 255 and np.ptp(columns) == 255
        places.add((int(rows.min()), int(columns.min())))
    assert len(places) == len(TABLE.channels[:: 1 if size_px == 100 else 20])


def test_a_single_pixel_is_seen_when_the_raster_is_larger_than_a_tile():
    raster = np.zeros((len(TABLE), 1000, 1000), dtype=np.uint8)
    empty = draw_sheet(raster, TABLE, "")
    raster[TABLE.index("pedestrian"), 501, 333] = 255
    assert (draw_sheet(raster, TABLE, "") != empty).any()


def test_flags_show_off_and_on_and_unknown_differently():
    raster = np.zeros((len(TABLE), 256, 256), dtype=np.uint8)
    raster[TABLE.index("child"), :, 100:200], raster[TABLE.index("child"), :, 200:] = 128, 255
    changed = draw_sheet(raster, TABLE, "")
    rows, columns = np.nonzero((changed != draw_sheet(raster * 0, TABLE, "")).any(axis=-1))
    row = changed[rows.min() + 5]
    unknown, off, on = (tuple(row[columns.max() - distance].tolist()) for distance in (240, 100, 10))
    assert len({unknown, off, on}) == 3
