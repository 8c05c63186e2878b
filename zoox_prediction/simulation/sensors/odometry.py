"""Localisation with errors: slow drift plus white noise on pose and velocity.

Drift is a sum of sines with random phases and periods about `drift_time_s`, so that the error at an instant depends on
the seed and the stamp alone, is bounded, and its change over time is slow. It stands for satellite navigation with
inertial smoothing; it is not that of wheels, which grows with the way.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import rotation_matrix, wrap_angle
from zoox_prediction.scene import EgoState
from zoox_prediction.simulation.sensors.config import OdometryConfig

_PERIOD_SHARES = np.array([0.6, 1.0, 1.7, 2.9])  # of drift_time_s; no ratio is a simple one


def drift(config: OdometryConfig, stamp_ns: int, seed: int) -> NDArray[np.float64]:
    """(3,) error of x [m], y [m] and yaw [rad] that changes slowly, of the configured deviations."""
    phase = np.random.default_rng(seed).uniform(0.0, 2.0 * np.pi, (3, len(_PERIOD_SHARES)))
    turns = (stamp_ns * 1e-9) / (config.drift_time_s * _PERIOD_SHARES)
    waves = np.sin(2.0 * np.pi * turns + phase).sum(axis=1)
    unit = np.sqrt(0.5 * len(_PERIOD_SHARES))  # of a sum of so many sines
    deviation = [config.drift_deviation_m, config.drift_deviation_m, config.drift_deviation_rad]
    error: NDArray[np.float64] = waves / unit * deviation
    return error


def noisy_ego(config: OdometryConfig, ego: EgoState, seed: int, random: np.random.Generator) -> EgoState:
    """What localisation says of the ego; `seed` is that of the whole drive's drift, `random` that of the instant."""
    slow = drift(config, ego.stamp_ns, seed)
    white = random.standard_normal(6)
    yaw = float(wrap_angle(ego.yaw + slow[2] + config.yaw_deviation_rad * white[2]))
    body = rotation_matrix(-ego.yaw) @ ego.velocity + config.speed_deviation_mps * white[3:5]
    return replace(
        ego,
        position=ego.position + slow[:2] + config.position_deviation_m * white[:2],
        yaw=yaw,
        velocity=rotation_matrix(yaw) @ body,
        yaw_rate=ego.yaw_rate + config.yaw_rate_deviation_radps * float(white[5]),
    )


def covariances(config: OdometryConfig) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(36,) of the pose and (36,) of the twist, in the order of nav_msgs/Odometry; what is always 0 has none."""
    pose, twist = np.zeros((6, 6)), np.zeros((6, 6))
    pose[0, 0] = pose[1, 1] = config.drift_deviation_m**2 + config.position_deviation_m**2
    pose[5, 5] = config.drift_deviation_rad**2 + config.yaw_deviation_rad**2
    twist[0, 0] = twist[1, 1] = config.speed_deviation_mps**2
    twist[5, 5] = config.yaw_rate_deviation_radps**2
    return pose.reshape(-1), twist.reshape(-1)
