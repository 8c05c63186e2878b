"""Futures that need no map: straight on, on a curve, standing, coming to a stop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.classes import Group, Limits
from zoox_prediction.models.baselines.kinematics import body_yaw, drive, travelled
from zoox_prediction.models.baselines.modes import NUM_STEPS, STEP_TIMES_S, TIME_STEP_S, ModeKind, Modes
from zoox_prediction.models.baselines.motion import Motion


@dataclass(frozen=True)
class TurnRateAccelerationConfig:
    """How fast today's turn and acceleration fade."""

    turn_rate_fading_s: float = 2.5
    acceleration_fading_s: float = 1.5

    def __post_init__(self) -> None:
        for name in ("turn_rate_fading_s", "acceleration_fading_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(frozen=True)
class StoppingConfig:
    """How an agent comes to a stop."""

    deceleration_mps2: tuple[float, ...] = (2.0, 1.5, 0.8, 1.0)  # in the order of Group
    creep_speed_mps: float = 1.0  # of a standing vehicle that moves up
    creep_time_s: float = 2.0

    def __post_init__(self) -> None:
        if len(self.deceleration_mps2) != len(Group) or not all(value > 0 for value in self.deceleration_mps2):
            raise ValueError(f"deceleration_mps2 must be {len(Group)} positive numbers, got {self.deceleration_mps2}")
        if not (self.creep_speed_mps > 0 and self.creep_time_s > 0):
            raise ValueError("creep_speed_mps and creep_time_s must be positive")


def straight_modes(
    motion: Motion,
    agents: NDArray[np.int64],
    course: NDArray[np.float64],
    speed: NDArray[np.float64],
    kind: ModeKind = ModeKind.STRAIGHT,
    share: NDArray[np.float64] | None = None,
) -> Modes:
    """Straight lines of the agents `agents` (R,), rows of `motion`, along `course` (R,) at `speed` (R, T)."""
    distance = travelled(motion.speed[agents], speed)
    tangent = np.stack([np.cos(course), np.sin(course)], axis=-1)
    position = motion.position[agents, None, :] + distance[..., None] * tangent[:, None, :]
    yaw = body_yaw(motion, agents, np.broadcast_to(course[:, None], distance.shape), distance)
    return Modes.of_kind(kind, agents, position, yaw, speed, share)


def constant_velocity_modes(motion: Motion, agents: NDArray[np.int64]) -> Modes:
    """One straight line at today's speed for each of `agents` (R,)."""
    speed = np.repeat(motion.speed[agents, None], NUM_STEPS, axis=1)
    return straight_modes(motion, agents, motion.course[agents], speed)


def fading_acceleration_speed(
    speed: NDArray[np.float64], acceleration: NDArray[np.float64], fading_s: float, max_speed: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Speeds (R, T) of `speed` (R,) under `acceleration` (R,) that fades with `fading_s`, in [0, `max_speed`].

    No agent more than doubles its speed: at a crawl, a jump of the tracker looks like an acceleration.
    """
    gain = np.minimum(acceleration * fading_s, speed)[:, None] * -np.expm1(-STEP_TIMES_S / fading_s)
    faded: NDArray[np.float64] = np.clip(speed[:, None] + gain, 0.0, np.maximum(max_speed, speed)[:, None])
    stopped = np.maximum.accumulate(faded <= 0.0, axis=1)  # who has stopped does not drive backwards, or on
    return np.where(stopped, 0.0, faded)


def turning_modes(
    motion: Motion,
    agents: NDArray[np.int64],
    speed: NDArray[np.float64],
    turn_rate_fading_s: float,
    kind: ModeKind = ModeKind.TURN,
) -> Modes:
    """Curves of `agents` (R,) at `speed` (R, T): today's turn fades, and bends no tighter than the limits allow."""
    limits = Limits(*(values[agents] for values in vars(motion.limits).values()))
    now = motion.speed[agents, None]
    mean_speed = 0.5 * (speed + np.concatenate([now, speed[:, :-1]], axis=1))
    rate = motion.turn_rate[agents, None] * np.exp(-(STEP_TIMES_S - 0.5 * TIME_STEP_S) / turn_rate_fading_s)
    rate = rate * np.minimum(1.0, mean_speed / np.maximum(now, 1e-3))  # a braking car stays on its curve
    grip = limits.lateral_acceleration_mps2[:, None] / np.maximum(mean_speed, 0.1)
    most = np.minimum(grip, limits.curvature_per_m[:, None] * mean_speed)
    distance = travelled(motion.speed[agents], speed)
    position, course = drive(motion.position[agents], motion.course[agents], distance, np.clip(rate, -most, most))
    return Modes.of_kind(kind, agents, position, body_yaw(motion, agents, course, distance), speed)


def turn_rate_acceleration_modes(
    motion: Motion, agents: NDArray[np.int64], config: TurnRateAccelerationConfig
) -> Modes:
    """One CTRA curve for each of `agents` (R,)."""
    speed = fading_acceleration_speed(
        motion.speed[agents],
        motion.acceleration[agents],
        config.acceleration_fading_s,
        motion.limits.speed_mps[agents],
    )
    return turning_modes(motion, agents, speed, config.turn_rate_fading_s)


def standing_modes(motion: Motion, agents: NDArray[np.int64], kind: ModeKind = ModeKind.STAND) -> Modes:
    """`agents` (R,) where they are."""
    shape = (len(agents), NUM_STEPS)
    position = np.broadcast_to(motion.position[agents, None, :], (*shape, 2))
    yaw = np.broadcast_to(motion.yaw[agents, None], shape)
    return Modes.of_kind(kind, agents, position, yaw, np.zeros(shape))


def creeping_modes(motion: Motion, agents: NDArray[np.int64], config: StoppingConfig) -> Modes:
    """Standing `agents` (R,) moving up slowly in the direction in which they stand."""
    speed = config.creep_speed_mps * -np.expm1(-STEP_TIMES_S / config.creep_time_s)
    return straight_modes(motion, agents, motion.yaw[agents], np.tile(speed, (len(agents), 1)))


def stopping_modes(
    motion: Motion, agents: NDArray[np.int64], config: StoppingConfig, turn_rate_fading_s: float
) -> Modes:
    """`agents` (R,) braking comfortably to a stop on the curve that they are on."""
    deceleration = np.asarray(config.deceleration_mps2)[motion.group[agents]]
    speed = np.maximum(motion.speed[agents, None] - deceleration[:, None] * STEP_TIMES_S, 0.0)
    return turning_modes(motion, agents, speed, turn_rate_fading_s, ModeKind.STAND)
