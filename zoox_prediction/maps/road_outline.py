"""Where a road ends at its sides, for maps that only say what can be driven on; lanes' sides, for those without."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from zoox_prediction.maps.records import LaneRecord
from zoox_prediction.maps.road_network import Ragged

_OPEN_END_MARGIN_M = 0.6  # about the line across the end of a road that goes on outside the map
_SHORTEST_EDGE_M = 1.0  # shorter pieces of an outline are left-overs of cutting
_MITRE_LIMIT = 2.0
_END_TOLERANCE_M = 0.2
_BESIDE_M = 0.5  # how far outside a boundary we look whether the road goes on there
_SAMPLES = np.linspace(0.1, 0.9, 9)


def road_outline(area: BaseGeometry, records: Iterable[LaneRecord]) -> Ragged:
    """The outline of the drivable area as polylines, without the lines across the open ends of its lanes.

    Lanes end openly where no lane of the map goes on; there the road does, and the map does not.
    """
    ends = open_ends(records)
    lines = area.boundary
    if ends:
        lines = lines.difference(shapely.buffer(shapely.multilinestrings(ends), _OPEN_END_MARGIN_M, cap_style="square"))
    if lines.is_empty:
        return Ragged.points()
    parts = shapely.get_parts(shapely.line_merge(lines))
    return Ragged.points(shapely.get_coordinates(part) for part in parts if part.length >= _SHORTEST_EDGE_M)


def open_ends(records: Iterable[LaneRecord]) -> list[NDArray[np.float64]]:
    """Lines (2, 2) across the starts of lanes that follow none, and across the ends of lanes that none follows."""
    bounded = [record for record in records if len(record.left_boundary) and len(record.right_boundary)]
    known = {record.id for record in bounded}
    followed = {each for record in bounded for each in record.successors}
    at_ends = [record for record in bounded if not known.intersection(record.successors)]
    at_starts = [record for record in bounded if record.id not in followed]
    ends = [np.stack([record.left_boundary[-1], record.right_boundary[-1]]) for record in at_ends]
    return ends + [np.stack([record.left_boundary[0], record.right_boundary[0]]) for record in at_starts]


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


def parallel(line: NDArray[np.float64], offset_m: float) -> NDArray[np.float64]:
    """A polyline (n, 2) moved sideways, positive to its left, with its direction and its ends square to the line."""
    curve = shapely.offset_curve(shapely.linestrings(line), offset_m, join_style="mitre", mitre_limit=_MITRE_LIMIT)
    moved = _moved_points(line, offset_m)
    if curve.geom_type == "LineString" and not curve.is_empty:
        points = shapely.get_coordinates(curve)
        for each in (points, points[::-1]):  # GEOS before 3.11 turns right-hand curves round
            if np.all(np.linalg.norm(each[[0, -1]] - moved[[0, -1]], axis=1) < _END_TOLERANCE_M):
                return each
    return moved  # a bend tighter than the offset


def _moved_points(line: NDArray[np.float64], offset_m: float) -> NDArray[np.float64]:
    """Every point moved along the bisector of its segments, far enough that the segments stay parallel."""
    along = np.diff(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    normal = np.column_stack([-along[:, 1], along[:, 0]])
    before, after = np.concatenate([normal[:1], normal]), np.concatenate([normal, normal[-1:]])
    bisector = before + after
    share = np.maximum(np.sum(bisector * before, axis=1, keepdims=True), 1.0 / _MITRE_LIMIT)
    moved: NDArray[np.float64] = line + offset_m * bisector / share
    return moved
