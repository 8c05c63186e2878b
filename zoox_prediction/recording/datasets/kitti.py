"""KITTI tracking (A. Geiger et al., CVPR 2012 and IJRR 2013): lidar, colour camera, GPS/IMU, calibration, 3D labels.

The map frame has its origin at the first GPS fix, x to the east and y to the north, by the development kit's Mercator
projection. The tracking benchmark has no clock: frames are 0.1 s apart. base_link is the centre of the rear axle on the
ground.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from zoox_prediction.geometry import EARTH_RADIUS_M
from zoox_prediction.recording.datasets.kinematics import EgoTrajectory, Observations, tracked_agents
from zoox_prediction.recording.datasets.kitti_calibration import IMU_FRAME, LIDAR_FRAME, Calibration, read_calibration
from zoox_prediction.recording.datasets.kitti_sensors import camera_messages, imu_messages, lidar_messages
from zoox_prediction.recording.datasets.source import (
    START_NS,
    SourceError,
    SourceRecording,
    StaticTransform,
    text_lines,
)
from zoox_prediction.scene import AgentClass

STEP_NS = 100_000_000

LABEL_CLASSES = {
    "Car": AgentClass.CAR,
    "Van": AgentClass.CAR,
    "Truck": AgentClass.TRUCK,
    "Tram": AgentClass.BUS,  # the nearest in size and motion
    "Pedestrian": AgentClass.PEDESTRIAN,
    "Person": AgentClass.PEDESTRIAN,
    "Person_sitting": AgentClass.PEDESTRIAN,
    "Cyclist": AgentClass.CYCLIST,
    "Misc": AgentClass.UNKNOWN,
}
_LABEL_COLUMNS = 17
_OXTS_COLUMNS = 30

# VW Passat B6 estate: 4.774 x 1.820 m; the middle of its 2.71 m wheelbase stands for the middle of the box.
EGO_SIZE_M = (4.774, 1.820)
EGO_CENTER_OFFSET_M = 1.355


def read_sequence(folder: Path, sequence: str) -> SourceRecording:
    """The sequence (e.g. '0000') of `folder`, KITTI's `training`; raises SourceError naming the file that is bad."""
    calibration = read_calibration(folder / "calib" / f"{sequence}.txt")
    oxts = _read_oxts(folder / "oxts" / f"{sequence}.txt")
    stamps = START_NS + STEP_NS * np.arange(len(oxts), dtype=np.int64)
    map_from_base = base_poses(oxts, calibration)
    labels, names = _read_labels(folder / "label_02" / f"{sequence}.txt", len(oxts))
    lidar = lidar_messages(folder / "velodyne" / sequence, stamps)
    camera = camera_messages(folder / "image_02" / sequence, stamps, calibration)
    sensors = sorted([*lidar, *camera, *imu_messages(oxts, stamps)], key=lambda message: message.stamp_ns)
    return SourceRecording(
        dataset="kitti-tracking",
        name=sequence,
        agents=tracked_agents(_observations(labels, names, stamps, map_from_base, calibration), stamps),
        ego=EgoTrajectory(
            stamps,
            map_from_base[:, :3, 3],
            Rotation.from_matrix(map_from_base[:, :3, :3]).as_quat(),
            base_velocities(oxts, map_from_base, calibration),
        ),
        ego_size=EGO_SIZE_M,
        ego_center_offset_m=EGO_CENTER_OFFSET_M,
        static_transforms=(
            StaticTransform("base_link", LIDAR_FRAME, calibration.base_from_lidar),
            StaticTransform("base_link", IMU_FRAME, calibration.base_from_imu),
            StaticTransform(LIDAR_FRAME, "image_02", calibration.lidar_from_camera2),
        ),
        sensors=tuple(sensors),
        notes={"velocities": "derived from the positions", "clock": "10 Hz assumed: the source has none"},
    )


def numbers_of_rows(rows: list[list[str]], width: int, path: Path) -> NDArray[np.float64]:
    """(M, width) of a file's words; SourceError naming the line that is too short or not a number."""
    numbers = np.empty((len(rows), width))
    for index, row in enumerate(rows):
        try:
            numbers[index] = [float(value) for value in row[:width]]
        except ValueError as error:
            raise SourceError(f"{path}: line {index + 1} is not {width} numbers; fetch the file again") from error
    if not np.isfinite(numbers).all():
        raise SourceError(f"{path}: has numbers that are not finite; fetch the file again")
    return numbers


