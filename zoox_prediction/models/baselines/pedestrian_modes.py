"""Futures of walkers: on towards their goal, over a crosswalk, waiting before it, standing, changing direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.crosswalks import Crossings, Crosswalks, find_crossings
from zoox_prediction.models.baselines.kinematics import body_yaw, drive, travelled
from zoox_prediction.models.baselines.map_free_modes import (
    StoppingConfig,
    TurnRateAccelerationConfig,
    standing_modes,
    stopping_modes,
    straight_modes,
    turn_rate_acceleration_modes,
)
from zoox_prediction.models.baselines.modes import STEP_TIMES_S, ModeKind, Modes, course_of
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.scene import SignalState, TrafficSignals

_SHARE_OF_OTHERS = np.ones(len(SignalState))  # states that say nothing about crossing


@dataclass(frozen=True)
class PedestrianConfig:
    """Walkers' habits."""

    preferred_speed_mps: tuple[float, ...] = (5.0, 4.0, 1.35, 1.2)  # in the order of Group
    preferred_weight: float = 0.1  # of that speed against keeping today's
    relaxation_s: float = 2.0
    veer_rad: float = 0.6
    veer_time_s: float = 1.5
    crosswalk_range_m: float = 6.0
    crosswalk_max_heading_rad: float = 1.0  # of the walk against the crosswalk's axis
    red_share: float = 0.1  # of the probability of crossing when the crosswalk's signal is red
    yellow_share: float = 0.4  # the same when it is yellow
    walk_wait_share: float = 0.4  # of the probability of waiting at the kerb when the signal is green

    def __post_init__(self) -> None:
        if len(self.preferred_speed_mps) != len(Group) or not all(value > 0 for value in self.preferred_speed_mps):
            raise ValueError(f"preferred_speed_mps must be {len(Group)} positive numbers")
        for name in ("relaxation_s", "veer_time_s", "crosswalk_range_m"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("preferred_weight", "red_share", "yellow_share", "walk_wait_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")


def pedestrian_modes(
    motion: Motion,
    agents: NDArray[np.int64],
    crosswalks: Crosswalks,
    signals: TrafficSignals,
    config: PedestrianConfig,
    stopping: StoppingConfig,
    turning: TurnRateAccelerationConfig,
) -> Modes:
    """Every way in which `agents` (R,) may go on."""
    standing = motion.standing[agents]
    speed = _walking_speed(motion, agents, config)
    crossings = find_crossings(crosswalks, motion, agents, config.crosswalk_range_m, config.crosswalk_max_heading_rad)
    shown = crosswalks.shown(signals)[crossings.crosswalk]
    waiting = crossings.agent[~crossings.inside & ~motion.standing[crossings.agent]]
    stops = agents[~standing & ~np.isin(agents, waiting)]
    return Modes.concatenate(
        [
            straight_modes(motion, agents, motion.course[agents], speed),
            turn_rate_acceleration_modes(motion, agents[~standing], turning),
            *(_veer(motion, agents, speed, sign, config) for sign in (-1.0, 1.0)),
            standing_modes(motion, agents[standing]),
            stopping_modes(motion, stops, stopping, turning.turn_rate_fading_s),
            _cross(motion, crossings, shown, config),
            _wait(motion, crossings, shown, config, stopping),
        ]
    )


def _walking_speed(motion: Motion, agents: NDArray[np.int64], config: PedestrianConfig) -> NDArray[np.float64]:
    """(R, T) today's speed relaxing towards the preferred one; who stands sets off."""
    now = motion.speed[agents]
    preferred = np.asarray(config.preferred_speed_mps)[motion.group[agents]]
    aim = np.where(motion.standing[agents], preferred, now + config.preferred_weight * (preferred - now))
    speed: NDArray[np.float64] = aim[:, None] + (now - aim)[:, None] * np.exp(-STEP_TIMES_S / config.relaxation_s)
    return speed


def _veer(
    motion: Motion, agents: NDArray[np.int64], speed: NDArray[np.float64], sign: float, config: PedestrianConfig
) -> Modes:
    distance = travelled(motion.speed[agents], speed)
    rate = sign * config.veer_rad / config.veer_time_s * np.exp(-STEP_TIMES_S / config.veer_time_s)
    course = motion.course[agents]
    position, course = drive(motion.position[agents], course, distance, np.broadcast_to(rate, distance.shape))
    yaw = body_yaw(motion, agents, course, distance)
    return Modes.of_kind(ModeKind.VEER, agents, position, yaw, speed, np.full(len(agents), 0.5))


def _cross(motion: Motion, crossings: Crossings, shown: NDArray[np.uint8], config: PedestrianConfig) -> Modes:
    """Walkers that cross; `shown` (R,) is the SignalState of their crosswalks."""
    agents = crossings.agent
    speed = _walking_speed(motion, agents, config)
    distance = travelled(motion.speed[agents], speed)
    position = _walk(motion.position[agents], crossings.entry, crossings.exit, distance)
    share = _SHARE_OF_OTHERS.copy()
    share[[SignalState.RED, SignalState.YELLOW]] = config.red_share, config.yellow_share
    share = np.where(crossings.inside, 1.0, share[shown])
    course = course_of(motion.position[agents], position, motion.course[agents])
    yaw = body_yaw(motion, agents, course, distance)
    return Modes.of_kind(ModeKind.CROSS, agents, position, yaw, speed, share)


def _wait(
    motion: Motion,
    crossings: Crossings,
    shown: NDArray[np.uint8],
    config: PedestrianConfig,
    stopping: StoppingConfig,
) -> Modes:
    """Walkers that go as far as the kerb and stop there."""
    rows = np.flatnonzero(~crossings.inside & ~motion.standing[crossings.agent])
    agents = crossings.agent[rows]
    start, entry = motion.position[agents], crossings.entry[rows]
    room = np.hypot(*(entry - start).T)
    deceleration = np.asarray(stopping.deceleration_mps2)[motion.group[agents]]
    now = motion.speed[agents]
    braking = now**2 / (2.0 * deceleration)
    reaction_s = np.maximum(room - braking, 0.0) / np.maximum(now, 0.1)
    late = np.maximum(STEP_TIMES_S - reaction_s[:, None], 0.0)
    speed = np.maximum(now[:, None] - deceleration[:, None] * late, 0.0)
    position = _walk(start, entry, crossings.exit[rows], travelled(now, speed))
    course = course_of(start, position, motion.course[agents])
    yaw = body_yaw(motion, agents, course, travelled(now, speed))
    share = np.where(shown[rows] == SignalState.GREEN, config.walk_wait_share, 1.0)
    return Modes.of_kind(ModeKind.STAND, agents, position, yaw, speed, share)


def _walk(start: NDArray, entry: NDArray, end: NDArray, distance: NDArray) -> NDArray[np.float64]:
    """Positions (R, T, 2) after `distance` (R, T) from `start` by `entry` to `end` (R, 2) and straight on."""
    first, second = entry - start, end - entry
    to_entry, across = np.hypot(*first.T), np.hypot(*second.T)
    first = first / np.maximum(to_entry, 1e-6)[:, None]
    second = second / np.maximum(across, 1e-6)[:, None]
    before = np.minimum(distance, to_entry[:, None])
    after = distance - before
    return start[:, None] + before[..., None] * first[:, None] + after[..., None] * second[:, None]
