"""Unions of polygons, and polygons without holes."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from zoox_prediction.maps.areas import closed_areas, polygon_of, union_polygons, without_holes


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


def test_an_outline_that_crosses_itself_after_gaps_were_closed_is_mended():
    """Of a junction that closing gaps gave an invalid outline, on which the next difference failed."""
    corner = [(4.718363028519332, -51.95215207576227), (4.478214536126726, -51.22575250373175)]
    corner += [(4.461791986757886, -51.17911866071268), (4.4303197193529265, -51.18797962730323)]
    corner += [(4.444365728932399, -51.129634664434654), (9.629999999999999, -45.98)]
    sliver = [(4.388936195906528, -51.14555667615737), (4.4055404261014965, -51.194956197717204)]
    sliver += [(3.295279776874676, -51.50754830914684)]
    given = shapely.union_all([shapely.Polygon(corner), shapely.Polygon(sliver)])
    area = closed_areas([given], 0.6)
    assert area.is_valid
    assert given.difference(area).area == pytest.approx(0.0, abs=1e-3)  # closing gaps takes nothing away
    assert area.difference(given.buffer(0.3)).area < 0.02  # what the crossing leaves
