"""Points as they would be seen from where the sensor was at the stamp, though it moved while it measured them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle

_LEAST_MOTION_M = 0.1  # during a sweep; less is not told from the noise
_NEAR_M = (2.0, 25.0)  # ranges of the points that tell: what is far hardly changes its direction
_NUM_BINS, _MOST_POINTS, _FEWEST_POINTS = 24, 5000, 200
_CLEARLY_LESS = 0.6


def compensate_motion(
    position: NDArray[np.float32], time_s: NDArray[np.float32], velocity: NDArray, angular_velocity: NDArray
) -> NDArray[np.float32]:
    """Points (N, 3) in the sensor's frame at their own times (N,) after the stamp, in its frame at the stamp.

    `velocity` (3,) and `angular_velocity` (3,) of the sensor over ground along its axes are constant over the sweep.
    Rotation and arc are taken to the second order in the angle turned: at 1 rad/s and 0.1 s that leaves 2e-4 of the
    range.
    """
    omega = np.asarray(angular_velocity, dtype=np.float32)
    speed = np.asarray(velocity, dtype=np.float32)
    time = time_s[:, None]
    moved: NDArray[np.float32] = position + time * speed
    if np.any(omega):
        turn = time * np.cross(omega, position) + 0.5 * time * time * np.cross(omega, np.cross(omega, position))
        moved = moved + turn + 0.5 * time * time * np.cross(omega, speed)
    return moved


def is_compensated(position: NDArray[np.float32], time_s: NDArray[np.float32], velocity: NDArray) -> bool:
    """Whether the points lie as if the driver had moved them to the stamp already.

    A lidar that spins evenly measures at azimuths that are linear in time. Points of a moving one that have been moved
    are not, the near ones by many degrees, until they are moved back. False where this tells nothing: for points of
    other patterns, and where the sensor hardly moves.
    """
    span = float(np.ptp(time_s)) if len(time_s) else 0.0
    speed = np.asarray(velocity, dtype=np.float64)
    if span * float(np.linalg.norm(speed[:2])) < _LEAST_MOTION_M:
        return False
    rows = np.arange(0, len(time_s), max(len(time_s) // _MOST_POINTS, 1))
    range_m = np.hypot(position[rows, 0], position[rows, 1])
    rows = rows[(range_m >= _NEAR_M[0]) & (range_m <= _NEAR_M[1])]
    if len(rows) < _FEWEST_POINTS:
        return False
    place, time = position[rows, :2].astype(np.float64), time_s[rows].astype(np.float64)
    back = place - time[:, None] * speed[:2]
    return _unevenness(back, time) < _CLEARLY_LESS * _unevenness(place, time)


def _unevenness(xy: NDArray[np.float64], time: NDArray[np.float64]) -> float:
    """Median distance [rad] of the azimuths of points (N, 2) from the best line in time (N,)."""
    azimuth = np.arctan2(xy[:, 1], xy[:, 0])
    share = (time - time.min()) / max(float(np.ptp(time)), 1e-9)
    bins = np.minimum((share * _NUM_BINS).astype(np.int64), _NUM_BINS - 1)
    sums = [np.bincount(bins, values, minlength=_NUM_BINS) for values in (np.cos(azimuth), np.sin(azimuth))]
    used = np.flatnonzero(np.bincount(bins, minlength=_NUM_BINS))
    if len(used) < 3:
        return float("inf")
    course = np.unwrap(np.arctan2(sums[1][used], sums[0][used]))
    slope, start = np.polyfit((used + 0.5) / _NUM_BINS, course, 1)
    off = wrap_angle(azimuth - start - slope * share)
    return float(np.median(np.abs(off - np.median(off))))
