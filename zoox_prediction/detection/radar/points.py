"""Points of one radar scan that may be objects, in polar terms and freed of the own motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.motion import compensate_motion
from zoox_prediction.detection.radar.config import RadarDetectorConfig
from zoox_prediction.sensor_data import Measurement, PointCloud

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class RadarPoints:
    """N points in the frame of the sensor; NaN where the radar does not measure something."""

    position: FloatArray  # (N, 3) [m]
    distance: FloatArray  # (N,) over the plane z = 0 of the sensor [m]
    azimuth: FloatArray  # (N,)
    radial_speed: FloatArray  # (N,) as measured, receding is positive [m/s]
    rcs_dbsm: FloatArray  # (N,)

    def __len__(self) -> int:
        return len(self.distance)

    @property
    def direction(self) -> FloatArray:
        """(N, 3) unit vectors of the lines of sight."""
        length = np.maximum(np.linalg.norm(self.position, axis=1, keepdims=True), 1e-6)
        directions: FloatArray = self.position / length
        return directions

    def ground_speed(self, velocity: FloatArray) -> FloatArray:
        """(N,) radial speed over ground, for a sensor that moves with `velocity` (3,) along its own axes: 0 stands."""
        speed: FloatArray = self.radial_speed + self.direction @ velocity
        return speed

    def select(self, rows: NDArray) -> RadarPoints:
        return RadarPoints(
            self.position[rows], self.distance[rows], self.azimuth[rows], self.radial_speed[rows], self.rcs_dbsm[rows]
        )


def radar_points(measurement: Measurement, cloud: PointCloud, config: RadarDetectorConfig) -> RadarPoints:
    """The points of `cloud` that are neither too far, too high, too low, nor on the own vehicle.

    Points with times are moved to where they are from the sensor's place at the stamp, if they stand.
    """
    position = cloud.position.astype(np.float64)
    if cloud.time_s is not None:
        moved = compensate_motion(cloud.position, cloud.time_s, measurement.velocity, measurement.angular_velocity)
        position = moved.astype(np.float64)
    finite = np.asarray(np.isfinite(position).all(axis=1))
    position = np.where(finite[:, None], position, 0.0)
    distance = np.hypot(position[:, 0], position[:, 1])
    on_base = position @ measurement.base_from_sensor[:3, :3].T + measurement.base_from_sensor[:3, 3]
    own = (
        (on_base[:, 0] < config.ego_front_m)
        & (on_base[:, 0] > config.ego_rear_m)
        & (np.abs(on_base[:, 1]) < config.ego_half_width_m)
    )
    level = (on_base[:, 2] < config.max_height_m) & (on_base[:, 2] > config.min_height_m)
    points = RadarPoints(
        position,
        distance,
        np.arctan2(position[:, 1], position[:, 0]),
        _channel(cloud.radial_speed, len(cloud)),
        _channel(cloud.rcs_dbsm, len(cloud)),
    )
    keep = np.flatnonzero(finite & ~own & level & (distance > 1e-3) & (distance <= config.max_range_m))
    if len(keep) > config.max_points:
        strength = cloud.intensity if cloud.rcs_dbsm is None else cloud.rcs_dbsm
        strength = np.nan_to_num(_channel(strength, len(cloud))[keep], nan=-np.inf)
        keep = np.sort(keep[np.argsort(-strength, kind="stable")[: config.max_points]])
    return points.select(keep)


def _channel(values: NDArray | None, count: int) -> FloatArray:
    if values is None:
        return np.full(count, np.nan)
    channel = values.astype(np.float64)
    return np.where(np.isfinite(channel), channel, np.nan)
