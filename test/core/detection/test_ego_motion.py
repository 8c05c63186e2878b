"""The motion of a sensor follows from that of the vehicle by its mounting, between the odometries that came."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.detection.ego_motion import EgoMotion
from zoox_prediction.scene import EgoState

SECOND = 1_000_000_000
# Two metres ahead of base_link and one to the left, looking to the left.
MOUNT = np.array([[0.0, -1.0, 0.0, 2.0], [1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.5], [0.0, 0.0, 0.0, 1.0]])


def ego(at_s: float, speed: float, yaw: float = 0.7, yaw_rate: float = 0.0) -> EgoState:
    velocity = speed * np.array([np.cos(yaw), np.sin(yaw)])
    return EgoState(round(at_s * SECOND), np.zeros(2), yaw, velocity, yaw_rate)


def test_a_sensor_that_looks_to_the_left_moves_to_its_right():
    motion = EgoMotion()
    assert motion.add(ego(1.0, 10.0)) == []
    measured = motion.measurement(SECOND, "left", "left_1", MOUNT)
    np.testing.assert_allclose(measured.velocity, [0.0, -10.0, 0.0], atol=1e-12)
    assert (measured.frame_id, measured.sensor_name, measured.stamp_ns) == ("left", "left_1", SECOND)


def test_turning_carries_the_mount_around():
    motion = EgoMotion()
    motion.add(ego(1.0, 0.0, yaw_rate=0.5))
    measured = motion.measurement(SECOND, "left", "left_1", MOUNT)
    # On base_link's axes (-0.5, 1.0): the sensor's x is the vehicle's left.
    np.testing.assert_allclose(measured.velocity, [1.0, 0.5, 0.0], atol=1e-12)
    np.testing.assert_allclose(measured.angular_velocity, [0.0, 0.0, 0.5], atol=1e-12)


def test_between_two_odometries_the_motion_is_between_theirs():
    motion = EgoMotion()
    motion.add(ego(1.0, 10.0))
    motion.add(ego(1.2, 12.0))
    measured = motion.measurement(round(1.05 * SECOND), "base_link", "a", np.eye(4))
    assert measured.velocity[0] == pytest.approx(10.5)


def test_motion_of_long_ago_does_not_count():
    motion = EgoMotion()
    motion.add(ego(1.0, 10.0))
    assert motion.is_known(round(1.4 * SECOND)) and not motion.is_known(round(1.6 * SECOND))
    assert not motion.measurement(2 * SECOND, "base_link", "a", np.eye(4)).velocity.any()
    motion.reset()
    assert not motion.is_known(SECOND)


def test_odometry_that_cannot_be_used_is_told_and_left_out():
    motion = EgoMotion()
    motion.add(ego(1.0, 10.0))
    assert "not finite" in motion.add(ego(1.1, np.nan))[0]
    assert "go back" in motion.add(ego(0.9, 5.0))[0]
    assert motion.measurement(SECOND, "base_link", "a", np.eye(4)).velocity[0] == pytest.approx(10.0)


def test_only_two_seconds_are_kept():
    motion = EgoMotion()
    for at_s in np.arange(0.0, 10.0, 0.1):
        motion.add(ego(float(at_s), float(at_s)))
    assert not motion.is_known(round(7.0 * SECOND)) and motion.is_known(round(8.0 * SECOND))


def test_stamps_that_go_back_by_more_than_a_second_begin_anew():
    motion = EgoMotion()
    motion.add(ego(60.0, 10.0))
    assert motion.add(ego(1.0, 5.0)) == []
    assert motion.measurement(SECOND, "base_link", "a", np.eye(4)).velocity[0] == pytest.approx(5.0)
