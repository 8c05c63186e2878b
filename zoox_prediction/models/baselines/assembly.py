"""From candidate futures to K columns: probabilities, merging of near-duplicates, covariances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.calibration import Calibration, relative_jitter
from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.modes import NUM_MODES, NUM_STEPS, STEP_TIMES_S, TIME_STEP_S, ModeKind, Modes
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.scene import PredictedTrajectories, Scene, Source

# Standard deviations (T,) [m] that are smaller claim more than any map or tracker can, and nothing is known for ever.
MIN_SPREAD_M: NDArray[np.float64] = 0.01 * (1.0 + 0.1 * STEP_TIMES_S)
_COMPARED_STEPS = np.array([29, NUM_STEPS - 1])  # two futures are one when they agree at 3 s and at the end


@dataclass(frozen=True)
class MergingConfig:
    """When two candidate futures count as one."""

    merge_distance_m: tuple[float, ...] = (1.5, 1.0, 0.7, 0.7)  # at the end of the horizon, in the order of Group
    min_probability: float = 0.0005  # a less likely mode is left out

    def __post_init__(self) -> None:
        if len(self.merge_distance_m) != len(Group) or not all(value >= 0 for value in self.merge_distance_m):
            raise ValueError(f"merge_distance_m must be {len(Group)} numbers >= 0, got {self.merge_distance_m}")
        if not 0.0 <= self.min_probability < 1.0 / NUM_MODES:
            raise ValueError(f"min_probability must be in [0, 1/{NUM_MODES}), got {self.min_probability}")


def tabulate(modes: Modes, num_agents: int, weight: NDArray[np.float64]) -> NDArray[np.int64]:
    """(N, M) rows of `modes` of every agent by falling `weight` (R,), -1 where an agent has fewer."""
    order = np.lexsort((-weight, modes.agent))
    agent = modes.agent[order]
    count = np.bincount(agent, minlength=num_agents)
    rank = np.arange(len(order)) - (np.cumsum(count) - count)[agent]
    table = np.full((num_agents, max(int(count.max(initial=0)), 1)), -1, dtype=np.int64)
    table[agent, rank] = order
    return table


def merge(
    modes: Modes, table: NDArray[np.int64], probability: NDArray[np.float64], distance_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """`probability` (N, M) with that of near-duplicates given to the likelier one; `distance_m` (N,).

    The two ways of standing, which differ in their spread alone, stay apart.
    """
    stirs = modes.kind[np.maximum(table, 0)] == ModeKind.STIR
    points = modes.position[:, _COMPARED_STEPS][np.maximum(table, 0)]  # (N, M, 2, 2)
    probability = probability.copy()
    for column in range(table.shape[1] - 1):  # greedy by nature: who was absorbed absorbs no one
        others = points[:, column + 1 :] - points[:, column, None]
        near = (np.hypot(others[..., 0], others[..., 1]) <= distance_m[:, None, None]).all(axis=2)
        near &= (probability[:, column, None] > 0.0) & ~(stirs[:, column, None] | stirs[:, column + 1 :])
        absorbed = np.where(near, probability[:, column + 1 :], 0.0)
        probability[:, column] += absorbed.sum(axis=1)
        probability[:, column + 1 :] -= absorbed
    return probability


def assemble(
    scene: Scene,
    motion: Motion,
    state: NDArray[np.int64],
    modes: Modes,
    calibration: Calibration,
    config: MergingConfig,
    name: str,
    version: str,
) -> PredictedTrajectories:
    """K columns per agent of `modes`, in which every one of the N agents has at least one; `state` (N,) MotionState."""
    count = len(motion)
    weight = calibration.weight[motion.group[modes.agent], state[modes.agent], modes.kind] * modes.share
    table = tabulate(modes, count, weight)
    present = table >= 0
    probability = np.where(present, weight[table] if len(modes) else 0.0, 0.0)
    probability /= np.maximum(probability.sum(axis=1, keepdims=True), 1e-300)
    probability = merge(modes, table, probability, np.asarray(config.merge_distance_m)[motion.group])
    rows, probability = _top(table, probability, config.min_probability)
    used, column = np.unique(rows, return_inverse=True)  # spare columns repeat a mode
    covariance = _covariance(motion, state, modes.select(used), calibration)
    rows = rows.reshape(-1)
    shape = (count, NUM_MODES, NUM_STEPS)
    return PredictedTrajectories(
        stamp_ns=scene.stamp_ns,
        time_step_s=TIME_STEP_S,
        ids=scene.agents.ids,
        agent_class=motion.agent_class,
        probability=probability,
        position=modes.position[rows].reshape(*shape, 2),
        yaw=modes.yaw[rows].reshape(shape),
        speed=modes.speed[rows].reshape(shape),
        covariance=covariance[column.reshape(-1)].reshape(*shape, 2, 2),
        source=np.full(count, int(Source.HEURISTIC), dtype=np.uint8),
        predictor_name=name,
        predictor_version=version,
    )


def _top(
    table: NDArray[np.int64], probability: NDArray[np.float64], min_probability: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The K likeliest rows (N, K) and their probabilities, summing to 1; spare columns repeat the best with 0."""
    missing = max(NUM_MODES - table.shape[1], 0)
    table = np.pad(table, ((0, 0), (0, missing)), constant_values=-1)
    probability = np.pad(probability, ((0, 0), (0, missing)))
    order = np.argsort(-probability, axis=1, kind="stable")[:, :NUM_MODES]
    rows, chosen = np.take_along_axis(table, order, axis=1), np.take_along_axis(probability, order, axis=1)
    chosen = np.where((chosen >= min_probability) & (rows >= 0), chosen, 0.0)
    chosen[:, 0] = np.where(chosen[:, 0] > 0.0, chosen[:, 0], 1.0)
    chosen /= chosen.sum(axis=1, keepdims=True)
    chosen[:, 0] += 1.0 - chosen.sum(axis=1)
    return np.where(chosen > 0.0, rows, rows[:, :1]), chosen


def _covariance(
    motion: Motion, state: NDArray[np.int64], modes: Modes, calibration: Calibration
) -> NDArray[np.float64]:
    """(R, T, 2, 2) of the modes: the fitted spreads, scaled by how restless the agent's own past is."""
    along, lateral, unrest = calibration.spread
    at = (motion.group[modes.agent], state[modes.agent], modes.kind)
    scale = relative_jitter(motion)[modes.agent, None] ** unrest[at]
    return oriented_covariance(
        modes.yaw, np.maximum(along[at] * scale, MIN_SPREAD_M), np.maximum(lateral[at] * scale, MIN_SPREAD_M)
    )


def oriented_covariance(
    heading: NDArray[np.float64], along_m: NDArray[np.float64], lateral_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Covariances (..., 2, 2) with standard deviations `along_m` along `heading` (...) and `lateral_m` across it."""
    first, second = along_m**2, lateral_m**2
    middle, half = 0.5 * (first + second), 0.5 * (first - second)
    double = 2.0 * heading
    turned, crossed = half * np.cos(double), half * np.sin(double)
    covariance: NDArray[np.float64] = np.stack([middle + turned, crossed, crossed, middle - turned], axis=-1)
    return covariance.reshape(*heading.shape, 2, 2)
