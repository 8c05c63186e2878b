"""How much of every agent a sensor sees: the truth about occlusion, for evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.simulation.sensors.config import ImageConfig, LidarConfig, RadarConfig, SensorConfig
from zoox_prediction.simulation.sensors.lidar import lidar_grid
from zoox_prediction.simulation.sensors.radar import radar_grid
from zoox_prediction.simulation.sensors.ray_casting import RayGrid, cast_rays
from zoox_prediction.simulation.sensors.scenery import Scenery

_IMAGE_STEP_RAD = 0.008
_IMAGE_RANGE_M = 250.0


@dataclass(frozen=True)
class Visibility:
    """Rows are those of the agents; rays are the beams of a lidar, or a grid of about half a degree elsewhere.

    Noise, loss and fog do not count. What the sensor's field of view cuts off does not count as hidden.
    """

    rays: NDArray[np.int64]  # (N,) that would end on the agent if it were alone
    visible_rays: NDArray[np.int64]  # (N,) that end on it

    @property
    def fraction(self) -> NDArray[np.float64]:
        """(N,) 1 where nothing hides the agent, 0 where all of it is hidden or out of the field of view or reach."""
        share: NDArray[np.float64] = self.visible_rays / np.maximum(self.rays, 1)
        return share


def visibility(config: SensorConfig, scenery: Scenery) -> Visibility:
    """Of all agents, for one sensor at the stamp."""
    grid, reach = _grid(config)
    cast = cast_rays(grid, config.mount, scenery.truth.ego, scenery.solids, reach)
    counted = _in_view(config, grid)
    count = len(scenery.truth.agents)
    owner = scenery.solids.owner[cast.solid]
    alone = (owner >= 0) & (cast.distance_m < cast.ground_m[cast.ray]) & (cast.distance_m <= reach) & counted[cast.ray]
    pairs = np.unique(cast.ray[alone] * max(count, 1) + owner[alone])  # a ray goes through several solids of an agent
    rays = np.bincount(pairs % max(count, 1), minlength=count)[:count]
    ends = np.flatnonzero((cast.hit >= 0) & (cast.range_m <= reach) & counted)
    ends_on = owner[cast.hit[ends]]
    return Visibility(rays, np.bincount(ends_on[ends_on >= 0], minlength=count)[:count])


def _grid(config: SensorConfig) -> tuple[RayGrid, float]:
    if isinstance(config, LidarConfig):
        grid = lidar_grid(config)
        return RayGrid(grid.elevation, grid.azimuth, np.zeros_like(grid.azimuth)), config.max_range_m
    if isinstance(config, RadarConfig):
        return radar_grid(config), config.max_range_m
    assert isinstance(config, ImageConfig)
    half = 0.5 * config.horizontal_fov_rad
    focal = config.camera_matrix[1, 1]
    steep = np.arctan(0.5 * config.height_px / focal)
    azimuth = np.linspace(-half, half, max(round(2.0 * half / _IMAGE_STEP_RAD), 2))
    elevation = np.linspace(-steep, steep, max(round(2.0 * steep / _IMAGE_STEP_RAD), 2))
    return RayGrid(elevation, azimuth, np.zeros_like(azimuth)), _IMAGE_RANGE_M


def _in_view(config: SensorConfig, grid: RayGrid) -> NDArray[np.bool_]:
    """(R,) whether a ray is in the picture, which is a rectangle and not a range of angles."""
    if not isinstance(config, ImageConfig):
        return np.ones(len(grid.elevation) * len(grid.azimuth), dtype=bool)
    direction = grid.directions.reshape(-1, 3)
    row = config.camera_matrix[1, 1] * np.abs(direction[:, 2]) / np.maximum(direction[:, 0], 1e-6)
    inside: NDArray[np.bool_] = row <= 0.5 * config.height_px
    return inside
