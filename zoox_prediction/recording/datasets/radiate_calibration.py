"""RADIATE's calibration file as rigid transforms between base_link, radar, lidar and the two cameras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from zoox_prediction.recording.datasets.source import SourceError

FloatArray = NDArray[np.float64]

BASE_FRAME, RADAR_FRAME, LIDAR_FRAME = "base_link", "navtech", "velodyne"
CAMERAS = ("zed_left", "zed_right")

# The development kit draws boxes on a ground 1.8 m below the sensors. Where on the roof the radar stands is not told:
# base_link is taken to be straight below it.
RADAR_HEIGHT_M = 1.8

# The radar's images (Navtech CTS350-X), by the data set's description.
RANGE_RESOLUTION_M = 0.173611
RANGE_CELLS, AZIMUTH_CELLS = 576, 400

# Axes: the radar's x is ahead and y to the left here, the lidar's x to the right and y ahead, those of cameras optical.
_RADAR_FROM_LIDAR_AXES = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
_RADAR_FROM_OPTICAL_AXES = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class RadiateCamera:
    """One camera of the pair, as its pictures are: not rectified."""

    matrix: FloatArray  # (3, 3)
    distortion: FloatArray  # (5,) k1, k2, p1, p2, k3
    size: tuple[int, int]  # height, width [px]
    radar_from_camera: FloatArray  # (4, 4) of its optical frame


@dataclass(frozen=True)
class RadiateCalibration:
    radar_from_lidar: FloatArray  # (4, 4)
    cameras: Mapping[str, RadiateCamera]  # by name of CAMERAS

    @property
    def base_from_radar(self) -> FloatArray:
        """(4, 4)"""
        pose = np.eye(4)
        pose[2, 3] = RADAR_HEIGHT_M
        return pose


def read_calibration(path: Path) -> RadiateCalibration:
    """The file default-calib.yaml; raises SourceError naming the key that is missing or of a wrong kind.

    As the development kit has it, a point p of radar or lidar, with axes right, ahead, up, is in a rectified camera at
    p_camera = (A Rx Ry Rz)^T p + T, where T and the angles [deg] are those of the sensor less those of the camera, and
    A turns optical axes into right, ahead, up.
    """
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); give a sequence of RADIATE") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise SourceError(f"{path}: cannot be read as YAML; fetch the calibration of RADIATE again") from error
    try:
        left, right = (_intrinsics(document[f"{side}_cam_calib"]) for side in ("left", "right"))
        stereo = document["stereo_calib"]
        rotation = np.array(stereo["R"], dtype=np.float64).reshape(3, 3)
        apart = np.array([stereo[name] for name in ("TX", "TY", "TZ")], dtype=np.float64) * 1e-3
        rectifications = _rectifications(left, right, rotation, apart)
        cameras = {}
        for name, side, own, turn in zip(CAMERAS, ("left", "right"), (left, right), rectifications, strict=True):
            pose = _camera_pose(document[f"{side}_cam_calib"])
            pose[:3, :3] = pose[:3, :3] @ turn
            cameras[name] = RadiateCamera(*own, pose)
        return RadiateCalibration(_lidar_pose(document["lidar_calib"]), cameras)
    except (KeyError, TypeError, ValueError, cv2.error) as error:
        raise SourceError(f"{path}: {error} is missing or ill-formed; is it the calibration of RADIATE?") from error


def _intrinsics(values: Mapping[str, Any]) -> tuple[FloatArray, FloatArray, tuple[int, int]]:
    fx, fy, cx, cy = (float(values[name]) for name in ("fx", "fy", "cx", "cy"))
    matrix = np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
    distortion = np.array([values[name] for name in ("k1", "k2", "p1", "p2", "k3")], dtype=np.float64)
    width, height = (int(each) for each in values["res"])
    return matrix, distortion, (height, width)


def _lidar_pose(values: Mapping[str, Any]) -> FloatArray:
    """(4, 4) radar_from_lidar."""
    place, turn = _place_and_turn(values, 1.0)
    pose = np.eye(4)
    pose[:3, :3] = _RADAR_FROM_OPTICAL_AXES @ turn.T @ _RADAR_FROM_OPTICAL_AXES.T @ _RADAR_FROM_LIDAR_AXES
    pose[:3, 3] = _RADAR_FROM_OPTICAL_AXES @ place
    return pose


def _camera_pose(values: Mapping[str, Any]) -> FloatArray:
    """(4, 4) radar_from_camera, of the rectified frame."""
    place, turn = _place_and_turn(values, -1.0)
    pose = np.eye(4)
    pose[:3, :3] = _RADAR_FROM_OPTICAL_AXES @ turn
    pose[:3, 3] = pose[:3, :3] @ place
    return pose


def _place_and_turn(values: Mapping[str, Any], sign: float) -> tuple[FloatArray, FloatArray]:
    """(3,) translation, and Rx Ry Rz (3, 3) by the angles of the file times `sign`."""
    place = np.array(values["T"], dtype=np.float64).reshape(3)
    angles = sign * np.radians(np.array(values["R"], dtype=np.float64).reshape(3))
    return place, np.asarray(Rotation.from_euler("XYZ", angles).as_matrix(), dtype=np.float64)


def _rectifications(
    left: tuple[FloatArray, FloatArray, tuple[int, int]],
    right: tuple[FloatArray, FloatArray, tuple[int, int]],
    rotation: FloatArray,
    apart_m: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """(3, 3) twice: from the frame of the pictures of a camera to its rectified one."""
    height, width = left[2]
    turned = cv2.stereoRectify(left[0], left[1], right[0], right[1], (width, height), rotation, apart_m)
    return np.asarray(turned[0], dtype=np.float64), np.asarray(turned[1], dtype=np.float64)
