"""Errors of K predicted modes against what really happened, for N agents at once.

Shapes: `position` (N, K, T, 2) and `truth` (N, T, 2) [m] in one frame, `valid` (N, T) tells which true steps exist,
`probability` (N, K). A mode of probability 0 is unused: it is finite, but never counts as the best one.

minADE, minFDE and miss rate follow the Waymo Open Motion Dataset (Ettinger et al., "Large Scale Interactive Motion
Forecasting for Autonomous Driving", ICCV 2021, and its reference implementation `metrics/motion_metrics.cc`);
Brier-minFDE follows Argoverse 2 (Wilson et al., NeurIPS Datasets 2021).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Miss thresholds of the Waymo Open Motion Dataset at 3, 5 and 8 s [m]. It has none for shorter horizons: there they
# shrink in proportion to the horizon, to 0 now, where the prediction starts at the truth. (Continuing the official
# line instead would reach 0 at 0.5 s and ask for less than the noise of the annotations at 1 s.)
_MISS_HORIZON_S = np.array([0.0, 3.0, 5.0, 8.0])
_MISS_LATERAL_M = np.array([0.0, 1.0, 1.8, 3.0])
_MISS_LONGITUDINAL_M = np.array([0.0, 2.0, 3.6, 6.0])
# The thresholds are scaled by 0.5 up to 1.4 m/s, by 1 from 11 m/s, and linearly in between.
_MISS_SPEED_MPS = np.array([1.4, 11.0])
_MISS_SCALE = np.array([0.5, 1.0])


def most_likely_modes(probability: ArrayLike, count: int) -> NDArray[np.int64]:
    """(N, min(count, K)) the columns of the most probable modes, most probable first; of equals, the first."""
    order: NDArray[np.int64] = np.argsort(-np.asarray(probability, dtype=np.float64), axis=1, kind="stable")
    return order[:, :count]


def displacement_error(position: ArrayLike, truth: ArrayLike) -> FloatArray:
    """(N, K, T) distances [m] of the predicted positions (N, K, T, 2) from the true ones (N, T, 2)."""
    difference = np.asarray(position, dtype=np.float64) - np.asarray(truth, dtype=np.float64)[:, None]
    error: FloatArray = np.hypot(difference[..., 0], difference[..., 1])
    return error


def average_displacement(error: FloatArray, valid: BoolArray) -> FloatArray:
    """(N, K) mean of the errors (N, K, T) [m] over the valid steps (N, T); NaN where an agent has none."""
    steps = valid.sum(axis=1)
    total = np.where(valid[:, None], error, 0.0).sum(axis=2)
    return np.where(steps[:, None] > 0, total / np.maximum(steps, 1)[:, None], np.nan)


def min_over_modes(value: FloatArray, probability: FloatArray) -> FloatArray:
    """(N,) smallest of the values (N, K) of the modes in use (probability > 0); +inf where no mode is in use."""
    smallest: FloatArray = np.where(probability > 0.0, value, np.inf).min(axis=1, initial=np.inf)
    return smallest


def best_mode(final_error: FloatArray, probability: FloatArray) -> NDArray[np.int64]:
    """(N,) column of the mode in use that ends closest to the truth, by errors (N, K); of equals, the first."""
    closest: NDArray[np.int64] = np.argmin(np.where(probability > 0.0, final_error, np.inf), axis=1)
    return closest


def brier_min_fde(final_error: FloatArray, probability: FloatArray) -> FloatArray:
    """(N,) error (N, K) [m] of the best mode plus (1 - p)^2 of its probability p.

    The probabilities are normalised over the K modes given (av2's `normalize=True`), so K = 1 gives the minFDE.
    """
    rows = np.arange(len(final_error))
    best = best_mode(final_error, probability)
    share = probability[rows, best] / probability.sum(axis=1)
    brier: FloatArray = final_error[rows, best] + (1.0 - share) ** 2
    return brier


def miss_thresholds(horizon_s: float, speed: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Lateral and longitudinal thresholds [m], each in the shape of the speeds at prediction time [m/s]."""
    scale = np.interp(np.asarray(speed, dtype=np.float64), _MISS_SPEED_MPS, _MISS_SCALE)
    lateral = np.interp(horizon_s, _MISS_HORIZON_S, _MISS_LATERAL_M)
    longitudinal = np.interp(horizon_s, _MISS_HORIZON_S, _MISS_LONGITUDINAL_M)
    return lateral * scale, longitudinal * scale


def is_missed(
    position: ArrayLike, truth: ArrayLike, truth_yaw: ArrayLike, speed: ArrayLike, horizon_s: float
) -> BoolArray:
    """(N, K) whether each mode is outside the lateral or the longitudinal threshold at the horizon.

    position (N, K, 2) and truth (N, 2) at the horizon [m]; the error is taken apart along the true heading there,
    truth_yaw (N,) [rad]; speed (N,) [m/s] is that at prediction time. An agent is missed when all its modes are.
    """
    difference = np.asarray(position, dtype=np.float64) - np.asarray(truth, dtype=np.float64)[:, None]
    yaw = np.asarray(truth_yaw, dtype=np.float64)[:, None]
    longitudinal = np.cos(yaw) * difference[..., 0] + np.sin(yaw) * difference[..., 1]
    lateral = -np.sin(yaw) * difference[..., 0] + np.cos(yaw) * difference[..., 1]
    lateral_limit, longitudinal_limit = miss_thresholds(horizon_s, speed)
    outside: BoolArray = (np.abs(lateral) > lateral_limit[:, None]) | (
        np.abs(longitudinal) > longitudinal_limit[:, None]
    )
    return outside
