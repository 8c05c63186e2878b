"""From frame to frame: the modes of an agent keep their columns, and its likeliest mode does not flicker.

Modes of two frames are matched by where they are at the same instants. Probabilities are smoothed over the matches, and
the likeliest mode changes only for one that is clearly likelier. What the predictor newly says is never held back
altogether: a mode that nothing matches is in the answer at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.prediction.predictor import Predictor
from zoox_prediction.scene import PredictedTrajectories, Scene, Source

FloatArray = NDArray[np.float64]

_TIE = 1e-6  # of probability, by which a held mode stays the likeliest
_ORDER = 1e-3  # of the cost of a match: columns without one stay where they are


@dataclass(frozen=True)
class ConsistencyConfig:
    """What counts as the same mode, and how slowly answers change."""

    enabled: bool = True
    compared_s: tuple[float, ...] = (1.0, 3.0, 5.0)  # ahead: two modes are one when they agree at all these times
    match_distance_m: float = 2.0  # within which they agree now [m],
    match_growth_mps: float = 1.2  # growing with the time ahead [m/s]
    match_probability_weight: float = 0.25  # of a change of probability by 1, in units of that distance
    probability_time_s: float = 0.3  # what was said before weighs less by e every so often; 0: nothing is smoothed [s]
    top_margin: float = 0.2  # by this share another mode must be likelier to become the likeliest
    blending_time_s: float = 0.0  # the same as probability_time_s, for the positions [s]
    max_shift_mps: float = 0.3  # farther, per time ahead, blending moves no position [m/s]
    max_gap_s: float = 0.5  # after a longer pause, or a step back in time, everything starts anew [s]

    def __post_init__(self) -> None:
        if not self.compared_s or not min(self.compared_s) > 0.0:
            raise ValueError(f"compared_s must hold at least one time, each > 0, got {self.compared_s}")
        if not (self.match_distance_m > 0.0 and self.max_gap_s > 0.0):
            raise ValueError("match_distance_m and max_gap_s must be > 0")
        for name in (
            "match_growth_mps",
            "match_probability_weight",
            "probability_time_s",
            "top_margin",
            "blending_time_s",
            "max_shift_mps",
        ):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)}")


class TemporalConsistency:
    """Makes each frame's predictions continue those of the frame before; one caller at a time."""

    def __init__(self, config: ConsistencyConfig | None = None) -> None:
        self._config = config or ConsistencyConfig()
        self._before: PredictedTrajectories | None = None

    def reset(self) -> None:
        """Forgets the frames before."""
        self._before = None

    def __call__(self, predictions: PredictedTrajectories) -> PredictedTrajectories:
        """`predictions` with columns, probabilities, and if so configured positions, that continue the last frame's.

        The same stamp again gives the same answer again. Agents that a stand-in answered for are left as they are.
        """
        before, config = self._before, self._config
        if not config.enabled:
            return predictions
        if before is not None and self._continues(before, predictions):
            usable = np.flatnonzero(predictions.source != Source.HEURISTIC_FALLBACK)
            known = np.flatnonzero(before.source != Source.HEURISTIC_FALLBACK)
            _, rows, old_rows = np.intersect1d(predictions.ids[usable], before.ids[known], return_indices=True)
            if len(rows):
                predictions = _continued(predictions, usable[rows], before, known[old_rows], config)
        self._before = predictions
        return predictions

    def _continues(self, before: PredictedTrajectories, now: PredictedTrajectories) -> bool:
        gap_s = (now.stamp_ns - before.stamp_ns) * 1e-9
        same = before.time_step_s == now.time_step_s and before.yaw.shape[1:] == now.yaw.shape[1:]
        return same and 0.0 <= gap_s <= min(self._config.max_gap_s, 0.5 * now.horizon_s)


