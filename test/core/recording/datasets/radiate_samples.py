"""Writes a tiny sequence in the layout of RADIATE: a drive past posts and a standing bus, under a clock that is off."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.recording.datasets.radiate import RADAR_LATENCY_S, TURN_S
from zoox_prediction.recording.datasets.radiate_calibration import AZIMUTH_CELLS, RANGE_CELLS, RANGE_RESOLUTION_M

START_S = 1_574_859_771.0
CLOCK_OFFSET_S = 31.5
BUS = np.array([45.0, -6.0])  # in the plane of the drive: x along it, y to its left
HEADING_RAD = np.radians(60.0)  # of the drive, from east
COMPASS_ERROR_RAD = 0.9

CALIBRATION = """
lidar_calib: {T: [0.6, -0.1, 0.25], R: [0, 0, 0]}
left_cam_calib: {T: [0.34, -0.07, 0.29], R: [1.28, -0.53, 0], fx: 338, fy: 339, cx: 342, cy: 201, k1: -0.18, k2: 0.03, \
k3: 0, p1: 0, p2: 0, res: [672, 376]}
right_cam_calib: {T: [0.46, -0.06, 0.29], R: [0.85, 0.37, 0], fx: 338, fy: 339, cx: 329, cy: 186, k1: -0.18, k2: 0.03, \
k3: 0, p1: 0, p2: 0, res: [672, 376]}
stereo_calib: {TX: -120.0, TY: 0, TZ: 0, R: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}
"""


def travelled(time_s: float | NDArray) -> NDArray:
    """Metres since the start; the speed changes between 7 and 13 m/s."""
    return np.asarray(10.0 * time_s + 3.0 * np.sin(1.3 * np.asarray(time_s)) / 1.3)


def radiate(folder: Path, frames: int = 12) -> Path:
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "default-calib.yaml").write_text(CALIBRATION)
    ends = 1.0 + TURN_S * np.arange(1, frames + 1)  # of the turns, seconds after the start
    _radar(folder, ends)
    _gps(folder, float(ends[-1]) + 1.0)
    _labels(folder, ends)
    (folder / "velo_lidar").mkdir()
    (folder / "velo_lidar" / "000003.csv").write_text("1.0,2.0,3.0,10,24\n-1.0,2.5,3.0,20,25\n")
    (folder / "velo_lidar" / "000004.csv").write_text("1.0,2.0,3.0,10,24\n")  # without a stamp
    _stamps(folder / "velo_lidar.txt", {3: 1.5, 5: 1.6})
    (folder / "zed_left").mkdir()
    (folder / "zed_left" / "000001.png").write_bytes(b"\x89PNG picture")
    _stamps(folder / "zed_left.txt", {1: 1.7})
    return folder


def _stamps(path: Path, seconds: dict[int, float]) -> None:
    lines = [f"Frame: {number:06d} Time: {START_S + second:.9f}" for number, second in seconds.items()]
    path.write_text("\n".join(lines))


def _seen(point: NDArray, end_s: float) -> NDArray:
    """(2,) where the radar sees a standing point in a turn, from where it is when the beam gets there."""
    time = end_s - 0.5 * TURN_S
    for _ in range(4):
        place = point - [travelled(time), 0.0]
        time = end_s - TURN_S * (1.0 - np.mod(-np.arctan2(place[1], place[0]), 2.0 * np.pi) / (2.0 * np.pi))
    return np.asarray(place)


def _radar(folder: Path, ends: NDArray) -> None:
    random = np.random.default_rng(0)
    posts = np.column_stack([random.uniform(-80.0, 150.0, 250), random.uniform(-90.0, 90.0, 250)])
    (folder / "Navtech_Polar").mkdir()
    for number, end in enumerate(ends, start=1):
        image = random.integers(10, 30, (RANGE_CELLS, AZIMUTH_CELLS)).astype(np.uint8)
        for point in posts:
            x, y = _seen(point, float(end))
            column = int(np.mod(-np.arctan2(y, x), 2.0 * np.pi) / (2.0 * np.pi) * AZIMUTH_CELLS)
            row = int(np.hypot(x, y) / RANGE_RESOLUTION_M)
            if 5 < row < RANGE_CELLS - 2:
                image[row - 1 : row + 2, max(column - 1, 0) : column + 2] = 200
        cv2.imwrite(str(folder / "Navtech_Polar" / f"{number:06d}.png"), image)
    _stamps(folder / "Navtech_Polar.txt", {i: float(end) + RADAR_LATENCY_S for i, end in enumerate(ends, start=1)})


def _gps(folder: Path, end_s: float) -> None:
    (folder / "GPS_IMU_Twist").mkdir()
    times = np.arange(0.0, end_s, 0.05)
    for number, time in enumerate(times, start=1):
        speed = 10.0 + 3.0 * np.cos(1.3 * time)
        compass = 0.5 * (HEADING_RAD + COMPASS_ERROR_RAD)
        zeros = "0,0,0\n"
        course = HEADING_RAD + 0.1 * np.cos(2.0 * np.pi * time / times[-1])
        text = f"55.9,-3.3,200\n{zeros * 3}0,0,{np.sin(compass)},{np.cos(compass)}\n"
        text += f"0.01,0.02,0.03\n0,0,9.8\n{zeros * 9}"
        text += f"{speed * np.sin(course)},{speed * np.cos(course)},0.1\n0,0,0\n"  # north, east, down
        (folder / "GPS_IMU_Twist" / f"{number:06d}.txt").write_text(text)
    _stamps(folder / "GPS_IMU_Twist.txt", {i: time + CLOCK_OFFSET_S for i, time in enumerate(times, start=1)})


def _labels(folder: Path, ends: NDArray) -> None:
    boxes: list = [[] for _ in range(len(ends) + 3)]
    for index, end in enumerate(ends):
        if index == 4:
            continue
        x, y = _seen(BUS, float(end))
        middle = RANGE_CELLS - 0.5 - np.array([y, x]) / RANGE_RESOLUTION_M
        width, height = 2.6 / RANGE_RESOLUTION_M, 12.0 / RANGE_RESOLUTION_M
        corner = [middle[0] - 0.5 * width, middle[1] - 0.5 * height, width, height]
        boxes[index] = {"position": corner, "rotation": 10.0}
    (folder / "annotations").mkdir()
    document = [{"id": 7, "class_name": "bus", "bboxes": boxes}]
    (folder / "annotations" / "annotations.json").write_text(json.dumps(document))
