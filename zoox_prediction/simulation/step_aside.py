"""What walkers see of vehicles that would pass too near, and how they step back from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.simulation.caution import Boxes

FloatArray = NDArray[np.float64]

_TIMES_S = (0.0, 0.3, 0.6, 0.9, 1.2)
_MOVES_MPS = 0.5
_ROOM_M = 0.3  # between a body and what passes
_FARTHEST_M = 0.9
_NEAR_M = 25.0


def step_aside(center: FloatArray, radius_m: FloatArray, vehicles: Boxes) -> FloatArray:
    """(N, 2) how far walkers at `center` (N, 2) step aside, so that moving vehicles pass them with some room [m].

    Straight away from the course of the vehicle that comes nearest within 1.2 s if it keeps speed and turning; 0 where
    none does.
    """
    aside = np.zeros_like(center)
    moving = vehicles.select(np.flatnonzero(vehicles.speed > _MOVES_MPS))
    if not len(center) or not len(moving):
        return aside
    walker, vehicle = np.nonzero(np.linalg.norm(center[:, None] - moving.center, axis=-1) < _NEAR_M)
    missing, side = np.zeros(len(walker)), np.zeros((len(walker), 2))
    for time_s in _TIMES_S:
        yaw = moving.yaw + time_s * moving.yaw_rate
        middle = moving.yaw + 0.5 * time_s * moving.yaw_rate
        way = time_s * moving.speed[:, None] * np.stack([np.cos(middle), np.sin(middle)], axis=-1)
        apart = center[walker] - (moving.center + way)[vehicle]
        cos, sin = np.cos(yaw[vehicle]), np.sin(yaw[vehicle])
        along, across = cos * apart[:, 0] + sin * apart[:, 1], cos * apart[:, 1] - sin * apart[:, 0]
        room = radius_m[walker] + _ROOM_M
        beside = np.abs(along) < 0.5 * moving.size[vehicle, 0] + room
        lacks = np.where(beside, 0.5 * moving.size[vehicle, 1] + room - np.abs(across), 0.0)
        more = lacks > missing
        missing[more] = lacks[more]
        side[more] = (np.where(across < 0.0, -1.0, 1.0)[:, None] * np.stack([-sin, cos], axis=-1))[more]
    order = np.argsort(missing)  # the last one written is the largest
    aside[walker[order]] = (np.minimum(missing, _FARTHEST_M)[:, None] * side)[order]
    return aside


def comes_near(center: FloatArray, room_m: float, vehicles: Boxes, within_s: float) -> NDArray[np.bool_]:
    """(N,) whether a moving vehicle will be less than room_m from `center` (N, 2), if all keep their velocity."""
    moving = vehicles.select(np.flatnonzero(vehicles.speed > _MOVES_MPS))
    near = np.zeros(len(center), dtype=bool)
    cos, sin = np.cos(moving.yaw), np.sin(moving.yaw)
    for time_s in np.arange(0.0, within_s + 0.01, 0.25).tolist():
        apart = center[:, None] - (moving.center + time_s * moving.velocity)
        along, across = (
            np.abs(cos * apart[..., 0] + sin * apart[..., 1]),
            np.abs(cos * apart[..., 1] - sin * apart[..., 0]),
        )
        inside = (along < 0.5 * moving.size[:, 0] + room_m) & (across < 0.5 * moving.size[:, 1] + room_m)
        near |= inside.any(axis=1)
    return near


def meets_ahead(way: FloatArray, times_s: FloatArray, room_m: float, vehicles: Boxes) -> tuple[bool, bool]:
    """Whether one who is at `way` (T, 2) at these times [s] meets a moving vehicle that is still beside his way, and
    whether he meets one in whose way he is already, if vehicles keep their velocity."""
    moving = vehicles.select(np.flatnonzero(vehicles.speed > _MOVES_MPS))
    if not len(moving):
        return False, False
    apart = way[:, None] - (moving.center + times_s[:, None, None] * moving.velocity)  # (T, M, 2)
    cos, sin = np.cos(moving.yaw), np.sin(moving.yaw)
    along = np.abs(cos * apart[..., 0] + sin * apart[..., 1]) - 0.5 * moving.size[:, 0]
    across = np.abs(cos * apart[..., 1] - sin * apart[..., 0]) - 0.5 * moving.size[:, 1]
    meets = ((along < room_m) & (across < room_m)).any(axis=0)
    before = across[0] < room_m
    return bool((meets & ~before).any()), bool((meets & before).any())
