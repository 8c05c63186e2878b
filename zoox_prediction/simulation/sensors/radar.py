"""Radar scans: what of every agent is in sight as a few reflections, mirror images behind vehicles, and clutter.

Strengths follow the radar equation from a typical radar cross section (RCS) by class and aspect; single scans fade as
Swerling's first case (exponentially distributed), so that weak and far targets are often missed. The cross sections are
of the order of what is measured at 77 GHz, not those of certain vehicles. The ground and rain reflect nothing here,
and what is hidden is not heard, though real radars hear under cars.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.scene import AgentClass, TrackedAgents
from zoox_prediction.simulation.sensors.config import RadarConfig
from zoox_prediction.simulation.sensors.radar_ghosts import Ghosts, ghosts_of
from zoox_prediction.simulation.sensors.ray_casting import RayGrid, cast_rays, map_from_base
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.solids import NO_AGENT

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DETECTION = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("radial_speed", "<f4"), ("rcs", "<f4"), ("snr", "<f4")]
)  # metres in the radar's frame, m/s over ground of the target minus the radar (positive: it goes away), dBsm, dB

# Shares of half the vertical field of view: denser about the horizon, where far pedestrians are low and narrow.
_ELEVATION_SHARES = np.array([-0.9, -0.4, -0.15, -0.05, -0.015, 0.015, 0.05, 0.15, 0.4, 0.9])
_AZIMUTH_STEP_RAD = 0.004
# Mean RCS [dBsm] of a class seen at 45 degrees, and what faces seen square add.
_RCS_DBSM = np.array([6.0, 13.0, 14.0, 2.0, -2.0, -6.0, -10.0, 0.0])
_SQUARE_DB = np.array([8.0, 9.0, 10.0, 4.0, 3.0, 0.0, 0.0, 3.0])
_LIMBS = np.isin(np.arange(len(AgentClass)), (AgentClass.CYCLIST, AgentClass.PEDESTRIAN, AgentClass.ANIMAL))
_CLUTTER_DBSM = (-12.0, 4.0)  # mean and deviation


@dataclass(frozen=True)
class Reflections:
    """N reflections before they are measured, in the map frame."""

    position: FloatArray  # (N, 3) [m]
    velocity: FloatArray  # (N, 3) [m/s]
    rcs_dbsm: FloatArray  # (N,) mean
    owner: IntArray  # (N,) row of the agent, NO_AGENT


def radar_grid(config: RadarConfig) -> RayGrid:
    """The rays that tell what is in sight."""
    count = max(round(config.horizontal_fov_rad / _AZIMUTH_STEP_RAD), 1)
    azimuth = ((np.arange(count) + 0.5) / count - 0.5) * config.horizontal_fov_rad
    return RayGrid(0.5 * config.vertical_fov_rad * _ELEVATION_SHARES, azimuth, np.zeros(count))


def radar_scan(config: RadarConfig, scenery: Scenery, random: np.random.Generator) -> tuple[NDArray, IntArray]:
    """Detections (N,) of type DETECTION and the row of the agent of each (N,); NO_AGENT of ghosts and clutter."""
    pose = map_from_base(scenery.truth.ego) @ config.mount.base_from_sensor
    velocity = _sensor_velocity(scenery, pose)
    seen = _reflections(config, scenery)
    ghosts = _ghost_reflections(ghosts_of(config, scenery, pose[:3, 3], velocity, random))
    clutter = _clutter(config, pose, random)
    every = [seen, ghosts, clutter]
    reflections = Reflections(
        position=np.concatenate([each.position for each in every]),
        velocity=np.concatenate([each.velocity for each in every]),
        rcs_dbsm=np.concatenate([each.rcs_dbsm for each in every]),
        owner=np.concatenate([each.owner for each in every]),
    )
    return _measured(config, scenery.truth.agents, reflections, pose, velocity, random)


def _sensor_velocity(scenery: Scenery, pose: FloatArray) -> FloatArray:
    """(3,) of the radar over ground, in the map."""
    ego = scenery.truth.ego
    arm = pose[:2, 3] - ego.position
    return np.array([*(ego.velocity + ego.yaw_rate * np.array([-arm[1], arm[0]])), 0.0])


def _reflections(config: RadarConfig, scenery: Scenery) -> Reflections:
    """Of every agent one reflection per cell of range and azimuth that some of it is seen in, at the mean place."""
    cast = cast_rays(radar_grid(config), config.mount, scenery.truth.ego, scenery.solids, config.max_range_m)
    rays = np.flatnonzero(cast.hit >= 0)
    rays = rays[scenery.solids.owner[cast.solid[cast.hit[rays]]] >= 0]
    owner = scenery.solids.owner[cast.solid[cast.hit[rays]]]
    points = cast.origin[rays] + cast.range_m[rays, None] * cast.direction[rays]
    azimuth = np.arctan2(cast.direction[rays, 1], cast.direction[rays, 0])
    cells = _numbered(owner, cast.range_m[rays] // config.range_resolution_m, azimuth // config.azimuth_resolution_rad)
    _, first, member, size = np.unique(cells, return_index=True, return_inverse=True, return_counts=True)
    sums = [np.bincount(member, points[:, axis], len(size)) for axis in range(3)]
    place = np.column_stack(sums) / size[:, None]
    owner = owner[first]
    strongest = _strongest(owner, size, config.max_detections_per_agent)
    place, owner, size = place[strongest], owner[strongest], size[strongest]
    share = size / np.maximum(np.bincount(owner, size, minlength=len(scenery.truth.agents))[owner], 1)
    rcs = _rcs_dbsm(scenery.truth.agents, owner, place - cast.origin[0]) + 10.0 * np.log10(np.maximum(share, 1e-9))
    return Reflections(place, _velocity_at(scenery.truth.agents, owner, place), rcs, owner)


def _numbered(*columns: NDArray) -> IntArray:
    """A number (n,) for each row of columns (n,) of whole numbers; they sort as the rows do."""
    number = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        whole = column.astype(np.int64)
        least = int(whole.min(initial=0))
        number = number * (int(whole.max(initial=0)) - least + 1) + whole - least
    return number


def _strongest(owner: IntArray, size: IntArray, count: int) -> IntArray:
    """Rows of the `count` largest cells of every owner."""
    order = np.lexsort((-size, owner))
    owner = owner[order]
    rank = np.arange(len(owner)) - np.searchsorted(owner, owner)
    return np.sort(order[rank < count])


def _velocity_at(agents: TrackedAgents, owner: IntArray, place: FloatArray) -> FloatArray:
    """(N, 3) of points of turning agents."""
    arm = place[:, :2] - agents.position[owner, :2]
    turning = agents.yaw_rate[owner, None] * np.column_stack([-arm[:, 1], arm[:, 0]])
    return np.column_stack([agents.velocity[owner] + turning, np.zeros(len(owner))])


def _rcs_dbsm(agents: TrackedAgents, owner: IntArray, line_of_sight: FloatArray) -> FloatArray:
    """(N,) mean of whole agents as seen along lines of sight (N, 3)."""
    kind = agents.agent_class[owner]
    aspect = np.arctan2(line_of_sight[:, 1], line_of_sight[:, 0]) - agents.yaw[owner]
    rcs: FloatArray = _RCS_DBSM[kind] + _SQUARE_DB[kind] * np.cos(2.0 * aspect) ** 2
    return rcs


def _ghost_reflections(ghosts: Ghosts) -> Reflections:
    """The second bounce costs strength."""
    return Reflections(ghosts.position, ghosts.velocity, ghosts.rcs_dbsm, np.full(len(ghosts.rcs_dbsm), NO_AGENT))


def _clutter(config: RadarConfig, pose: FloatArray, random: np.random.Generator) -> Reflections:
    """Things that stand, evenly over range and azimuth; new ones at every scan."""
    count = int(random.poisson(config.noise.clutter_mean))
    azimuth = (random.random(count) - 0.5) * config.horizontal_fov_rad
    distance = config.min_range_m + random.random(count) * (config.max_range_m - config.min_range_m)
    height = random.uniform(-0.5, 1.0, count)
    local = np.column_stack([distance * np.cos(azimuth), distance * np.sin(azimuth), height])
    rcs = random.normal(*_CLUTTER_DBSM, count) + 25.0 * np.log10(1.0 + distance / 20.0)  # only what is heard counts
    return Reflections(
        local @ pose[:3, :3].T + pose[:3, 3], np.zeros((count, 3)), rcs, np.full(count, NO_AGENT, dtype=np.int64)
    )


def _measured(
    config: RadarConfig,
    agents: TrackedAgents,
    reflections: Reflections,
    pose: FloatArray,
    velocity: FloatArray,
    random: np.random.Generator,
) -> tuple[NDArray, IntArray]:
    noise, count = config.noise, len(reflections.owner)
    line = reflections.position - pose[:3, 3]
    distance = np.maximum(np.linalg.norm(line, axis=1), 1e-6)
    speed = np.einsum("ni,ni->n", reflections.velocity - velocity, line) / distance
    fading = np.log10(np.maximum(random.exponential(1.0, count), 1e-12))
    rcs = reflections.rcs_dbsm + 10.0 * fading
    snr = rcs + config.snr_at_100_m_db - 40.0 * np.log10(distance / 100.0)
    limbs = (reflections.owner >= 0) & np.append(_LIMBS[agents.agent_class], False)[reflections.owner]
    speed += random.normal(0.0, noise.radial_speed_deviation_mps, count)
    speed += np.where(limbs, noise.limb_speed_deviation_mps, 0.0) * random.standard_normal(count)
    local = line @ pose[:3, :3]
    azimuth = np.arctan2(local[:, 1], local[:, 0]) + random.normal(0.0, noise.azimuth_deviation_rad, count)
    elevation = np.arcsin(np.clip(local[:, 2] / distance, -1.0, 1.0))
    elevation += random.normal(0.0, noise.elevation_deviation_rad, count)
    measured = distance + random.normal(0.0, noise.range_deviation_m, count)
    keep = np.flatnonzero(
        (snr >= config.detection_threshold_db)
        & (measured >= config.min_range_m)
        & (measured <= config.max_range_m)
        & (np.abs(azimuth) <= 0.5 * config.horizontal_fov_rad)
    )
    keep = keep[np.argsort(measured[keep], kind="stable")]
    azimuth, elevation, measured = azimuth[keep], elevation[keep], measured[keep]
    detections = np.empty(len(keep), dtype=DETECTION)
    detections["x"] = measured * np.cos(elevation) * np.cos(azimuth)
    detections["y"] = measured * np.cos(elevation) * np.sin(azimuth)
    detections["z"] = measured * np.sin(elevation)
    detections["radial_speed"], detections["rcs"], detections["snr"] = speed[keep], rcs[keep], snr[keep]
    return detections, reflections.owner[keep]