def _read_oxts(path: Path) -> NDArray[np.float64]:
    """(T, 30): latitude, longitude [deg], altitude [m], roll, pitch, yaw [rad], vn, ve, vf, vl, vu [m/s], ..."""
    rows = [line.split() for line in text_lines(path)]
    if not rows:
        raise SourceError(f"{path}: is empty; fetch the file again")
    return numbers_of_rows(rows, _OXTS_COLUMNS, path)


def _read_labels(path: Path, num_frames: int) -> tuple[NDArray[np.float64], list[str]]:
    """(M, 16) of frame, track, truncated, ..., rotation_y, and the M types, without DontCare."""
    rows = [row for row in map(str.split, text_lines(path)) if len(row) < 3 or row[2] != "DontCare"]
    if any(len(row) != _LABEL_COLUMNS for row in rows):
        bad = next(row for row in rows if len(row) != _LABEL_COLUMNS)
        raise SourceError(f"{path}: '{' '.join(bad)[:40]}' has not {_LABEL_COLUMNS} values; fetch the file again")
    names = [row[2] for row in rows]
    unknown = set(names) - set(LABEL_CLASSES)
    if unknown:
        raise SourceError(f"{path}: has the unknown type {min(unknown)}; is it a KITTI label file?")
    numbers = numbers_of_rows([row[:2] + row[3:] for row in rows], _LABEL_COLUMNS - 1, path)
    if rows and not 0 <= numbers[:, 0].min() <= numbers[:, 0].max() < num_frames:
        raise SourceError(f"{path}: labels frame {numbers[:, 0].max():.0f}, but oxts has {num_frames} frames")
    return numbers, names


def base_poses(oxts: NDArray[np.float64], calibration: Calibration) -> NDArray[np.float64]:
    """(T, 4, 4) map_from_base by the development kit's projection (convertOxtsToPose), north-aligned."""
    scale = np.cos(np.radians(oxts[0, 0]))
    x = scale * EARTH_RADIUS_M * np.radians(oxts[:, 1])
    y = scale * EARTH_RADIUS_M * np.log(np.tan(np.pi / 4.0 + np.radians(oxts[:, 0]) / 2.0))
    position = np.column_stack([x, y, oxts[:, 2]])
    map_from_imu = np.tile(np.eye(4), (len(oxts), 1, 1))
    map_from_imu[:, :3, :3] = Rotation.from_euler("xyz", oxts[:, 3:6]).as_matrix()
    map_from_imu[:, :3, 3] = position - position[0]
    poses: NDArray[np.float64] = map_from_imu @ np.linalg.inv(calibration.base_from_imu)
    return poses


def base_velocities(
    oxts: NDArray[np.float64], map_from_base: NDArray[np.float64], calibration: Calibration
) -> NDArray[np.float64]:
    """(T, 2) velocity of base_link to the east and north: that of the GPS/IMU moved along the lever arm, v + w x r."""
    lever = -np.einsum("nij,j->ni", map_from_base[:, :3, :3], calibration.base_from_imu[:3, 3])
    yaw_rate = oxts[:, 22]  # about the up axis
    velocity: NDArray[np.float64] = oxts[:, [7, 6]] + yaw_rate[:, None] * np.column_stack([-lever[:, 1], lever[:, 0]])
    return velocity


def _observations(
    labels: NDArray[np.float64],
    names: list[str],
    stamps: NDArray[np.int64],
    map_from_base: NDArray[np.float64],
    calibration: Calibration,
) -> Observations:
    """Boxes of the rectified camera frame (x right, y down, z forward; position = bottom centre) in the map frame."""
    frame = labels[:, 0].astype(np.int64)
    height, width, length = labels[:, 9], labels[:, 10], labels[:, 11]
    center = labels[:, 12:15] - np.column_stack([np.zeros(len(labels)), height / 2.0, np.zeros(len(labels))])
    rotation_y = labels[:, 15]
    forward = np.column_stack([np.cos(rotation_y), np.zeros(len(labels)), -np.sin(rotation_y)])
    map_from_camera = map_from_base[frame] @ calibration.base_from_lidar @ calibration.lidar_from_rectified
    position = np.einsum("nij,nj->ni", map_from_camera[:, :3, :3], center) + map_from_camera[:, :3, 3]
    heading = np.einsum("nij,nj->ni", map_from_camera[:, :3, :3], forward)
    return Observations(
        stamp_ns=stamps[frame],
        ids=labels[:, 1].astype(np.int64),
        agent_class=np.array([int(LABEL_CLASSES[name]) for name in names], dtype=np.int64),
        position=position,
        yaw=np.arctan2(heading[:, 1], heading[:, 0]),
        size=np.column_stack([length, width, height]),
    )
