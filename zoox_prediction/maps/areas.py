"""Polygons of a road network: unions, and polygons with holes as polygons without."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry

from zoox_prediction.maps.road_network import Ragged

_BESIDE_ROAD_M = 2.0  # a curb or rail up to this far from the lanes is the edge of their road
_INTO_ROAD_M = 0.5  # and one farther than this into them is none
_SHORTEST_BORDER_M = 4.0  # a shorter piece of a border only runs up to the road
_AT_END_M = 0.3
_PIECE_M = 3.0
_FEWEST_POINTS = 3  # of a ring
_SAME_LINE_M = 0.01  # points of an outline that are nearer than this to the line between others are left out


def polygon_of(points: NDArray) -> BaseGeometry:
    """The area within (n, 2) points as a valid geometry; empty when they enclose nothing."""
    distinct = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if len(distinct) < _FEWEST_POINTS:
        return shapely.Polygon()
    return _valid(shapely.Polygon(distinct))


def _valid(area: BaseGeometry) -> BaseGeometry:
    """The area within rings that may cross themselves."""
    # What is left of a crossed ring may hold lines as well, which unions and differences cannot digest.
    return area if area.is_valid else shapely.union_all(_polygons(shapely.make_valid(area)))


def polygons_of(rings: Sequence[NDArray]) -> NDArray:
    """polygon_of each ring (n, 2), at once."""
    areas = np.full(len(rings), shapely.Polygon(), dtype=object)
    rows = [row for row, ring in enumerate(rings) if len(ring) >= _FEWEST_POINTS]
    if rows:
        known = [rings[row] for row in rows]
        owner = np.repeat(np.arange(len(known)), [len(ring) for ring in known])
        made = shapely.polygons(shapely.linearrings(np.concatenate(known), indices=owner))
        crossed = ~shapely.is_valid(made)
        made[crossed] = shapely.make_valid(made[crossed])
        areas[rows] = made
    return areas


def union_of(rings: Iterable[NDArray], grown_m: float = 0.0) -> BaseGeometry:
    """The union of areas given by their rings (n, 2) [m], each first grown to all sides; empty without any."""
    areas = polygons_of(list(rings))
    return shapely.union_all(shapely.buffer(areas, grown_m) if grown_m else areas)


def closed_union(rings: Iterable[NDArray], close_gap_m: float) -> BaseGeometry:
    """The union of areas given by their rings (n, 2); slivers between them up to close_gap_m wide are closed."""
    areas = shapely.simplify(polygons_of(list(rings)), _SAME_LINE_M)  # much less to unite than all points of the map
    return closed_areas(areas, close_gap_m)


def closed_areas(areas: Sequence[BaseGeometry] | NDArray, close_gap_m: float) -> BaseGeometry:
    """The union of areas, valid; slivers between them up to close_gap_m wide are closed."""
    union = shapely.union_all(areas)
    if close_gap_m > 0.0 and not union.is_empty:
        half = 0.5 * close_gap_m
        union = union.buffer(half, join_style="mitre").buffer(-half, join_style="mitre")
    return _valid(union)  # at sharp corners the outline that comes back may cross itself


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
    outline, named = (
        _Pieces(_lines(ring.coords for ring in shapely.get_parts(paved.boundary))),
        _Pieces(_lines(borders)),
    )
    shapely.prepare(paved)
    reach = np.where(shapely.contains(paved, named.middles), _INTO_ROAD_M, _BESIDE_ROAD_M)
    edges = [run for run in named.runs(outline.within(reach, named.middles)) if _length_m(run) > _SHORTEST_BORDER_M]
    covered = _Pieces(_lines(edges)).within(_BESIDE_ROAD_M, outline.middles)
    open_end = _Pieces(_lines(open_ends)).within(_AT_END_M, outline.middles)
    return Ragged.points([*edges, *outline.runs(~covered & ~open_end)])


def _lines(lines: Iterable[ArrayLike]) -> list[shapely.LineString]:
    """Of (n, 2) points each, without those that have no length."""
    made = [shapely.LineString(line) for line in lines]
    return [line for line in made if line.length > 0.0]


def _length_m(line: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())


class _Pieces:
    """Lines cut into short pieces, so that each piece can be kept or left out as a whole."""

    def __init__(self, lines: Sequence[shapely.LineString]) -> None:
        cut = shapely.segmentize(shapely.simplify(np.array(lines, dtype=object), _SAME_LINE_M), _PIECE_M)
        self._points, owner = shapely.get_coordinates(cut, return_index=True)
        self._starts = np.flatnonzero(owner[1:] == owner[:-1])  # of the pieces
        self._ends = np.stack([self._points[self._starts], self._points[self._starts + 1]], axis=1)
        self.middles: NDArray = shapely.points(self._ends.mean(axis=1))

    def within(self, distance_m: ArrayLike, points: NDArray) -> NDArray[np.bool_]:
        """(M,) whether there is a piece within a distance of each point."""
        near = np.zeros(len(points), dtype=bool)
        tree = shapely.STRtree(shapely.linestrings(self._ends))
        near[tree.query(points, predicate="dwithin", distance=distance_m)[0]] = True
        return near

    def runs(self, keep: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
        """The pieces to keep as polylines (n, 2), joined where they follow each other in the same line."""
        kept = self._starts[keep]
        if not len(kept):
            return []
        breaks = np.flatnonzero(np.diff(kept) > 1) + 1
        return [self._points[run[0] : run[-1] + 2] for run in np.split(kept, breaks)]


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
        middles = sorted(0.5 * (hole.bounds[0] + hole.bounds[2]) for hole in piece.interiors)
        cut = middles[len(middles) // 2]  # halves the holes, so that few cuts go through everything
        for side in (shapely.box(low_x, low_y, cut, high_y), shapely.box(cut, low_y, high_x, high_y)):
            todo += _polygons(piece.intersection(side))
    return done


def _polygons(geometry: BaseGeometry) -> list[shapely.Polygon]:
    """The polygons of any geometry that enclose an area worth speaking of."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return [part for part in parts if part.geom_type == "Polygon" and part.area > 1e-3]
