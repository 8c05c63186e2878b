"""How much each agent counts in training: what moves, turns or is about to move is not drowned by what is parked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.config import check_positive
from zoox_prediction.models.baselines.classes import Group, group_of
from zoox_prediction.models.baselines.modes import TIME_STEP_S


@dataclass(frozen=True)
class BalanceConfig:
    """Weights of agents by what they do, and what counts as doing it."""

    min_future_s: float = 1.0  # agents of which less is known afterwards do not count
    stays: float = 0.15  # weight of an agent that stands now and later
    drives_off: float = 2.0  # stands now, moves later
    stops: float = 1.5  # moves now, stands at the end
    turns: float = 2.0
    groups: tuple[float, ...] = (1.0, 2.0, 0.5, 0.5)  # further factors, in the order of Group
    standing_mps: float = 0.5
    moved_m: float = 1.5
    turned_rad: float = 0.35

    def __post_init__(self) -> None:
        check_positive(
            self, "min_future_s", "stays", "drives_off", "stops", "turns", "standing_mps", "moved_m", "turned_rad"
        )
        if len(self.groups) != len(Group) or not all(value >= 0.0 for value in self.groups):
            raise ValueError(f"groups must be {len(Group)} numbers that are not negative, got {self.groups}")


def agent_weights(
    agent_class: NDArray[np.int64],
    speed: NDArray,
    position: NDArray,
    yaw: NDArray,
    future_speed: NDArray,
    valid: NDArray[np.bool_],
    scored: NDArray[np.bool_],
    config: BalanceConfig,
) -> NDArray[np.float64]:
    """(N,) weights, 0 for agents that do not count.

    `speed` (N,) [m/s] is that of now; position (N, T, 2) in the agent frames, yaw (N, T) relative to them, future_speed
    and valid (N, T) are what really happened.
    """
    steps = valid.shape[1]
    last = np.where(valid, np.arange(steps), 0).max(axis=1, initial=0)
    rows = np.arange(len(valid))
    moved = np.linalg.norm(position[rows, last], axis=1)
    farthest = np.where(valid, np.linalg.norm(position, axis=2), 0.0).max(axis=1, initial=0.0)
    turned = np.abs(yaw[rows, last])
    stands, ends_standing = np.abs(speed) < config.standing_mps, np.abs(future_speed[rows, last]) < config.standing_mps
    moves = farthest > config.moved_m
    weight = np.where(stands & ~moves, config.stays, 1.0)
    weight = np.where(stands & moves, config.drives_off, weight)
    weight = np.where(~stands & ends_standing, config.stops, weight)
    weight = np.where((turned > config.turned_rad) & (moved > 2.0 * config.moved_m), config.turns, weight)
    counts = scored & (valid.sum(axis=1) * TIME_STEP_S >= config.min_future_s - 1e-6)
    return np.where(counts, weight * np.asarray(config.groups)[group_of(agent_class)], 0.0)


def drawn(weight: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """(N,) weights with the same expectation: light agents count fully or, more often, not at all, which saves work."""
    kept = random.uniform(size=len(weight)) < weight
    return np.where(weight < 1.0, kept.astype(np.float64), weight)
