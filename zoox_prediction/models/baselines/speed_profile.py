"""How fast an agent goes along its path: limits, bends, stops and the agent ahead.

Bends and limits bound the speed by a braking envelope (backward pass); the agent ahead is followed by the Intelligent
Driver Model (Treiber, Hennecke, Helbing, Physical Review E 62, 2000).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.modes import NUM_STEPS, TIME_STEP_S

_STANDS_MPS, _AT_LINE_M = 0.5, 2.0  # so slow, and so near, it has stopped at a line
_SUBSAMPLING = 2  # the longitudinal model is integrated at every second step; that is exact to centimetres


@dataclass(frozen=True)
class DrivingConfig:
    """A driver's comfort."""

    acceleration_mps2: float = 1.5
    deceleration_mps2: float = 2.0
    lateral_acceleration_mps2: float = 2.5
    reaction_s: float = 1.5  # time constant with which the desired speed is approached
    min_gap_m: float = 2.0  # IDM s0
    headway_s: float = 1.2  # IDM T
    min_headway_s: float = 0.4  # of drivers who follow closer than that already

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")


@dataclass(frozen=True)
class Constraints:
    """What bounds the speed on each of R paths."""

    desired_mps: NDArray[np.float64]  # (R, P) speed that the driver tends to
    envelope_mps: NDArray[np.float64]  # (R, P) speed from which every bend ahead can be taken
    spacing_m: float  # of the P points
    stop_m: NDArray[np.float64]  # (R,) arc length at which the agent's centre must stand, inf none
    hold_m: NDArray[np.float64]  # (R,) arc length at which it must wait, inf none
    release_s: NDArray[np.float64]  # (R,) when it need not wait any longer
    stands: NDArray[np.bool_]  # (R,) whether it must have come to a standstill there before it goes on
    gap_m: NDArray[np.float64]  # (R,) to the agent ahead, inf none
    leader_travel_m: NDArray[np.float64]  # (R, T) how far the agent ahead moves on along the path
    max_deceleration_mps2: NDArray[np.float64]  # (R,) of the class
    max_acceleration_mps2: NDArray[np.float64]  # (R,)


def braking_envelope(limit_mps: NDArray[np.float64], spacing_m: float, deceleration_mps2: float) -> NDArray[np.float64]:
    """The highest speeds (R, P) from which braking at `deceleration_mps2` meets every `limit_mps` (R, P) farther on.

    v(s)^2 = min over s' >= s of limit(s')^2 + 2 b (s' - s).
    """
    drop = 2.0 * deceleration_mps2 * spacing_m * np.arange(limit_mps.shape[1])
    squared = np.minimum.accumulate((limit_mps**2 + drop)[:, ::-1], axis=1)[:, ::-1] - drop
    envelope: NDArray[np.float64] = np.sqrt(np.maximum(squared, 0.0))
    return envelope


def roll_out(
    speed_mps: NDArray[np.float64], constraints: Constraints, config: DrivingConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Arc lengths and speeds (R, T) of agents that start at arc length 0 with `speed_mps` (R,).

    They never drive backwards, never pass `stop_m`, wait at `hold_m`, and brake no harder than their class can.
    """
    step_s = TIME_STEP_S * _SUBSAMPLING
    count = len(speed_mps)
    arc, speed = np.zeros(count), speed_mps.copy()
    until = np.minimum(constraints.stop_m, constraints.hold_m)
    brake = np.maximum(config.deceleration_mps2, 1.05 * speed**2 / (2.0 * np.maximum(until, 0.5)))
    brake = np.minimum(brake, constraints.max_deceleration_mps2)
    headway = np.clip((constraints.gap_m - config.min_gap_m) / np.maximum(speed, 0.1), config.min_headway_s, np.inf)
    headway = np.minimum(headway, config.headway_s)
    hardest = -constraints.max_deceleration_mps2
    before = np.zeros(count)
    arcs, speeds = np.empty((count, NUM_STEPS + 1)), np.empty((count, NUM_STEPS + 1))
    arcs[:, 0], speeds[:, 0] = arc, speed
    for step in range(_SUBSAMPLING, NUM_STEPS + 1, _SUBSAMPLING):  # each step needs the one before
        moved = constraints.leader_travel_m[:, step - 1]
        free = (_at(constraints.desired_mps, arc, constraints.spacing_m) - speed) / config.reaction_s
        free = np.minimum(free, np.minimum(config.acceleration_mps2, constraints.max_acceleration_mps2))
        following = _following(constraints.gap_m + moved - arc, speed, (moved - before) / step_s, headway, config)
        next_arc = arc + speed * step_s
        bend = (_at(constraints.envelope_mps, next_arc, constraints.spacing_m) - speed) / step_s
        bend = np.maximum(
            bend, -1.5 * config.deceleration_mps2
        )  # too fast for the bend already: brake firmly, not at once
        stood = ~constraints.stands | ((speed < _STANDS_MPS) & (arc > constraints.hold_m - _AT_LINE_M))
        until = np.where(stood & (step * TIME_STEP_S > constraints.release_s), constraints.stop_m, until)
        room = np.maximum(until - next_arc, 0.0)
        stop = (np.sqrt(2.0 * brake * room) - speed) / step_s
        acceleration = np.maximum(np.minimum(np.minimum(free, following), np.minimum(bend, stop)), hardest)
        after = np.maximum(speed + acceleration * step_s, 0.0)
        arc = np.minimum(arc + 0.5 * (speed + after) * step_s, np.maximum(until, arc))
        speed, before = np.where(arc >= until, 0.0, after), moved
        arcs[:, step], speeds[:, step] = arc, speed
    for between in range(1, _SUBSAMPLING):
        weight = between / _SUBSAMPLING
        for values in (arcs, speeds):
            low, high = values[:, :-1:_SUBSAMPLING], values[:, _SUBSAMPLING::_SUBSAMPLING]
            values[:, between::_SUBSAMPLING] = (1.0 - weight) * low + weight * high
    return arcs[:, 1:], speeds[:, 1:]


def _following(
    gap: NDArray[np.float64],
    speed: NDArray[np.float64],
    leader_speed: NDArray[np.float64],
    headway: NDArray[np.float64],
    config: DrivingConfig,
) -> NDArray[np.float64]:
    """Acceleration (R,) [m/s^2] that the agent ahead allows: a (1 - (s* / s)^2) of the Intelligent Driver Model."""
    approach = speed * (speed - leader_speed) / (2.0 * np.sqrt(config.acceleration_mps2 * config.deceleration_mps2))
    wanted = config.min_gap_m + np.maximum(speed * headway + approach, 0.0)
    ratio = np.minimum(wanted / np.maximum(gap, 0.1), 10.0)
    acceleration: NDArray[np.float64] = config.acceleration_mps2 * (1.0 - ratio**2)
    return acceleration


def _at(values: NDArray[np.float64], arc: NDArray[np.float64], spacing_m: float) -> NDArray[np.float64]:
    index = np.minimum((arc / spacing_m).astype(np.int64), values.shape[1] - 1)
    found: NDArray[np.float64] = values[np.arange(len(values)), index]
    return found
