"""Localisation errors: size, slowness, and that they depend on seed and stamp alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sensor_scenes import ego

from zoox_prediction.simulation.sensors.config import OdometryConfig
from zoox_prediction.simulation.sensors.odometry import covariances, drift, noisy_ego

CONFIG = OdometryConfig(topic="/odometry/noisy")
SECOND = 1_000_000_000


def test_drift_has_the_given_deviation_over_seeds_and_changes_slowly() -> None:
    errors = np.array([drift(CONFIG, 5 * SECOND, seed) for seed in range(2000)])
    assert errors.std(axis=0) == pytest.approx([0.1, 0.1, 0.003], rel=0.1)
    assert errors.mean(axis=0) == pytest.approx([0.0, 0.0, 0.0], abs=0.01)
    way = np.array([drift(CONFIG, step * SECOND // 10, 4) for step in range(6000)])
    assert np.abs(np.diff(way[:, :2], axis=0)).max() < 0.005
    assert np.ptp(way[:, 0]) > 0.1


def test_white_noise_has_the_given_deviations() -> None:
    config = replace(CONFIG, drift_deviation_m=0.0, drift_deviation_rad=0.0, position_deviation_m=0.05)
    state = ego((8.0, 6.0), yaw=1.0, yaw_rate=0.2)
    random = np.random.default_rng(0)
    said = [noisy_ego(config, state, 1, random) for _ in range(3000)]
    assert np.std([each.position for each in said], axis=0) == pytest.approx([0.05, 0.05], rel=0.1)
    assert np.std([each.yaw for each in said]) == pytest.approx(config.yaw_deviation_rad, rel=0.1)
    assert np.std([each.yaw_rate for each in said]) == pytest.approx(config.yaw_rate_deviation_radps, rel=0.1)
    speeds = np.array([np.linalg.norm(each.velocity) for each in said])
    assert speeds.std() == pytest.approx(config.speed_deviation_mps, rel=0.1)
    assert speeds.mean() == pytest.approx(10.0, abs=0.01)


def test_without_deviations_the_truth_comes_out() -> None:
    silent = OdometryConfig("/o", 10.0, 0.0, 0.0, 60.0, 0.0, 0.0, 0.0, 0.0)
    state = ego((8.0, 6.0), yaw=3.1)
    said = noisy_ego(silent, state, 1, np.random.default_rng(0))
    assert said.position == pytest.approx(state.position)
    assert said.yaw == pytest.approx(state.yaw)
    assert said.velocity == pytest.approx(state.velocity)


def test_the_covariance_is_that_of_the_errors() -> None:
    pose, twist = covariances(CONFIG)
    assert pose.shape == twist.shape == (36,)
    assert pose.reshape(6, 6)[0, 0] == pytest.approx(0.1**2 + 0.01**2)
    assert pose.reshape(6, 6)[5, 5] == pytest.approx(0.003**2 + 0.0005**2)
    assert twist.reshape(6, 6)[1, 1] == pytest.approx(0.03**2)
