"""KITTI raw data (A. Geiger et al., IJRR 2013): lidar, left colour camera, and GPS/IMU where a drive has it; no labels.

Without GPS/IMU the ego is where the lidar's sweeps fit together, and the map frame begins at its first pose. Drives
without times of their own are taken to have 10 frames a second.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from zoox_prediction.geometry import quaternion_from_yaw
from zoox_prediction.recording.datasets.kinematics import EgoTrajectory
from zoox_prediction.recording.datasets.kitti import (
    EGO_CENTER_OFFSET_M,
    EGO_SIZE_M,
    STEP_NS,
    base_poses,
    base_velocities,
    numbers_of_rows,
)
from zoox_prediction.recording.datasets.kitti_calibration import (
    IMU_FRAME,
    LIDAR_FRAME,
    Calibration,
    read_calibration,
    read_raw_calibration,
)
from zoox_prediction.recording.datasets.kitti_sensors import (
    CAMERA,
    camera_messages,
    imu_messages,
    lidar_messages,
    read_kitti_sweep,
)
from zoox_prediction.recording.datasets.lidar_odometry import poses_of_sweeps
from zoox_prediction.recording.datasets.source import (
    START_NS,
    SourceError,
    SourceRecording,
    StaticTransform,
    text_lines,
)
from zoox_prediction.recording.datasets.sweep_files import numbered_files

_LIDAR_FOLDERS = ("velodyne_points/data", "velodyne_points", "velodyne")
_CAMERA_FOLDERS = (f"{CAMERA}/data", CAMERA)
_OXTS_COLUMNS = 30


def read_drive(folder: Path) -> SourceRecording:
    """The drive in `folder`; raises SourceError naming the file that is bad."""
    calibration = _calibration(folder)
    lidar, camera = _first(folder, _LIDAR_FOLDERS), _first(folder, _CAMERA_FOLDERS)
    sweeps = numbered_files(lidar, (".bin", ".npz"))
    pictures = numbered_files(camera, (".png", ".jpg"))
    if not sweeps:
        raise SourceError(f"{lidar}: holds no sweep NNNNNN.bin; see 'zoox-prediction convert --help' for the layout")
    stamps = _stamps(folder, max([*sweeps, *pictures]) + 1)
    oxts = _read_oxts(folder / "oxts" / "data", len(stamps))
    sensors = lidar_messages(lidar, stamps) + camera_messages(camera, stamps, calibration)
    if oxts is None:
        ego, told = _ego_by_lidar(sweeps, stamps, calibration), "by fitting the lidar's sweeps together"
    else:
        ego, told = _ego_by_oxts(oxts, stamps, calibration), "GPS/IMU"
        sensors += imu_messages(oxts, stamps)
    return SourceRecording(
        dataset="kitti-raw",
        name=folder.resolve().name,
        agents=(),
        ego=ego,
        ego_size=EGO_SIZE_M,
        ego_center_offset_m=EGO_CENTER_OFFSET_M,
        static_transforms=(
            StaticTransform("base_link", LIDAR_FRAME, calibration.base_from_lidar),
            StaticTransform("base_link", IMU_FRAME, calibration.base_from_imu),
            StaticTransform(LIDAR_FRAME, CAMERA, calibration.lidar_from_camera2),
        ),
        sensors=tuple(sorted(sensors, key=lambda message: message.stamp_ns)),
        notes={"ego_pose": told, "labels": "none"},
    )


def _calibration(folder: Path) -> Calibration:
    """calib*.txt of the drive with all matrices, else the three files of its day in the folder or the one above."""
    for place in (folder, folder.parent):
        if (place / "calib_cam_to_cam.txt").is_file():
            return read_raw_calibration(place)
    own = sorted(folder.glob("calib*.txt"))
    if not own:
        raise SourceError(f"{folder}: has no calib_cam_to_cam.txt or calib.txt, nor has the folder above; fetch them")
    return read_calibration(own[0])


def _first(folder: Path, names: tuple[str, ...]) -> Path:
    return next((folder / name for name in names if (folder / name).is_dir()), folder / names[0])


def _stamps(folder: Path, count: int) -> NDArray[np.int64]:
    """(T,) of the frames, by the lidar's clock where it has a file of times."""
    path = folder / "velodyne_points" / "timestamps.txt"
    if not path.is_file():
        return START_NS + STEP_NS * np.arange(count, dtype=np.int64)
    stamps = np.array([_stamp(line, path) for line in text_lines(path)], dtype=np.int64)
    if len(stamps) < count or (np.diff(stamps) <= 0).any():
        raise SourceError(f"{path}: has {len(stamps)} rising times where {count} frames are; fetch the file again")
    return stamps


def _stamp(line: str, path: Path) -> int:
    """Nanoseconds of '2011-09-26 13:02:25.594360375'."""
    whole, _, fraction = line.strip().partition(".")
    try:
        seconds = datetime.strptime(whole, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
        return int(seconds) * 1_000_000_000 + int(fraction[:9].ljust(9, "0"))
    except ValueError as error:
        raise SourceError(f"{path}: '{line[:40]}' is no time such as 2011-09-26 13:02:25.59; fetch it again") from error


def _read_oxts(folder: Path, count: int) -> NDArray[np.float64] | None:
    """(T, 30) a row of each frame; None where the drive has none."""
    paths = numbered_files(folder, (".txt",))
    if not paths:
        return None
    missing = sorted(set(range(count)) - set(paths))
    if missing:
        raise SourceError(f"{folder}: has no file of frame {missing[0]}, but the drive has {count}; fetch it again")
    rows = []
    for frame in range(count):
        lines = text_lines(paths[frame])
        if len(lines) != 1:
            raise SourceError(f"{paths[frame]}: has {len(lines)} lines where one belongs; fetch the file again")
        rows.append(numbers_of_rows([lines[0].split()], _OXTS_COLUMNS, paths[frame])[0])
    return np.array(rows)


def _ego_by_oxts(oxts: NDArray[np.float64], stamps: NDArray[np.int64], calibration: Calibration) -> EgoTrajectory:
    poses = base_poses(oxts, calibration)
    return EgoTrajectory(
        stamps,
        poses[:, :3, 3],
        Rotation.from_matrix(poses[:, :3, :3]).as_quat(),
        base_velocities(oxts, poses, calibration),
    )


def _ego_by_lidar(sweeps: dict[int, Path], stamps: NDArray[np.int64], calibration: Calibration) -> EgoTrajectory:
    """On flat ground, at the stamps of the sweeps."""
    frames = sorted(sweeps)
    rotation, place = calibration.base_from_lidar[:3, :3], calibration.base_from_lidar[:3, 3]

    def points(frame: int) -> NDArray[np.float64]:
        sweep = read_kitti_sweep(sweeps[frame])
        return np.column_stack([sweep[axis] for axis in "xyz"]).astype(np.float64) @ rotation.T + place

    poses = poses_of_sweeps(points(frame) for frame in frames)
    position = np.column_stack([poses[:, :2], np.zeros(len(poses))])
    return EgoTrajectory(stamps[frames], position, quaternion_from_yaw(poses[:, 2]))
