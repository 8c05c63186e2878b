from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.geometry import invert_pose
from zoox_prediction.scene import EgoState, TrackedAgents
from zoox_prediction.transforms import transform_agents, transform_ego


@pytest.fixture
def agents():
    return TrackedAgents.from_states(
        5,
        np.array([1, 2]),
        np.array([0, 5]),
        np.array([[10.0, 0.0, 1.0], [0.0, 5.0, 0.5]]),
        np.array([0.0, 3.0]),
        np.array([[5.0, 0.0], [0.0, -1.0]]),
        frame_id="base_link",
        acceleration=np.array([[1.0, 0.0], [0.0, 2.0]]),
        yaw_rate=np.array([0.1, -0.2]),
        pose_covariance=np.array([[[4.0, 0.0, 0.5], [0.0, 1.0, 0.0], [0.5, 0.0, 0.25]]] * 2),
        velocity_covariance=np.array([[[9.0, 0.0], [0.0, 1.0]]] * 2),
    )


def test_quarter_turn_by_hand(agents):
    moved = transform_agents(agents, [100.0, 200.0, np.pi / 2], "map", z_m=2.0)
    np.testing.assert_allclose(moved.position, [[100.0, 210.0, 3.0], [95.0, 200.0, 2.5]])
    np.testing.assert_allclose(moved.yaw, [np.pi / 2, 3.0 + np.pi / 2 - 2 * np.pi])
    np.testing.assert_allclose(moved.velocity, [[0.0, 5.0], [1.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(moved.acceleration, [[0.0, 1.0], [-2.0, 0.0]], atol=1e-12)
    expected = [[1.0, 0.0, 0.0], [0.0, 4.0, 0.5], [0.0, 0.5, 0.25]]
    np.testing.assert_allclose(moved.pose_covariance[0], expected, atol=1e-12)
    np.testing.assert_allclose(moved.velocity_covariance[0], np.diag([1.0, 9.0]), atol=1e-12)
    np.testing.assert_array_equal(moved.yaw_rate, agents.yaw_rate)
    assert moved.frame_id == "map" and moved.stamp_ns == 5 and moved.ids is agents.ids


def test_there_and_back_is_where_we_were(agents):
    pose = np.array([3.0, -7.0, 2.2])
    back = transform_agents(transform_agents(agents, pose, "map", 4.0), invert_pose(pose), "base_link", -4.0)
    for name in ("position", "yaw", "velocity", "acceleration", "pose_covariance", "velocity_covariance"):
        np.testing.assert_allclose(getattr(back, name), getattr(agents, name), atol=1e-12, err_msg=name)


def test_no_agents_and_not_a_number(agents):
    assert len(transform_agents(TrackedAgents.empty(0), [1.0, 2.0, 3.0], "map")) == 0
    agents.position[0, 0] = np.nan
    moved = transform_agents(agents, [1.0, 2.0, 3.0], "map")
    assert np.isnan(moved.position[0, 0]) and np.isfinite(moved.position[1]).all()


def test_ego():
    ego = EgoState(5, np.array([10.0, 0.0]), 3.0, np.array([2.0, 0.0]), yaw_rate=0.1, z=1.0)
    moved = transform_ego(ego, [100.0, 200.0, np.pi / 2], z_m=2.0)
    np.testing.assert_allclose(moved.position, [100.0, 210.0])
    np.testing.assert_allclose(moved.velocity, [0.0, 2.0], atol=1e-12)
    assert moved.yaw == pytest.approx(3.0 + np.pi / 2 - 2 * np.pi)
    assert (moved.z, moved.yaw_rate, moved.stamp_ns) == (3.0, 0.1, 5)
