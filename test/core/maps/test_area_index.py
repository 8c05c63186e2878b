"""Points and polygons."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from zoox_prediction.maps.area_index import AreaIndex
from zoox_prediction.maps.areas import polygon_of, union_polygons, without_holes
from zoox_prediction.maps.road_network import Ragged

_SQUARES = Ragged.points([[(0, 0), (4, 0), (4, 4), (0, 4)], [(10, 0), (14, 0), (14, 2), (10, 2)]])


def test_contains_any_shape_and_nan() -> None:
    index = AreaIndex(_SQUARES)
    points = np.array([[[1, 1], [5, 1]], [[12, 1], [np.nan, 1]]])
    assert index.contains(points).tolist() == [[True, False], [True, False]]


def test_containing_and_nearest() -> None:
    index = AreaIndex(_SQUARES)
    points = np.array([[1, 1], [12, 1], [7, 1], [16, 1], [np.nan, 0]])
    assert index.containing(points).tolist() == [0, 1, -1, -1, -1]
    rows, distance = index.nearest(points)
    assert rows[[0, 1, 3, 4]].tolist() == [0, 1, 1, -1]
    np.testing.assert_allclose(distance, [0, 0, 3, 2, np.inf])


def test_ahead_meets_the_first_polygon_on_the_way() -> None:
    index = AreaIndex(_SQUARES)
    points = np.array([[-3, 1], [-3, 1], [6, 1], [12, 1], [-3, 1], [-3, 1]], dtype=float)
    rows, distance = index.ahead(points, [0.0, np.pi, 0.0, 0.0, np.nan, np.pi / 2], 20.0)
    assert rows.tolist() == [0, -1, 1, 1, -1, -1]
    np.testing.assert_allclose(distance, [3, np.inf, 4, 0, np.inf, np.inf])
    assert index.ahead(points[:1], [0.0], 2.0)[0].tolist() == [-1]


def test_long_axes_join_the_short_sides() -> None:
    axes = AreaIndex(_SQUARES).long_axes()
    ends = axes[1][np.argsort(axes[1][:, 0])]
    np.testing.assert_allclose(ends, [[10, 1], [14, 1]], atol=1e-9)


def test_no_polygons() -> None:
    index = AreaIndex(Ragged.points())
    points = np.zeros((2, 2))
    assert index.contains(points).tolist() == [False, False]
    assert index.containing(points).tolist() == [-1, -1]
    assert index.nearest(points)[0].tolist() == [-1, -1]
    assert index.ahead(points, np.zeros(2), 5.0)[0].tolist() == [-1, -1]
    assert index.long_axes().shape == (0, 2, 2)


def test_polygons_without_holes_cover_the_same_area() -> None:
    outer = shapely.box(0, 0, 10, 10)
    holes = shapely.union_all([shapely.box(1, 1, 2, 2), shapely.box(5, 5, 8, 9), shapely.box(1, 5, 2, 6)])
    holed = outer.difference(holes)
    pieces = without_holes(holed)
    assert all(not piece.interiors for piece in pieces)
    assert sum(piece.area for piece in pieces) == pytest.approx(holed.area)
    assert shapely.union_all(pieces).symmetric_difference(holed).area == pytest.approx(0.0, abs=1e-9)


def test_union_closes_slivers_and_mends_crossed_rings() -> None:
    joined = union_polygons(
        [np.array([(0, 0), (5, 0), (5, 3), (0, 3)]), np.array([(5.2, 0), (9, 0), (9, 3), (5.2, 3)])], 0.6
    )
    assert len(joined) == 1
    crossed = polygon_of(np.array([(0, 0), (2, 2), (2, 0), (0, 2)]))
    assert crossed.is_valid
    assert crossed.area == pytest.approx(2.0)
    assert len(union_polygons([])) == 0
    assert polygon_of(np.zeros((2, 2))).is_empty
