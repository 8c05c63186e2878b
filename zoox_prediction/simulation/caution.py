"""What drivers do about bodies in their way that no traffic rule of SUMO keeps apart.

SUMO knows lanes and right of way, but not the ego that a plan moves, nor jaywalkers, animals, and corners of vehicles
that cut a bend. A driver sees where he himself and the other will be in the next seconds if both keep their speed and
turning; once he has seen a conflict for his reaction time, he brakes as hard as it takes to stop before it, and waits
while the place ahead of him is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.simulation.walker_motion import STEP_S

FloatArray = NDArray[np.float64]

_TIMES_S = np.arange(0.0, 3.01, 0.2)
_SOON = 8  # of these times: 1.4 s, within which drivers see that they will touch another vehicle
_NEAR_M = 15.0  # beside what is driven in these times
_SLOWEST_MPS = 1.2  # a standing driver looks as far ahead as if he rolled
_STOP_SHORT_M = 1.0
_GENTLE_MPS2 = 1.5  # of a stop at ease
_LAST_MPS2 = 2.0  # of the last half a metre per second before a stop
_WAITS_M = 4.0  # a standing driver stays while a conflict is this near
_BESIDE_M, _BESIDE_VEHICLE_M = 0.4, 0.1  # room that drivers want on both sides
_BRAKES_MORE = 1.15  # than it takes, so that an error does not end in a crash
_STANDS_MPS = 0.3


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

    @property
    def speed(self) -> FloatArray:
        """(N,) [m/s]"""
        speed: FloatArray = np.linalg.norm(self.velocity, axis=-1)
        return speed

    def select(self, rows: NDArray) -> Boxes:
        return Boxes(self.center[rows], self.yaw[rows], self.velocity[rows], self.yaw_rate[rows], self.size[rows])

    def joined(self, other: Boxes) -> Boxes:
        return Boxes(*(np.concatenate(pair) for pair in zip(_columns(self), _columns(other), strict=True)))


def conflict_distance(drivers: Boxes, others: Boxes) -> FloatArray:
    """(N,) how far each driver can go before he and any of the others meet, if all keep speed and turning [m].

    inf where none is met within 3 s. Others behind a driver's front do not count: they look out for themselves.
    """
    first, second = near_pairs(drivers, others, _TIMES_S[-1])
    nearest = np.full(len(drivers), np.inf)
    np.minimum.at(nearest, first, _meeting_distance(drivers, others, first, second, _TIMES_S, _BESIDE_M))
    return nearest


def touching_distance(drivers: Boxes) -> FloatArray:
    """(N,) how far each driver can go before he touches another of the drivers within 1.4 s [m]; inf: not at all.

    Of two that would touch, the one that is farther from where they do gives way; if both are as far, the later row.
    """
    first, second = near_pairs(drivers, drivers, _TIMES_S[-1])
    first, second = first[first != second], second[first != second]
    ahead_m = _meeting_distance(drivers, drivers, first, second, _TIMES_S[:_SOON], _BESIDE_VEHICLE_M)
    count = len(drivers)
    theirs = np.full((count, count), np.inf)
    theirs[first, second] = ahead_m
    other_m = theirs[second, first]
    gives_way = (ahead_m > other_m) | ((ahead_m == other_m) & (first > second)) | np.isinf(other_m)
    nearest = np.full(count, np.inf)
    np.minimum.at(nearest, first, np.where(gives_way, ahead_m, np.inf))
    return nearest


def limited_speed(speed: FloatArray, distance_m: FloatArray, hardest_mps2: FloatArray) -> FloatArray:
    """(N,) the most that careful drivers go one step later, with conflicts this far ahead; inf: as they like.

    They come to a stop before it at ease; who needs more than that brakes as hard as it takes, up to hardest_mps2.
    """
    room = np.maximum(distance_m - _STOP_SHORT_M, 0.0)
    at_ease = np.sqrt(2.0 * _GENTLE_MPS2 * room)
    braking = np.minimum(_BRAKES_MORE * speed**2 / (2.0 * np.maximum(room, 0.2)), hardest_mps2)
    limited = np.where(speed > at_ease, np.maximum(speed - STEP_S * braking, 0.0), at_ease)
    stopping = np.maximum(speed - STEP_S * _LAST_MPS2, 0.0)
    limited = np.where((speed < 0.5) & (distance_m < _WAITS_M), np.minimum(limited, stopping), limited)
    unlimited: FloatArray = np.where(np.isfinite(distance_m), limited, np.inf)
    return unlimited


def blocked(walkers: Boxes, vehicles: Boxes, within_s: float, room_m: float) -> NDArray[np.bool_]:
    """(N,) whether walkers would be within room_m of a vehicle in a moment, and nearer to it than they are."""
    if not len(walkers) or not len(vehicles):
        return np.zeros(len(walkers), dtype=bool)
    now, soon = (_outside(walkers.center + time_s * walkers.velocity, vehicles, time_s) for time_s in (0.0, within_s))
    stops: NDArray[np.bool_] = np.any((soon < room_m) & (soon < now), axis=1, keepdims=True)[:, 0]
    return stops


def _outside(points: FloatArray, vehicles: Boxes, time_s: float) -> FloatArray:
    """(N, M) distances of points from the boxes of vehicles a little later [m], negative inside."""
    apart = points[:, None] - (vehicles.center + time_s * vehicles.velocity)
    cos, sin = np.cos(vehicles.yaw), np.sin(vehicles.yaw)
    along = np.abs(cos * apart[..., 0] + sin * apart[..., 1]) - 0.5 * vehicles.size[:, 0]
    across = np.abs(-sin * apart[..., 0] + cos * apart[..., 1]) - 0.5 * vehicles.size[:, 1]
    outside: FloatArray = np.maximum(along, across)
    return outside


def near_pairs(drivers: Boxes, others: Boxes, within_s: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of drivers and of others who may come near each other in this time."""
    if not len(drivers) or not len(others):
        none = np.zeros(0, dtype=np.int64)
        return none, none
    apart = np.linalg.norm(drivers.center[:, None] - others.center, axis=-1)
    reach = within_s * (drivers.speed[:, None] + others.speed) + _NEAR_M
    first, second = np.nonzero(apart < reach)
    return first, second


