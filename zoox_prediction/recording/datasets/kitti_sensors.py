"""Messages of KITTI's lidar, left colour camera and GPS/IMU."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from zoox_prediction.recording.datasets.kitti_calibration import IMU_FRAME, LIDAR_FRAME, Calibration
from zoox_prediction.recording.datasets.source import SensorMessage, SourceError
from zoox_prediction.recording.datasets.sweep_files import read_sweep
from zoox_prediction.recording.messages import header_to_message
from zoox_prediction.recording.sensor_messages import (
    camera_info_message,
    compressed_image_message,
    point_cloud_message,
)

if TYPE_CHECKING:
    from zoox_prediction.recording.messages import MessageTypes

CAMERA = "image_02"


def lidar_messages(folder: Path, stamps: NDArray[np.int64]) -> list[SensorMessage]:
    """The sweeps of a folder NNNNNN.bin or .npz; frames without a file are left out (KITTI lost some of its own)."""
    paths = _numbered(folder, ".bin", len(stamps)) or _numbered(folder, ".npz", len(stamps))
    return [
        SensorMessage(f"/sensors/{LIDAR_FRAME}/points", int(stamps[frame]), partial(_sweep, path, int(stamps[frame])))
        for frame, path in paths.items()
    ]


def camera_messages(folder: Path, stamps: NDArray[np.int64], calibration: Calibration) -> list[SensorMessage]:
    """Pictures NNNNNN.png or .jpg, as they are, each with its CameraInfo; none where the folder is absent."""
    paths = _numbered(folder, ".png", len(stamps)) or _numbered(folder, ".jpg", len(stamps))
    messages = []
    for frame, path in paths.items():
        stamp = int(stamps[frame])
        info = partial(_camera_info, path, calibration, stamp)
        picture = partial(compressed_image_message, path, stamp, CAMERA)
        messages.append(SensorMessage(f"/sensors/{CAMERA}/camera_info", stamp, info))
        messages.append(SensorMessage(f"/sensors/{CAMERA}/image/compressed", stamp, picture))
    return messages


def imu_messages(oxts: NDArray[np.float64], stamps: NDArray[np.int64]) -> list[SensorMessage]:
    """/gps/fix and /imu of every row of oxts (T, 30)."""
    messages = []
    for row, stamp in zip(oxts, stamps.tolist(), strict=True):
        messages.append(SensorMessage("/gps/fix", stamp, partial(_fix, row, stamp)))
        messages.append(SensorMessage("/imu", stamp, partial(_imu, row, stamp)))
    return messages


def _numbered(folder: Path, suffix: str, num_frames: int) -> dict[int, Path]:
    paths = {int(path.stem): path for path in sorted(folder.glob(f"*{suffix}")) if path.stem.isdigit()}
    late = [frame for frame in paths if frame >= num_frames]
    if late:
        raise SourceError(f"{paths[late[0]]}: there are only {num_frames} times of frames; fetch both again")
    return paths


def read_kitti_sweep(path: Path) -> NDArray:
    """(N,) points x, y, z [m] and intensity, the reflectance from 0 to 1."""
    points = read_sweep(path)
    if path.suffix == ".npz":  # whole numbers up to 255 there
        points["intensity"] /= 255.0
    return points


def _sweep(path: Path, stamp_ns: int, types: MessageTypes) -> Any:
    return point_cloud_message(read_kitti_sweep(path), stamp_ns, LIDAR_FRAME, types)


def _camera_info(path: Path, calibration: Calibration, stamp_ns: int, types: MessageTypes) -> Any:
    import cv2

    picture = cv2.imread(str(path))
    if picture is None:
        raise SourceError(f"{path}: is no whole picture; fetch the file again")
    return camera_info_message(calibration.camera2, np.zeros(5), picture.shape[:2], stamp_ns, CAMERA, types)


def _fix(row: NDArray[np.float64], stamp_ns: int, types: MessageTypes) -> Any:
    message = types.new("sensor_msgs/msg/NavSatFix")
    message.header = header_to_message(stamp_ns, IMU_FRAME, types)
    message.latitude, message.longitude, message.altitude = row[:3].tolist()
    message.position_covariance = (np.eye(3) * row[23] ** 2).reshape(-1)
    message.position_covariance_type = 1  # COVARIANCE_TYPE_APPROXIMATED: KITTI gives one accuracy for all axes
    return message


def _imu(row: NDArray[np.float64], stamp_ns: int, types: MessageTypes) -> Any:
    message = types.new("sensor_msgs/msg/Imu")
    message.header = header_to_message(stamp_ns, IMU_FRAME, types)
    quaternion = Rotation.from_euler("xyz", row[3:6]).as_quat()
    orientation, angular, linear = message.orientation, message.angular_velocity, message.linear_acceleration
    orientation.x, orientation.y, orientation.z, orientation.w = quaternion.tolist()
    linear.x, linear.y, linear.z = row[11:14].tolist()
    angular.x, angular.y, angular.z = row[17:20].tolist()
    return message
