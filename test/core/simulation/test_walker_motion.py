"""Bodies of walkers speed up, turn and make room as people and animals can."""

from __future__ import annotations

import numpy as np

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation.walker_motion import LIMITS, STEP_S, WalkerBodies

ROWS = np.array([0])


def walkers(*centers: tuple[float, float]) -> WalkerBodies:
    bodies = WalkerBodies.empty()
    count = len(centers)
    classes = [int(AgentClass.PEDESTRIAN)] * count
    bodies.add(np.arange(count), classes, [[0.5, 0.5, 1.7]] * count, centers, np.zeros(count))
    return bodies


def test_it_catches_up_with_a_point_that_walks():
    bodies = walkers((0.0, 0.0))
    for step in range(1, 60):
        bodies.follow(ROWS, np.array([[0.14 * step, 0.0]]), np.array([[1.4, 0.0]]))
    np.testing.assert_allclose(bodies.center, [[0.14 * 59, 0.0]], atol=0.02)
    np.testing.assert_allclose(bodies.velocity, [[1.4, 0.0]], atol=0.02)


def test_limits_hold_when_the_point_jumps():
    bodies = walkers((0.0, 0.0))
    limits = LIMITS[AgentClass.PEDESTRIAN]
    before, yaw = bodies.velocity.copy(), bodies.yaw.copy()
    for step in range(80):
        bodies.follow(ROWS, np.array([[5.0 * (-1) ** (step // 9), 4.0]]), np.zeros((1, 2)))
        assert np.linalg.norm(bodies.velocity - before) <= limits.acceleration_mps2 * STEP_S + 1e-9
        assert np.linalg.norm(bodies.velocity) <= limits.speed_mps + 1e-9
        assert abs(wrap_angle(bodies.yaw - yaw)[0]) <= limits.turning_radps * STEP_S + 1e-9
        before, yaw = bodies.velocity.copy(), bodies.yaw.copy()


def test_who_stands_keeps_his_heading():
    bodies = walkers((0.0, 0.0))
    for _ in range(20):
        bodies.follow(ROWS, np.array([[0.0, -0.02]]), np.zeros((1, 2)))
    assert bodies.yaw[0] == 0.0


def test_two_in_the_same_place_come_apart():
    bodies = walkers((0.0, 0.0), (0.0, 0.0))
    for _ in range(40):
        bodies.follow(np.array([0, 1]), np.zeros((2, 2)), np.zeros((2, 2)))
    assert np.linalg.norm(bodies.center[0] - bodies.center[1]) > 0.35
