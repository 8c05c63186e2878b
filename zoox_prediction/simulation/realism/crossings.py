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

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Crossings:
    """M places where the course of a person and that of a vehicle cross, with the times at which they are there."""

    walker: NDArray[np.int64]  # (M,) rows of the courses
    vehicle: NDArray[np.int64]  # (M,)
    walker_s: FloatArray  # (M,) when the person is there, from the first instant
    vehicle_s: FloatArray  # (M,) when the middle of the vehicle is there

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
    return Crossings(rows[0][across], rows[1][across], walker_s[across], vehicle_s[across])


def accepted_gaps(found: Crossings) -> AcceptedGaps:
    """The gap before which each person crossed each road, accepted as in the Highway Capacity Manual (2010), ch. 19.

    Vehicles that had been at the place before do not count.
    """
    roads = found.roads()
    count = int(roads.max(initial=-1)) + 1
    gap, start = np.full(count, np.inf), np.full(count, np.inf)
    walker = np.zeros(count, dtype=np.int64)
    walker[roads] = found.walker
    np.minimum.at(start, roads, found.walker_s)
    later = found.margin_s >= 0.0
    np.minimum.at(gap, roads[later], found.margin_s[later])
    return AcceptedGaps(walker, start, gap)


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
