"""The radar's own velocity from what stands.

D. Kellner et al., "Instantaneous ego-motion estimation using Doppler radar", ITSC 2013: the radial speeds of points
that stand lie on a cosine over the azimuth, whose two coefficients are the sensor's velocity; RANSAC over pairs of
points finds them among those that move, least squares makes them exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.radar.config import EgoVelocityConfig
from zoox_prediction.detection.radar.points import RadarPoints

FloatArray = NDArray[np.float64]

_MIN_DETERMINANT = 0.1  # of two lines of sight: some 6 degrees apart
_MIN_SPREAD = 0.02  # of the smaller eigenvalue of the lines of sight, per point
_REFINEMENTS = 2


@dataclass(frozen=True)
class RadarEgoVelocity:
    """Of the sensor over ground, along its own x and y."""

    velocity: FloatArray  # (2,) [m/s]
    covariance: FloatArray  # (2, 2)
    stands: NDArray[np.bool_]  # (N,) the points that agree with it


def estimate_ego_velocity(points: RadarPoints, config: EgoVelocityConfig) -> RadarEgoVelocity | None:
    """What most of the points agree on; None when too few do, or all of them lie in one direction."""
    known = np.flatnonzero(np.isfinite(points.radial_speed))
    if len(known) < config.min_points:
        return None
    direction, speed = points.direction[known, :2], points.radial_speed[known]
    velocity = _best_hypothesis(direction, speed, config)
    if velocity is None:
        return None
    for _ in range(_REFINEMENTS):
        stands = np.abs(speed + direction @ velocity) < config.tolerance_mps
        if np.count_nonzero(stands) < max(config.min_points, config.min_share * len(known)):
            return None
        normal = direction[stands].T @ direction[stands]
        if np.linalg.eigvalsh(normal)[0] < _MIN_SPREAD * np.count_nonzero(stands):
            return None
        velocity = -np.linalg.solve(normal, direction[stands].T @ speed[stands])
    residual = speed[stands] + direction[stands] @ velocity
    variance = float(residual @ residual) / max(len(residual) - 2, 1)
    mask = np.zeros(len(points), dtype=bool)
    mask[known[stands]] = True
    return RadarEgoVelocity(velocity, variance * np.linalg.inv(normal), mask)


def share_that_stands(points: RadarPoints, velocity: FloatArray, config: EgoVelocityConfig) -> float:
    """Of the points with a radial speed, how many stand if the sensor moves with `velocity` (3,); 1 without points."""
    speed = points.ground_speed(velocity)
    known = np.isfinite(speed)
    if not known.any():
        return 1.0
    return float(np.mean(np.abs(speed[known]) < config.tolerance_mps))


def _best_hypothesis(direction: FloatArray, speed: FloatArray, config: EgoVelocityConfig) -> FloatArray | None:
    """(2,) the velocity by two points that most of the others agree with."""
    first, second = np.triu_indices(len(speed), 1)
    if len(first) > config.max_hypotheses:
        chosen = np.random.default_rng(0).choice(len(first), config.max_hypotheses, replace=False)
        first, second = first[chosen], second[chosen]
    determinant = direction[first, 0] * direction[second, 1] - direction[first, 1] * direction[second, 0]
    usable = np.abs(determinant) > _MIN_DETERMINANT
    first, second, determinant = first[usable], second[usable], determinant[usable]
    if not len(first):
        return None
    # Cramer's rule on -(u . v) = s of both points.
    x = -(speed[first] * direction[second, 1] - speed[second] * direction[first, 1]) / determinant
    y = -(direction[first, 0] * speed[second] - direction[second, 0] * speed[first]) / determinant
    residual = np.abs(speed + np.column_stack([x, y]) @ direction.T)
    # Truncated residuals rather than counts: of two that as many agree with, the nearer one.
    best = int(np.argmin(np.minimum(residual, config.tolerance_mps).sum(axis=1)))
    return np.array([x[best], y[best]])
