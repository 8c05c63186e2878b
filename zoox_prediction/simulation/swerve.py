"""How far drivers move aside, within their lane or a little over its edge, for what stands beside or in their way.

What stands is a person at the edge of the road, an open door, a stopped vehicle, an ego that stands or creeps. A driver
sees the course he would drive without moving aside, and what of it everybody else takes in the same seconds. He keeps a
clearance where there is room for it, squeezes through where there is just enough, and waits where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.simulation.caution import Boxes, Tracks, near_pairs, tracks

FloatArray = NDArray[np.float64]

_TIMES_S = np.arange(0.0, 3.61, 0.3)
_SLOWEST_MPS = 1.5  # a standing driver looks as far ahead as if he rolled
_CLEARANCE_M, _TIGHT_M = 0.45, 0.15  # that drivers want beside them, and go with
_TRAFFIC_M = 0.5  # to others who move
_BEFORE_M = 0.5  # what is so near ahead or behind is beside already
_TOUCHES_M = 0.05
_LENGTH_M = 10.0  # between the centres of the longest vehicles
_BEND_RAD = 0.7  # for which a bend goes on as it is
MOST_TO_MIDDLE_M, MOST_TO_KERB_M = 1.5, 0.4  # aside


@dataclass(frozen=True)
class Swerve:
    """What N drivers do about what stands in their way."""

    aside_m: FloatArray  # (N,) wanted, to the left of their ways
    passes: NDArray[np.bool_]  # (N,) whether that is enough, and nobody comes
    possible: NDArray[np.bool_]  # (N,) whether it will be when nobody comes
    blocked_m: FloatArray  # (N,) how far they can go as far aside as they are now [m]; inf: as far as they see


def swerve(
    courses: Boxes,
    beside_m: FloatArray,
    standing: Boxes,
    noticed_m: FloatArray,
    moving: Boxes,
    own: NDArray[np.int64],
    left_hand: bool,
) -> Swerve:
    """`courses` (N) are where drivers would be without moving aside, `beside_m` (N,) how far to the left they are.

    What of the `standing` (M) is farther ahead than `noticed_m` (M,) does not count yet. `own` (K,) is the row among
    the drivers of each of the `moving` (K), or -1.
    """
    count = len(courses)
    most_left, most_right = (MOST_TO_KERB_M, MOST_TO_MIDDLE_M) if left_hand else (MOST_TO_MIDDLE_M, MOST_TO_KERB_M)
    lowest, highest = np.full(count, -np.inf), np.full(count, np.inf)
    tight_lowest, tight_highest = np.full(count, -most_right), np.full(count, most_left)
    blocked_m = np.full(count, np.inf)
    first, second = near_pairs(courses, standing, float(_TIMES_S[-1]))
    near = np.linalg.norm(courses.center[first] - standing.center[second], axis=-1) < noticed_m[second] + _LENGTH_M
    first, second = first[near], second[near]
    if len(first):
        seen = tracks(courses, standing, first, second, _TIMES_S, _SLOWEST_MPS)
        clear, left, touches_m = _clearance(seen, courses.yaw_rate[first], beside_m[first], noticed_m[second])
        for low, high, wanted in ((lowest, highest, _CLEARANCE_M), (tight_lowest, tight_highest, _TIGHT_M)):
            np.maximum.at(low, first, np.where(left, -np.inf, wanted - clear))
            np.minimum.at(high, first, np.where(left, clear - wanted, np.inf))
        np.minimum.at(blocked_m, first, touches_m)
    possible = tight_lowest <= tight_highest
    aside_of_standing = (lowest > 0.0) | (highest < 0.0)
    first, second = near_pairs(courses, moving, float(_TIMES_S[-1]))
    kept = (own[second] != first) & aside_of_standing[first]
    first, second = first[kept], second[kept]
    if len(first):
        seen = tracks(courses, moving, first, second, _TIMES_S, _SLOWEST_MPS)
        clear, left, _ = _clearance(seen, courses.yaw_rate[first], beside_m[first], np.full(len(first), np.inf))
        np.maximum.at(tight_lowest, first, np.where(left, -np.inf, np.minimum(_TRAFFIC_M - clear, 0.0)))
        np.minimum.at(tight_highest, first, np.where(left, np.maximum(clear - _TRAFFIC_M, 0.0), np.inf))
    passes = tight_lowest <= tight_highest
    fits = lowest <= highest
    middle = 0.5 * (np.where(fits, 0.0, lowest) + np.where(fits, 0.0, highest))
    wish = np.where(fits, np.clip(0.0, lowest, np.where(fits, highest, np.inf)), middle)
    wish = np.clip(wish, tight_lowest, np.maximum(tight_lowest, tight_highest))
    return Swerve(np.where(passes, wish, 0.0), passes, possible, blocked_m)


def _clearance(
    seen: Tracks, yaw_rate: FloatArray, beside_m: FloatArray, noticed_m: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_], FloatArray]:
    """Of each pair: the least room beside the course [m], inf for what is never beside it; whether it is to the left;
    and how far one can go before both touch."""
    known = seen.rolled[:, None] * _TIMES_S < noticed_m[:, None]
    known &= np.abs(yaw_rate[:, None] * _TIMES_S) < _BEND_RAD
    passing = known & (np.abs(seen.ahead) < seen.reach_ahead + _BEFORE_M)
    room = np.where(passing, np.abs(seen.left) - seen.reach_left, np.inf)
    nearest = room.argmin(axis=1)
    rows = np.arange(len(room))
    touches = (np.abs(seen.ahead) < seen.reach_ahead + _TOUCHES_M) & (
        np.abs(seen.left - beside_m[:, None]) < seen.reach_left + _TOUCHES_M
    )
    touches &= known & ~touches[:, :1]  # it is too late for those
    touches_m = np.where(touches.any(axis=1), seen.rolled * _TIMES_S[touches.argmax(axis=1)], np.inf)
    return room[rows, nearest], seen.left[rows, nearest] > 0.0, touches_m
