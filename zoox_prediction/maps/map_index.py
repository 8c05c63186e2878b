"""What of a road network is near: one spatial index over everything that has a place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.maps.areas import polygon_of
from zoox_prediction.maps.road_network import Ragged, RoadNetwork


class ElementKind(IntEnum):
    """What an element of the map is; its row is that in the named columns of RoadNetwork."""

    LANE = 0  # lanes: their centrelines
    CROSSWALK = 1  # crosswalks
    STOP_LINE = 2  # stop_lines
    WALKWAY = 3  # walkways
    DRIVABLE_AREA = 4  # drivable_areas
    INTERSECTION = 5  # intersections
    PARKING_AREA = 6  # parking_areas
    ROAD_EDGE = 7  # road_edges
    SIGNAL = 8  # signal_positions


@dataclass(frozen=True)
class Elements:
    """M elements of the map near to places asked for, sorted by place, then by distance."""

    query: NDArray[np.int64]  # (M,) row of the place in the query, rising
    kind: NDArray[np.uint8]  # (M,) ElementKind
    row: NDArray[np.int64]  # (M,) of the element among those of its kind
    distance_m: NDArray[np.float64]  # (M,) to the nearest point of the element; 0 inside of areas

    def __len__(self) -> int:
        return len(self.query)


class MapIndex:
    """Index of a road network's lanes, areas, lines and signals; `road_network.index` builds it once.

    Elements without a place are not in it: coordinates that are not finite, lines of fewer than two points, areas that
    enclose nothing. The memory that it takes is of the size of the network.
    """

    def __init__(self, road_network: RoadNetwork) -> None:
        geometries = {
            ElementKind.LANE: _lines(road_network.lanes.centerline),
            ElementKind.CROSSWALK: _areas(road_network.crosswalks),
            ElementKind.STOP_LINE: _lines(road_network.stop_lines),
            ElementKind.WALKWAY: _areas(road_network.walkways),
            ElementKind.DRIVABLE_AREA: _areas(road_network.drivable_areas),
            ElementKind.INTERSECTION: _areas(road_network.intersections),
            ElementKind.PARKING_AREA: _areas(road_network.parking_areas),
            ElementKind.ROAD_EDGE: _lines(road_network.road_edges),
            ElementKind.SIGNAL: _points(road_network.signal_positions),
        }
        count = [len(each) for each in geometries.values()]
        self._kind = np.repeat(np.array(list(geometries), dtype=np.uint8), count)
        self._row = np.concatenate([np.arange(each) for each in count])
        self._geometry = np.concatenate(list(geometries.values()))
        self._tree = shapely.STRtree(self._geometry)  # which passes over missing geometries

    def within(
        self, position: ArrayLike, radius_m: ArrayLike, kinds: Collection[ElementKind] | None = None
    ) -> Elements:
        """The elements of `kinds` (default: all) not farther than radius_m (scalar or (N,)) from position (N, 2) [m].

        Distances are those to the element's geometry, 0 inside of areas. Places that are not finite have no elements.
        Raises ValueError for a radius that is negative or not finite.
        """
        position = np.asarray(position, dtype=np.float64).reshape(-1, 2)
        radius = np.broadcast_to(np.asarray(radius_m, dtype=np.float64), len(position))
        query, element = self._boxes_meet(position, radius, kinds)
        distance = shapely.distance(shapely.points(position)[query], self._geometry[element])
        near = distance <= radius[query]
        query, element, distance = query[near], element[near], distance[near]
        order = np.lexsort((distance, query))
        element = element[order]
        return Elements(query[order], self._kind[element], self._row[element], distance[order])

    def lanes_about(self, position: NDArray, radius_m: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of places (N, 2) and of lanes, (M,) each: all pairs within radius_m of each other and some farther ones.

        Only bounding boxes are compared, at a fraction of the cost of `within`.
        """
        radius = np.broadcast_to(np.float64(radius_m), len(position))
        query, element = self._boxes_meet(position, radius, (ElementKind.LANE,))
        return query, self._row[element]

    def _boxes_meet(
        self, position: NDArray[np.float64], radius_m: NDArray[np.float64], kinds: Collection[ElementKind] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of a place and an element whose bounding box is within radius_m (N,) along both axes."""
        if not np.all(np.isfinite(radius_m) & (radius_m >= 0.0)):
            raise ValueError("radius_m must be finite and not negative")
        finite = np.flatnonzero(np.isfinite(position).all(axis=1))
        low, high = (position[finite] + sign * radius_m[finite, None] for sign in (-1.0, 1.0))
        place, element = self._tree.query(shapely.box(*low.T, *high.T))
        if kinds is not None:
            wanted = np.zeros(len(ElementKind), dtype=bool)
            wanted[list(kinds)] = True
            of_kind = wanted[self._kind[element]]
            place, element = place[of_kind], element[of_kind]
        return finite[place], element


def _lines(sequences: Ragged) -> NDArray:
    """(N,) linestrings, None for those without a place."""
    count = np.diff(sequences.offsets)
    owner = np.repeat(np.arange(len(sequences)), count)
    usable = count >= 2
    usable[owner[~np.isfinite(sequences.values).all(axis=1)]] = False
    lines = np.full(len(sequences), None, dtype=object)
    if usable.any():
        number = np.cumsum(usable) - 1  # without gaps, as shapely wants them
        lines[usable] = shapely.linestrings(sequences.values[usable[owner]], indices=number[owner[usable[owner]]])
    return lines


def _areas(sequences: Ragged) -> NDArray:
    """(N,) valid polygons, None for those that enclose nothing."""
    areas = np.full(len(sequences), None, dtype=object)
    for row, ring in enumerate(sequences):  # once per map
        if np.isfinite(ring).all():
            areas[row] = polygon_of(ring)
    areas[~(shapely.area(areas) > 0.0)] = None
    return areas


def _points(positions: NDArray[np.float64]) -> NDArray:
    """(N,) points, None for those that are not finite."""
    points: NDArray = shapely.points(positions)
    points[~np.isfinite(positions).all(axis=1)] = None
    return points
