"""The interacting models: their covariances are what they say, and time may be cut into any steps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2

from zoox_prediction.tracking.config import MotionConfig
from zoox_prediction.tracking.motion_models import (
    CONSTANT_VELOCITY,
    COORDINATED_TURN,
    STANDING,
    Motion,
    new_motion,
    predict,
    update,
)

_CONFIG = MotionConfig()
_NOISE = 1.0  # of the acceleration
_PLACE = np.broadcast_to(np.eye(5)[:2], (1, 3, 2, 5))


def _jumping_agents(random: np.random.Generator, count: int, steps: int, dt: float) -> NDArray[np.float64]:
    """(steps, count, 5) true states that jump between the three models as the filter supposes."""
    config = _CONFIG
    state = np.zeros((count, 5))
    state[:, :2], state[:, 2:4] = random.normal(0.0, 0.3, (count, 2)), random.normal(0.0, 3.0, (count, 2))
    state[:, 4] = random.normal(0.0, config.turn_deviation_radps, count)
    mode = random.choice(3, count, p=config.mode_probabilities)
    states = []
    for _ in range(steps):
        drawn = random.random(count) < 1.0 - np.exp(-dt / config.mode_time_s)
        mode = np.where(drawn, random.choice(3, count, p=config.mode_probabilities), mode)
        push = np.sqrt(_NOISE * dt) * random.normal(size=(count, 2))
        drift = 0.5 * dt * push + np.sqrt(_NOISE * dt**3 / 12.0) * random.normal(size=(count, 2))
        fresh = random.normal(0.0, config.turn_deviation_radps, count)
        moved = state.copy()
        rate = np.where(mode == COORDINATED_TURN, state[:, 4], 1e-9)
        sin, cos = np.sin(rate * dt), np.cos(rate * dt)
        vx, vy = state[:, 2], state[:, 3]
        moved[:, 0] += (sin * vx - (1.0 - cos) * vy) / rate
        moved[:, 1] += ((1.0 - cos) * vx + sin * vy) / rate
        moved[:, 2], moved[:, 3] = cos * vx - sin * vy, sin * vx + cos * vy
        moved[:, :2] += drift
        moved[:, 2:4] += push
        turning = state[:, 4] + np.sqrt(config.turn_noise * dt) * random.normal(size=count)
        moved[:, 4] = np.where(mode == COORDINATED_TURN, turning, fresh)
        stands = mode == STANDING
        creep = state[:, :2] + np.sqrt(config.standing_noise * dt) * random.normal(size=(count, 2))
        moved[stands, :2] = creep[stands]
        moved[stands, 2:4] = config.standing_deviation_mps * random.normal(size=(count, 2))[stands]
        state = moved
        states.append(state)
    return np.array(states)


def _first(count: int) -> Motion:
    spread = np.tile(np.eye(2), (count, 1, 1))
    return new_motion(np.zeros((count, 2)), 0.09 * spread, np.zeros((count, 2)), 9.0 * spread, _CONFIG)


@pytest.mark.parametrize("dt", [0.05, 0.1])
def test_errors_are_as_large_as_the_covariance_says(dt: float) -> None:
    count, steps, deviation = 1000, 60, 0.15
    random = np.random.default_rng(0)
    states = _jumping_agents(random, count, steps, dt)
    motion, averages = _first(count), []
    for state in states:
        motion = predict(motion, dt, np.full(count, _NOISE), _CONFIG)
        seen = state[:, :2] + random.normal(0.0, deviation, (count, 2))
        noise = np.tile(deviation**2 * np.eye(2), (count, 1, 1))
        motion = update(motion, seen[:, None] - motion.mean[:, :, :2], np.repeat(_PLACE, count, axis=0), noise)
        mean, covariance = motion.merged()
        error = (state - mean)[:, :4]
        averages.append(np.einsum("ni,nij,nj->n", error, np.linalg.inv(covariance[:, :4, :4]), error).mean())
    # The mixture is not Gaussian, so the average over all instants is judged by the band of an instant.
    low, high = chi2.ppf([0.025, 0.975], 4 * count) / count
    assert low < np.mean(averages) < high
    inside = np.mean([low < average < high for average in averages])
    assert inside > 0.5


def test_time_may_be_cut_into_any_steps() -> None:
    motion = _first(3)
    motion.mean[:, :, 2] = np.array([0.0, 3.0, 8.0])[:, None]
    mode = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    motion = Motion(motion.mean, motion.covariance, mode)
    once = predict(motion, 0.2, np.ones(3), _CONFIG)
    twice = predict(predict(motion, 0.1, np.ones(3), _CONFIG), 0.1, np.ones(3), _CONFIG)
    np.testing.assert_allclose(once.mode, twice.mode, atol=1e-12)
    still = MotionConfig(mode_time_s=1e9)
    once = predict(motion, 0.2, np.ones(3), still)
    twice = predict(predict(motion, 0.1, np.ones(3), still), 0.1, np.ones(3), still)
    straight = CONSTANT_VELOCITY
    np.testing.assert_allclose(once.mean[:, straight], twice.mean[:, straight], atol=1e-6)
    np.testing.assert_allclose(once.covariance[:, straight], twice.covariance[:, straight], atol=1e-6)
    np.testing.assert_array_equal(predict(motion, 0.0, np.ones(3), _CONFIG).mean, motion.mean)


def test_a_turn_is_a_circle() -> None:
    motion = _first(1)
    motion.mean[:, COORDINATED_TURN] = [0.0, 0.0, 5.0, 0.0, 0.5]
    only = Motion(motion.mean, 1e-9 * motion.covariance, np.array([[1e-12, 1.0, 1e-12]]))
    still = MotionConfig(mode_time_s=1e9)
    for _ in range(10):
        only = predict(only, np.pi / 0.5 / 10.0, np.full(1, 1e-9), still)
    np.testing.assert_allclose(only.mean[0, COORDINATED_TURN, :4], [0.0, 20.0, -5.0, 0.0], atol=1e-6)


@pytest.mark.parametrize(("rate", "dt"), [(0.4, 0.1), (-0.7, 0.3), (1e-6, 0.1)])
def test_covariance_of_a_turn_agrees_with_samples(rate: float, dt: float) -> None:
    random = np.random.default_rng(1)
    motion = _first(1)
    mean = np.array([1.0, 2.0, 6.0, -3.0, rate])
    spread = np.diag([0.05, 0.05, 0.1, 0.1, 0.02]) ** 2
    motion.mean[:, COORDINATED_TURN], motion.covariance[:, COORDINATED_TURN] = mean, spread
    still = MotionConfig(mode_time_s=1e9, turn_noise=1e-12)
    one = Motion(motion.mean, motion.covariance, np.array([[1e-12, 1.0, 1e-12]]))
    got = predict(one, dt, np.full(1, 1e-12), still).covariance[0, COORDINATED_TURN]
    samples = random.multivariate_normal(mean, spread, 20_000)
    many = Motion(
        np.repeat(samples[:, None], 3, axis=1),
        np.tile(1e-12 * np.eye(5), (20_000, 3, 1, 1)),
        np.tile([[1e-12, 1.0, 1e-12]], (20_000, 1)),
    )
    moved = predict(many, dt, np.full(20_000, 1e-12), still).mean[:, COORDINATED_TURN]
    np.testing.assert_allclose(got, np.cov(moved.T), atol=4e-4)


def test_the_model_that_fits_becomes_the_most_probable() -> None:
    motion = _first(2)
    for step in range(1, 31):
        motion = predict(motion, 0.1, np.full(2, 1.0), _CONFIG)
        seen = np.array([[0.0, 0.0], [6.0 * 0.1 * step, 0.0]])
        noise = np.tile(0.01 * np.eye(2), (2, 1, 1))
        motion = update(motion, seen[:, None] - motion.mean[:, :, :2], np.repeat(_PLACE, 2, axis=0), noise)
    assert motion.mode[0].argmax() == STANDING
    assert motion.mode[1].argmax() == CONSTANT_VELOCITY
    assert np.abs(motion.merged()[0][:, 2:4] - [[0.0, 0.0], [6.0, 0.0]]).max() < 0.2


def test_no_tracks_are_no_problem() -> None:
    none = _first(0)
    assert len(predict(none, 0.1, np.zeros(0), _CONFIG).mode) == 0
    assert len(none.merged()[0]) == 0