@dataclass(frozen=True)
class Tracks:
    """Others seen from drivers, for n pairs at T times, if all keep speed and turning."""

    ahead: FloatArray  # (n, T) of the driver's centre [m]
    left: FloatArray  # (n, T)
    reach_ahead: FloatArray  # (n, T) within which the boxes overlap along the driver's heading
    reach_left: FloatArray  # (n, T) and across it
    rolled: FloatArray  # (n,) speed of the driver [m/s]


def tracks(
    drivers: Boxes,
    others: Boxes,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    times_s: FloatArray,
    slowest_mps: float,
) -> Tracks:
    """Of the pairs of rows `first` of drivers, who roll at least at slowest_mps, and `second` of others."""
    rolled = np.maximum(drivers.speed[first], slowest_mps)
    own, own_yaw = _moved(drivers.center[first], drivers.yaw[first], rolled, drivers.yaw_rate[first], times_s)
    speed = others.speed[second]
    course = np.where(speed > _STANDS_MPS, np.arctan2(*others.velocity[second].T[::-1]), others.yaw[second])
    other, turning = _moved(others.center[second], course, speed, others.yaw_rate[second], times_s)
    apart = other - own
    cos, sin = np.cos(own_yaw), np.sin(own_yaw)
    ahead, left = cos * apart[..., 0] + sin * apart[..., 1], -sin * apart[..., 0] + cos * apart[..., 1]
    turned = others.yaw[second][:, None] + (turning - course[:, None]) - own_yaw
    length, width = (others.size[second][:, None, axis] for axis in (0, 1))
    half_length = 0.5 * (np.abs(np.cos(turned)) * length + np.abs(np.sin(turned)) * width)
    half_width = 0.5 * (np.abs(np.sin(turned)) * length + np.abs(np.cos(turned)) * width)
    own_length, own_width = 0.5 * drivers.size[first, :1], 0.5 * drivers.size[first, 1:]
    return Tracks(ahead, left, own_length + half_length, own_width + half_width, rolled)


def _meeting_distance(
    drivers: Boxes,
    others: Boxes,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    times_s: FloatArray,
    beside_m: float,
) -> FloatArray:
    """(n,) how far the driver of each pair goes until both meet [m]; inf: not within these times."""
    if not len(first):
        return np.zeros(0)
    seen = tracks(drivers, others, first, second, times_s, _SLOWEST_MPS)
    meets = (np.abs(seen.ahead) < seen.reach_ahead) & (np.abs(seen.left) < seen.reach_left + beside_m)
    meets &= seen.ahead[:, :1] > 0.25 * drivers.size[first, :1]
    distance: FloatArray = np.where(meets.any(axis=1), seen.rolled * times_s[meets.argmax(axis=1)], np.inf)
    return distance


def _moved(
    center: FloatArray, yaw: FloatArray, speed: FloatArray, yaw_rate: FloatArray, times_s: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Positions (n, T, 2) and headings (n, T) along arcs of constant speed and turning."""
    turned = yaw_rate[:, None] * times_s
    middle = yaw[:, None] + 0.5 * turned
    chord = speed[:, None] * times_s * np.sinc(0.5 * turned / np.pi)
    return (
        center[:, None] + chord[..., None] * np.stack([np.cos(middle), np.sin(middle)], axis=-1),
        yaw[:, None] + turned,
    )


def _columns(boxes: Boxes) -> tuple[FloatArray, ...]:
    return boxes.center, boxes.yaw, boxes.velocity, boxes.yaw_rate, boxes.size
