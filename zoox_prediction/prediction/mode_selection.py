"""From a network's many proposals to the K modes of a prediction: those that together stand for the most probability.

A mode stands for a proposal by how near it is, k = exp(-(d / w)^2). Chosen are the modes whose sum over all proposals
of probability times the nearest mode's k is greatest: greedily, and then each is exchanged once for the best in its
place (facility location, as in the selection of exemplars). That is what minFDE and miss rate ask of K modes; merging
what is nearer than a distance (non-maximum suppression) leaves out whole regions and misses more.
"""

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
    """How far a mode stands for others, and what is looked at."""

    compared_s: tuple[float, ...] = (5.0, 8.0)  # horizons at which proposals are compared
    compared_weight: tuple[float, ...] = (0.3, 1.0)  # of each of them
    # distance w at the longest horizon at which a mode stands for a proposal by 1/e; proportional to the time before;
    # of vehicle, cyclist, pedestrian, other at 11 m/s and above; half of it at 1.4 m/s and below [m]
    width_m: tuple[float, ...] = (7.0, 9.0, 5.0, 9.0)
    num_candidates: int = 24  # likeliest proposals of an agent, among which its modes are
    exchanges: int = 1  # rounds in which every mode is chosen anew, the others being what they are
    min_probability: float = 0.0005  # a less likely mode is left out

    def __post_init__(self) -> None:
        if len(self.width_m) != len(Group) or not all(value > 0.0 for value in self.width_m):
            raise ValueError(f"width_m must be {len(Group)} numbers > 0, got {self.width_m}")
        if not self.compared_s or len(self.compared_weight) != len(self.compared_s):
            raise ValueError("compared_s and compared_weight must be equally long, and not empty")
        if not (min(self.compared_s) > 0.0 and min(self.compared_weight) > 0.0):
            raise ValueError("compared_s and compared_weight must be > 0")
        if self.num_candidates < NUM_MODES or self.exchanges < 0:
            raise ValueError(f"num_candidates must be at least {NUM_MODES}, and exchanges not negative")
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
    flat = np.where(table >= 0, logits.reshape(-1)[table] if logits.size else 0.0, -np.inf)
    mass = _softmax(flat, np.broadcast_to(np.asarray(temperature, dtype=np.float64), (count,)))
    order = np.argsort(-mass, axis=1, kind="stable")[:, : config.num_candidates]
    table, mass = np.take_along_axis(table, order, axis=1), np.take_along_axis(mass, order, axis=1)
    closeness = _closeness(position, table, widths_m(agent_class, speed, config), config)
    chosen = _choose(closeness, mass, table >= 0, config.exchanges)
    gathered = _gathered(closeness, mass, chosen)
    return _finish(np.take_along_axis(table, chosen, axis=1), gathered, config.min_probability)


def widths_m(agent_class: NDArray[np.int64], speed: NDArray, config: ModeSelectionConfig) -> NDArray[np.float64]:
    """(N,) distance at the longest horizon [m] at which a mode of an agent stands for a proposal by 1/e."""
    share = np.clip((np.asarray(speed) - _SLOW_MPS) / (_FAST_MPS - _SLOW_MPS), 0.0, 1.0)
    return np.asarray(config.width_m)[group_of(agent_class)] * (_SLOW_SHARE + (1.0 - _SLOW_SHARE) * share)


def _table(path_agent: NDArray[np.int64], count: int, styles: int) -> NDArray[np.int64]:
    """(N, M) proposals of every agent, -1 where an agent has fewer; M at least K."""
    paths = np.bincount(path_agent, minlength=count)
    if count and paths.min() == 0:
        raise ValueError(f"agent {int(np.argmin(paths))} of the batch has no path")
    rank = np.arange(len(path_agent)) - (np.cumsum(paths) - paths)[path_agent]
    table = np.full((count, max(int(paths.max(initial=0)), NUM_MODES), styles), -1, dtype=np.int64)
    table[path_agent, rank] = np.arange(len(path_agent) * styles).reshape(-1, styles)
    return table.reshape(count, table.shape[1] * styles)


def _softmax(logits: NDArray, temperature: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled = logits / temperature[:, None]
    mass: NDArray[np.float64] = np.exp(scaled - scaled.max(axis=1, keepdims=True, initial=-1e30))
    return mass / mass.sum(axis=1, keepdims=True)


def _closeness(
    position: NDArray, table: NDArray[np.int64], width: NDArray[np.float64], config: ModeSelectionConfig
) -> NDArray[np.float32]:
    """(N, M, M) 1 for the same place at all compared horizons, falling to 0; a weighted mean of them."""
    times, weights = np.asarray(config.compared_s), np.asarray(config.compared_weight)
    steps = np.clip(np.round(times / TIME_STEP_S).astype(int) - 1, 0, position.shape[2] - 1)
    points = position.reshape(-1, *position.shape[2:])[:, steps].astype(np.float32)
    closeness = np.zeros((*table.shape, table.shape[1]), dtype=np.float32)
    if not len(points):
        return closeness
    rows = np.where(table >= 0, table, table[:, :1])  # of the same agent, so that nobody's path matters to others
    for index, (share, weight) in enumerate(zip(times / times.max(), weights / weights.sum(), strict=True)):
        x, y = (points[:, index, axis][rows] for axis in (0, 1))
        away_x, away_y = x[:, :, None] - x[:, None], y[:, :, None] - y[:, None]
        scale = (-1.0 / (share * width) ** 2).astype(np.float32)[:, None, None]
        closeness += np.float32(weight) * np.exp(scale * (away_x * away_x + away_y * away_y))
    return closeness


def _choose(
    closeness: NDArray[np.float32], mass: NDArray[np.float64], present: NDArray[np.bool_], exchanges: int
) -> NDArray[np.int64]:
    """Columns (N, K) of the modes among M proposals, of which those `present` (N, M) are taken first."""
    agent, weight = np.arange(len(mass)), mass.astype(np.float32)
    chosen = np.zeros((len(mass), NUM_MODES), dtype=np.int64)
    taken = np.zeros(mass.shape, dtype=bool)

    def best(covered: NDArray[np.float32]) -> NDArray[np.int64]:
        """(N,) the mode that adds most to what others stand for, `covered` (N, M); of equals, the likelier one."""
        gain = np.einsum("ni,nij->nj", weight, np.maximum(closeness, covered[:, :, None]))
        return np.argmax(np.where(taken, -2.0, np.where(present, gain, -1.0)), axis=1)

    covered = np.zeros(mass.shape, dtype=np.float32)
    for mode in range(NUM_MODES):  # greedy: what one adds depends on those before
        chosen[:, mode] = best(covered)
        taken[agent, chosen[:, mode]] = True
        covered = np.maximum(covered, closeness[agent, :, chosen[:, mode]])
    for mode in np.tile(np.arange(NUM_MODES), exchanges):
        taken[agent, chosen[:, mode]] = False
        others = closeness[agent[:, None], :, np.delete(chosen, mode, axis=1)].max(axis=1)
        chosen[:, mode] = best(others)
        taken[agent, chosen[:, mode]] = True
    return chosen


def _gathered(
    closeness: NDArray[np.float32], mass: NDArray[np.float64], chosen: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(N, K) mass of the proposals that each mode is nearest to, as far as it stands for them."""
    near = closeness[np.arange(len(mass))[:, None], :, chosen].astype(np.float64)  # (N, K, M)
    nearest = near.argmax(axis=1)[:, None] == np.arange(NUM_MODES)[:, None]
    return np.asarray((mass[:, None] * near * nearest).sum(axis=2))


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
