"""Sums of scores per group of agents, number of modes and horizon: the rows of the table, and what is measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.evaluation import calibration_metrics
from zoox_prediction.evaluation.metrics import BoolArray, FloatArray
from zoox_prediction.evaluation.subsets import SUBSETS
from zoox_prediction.scene import NUM_CLASSES, VEHICLE_CLASSES, AgentClass

# The columns of the table that are means over agents.
MEAN_METRICS = (
    "min_ade_m",
    "min_fde_m",
    "miss_rate",
    "brier_min_fde_m",
    "off_road_rate",
    "overlap_rate",
    "coverage_50",
    "coverage_90",
)
METRICS = (*MEAN_METRICS, "ece")
NUM_GROUPS = NUM_CLASSES + len(SUBSETS)  # an agent is in that of its class, and in those of its subsets


@dataclass(frozen=True)
class MetricsConfig:
    """What is measured. The defaults are those of the Waymo Open Motion Dataset, and 1 s."""

    horizons_s: tuple[float, ...] = (1.0, 3.0, 5.0, 8.0)
    num_modes: tuple[int, ...] = (1, 6)
    # How often off-road and overlap are looked at [s]; the Waymo Open Motion Dataset compares at 2 Hz.
    compliance_step_s: float = 0.5
    overlap: bool = True  # False for recordings whose agents have no size of their own
    num_coverage_samples: int = 500
    coverage_seed: int = 0
    num_probability_bins: int = 10

    def __post_init__(self) -> None:
        if not self.horizons_s or min(self.horizons_s) <= 0.0:
            raise ValueError("horizons_s must hold at least one horizon, each > 0")
        if not self.num_modes or min(self.num_modes) < 1:
            raise ValueError("num_modes must hold at least one number of modes, each >= 1")
        if self.compliance_step_s <= 0.0:
            raise ValueError("compliance_step_s must be > 0")
        if self.compliance_step_s > min(self.horizons_s):
            raise ValueError("compliance_step_s must be at most the shortest of horizons_s")
        if self.num_coverage_samples < 10 or self.num_probability_bins < 1:
            raise ValueError("num_coverage_samples must be >= 10 and num_probability_bins >= 1")


@dataclass(frozen=True)
class RowKey:
    """Whom rows are about: a class, `vehicle` or `all`; or of all classes those in one of SUBSETS."""

    agent_class: str
    subset: str | None
    groups: tuple[int, ...]  # which are summed


def row_keys() -> list[RowKey]:
    """`all`, `vehicle` (car, truck, bus, motorcyclist together), each class by its name, and each subset."""
    classes = {"all": tuple(AgentClass), "vehicle": VEHICLE_CLASSES}
    classes |= {each.name.lower(): (each,) for each in AgentClass}
    keys = [RowKey(name, None, tuple(map(int, members))) for name, members in classes.items()]
    return keys + [RowKey("all", name, (NUM_CLASSES + index,)) for index, name in enumerate(SUBSETS)]


def groups_of(agent_class: NDArray[np.int64], subsets: BoolArray | None) -> BoolArray:
    """(N, NUM_GROUPS) which groups agents are in, by class (N,) and subsets (N, S); without these in none of them."""
    groups = np.zeros((len(agent_class), NUM_GROUPS), dtype=bool)
    groups[np.arange(len(agent_class)), agent_class] = True
    if subsets is not None:
        groups[:, NUM_CLASSES:] = subsets
    return groups


class ScoreSums:
    """Sums of scores by number of modes, group and horizon; a recording's sums are added to those of its dataset."""

    def __init__(self, config: MetricsConfig) -> None:
        shape = (len(config.num_modes), NUM_GROUPS, len(config.horizons_s))
        self.config = config
        self.count = np.zeros(shape, dtype=np.int64)  # agents with a truth at the horizon
        self.metric_sum = np.zeros((len(MEAN_METRICS), *shape))
        self.metric_count = np.zeros((len(MEAN_METRICS), *shape), dtype=np.int64)  # of agents for whom it is defined
        self.reliability = np.zeros((*shape, config.num_probability_bins, 3))

    def add(self, modes: int, horizon: int, groups: BoolArray, scores: Mapping[str, FloatArray]) -> None:
        """Counts scores (N,) of agents in groups (N, NUM_GROUPS), NaN where one is not defined.

        `modes` and `horizon` are config's indices.
        """
        agent, group = np.nonzero(groups)
        self.count[modes, :, horizon] += np.bincount(group, minlength=NUM_GROUPS)
        for name, score in scores.items():
            metric, value = MEAN_METRICS.index(name), score[agent]
            defined = ~np.isnan(value)
            total = np.bincount(group[defined], weights=value[defined], minlength=NUM_GROUPS)
            self.metric_sum[metric, modes, :, horizon] += total
            self.metric_count[metric, modes, :, horizon] += np.bincount(group[defined], minlength=NUM_GROUPS)

    def add_reliability(
        self, modes: int, horizon: int, groups: BoolArray, probability: FloatArray, happened: BoolArray
    ) -> None:
        """Counts P modes: groups of their agent (P, NUM_GROUPS), probability, and whether they came true, each (P,)."""
        for group in np.flatnonzero(groups.any(axis=0)):
            rows = groups[:, group]
            bins = calibration_metrics.reliability(probability[rows], happened[rows], self.config.num_probability_bins)
            self.reliability[modes, group, horizon] += bins

    def merge(self, other: ScoreSums) -> None:
        """Adds the sums of `other`, which has the same config."""
        self.count += other.count
        self.reliability += other.reliability
        self.metric_sum += other.metric_sum
        self.metric_count += other.metric_count

    def scores(self) -> FloatArray:
        """(METRICS, modes, row keys, horizons) scores, NaN where one is not defined."""
        return scores_of(self.metric_sum, self.metric_count, self.reliability)

    def counts(self) -> NDArray[np.int64]:
        """(modes, row keys, horizons) agents with a truth."""
        counts: NDArray[np.int64] = _by_key(self.count, group_axis=1)
        return counts

    def cells(self) -> Iterator[tuple[dict[str, object], tuple[int, int, int]]]:
        """What each row is about, and where it is in `scores`; per RowKey, modes and horizon with an agent."""
        counts = self.counts()
        for index, key in enumerate(row_keys()):
            for modes, num_modes in enumerate(self.config.num_modes):
                for horizon, horizon_s in enumerate(self.config.horizons_s):
                    count = int(counts[modes, index, horizon])
                    if count:
                        about = {"agent_class": key.agent_class, "subset": key.subset, "k": num_modes}
                        yield {**about, "horizon_s": horizon_s, "n": count}, (modes, index, horizon)

    def rows(self) -> Iterator[dict[str, object]]:
        """Flat rows per class or subset, number of modes and horizon; None where a score is undefined."""
        scores = self.scores()
        for about, cell in self.cells():
            yield {**about, **named_scores(scores, cell)}


def named_scores(scores: FloatArray, cell: tuple[int, int, int]) -> dict[str, float | None]:
    """The scores (METRICS, modes, row keys, horizons) of one cell by their names; None where undefined."""
    values = scores[:, cell[0], cell[1], cell[2]]
    return {name: float(each) if np.isfinite(each) else None for name, each in zip(METRICS, values, strict=True)}


def scores_of(metric_sum: FloatArray, metric_count: NDArray, reliability: FloatArray) -> FloatArray:
    """(..., METRICS, modes, row keys, horizons) scores of sums as ScoreSums has them, with any leading axes."""
    total, count = _by_key(metric_sum, group_axis=-2), _by_key(metric_count, group_axis=-2)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    error = calibration_metrics.expected_calibration_error(_by_key(reliability, group_axis=-4))
    return np.concatenate([mean, error[..., None, :, :, :]], axis=-4)


def _by_key(values: NDArray, group_axis: int) -> NDArray:
    """Sums over the groups of each of `row_keys`, in place of the axis of groups."""
    totals = [np.take(values, key.groups, axis=group_axis).sum(axis=group_axis) for key in row_keys()]
    return np.stack(totals, axis=group_axis)
