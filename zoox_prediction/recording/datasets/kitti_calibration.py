"""KITTI's calibration file as rigid transforms between base_link, lidar, GPS/IMU and the colour camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.recording.datasets.source import SourceError, text_lines

LIDAR_FRAME = "velodyne"
IMU_FRAME = "imu_link"

# A. Geiger et al., "Vision meets Robotics: The KITTI Dataset", IJRR 2013, figure 3: the lidar stands 0.76 m before the
# rear axle, on the middle line of the car, 1.73 m above the ground. Its axes are taken to be those of the car.
LIDAR_FROM_BASE_M = (-0.76, 0.0, -1.73)

# The files of the object, tracking and raw data name the same matrices differently.
_NAMES = {
    "P2": ("P2", "P_rect_02"),
    "R_rect": ("R_rect", "R0_rect", "R_rect_00"),
    "lidar": ("Tr_velo_cam", "Tr_velo_to_cam"),
    "imu": ("Tr_imu_velo", "Tr_imu_to_velo"),
}
# The three files of a day of the raw data, and the matrix that R and T of each are.
_RAW_FILES = {"calib_velo_to_cam.txt": "Tr_velo_cam", "calib_imu_to_velo.txt": "Tr_imu_velo"}
_RAW_CAMERAS = "calib_cam_to_cam.txt"


@dataclass(frozen=True)
class Calibration:
    """All matrices (4, 4), `a_from_b` maps points of b into a."""

    base_from_lidar: NDArray[np.float64]
    base_from_imu: NDArray[np.float64]
    lidar_from_rectified: NDArray[np.float64]  # rectified frame of camera 0, in which the labels are
    lidar_from_camera2: NDArray[np.float64]  # optical frame of the left colour camera, rectified
    camera2: NDArray[np.float64]  # (3, 3) its camera matrix


def read_calibration(path: Path) -> Calibration:
    """The calibration file of a sequence; raises SourceError naming the matrix that is missing or damaged."""
    return _calibration(_values(path), path)


def read_raw_calibration(folder: Path) -> Calibration:
    """That of a day of the raw data: calib_cam_to_cam.txt, calib_velo_to_cam.txt and calib_imu_to_velo.txt."""
    values = _values(folder / _RAW_CAMERAS)
    for name, matrix in _RAW_FILES.items():
        own = _values(folder / name)
        rotation = _matrix(own, ("R",), (3, 3), folder / name).tolist()
        place = own.get("T", [])
        if len(place) != 3:
            raise SourceError(f"{folder / name}: T is not 3 numbers; fetch the file again")
        values[matrix] = [str(each) for row, end in zip(rotation, place, strict=True) for each in (*row, end)]
    return _calibration(values, folder / _RAW_CAMERAS)


def _values(path: Path) -> dict[str, list[str]]:
    lines = [line.replace(":", " ").split() for line in text_lines(path)]
    return {line[0]: line[1:] for line in lines}


def _calibration(values: dict[str, list[str]], path: Path) -> Calibration:
    projection = _matrix(values, _NAMES["P2"], (3, 4), path)
    camera_from_lidar = _rigid(_matrix(values, _NAMES["lidar"], (3, 4), path))
    rectified = np.eye(4)
    rectified[:3, :3] = _matrix(values, _NAMES["R_rect"], (3, 3), path)
    lidar_from_imu = _rigid(_matrix(values, _NAMES["imu"], (3, 4), path))
    base_from_lidar = np.eye(4)
    base_from_lidar[:3, 3] = np.negative(LIDAR_FROM_BASE_M)
    lidar_from_rectified = np.asarray(np.linalg.inv(rectified @ camera_from_lidar), dtype=np.float64)
    # P2 = K [I | t] with t the place of camera 0 in camera 2.
    rectified_from_camera2 = np.eye(4)
    rectified_from_camera2[:3, 3] = -np.linalg.solve(projection[:, :3], projection[:, 3])
    return Calibration(
        base_from_lidar=base_from_lidar,
        base_from_imu=base_from_lidar @ lidar_from_imu,
        lidar_from_rectified=lidar_from_rectified,
        lidar_from_camera2=lidar_from_rectified @ rectified_from_camera2,
        camera2=projection[:, :3],
    )


def _matrix(
    values: dict[str, list[str]], names: tuple[str, ...], shape: tuple[int, int], path: Path
) -> NDArray[np.float64]:
    name = next((each for each in names if each in values), None)
    if name is None:
        raise SourceError(f"{path}: has no matrix {names[0]}; is it a KITTI calibration file?")
    try:
        matrix = np.array(values[name], dtype=np.float64).reshape(shape)
    except ValueError as error:
        raise SourceError(f"{path}: {name} is not {shape[0]} x {shape[1]} numbers; fetch the file again") from error
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:, :3])) < 1e-6:
        raise SourceError(f"{path}: {name} is singular or not finite; fetch the file again")
    return matrix


def _rigid(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, 4) of (3, 4)."""
    return np.vstack([matrix, [0.0, 0.0, 0.0, 1.0]])
