"""What a road network looks like, kind by kind from below to above; pictures and RViz markers both draw this."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.maps.markings import STRIPE_M, dashes, once, segments, stripes
from zoox_prediction.maps.road_network import NO_ID, BoundaryType, LaneType, Ragged, RoadNetwork, rows_of_ids
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.palette import Color

_TOLERANCE_M = 0.03  # points that move a line by less are left out
_ARROW_M, _ARROW_LANE_M = 0.9, 6.0  # arm of a chevron, and the shortest lane that has one

# Namespace of RViz and colour of the lanes of each type.
_LANES: dict[LaneType, tuple[str, Color]] = {
    LaneType.VEHICLE: ("lanes", palette.LANE),
    LaneType.BUS: ("bus_lanes", palette.BUS_LANE),
    LaneType.RESTRICTED: ("restricted_lanes", palette.RESTRICTED_LANE),
    LaneType.PARKING: ("parking_lanes", palette.PARKING),
    LaneType.BICYCLE: ("bicycle_lanes", palette.BICYCLE_LANE),
}


@dataclass(frozen=True)
class Feature:
    """Everything of one kind."""

    name: str
    color: Color
    shapes: Ragged  # polylines, or polygons of an area, (n, 2) points [m]
    width_m: float = 0.0  # of the lines; of an area's outline where only that is drawn
    area: bool = False
    alpha: float = 1.0

    def rows_within(self, bounds_m: tuple[float, float, float, float]) -> NDArray[np.int64]:
        """Rows of the shapes whose bounding boxes meet min x, min y, max x, max y [m]."""
        min_x, min_y, max_x, max_y = bounds_m
        rows, low, high = self._boxes
        meets = (low[:, 0] <= max_x) & (high[:, 0] >= min_x) & (low[:, 1] <= max_y) & (high[:, 1] >= min_y)
        return rows[meets]

    @cached_property
    def _boxes(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        rows = np.flatnonzero(np.diff(self.shapes.offsets) > 0)
        if not len(rows):
            return rows, np.zeros((0, 2)), np.zeros((0, 2))
        starts = self.shapes.offsets[rows]
        values = self.shapes.values
        return rows, np.minimum.reduceat(values, starts, axis=0), np.maximum.reduceat(values, starts, axis=0)


_recent: list[tuple[weakref.ref[RoadNetwork], tuple[Feature, ...]]] = []  # what films draw again and again
_KEPT = 2


def map_features(network: RoadNetwork) -> tuple[Feature, ...]:
    """The kinds that the network has, from below to above. Points that are not finite are left out."""
    for reference, features in _recent:
        if reference() is network:
            return features
    features = tuple(each for each in _features(network) if len(each.shapes))
    _recent.insert(0, (weakref.ref(network), features))
    del _recent[_KEPT:]
    return features


def signal_places(network: RoadNetwork, lane_rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n, 2) [m] where the traffic of lanes (n,) waits for their signal; NaN for lanes without a centreline.

    It is the end of the lane that is nearer to its stop line; without one, its start inside an intersection and its end
    before one.
    """
    lanes = network.lanes
    centerlines = [
        lanes.centerline[row] if len(lanes.centerline[row]) else np.full((1, 2), np.nan) for row in lane_rows
    ]
    starts, ends = (np.array([line[side] for line in centerlines]).reshape(-1, 2) for side in (0, -1))
    at_start = lanes.in_intersection[lane_rows].copy()
    stop_line = np.where(
        lanes.stop_line[lane_rows] == NO_ID, -1, rows_of_ids(network.stop_line_ids, lanes.stop_line[lane_rows])
    )
    for each in np.flatnonzero(stop_line >= 0):  # a few lanes, once per picture
        middle = network.stop_lines[stop_line[each]].mean(axis=0)
        at_start[each] = np.linalg.norm(starts[each] - middle) < np.linalg.norm(ends[each] - middle)
    return np.where(at_start[:, None], starts, ends)


