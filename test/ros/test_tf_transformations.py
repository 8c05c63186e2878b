"""One suite for the stand-in and, wherever it can be imported, the distribution's own tf_transformations."""

from __future__ import annotations

import importlib
import importlib.util

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

import zoox_prediction.ros.rotations

STANDIN = "zoox_prediction.ros.standins.tf_transformations"
RANDOM = np.random.default_rng(3)
ROTATIONS = [Rotation.random(rng=RANDOM) if "rng" in Rotation.random.__doc__ else Rotation.random() for _ in range(20)]


# A distribution has the real one; the head of the test report says which were found.
@pytest.fixture(params=[STANDIN, *["tf_transformations"] * bool(importlib.util.find_spec("tf_transformations"))])
def tft(request):
    return importlib.import_module(request.param)


def assert_same_rotation(quaternion, rotation):
    assert (Rotation.from_quat(np.asarray(quaternion)) * rotation.inv()).magnitude() == pytest.approx(0.0, abs=1e-7)


def test_the_switch_takes_the_real_one_where_there_is_one():
    try:
        expected = importlib.import_module("tf_transformations")
    except ImportError:
        expected = importlib.import_module(STANDIN)
    assert zoox_prediction.ros.rotations.quaternion_multiply is expected.quaternion_multiply


@pytest.mark.parametrize("angles", [(0.1, -0.2, 0.3), (0.0, 0.0, 3.1), (-3.0, 1.5, -1.0)])
def test_euler_angles_are_fixed_axis_roll_pitch_yaw(tft, angles):
    quaternion = tft.quaternion_from_euler(*angles)
    assert_same_rotation(quaternion, Rotation.from_euler("xyz", angles))
    np.testing.assert_allclose(tft.euler_from_quaternion(quaternion), angles, atol=1e-9)


def test_quaternions_are_xyzw(tft):
    np.testing.assert_allclose(tft.quaternion_from_euler(0.0, 0.0, 0.5), [0, 0, np.sin(0.25), np.cos(0.25)], atol=1e-12)


@pytest.mark.parametrize("index", range(0, 20, 2))
def test_products_inverses_and_matrices(tft, index):
    first, second = ROTATIONS[index : index + 2]
    assert_same_rotation(tft.quaternion_multiply(first.as_quat(), second.as_quat()), first * second)
    assert_same_rotation(tft.quaternion_inverse(first.as_quat()), first.inv())
    matrix = tft.quaternion_matrix(first.as_quat())
    assert matrix.shape == (4, 4)
    np.testing.assert_allclose(matrix[:3, :3], first.as_matrix(), atol=1e-12)
    np.testing.assert_allclose(matrix[3], [0, 0, 0, 1])
    assert_same_rotation(tft.quaternion_from_matrix(matrix), first)


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("index", range(0, 20, 4))
def test_slerp(tft, index, fraction):
    first, second = ROTATIONS[index : index + 2]
    expected = Slerp([0.0, 1.0], Rotation.concatenate([first, second]))(fraction)
    assert_same_rotation(tft.quaternion_slerp(first.as_quat(), second.as_quat(), fraction), expected)
    assert_same_rotation(tft.quaternion_slerp(first.as_quat(), -second.as_quat(), fraction), expected)


def test_slerp_between_equal_rotations(tft):
    quaternion = ROTATIONS[0].as_quat()
    assert_same_rotation(tft.quaternion_slerp(quaternion, quaternion, 0.5), ROTATIONS[0])
