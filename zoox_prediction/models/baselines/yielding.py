"""Crosswalks on the paths of vehicles that somebody is crossing, and where a vehicle that gives way stops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.crosswalks import Crosswalks, find_crossings
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.paths import Paths
from zoox_prediction.scene import SignalState, TrafficSignals


@dataclass(frozen=True)
class YieldingConfig:
    """When a vehicle may stop for walkers on a crosswalk."""

    approach_m: float = 2.0  # who walks towards the crosswalk this near to it is about to cross
    max_heading_rad: float = 0.8  # of that walk against the crosswalk's axis
    stop_margin_m: float = 1.0  # between the front and the crosswalk
    max_deceleration_mps2: float = 4.0  # a driver who had to brake harder drives on

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")


def occupied(
    crosswalks: Crosswalks, motion: Motion, signals: TrafficSignals, config: YieldingConfig
) -> NDArray[np.int64]:
    """Rows of the crosswalks that a pedestrian is on or about to enter.

    Who walks to one from close by is about to enter it, unless its signal is red; who stands there, when it is green.
    """
    walkers = np.flatnonzero(motion.group == Group.PEDESTRIAN)
    crossings = find_crossings(crosswalks, motion, walkers, config.approach_m, config.max_heading_rad)
    shown = crosswalks.shown(signals)[crossings.crosswalk]
    walks = ~motion.standing[crossings.agent] & (shown != SignalState.RED)
    meant = crossings.inside | walks | (shown == SignalState.GREEN)
    rows: NDArray[np.int64] = np.unique(crossings.crosswalk[meant])
    return rows


def yielding_distances(
    paths: Paths, motion: Motion, crosswalks: Crosswalks, signals: TrafficSignals, config: YieldingConfig
) -> NDArray[np.float64]:
    """(R,) arc length [m] where the agent's centre stops for the first occupied crosswalk ahead, inf where none is."""
    stop = np.full(len(paths), np.inf)
    front = 0.5 * motion.size[paths.agent, 0] + config.stop_margin_m
    speed = motion.speed[paths.agent]
    for row in occupied(crosswalks, motion, signals, config):  # a handful
        away = paths.points - crosswalks.center[row]
        along = away @ crosswalks.axis[row]
        lateral = away @ np.array([-crosswalks.axis[row, 1], crosswalks.axis[row, 0]])
        inside = (np.abs(along) <= crosswalks.half_length_m[row]) & (
            np.abs(lateral) <= crosswalks.half_width_m[row] + 0.5 * paths.spacing_m
        )
        arc = np.argmax(inside, axis=1) * paths.spacing_m - front
        able = (arc >= 0.0) & (speed**2 <= 2.0 * config.max_deceleration_mps2 * np.maximum(arc, 0.3))
        stop = np.where(inside.any(axis=1) & able, np.minimum(stop, arc), stop)
    return stop