class ConsistentPredictor:
    """A predictor whose answers to scenes in the order of time are made consistent."""

    def __init__(self, predictor: Predictor, config: ConsistencyConfig | None = None) -> None:
        self._predictor = predictor
        self._consistency = TemporalConsistency(config)
        self.name, self.version = predictor.name, predictor.version

    def predict(self, scene: Scene) -> PredictedTrajectories:
        return self._consistency(self._predictor.predict(scene))


def _continued(
    now: PredictedTrajectories,
    rows: NDArray[np.int64],
    before: PredictedTrajectories,
    old_rows: NDArray[np.int64],
    config: ConsistencyConfig,
) -> PredictedTrajectories:
    """`now` with the agents `rows` continuing `old_rows` of `before`."""
    gap_s = (now.stamp_ns - before.stamp_ns) * 1e-9
    old_probability = before.probability[old_rows]
    steps = np.round(np.minimum(config.compared_s, now.horizon_s - gap_s) / now.time_step_s).astype(int) - 1
    steps = np.maximum(steps, 0)
    old_at = _at_the_same_time(before.position, steps, gap_s / now.time_step_s)[old_rows]
    new_at = now.position[:, :, steps][rows]
    gate = config.match_distance_m + config.match_growth_mps * (steps + 1) * now.time_step_s
    order, matched = match_modes(
        new_at, now.probability[rows], old_at, old_probability, gate, config.match_probability_weight
    )

    row = np.arange(len(rows))[:, None]
    new_probability = now.probability[rows][row, order]
    smoothed = _smoothed(new_probability, old_probability, matched, gap_s, config)
    probability = now.probability.copy()
    probability[rows] = _held(smoothed, old_probability, matched, config.top_margin)
    now = _with_columns(now, rows, order)
    if config.blending_time_s > 0.0:
        position = now.position.copy()
        position[rows] = _blended(position[rows], before, old_rows, matched, gap_s, config)
        now = replace(now, position=position)
    return replace(now, probability=probability)


def _with_columns(
    predictions: PredictedTrajectories, rows: NDArray[np.int64], order: NDArray[np.int64]
) -> PredictedTrajectories:
    """Paths of the agents `rows` in a new `order` (n, K) of columns; most of them have the right one already."""
    moved = (order != np.arange(order.shape[1])).any(axis=1)
    if not moved.any():
        return predictions
    rows, order = rows[moved][:, None], order[moved]
    changed: dict[str, Any] = {}
    for name in ("position", "yaw", "speed", "covariance"):
        array = getattr(predictions, name)
        changed[name] = array.copy()
        changed[name][rows[:, 0]] = array[rows, order]
    return replace(predictions, **changed)


