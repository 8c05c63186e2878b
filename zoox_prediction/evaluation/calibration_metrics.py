"""Whether a predictor's own doubts are right: coverage of its regions, and calibration of its mode probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.evaluation.metrics import BoolArray, FloatArray

# Below 1 cm of standard deviation a covariance says "exactly here"; the floor keeps its density finite.
_VARIANCE_FLOOR_M2 = 1e-4


def density_rank(
    point: FloatArray,
    mean: FloatArray,
    covariance: FloatArray,
    probability: FloatArray,
    *,
    num_samples: int = 500,
    seed: int = 0,
) -> FloatArray:
    """(N,) the probability that a predictor gives to places that it finds likelier than `point`.

    The prediction is a mixture of K Gaussians: mean (N, K, 2) [m], covariance (N, K, 2, 2) [m^2], probability (N, K);
    point (N, 2) is the true position. The point lies inside the highest-density region of probability P exactly when
    its rank is at most P, so over many agents the share with rank <= P is the coverage of that region. Where several
    modes are in use it is estimated from samples of the mixture, as in Hyndman, "Computing and Graphing Highest Density
    Regions", The American Statistician 50 (1996); the same seed gives the same answer.
    """
    factor: FloatArray = np.linalg.cholesky(_with_floor(covariance)).astype(np.float64, copy=False)
    rank = np.zeros(len(point))
    single = (probability > 0.0).sum(axis=1) <= 1
    # The regions of one Gaussian are ellipses: chi-square with 2 degrees of freedom.
    rows = np.flatnonzero(single)
    mode = np.argmax(probability[rows], axis=1)[:, None]
    squared = _mahalanobis_squared(point[rows, None], mean[rows[:, None], mode], factor[rows[:, None], mode])
    rank[rows] = 1.0 - np.exp(-0.5 * squared[:, 0, 0])
    several = ~single
    share = probability[several] / probability[several].sum(axis=1, keepdims=True)
    rank[several] = _sampled_rank(point[several], mean[several], factor[several], share, num_samples, seed)
    return rank


def _sampled_rank(
    point: FloatArray, mean: FloatArray, factor: FloatArray, share: FloatArray, num_samples: int, seed: int
) -> FloatArray:
    """(N,) ranks of points in mixtures with Cholesky factors (N, K, 2, 2), by samples of the mixtures."""
    generator = np.random.default_rng(seed)
    normal = generator.standard_normal((num_samples, 2))
    # Evenly spread in place of random: the modes are drawn in their exact shares; shuffled against the normals.
    uniform = generator.permutation((np.arange(num_samples) + 0.5) / num_samples)
    mode = (uniform[None, :, None] > np.cumsum(share, axis=1)[:, None, :]).sum(axis=2)
    mode = np.minimum(mode, share.shape[1] - 1)  # a cumulated share of 0.999... may lie below the last uniform
    rows = np.arange(len(share))[:, None]
    samples = mean[rows, mode] + np.einsum("nsij,sj->nsi", factor[rows, mode], normal)
    log_density = _log_mixture_density(samples, mean, factor, share)
    log_density_at_point = _log_mixture_density(point[:, None], mean, factor, share)
    rank: FloatArray = (log_density > log_density_at_point).mean(axis=1)
    return rank


def reliability(probability: FloatArray, happened: BoolArray, num_bins: int) -> FloatArray:
    """(num_bins, 3) per bin of equal width in probability: how many, sum of the probabilities, how often it happened.

    `probability` and `happened` have one shape. The sums of several calls may be added.
    """
    index = np.clip((probability.ravel() * num_bins).astype(np.int64), 0, num_bins - 1)
    columns = (np.ones(index.size), probability.ravel(), happened.ravel().astype(np.float64))
    return np.stack([np.bincount(index, weights=column, minlength=num_bins) for column in columns], axis=1)


def expected_calibration_error(bins: FloatArray) -> FloatArray:
    """(...) expected calibration error of reliability sums (..., num_bins, 3); NaN where nothing was counted.

    The mean over all counted probabilities of |mean probability - share that happened| of their bin: Naeini et al.,
    AAAI 2015; Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    gap = np.abs(bins[..., 1] - bins[..., 2]).sum(axis=-1)
    count = bins[..., 0].sum(axis=-1)
    error: FloatArray = np.where(count > 0, gap / np.maximum(count, 1), np.nan)
    return error


def _with_floor(covariance: FloatArray) -> FloatArray:
    """The covariances (..., 2, 2), symmetric and with no standard deviation below the floor."""
    symmetric = 0.5 * (covariance + np.swapaxes(covariance, -1, -2))
    values, vectors = np.linalg.eigh(symmetric)
    floored = np.maximum(values, _VARIANCE_FLOOR_M2)
    result: FloatArray = (vectors * floored[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    return result


def _mahalanobis_squared(point: FloatArray, mean: FloatArray, factor: FloatArray) -> FloatArray:
    """(N, S, K) squared distances of points (N, S, 2) from means (N, K, 2) in units of their standard deviations."""
    difference = point[:, :, None] - mean[:, None]
    first = difference[..., 0] / factor[:, None, :, 0, 0]
    second = (difference[..., 1] - factor[:, None, :, 1, 0] * first) / factor[:, None, :, 1, 1]
    squared: FloatArray = first**2 + second**2
    return squared


def _log_mixture_density(point: FloatArray, mean: FloatArray, factor: FloatArray, share: FloatArray) -> NDArray:
    """(N, S) log densities at points (N, S, 2) of mixtures with Cholesky factors (N, K, 2, 2)."""
    with np.errstate(divide="ignore"):  # an unused mode has log 0 = -inf, which is right
        log_weight = np.log(share) - np.log(2.0 * np.pi * factor[..., 0, 0] * factor[..., 1, 1])
    exponent = log_weight[:, None] - 0.5 * _mahalanobis_squared(point, mean, factor)
    largest = exponent.max(axis=2)
    # Far from every mode the exponents underflow together; relative to the largest they do not.
    log_density: NDArray = largest + np.log(np.exp(exponent - largest[..., None]).sum(axis=2))
    return log_density
