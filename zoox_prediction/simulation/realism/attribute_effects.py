"""What each attribute announces: how often the thing follows with the attribute, and how often without it.

An observation with the attribute is the moment when it comes on; observations without it are taken every 3 s, so that
what follows one does not count for the next as well. Agents that leave before the horizon is over are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.scene import Attribute
from zoox_prediction.simulation.realism.courses import EGO_ID, MOVES_MPS, STEP_S, Courses
from zoox_prediction.simulation.realism.crossings import AcceptedGaps, Crossings, accepted_gaps, crossings
from zoox_prediction.simulation.realism.effect_size import difference_of_means, difference_of_shares
from zoox_prediction.simulation.realism.ego_way import before_ego
from zoox_prediction.simulation.realism.lane_changes import lane_changes

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

_EVERY_S = 3.0  # between observations without the attribute
_DRIVES_MPS = 2.0
_SLOWS_BY_MPS, _TURN_RAD = 1.0, np.radians(30.0)
_STARTS_M, _BACKWARDS_M = 0.5, 0.2
_WHEELS_RAD = 0.2
_NEAR_EGO_M = 30.0
_BESIDE_CROSSWALK_M = 3.0
SHORT_GAP_S, _COMES_S = 3.0, 10.0  # between a person's crossing and the next vehicle


@dataclass(frozen=True)
class Observations:
    """What followed, once for each observation: a flag, or a number."""

    with_it: NDArray
    without: NDArray

    @classmethod
    def split(cls, outcome: NDArray, has_it: NDArray[np.bool_]) -> Observations:
        return cls(outcome[has_it], outcome[~has_it])


Effects = dict[tuple[str, str], Observations]  # by attribute and what follows


def attribute_effects(courses: Courses, lanes: LaneGraph | None) -> Effects:
    """The observations of one recording by attribute and outcome; empty arrays where nothing was observed.

    Without `lanes` indicators are judged by turns alone, and no crosswalks are known.
    """
    return {**_of_drivers(courses, lanes), **_of_parked(courses), **_of_people(courses, lanes)}


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
    effects = {("brake light", slows): _compared(courses, brakes, drives & known, _slows_down, 3.0)}
    changes = np.zeros(brakes.shape, dtype=np.int8) if lanes is None else lane_changes(courses, lanes)
    left, knows_left = courses.has(Attribute.LEFT_INDICATOR)
    right, knows_right = courses.has(Attribute.RIGHT_INDICATOR)
    for name, on, other, side in (("left", left, right, 1), ("right", right, left, -1)):
        for horizon_s in (5.0, 10.0):
            outcome = f"turns {name} by more than 30° or changes lane to the {name} within {horizon_s:g} s"
            effects[f"{name} indicator", outcome] = _compared(
                courses,
                on,
                drives & knows_left & knows_right & ~other,
                _goes_aside(changes, side),
                horizon_s,
            )
        outcome = f"of the first turn or lane change within 10 s: it is to the {name}"
        effects[f"{name} indicator", outcome] = _told(
            _compared(courses, on, drives & knows_left & knows_right & ~other, _first_side(changes), 10.0), side
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
    return {key: _compared(courses, on, stands, follows, horizon) for key, (on, follows, horizon) in table.items()}


def _of_people(courses: Courses, lanes: LaneGraph | None) -> Effects:
    phone, knows_phone = courses.has(Attribute.HOLDING_PHONE)
    child, knows_child = courses.has(Attribute.CHILD)
    people = courses.is_pedestrian
    pace = np.where((speed := courses.mean_speed()) > MOVES_MPS, speed, np.nan)
    walks = people & (np.isfinite(pace).sum(axis=1) >= round(_EVERY_S / STEP_S))
    mean = np.divide(np.nansum(pace, axis=1), np.isfinite(pace).sum(axis=1), out=np.zeros(len(courses)), where=walks)
    found = crossings(courses)
    gaps = accepted_gaps(found)
    effects: Effects = {}
    for name, on, known in (("phone", phone, knows_phone), ("child", child, knows_child)):
        has_it, is_known = _ever(on), _ever(known)
        rows = walks & is_known
        effects[name, "walking speed [m/s]"] = Observations.split(mean[rows], has_it[rows])
        kept = is_known[gaps.walker] & (gaps.gap_s < _COMES_S)
        short = gaps.gap_s[kept] < SHORT_GAP_S
        crosses = "crosses less than 3 s before the next vehicle, of those with one within 10 s"
        effects[name, crosses] = Observations.split(short, has_it[gaps.walker[kept]])
        kept = is_known[gaps.walker] & (gaps.unbraked_gap_s < _COMES_S)
        short = gaps.unbraked_gap_s[kept] < SHORT_GAP_S
        away = kept if lanes is None else kept & ~_on_crosswalks(courses, gaps, lanes)
        short = gaps.unbraked_gap_s[away] < SHORT_GAP_S
        steps_out = "crosses less than 3 s before the next vehicle, had that not braked, where no crosswalk is"
        effects[name, steps_out] = Observations.split(short, has_it[gaps.walker[away]])
    return {**effects, **_of_looks(courses), **_of_crossed_ways(courses, found)}


def _on_crosswalks(courses: Courses, gaps: AcceptedGaps, lanes: LaneGraph) -> NDArray[np.bool_]:
    """(R,) whether roads were crossed on or beside a crosswalk: there vehicles let people go."""
    crosswalks = [shapely.Polygon(each) for each in lanes.road_network.crosswalks]
    steps = np.round(gaps.start_s / STEP_S).astype(np.int64)
    points = shapely.points(courses.position[gaps.walker, steps])
    on = np.zeros(len(gaps.walker), dtype=bool)
    on[shapely.STRtree(crosswalks).query(points, "dwithin", _BESIDE_CROSSWALK_M)[0]] = True
    return on


def _of_crossed_ways(courses: Courses, found: Crossings) -> Effects:
    """Of people who cross the ego's way less than 10 s before or after it: whether they let it go first.

    With the attribute: who looked at it in the 3 s before the first of both was there.
    """
    looks, known = courses.has(Attribute.HEAD_TURNED_TO_EGO)
    ego = (courses.ids[found.vehicle] == EGO_ID) & (np.abs(found.margin_s) < _COMES_S)
    walker, first_s = found.walker[ego], np.minimum(found.walker_s, found.vehicle_s)[ego]
    steps = np.round(first_s / STEP_S).astype(np.int64)[:, None] - np.arange(1, round(_EVERY_S / STEP_S) + 1)
    inside = steps >= 0
    looked, seen = (_ever(flags[walker[:, None], np.maximum(steps, 0)] & inside) for flags in (looks, known))
    goes_first = (found.margin_s < 0.0)[ego]
    outcome = "lets the ego go first, of those who cross its way within 10 s of it"
    return {("head turned to ego", outcome): Observations.split(goes_first[seen], looked[seen])}


def _of_looks(courses: Courses) -> Effects:
    """Of people who stand near the ego's way or walk towards it: who stays out of it in the next 3 s has yielded."""
    looks, known = courses.has(Attribute.HEAD_TURNED_TO_EGO)
    beside, comes_first = before_ego(courses)
    waits = beside & known & courses.is_pedestrian[:, None]

    def yields(_: Courses, rows: Rows, steps: Rows, ahead: int) -> NDArray[np.bool_]:
        return ~_ever(_window(comes_first, rows, steps, ahead))

    near = np.zeros_like(waits)
    for ego in np.flatnonzero(courses.ids == EGO_ID).tolist():
        apart = np.linalg.norm(courses.position - courses.position[ego], axis=-1)
        drives = courses.valid[ego] & (courses.speed[ego] > MOVES_MPS)
        near = courses.valid & known & courses.is_pedestrian[:, None] & (apart < _NEAR_EGO_M) & drives
    attribute = "head turned to ego"
    return {
        (attribute, "stands or stops within 3 s, less than 30 m from the driving ego"): _compared(
            courses, looks, near, _stands, 3.0
        ),
        (attribute, "stays out of the ego's way for 3 s, standing beside it or walking towards it"): _compared(
            courses, looks, waits, yields, 3.0
        ),
    }


