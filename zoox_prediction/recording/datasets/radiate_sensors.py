"""Messages of RADIATE's radar, lidar, stereo cameras and GPS/IMU."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.recording.datasets.radiate_calibration import (
    AZIMUTH_CELLS,
    BASE_FRAME,
    CAMERAS,
    LIDAR_FRAME,
    RADAR_FRAME,
    RANGE_CELLS,
    RadiateCalibration,
    RadiateCamera,
)
from zoox_prediction.recording.datasets.radiate_odometry import GpsImu
from zoox_prediction.recording.datasets.source import SensorMessage, SourceError, StaticTransform, text_lines
from zoox_prediction.recording.datasets.sweep_files import numbered_files, read_sweep
from zoox_prediction.recording.messages import header_to_message
from zoox_prediction.recording.sensor_messages import (
    camera_info_message,
    compressed_image_message,
    image_message,
    point_cloud_message,
)

if TYPE_CHECKING:
    from zoox_prediction.recording.messages import MessageTypes

_LINE = re.compile(r"Frame:\s*(\d+)\s+Time:\s*(\d+)\.(\d{1,9})")


def read_stamps(path: Path) -> dict[int, int]:
    """Stamps [ns] by frame number of a file with lines 'Frame: 000001 Time: 1574859771.744660272'."""
    stamps = {}
    for line in text_lines(path):
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise SourceError(f"{path}: '{line[:60]}' is not 'Frame: NUMBER Time: SECONDS'; fetch the file again")
        number, seconds, fraction = match.groups()
        stamps[int(number)] = int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0"))
    return stamps


def read_radar_image(path: Path) -> NDArray[np.uint8]:
    """(A, R) pixels of a polar image, a row for every direction, clockwise from straight ahead."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    expected = (RANGE_CELLS, AZIMUTH_CELLS)
    if image is None or image.shape != expected:
        has = "is no whole picture" if image is None else f"is {image.shape[0]} x {image.shape[1]} pixels"
        raise SourceError(f"{path}: {has}, {expected[0]} x {expected[1]} belong there; fetch the file again")
    return np.ascontiguousarray(image.T, dtype=np.uint8)


def radar_messages(folder: Path, stamps: dict[int, int], latency_ns: int) -> list[SensorMessage]:
    """Polar images as sensor_msgs/Image mono8, a row for every direction, stamped at the end of the turn."""
    return [
        SensorMessage(f"/sensors/{RADAR_FRAME}/image", stamp - latency_ns, partial(_radar, path, stamp - latency_ns))
        for path, stamp in _stamped(folder, stamps, (".png",))
    ]


def lidar_messages(folder: Path, stamps: dict[int, int]) -> list[SensorMessage]:
    return [
        SensorMessage(f"/sensors/{LIDAR_FRAME}/points", stamp, partial(_sweep, path, stamp))
        for path, stamp in _stamped(folder, stamps, (".csv", ".txt", ".npz"))
    ]


def camera_messages(folder: Path, stamps: dict[int, int], name: str, camera: RadiateCamera) -> list[SensorMessage]:
    """The pictures as they are, each with the CameraInfo of pictures that are not rectified."""
    messages = []
    for path, stamp in _stamped(folder, stamps, (".png", ".jpg")):
        info = partial(_camera_info, camera, stamp, name)
        picture = partial(compressed_image_message, path, stamp, name)
        messages.append(SensorMessage(f"/sensors/{name}/camera_info", stamp, info))
        messages.append(SensorMessage(f"/sensors/{name}/image/compressed", stamp, picture))
    return messages


def gps_messages(gps: GpsImu, clock_offset_ns: int) -> list[SensorMessage]:
    """/gps/fix and /imu, by the clock of the other sensors."""
    messages = []
    for row, stamp in enumerate((gps.stamp_ns - clock_offset_ns).tolist()):
        messages.append(SensorMessage("/gps/fix", stamp, partial(_fix, gps, row, stamp)))
        messages.append(SensorMessage("/imu", stamp, partial(_imu, gps, row, stamp)))
    return messages


def static_transforms(calibration: RadiateCalibration) -> tuple[StaticTransform, ...]:
    """The mounting of radar, lidar and cameras."""
    return (
        StaticTransform(BASE_FRAME, RADAR_FRAME, calibration.base_from_radar),
        StaticTransform(RADAR_FRAME, LIDAR_FRAME, calibration.radar_from_lidar),
        *(StaticTransform(RADAR_FRAME, name, calibration.cameras[name].radar_from_camera) for name in CAMERAS),
    )


def _stamped(folder: Path, stamps: dict[int, int], suffixes: tuple[str, ...]) -> list[tuple[Path, int]]:
    """The files with a stamp; excerpts have stamps without files and files without stamps."""
    paths = numbered_files(folder, suffixes)
    return [(paths[number], stamps[number]) for number in sorted(paths.keys() & stamps.keys())]


def _radar(path: Path, stamp_ns: int, types: MessageTypes) -> Any:
    return image_message(read_radar_image(path), stamp_ns, RADAR_FRAME, types)


def _sweep(path: Path, stamp_ns: int, types: MessageTypes) -> Any:
    return point_cloud_message(read_sweep(path), stamp_ns, LIDAR_FRAME, types)


def _camera_info(camera: RadiateCamera, stamp_ns: int, name: str, types: MessageTypes) -> Any:
    return camera_info_message(camera.matrix, camera.distortion, camera.size, stamp_ns, name, types)


def _fix(gps: GpsImu, row: int, stamp_ns: int, types: MessageTypes) -> Any:
    message = types.new("sensor_msgs/msg/NavSatFix")
    message.header = header_to_message(stamp_ns, BASE_FRAME, types)
    message.latitude, message.longitude, message.altitude = gps.fix[row].tolist()
    message.position_covariance = gps.fix_covariance[row].reshape(-1)
    message.position_covariance_type = 2  # COVARIANCE_TYPE_DIAGONAL_KNOWN
    return message


def _imu(gps: GpsImu, row: int, stamp_ns: int, types: MessageTypes) -> Any:
    message = types.new("sensor_msgs/msg/Imu")
    message.header = header_to_message(stamp_ns, BASE_FRAME, types)
    orientation, angular, linear = message.orientation, message.angular_velocity, message.linear_acceleration
    orientation.x, orientation.y, orientation.z, orientation.w = gps.quaternion[row].tolist()
    angular.x, angular.y, angular.z = gps.angular_velocity[row].tolist()
    linear.x, linear.y, linear.z = gps.acceleration[row].tolist()
    return message
