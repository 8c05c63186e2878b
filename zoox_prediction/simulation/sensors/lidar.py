"""Lidar sweeps by ray casting: occlusion, range noise, drop-out, intensity, ring and time of every point.

The loss of returns and the intensity are simple models with numbers of their own (see LidarNoise), not those of a make
of lidar: a share that grows with the square of the range, one for grazing incidence, glass that mostly reflects away,
and fog that weakens both ways (Beer-Lambert). Intensity is the reflectivity of the surface times 0.3 + 0.7 cos of the
angle of incidence, for real surfaces are rougher than Lambert's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.simulation.sensors.config import LidarConfig
from zoox_prediction.simulation.sensors.ray_casting import Cast, RayGrid, cast_rays, map_from_base
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.solids import EGO, NO_AGENT
from zoox_prediction.simulation.sensors.surfaces import REFLECTIVITY, Surface

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

POINT = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "<f4"), ("ring", "<u2"), ("time", "<f4")]
)  # metres in the lidar's frame, 0 to 255, ring from below, seconds from the stamp (not positive)
_GLASS_DROPOUT = 0.6


def lidar_grid(config: LidarConfig) -> RayGrid:
    """The beams; columns are in the middle of equal parts of the field of view and end at the stamp."""
    count = config.num_azimuths
    share = (np.arange(count) + 0.5) / count
    azimuth = (share - 0.5) * config.horizontal_fov_rad
    return RayGrid(np.array(config.elevations_rad), azimuth, (share - 1.0) * config.sweep_s)


def lidar_sweep(config: LidarConfig, scenery: Scenery, random: np.random.Generator) -> tuple[NDArray, IntArray]:
    """Points (N,) of type POINT and, for evaluation, the row of the agent that each is on (N,), NO_AGENT elsewhere."""
    grid, truth = lidar_grid(config), scenery.truth
    cast = cast_rays(grid, config.mount, truth.ego, scenery.solids, config.max_range_m)
    distance, surface, cosine, owner = _returns(cast, scenery, config.max_range_m)
    noise = config.noise
    lost = random.random(len(distance)) < _loss(config, scenery, distance, surface, cosine)
    measured = distance + random.normal(0.0, noise.range_deviation_m, len(distance))
    strength = REFLECTIVITY[surface] * (0.3 + 0.7 * cosine) * np.exp(-2.0 * truth.extinction_per_m * distance)
    intensity = 255.0 * strength + random.normal(0.0, noise.intensity_deviation, len(distance))
    keep = np.flatnonzero(~lost & (owner != EGO) & (measured >= config.min_range_m) & (measured <= config.max_range_m))
    ring, column = np.divmod(_reached(cast, config.max_range_m)[keep], len(grid.azimuth))
    points = np.empty(len(keep), dtype=POINT)
    place = _places(config, scenery, cast, grid, ring, column, measured[keep])
    for axis, name in enumerate(("x", "y", "z")):
        points[name] = np.rint(place[:, axis] / config.coordinate_step_m) * config.coordinate_step_m
    points["intensity"] = np.clip(np.rint(intensity[keep]), 0.0, 255.0)
    points["ring"], points["time"] = ring, grid.time_s[column]
    order = np.argsort(column, kind="stable")  # as they are measured; the rings of a column are in order
    return points[order], np.maximum(owner[keep], NO_AGENT)[order]


def _reached(cast: Cast, max_range_m: float) -> IntArray:
    """(N,) rays that end within the range."""
    return np.flatnonzero(cast.range_m <= max_range_m)


def _returns(cast: Cast, scenery: Scenery, max_range_m: float) -> tuple[FloatArray, IntArray, FloatArray, IntArray]:
    """Range [m], Surface, cosine of the angle of incidence and owner (N,) of what the rays of `_reached` end at."""
    rays = _reached(cast, max_range_m)
    distance, hit, direction = cast.range_m[rays], cast.hit[rays], cast.direction[rays]
    on_solid = hit >= 0
    surface = np.empty(len(rays), dtype=np.int64)
    owner = np.full(len(rays), NO_AGENT, dtype=np.int64)
    cosine = -direction[:, 2]
    solid, face = cast.solid[hit[on_solid]], cast.face[hit[on_solid]]
    surface[on_solid] = scenery.solids.surface[solid, face]
    owner[on_solid] = scenery.solids.owner[solid]
    cosine[on_solid] = -np.einsum("ni,ni->n", scenery.solids.normal[solid, face], direction[on_solid])
    on_ground, away = rays[~on_solid], distance[~on_solid]
    x, y = (cast.origin[on_ground, axis] + away * cast.direction[on_ground, axis] for axis in range(2))
    surface[~on_solid] = scenery.far_ground.at(np.column_stack([x, y]))
    return distance, surface, np.clip(cosine, 0.0, 1.0), owner


def _loss(
    config: LidarConfig, scenery: Scenery, distance: FloatArray, surface: IntArray, cosine: FloatArray
) -> FloatArray:
    """(N,) probability that nothing comes back."""
    noise = config.noise
    come_back = (
        (1.0 - noise.dropout)
        * (1.0 - noise.range_dropout * (distance / config.max_range_m) ** 2)
        * (1.0 - noise.grazing_dropout * (1.0 - cosine) ** 32)
        * np.where(surface == Surface.GLASS, 1.0 - _GLASS_DROPOUT, 1.0)
        * np.exp(-2.0 * scenery.truth.extinction_per_m * distance)
    )
    lost: FloatArray = 1.0 - come_back
    return lost


def _places(
    config: LidarConfig,
    scenery: Scenery,
    cast: Cast,
    grid: RayGrid,
    ring: IntArray,
    column: IntArray,
    range_m: FloatArray,
) -> FloatArray:
    """(N, 3) in the lidar's frame, at the stamp or where it was when the column was measured."""
    if not config.compensate_ego_motion or config.sweep_s == 0.0:
        return range_m[:, None] * grid.directions[ring, column]
    rays = ring * len(grid.azimuth) + column
    map_from_sensor = map_from_base(scenery.truth.ego) @ config.mount.base_from_sensor
    place = cast.origin[rays] + range_m[:, None] * cast.direction[rays]
    return (place - map_from_sensor[:3, 3]) @ map_from_sensor[:3, :3]
