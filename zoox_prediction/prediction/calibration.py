"""Turns raw mixtures into calibrated ones: sharper or flatter mode probabilities, wider or narrower covariances.

Per group of classes one temperature on the mode probabilities (Guo et al., On Calibration of Modern Neural Networks,
ICML 2017) and, per horizon, one factor on the covariances. Both are fitted by the likelihood of what really happened
under the whole mixture, a proper score, so that no label of a "right" mode is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from zoox_prediction.models.baselines.classes import Group, group_of
from zoox_prediction.scene import PredictedTrajectories

_TEMPERATURE_RANGE = (0.1, 10.0)
_SCALE_RANGE = (0.01, 100.0)
_ROUNDS = 3  # of fitting one with the other held; the two hardly depend on each other
_MIN_VARIANCE_M2 = 1e-6
_LOG_ZERO = -1e9  # logarithm of the probability of an unused mode


@dataclass(frozen=True)
class MixtureCalibration:
    """One row per Group. The identity has temperature 1 and scale 1."""

    temperature: NDArray[np.float64]  # (G,) mode probabilities become p^(1 / temperature), normalised
    knots_s: NDArray[np.float64]  # (H,) horizons of the scales, ascending
    covariance_scale: NDArray[np.float64]  # (G, H) factors on the covariance; log-linear between the knots

    def __post_init__(self) -> None:
        groups = len(Group)
        if self.temperature.shape != (groups,) or self.covariance_scale.shape != (groups, len(self.knots_s)):
            raise ValueError(f"temperature must be ({groups},) and covariance_scale ({groups}, {len(self.knots_s)})")
        if not (np.all(self.temperature > 0.0) and np.all(self.covariance_scale > 0.0)):
            raise ValueError("temperature and covariance_scale must be > 0")
        if not np.all(np.diff(self.knots_s) > 0.0):
            raise ValueError(f"knots_s must ascend, got {self.knots_s}")

    def scale_at(self, times_s: NDArray) -> NDArray[np.float64]:
        """(G, T) factors at times (T,), constant beyond the first and the last knot."""
        logs = np.log(self.covariance_scale)
        return np.exp(np.stack([np.interp(times_s, self.knots_s, row) for row in logs]))


def apply_calibration(predictions: PredictedTrajectories, calibration: MixtureCalibration) -> PredictedTrajectories:
    """`predictions` with calibrated probabilities and covariances; paths stay, unused modes stay unused."""
    group = group_of(predictions.agent_class)
    times = (np.arange(predictions.num_steps) + 1) * predictions.time_step_s
    log_probability = _tempered(_log(predictions.probability), calibration.temperature[group][:, None])
    scale = calibration.scale_at(times)[group]
    return replace(
        predictions,
        probability=np.where(predictions.probability > 0.0, np.exp(log_probability), 0.0),
        covariance=predictions.covariance * scale[:, None, :, None, None],
    )


def fit_calibration(
    predictions: PredictedTrajectories,
    position: NDArray[np.float64],
    valid: NDArray[np.bool_],
    knots_s: tuple[float, ...] = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0),
    min_samples: int = 50,
) -> MixtureCalibration:
    """The calibration under which what happened, position (N, T, 2) where valid (N, T), is most likely.

    `predictions` are of N agents, of any number of scenes. A group, or a horizon of it, with fewer than `min_samples`
    keeps what came before: the identity, or the next shorter horizon.
    """
    group = group_of(predictions.agent_class)
    knots = np.array([knot for knot in knots_s if knot <= predictions.horizon_s + 1e-6])
    if not len(knots):
        raise ValueError(f"no knot within the horizon of {predictions.horizon_s:g} s, got {list(knots_s)}")
    steps = np.maximum(np.round(knots / predictions.time_step_s).astype(int) - 1, 0)
    temperature, scale = np.ones(len(Group)), np.ones((len(Group), len(knots)))
    for each in Group:
        rows = np.flatnonzero(group == each)
        fits = [_HorizonFit.of(predictions, position, rows[valid[rows, step]], step) for step in steps]
        temperature[each], scale[each] = _fit_group(fits, min_samples)
    return MixtureCalibration(temperature, knots, scale)


@dataclass(frozen=True)
class _HorizonFit:
    """M agents at one horizon: all that the likelihood needs."""

    log_probability: NDArray[np.float64]  # (M, K)
    distance: NDArray[np.float64]  # (M, K) squared Mahalanobis distance of what happened from each mode
    log_determinant: NDArray[np.float64]  # (M, K) of the covariances

    @classmethod
    def of(
        cls, predictions: PredictedTrajectories, position: NDArray, rows: NDArray[np.int64], step: int
    ) -> _HorizonFit:
        error = position[rows, None, step] - predictions.position[rows, :, step]
        covariance = predictions.covariance[rows, :, step] + _MIN_VARIANCE_M2 * np.eye(2)
        xx, xy, yy = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
        determinant = np.maximum(xx * yy - xy * xy, _MIN_VARIANCE_M2**2)
        x, y = error[..., 0], error[..., 1]
        distance = (yy * x * x - 2.0 * xy * x * y + xx * y * y) / determinant
        return cls(_log(predictions.probability[rows]), distance, np.log(determinant))

    def loss(self, temperature: float, scale: float) -> float:
        """Mean negative log-likelihood, but for a constant."""
        density = -0.5 * self.distance / scale - 0.5 * self.log_determinant - np.log(scale)
        return -float(logsumexp(_tempered(self.log_probability, temperature) + density, axis=1).mean())


def _fit_group(fits: list[_HorizonFit], min_samples: int) -> tuple[float, NDArray[np.float64]]:
    """Temperature and scales (H,) of one group."""
    temperature, scale = 1.0, np.ones(len(fits))
    usable = [len(fit.distance) >= min_samples for fit in fits]
    if not any(usable):
        return temperature, scale
    for _ in range(_ROUNDS):
        for index, fit in enumerate(fits):
            if usable[index]:
                scale[index] = _minimum(partial(fit.loss, temperature), _SCALE_RANGE)
            elif index:
                scale[index] = scale[index - 1]
        temperature = _minimum(partial(_total_loss, fits, scale, usable), _TEMPERATURE_RANGE)
    return temperature, scale


def _total_loss(fits: list[_HorizonFit], scale: NDArray[np.float64], usable: list[bool], temperature: float) -> float:
    return sum(fit.loss(temperature, each) for fit, each, use in zip(fits, scale, usable, strict=True) if use)


def _minimum(loss: Callable[[float], float], bounds: tuple[float, float]) -> float:
    """Where `loss` of a positive number is least, searched on a logarithmic axis."""
    log_bounds = (float(np.log(bounds[0])), float(np.log(bounds[1])))
    result = minimize_scalar(lambda log: loss(float(np.exp(log))), bounds=log_bounds, method="bounded")
    return float(np.exp(result.x))


def _log(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(probability > 0.0, np.log(np.maximum(probability, 1e-300)), _LOG_ZERO)


def _tempered(log_probability: NDArray[np.float64], temperature: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """(N, K) logarithms of normalised p^(1 / temperature)."""
    scaled = np.where(log_probability > _LOG_ZERO, log_probability / temperature, _LOG_ZERO)
    return np.asarray(scaled - logsumexp(scaled, axis=1, keepdims=True))
