"""Mixtures whose distortion is known become mixtures that claim what happens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoox_prediction.prediction.calibration import MixtureCalibration, apply_calibration, fit_calibration
from zoox_prediction.scene import AgentClass, PredictedTrajectories

KNOTS = (0.5, 1.0, 2.0)


def true_mixtures(count: int, rng: np.random.Generator, agent_class: int) -> PredictedTrajectories:
    """Three of four modes in use, correlated covariances that grow; modes near enough to overlap."""
    steps = 20
    time = (np.arange(steps) + 1) * 0.1
    probability = np.concatenate([rng.dirichlet([2.0, 1.0, 0.5], count), np.zeros((count, 1))], axis=1)
    direction = rng.normal(0.0, 2.0, (count, 4, 1, 2))
    factor = rng.normal(0.0, 0.3, (count, 4, 1, 2, 2)) + 0.5 * np.eye(2)
    covariance = (factor @ np.swapaxes(factor, -1, -2) + 0.01 * np.eye(2)) * time[:, None, None] ** 2
    return PredictedTrajectories(
        stamp_ns=0,
        time_step_s=0.1,
        ids=np.arange(count),
        agent_class=np.full(count, agent_class),
        probability=probability,
        position=direction * time[:, None],
        yaw=np.zeros((count, 4, steps)),
        speed=np.zeros((count, 4, steps)),
        covariance=covariance,
        source=np.zeros(count, dtype=np.uint8),
    )


def draw(mixtures: PredictedTrajectories, rng: np.random.Generator) -> np.ndarray:
    """One future (N, T, 2) of each; one mode and one standard normal error for all of its steps."""
    row = np.arange(len(mixtures))
    mode = (rng.random((len(row), 1)) > np.cumsum(mixtures.probability, axis=1)).sum(axis=1)
    factor = np.linalg.cholesky(mixtures.covariance[row, mode])
    error = rng.normal(size=(len(row), 1, 2, 1))
    return mixtures.position[row, mode] + (factor @ error)[..., 0]


def distort(mixtures: PredictedTrajectories, temperature: float, scale: np.ndarray) -> PredictedTrajectories:
    """What `apply_calibration` with this temperature and scale (T,) undoes."""
    sharpened = mixtures.probability**temperature
    return replace(
        mixtures,
        probability=sharpened / sharpened.sum(axis=1, keepdims=True),
        covariance=mixtures.covariance / scale[:, None, None],
    )


def coverage(mixtures: PredictedTrajectories, truth: np.ndarray, step: int, level: float, rng) -> float:
    """How often the truth is in the region of highest density that holds `level` of the mixture."""
    count, num_samples = len(mixtures), 150
    mean, covariance = mixtures.position[:, :3, step], mixtures.covariance[:, :3, step]  # the fourth is not in use
    factor, inverse = np.linalg.cholesky(covariance), np.linalg.inv(covariance)
    norm = mixtures.probability[:, :3] / np.sqrt(np.linalg.det(covariance))

    def density(points):  # (N, S, 2)
        total = np.zeros(points.shape[:2])
        for k in range(3):
            x, y = np.moveaxis(points - mean[:, None, k], -1, 0)
            xx, xy, yy = (inverse[:, k, i, j, None] for i, j in ((0, 0), (0, 1), (1, 1)))
            total += norm[:, k, None] * np.exp(-0.5 * (xx * x * x + 2.0 * xy * x * y + yy * y * y))
        return total

    row = np.arange(count)[:, None]
    mode = (rng.random((count, num_samples, 1)) > np.cumsum(mixtures.probability, axis=1)[:, None, :2]).sum(axis=-1)
    noise = rng.normal(size=(count, num_samples, 2, 1))
    samples = mean[row, mode] + (factor[row, mode] @ noise)[..., 0]
    threshold = np.quantile(density(samples), 1.0 - level, axis=1)
    return float((density(truth[:, None, step])[:, 0] >= threshold).mean())


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_a_known_distortion_is_found_and_undone(temperature):
    rng = np.random.default_rng(5)
    right = true_mixtures(4000, rng, AgentClass.CAR)
    truth = draw(right, rng)
    times = (np.arange(20) + 1) * 0.1
    scale = np.exp(np.interp(times, KNOTS, np.log([0.5, 2.0, 6.0])))
    wrong = distort(right, temperature, scale)
    fit = fit_calibration(wrong, truth, np.ones((4000, 20), dtype=bool), KNOTS)
    assert fit.temperature[0] == pytest.approx(temperature, rel=0.1)
    np.testing.assert_allclose(fit.covariance_scale[0], [0.5, 2.0, 6.0], rtol=0.08)
    assert (fit.temperature[1:] == 1.0).all()  # no cyclist, pedestrian or other was seen
    mended = apply_calibration(wrong, fit)
    np.testing.assert_allclose(mended.probability, right.probability, atol=0.04)
    assert (mended.probability[:, 3] == 0.0).all()

    held_out = true_mixtures(3000, rng, AgentClass.CAR)
    happened = draw(held_out, rng)
    raw = distort(held_out, temperature, scale)
    calibrated = apply_calibration(raw, fit)
    for level in (0.5, 0.9):
        assert abs(coverage(raw, happened, 19, level, rng) - level) > 0.08
        assert coverage(calibrated, happened, 19, level, rng) == pytest.approx(level, abs=0.02)


def test_groups_and_gaps_are_kept_apart():
    rng = np.random.default_rng(6)
    right = true_mixtures(2000, rng, AgentClass.CAR)
    agent_class = np.where(np.arange(2000) % 2, AgentClass.PEDESTRIAN, AgentClass.TRUCK)
    right = replace(right, agent_class=agent_class)
    truth = draw(right, rng)
    factor = np.where(np.arange(2000) % 2, 4.0, 0.25)
    wrong = replace(right, covariance=right.covariance / factor[:, None, None, None, None])
    valid = np.ones((2000, 20), dtype=bool)
    valid[:, 15:] = False  # nothing is known of the longest horizon
    truth[:, 15:] = np.nan
    fit = fit_calibration(wrong, truth, valid, KNOTS)
    np.testing.assert_allclose(fit.covariance_scale[2], 4.0, rtol=0.12)
    np.testing.assert_allclose(fit.covariance_scale[0], 0.25, rtol=0.12)


def test_too_few_samples_change_nothing():
    rng = np.random.default_rng(7)
    few = true_mixtures(20, rng, AgentClass.CYCLIST)
    fit = fit_calibration(few, draw(few, rng), np.ones((20, 20), dtype=bool), KNOTS)
    same = apply_calibration(few, fit)
    np.testing.assert_allclose(same.probability, few.probability)
    np.testing.assert_allclose(same.covariance, few.covariance)


def test_no_agents():
    none = true_mixtures(0, np.random.default_rng(8), AgentClass.CAR)
    fit = fit_calibration(none, np.zeros((0, 20, 2)), np.zeros((0, 20), dtype=bool), KNOTS)
    assert len(apply_calibration(none, fit)) == 0


def test_mistakes():
    with pytest.raises(ValueError, match="> 0"):
        MixtureCalibration(np.zeros(4), np.array([1.0]), np.ones((4, 1)))
    with pytest.raises(ValueError, match="must be"):
        MixtureCalibration(np.ones(3), np.array([1.0]), np.ones((4, 1)))
    few = true_mixtures(3, np.random.default_rng(9), AgentClass.CAR)
    with pytest.raises(ValueError, match="no knot within the horizon of 2 s"):
        fit_calibration(few, np.zeros((3, 20, 2)), np.zeros((3, 20), dtype=bool), (5.0,))
