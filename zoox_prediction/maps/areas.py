"""Polygons of a road network: unions, and polygons with holes as polygons without."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from zoox_prediction.maps.road_network import Ragged

_BESIDE_ROAD_M = 2.0  # a curb or rail up to this far from the lanes is the edge of their road
_INTO_ROAD_M = 0.5  # and one farther than this into them is none
_SHORTEST_EDGE_M = 1.0


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


def closed_union(rings: Iterable[NDArray], close_gap_m: float) -> BaseGeometry:
    """The union of areas given by their rings (n, 2); slivers between them up to close_gap_m wide are closed."""
    return closed_areas([union_of(rings)], close_gap_m)


def closed_areas(areas: Sequence[BaseGeometry], close_gap_m: float) -> BaseGeometry:
    """The union of areas; slivers between them up to close_gap_m wide are closed."""
    union = areas[0] if len(areas) == 1 else shapely.union_all(areas)
    if close_gap_m > 0.0 and not union.is_empty:
        half = 0.5 * close_gap_m
        union = union.buffer(half, join_style="mitre").buffer(-half, join_style="mitre")
    return union


def filled(area: BaseGeometry, hole_m2: float) -> BaseGeometry:
    """An area without its holes of up to hole_m2."""
    kept = [
        shapely.Polygon(part.exterior, [hole for hole in part.interiors if shapely.Polygon(hole).area > hole_m2])
        for part in _polygons(area)
    ]
    return shapely.union_all(kept)


def union_polygons(rings: Iterable[NDArray], close_gap_m: float = 0.0) -> Ragged:
    """The union of areas given by their rings (n, 2), as polygons without holes; gaps up to close_gap_m are closed."""
    return ragged_polygons(closed_union(rings, close_gap_m))


def road_edges(paved: BaseGeometry, borders: Sequence[NDArray], open_ends: Sequence[NDArray]) -> Ragged:
    """Polylines along the outside of the paved road.

    Borders (n, 2) that the map names count where they run along the road, up to _BESIDE_ROAD_M beside it; where there
    are none, it is the outline of `paved`, but for the lines (2, 2) across the road at which it leaves the map.
    """
    if paved.is_empty:
        return Ragged.points()
    edges = []
    outline = paved.boundary
    if borders:
        lines = np.array([shapely.LineString(border) for border in borders])
        beside = paved.buffer(_BESIDE_ROAD_M, quad_segs=2).difference(paved.buffer(-_INTO_ROAD_M, quad_segs=2))
        named = shapely.get_parts(shapely.get_parts(shapely.intersection(lines, beside)))
        named = named[shapely.length(named) > _BESIDE_ROAD_M + _INTO_ROAD_M]  # others only run up to the road
        edges.append(shapely.union_all(named))
        outline = outline.difference(shapely.union_all(shapely.buffer(named, _BESIDE_ROAD_M, quad_segs=2)))
    if open_ends:
        across = shapely.buffer(np.array([shapely.LineString(end) for end in open_ends]), 0.1, cap_style="flat")
        outline = outline.difference(shapely.union_all(across))
    edges.append(outline)
    parts = [part for edge in edges for part in shapely.get_parts(shapely.line_merge(edge))]
    return Ragged.points(
        np.asarray(part.coords) for part in parts if part.geom_type == "LineString" and part.length > _SHORTEST_EDGE_M
    )


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
