"""What each attribute announces: how often the thing follows with the attribute, and how often without it.

An observation with the attribute is the moment when it comes on; observations without it are taken every 3 s, so that
what follows one does not count for the next as well. Agents that leave before the horizon is over are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.scene import Attribute
from zoox_prediction.simulation.realism.courses import MOVES_MPS, Courses
from zoox_prediction.simulation.realism.effect_size import difference_of_means, difference_of_shares
from zoox_prediction.simulation.realism.lane_changes import lane_changes
from zoox_prediction.simulation.realism.observations import Effects, Observations, Rows, compared, window
from zoox_prediction.simulation.realism.people_effects import people_effects

FloatArray = NDArray[np.float64]

_DRIVES_MPS = 2.0
_SLOWS_BY_MPS, _TURN_RAD = 1.0, np.radians(30.0)
_STARTS_M, _BACKWARDS_M = 0.5, 0.2
_WHEELS_RAD = 0.2


def attribute_effects(courses: Courses, lanes: LaneGraph | None) -> Effects:
    """The observations of one recording by attribute and outcome; empty arrays where nothing was observed.

    Without `lanes` indicators are judged by turns alone, and no crosswalks are known.
    """
    return {**_of_drivers(courses, lanes), **_of_parked(courses), **people_effects(courses, lanes)}


def merge_effects(parts: Iterable[Effects]) -> Effects:
    """The observations of several recordings together."""
    merged: Effects = {}
    for part in parts:
        for key, each in part.items():
            before = merged.get(key)
            merged[key] = each if before is None else _joined(before, each)
    return merged


def effect_rows(effects: Effects) -> list[dict[str, object]]:
    """Flat rows: attribute, outcome, counts, shares or means with and without, their difference and its interval."""
    rows: list[dict[str, object]] = []
    for (attribute, outcome), each in effects.items():
        shares = each.with_it.dtype == bool
        found = (difference_of_shares if shares else difference_of_means)(each.with_it, each.without)
        rows.append(
            {
                "attribute": attribute,
                "outcome": outcome,
                "with_n": len(each.with_it),
                "with": float(each.with_it.mean()) if len(each.with_it) else None,
                "without_n": len(each.without),
                "without": float(each.without.mean()) if len(each.without) else None,
                "difference": found.difference,
                "low": found.low,
                "high": found.high,
            }
        )
    return rows


def _joined(first: Observations, second: Observations) -> Observations:
    return Observations(
        np.concatenate([first.with_it, second.with_it]), np.concatenate([first.without, second.without])
    )


def _of_drivers(courses: Courses, lanes: LaneGraph | None) -> Effects:
    drives = courses.valid & (courses.speed > _DRIVES_MPS) & ~courses.is_pedestrian[:, None]
    brakes, known = courses.has(Attribute.BRAKE_LIGHT)
    slows = "slows down by more than 1 m/s within 3 s"
    effects = {("brake light", slows): compared(courses, brakes, drives & known, _slows_down, 3.0)}
    changes = np.zeros(brakes.shape, dtype=np.int8) if lanes is None else lane_changes(courses, lanes)
    left, knows_left = courses.has(Attribute.LEFT_INDICATOR)
    right, knows_right = courses.has(Attribute.RIGHT_INDICATOR)
    for name, on, other, side in (("left", left, right, 1), ("right", right, left, -1)):
        for horizon_s in (5.0, 10.0):
            outcome = f"turns {name} by more than 30° or changes lane to the {name} within {horizon_s:g} s"
            effects[f"{name} indicator", outcome] = compared(
                courses,
                on,
                drives & knows_left & knows_right & ~other,
                _goes_aside(changes, side),
                horizon_s,
            )
        outcome = f"of the first turn or lane change within 10 s: it is to the {name}"
        effects[f"{name} indicator", outcome] = _told(
            compared(courses, on, drives & knows_left & knows_right & ~other, _first_side(changes), 10.0), side
        )
    return effects


def _told(sides: Observations, side: int) -> Observations:
    """Whether the sides (+1, -1, 0: none) are this one, without those that are none."""
    with_it, without = sides.with_it[sides.with_it != 0], sides.without[sides.without != 0]
    return Observations(with_it == side, without == side)


def _of_parked(courses: Courses) -> Effects:
    parked, known = courses.has(Attribute.PARKED)
    reverses, _ = courses.has(Attribute.REVERSING_LIGHT)
    doors, _ = courses.has(Attribute.DOOR_OPEN)
    left, _ = courses.has(Attribute.LEFT_INDICATOR)
    right, _ = courses.has(Attribute.RIGHT_INDICATOR)
    turned = np.abs(np.nan_to_num(courses.front_wheel_angle)) > _WHEELS_RAD
    stands = courses.valid & known & (parked | _just(parked)) & (courses.speed < MOVES_MPS)
    table: dict[tuple[str, str], tuple[NDArray[np.bool_], Callable, float]] = {}
    for horizon_s in (3.0, 8.0):
        moves = f"moves off within {horizon_s:g} s"
        table["front wheels turned, parked", moves] = turned, _moves_off, horizon_s
        table["indicator, parked", moves] = left | right, _moves_off, horizon_s
    table["reversing light", "rolls backwards within 3 s"] = reverses, _rolls_back, 3.0
    for horizon_s in (3.0, 15.0):
        table["door open, parked", f"moves off within {horizon_s:g} s"] = doors, _moves_off, horizon_s
    return {key: compared(courses, on, stands, follows, horizon) for key, (on, follows, horizon) in table.items()}


def _slows_down(courses: Courses, rows: Rows, steps: Rows, ahead: int) -> NDArray[np.bool_]:
    least = np.where(window(courses.valid, rows, steps, ahead), window(courses.speed, rows, steps, ahead), np.inf).min(
        axis=1, initial=np.inf
    )
    slows: NDArray[np.bool_] = courses.speed[rows, steps] - least > _SLOWS_BY_MPS
    return slows


def _goes_aside(changes: NDArray[np.int8], side: int) -> Callable[[Courses, Rows, Rows, int], NDArray]:
    def goes(courses: Courses, rows: Rows, steps: Rows, ahead: int) -> NDArray[np.bool_]:
        valid = window(courses.valid, rows, steps, ahead)
        turned = wrap_angle(window(courses.yaw, rows, steps, ahead) - courses.yaw[rows, steps][:, None])
        turns = (side * np.where(valid, turned, 0.0) > _TURN_RAD).any(axis=1)
        changed: NDArray[np.bool_] = (window(changes, rows, steps, ahead) == side).any(axis=1)
        return turns | changed

    return goes


def _first_side(changes: NDArray[np.int8]) -> Callable[[Courses, Rows, Rows, int], NDArray]:
    def side(courses: Courses, rows: Rows, steps: Rows, ahead: int) -> NDArray[np.int64]:
        valid = window(courses.valid, rows, steps, ahead)
        turned = wrap_angle(window(courses.yaw, rows, steps, ahead) - courses.yaw[rows, steps][:, None])
        turns = np.where(valid & (np.abs(turned) > _TURN_RAD), np.sign(turned), 0).astype(np.int64)
        sides = np.where(turns != 0, turns, window(changes, rows, steps, ahead))
        first = np.argmax(sides != 0, axis=1)
        found: NDArray[np.int64] = sides[np.arange(len(rows)), first]
        return found

    return side


def _travelled(courses: Courses, rows: Rows, steps: Rows, ahead: int) -> FloatArray:
    """(M, ahead, 2) from where they were; 0 where not valid."""
    way = window(courses.position, rows, steps, ahead) - courses.position[rows, steps][:, None]
    return np.where(window(courses.valid, rows, steps, ahead)[..., None], way, 0.0)


def _moves_off(courses: Courses, rows: Rows, steps: Rows, ahead: int) -> NDArray[np.bool_]:
    moves: NDArray[np.bool_] = (np.linalg.norm(_travelled(courses, rows, steps, ahead), axis=-1) > _STARTS_M).any(
        axis=1
    )
    return moves


def _rolls_back(courses: Courses, rows: Rows, steps: Rows, ahead: int) -> NDArray[np.bool_]:
    yaw = courses.yaw[rows, steps]
    along = (_travelled(courses, rows, steps, ahead) * np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)[:, None]).sum(-1)
    backwards: NDArray[np.bool_] = (along < -_BACKWARDS_M).any(axis=1)
    return backwards


def _just(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, T) where it was so at the instant before."""
    before = np.zeros_like(flags)
    before[:, 1:] = flags[:, :-1]
    return before
