"""What drivers do about bodies in their way that no traffic rule of SUMO knows: the ego, jaywalkers, animals, doors.

A driver sees where he himself and the other will be in the next seconds if both keep their speed and turning; once he
has seen a conflict for his reaction time, he brakes as hard as it takes to stop before it, and waits while the place
ahead of him is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.simulation.walker_motion import STEP_S

FloatArray = NDArray[np.float64]

_TIMES_S = np.arange(0.0, 3.01, 0.2)
_NEAR_M = 15.0  # beside what is driven in these times
_SLOWEST_MPS = 1.2  # a standing driver looks as far ahead as if he rolled
_STOP_SHORT_M = 1.0
_GENTLE_MPS2 = 1.5  # of a stop at ease
_WAITS_M = 4.0  # a standing driver stays while a conflict is this near
_BESIDE_M = 0.4  # room that drivers want on both sides
_BRAKES_MORE = 1.15  # than it takes, so that an error does not end in a crash


@dataclass(frozen=True)
class Boxes:
    """N moving boxes in the map frame."""

    center: FloatArray  # (N, 2) [m]
    yaw: FloatArray
    velocity: FloatArray  # (N, 2) [m/s]
    yaw_rate: FloatArray
    size: FloatArray  # (N, 2) length, width [m]

    def __len__(self) -> int:
        return len(self.yaw)


def conflict_distance(drivers: Boxes, others: Boxes) -> FloatArray:
    """(N,) how far each driver can go before he and any of the others meet, if all keep speed and turning [m].

    inf where none is met within 3 s. Others behind a driver's front do not count: they look out for themselves.
    """
    nearest = np.full(len(drivers), np.inf)
    if not len(drivers) or not len(others):
        return nearest
    speed = np.linalg.norm(drivers.velocity, axis=-1)
    apart = np.linalg.norm(drivers.center[:, None] - others.center, axis=-1)
    reach = _TIMES_S[-1] * (speed[:, None] + np.linalg.norm(others.velocity, axis=-1)) + _NEAR_M
    first, second = np.nonzero(apart < reach)
    if not len(first):
        return nearest
    rolled = np.maximum(speed[first], _SLOWEST_MPS)
    own, own_yaw = _moved(drivers.center[first], drivers.yaw[first], rolled, drivers.yaw_rate[first])
    other = others.center[second][:, None] + _TIMES_S[:, None] * others.velocity[second][:, None]
    apart_now = other - own
    cos, sin = np.cos(own_yaw), np.sin(own_yaw)
    ahead = cos * apart_now[..., 0] + sin * apart_now[..., 1]
    left = -sin * apart_now[..., 0] + cos * apart_now[..., 1]
    turned = others.yaw[second][:, None] - own_yaw
    length, width = (others.size[second][:, None, axis] for axis in (0, 1))
    half_length = 0.5 * (np.abs(np.cos(turned)) * length + np.abs(np.sin(turned)) * width)
    half_width = 0.5 * (np.abs(np.sin(turned)) * length + np.abs(np.cos(turned)) * width)
    own_length, own_width = 0.5 * drivers.size[first, :1], 0.5 * drivers.size[first, 1:]
    meets = (np.abs(ahead) < own_length + half_length) & (np.abs(left) < own_width + half_width + _BESIDE_M)
    meets &= ahead[:, :1] > 0.5 * own_length
    soonest = np.where(meets.any(axis=1), rolled * _TIMES_S[meets.argmax(axis=1)], np.inf)
    np.minimum.at(nearest, first, soonest)
    return nearest


def limited_speed(speed: FloatArray, distance_m: FloatArray, hardest_mps2: FloatArray) -> FloatArray:
    """(N,) the most that careful drivers go one step later, with conflicts this far ahead; inf: as they like.

    They come to a stop before it at ease; who needs more than that brakes as hard as it takes, up to hardest_mps2.
    """
    room = np.maximum(distance_m - _STOP_SHORT_M, 0.0)
    at_ease = np.sqrt(2.0 * _GENTLE_MPS2 * room)
    braking = np.minimum(_BRAKES_MORE * speed**2 / (2.0 * np.maximum(room, 0.2)), hardest_mps2)
    limited = np.where(speed > at_ease, np.maximum(speed - STEP_S * braking, 0.0), at_ease)
    limited = np.where((speed < 0.5) & (distance_m < _WAITS_M), 0.0, limited)
    unlimited: FloatArray = np.where(np.isfinite(distance_m), limited, np.inf)
    return unlimited


def _moved(
    center: FloatArray, yaw: FloatArray, speed: FloatArray, yaw_rate: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Positions (n, T, 2) and headings (n, T) along arcs of constant speed and turning."""
    turned = yaw_rate[:, None] * _TIMES_S
    heading = yaw[:, None] + turned
    middle = yaw[:, None] + 0.5 * turned
    chord = speed[:, None] * _TIMES_S * np.sinc(0.5 * turned / np.pi)
    return center[:, None] + chord[..., None] * np.stack([np.cos(middle), np.sin(middle)], axis=-1), heading
