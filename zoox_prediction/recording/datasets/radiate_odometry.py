"""The ego of RADIATE by GPS/IMU, whose clock is not that of the other sensors.

Its velocity is north, east, down. Its compass is off by a constant angle, which the mean course tells, and turns as the
car does; the course itself wanders by degrees and fixes jump by tens of metres, hence positions are the integral of the
speed along the heading. How far its clock is ahead is told by the speeds that successive radar images show (phase
correlation, C. Kuglin and D. Hines, 1975).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import quaternion_from_yaw, wrap_angle, yaw_from_quaternion
from zoox_prediction.recording.datasets.kinematics import EgoTrajectory
from zoox_prediction.recording.datasets.source import SourceError, text_lines

FloatArray = NDArray[np.float64]

_MIN_COURSE_MPS = 1.0  # slower, the course tells no heading
_MAX_IMAGE_PAIRS = 400
_IMAGE_PX = 576
_MIN_RESPONSE = 0.1  # of phase correlation, where two images show the same
_STEP_S = 0.05
_MIN_OVERLAP = 0.8  # of the radar's time that GPS/IMU must cover
_MAX_DIFFERENCE_MPS = 0.6  # root mean square
_AMBIGUOUS_MPS, _AMBIGUOUS_S = 0.1, 2.0  # clocks so far apart must differ in how well they fit by so much


@dataclass(frozen=True)
class GpsImu:
    """T rows in order of time, each stamp once."""

    stamp_ns: NDArray[np.int64]  # (T,) of its own clock
    fix: FloatArray  # (T, 3) latitude, longitude [deg], altitude [m]
    fix_covariance: FloatArray  # (T, 3, 3) [m^2]
    quaternion: FloatArray  # (T, 4) x, y, z, w
    angular_velocity: FloatArray  # (T, 3) [rad/s]
    acceleration: FloatArray  # (T, 3) [m/s^2]
    velocity: FloatArray  # (T, 2) to the east and north [m/s]

    @property
    def speed(self) -> FloatArray:
        return np.hypot(self.velocity[:, 0], self.velocity[:, 1])


def read_gps_imu(folder: Path, stamps: Mapping[int, int]) -> GpsImu:
    """The files NNNNNN.txt of GPS_IMU_Twist that have a stamp [ns]; SourceError for one that is not as it should be."""
    numbers = [number for number in sorted(stamps) if (folder / f"{number:06d}.txt").is_file()]
    first = {stamps[number]: number for number in reversed(numbers)}  # files come twice
    if len(first) < 2:
        raise SourceError(f"{folder}: holds fewer than two files with a time in {folder.name}.txt; fetch it again")
    order = sorted(first)
    rows = np.array([_numbers(folder / f"{first[stamp]:06d}.txt") for stamp in order])
    return GpsImu(
        np.array(order, dtype=np.int64),
        rows[:, 0:3],
        rows[:, 3:12].reshape(-1, 3, 3),
        rows[:, 12:16],
        rows[:, 16:19],
        rows[:, 19:22],
        rows[:, [50, 49]],
    )


def ego_trajectory(gps: GpsImu, clock_offset_ns: int) -> EgoTrajectory:
    """Poses of base_link on flat ground, x to the east, the origin at the first one."""
    time_s = (gps.stamp_ns - gps.stamp_ns[0]) * 1e-9
    heading = _heading(gps)
    velocity = gps.speed[:, None] * np.column_stack([np.cos(heading), np.sin(heading)])
    steps = 0.5 * (velocity[1:] + velocity[:-1]) * np.diff(time_s)[:, None]
    position = np.zeros((len(time_s), 3))
    position[1:, :2] = np.cumsum(steps, axis=0)
    return EgoTrajectory(gps.stamp_ns - clock_offset_ns, position, quaternion_from_yaw(heading), velocity=velocity)


def radar_speeds(
    read_image: Callable[[int], NDArray], stamps_ns: NDArray[np.int64], resolution_m: float
) -> tuple[NDArray[np.int64], FloatArray]:
    """Stamps (P,) between successive images and the speeds (P,) over what stands; `read_image(i)` gives (A, R) pixels.

    Rows are clockwise from straight ahead.
    """
    middle, speeds = [], []
    pixel_m = 0.0
    window = cv2.createHanningWindow((_IMAGE_PX, _IMAGE_PX), cv2.CV_64F)
    before: FloatArray | None = None
    for row in range(min(len(stamps_ns), _MAX_IMAGE_PAIRS + 1)):  # images are too large to hold all at once
        image = read_image(row)
        pixel_m = 2.0 * image.shape[1] * resolution_m / _IMAGE_PX
        view = _from_above(image, resolution_m, pixel_m)
        if before is not None and stamps_ns[row] > stamps_ns[row - 1]:
            (right, down), response = cv2.phaseCorrelate(before, view, window)
            if response > _MIN_RESPONSE:
                middle.append((int(stamps_ns[row]) + int(stamps_ns[row - 1])) // 2)
                speeds.append(np.hypot(right, down) * pixel_m / ((stamps_ns[row] - stamps_ns[row - 1]) * 1e-9))
        before = view
    return np.array(middle, dtype=np.int64), np.array(speeds, dtype=np.float64)


def clock_offset_ns(gps: GpsImu, stamps_ns: NDArray[np.int64], speeds: FloatArray, folder: Path) -> int:
    """How much the clock of GPS/IMU is ahead of the one of `stamps_ns` (P,), at which the car had the `speeds` (P,).

    0 where the speeds agree as they are. Raises SourceError when no offset fits, or offsets far apart fit alike.
    """
    if len(speeds) < 3:
        raise SourceError(f"{folder}: cannot be brought to the radar's time: fewer than four radar images fit together")
    times = (stamps_ns - gps.stamp_ns[0]) * 1e-9
    own = (gps.stamp_ns - gps.stamp_ns[0]) * 1e-9
    offsets = np.append(np.arange(own[0] - times[-1], own[-1] - times[0], _STEP_S), 0.0)
    shifted = times + offsets[:, None]
    covered = (shifted >= own[0]) & (shifted <= own[-1])
    squared = np.where(covered, (np.interp(shifted, own, gps.speed) - speeds) ** 2, 0.0)
    difference = np.sqrt(squared.sum(axis=1) / np.maximum(covered.sum(axis=1), 1))
    difference[covered.mean(axis=1) < _MIN_OVERLAP] = np.inf
    if difference[-1] < _MAX_DIFFERENCE_MPS:
        return 0
    best = int(np.argmin(difference))
    alike = offsets[difference < difference[best] + _AMBIGUOUS_MPS]
    if difference[best] > _MAX_DIFFERENCE_MPS:
        raise SourceError(f"{folder}: its speeds are at no time those of the radar images; are both of one drive?")
    if np.ptp(alike) > _AMBIGUOUS_S:
        raise SourceError(f"{folder}: has another clock than the radar, and too even speeds to tell which")
    return round(offsets[best] * 1e9)


def _heading(gps: GpsImu) -> FloatArray:
    """(T,) what the compass says, turned so that it is the course on average while the car moves."""
    compass = yaw_from_quaternion(gps.quaternion)
    course = np.arctan2(gps.velocity[:, 1], gps.velocity[:, 0])
    moving = gps.speed > _MIN_COURSE_MPS
    if not moving.any():
        return compass
    difference = course[moving] - compass[moving]
    return wrap_angle(compass + np.arctan2(np.sin(difference).mean(), np.cos(difference).mean()))


def _numbers(path: Path) -> FloatArray:
    """(55,) fix (3), its covariance (9), quaternion (4), rates (3), acceleration (3), covariances (27), twist (6).

    The twist begins with the velocity, at 49: north, east, down.
    """
    try:
        row = np.array([float(value) for line in text_lines(path) for value in line.split(",")])
    except ValueError as error:
        raise SourceError(f"{path}: is not numbers with commas between; fetch it again") from error
    if row.shape != (55,) or not np.isfinite(row).all():
        raise SourceError(f"{path}: has {len(row)} numbers where 55 finite ones belong; fetch it again")
    return row


def _from_above(image: NDArray, resolution_m: float, pixel_m: float) -> FloatArray:
    """(_IMAGE_PX, _IMAGE_PX) of a polar image, ahead is up."""
    rows = len(image)
    index = np.arange(_IMAGE_PX) - 0.5 * (_IMAGE_PX - 1)
    ahead, left = -index[:, None] * pixel_m, -index[None] * pixel_m
    clockwise = np.mod(-np.arctan2(left, ahead), 2.0 * np.pi) * rows / (2.0 * np.pi) - 0.5
    distance = np.hypot(ahead, left) / resolution_m - 0.5
    closed = np.concatenate([image[-1:], image, image[:1]])  # the turn is closed
    view = cv2.remap(
        closed.astype(np.float32), distance.astype(np.float32), (clockwise + 1.0).astype(np.float32), cv2.INTER_LINEAR
    )
    return np.asarray(view, dtype=np.float64)
