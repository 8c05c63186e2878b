"""Poses from lidar sweeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import invert_pose, transform_points
from zoox_prediction.recording.datasets.kitti_sensors import read_kitti_sweep
from zoox_prediction.recording.datasets.lidar_odometry import poses_of_sweeps


def _walls() -> NDArray:
    """(N, 2) a street with houses on both sides and gaps between them."""
    x = np.arange(-60.0, 100.0, 0.15)
    houses = x[np.mod(x, 14.0) > 3.0]
    fronts = [np.column_stack([houses, np.full(len(houses), y)]) for y in (9.0, -7.0)]
    depth = np.arange(0.0, 5.0, 0.15)
    sides = [np.column_stack([np.full(len(depth), x), 9.0 + depth]) for x in np.arange(-53.0, 95.0, 14.0)]
    sides += [np.column_stack([np.full(len(depth), x), -7.0 - depth]) for x in np.arange(-53.0, 95.0, 14.0)]
    return np.concatenate([*fronts, *sides])


def _sweep(pose: NDArray, mover: NDArray, random: np.random.Generator) -> NDArray:
    points = np.vstack([_walls(), mover])
    points = transform_points(invert_pose(pose), points) + random.normal(0.0, 0.02, points.shape)
    return np.column_stack([points, np.full(len(points), 1.0)])


def test_a_drive_around_a_bend_beside_a_vehicle_that_keeps_pace() -> None:
    random = np.random.default_rng(0)
    time = np.arange(0.0, 2.0, 0.1)
    yaw = 0.15 * time
    truth = np.column_stack([np.cumsum(0.9 * np.cos(yaw)) - 0.9, np.cumsum(0.9 * np.sin(yaw)), yaw])
    side = np.column_stack([np.linspace(-2.0, 2.0, 40), np.full(40, 3.0)])
    sweeps = [_sweep(pose, side + pose[:2], random) for pose in truth]
    poses = poses_of_sweeps(sweeps)
    np.testing.assert_allclose(poses[:, :2], truth[:, :2], atol=0.1)
    np.testing.assert_allclose(poses[:, 2], truth[:, 2], atol=0.005)


def test_where_nothing_stands_the_motion_goes_on() -> None:
    random = np.random.default_rng(0)
    away = np.array([[0.0, 200.0]])
    sweeps = [_sweep(np.array([0.8 * step, 0.0, 0.0]), away, random) for step in range(4)]
    poses = poses_of_sweeps([*sweeps, np.zeros((0, 3)), np.zeros((0, 3))])
    np.testing.assert_allclose(poses[:, 0], 0.8 * np.arange(6), atol=0.1)
    assert poses_of_sweeps([]).shape == (0, 3)
    assert not poses_of_sweeps([np.zeros((0, 3))] * 3).any()


def test_speed_of_a_real_drive_is_that_of_its_inertial_sensor(recordings: Path) -> None:
    """KITTI tracking 0000 drives 3.3 m in its first second, by the forward velocity of its GPS/IMU."""
    folder = recordings / "kitti_tracking_0000"
    sweeps = []
    for frame in range(11):
        points = read_kitti_sweep(folder / "velodyne" / f"{frame:06d}.npz")
        sweeps.append(np.column_stack([points["x"] + 0.76, points["y"], points["z"] + 1.73]))
    poses = poses_of_sweeps(sweeps)
    forward = np.loadtxt(folder / "oxts_0000.txt")[:10, 8]
    length = np.linalg.norm(np.diff(poses[:, :2], axis=0), axis=1).sum()
    assert abs(length / (0.1 * forward.sum()) - 1.0) < 0.04
