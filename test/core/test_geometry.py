"""Angles, poses and boxes against closed forms and shapely."""

from __future__ import annotations

import numpy as np
import pytest
from shapely import Polygon

from zoox_prediction import geometry

RNG = np.random.default_rng(3)


def poses(count: int) -> np.ndarray:
    return np.column_stack([RNG.normal(0, 50, (count, 2)), RNG.uniform(-np.pi, np.pi, count)])


@pytest.mark.parametrize(
    ("angle", "wrapped"),
    [(0.0, 0.0), (np.pi, np.pi), (-np.pi, np.pi), (3 * np.pi, np.pi), (2 * np.pi + 0.1, 0.1), (-0.1, -0.1)],
)
def test_wrap_angle(angle, wrapped):
    assert geometry.wrap_angle(angle) == pytest.approx(wrapped, abs=1e-12)


def test_wrap_angle_keeps_nan_and_shape():
    assert np.isnan(geometry.wrap_angle([[np.nan, 1.0]])).tolist() == [[True, False]]


def test_rotation_matrix_turns_counter_clockwise():
    np.testing.assert_allclose(geometry.rotation_matrix(np.pi / 2) @ [1.0, 0.0], [0.0, 1.0], atol=1e-12)
    assert geometry.rotation_matrix(np.zeros((4, 5))).shape == (4, 5, 2, 2)


def test_poses_compose_like_their_matrices():
    def matrix(pose):
        result = np.tile(np.eye(3), (len(pose), 1, 1))
        result[:, :2, :2] = geometry.rotation_matrix(pose[:, 2])
        result[:, :2, 2] = pose[:, :2]
        return result

    a, b = poses(50), poses(50)
    np.testing.assert_allclose(matrix(geometry.compose_poses(a, b)), matrix(a) @ matrix(b), atol=1e-9)
    np.testing.assert_allclose(matrix(geometry.invert_pose(a)), np.linalg.inv(matrix(a)), atol=1e-9)


def test_transform_points_broadcasts_a_pose_over_points():
    points = RNG.normal(0, 10, (7, 2))
    moved = geometry.transform_points([1.0, 2.0, np.pi / 2], points)
    np.testing.assert_allclose(moved, np.column_stack([1.0 - points[:, 1], 2.0 + points[:, 0]]))


def test_quaternions_there_and_back():
    yaw = np.linspace(-3.1, 3.1, 41)
    np.testing.assert_allclose(geometry.yaw_from_quaternion(geometry.quaternion_from_yaw(yaw)), yaw)
    roll_only = [np.sin(0.2), 0.0, 0.0, np.cos(0.2)]
    assert geometry.yaw_from_quaternion(roll_only) == pytest.approx(0.0)


def test_box_corners_start_front_left_and_run_counter_clockwise():
    np.testing.assert_allclose(geometry.box_corners([0, 0], 0.0, [4, 2]), [[2, 1], [-2, 1], [-2, -1], [2, -1]])
    np.testing.assert_allclose(geometry.box_corners([1, 1], np.pi / 2, [4, 2])[0], [0, 3], atol=1e-12)


def test_box_distance_equals_shapely():
    count = 400
    center = RNG.uniform(-5, 5, (2, count, 2))
    yaw = RNG.uniform(-np.pi, np.pi, (2, count))
    size = RNG.uniform(0.1, 5, (2, count, 2))
    distance = geometry.box_distance(center[0], yaw[0], size[0], center[1], yaw[1], size[1])
    boxes = [[Polygon(corners) for corners in geometry.box_corners(center[i], yaw[i], size[i])] for i in range(2)]
    expected = np.array([a.distance(b) for a, b in zip(*boxes, strict=True)])
    assert 0.2 < (expected == 0.0).mean() < 0.8
    np.testing.assert_allclose(distance, expected, atol=1e-9)


def test_box_distance_of_crossed_boxes_with_no_corner_inside_the_other_is_zero():
    assert geometry.box_distance([0, 0], 0.0, [10, 1], [0, 0], np.pi / 2, [10, 1]) == 0.0


def test_box_distance_broadcasts():
    distance = geometry.box_distance(
        np.zeros((3, 1, 2)), 0.0, [2.0, 2.0], np.array([[5.0, 0.0], [0.0, 9.0]]), 0.0, [2, 2]
    )
    assert distance.shape == (3, 2)
    np.testing.assert_allclose(distance[0], [3.0, 7.0])
