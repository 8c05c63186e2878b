"""From speeds and turn rates to positions: exact on arcs of constant speed and turn rate, for many agents at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.models.baselines.modes import TIME_STEP_S
from zoox_prediction.models.baselines.motion import Motion

YAW_ALIGNMENT_LENGTHS = 1.0  # a body turns into its course within about so many lengths of itself


def travelled(start_speed: NDArray[np.float64], speed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance (R, T) [m] since the scene, at `start_speed` (R,) and then `speed` (R, T), by the trapezoidal rule."""
    before = np.concatenate([start_speed[:, None], speed[:, :-1]], axis=1)
    distance: NDArray[np.float64] = np.cumsum(0.5 * TIME_STEP_S * (before + speed), axis=1)
    return distance


def drive(
    start: NDArray[np.float64],
    course: NDArray[np.float64],
    distance: NDArray[np.float64],
    turn_rate: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions (R, T, 2) and courses (R, T), not wrapped, after `distance` (R, T) on a curve.

    `start` (R, 2), `course` (R,), `turn_rate` (R, T) the mean of each step.
    A step is an arc, whose chord is its length times sin(x) / x of half its angle.
    """
    turned = turn_rate * TIME_STEP_S
    after = course[:, None] + np.cumsum(turned, axis=1)
    middle = after - 0.5 * turned
    chord = np.diff(distance, axis=1, prepend=0.0) * np.sinc(turned / (2.0 * np.pi))
    steps = np.stack([chord * np.cos(middle), chord * np.sin(middle)], axis=-1)
    return start[:, None, :] + np.cumsum(steps, axis=1), after


def body_yaw(
    motion: Motion, agents: NDArray[np.int64], course: NDArray[np.float64], distance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Yaw (R, T) of bodies that move along `course` (R, T): today's difference fades with the distance (R, T) driven.

    A body that drives backwards keeps doing so.
    """
    backwards = np.pi * motion.reversing[agents]
    difference = wrap_angle(motion.yaw[agents] - motion.course[agents] - backwards)
    fade = np.exp(-distance / (YAW_ALIGNMENT_LENGTHS * motion.size[agents, :1]))
    return wrap_angle(course + backwards[:, None] + difference[:, None] * fade)
