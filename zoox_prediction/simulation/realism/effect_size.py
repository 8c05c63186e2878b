"""How much more often, or how much more, something is with than without: differences with confidence intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

FloatArray = NDArray[np.float64]

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """Mean with minus mean without, with the bounds of its 95% confidence interval; NaN where they are not known."""

    difference: float
    low: float
    high: float


def difference_of_shares(with_it: NDArray[np.bool_], without: NDArray[np.bool_]) -> Difference:
    """Of two shares; the interval is the hybrid score interval of R. G. Newcombe, "Interval estimation for the
    difference between independent proportions" (1998), method 10."""
    if not len(with_it) or not len(without):
        return Difference(float("nan"), float("nan"), float("nan"))
    (first, first_low, first_high), (second, second_low, second_high) = _wilson(with_it), _wilson(without)
    apart = first - second
    low = apart - np.hypot(first - first_low, second_high - second)
    high = apart + np.hypot(first_high - first, second - second_low)
    return Difference(apart, float(low), float(high))


def difference_of_means(with_it: FloatArray, without: FloatArray) -> Difference:
    """Of two means, by the interval of B. L. Welch (1947), which lets the variances differ."""
    if min(len(with_it), len(without)) < 2:
        return Difference(float("nan"), float("nan"), float("nan"))
    parts = np.array([values.var(ddof=1) / len(values) for values in (with_it, without)])
    apart = float(with_it.mean() - without.mean())
    if not parts.sum() > 0.0:
        return Difference(apart, apart, apart)
    freedom = parts.sum() ** 2 / (parts**2 / (np.array([len(with_it), len(without)]) - 1)).sum()
    half = float(stats.t.ppf(0.5 + 0.5 * _CONFIDENCE, freedom) * np.sqrt(parts.sum()))
    return Difference(apart, apart - half, apart + half)


def _wilson(values: NDArray[np.bool_]) -> tuple[float, float, float]:
    """A share and its score interval (E. B. Wilson, 1927)."""
    count, share = len(values), float(np.mean(values))
    z = float(stats.norm.ppf(0.5 + 0.5 * _CONFIDENCE))
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return share, float(middle - half), float(middle + half)