def _compared(
    courses: Courses,
    on: NDArray[np.bool_],
    state: NDArray[np.bool_],
    follows: Callable[[Courses, Rows, Rows, int], NDArray],
    horizon_s: float,
) -> Observations:
    """What follows when it comes on, and every 3 s while it is off, of agents in this state (N, T) all at once."""
    ahead = round(horizon_s / STEP_S)
    seen = np.zeros(state.shape, dtype=bool)
    if ahead < courses.num_steps:
        seen[:, :-ahead] = state[:, :-ahead] & courses.valid[:, ahead:]
    onset = seen & on
    onset[:, 1:] &= ~on[:, :-1] & courses.valid[:, :-1]
    onset[:, 0] = False
    off = seen & ~on
    every = round(_EVERY_S / STEP_S)
    off &= (np.arange(courses.num_steps) + 7 * np.arange(len(courses))[:, None]) % every == 0  # not all at one time
    return Observations(*(follows(courses, *_rows_and_steps(which), ahead) for which in (onset, off)))


def _rows_and_steps(which: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    rows, steps = np.nonzero(which)
    return rows, steps


def _window(values: NDArray, rows: Rows, steps: Rows, ahead: int) -> NDArray:
    """(M, ahead, ...) of the instants after each step."""
    return values[rows[:, None], steps[:, None] + np.arange(1, ahead + 1)]


def _slows_down(courses: Courses, rows: Rows, steps: Rows, ahead: int) -> NDArray[np.bool_]:
    least = np.where(
        _window(courses.valid, rows, steps, ahead), _window(courses.speed, rows, steps, ahead), np.inf
    ).min(axis=1, initial=np.inf)
    slows: NDArray[np.bool_] = courses.speed[rows, steps] - least > _SLOWS_BY_MPS
    return slows


def _stands(courses: Courses, rows: Rows, steps: Rows, ahead: int) -> NDArray[np.bool_]:
    valid, speed = (_window(values, rows, steps, ahead) for values in (courses.valid, courses.speed))
    return _ever(valid & (speed < MOVES_MPS))


def _goes_aside(changes: NDArray[np.int8], side: int) -> Callable[[Courses, Rows, Rows, int], NDArray]:
    def goes(courses: Courses, rows: Rows, steps: Rows, ahead: int) -> NDArray[np.bool_]:
        valid = _window(courses.valid, rows, steps, ahead)
        turned = wrap_angle(_window(courses.yaw, rows, steps, ahead) - courses.yaw[rows, steps][:, None])
        turns = (side * np.where(valid, turned, 0.0) > _TURN_RAD).any(axis=1)
        changed: NDArray[np.bool_] = (_window(changes, rows, steps, ahead) == side).any(axis=1)
        return turns | changed

    return goes


def _first_side(changes: NDArray[np.int8]) -> Callable[[Courses, Rows, Rows, int], NDArray]:
    def side(courses: Courses, rows: Rows, steps: Rows, ahead: int) -> NDArray[np.int64]:
        valid = _window(courses.valid, rows, steps, ahead)
        turned = wrap_angle(_window(courses.yaw, rows, steps, ahead) - courses.yaw[rows, steps][:, None])
        turns = np.where(valid & (np.abs(turned) > _TURN_RAD), np.sign(turned), 0).astype(np.int64)
        sides = np.where(turns != 0, turns, _window(changes, rows, steps, ahead))
        first = np.argmax(sides != 0, axis=1)
        found: NDArray[np.int64] = sides[np.arange(len(rows)), first]
        return found

    return side


def _travelled(courses: Courses, rows: Rows, steps: Rows, ahead: int) -> FloatArray:
    """(M, ahead, 2) from where they were; 0 where not valid."""
    way = _window(courses.position, rows, steps, ahead) - courses.position[rows, steps][:, None]
    return np.where(_window(courses.valid, rows, steps, ahead)[..., None], way, 0.0)


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


def _ever(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) where it is so at any instant."""
    ever: NDArray[np.bool_] = np.any(flags, axis=1)
    return ever


def _just(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, T) where it was so at the instant before."""
    before = np.zeros_like(flags)
    before[:, 1:] = flags[:, :-1]
    return before
