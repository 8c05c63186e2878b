"""Sums of scores per class, number of modes and horizon: the rows of the table, and what is measured in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.evaluation import calibration_metrics
from zoox_prediction.evaluation.metrics import BoolArray, FloatArray
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


class ScoreSums:
    """Sums of scores by number of modes, class and horizon; a recording's sums are added to those of its dataset."""

    def __init__(self, config: MetricsConfig) -> None:
        shape = (len(config.num_modes), NUM_CLASSES, len(config.horizons_s))
        self.config = config
        self.count = np.zeros(shape, dtype=np.int64)  # agents with a truth at the horizon
        self._sum = {name: np.zeros(shape) for name in MEAN_METRICS}
        self._count = {name: np.zeros(shape, dtype=np.int64) for name in MEAN_METRICS}
        self._reliability = np.zeros((*shape, config.num_probability_bins, 3))

    def add(self, modes: int, horizon: int, agent_class: NDArray, scores: Mapping[str, FloatArray]) -> None:
        """Counts scores (N,) of agents, NaN where one is not defined; `modes` and `horizon` are config's indices."""
        np.add.at(self.count[modes, :, horizon], agent_class, 1)
        for name, score in scores.items():
            defined = ~np.isnan(score)
            np.add.at(self._sum[name][modes, :, horizon], agent_class[defined], score[defined])
            np.add.at(self._count[name][modes, :, horizon], agent_class[defined], 1)

    def add_reliability(
        self, modes: int, horizon: int, agent_class: NDArray, probability: FloatArray, happened: BoolArray
    ) -> None:
        """Counts P modes: class of their agent, probability, and whether they came true, each (P,)."""
        for each in np.unique(agent_class):
            rows = agent_class == each
            bins = calibration_metrics.reliability(probability[rows], happened[rows], self.config.num_probability_bins)
            self._reliability[modes, each, horizon] += bins

    def merge(self, other: ScoreSums) -> None:
        """Adds the sums of `other`, which has the same config."""
        self.count += other.count
        self._reliability += other._reliability
        for name in MEAN_METRICS:
            self._sum[name] += other._sum[name]
            self._count[name] += other._count[name]

    def rows(self) -> Iterator[dict[str, object]]:
        """Flat rows per class, number of modes and horizon with at least one agent; None where a score is undefined.

        Classes are `all`, `vehicle` (car, truck, bus, motorcyclist together), and each class by its name.
        """
        groups = {"all": list(AgentClass), "vehicle": list(VEHICLE_CLASSES)}
        groups |= {each.name.lower(): [each] for each in AgentClass}
        for group, classes in groups.items():
            for modes, num_modes in enumerate(self.config.num_modes):
                for horizon, horizon_s in enumerate(self.config.horizons_s):
                    cell = (modes, classes, horizon)
                    if self.count[cell].sum() > 0:
                        key = {"agent_class": group, "k": num_modes, "horizon_s": horizon_s}
                        yield {**key, "n": int(self.count[cell].sum()), **self._scores(cell)}

    def _scores(self, cell: tuple[int, list[AgentClass], int]) -> dict[str, float | None]:
        means: dict[str, float | None] = {}
        for name in MEAN_METRICS:
            count = self._count[name][cell].sum()
            means[name] = float(self._sum[name][cell].sum() / count) if count else None
        error = float(calibration_metrics.expected_calibration_error(self._reliability[cell].sum(axis=0)))
        means["ece"] = None if np.isnan(error) else error
        return means
