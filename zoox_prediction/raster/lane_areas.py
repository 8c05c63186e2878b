"""Lanes as areas: the ring around each, and pieces of one direction of travel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.polylines import resample
from zoox_prediction.maps.road_network import Lanes, LaneType, Turn

FloatArray = NDArray[np.float64]

# Of lanes whose boundaries the map does not have [m].
_WIDTH_M: dict[int, float] = {LaneType.BICYCLE: 1.8, LaneType.PARKING: 2.5}
_DEFAULT_WIDTH_M = 3.5
# A piece of a lane is this straight [rad] and at most this long [m], and, however its points jitter, not shorter.
_MAX_PIECE_TURN, _MAX_PIECE_M, _MIN_PIECE_M = 0.03, 10.0, 1.0


@dataclass(frozen=True)
class LanePieces:
    """M pieces of lanes, each of one direction; those that are to be on top come last."""

    corners: FloatArray  # (M, 4, 2) [m]
    heading: FloatArray  # (M,) direction of travel [rad]
    lane: NDArray[np.int64]  # (M,) row of the lane


def lane_sides(lanes: Lanes) -> list[tuple[FloatArray, FloatArray, FloatArray] | None]:
    """(centreline, left, right) of each lane without points that are not finite; None for one without an area."""
    return [_sides(lanes, row) for row in range(len(lanes))]


def ring(sides: tuple[FloatArray, FloatArray, FloatArray] | None) -> FloatArray:
    """The polygon (n, 2) between the sides of a lane."""
    return np.zeros((0, 2)) if sides is None else np.concatenate([sides[2], sides[1][::-1]])


def lane_pieces(lanes: Lanes, sides: list[tuple[FloatArray, FloatArray, FloatArray] | None]) -> LanePieces:
    """All lanes in pieces, those that give way to another where they overlap first; see `drawing_order`."""
    corners, headings, owners = [np.zeros((0, 4, 2))], [np.zeros(0)], [np.zeros(0, dtype=np.int64)]
    for row in drawing_order(lanes):
        lane = sides[row]
        if lane is None:
            continue
        middle, left, right = lane
        count = _num_pieces(middle)
        along = np.diff(resample(middle, count + 1), axis=0)
        left, right = resample(left, count + 1), resample(right, count + 1)
        corners.append(np.stack([left[:-1], left[1:], right[1:], right[:-1]], axis=1))
        headings.append(np.arctan2(along[:, 1], along[:, 0]))
        owners.append(np.full(count, row))
    return LanePieces(np.concatenate(corners), np.concatenate(headings), np.concatenate(owners))


def drawing_order(lanes: Lanes) -> NDArray[np.int64]:
    """(L,) rows of the lanes, from the least to the most important.

    Where lanes overlap, as they do in intersections, direction and speed limit are those of one lane: of vehicle lanes
    before bus, bicycle, restricted and parking lanes, then of those that go straight before those that turn, then of
    the one with the lower id. So they do not depend on the order of the lanes in the map.
    """
    importance = np.zeros(max(LaneType) + 1, dtype=np.int64)
    for rank, kind in enumerate((LaneType.PARKING, LaneType.RESTRICTED, LaneType.BICYCLE, LaneType.BUS)):
        importance[kind] = rank
    importance[LaneType.VEHICLE] = 4
    straight = np.isin(lanes.turn, (Turn.NONE, Turn.STRAIGHT))
    known = np.minimum(lanes.type, max(LaneType))  # a type that is not ours counts as the last of ours
    order: NDArray[np.int64] = np.lexsort((-lanes.ids, straight, importance[known]))
    return order


def _sides(lanes: Lanes, row: int) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    middle, left, right = (
        points[np.isfinite(points).all(axis=1)]
        for points in (lanes.centerline[row], lanes.left_boundary[row], lanes.right_boundary[row])
    )
    bounded = len(left) >= 2 and len(right) >= 2
    if len(middle) < 2 and bounded:
        middle = 0.5 * (resample(left, 2) + resample(right, 2))
    if len(middle) < 2 or not np.ptp(middle, axis=0).any():
        return None
    if not bounded:
        half = 0.5 * _WIDTH_M.get(int(lanes.type[row]), _DEFAULT_WIDTH_M)
        left, right = _shifted(middle, half), _shifted(middle, -half)
    return middle, left, right


def _shifted(line: FloatArray, left_m: float) -> FloatArray:
    """A polyline (n, 2) moved to the left, point by point."""
    along = np.gradient(line, axis=0)
    length = np.hypot(along[:, 0], along[:, 1])
    along = along / np.where(length > 0.0, length, 1.0)[:, None]
    return line + left_m * np.column_stack([-along[:, 1], along[:, 0]])


def _num_pieces(middle: FloatArray) -> int:
    steps = np.diff(middle, axis=0)
    length = float(np.hypot(steps[:, 0], steps[:, 1]).sum())
    turned = float(np.abs(wrap_angle(np.diff(np.arctan2(steps[:, 1], steps[:, 0])))).sum())
    wanted = max(turned / _MAX_PIECE_TURN, length / _MAX_PIECE_M, 1.0)
    return int(np.ceil(min(wanted, max(length / _MIN_PIECE_M, 1.0), 1e5)))
