"""What the attributes of people announce."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.scene import Attribute
from zoox_prediction.simulation.realism.courses import EGO_ID, MOVES_MPS, STEP_S, Courses
from zoox_prediction.simulation.realism.crossings import AcceptedGaps, Crossings, accepted_gaps, crossings
from zoox_prediction.simulation.realism.ego_way import before_ego
from zoox_prediction.simulation.realism.observations import EVERY_S, Effects, Observations, Rows, compared, ever, window

SHORT_GAP_S, _COMES_S = 3.0, 10.0  # between a person's crossing and the next vehicle
_BESIDE_CROSSWALK_M = 3.0
_NEAR_EGO_M = 30.0


def people_effects(courses: Courses, lanes: LaneGraph | None) -> Effects:
    """The observations of one recording; without `lanes` no crosswalks are known."""
    phone, knows_phone = courses.has(Attribute.HOLDING_PHONE)
    child, knows_child = courses.has(Attribute.CHILD)
    people = courses.is_pedestrian
    pace = np.where((speed := courses.mean_speed()) > MOVES_MPS, speed, np.nan)
    walks = people & (np.isfinite(pace).sum(axis=1) >= round(EVERY_S / STEP_S))
    mean = np.divide(np.nansum(pace, axis=1), np.isfinite(pace).sum(axis=1), out=np.zeros(len(courses)), where=walks)
    found = crossings(courses)
    gaps = accepted_gaps(found)
    effects: Effects = {}
    for name, on, known in (("phone", phone, knows_phone), ("child", child, knows_child)):
        has_it, is_known = ever(on), ever(known)
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
    steps = np.round(first_s / STEP_S).astype(np.int64)[:, None] - np.arange(1, round(EVERY_S / STEP_S) + 1)
    inside = steps >= 0
    looked, seen = (ever(flags[walker[:, None], np.maximum(steps, 0)] & inside) for flags in (looks, known))
    goes_first = (found.margin_s < 0.0)[ego]
    outcome = "lets the ego go first, of those who cross its way within 10 s of it"
    return {("head turned to ego", outcome): Observations.split(goes_first[seen], looked[seen])}


def _of_looks(courses: Courses) -> Effects:
    """Of people who stand near the ego's way or walk towards it: who stays out of it in the next 3 s has yielded."""
    looks, known = courses.has(Attribute.HEAD_TURNED_TO_EGO)
    beside, comes_first = before_ego(courses)
    waits = beside & known & courses.is_pedestrian[:, None]

    def yields(_: Courses, rows: Rows, steps: Rows, ahead: int) -> NDArray[np.bool_]:
        return ~ever(window(comes_first, rows, steps, ahead))

    near = np.zeros_like(waits)
    for ego in np.flatnonzero(courses.ids == EGO_ID).tolist():
        apart = np.linalg.norm(courses.position - courses.position[ego], axis=-1)
        drives = courses.valid[ego] & (courses.speed[ego] > MOVES_MPS)
        near = courses.valid & known & courses.is_pedestrian[:, None] & (apart < _NEAR_EGO_M) & drives
    attribute = "head turned to ego"
    return {
        (attribute, "stands or stops within 3 s, less than 30 m from the driving ego"): compared(
            courses, looks, near, _stands, 3.0
        ),
        (attribute, "stays out of the ego's way for 3 s, standing beside it or walking towards it"): compared(
            courses, looks, waits, yields, 3.0
        ),
    }


def _stands(courses: Courses, rows: Rows, steps: Rows, ahead: int) -> NDArray[np.bool_]:
    valid, speed = (window(values, rows, steps, ahead) for values in (courses.valid, courses.speed))
    return ever(valid & (speed < MOVES_MPS))
