"""The ground that the lanes of a Lanelet2 map cover."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from zoox_prediction.maps.areas import union_of
from zoox_prediction.maps.lanelet2_areas import Areas, surfaces_of
from zoox_prediction.maps.records import LaneRecord

_WIDTH_M, _LENGTH_M = 4.0, 40.0


def _lane(number: int, start: tuple[float, float], along: tuple[float, float]) -> LaneRecord:
    direction = np.array(along)
    line = np.array([start, start + _LENGTH_M * direction])
    left = 0.5 * _WIDTH_M * np.array([-direction[1], direction[0]])
    return LaneRecord(id=number, centerline=line, left_boundary=line + left, right_boundary=line - left)


@pytest.mark.parametrize(("open_m", "paved"), [(2.5, True), (4.0, False)])
def test_small_holes_between_crossing_lanes_are_paved_and_have_no_edges(open_m: float, paved: bool) -> None:
    half = 0.5 * (open_m + _WIDTH_M)  # from the middle of the hole to the centrelines around it
    starts = {1: (-20.0, half), 2: (-20.0, -half)}, {3: (half, -20.0), 4: (-half, -20.0)}
    records = [_lane(number, at, (1.0, 0.0)) for number, at in starts[0].items()]
    records += [_lane(number, at, (0.0, 1.0)) for number, at in starts[1].items()]
    surfaces = surfaces_of(records, Areas())
    assert shapely.contains_xy(union_of(surfaces.drivable, 1e-3), 0.0, 0.0) == paved
    edges = shapely.MultiLineString(list(surfaces.edges))
    assert (edges.distance(shapely.Point(0.0, 0.0)) > half) == paved
