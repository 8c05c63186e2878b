"""The sides of lanes: boundaries for those without, and what the boundaries of a map tell about neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from zoox_prediction.maps.records import LaneRecord
from zoox_prediction.maps.road_network import NO_ID, BoundaryType, LaneType

_MITRE_LIMIT = 2.0
_END_TOLERANCE_M = 0.2
_SAME_LINE_M = 0.6  # boundaries of two lanes that are nearer than this along their length are one
_ONCOMING_M = 12.0  # as far apart the two directions of a road may be
_OPPOSED = -0.95  # cosine of the angle between them
_SAMPLES = np.linspace(0.05, 0.95, 7)
_MAY_ENTER = {
    LaneType.VEHICLE: {LaneType.VEHICLE},
    LaneType.BUS: {LaneType.VEHICLE, LaneType.BUS},
    LaneType.BICYCLE: {LaneType.BICYCLE},
}


def parallel(line: NDArray[np.float64], offset_m: float) -> NDArray[np.float64]:
    """A polyline (n, 2) moved sideways, positive to its left, with its direction and its ends square to the line."""
    curve = shapely.offset_curve(shapely.linestrings(line), offset_m, join_style="mitre", mitre_limit=_MITRE_LIMIT)
    moved = moved_sideways(line, offset_m)
    if curve.geom_type == "LineString" and not curve.is_empty:
        points = shapely.get_coordinates(curve)
        for each in (points, points[::-1]):  # GEOS before 3.11 turns right-hand curves round
            if np.all(np.linalg.norm(each[[0, -1]] - moved[[0, -1]], axis=1) < _END_TOLERANCE_M):
                return each
    return moved  # a bend tighter than the offset


def moved_sideways(line: NDArray[np.float64], offset_m: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """A polyline (n, 2) with every point moved by its offset, one or (n,), along the bisector of its segments.

    Positive to the left, and far enough that the segments stay parallel where the offsets are equal.
    """
    along = np.diff(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    normal = np.column_stack([-along[:, 1], along[:, 0]])
    before, after = np.concatenate([normal[:1], normal]), np.concatenate([normal, normal[-1:]])
    bisector = before + after
    share = np.maximum(np.sum(bisector * before, axis=1, keepdims=True), 1.0 / _MITRE_LIMIT)
    moved: NDArray[np.float64] = line + np.broadcast_to(offset_m, len(line))[:, None] * bisector / share
    return moved


def infer_neighbors(records: Sequence[LaneRecord]) -> None:
    """Fills neighbours by shared boundaries: lanes whose left is the other's right lie side by side, the same way."""
    for one, other in _sharing(records, "left_boundary", "right_boundary"):
        if records[one].left_neighbor == NO_ID and records[other].right_neighbor == NO_ID:
            records[one].left_neighbor, records[other].right_neighbor = records[other].id, records[one].id


def keeps_left(records: Sequence[LaneRecord]) -> bool:
    """Whether lanes have the oncoming ones at their right more often than at their left."""
    lines = [each.centerline for each in records if each.type == LaneType.VEHICLE and not each.in_intersection]
    if not lines:
        return False
    points, ahead = _sampled(lines).reshape(-1, 2), _sampled(lines, 0.01).reshape(-1, 2)
    along = (ahead - points) / np.maximum(np.linalg.norm(ahead - points, axis=1, keepdims=True), 1e-9)
    one, other = cKDTree(points).query_pairs(_ONCOMING_M, output_type="ndarray").T
    offset = points[other] - points[one]
    abreast = np.abs(np.sum(along[one] * offset, axis=1)) < 0.3 * np.linalg.norm(offset, axis=1)
    oncoming = abreast & (np.sum(along[one] * along[other], axis=1) < _OPPOSED)
    to_left = along[one, 0] * offset[:, 1] - along[one, 1] * offset[:, 0] > 0.0
    return bool(np.sum(oncoming & ~to_left) > np.sum(oncoming & to_left))


def set_lane_changes(records: Sequence[LaneRecord]) -> None:
    """Lane changes are allowed over dashed boundaries, into lanes for the same kind of vehicle."""
    by_id = {record.id: record for record in records}
    for record in records:
        for side in ("left", "right"):
            neighbor = by_id.get(getattr(record, f"{side}_neighbor"))
            dashed = getattr(record, f"{side}_boundary_type") == BoundaryType.DASHED
            may = neighbor is not None and dashed and neighbor.type in _MAY_ENTER.get(record.type, ())
            setattr(record, f"{side}_change", may)


def _sharing(records: Sequence[LaneRecord], one: str, other: str) -> list[tuple[int, int]]:
    """Pairs of rows where boundary `one` of the first lane is boundary `other` of the second; nearest ones first."""
    rows = [row for row, each in enumerate(records) if len(getattr(each, one)) > 1 and len(getattr(each, other)) > 1]
    if not rows:
        return []
    first, second = (_sampled([getattr(records[row], name) for row in rows]) for name in (one, other))
    middle = len(_SAMPLES) // 2
    near = cKDTree(second[:, middle]).query_ball_point(first[:, middle], _SAME_LINE_M)
    pairs = []
    for row, found in enumerate(near):
        apart = np.linalg.norm(second[found] - first[row], axis=-1).max(axis=1) if found else np.zeros(0)
        best = [(float(apart[at]), found[at]) for at in np.flatnonzero(apart < _SAME_LINE_M) if found[at] != row]
        pairs += [(distance, rows[row], rows[match]) for distance, match in best]
    return [(row, match) for _, row, match in sorted(pairs)]


def _sampled(lines: Sequence[NDArray[np.float64]], farther: float = 0.0) -> NDArray[np.float64]:
    """(B, S, 2) points at the same shares of the lengths of B polylines, `farther` added to them."""
    made = np.array([shapely.linestrings(line) for line in lines])[:, None]
    points = shapely.get_coordinates(shapely.line_interpolate_point(made, _SAMPLES + farther, normalized=True))
    return points.reshape(len(lines), len(_SAMPLES), 2)
