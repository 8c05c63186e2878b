"""Polygons of a road network: unions, and polygons with holes as polygons without."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from zoox_prediction.maps.road_network import Ragged


def polygon_of(points: NDArray) -> BaseGeometry:
    """The area within (n, 2) points as a valid geometry; empty when they enclose nothing."""
    distinct = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if len(distinct) < 3:
        return shapely.Polygon()
    polygon = shapely.Polygon(distinct)
    # What is left of a crossed ring may hold lines as well, which unions and differences cannot digest.
    return polygon if polygon.is_valid else shapely.union_all(_polygons(shapely.make_valid(polygon)))


def union_of(rings: Iterable[NDArray], grown_m: float = 0.0) -> BaseGeometry:
    """The union of areas given by their rings (n, 2) [m], each first grown to all sides; empty without any."""
    areas = [polygon_of(ring) for ring in rings]
    return shapely.union_all(shapely.buffer(areas, grown_m) if grown_m else areas)


def union_polygons(rings: Iterable[NDArray], close_gap_m: float = 0.0) -> Ragged:
    """The union of areas given by their rings (n, 2), as polygons without holes; gaps up to close_gap_m are closed."""
    union = union_of(rings)
    if close_gap_m > 0.0:
        union = union.buffer(0.5 * close_gap_m, join_style="mitre").buffer(-0.5 * close_gap_m, join_style="mitre")
    return ragged_polygons(union)


def ragged_polygons(area: BaseGeometry) -> Ragged:
    """Any area as polygons without holes."""
    return Ragged.points(
        np.asarray(piece.exterior.coords)[:-1] for part in _polygons(area) for piece in without_holes(part)
    )


def without_holes(polygon: shapely.Polygon) -> list[shapely.Polygon]:
    """The same area as polygons without holes, cut along vertical lines through the holes."""
    done: list[shapely.Polygon] = []
    todo = [polygon]
    while todo:
        piece = todo.pop()
        if not piece.interiors:
            done.append(piece)
            continue
        low_x, low_y, high_x, high_y = piece.bounds
        hole = shapely.Polygon(piece.interiors[0])
        cut = 0.5 * (hole.bounds[0] + hole.bounds[2])
        for side in (shapely.box(low_x, low_y, cut, high_y), shapely.box(cut, low_y, high_x, high_y)):
            todo += _polygons(piece.intersection(side))
    return done


def _polygons(geometry: BaseGeometry) -> list[shapely.Polygon]:
    """The polygons of any geometry that enclose an area worth speaking of."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return [part for part in parts if part.geom_type == "Polygon" and part.area > 1e-3]
