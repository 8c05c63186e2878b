"""Scores of one predictor's modes for every agent of one scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.evaluation import calibration_metrics, compliance, metrics
from zoox_prediction.evaluation.compliance import DrivableArea
from zoox_prediction.evaluation.metrics import BoolArray, FloatArray
from zoox_prediction.evaluation.score_sums import MetricsConfig, ScoreSums, groups_of
from zoox_prediction.scene import VEHICLE_CLASSES, AgentClass

# Two on foot are not in each other's way: people who walk together brush against each other, in truth one in 14 in 8 s.
_ON_FOOT = (AgentClass.PEDESTRIAN, AgentClass.ANIMAL)


@dataclass(frozen=True)
class Truth:
    """What the N agents of a scene did, and the M objects around them (all agents and the ego), over T steps."""

    time_step_s: float
    agent_class: NDArray[np.int64]  # (N,) AgentClass
    position_now: FloatArray  # (N, 2) [m] at prediction time
    speed_now: FloatArray  # (N,) [m/s]
    size: FloatArray  # (N, 2) length, width [m]
    position: FloatArray  # (N, T, 2) [m]; step t is (t + 1) time steps ahead
    yaw: FloatArray  # (N, T) [rad]
    valid: BoolArray  # (N, T)
    other_position: FloatArray  # (M, T, 2) [m]
    other_yaw: FloatArray  # (M, T)
    other_size: FloatArray  # (M, 2)
    other_valid: BoolArray  # (M, T)
    own_row: NDArray[np.int64]  # (N,) the agent's own row among the M
    other_class: NDArray[np.int64]  # (M,) AgentClass
    subsets: BoolArray | None = None  # (N, S) who is in which of SUBSETS; None: nobody is in any


@dataclass(frozen=True)
class Modes:
    """K modes of N agents over the T steps of the truth."""

    probability: FloatArray  # (N, K)
    position: FloatArray  # (N, K, T, 2) [m]
    yaw: FloatArray  # (N, K, T)
    covariance: FloatArray  # (N, K, T, 2, 2) [m^2]

    def take(self, rows: NDArray, columns: NDArray) -> Modes:
        """The modes `columns` of the agents `rows`, index arrays that broadcast to (n, k)."""
        arrays = (self.probability, self.position, self.yaw, self.covariance)
        return Modes(*(array[rows, columns] for array in arrays))

    def most_likely_first(self) -> Modes:
        order = metrics.most_likely_modes(self.probability, self.probability.shape[1])
        return self.take(np.arange(len(order))[:, None], order)


def score_scene(modes: Modes, truth: Truth, area: DrivableArea, sums: ScoreSums) -> None:
    """Adds the scores of all modes of one predictor in one scene to `sums`.

    A row for K judges the predictor as if it had answered with its K most likely modes only, normalised. An agent
    counts at a horizon when its truth is valid there; its ADE is over its valid steps up to there, as in the Waymo
    Open Motion Dataset.
    """
    config = sums.config
    modes = modes.most_likely_first()
    error = metrics.displacement_error(modes.position, truth.position)
    looks = np.arange(_stride(config, truth), truth.valid.shape[1] + 1, _stride(config, truth)) - 1
    off_road = _off_road(modes, truth, area, looks)
    overlapped = _overlapped(modes, truth, looks)
    groups = groups_of(truth.agent_class, truth.subsets)
    for horizon, horizon_s in enumerate(config.horizons_s):
        step = round(horizon_s / truth.time_step_s) - 1
        rows = np.flatnonzero(truth.valid[:, step])
        last_look = int(np.searchsorted(looks, step, side="right")) - 1
        for index, count in enumerate(config.num_modes):
            chosen = modes.take(rows[:, None], np.arange(min(count, modes.probability.shape[1]))[None])
            scores = _errors(chosen, error[rows], truth, rows, step, horizon_s)
            scores |= _coverage(chosen, truth.position[rows, step], step, config)
            scores["off_road_rate"] = compliance.weighted_share(off_road[rows, :count, last_look], chosen.probability)
            if config.overlap:
                scores["overlap_rate"] = overlapped[rows, last_look].astype(np.float64)
            sums.add(index, horizon, groups[rows], scores)
            probability, happened, owner = _mode_outcomes(modes.probability[rows], error[rows, :, step], count)
            sums.add_reliability(index, horizon, groups[rows][owner], probability, happened)


def _stride(config: MetricsConfig, truth: Truth) -> int:
    return max(1, round(config.compliance_step_s / truth.time_step_s))


def _errors(
    chosen: Modes, error: FloatArray, truth: Truth, rows: NDArray, step: int, horizon_s: float
) -> dict[str, FloatArray]:
    """minADE, minFDE, miss rate and Brier-minFDE of the agents `rows`, of their chosen modes (n, k)."""
    probability = chosen.probability
    error = error[:, : probability.shape[1], : step + 1]
    final_error: FloatArray = error[:, :, -1]
    average = metrics.average_displacement(error, truth.valid[rows, : step + 1])
    missed = metrics.is_missed(
        chosen.position[:, :, step],
        truth.position[rows, step],
        truth.yaw[rows, step],
        truth.speed_now[rows],
        horizon_s,
    )
    return {
        "min_ade_m": metrics.min_over_modes(average, probability),
        "min_fde_m": metrics.min_over_modes(final_error, probability),
        "miss_rate": np.asarray((missed | (probability <= 0.0)).all(axis=1), dtype=np.float64),
        "brier_min_fde_m": metrics.brier_min_fde(final_error, probability),
    }


def _coverage(chosen: Modes, point: FloatArray, step: int, config: MetricsConfig) -> dict[str, FloatArray]:
    """Whether the true points (n, 2) lie in the highest-density regions of 50% and 90%."""
    rank = calibration_metrics.density_rank(
        point,
        chosen.position[:, :, step],
        chosen.covariance[:, :, step],
        chosen.probability,
        num_samples=config.num_coverage_samples,
        seed=config.coverage_seed,
    )
    return {"coverage_50": (rank <= 0.5).astype(np.float64), "coverage_90": (rank <= 0.9).astype(np.float64)}


def _mode_outcomes(probability: FloatArray, final_error: FloatArray, count: int) -> tuple[NDArray, NDArray, NDArray]:
    """Probability, whether it was the closest of all modes, and row of the agent, of the `count` most likely modes.

    For K = 1 this asks for the top-label calibration error of Guo et al. An agent with one mode in use has no mode
    probability that could be wrong, and is left out.
    """
    closest = np.zeros(probability.shape, dtype=bool)
    closest[np.arange(len(probability)), metrics.best_mode(final_error, probability)] = True
    share = probability / probability.sum(axis=1, keepdims=True)
    counted = (probability > 0.0) & ((probability > 0.0).sum(axis=1) > 1)[:, None]
    counted[:, count:] = False
    return share[counted], closest[counted], np.nonzero(counted)[0]


def _off_road(modes: Modes, truth: Truth, area: DrivableArea, looks: NDArray) -> FloatArray:
    """(N, K, looks) 1 where a mode of a vehicle that began on the drivable area has left it by then; NaN for others."""
    asked = np.isin(truth.agent_class, VEHICLE_CLASSES) & area.is_on(truth.position_now)
    off_road = np.full((*modes.probability.shape, len(looks)), np.nan)
    off_road[asked] = compliance.leaves_area(modes.position[asked][:, :, looks], area)
    return off_road


def _overlapped(modes: Modes, truth: Truth, looks: NDArray) -> BoolArray:
    """(N, looks) whether the most likely mode has overlapped somebody's true box by then."""
    in_the_way = np.arange(len(truth.other_size)) != truth.own_row[:, None]
    in_the_way &= ~(np.isin(truth.agent_class, _ON_FOOT)[:, None] & np.isin(truth.other_class, _ON_FOOT))
    return compliance.overlaps_another(
        modes.position[:, 0, looks],
        modes.yaw[:, 0, looks],
        truth.size,
        truth.other_position[:, looks],
        truth.other_yaw[:, looks],
        truth.other_size,
        truth.other_valid[:, looks],
        in_the_way,
    )
