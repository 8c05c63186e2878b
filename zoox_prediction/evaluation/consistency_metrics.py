"""How steadily a predictor answers: what its likeliest mode says about one instant, a frame earlier and a frame later.

Both are of the same agents at the same absolute time, so what is measured is the predictor's change of mind, not the
agents' motion. A predictor that never learns anything new would score 0; read beside the errors against the truth.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from zoox_prediction.evaluation import metrics
from zoox_prediction.evaluation.metrics import BoolArray, FloatArray
from zoox_prediction.scene import PredictedTrajectories


@dataclass(frozen=True)
class ComparisonConfig:
    """Which instants are compared."""

    interval_s: float = 0.1  # between two frames
    tolerance_s: float = 0.05  # by which the recording's frames may be off; others are not compared
    horizon_s: float = 5.0  # ahead of the earlier frame
    flip_distance_m: float = 1.0  # a likeliest mode that moved less has not become another one

    def __post_init__(self) -> None:
        if not (self.interval_s > 0.0 and 0.0 <= self.tolerance_s < self.interval_s < self.horizon_s):
            raise ValueError("0 <= tolerance_s < interval_s < horizon_s must hold")
        if not self.flip_distance_m >= 0.0:
            raise ValueError(f"flip_distance_m must be >= 0, got {self.flip_distance_m}")


def top_mode_change(
    before: PredictedTrajectories, now: PredictedTrajectories, config: ComparisonConfig
) -> tuple[np.ndarray, FloatArray, BoolArray]:
    """Rows of `now` (n,) whose agents `before` has too, how far their likeliest mode moved [m], whether it flipped.

    The distance is between the positions of the two likeliest modes at one instant, `horizon_s` after `before`. It is a
    flip when, there, the new one is nearer to another earlier mode in use than to the earlier likeliest one, and
    has moved by more than `flip_distance_m`. Raises ValueError when a prediction does not reach that instant.
    """
    _, rows, old_rows = np.intersect1d(now.ids, before.ids, return_indices=True)
    gap_s = (now.stamp_ns - before.stamp_ns) * 1e-9
    old = _position_at(before, config.horizon_s)[old_rows]
    probability = before.probability[old_rows]
    row = np.arange(len(rows))
    new_top = _position_at(now, config.horizon_s - gap_s)[rows][row, now.probability[rows].argmax(axis=1)]
    away = np.where(probability > 0.0, np.linalg.norm(old - new_top[:, None], axis=2), np.inf)
    old_top = probability.argmax(axis=1)
    moved = away[row, old_top]
    flipped = (away.min(axis=1, initial=np.inf) < moved) & (moved > config.flip_distance_m)
    return rows, moved, flipped


def _position_at(predictions: PredictedTrajectories, time_s: float) -> FloatArray:
    """(N, K, 2) positions [m] at `time_s` after the stamp, linear between the steps."""
    place = time_s / predictions.time_step_s - 1.0
    if not -1e-6 <= place <= predictions.num_steps - 1 + 1e-6:
        raise ValueError(f"predictions of {predictions.horizon_s:g} s say nothing about {time_s:g} s ahead")
    first = int(np.clip(np.floor(place), 0, max(predictions.num_steps - 2, 0)))
    second = min(first + 1, predictions.num_steps - 1)
    share = place - first
    position = predictions.position
    return np.asarray((1.0 - share) * position[:, :, first] + share * position[:, :, second])


@dataclass
class ConsistencySums:
    """What one predictor did on any number of recordings: one entry per agent and pair of frames, or per truth."""

    config: ComparisonConfig = field(default_factory=ComparisonConfig)
    moved: list[FloatArray] = field(default_factory=list)  # [m]
    flipped: list[BoolArray] = field(default_factory=list)
    in_motion: list[BoolArray] = field(default_factory=list)  # of the same agents
    errors: list[FloatArray] = field(default_factory=list)  # (n, 3) FDE of the likeliest, minFDE, Brier-minFDE [m]
    error_in_motion: list[BoolArray] = field(default_factory=list)

    def add_pair(self, before: PredictedTrajectories, now: PredictedTrajectories, moving: BoolArray) -> None:
        """Counts two frames if they are an interval apart; `moving` (N,) tells which agents of `now` move."""
        gap_s = (now.stamp_ns - before.stamp_ns) * 1e-9
        if abs(gap_s - self.config.interval_s) > self.config.tolerance_s:
            return
        rows, moved, flipped = top_mode_change(before, now, self.config)
        self.moved.append(moved)
        self.flipped.append(flipped)
        self.in_motion.append(moving[rows])

    def add_truth(
        self, predictions: PredictedTrajectories, truth: FloatArray, valid: BoolArray, moving: BoolArray
    ) -> None:
        """Counts how far modes are from the truth (N, 2) at the horizon, where valid (N,)."""
        position = _position_at(predictions, self.config.horizon_s)[valid]
        probability = predictions.probability[valid]
        error = np.linalg.norm(position - truth[valid, None], axis=2)
        top = error[np.arange(len(error)), probability.argmax(axis=1)]
        best, brier = metrics.min_over_modes(error, probability), metrics.brier_min_fde(error, probability)
        self.errors.append(np.stack([top, best, brier], axis=1))
        self.error_in_motion.append(moving[valid])

    def rows(self) -> list[dict[str, object]]:
        """A row for all agents and one for those in motion; None where nothing was counted."""
        moved, flipped, of_pair = _joined(self.moved), _joined(self.flipped), _joined(self.in_motion).astype(bool)
        errors = np.concatenate([np.zeros((0, 3)), *self.errors])
        of_error = _joined(self.error_in_motion).astype(bool)
        rows: list[dict[str, object]] = []
        for agents, pairs, truths in (("all", of_pair | True, of_error | True), ("moving", of_pair, of_error)):
            row: dict[str, object] = {"agents": agents, "pairs": int(pairs.sum()), "horizon_s": self.config.horizon_s}
            median, p90 = np.percentile(moved[pairs], [50, 90]) if pairs.any() else (None, None)
            row |= {"moved_median_m": median, "moved_p90_m": p90}
            row["flip_rate"] = float(flipped[pairs].mean()) if pairs.any() else None
            mean = errors[truths].mean(axis=0).tolist() if truths.any() else [None] * 3
            row |= dict(zip(("fde_1_m", "min_fde_m", "brier_min_fde_m"), mean, strict=True))
            rows.append(row)
        return rows


def _joined(parts: list) -> FloatArray:
    return np.concatenate([np.zeros(0), *parts])
