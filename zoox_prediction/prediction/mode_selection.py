"""From a network's many proposals to the K modes of a prediction: near-duplicates become one and pool their mass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.classes import Group, group_of
from zoox_prediction.models.baselines.modes import NUM_MODES, TIME_STEP_S

# The Waymo Open Motion Dataset halves its miss thresholds for slow agents, linearly between these speeds [m/s].
_SLOW_MPS, _FAST_MPS, _SLOW_SHARE = 1.4, 11.0, 0.5


@dataclass(frozen=True)
class ModeSelectionConfig:
    """When two proposals count as one mode, and which of them stands for both."""

    compared_s: tuple[float, ...] = (3.0, 5.0, 8.0)  # two proposals are one when they agree at all these horizons
    # distance at each of these horizons, as shares of `merge_distance_m`
    compared_share: tuple[float, ...] = (0.35, 0.6, 1.0)
    # of vehicle, cyclist, pedestrian, other at 11 m/s and above; half of it at 1.4 m/s and below [m]
    merge_distance_m: tuple[float, ...] = (4.0, 3.0, 2.0, 3.0)
    by_mass: bool = True  # a mode is the proposal with the most mass around it; false: the likeliest one
    min_probability: float = 0.0005  # a less likely mode is left out

    def __post_init__(self) -> None:
        if len(self.merge_distance_m) != len(Group) or not all(value >= 0.0 for value in self.merge_distance_m):
            raise ValueError(f"merge_distance_m must be {len(Group)} numbers >= 0, got {self.merge_distance_m}")
        if not self.compared_s or len(self.compared_share) != len(self.compared_s):
            raise ValueError("compared_s and compared_share must be equally long, and not empty")
        if not (min(self.compared_s) > 0.0 and min(self.compared_share) > 0.0):
            raise ValueError("compared_s and compared_share must be > 0")
        if not 0.0 <= self.min_probability < 1.0 / NUM_MODES:
            raise ValueError(f"min_probability must be in [0, 1/{NUM_MODES}), got {self.min_probability}")


@dataclass(frozen=True)
class SelectedModes:
    """K = 6 modes of each of N agents by falling probability; an unused one has 0 and repeats the first."""

    proposal: NDArray[np.int64]  # (N, K) row of the R * C proposals, as in `position.reshape(R * C, T, 2)[proposal]`
    probability: NDArray[np.float64]  # (N, K), rows sum to 1


def select_modes(
    logits: NDArray,
    position: NDArray,
    path_agent: NDArray[np.int64],
    agent_class: NDArray[np.int64],
    speed: NDArray,
    config: ModeSelectionConfig | None = None,
    temperature: NDArray | float = 1.0,
) -> SelectedModes:
    """The modes that R paths driven in C ways give N agents, of any number of scenes.

    logits (R, C), position (R, C, T, 2) [m] in any frame of the agent, path_agent (R,) rising, agent_class (N,),
    speed (N,) [m/s] now, temperature (N,) or one number. Raises ValueError for an agent without a path. Logits that
    are not finite make the probabilities of their agent NaN.
    """
    config = config or ModeSelectionConfig()
    count, styles = len(agent_class), logits.shape[1]
    table = _table(path_agent, count, styles)  # (N, M)
    present = table >= 0
    flat = np.where(present, logits.reshape(-1)[table] if logits.size else 0.0, -np.inf)
    mass = _softmax(flat, np.broadcast_to(np.asarray(temperature, dtype=np.float64), (count,)))
    order = np.argsort(-mass, axis=1, kind="stable")
    table, mass = np.take_along_axis(table, order, axis=1), np.take_along_axis(mass, order, axis=1)
    distance = merge_distance_m(agent_class, speed, config)
    near = _near(position, table, distance[:, None] * np.asarray(config.compared_share), config)
    chosen, probability = _keep(near, mass, config.by_mass)
    return _finish(np.take_along_axis(table, chosen, axis=1), probability, config.min_probability)


def merge_distance_m(agent_class: NDArray[np.int64], speed: NDArray, config: ModeSelectionConfig) -> NDArray:
    """(N,) distance at the longest horizon [m] within which proposals of an agent are one mode."""
    share = np.clip((np.asarray(speed) - _SLOW_MPS) / (_FAST_MPS - _SLOW_MPS), 0.0, 1.0)
    scaled = np.asarray(config.merge_distance_m)[group_of(agent_class)] * (_SLOW_SHARE + (1.0 - _SLOW_SHARE) * share)
    return np.asarray(scaled)


def _table(path_agent: NDArray[np.int64], count: int, styles: int) -> NDArray[np.int64]:
    """(N, M) proposals of every agent, -1 where an agent has fewer."""
    paths = np.bincount(path_agent, minlength=count)
    if count and paths.min() == 0:
        raise ValueError(f"agent {int(np.argmin(paths))} of the batch has no path")
    rank = np.arange(len(path_agent)) - (np.cumsum(paths) - paths)[path_agent]
    table = np.full((count, max(int(paths.max(initial=0)), 1), styles), -1, dtype=np.int64)
    table[path_agent, rank] = np.arange(len(path_agent) * styles).reshape(-1, styles)
    return table.reshape(count, table.shape[1] * styles)


def _softmax(logits: NDArray, temperature: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled = logits / temperature[:, None]
    mass: NDArray[np.float64] = np.exp(scaled - scaled.max(axis=1, keepdims=True, initial=-1e30))
    return mass / mass.sum(axis=1, keepdims=True)


def _near(
    position: NDArray, table: NDArray[np.int64], distance: NDArray[np.float64], config: ModeSelectionConfig
) -> NDArray[np.bool_]:
    """(N, M, M) whether two proposals of an agent are one mode; `distance` (N, H) [m] at the compared horizons."""
    steps = np.clip(np.round(np.asarray(config.compared_s) / TIME_STEP_S).astype(int) - 1, 0, position.shape[2] - 1)
    points = position.reshape(-1, *position.shape[2:])[:, steps].astype(np.float32)
    near = np.ones((*table.shape, table.shape[1]), dtype=bool)
    if not len(points):
        return near
    rows = np.maximum(table, 0)
    for step, limit in enumerate(distance.astype(np.float32).T):
        x, y = points[:, step, 0][rows], points[:, step, 1][rows]
        away_x, away_y = x[:, :, None] - x[:, None], y[:, :, None] - y[:, None]
        near &= away_x * away_x + away_y * away_y <= (limit * limit)[:, None, None]
    return near


def _keep(
    near: NDArray[np.bool_], mass: NDArray[np.float64], by_mass: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Columns (N, K) of the keepers among M proposals by falling `mass` (N, M), and what each of them gathers."""
    count = len(mass)
    agent = np.arange(count)
    left = mass.copy()
    chosen = np.zeros((count, NUM_MODES), dtype=np.int64)
    gathered = np.zeros((count, NUM_MODES))
    # Of two with the same proposals around them, the likelier one.
    weights = near + 1e-6 * np.eye(near.shape[1]) if by_mass else None
    for mode in range(NUM_MODES):  # greedy by nature: what one keeper has gathered is nobody else's
        score = left if weights is None else (weights @ left[:, :, None])[..., 0]
        chosen[:, mode] = np.argmax(np.where(left > 0.0, score, -1.0), axis=1)
        taken = np.where(near[agent, chosen[:, mode]], left, 0.0)
        gathered[:, mode] = taken.sum(axis=1)
        left -= taken
    gathered[np.isnan(mass).any(axis=1)] = np.nan
    return chosen, gathered


def _finish(proposal: NDArray[np.int64], gathered: NDArray[np.float64], min_probability: float) -> SelectedModes:
    """Modes by falling probability, unlikely ones left out, the sum 1 to the last digit."""
    total = gathered.sum(axis=1, keepdims=True)
    probability = gathered / np.where(total == 0.0, 1.0, total)
    order = np.argsort(-probability, axis=1, kind="stable")
    proposal, probability = np.take_along_axis(proposal, order, axis=1), np.take_along_axis(probability, order, axis=1)
    probability = np.where(probability < min_probability, 0.0, probability)
    probability /= probability.sum(axis=1, keepdims=True)
    probability[:, 0] += 1.0 - probability.sum(axis=1)
    return SelectedModes(np.where(probability == 0.0, proposal[:, :1], proposal), probability)
