"""Where a road ends at its sides, for maps that only say what can be driven on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from zoox_prediction.maps.areas import polygon_of
from zoox_prediction.maps.records import LaneRecord
from zoox_prediction.maps.road_network import Ragged

_STRIP = 0.9  # of a lane's width: where the road goes on beyond the map, but not the kerbs beside it
_BACK_M = 0.6  # how far that strip begins before the lane's end
_SHORTEST_EDGE_M = 1.0  # shorter pieces of an outline are left-overs of cutting
_BESIDE_M = 0.5  # how far outside a boundary we look whether the road goes on there
_SAMPLES = np.linspace(0.1, 0.9, 9)


def road_outline(area: BaseGeometry, records: Iterable[LaneRecord], beyond_m: float = _BACK_M) -> Ragged:
    """The outline of the drivable area as polylines, without the lines across the open ends of its lanes.

    Lanes end openly where no lane of the map goes on; there the road does, and the map does not. What crosses their way
    up to `beyond_m` farther on is no edge.
    """
    if area.is_empty:
        return Ragged.points()
    lines = area.boundary
    strips = _strips_beyond(records, beyond_m)
    if strips:
        lines = lines.difference(shapely.union_all(strips))
    if lines.is_empty:
        return Ragged.points()
    parts = shapely.get_parts(shapely.line_merge(lines) if lines.geom_type == "MultiLineString" else lines)
    return Ragged.points(shapely.get_coordinates(part) for part in parts if part.length >= _SHORTEST_EDGE_M)


def _strips_beyond(records: Iterable[LaneRecord], beyond_m: float) -> list[BaseGeometry]:
    """Where lanes would go on beyond their ends that no lane follows, and before their starts that follow none."""
    bounded = [record for record in records if len(record.left_boundary) > 1 and len(record.right_boundary) > 1]
    known = {record.id for record in bounded}
    followed = {each for record in bounded for each in record.successors}
    strips = []
    for record in bounded:
        line, left, right = record.centerline, record.left_boundary, record.right_boundary
        if not known.intersection(record.successors):
            strips.append(_strip(left[-1], right[-1], line[-1] - line[-2], beyond_m))
        if record.id not in followed:
            strips.append(_strip(left[0], right[0], line[0] - line[1], beyond_m))
    return strips


def _strip(
    left: NDArray[np.float64], right: NDArray[np.float64], onward: NDArray[np.float64], beyond_m: float
) -> BaseGeometry:
    """From some way before the line from left to right, across a lane's end, to `beyond_m` behind it."""
    onward = onward / np.linalg.norm(onward)
    middle, half = 0.5 * (left + right), 0.5 * _STRIP * (left - right)
    near, far = middle - _BACK_M * onward, middle + beyond_m * onward
    return polygon_of(np.array([near + half, near - half, far - half, far + half]))


def at_road_edge(boundaries: Sequence[NDArray[np.float64]], to_left: bool, area: BaseGeometry) -> NDArray[np.bool_]:
    """(B,) whether the road ends at each boundary (n, 2): whether most of what lies just outside is not drivable.

    `to_left`: whether outside is to the left of the boundaries.
    """
    if not boundaries:
        return np.zeros(0, dtype=bool)
    lines = np.array([shapely.linestrings(points) for points in boundaries])[:, None]
    here = shapely.get_coordinates(shapely.line_interpolate_point(lines, _SAMPLES, normalized=True))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines, _SAMPLES + 0.01, normalized=True))
    along = (ahead - here) / np.maximum(np.linalg.norm(ahead - here, axis=1, keepdims=True), 1e-9)
    normal = np.column_stack([-along[:, 1], along[:, 0]]) * (1.0 if to_left else -1.0)
    outside = here + _BESIDE_M * normal
    shapely.prepare(area)
    on_road = shapely.contains_xy(area, outside[:, 0], outside[:, 1]).reshape(len(boundaries), -1)
    edge: NDArray[np.bool_] = on_road.mean(axis=1) < 0.5
    return edge