def match_modes(
    position: FloatArray,
    probability: FloatArray,
    old_position: FloatArray,
    old_probability: FloatArray,
    gate: NDArray,
    probability_weight: float = 0.0,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Which new mode (N, K) continues each of the old ones, and whether it really does; a new order of all K modes.

    Positions (N, K, H, 2) [m] at the same H instants, `gate` (H,) [m] within which they agree; modes of probability
    (N, K) 0 match nothing. Of all orders, that with the least sum of distances, in units of the gate, and of
    `probability_weight` times the changes of probability.
    """
    gaps = [
        np.hypot(*(old_position[:, :, None, step, axis] - position[:, None, :, step, axis] for axis in (0, 1))) / limit
        for step, limit in enumerate(gate)
    ]  # (N, K, K) each: old, new
    change = np.abs(old_probability[:, :, None] - probability[:, None, :])
    used = (old_probability[:, :, None] > 0.0) & (probability[:, None, :] > 0.0)
    fits = (np.max(gaps, axis=0) < 1.0) & used
    cost = np.where(fits, np.mean(gaps, axis=0), 1.0) + np.where(used, probability_weight * change, 0.0)
    order = _best_orders(cost - _ORDER * np.eye(probability.shape[1]))
    return order, np.take_along_axis(fits, order[:, :, None], axis=2)[..., 0]


def _best_orders(cost: FloatArray) -> NDArray[np.int64]:
    """(N, K) the column of each row with the least sum of `cost` (N, K, K), exactly (Held and Karp 1962)."""
    count, size = cost.shape[:2]
    least, last = np.zeros((1 << size, count)), np.zeros((1 << size, count), dtype=np.int64)
    for columns in range(1, 1 << size):  # sets of columns that the first rows have taken
        members = np.array([column for column in range(size) if columns >> column & 1])
        sums = least[columns ^ (1 << members)] + cost[:, len(members) - 1, members].T
        last[columns] = members[sums.argmin(axis=0)]
        least[columns] = sums.min(axis=0)
    order = np.zeros((count, size), dtype=np.int64)
    taken = np.full(count, (1 << size) - 1)
    for row in range(size - 1, -1, -1):
        order[:, row] = last[taken, np.arange(count)]
        taken ^= 1 << order[:, row]
    return order


def _smoothed(
    probability: FloatArray,
    old_probability: FloatArray,
    matched: NDArray[np.bool_],
    gap_s: float,
    config: ConsistencyConfig,
) -> FloatArray:
    """(N, K) probabilities that approach the new ones. What modes had that are gone goes to those that are new."""
    weight = np.exp(-gap_s / config.probability_time_s) if config.probability_time_s > 0.0 else 0.0
    old = np.where(matched, old_probability, 0.0)
    new = np.where(matched, 0.0, probability)
    heirs = np.where(new.sum(axis=1, keepdims=True) > 0.0, new, probability)
    lost = 1.0 - old.sum(axis=1, keepdims=True)
    old += lost * heirs / np.maximum(heirs.sum(axis=1, keepdims=True), 1e-12)
    return np.asarray(weight * old + (1.0 - weight) * probability)


def _held(
    probability: FloatArray, old_probability: FloatArray, matched: NDArray[np.bool_], margin: float
) -> FloatArray:
    """(N, K) with the likeliest mode of before still the likeliest, where no other is so by more than `margin`."""
    row = np.arange(len(probability))
    held, best = old_probability.argmax(axis=1), probability.argmax(axis=1)
    low, high = probability[row, held], probability[row, best]
    keep = matched[row, held] & (held != best) & (high <= (1.0 + margin) * low)
    row, held, best = row[keep], held[keep], best[keep]
    result, middle = probability.copy(), 0.5 * (low + high)[keep]
    result[row, held], result[row, best] = middle + _TIE, middle - _TIE
    return result


def _blended(
    position: FloatArray,
    before: PredictedTrajectories,
    old_rows: NDArray[np.int64],
    matched: NDArray[np.bool_],
    gap_s: float,
    config: ConsistencyConfig,
) -> FloatArray:
    """Positions (N, K, T, 2) of matched modes, drawn to where they were before at the same times."""
    count = position.shape[2]
    known = max(count - int(np.ceil(gap_s / before.time_step_s - 1e-6)), 1)
    steps = np.minimum(np.arange(count), known - 1)  # farther ahead, the last known shift
    old = _at_the_same_time(before.position[old_rows], steps, gap_s / before.time_step_s)
    shift = (old - position[:, :, steps]) * np.exp(-gap_s / config.blending_time_s)
    limit = config.max_shift_mps * (np.arange(count) + 1) * before.time_step_s
    length = np.hypot(shift[..., 0], shift[..., 1])
    scale = np.where(matched[..., None], np.minimum(1.0, limit / np.maximum(length, 1e-9)), 0.0)
    return np.asarray(position + scale[..., None] * shift)


def _at_the_same_time(position: FloatArray, steps: NDArray[np.int64], delay: float) -> FloatArray:
    """Old positions (N, K, T, 2) at the instants of the new `steps` (H,), which lie `delay` steps later."""
    place = np.minimum(steps + delay, position.shape[2] - 1)
    first = np.minimum(place.astype(int), position.shape[2] - 2)
    share = (place - first)[:, None]
    return np.asarray((1.0 - share) * position[:, :, first] + share * position[:, :, first + 1])
