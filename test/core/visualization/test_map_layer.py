"""The road network in a picture: everything in its place and colour."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_maps import everything, shifted

from zoox_prediction.scene import SignalState, TrafficSignals
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.canvas import Canvas
from zoox_prediction.visualization.map_layer import draw_road_network

PIXELS_PER_M = 10


def picture(offset=(0.0, 0.0), signals: TrafficSignals | None = None) -> np.ndarray:
    canvas = Canvas(np.add([20.0, 0.0], offset), 100.0, (100 * PIXELS_PER_M, 60 * PIXELS_PER_M))
    draw_road_network(canvas, shifted(everything(), offset), signals)
    return canvas.image


def color_at(image: np.ndarray, x: float, y: float) -> tuple[int, ...]:
    return tuple(image[round((30.0 - y) * PIXELS_PER_M), round((x + 30.0) * PIXELS_PER_M)].tolist())


@pytest.mark.parametrize("offset", [(0.0, 0.0), (456_789.0, 5_428_123.0)])
@pytest.mark.parametrize(
    ("place", "color"),
    [
        ((10.0, -4.0), palette.WALKWAY),
        ((-15.0, 2.5), palette.PARKING),
        ((10.0, 0.8), palette.LANE),
        ((10.0, 3.8), palette.BUS_LANE),
        ((10.0, 6.5), palette.BICYCLE_LANE),
        ((10.0, 8.8), palette.RESTRICTED_LANE),
        ((10.0, 1.5), palette.CENTERLINE),
        ((10.0, 0.0), palette.BOUNDARY),
        ((8.5, 3.0), palette.BOUNDARY),
        ((10.0, 11.0), palette.ROAD_EDGE),
        ((22.0, 5.5), palette.CROSSWALK),
        ((60.0, -19.5), palette.STOP_LINE),
        ((61.0, 13.0), palette.SIGNAL[SignalState.UNKNOWN]),
        ((-25.0, 20.0), palette.BACKGROUND),
    ],
)
def test_each_kind_has_its_color_in_its_place(place, color, offset):
    np.testing.assert_allclose(color_at(picture(offset), *place), color, atol=4)  # lines are smoothed


def test_boundaries_have_gaps_where_they_are_dashed_and_none_where_they_are_virtual():
    image = picture()
    assert color_at(image, 5.0, 3.0) not in (palette.BOUNDARY, palette.ROAD_EDGE)
    assert color_at(image, 10.0, 8.0) in (palette.BICYCLE_LANE, palette.RESTRICTED_LANE)


def test_an_intersection_is_darker_than_a_lane():
    assert sum(color_at(picture(), 10.0, -19.0)) < sum(palette.LANE)


def test_observed_signals_color_their_place_and_where_traffic_waits():
    green = np.array([SignalState.GREEN], dtype=np.uint8)
    image = picture(signals=TrafficSignals(0, np.array([9]), green, np.array([0]), np.ones(1)))
    for place in ((61.0, 13.0), (60.0, 1.5), (60.0, -18.5)):
        assert color_at(image, *place) == palette.SIGNAL[SignalState.GREEN]
