"""Mends the coverage of a fitted calibration: a likelihood cannot see what merging and leaving out modes do to it.

The highest-density regions (Hyndman, "Computing and Graphing Highest Density Regions", The American Statistician 50,
1996) of the finished predictions are compared with what happened. The spread of the likeliest kind of mode balances
both regions against each other, the other kinds' follows the 90% region, whose border they decide.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.calibration import Calibration, MotionState
from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.futures import RecordedFuture
from zoox_prediction.models.baselines.heuristic import HeuristicPredictor
from zoox_prediction.scene import PredictedTrajectories

_LOOKS = np.array([9, 29, 49, 79])  # steps at which coverage is measured: 1, 3, 5, 8 s
_SAMPLES = 100
# Change of the logarithm of the spread per missing share: rows 50% and 90% region, columns likeliest and other kinds.
_GAINS = np.array([[1.0, 0.0], [2.0, 2.0]])
_MAX_CHANGE = 0.4  # of the logarithm, in one round
_ENOUGH_AGENTS = 100.0  # observations from which on coverage is trusted fully


def temper(predictor: HeuristicPredictor, futures: Sequence[RecordedFuture], rounds: int) -> Calibration:
    """The predictor's calibration with spreads scaled so that its 50% and 90% regions cover what they claim."""
    calibration = predictor.calibration
    for _ in range(rounds):
        predictor.calibration = calibration
        share, count = _coverage(predictor, futures)
        trust = (count / (count + _ENOUGH_AGENTS))[..., None]
        change = np.clip((np.array([0.5, 0.9]) - share) @ _GAINS, -_MAX_CHANGE, _MAX_CHANGE) * trust
        calibration = _scaled(calibration, np.exp(change))
    return calibration


def _scaled(calibration: Calibration, factor: NDArray[np.float64]) -> Calibration:
    """Spreads of the likeliest kind of a group and state times factor[..., 0], of the others times factor[..., 1]."""
    main = np.argmax(calibration.weight, axis=2)
    scale = np.repeat(factor[..., 1:], calibration.weight.shape[2], axis=2)
    np.put_along_axis(scale, main[..., None], factor[..., :1], axis=2)
    along, lateral = calibration.along_m * scale[..., None], calibration.lateral_m * scale[..., None]
    return Calibration(calibration.weight, along, lateral, calibration.unrest)


def _coverage(
    predictor: HeuristicPredictor, futures: Sequence[RecordedFuture]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Covered shares (G, S, 2) of the 50% and 90% regions, and the number of agents and looks (G, S) behind them."""
    cells = len(Group) * len(MotionState)
    covered, count = np.zeros((cells, 2)), np.zeros(cells)
    for future in futures:
        if not len(future.scene):
            continue
        motion, state, _ = predictor.candidates(future.scene)
        rank = density_rank(predictor.predict(future.scene), future.position)
        weight = future.valid[:, _LOOKS] * future.weight
        cell = motion.group * len(MotionState) + state
        for level, share in enumerate((0.5, 0.9)):
            covered[:, level] += np.bincount(cell, ((rank <= share) * weight).sum(axis=1), cells)
        count += np.bincount(cell, weight.sum(axis=1), cells)
    shares = np.where(count[:, None] > 0, covered / np.maximum(count, 1e-9)[:, None], [0.5, 0.9])
    shape = (len(Group), len(MotionState))
    return shares.reshape(*shape, 2), count.reshape(shape)


def density_rank(prediction: PredictedTrajectories, truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, looks) probability of the places that the prediction finds likelier than the truth (N, T, 2), by sampling."""
    random = np.random.default_rng(0)
    mean = prediction.position[:, :, _LOOKS].swapaxes(1, 2)  # (N, L, K, 2)
    covariance = prediction.covariance[:, :, _LOOKS].swapaxes(1, 2)
    inverse = np.linalg.inv(covariance)
    with np.errstate(divide="ignore"):  # an unused mode has log 0
        level = np.log(prediction.probability)[:, None] - 0.5 * np.log(np.linalg.det(covariance))

    def log_density(points: NDArray[np.float64]) -> NDArray[np.float64]:
        away = points[..., None, :] - mean[:, :, None]  # (N, L, S, K, 2)
        exponent = level[:, :, None] - 0.5 * np.einsum("nlski,nlkij,nlskj->nlsk", away, inverse, away, optimize=True)
        density: NDArray[np.float64] = np.logaddexp.reduce(exponent, axis=-1)
        return density

    uniform = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    edges = np.cumsum(prediction.probability, axis=1)
    mode = np.minimum((uniform[None, :, None] > edges[:, None]).sum(axis=2), mean.shape[2] - 1)  # (N, S)
    factor = np.linalg.cholesky(covariance)
    normal = random.standard_normal((*mean.shape[:2], _SAMPLES, 2))
    rows, looks = np.arange(len(mean))[:, None, None], np.arange(len(_LOOKS))[:, None]
    chosen = (rows, looks, mode[:, None])
    samples = mean[chosen] + np.einsum("nlsij,nlsj->nlsi", factor[chosen], normal)
    at_truth = log_density(truth[:, _LOOKS][:, :, None])
    rank: NDArray[np.float64] = (log_density(samples) > at_truth).mean(axis=-1)
    return rank