def _features(network: RoadNetwork) -> Iterable[Feature]:
    lanes = network.lanes
    left, right = _simplified(lanes.left_boundary), _simplified(lanes.right_boundary)
    yield Feature("walkways", palette.WALKWAY, _simplified(network.walkways), 0.1, area=True)
    yield Feature("drivable_areas", palette.DRIVABLE_AREA, _simplified(network.drivable_areas), 0.1, area=True)
    yield Feature("parking_areas", palette.PARKING, _simplified(network.parking_areas), 0.15, area=True)
    for lane_type, (name, color) in _LANES.items():
        yield Feature(name, color, _between(left, right, lanes.type == lane_type), area=True)
    yield Feature("intersections", palette.INTERSECTION, _simplified(network.intersections), 0.1, area=True, alpha=0.5)
    centerlines = _simplified(lanes.centerline)
    yield Feature("centerlines", palette.CENTERLINE, centerlines)
    yield Feature("directions", palette.CENTERLINE, _chevrons(centerlines), 0.1)
    yield from _boundaries(network, left, right)
    yield Feature("crosswalks", palette.CROSSWALK, stripes(network.crosswalks), STRIPE_M)
    yield Feature("crosswalk_outlines", palette.BOUNDARY, _closed(network.crosswalks))
    yield Feature("stop_lines", palette.STOP_LINE, _simplified(network.stop_lines), 0.35)


def _boundaries(network: RoadNetwork, left: Ragged, right: Ragged) -> Iterable[Feature]:
    """What is painted or built along lanes, each once although two lanes share it; virtual boundaries are nothing."""
    types = np.concatenate([network.lanes.left_boundary_type, network.lanes.right_boundary_type])
    sides = [*left, *right]

    def of(boundary_type: BoundaryType) -> Ragged:
        return once([sides[row] for row in np.flatnonzero(types == boundary_type)])

    edges = _simplified(network.road_edges) if len(network.road_edges) else of(BoundaryType.ROAD_EDGE)
    yield Feature("unmarked_boundaries", palette.CENTERLINE, of(BoundaryType.UNKNOWN))
    yield Feature("dashed_boundaries", palette.BOUNDARY, dashes(of(BoundaryType.DASHED)), 0.15)
    yield Feature("solid_boundaries", palette.BOUNDARY, of(BoundaryType.SOLID), 0.15)
    yield Feature("road_edges", palette.ROAD_EDGE, edges, 0.15)


def _simplified(shapes: Ragged) -> Ragged:
    """The shapes by fewer points, none of which is off by more than a line's width."""
    owner = np.repeat(np.arange(len(shapes)), np.diff(shapes.offsets))
    finite = np.isfinite(shapes.values).all(axis=1)
    values, owner = shapes.values[finite], owner[finite]
    lines = np.full(len(shapes), None)
    rows = np.flatnonzero(np.bincount(owner, minlength=len(shapes)) >= 2)
    kept = np.isin(owner, rows)
    if len(rows):
        lines[rows] = shapely.linestrings(values[kept], indices=np.searchsorted(rows, owner[kept]))
    points, index = shapely.get_coordinates(
        shapely.simplify(lines, _TOLERANCE_M, preserve_topology=False), return_index=True
    )
    return Ragged(points, np.searchsorted(index, np.arange(len(shapes) + 1)))


def _between(left: Ragged, right: Ragged, wanted: NDArray[np.bool_]) -> Ragged:
    """The polygons between the boundaries of the lanes that are `wanted`; lanes without both have none."""
    both = wanted & (np.diff(left.offsets) > 0) & (np.diff(right.offsets) > 0)
    return Ragged.points(np.concatenate([left[row], right[row][::-1]]) for row in np.flatnonzero(both))


def _chevrons(centerlines: Ragged) -> Ragged:
    """An arrow head of three points in the middle of each lane, where it is long enough."""
    starts, ends, owner = segments(centerlines)
    length = np.linalg.norm(ends - starts, axis=1)
    total = np.bincount(owner, length, minlength=len(centerlines))
    before = np.cumsum(length) - length
    before -= before[np.searchsorted(owner, owner)]
    half = 0.5 * total[owner]
    middle = np.flatnonzero((before <= half) & (half < before + length) & (total[owner] > _ARROW_LANE_M))
    along = (ends - starts)[middle] / length[middle, None]
    tip = starts[middle] + (half - before)[middle, None] * along
    side = np.column_stack([-along[:, 1], along[:, 0]])
    heads = np.stack([tip - _ARROW_M * (along - 0.7 * side), tip, tip - _ARROW_M * (along + 0.7 * side)], axis=1)
    return Ragged(heads.reshape(-1, 2), 3 * np.arange(len(heads) + 1))


def _closed(polygons: Ragged) -> Ragged:
    return Ragged.points(np.concatenate([ring, ring[:1]]) for ring in polygons if np.isfinite(ring).all())
