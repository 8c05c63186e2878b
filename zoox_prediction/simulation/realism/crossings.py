"""Where people cross the ways of vehicles, and how long before or after them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.simulation.realism.courses import STEP_S, Courses

_SHORTEST_M = 1.0  # of a course that crosses anything
_SAME_CROSSING_S = 3.0  # crossings of several ways within this time are those of one road
_LEAST_ANGLE = 0.5  # |sin| between both courses: who walks along the road does not cross it
_LOOK_M = 0.5  # over which directions are measured
_BEFORE_S = 1.5  # a person is at a vehicle's way, the speed of the vehicle is the one that the person goes by
_COMES_MPS = 1.0  # slower vehicles wait

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Crossings:
    """M places where the course of a person and that of a vehicle cross, with the times at which they are there."""

    walker: NDArray[np.int64]  # (M,) rows of the courses
    vehicle: NDArray[np.int64]  # (M,)
    walker_s: FloatArray  # (M,) when the person is there, from the first instant
    vehicle_s: FloatArray  # (M,) when the middle of the vehicle is there
    unbraked_s: FloatArray  # (M,) when it would be, had it kept the speed of 1.5 s before the person; inf: it waited

    @property
    def margin_s(self) -> FloatArray:
        """(M,) between the one and the other; positive: the person first.

        The post-encroachment time of B. L. Allen, B. T. Shin, P. J. Cooper, "Analysis of traffic conflicts and
        collisions" (1978), for points instead of areas.
        """
        return self.vehicle_s - self.walker_s

    def roads(self) -> NDArray[np.int64]:
        """(M,) numbers of the crossed roads: crossings of one person that follow each other within 3 s are one road."""
        order = np.lexsort((self.walker_s, self.walker))
        walker, when = self.walker[order], self.walker_s[order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (np.diff(walker) != 0) | (np.diff(when) > _SAME_CROSSING_S)
        numbers = np.empty(len(order), dtype=np.int64)
        numbers[order] = np.cumsum(new) - 1
        return numbers


@dataclass(frozen=True)
class AcceptedGaps:
    """R roads that people crossed."""

    walker: NDArray[np.int64]  # (R,) row of the courses
    start_s: FloatArray  # (R,) when the first vehicle's way was crossed
    gap_s: FloatArray  # (R,) until the next vehicle came to where it was crossed; inf: none came
    unbraked_gap_s: FloatArray  # (R,) the same, had vehicles kept their speed of 1.5 s before


def crossings(courses: Courses, walkers: NDArray[np.bool_] | None = None) -> Crossings:
    """All crossings of people (or of the rows `walkers` (N,)) with the ways of vehicles and cyclists."""
    walkers = courses.is_pedestrian if walkers is None else walkers
    driven = ~courses.is_pedestrian & courses.travels & ~walkers
    first, second = _Ways(courses, np.flatnonzero(walkers)), _Ways(courses, np.flatnonzero(driven))
    pairs = shapely.STRtree(second.lines).query(first.lines, predicate="intersects")
    meeting = shapely.intersection(first.lines[pairs[0]], second.lines[pairs[1]])
    points, pair = shapely.get_coordinates(meeting, return_index=True)
    _, once = np.unique(pair, return_index=True)  # the first place where two courses meet
    points, pair = points[once], pairs[:, pair[once]]
    walker_s, walker_way = first.times(pair[0], points)
    vehicle_s, vehicle_way = second.times(pair[1], points)
    across = np.abs(walker_way[:, 0] * vehicle_way[:, 1] - walker_way[:, 1] * vehicle_way[:, 0]) > _LEAST_ANGLE
    rows = first.rows[pair[0]], second.rows[pair[1]]
    unbraked_s = _unbraked(courses, rows[1], walker_s, vehicle_s)
    return Crossings(rows[0][across], rows[1][across], walker_s[across], vehicle_s[across], unbraked_s[across])


def accepted_gaps(found: Crossings) -> AcceptedGaps:
    """The gap before which each person crossed each road, accepted as in the Highway Capacity Manual (2010), ch. 19.

    Vehicles that had been at the place before do not count.
    """
    roads = found.roads()
    count = int(roads.max(initial=-1)) + 1
    gap, unbraked, start = (np.full(count, np.inf) for _ in range(3))
    walker = np.zeros(count, dtype=np.int64)
    walker[roads] = found.walker
    np.minimum.at(start, roads, found.walker_s)
    later = found.margin_s >= 0.0
    np.minimum.at(gap, roads[later], found.margin_s[later])
    np.minimum.at(unbraked, roads[later], np.maximum(found.unbraked_s - found.walker_s, 0.0)[later])
    return AcceptedGaps(walker, start, gap, unbraked)


def _unbraked(courses: Courses, vehicle: NDArray[np.int64], walker_s: FloatArray, vehicle_s: FloatArray) -> FloatArray:
    """(M,) when vehicles would have come to where they were at vehicle_s; those that had been there keep that time."""
    before_s = np.maximum(walker_s - _BEFORE_S, 0.0)
    unbraked = vehicle_s.copy()
    for index in np.flatnonzero(vehicle_s >= walker_s).tolist():  # ways differ in length; some per recording
        first, last = round(before_s[index] / STEP_S), round(vehicle_s[index] / STEP_S)
        row = vehicle[index]
        steps = first + np.flatnonzero(courses.valid[row, first : last + 1])
        if not len(steps):
            continue
        way_m = float(np.linalg.norm(np.diff(courses.position[row, steps], axis=0), axis=-1).sum())
        speed = float(courses.speed[row, steps[0]])
        unbraked[index] = STEP_S * steps[0] + way_m / speed if speed > _COMES_MPS else np.inf
    return unbraked


class _Ways:
    """The courses of some agents as lines, without those that hardly move."""

    def __init__(self, courses: Courses, rows: NDArray[np.int64]) -> None:
        kept, lines, places, times = [], [], [], []
        for row in rows.tolist():  # lines differ in length; once per recording
            steps = np.flatnonzero(courses.valid[row])
            points = courses.position[row, steps]
            along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=-1))])
            if along[-1] >= _SHORTEST_M:
                kept.append(row)
                lines.append(shapely.LineString(points))
                places.append(along)
                times.append(steps * STEP_S)
        self.rows = np.array(kept, dtype=np.int64)
        self.lines = np.array(lines, dtype=object)
        self._places, self._times = places, times

    def times(self, index: NDArray[np.int64], points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """When (M,) the agents are at these points (M, 2) of their lines, and (M, 2) the directions there."""
        at = shapely.line_locate_point(self.lines[index], shapely.points(points)) if len(index) else np.zeros(0)
        when = [
            float(np.interp(place, self._places[row], self._times[row]))
            for row, place in zip(index.tolist(), at.tolist(), strict=True)
        ]
        ends = [
            shapely.line_interpolate_point(self.lines[index], np.maximum(at + shift, 0.0))
            for shift in (-_LOOK_M, _LOOK_M)
        ]
        step = shapely.get_coordinates(ends[1]) - shapely.get_coordinates(ends[0])
        length = np.linalg.norm(step, axis=-1, keepdims=True)
        return np.array(when), np.divide(step, length, out=np.zeros_like(step), where=length > 0.0)
