"""Constant velocity, CTRA and standing still against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from baseline_scenes import make_scene

from zoox_prediction.models.baselines.config import BaselinesConfig
from zoox_prediction.models.baselines.constant_turn_rate_acceleration import ConstantTurnRateAcceleration
from zoox_prediction.models.baselines.constant_velocity import ConstantVelocity
from zoox_prediction.models.baselines.map_free_modes import (
    TurnRateAccelerationConfig,
    fading_acceleration_speed,
)
from zoox_prediction.models.baselines.modes import STEP_TIMES_S
from zoox_prediction.models.baselines.motion import estimate_motion
from zoox_prediction.models.baselines.standing_still import StandingStill
from zoox_prediction.scene import AgentClass

UNFADING = BaselinesConfig(turn_rate_acceleration=TurnRateAccelerationConfig(1e9, 1e-3))


def main_mode(prediction, agent=0):
    best = prediction.probability[agent].argmax()
    return prediction.position[agent, best], prediction.yaw[agent, best], prediction.speed[agent, best]


def test_constant_velocity_is_a_straight_line():
    scene = make_scene([[3.0, -2.0]], 0.7, 8.0)
    position, yaw, speed = main_mode(ConstantVelocity().predict(scene))
    expected = np.array([3.0, -2.0]) + 8.0 * STEP_TIMES_S[:, None] * [np.cos(0.7), np.sin(0.7)]
    np.testing.assert_allclose(position, expected, atol=1e-3)
    np.testing.assert_allclose(yaw, 0.7, atol=1e-6)
    np.testing.assert_allclose(speed, 8.0, atol=1e-4)


def test_ctra_without_fading_drives_the_circle_of_its_turn_rate():
    rate, speed = 0.2, 6.0
    scene = make_scene([[0.0, 0.0]], 0.0, speed, turn_rate=rate)
    position, yaw, _ = main_mode(ConstantTurnRateAcceleration(UNFADING).predict(scene))
    np.testing.assert_allclose(np.diff(np.unwrap(yaw)) / 0.1, rate, rtol=0.08)
    motion = estimate_motion(scene, UNFADING.motion, UNFADING.limits)
    radius, course = motion.speed[0] / motion.turn_rate[0], motion.course[0]
    center = radius * np.array([-np.sin(course), np.cos(course)])
    np.testing.assert_allclose(np.hypot(*(position - center).T), radius, rtol=1e-3)
    angle = course + motion.turn_rate[0] * STEP_TIMES_S
    np.testing.assert_allclose(position, center + radius * np.stack([np.sin(angle), -np.cos(angle)], 1), atol=0.05)


def test_fading_acceleration_has_its_closed_form_and_never_reverses():
    speed = fading_acceleration_speed(np.array([10.0, 3.0]), np.array([1.0, -4.0]), 1.5, np.array([60.0, 60.0]))
    np.testing.assert_allclose(speed[0], 10.0 + 1.5 * (1.0 - np.exp(-STEP_TIMES_S / 1.5)))
    stopped = np.flatnonzero(speed[1] == 0.0)
    assert len(stopped) and np.all(speed[1, stopped[0] :] == 0.0) and speed[1].min() == 0.0


def test_ctra_stays_within_lateral_acceleration_and_top_speed():
    scene = make_scene([[0.0, 0.0]], 0.0, 25.0, turn_rate=1.5)
    position, _, speed = main_mode(ConstantTurnRateAcceleration(UNFADING).predict(scene))
    config = BaselinesConfig().limits
    step = np.diff(position, axis=0)
    lateral = speed[2:] * np.abs(np.diff(np.unwrap(np.arctan2(step[:, 1], step[:, 0])))) / 0.1
    assert lateral.max() <= config.max_lateral_acceleration_mps2[AgentClass.CAR] * 1.01
    fast = ConstantTurnRateAcceleration().predict(make_scene([[0.0, 0.0]], 0.0, 200.0))
    assert fast.speed.max() <= config.max_speed_mps[AgentClass.CAR]
    assert np.isfinite(position).all()


def test_a_reversing_car_keeps_its_yaw_and_a_positive_speed():
    scene = make_scene([[0.0, 0.0]], 0.0, -2.0)
    position, yaw, speed = main_mode(ConstantVelocity().predict(scene))
    assert position[-1, 0] == pytest.approx(-16.0, abs=0.1)
    np.testing.assert_allclose(yaw, 0.0, atol=1e-6)
    np.testing.assert_allclose(speed, 2.0, atol=1e-3)


@pytest.mark.parametrize("predictor", [ConstantVelocity, ConstantTurnRateAcceleration, StandingStill])
def test_noise_does_not_make_a_parked_car_drive_away(predictor):
    random = np.random.default_rng(1)
    scene = make_scene(np.zeros((50, 2)), 1.2, 0.0)
    scene.past_position[:, :-1] += random.normal(0.0, 0.05, scene.past_position[:, :-1].shape)
    scene.agents.velocity[:] += random.normal(0.0, 0.3, (50, 2))
    prediction = predictor().predict(scene)
    ends = prediction.position[np.arange(50), prediction.probability.argmax(axis=1), -1]
    assert np.quantile(np.hypot(*ends.T), 0.95) < 0.5
    still = np.hypot(*ends.T) < 1e-9
    np.testing.assert_allclose(prediction.yaw[still, 0], 1.2, atol=1e-9)


def test_speed_agrees_with_the_positions():
    scene = make_scene([[0.0, 0.0], [50.0, 0.0]], [0.3, 2.0], [7.0, 4.0], turn_rate=[0.1, -0.2])
    prediction = ConstantTurnRateAcceleration().predict(scene)
    steps = np.hypot(*np.diff(prediction.position, axis=2).transpose(3, 0, 1, 2)) / 0.1
    between = 0.5 * (prediction.speed[:, :, 1:] + prediction.speed[:, :, :-1])
    np.testing.assert_allclose(steps, between, rtol=0.01, atol=0.01)
