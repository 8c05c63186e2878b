"""Who is beside the way that the ego will go, and who is on it before the ego."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.simulation.realism.courses import EGO_ID, MOVES_MPS, STEP_S, Courses

_AHEAD_M = 40.0  # of the ego's way, however long it takes for it
_DRIVES_MPS = 1.0
_ON_WAY_M, _BESIDE_M = 1.5, 8.0  # from the middle of the ego's way
_TOWARDS = 0.7  # cosine between a walker's velocity and the shortest way there

_NEAR_M = 30.0

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Encounters:
    """People whom the ego met, each counted once."""

    minutes: float = 0.0  # of driving
    near: int = 0  # less than 30 m away
    beside: int = 0  # that stood beside the driving ego's way or came towards it
    on_way: int = 0  # that were on it, ahead of the ego

    def __add__(self, other: Encounters) -> Encounters:
        return Encounters(
            self.minutes + other.minutes,
            self.near + other.near,
            self.beside + other.beside,
            self.on_way + other.on_way,
        )


def encounters(courses: Courses) -> Encounters:
    """Of one recording; nothing without an ego."""
    ego = np.flatnonzero(courses.ids == EGO_ID)
    if not len(ego):
        return Encounters()
    seen = courses.valid & courses.valid[ego[0]] & courses.is_pedestrian[:, None]
    apart = np.linalg.norm(courses.position - courses.position[ego[0]], axis=-1)
    counts = [int((seen & where).any(axis=1).sum()) for where in (apart < _NEAR_M, *before_ego(courses))]
    return Encounters(float(courses.valid[ego[0]].sum()) * STEP_S / 60.0, *counts)


def before_ego(courses: Courses) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(N, T) each: who is beside the driving ego's way and stands or moves towards it; who is on it, ahead of the ego.

    Of the way that the ego goes from there, the next 40 m count. Beside is 1.5 to 8 m from its middle, on it is nearer.
    All false without an ego.
    """
    beside, on_way = np.zeros((2, *courses.valid.shape), dtype=bool)
    ego = np.flatnonzero(courses.ids == EGO_ID)
    if not len(ego):
        return beside, on_way
    row = int(ego[0])
    steps = np.flatnonzero(courses.valid[row])
    along = np.cumsum(np.hypot(*np.diff(courses.position[row, steps], axis=0, prepend=courses.position[row, :1]).T))
    for index, step in enumerate(steps.tolist()):  # every instant has a way of its own
        last = int(np.searchsorted(along, along[index] + _AHEAD_M))
        if last <= index + 1 or along[min(last, len(steps) - 1)] <= along[index]:
            continue
        way = shapely.LineString(courses.position[row, steps[index : last + 1]])
        points = courses.position[:, step]
        place = shapely.line_locate_point(way, shapely.points(points))
        apart = shapely.get_coordinates(shapely.line_interpolate_point(way, place)) - points
        distance = np.linalg.norm(apart, axis=-1)
        inner = courses.valid[:, step] & (place > 0.0) & (place < way.length)
        inner[row] = False
        on_way[:, step] = inner & (distance < _ON_WAY_M)
        if courses.speed[row, step] > _DRIVES_MPS:
            near = inner & (distance >= _ON_WAY_M) & (distance < _BESIDE_M)
            beside[:, step] = near & _stands_or_comes(courses, step, apart)
    return beside, on_way


def _stands_or_comes(courses: Courses, step: int, apart: FloatArray) -> NDArray[np.bool_]:
    """(N,) who stands, or moves along `apart` (N, 2)."""
    onward = min(step + 1, courses.num_steps - 1)
    velocity = (courses.position[:, onward] - courses.position[:, step]) / STEP_S
    length = np.linalg.norm(velocity, axis=-1) * np.linalg.norm(apart, axis=-1)
    comes = courses.valid[:, onward] & ((velocity * apart).sum(axis=-1) > _TOWARDS * length)
    stands_or_comes: NDArray[np.bool_] = (courses.speed[:, step] < MOVES_MPS) | comes
    return stands_or_comes
