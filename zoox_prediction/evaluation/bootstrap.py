"""How sure scores are: bootstrap over recordings, whose scenes are no independent samples, and paired comparisons.

Percentile intervals (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13): recordings are drawn
with replacement, as many as there are; every draw is scored as the whole set is. Two predictors are compared on the
same draws, so what makes a recording hard for both cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.evaluation.metrics import FloatArray
from zoox_prediction.evaluation.score_sums import METRICS, ScoreSums, named_scores, scores_of

# What predictors are compared in; less is better.
COMPARED = ("min_ade_m", "min_fde_m", "miss_rate")


@dataclass(frozen=True)
class BootstrapConfig:
    """How intervals are drawn."""

    num_draws: int = 1000
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_draws < 1 or not 0.0 < self.confidence < 1.0:
            raise ValueError("num_draws must be >= 1 and confidence between 0 and 1")


@dataclass(frozen=True)
class Scored:
    """Scores (METRICS, modes, row keys, horizons) of one predictor on R recordings, as they are and as drawn."""

    scores: FloatArray
    drawn: FloatArray | None  # (METRICS, modes, row keys, horizons, draws); None of one recording

    @classmethod
    def of(cls, recordings: Sequence[ScoreSums], config: BootstrapConfig, each_alike: bool = False) -> Scored:
        """Of all agents together; `each_alike` of the mean over the recordings, however many agents they have."""
        if each_alike:
            parts = np.stack([sums.scores() for sums in recordings])
            return cls(_mean(parts, np.ones((1, len(parts))))[0], _drawn(len(parts), config, lambda w: _mean(parts, w)))
        totals = [np.stack(each) for each in zip(*map(_arrays, recordings), strict=True)]

        def weighted(weights: NDArray) -> FloatArray:
            return scores_of(*(np.einsum("dr,r...->d...", weights, each) for each in totals))

        return cls(weighted(np.ones((1, len(recordings))))[0], _drawn(len(recordings), config, weighted))


def rows_of_dataset(
    predictors: Mapping[str, Sequence[ScoreSums]],
    heuristics: Collection[str],
    config: BootstrapConfig | None = None,
    each_alike: bool = False,
) -> Iterator[dict[str, object]]:
    """Rows as of ScoreSums.rows with the predictor's name, the number of recordings and intervals; by predictor.

    `predictors` holds the sums of every recording, the same ones in the same order for all. `interval` has for each
    metric the ends of its interval, None where they are not defined (one recording). Predictors that are none of the
    `heuristics` also have `against_best`: for each of COMPARED the best heuristic there, the `difference` from it and
    the `ratio` to it, both as value, low end and high end.
    """
    config = config or BootstrapConfig()
    scored = {name: Scored.of(sums, config, each_alike) for name, sums in predictors.items()}
    reference = {name: scored[name] for name in heuristics if name in scored}
    for name, sums in predictors.items():
        whole = ScoreSums(sums[0].config)
        for each in sums:
            whole.merge(each)
        mine = scored[name]
        for about, cell in whole.cells():
            more: dict[str, object] = {"recordings": len(sums), "interval": _intervals(mine, cell, config)}
            if reference and name not in reference:
                more["against_best"] = _against_best(mine, reference, cell, config)
            yield {"predictor": name, **about, **named_scores(mine.scores, cell), **more}


def _arrays(sums: ScoreSums) -> tuple[FloatArray, NDArray, FloatArray]:
    return sums.metric_sum, sums.metric_count, sums.reliability


def _drawn(
    num_recordings: int, config: BootstrapConfig, score: Callable[[FloatArray], FloatArray]
) -> FloatArray | None:
    """What `score` makes of the draws' weights (draws, R); None where there is nothing to draw from."""
    if num_recordings < 2:
        return None
    share = np.full(num_recordings, 1.0 / num_recordings)
    weights = np.random.default_rng(config.seed).multinomial(num_recordings, share, size=config.num_draws)
    return np.moveaxis(score(weights.astype(np.float64)), 0, -1)


def _mean(parts: FloatArray, weights: FloatArray) -> FloatArray:
    """(draws, ...) means of scores (R, ...) under weights (draws, R), over the recordings where they are defined."""
    defined = ~np.isnan(parts)
    total = np.einsum("dr,r...->d...", weights, np.where(defined, parts, 0.0))
    count = np.einsum("dr,r...->d...", weights, defined.astype(np.float64))
    return np.where(count > 0.0, total / np.maximum(count, 1.0), np.nan)


def _intervals(mine: Scored, cell: tuple[int, int, int], config: BootstrapConfig) -> dict[str, object]:
    if mine.drawn is None:
        return dict.fromkeys(METRICS)
    drawn = mine.drawn[:, cell[0], cell[1], cell[2]]
    return {metric: _ends(drawn[index], config) for index, metric in enumerate(METRICS)}


def _against_best(
    mine: Scored, reference: Mapping[str, Scored], cell: tuple[int, int, int], config: BootstrapConfig
) -> dict[str, object]:
    found: dict[str, object] = {}
    for metric in COMPARED:
        at = (METRICS.index(metric), *cell)
        known = {name: each.scores[at] for name, each in reference.items() if np.isfinite(each.scores[at])}
        if not known or not np.isfinite(mine.scores[at]):
            found[metric] = None
            continue
        best = min(known, key=lambda name: known[name])
        theirs = reference[best]
        difference: list[float | None] = [float(mine.scores[at] - theirs.scores[at])]
        ratio = [_number(_ratio(mine.scores[at], theirs.scores[at]))]
        if mine.drawn is not None and theirs.drawn is not None:
            ours, others = mine.drawn[at], theirs.drawn[at]
            difference += _ends(ours - others, config) or [None, None]
            ratio += _ends(_ratio(ours, others), config) or [None, None]
        found[metric] = {"best": best, "difference": difference, "ratio": ratio}
    return found


def _ratio(mine: FloatArray, theirs: FloatArray) -> FloatArray:
    """NaN where the other is 0."""
    return np.divide(mine, theirs, out=np.full(np.shape(mine), np.nan), where=np.asarray(theirs) > 0.0)


def _ends(drawn: FloatArray, config: BootstrapConfig) -> list[float | None] | None:
    """Low and high end of the interval, over the draws in which the value is defined; None when it never is."""
    defined = drawn[np.isfinite(drawn)]
    if not len(defined):
        return None
    tail = 0.5 * (1.0 - config.confidence)
    return [float(each) for each in np.quantile(defined, [tail, 1.0 - tail])]


def _number(value: float | FloatArray) -> float | None:
    return float(value) if np.isfinite(value) else None
