"""Who is beside the way that the ego will go, and who is on it before the ego."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.simulation.realism.courses import EGO_ID, MOVES_MPS, STEP_S, Courses

_AHEAD_S = 6.0  # of the ego's way
_DRIVES_MPS = 1.0
_ON_WAY_M, _BESIDE_M = 1.5, 6.0  # from the middle of the ego's way
_TOWARDS = 0.7  # cosine between a walker's velocity and the shortest way there

FloatArray = NDArray[np.float64]


def before_ego(courses: Courses) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(N, T) each: who is beside the driving ego's way of the next 6 s and stands or moves towards it; who is on it.

    Beside is 1.5 to 6 m from the middle of the way, on it is nearer. All false without an ego.
    """
    beside, on_way = np.zeros((2, *courses.valid.shape), dtype=bool)
    ego = np.flatnonzero(courses.ids == EGO_ID)
    if not len(ego):
        return beside, on_way
    ahead = round(_AHEAD_S / STEP_S)
    row = int(ego[0])
    for step in range(courses.num_steps - 1):  # every instant has a way of its own
        steps = np.arange(step, min(step + ahead + 1, courses.num_steps))
        steps = steps[courses.valid[row, steps]]
        if not courses.valid[row, step] or courses.speed[row, step] < _DRIVES_MPS or len(steps) < 2:
            continue
        way = shapely.LineString(courses.position[row, steps])
        points = courses.position[:, step]
        nearest = shapely.get_coordinates(shapely.line_interpolate_point(way, way_place := _places(way, points)))
        apart = nearest - points
        distance = np.linalg.norm(apart, axis=-1)
        inner = courses.valid[:, step] & (way_place > 0.0) & (way_place < way.length)
        inner[row] = False
        on_way[:, step] = inner & (distance < _ON_WAY_M)
        near = inner & (distance >= _ON_WAY_M) & (distance < _BESIDE_M)
        velocity = (courses.position[:, step + 1] - points) / STEP_S
        speed = courses.speed[:, step]
        with np.errstate(divide="ignore", invalid="ignore"):
            towards = (velocity * apart).sum(axis=-1) / (np.linalg.norm(velocity, axis=-1) * distance)
        beside[:, step] = near & ((speed < MOVES_MPS) | (courses.valid[:, step + 1] & (towards > _TOWARDS)))
    return beside, on_way


def _places(way: shapely.LineString, points: FloatArray) -> FloatArray:
    """(N,) of the nearest points along the way [m]."""
    places: FloatArray = shapely.line_locate_point(way, shapely.points(points))
    return places
