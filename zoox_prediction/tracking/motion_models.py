"""Interacting multiple models of the motion of N tracks at once: constant velocity, coordinated turn, standing.

H. Blom and Y. Bar-Shalom, "The interacting multiple model algorithm for systems with Markovian switching coefficients",
1988. All models share the state x, y, vx, vy, turn rate. Where a model knows nothing of a component (the turn rate of
constant velocity) it holds the prior, so that mixing brings no false certainty into the model that estimates it
(T. Yuan et al., "Models and algorithms for tracking target with coordinated turn motion", 2014).
The mode is a Markov chain that draws anew from fixed probabilities after exponential times: whatever the times between
measurements, transitions over t1 and t2 are those over t1 + t2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.tracking.config import MotionConfig

FloatArray = NDArray[np.float64]

NUM_MODES, NUM_STATES = 3, 5
CONSTANT_VELOCITY, COORDINATED_TURN, STANDING = range(NUM_MODES)
_SMALL_TURN = 1e-4  # [rad/s]


@dataclass(frozen=True)
class Motion:
    """Gaussian of every model, and the probability of the models."""

    mean: FloatArray  # (N, 3, 5) x, y [m], vx, vy [m/s], turn rate [rad/s]
    covariance: FloatArray  # (N, 3, 5, 5)
    mode: FloatArray  # (N, 3), rows sum to 1

    def select(self, rows: NDArray) -> Motion:
        return Motion(self.mean[rows], self.covariance[rows], self.mode[rows])

    def merged(self) -> tuple[FloatArray, FloatArray]:
        """(N, 5) and (N, 5, 5): mean and covariance of the mixture."""
        mean = np.einsum("nm,nmi->ni", self.mode, self.mean)
        spread = self.mean - mean[:, None]
        outer = spread[..., :, None] * spread[..., None, :]
        return mean, np.einsum("nm,nmij->nij", self.mode, self.covariance + outer)


def new_motion(
    position: FloatArray,
    position_covariance: FloatArray,
    velocity: FloatArray,
    velocity_covariance: FloatArray,
    config: MotionConfig,
) -> Motion:
    """Of N agents seen for the first time: (N, 2), (N, 2, 2), (N, 2), (N, 2, 2)."""
    count = len(position)
    mean = np.zeros((count, NUM_MODES, NUM_STATES))
    covariance = np.zeros((count, NUM_MODES, NUM_STATES, NUM_STATES))
    mean[:, :, :2] = position[:, None]
    mean[:, :STANDING, 2:4] = velocity[:, None]
    covariance[:, :, :2, :2] = position_covariance[:, None]
    covariance[:, :STANDING, 2:4, 2:4] = velocity_covariance[:, None]
    covariance[:, STANDING, [2, 3], [2, 3]] = config.standing_deviation_mps**2
    covariance[:, :, 4, 4] = config.turn_deviation_radps**2
    mode = np.tile(np.array(config.mode_probabilities), (count, 1))
    return Motion(mean, covariance, mode)


def predict(motion: Motion, dt_s: float, acceleration_noise: FloatArray, config: MotionConfig) -> Motion:
    """`dt_s` later; `acceleration_noise` (N,) [m^2/s^3]. Nothing changes for dt_s <= 0."""
    if dt_s <= 0.0 or not len(motion.mode):
        return motion
    mixed = _mix(motion, dt_s, config)
    transition = np.zeros_like(mixed.covariance)
    transition[..., np.arange(NUM_STATES), np.arange(NUM_STATES)] = 1.0
    transition[:, CONSTANT_VELOCITY, [0, 1], [2, 3]] = dt_s
    transition[:, CONSTANT_VELOCITY, 4, 4] = 0.0
    transition[:, STANDING, [2, 3, 4], [2, 3, 4]] = 0.0
    turned, transition[:, COORDINATED_TURN] = _coordinated_turn(mixed.mean[:, COORDINATED_TURN], dt_s)
    mean = np.einsum("nmij,nmj->nmi", transition, mixed.mean)
    mean[:, COORDINATED_TURN] = turned
    covariance = transition @ mixed.covariance @ transition.swapaxes(-1, -2)
    covariance += _process_noise(dt_s, acceleration_noise, config)
    return Motion(mean, covariance, mixed.mode)


def _mix(motion: Motion, dt_s: float, config: MotionConfig) -> Motion:
    """Every model begins from what all of them say, weighted by how probably they would go over into it."""
    drawn = 1.0 - math.exp(-dt_s / config.mode_time_s)
    prior = np.array(config.mode_probabilities)
    transition = (1.0 - drawn) * np.eye(NUM_MODES) + drawn * prior[None, :]
    joint = motion.mode[:, :, None] * transition  # (N, from, to)
    mode = joint.sum(axis=1)
    weight = joint / mode[:, None, :]
    mean = np.einsum("nab,nai->nbi", weight, motion.mean)
    spread = motion.mean[:, :, None] - mean[:, None]  # (N, from, to, 5)
    covariance = np.einsum("nab,naij->nbij", weight, motion.covariance)
    covariance += np.einsum("nabi,nabj->nbij", weight[..., None] * spread, spread)
    return Motion(mean, covariance, mode)


def _coordinated_turn(mean: FloatArray, dt_s: float) -> tuple[FloatArray, FloatArray]:
    """(N, 5) after the turn and the Jacobian (N, 5, 5) of it (Bar-Shalom, Li, Kirubarajan, 2001, 11.7)."""
    vx, vy, rate = mean[:, 2], mean[:, 3], mean[:, 4]
    straight = np.abs(rate) < _SMALL_TURN
    safe = np.where(straight, _SMALL_TURN, rate)
    angle = safe * dt_s
    sin, cos = np.sin(angle), np.cos(angle)
    along, aside = sin / safe, (1.0 - cos) / safe  # of the way per speed
    d_along = (dt_s * cos - along) / safe  # by the turn rate
    d_aside = (dt_s * sin - aside) / safe
    jacobian = np.zeros((len(mean), NUM_STATES, NUM_STATES))
    jacobian[:, range(NUM_STATES), range(NUM_STATES)] = 1.0
    jacobian[:, 0, 2], jacobian[:, 0, 3] = along, -aside
    jacobian[:, 1, 2], jacobian[:, 1, 3] = aside, along
    jacobian[:, 2, 2], jacobian[:, 2, 3] = cos, -sin
    jacobian[:, 3, 2], jacobian[:, 3, 3] = sin, cos
    turned = np.einsum("nij,nj->ni", jacobian, mean)
    jacobian[:, 0, 4] = d_along * vx - d_aside * vy
    jacobian[:, 1, 4] = d_aside * vx + d_along * vy
    jacobian[:, 2, 4] = -dt_s * (sin * vx + cos * vy)
    jacobian[:, 3, 4] = dt_s * (cos * vx - sin * vy)
    return turned, jacobian


def _process_noise(dt_s: float, acceleration_noise: FloatArray, config: MotionConfig) -> FloatArray:
    """(N, 3, 5, 5) of white accelerations, and the priors of what a model knows nothing of."""
    noise = np.zeros((len(acceleration_noise), NUM_MODES, NUM_STATES, NUM_STATES))
    for position, speed in ((0, 2), (1, 3)):
        moving = noise[:, :STANDING]
        moving[..., position, position] = acceleration_noise[:, None] * dt_s**3 / 3.0
        moving[..., position, speed] = moving[..., speed, position] = acceleration_noise[:, None] * dt_s**2 / 2.0
        moving[..., speed, speed] = acceleration_noise[:, None] * dt_s
        noise[:, STANDING, position, position] = config.standing_noise * dt_s
        noise[:, STANDING, speed, speed] = config.standing_deviation_mps**2
    noise[:, CONSTANT_VELOCITY, 4, 4] = noise[:, STANDING, 4, 4] = config.turn_deviation_radps**2
    noise[:, COORDINATED_TURN, 4, 4] = config.turn_noise * dt_s
    return noise


def update(motion: Motion, innovation: FloatArray, jacobian: FloatArray, noise: FloatArray) -> Motion:
    """After measurements of D numbers: innovation (N, 3, D) and Jacobian (N, 3, D, 5) per model, noise (N, D, D)."""
    gain, likelihood = _gain(motion, innovation, jacobian, noise)
    mean = motion.mean + np.einsum("nmid,nmd->nmi", gain, innovation)
    left = np.eye(NUM_STATES) - gain @ jacobian
    # Joseph's form keeps covariances positive.
    covariance = left @ motion.covariance @ left.swapaxes(-1, -2)
    covariance += gain @ noise[:, None] @ gain.swapaxes(-1, -2)
    mode = motion.mode * np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    mode = np.maximum(mode / mode.sum(axis=1, keepdims=True), 1e-6)
    return Motion(mean, covariance, mode / mode.sum(axis=1, keepdims=True))


def _gain(
    motion: Motion, innovation: FloatArray, jacobian: FloatArray, noise: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Kalman gain (N, 3, 5, D) and log likelihood of the models (N, 3), up to a constant."""
    crossed = motion.covariance @ jacobian.swapaxes(-1, -2)
    spread = jacobian @ crossed + noise[:, None]
    precision = np.linalg.inv(spread)
    distance = np.einsum("nmd,nmde,nme->nm", innovation, precision, innovation)
    return crossed @ precision, -0.5 * (distance + np.log(np.linalg.det(spread)))
