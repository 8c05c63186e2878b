"""Radar clouds by hand, and simulated ones with their truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass, EgoState, TrackedAgents
from zoox_prediction.sensor_data import Measurement, PointCloud
from zoox_prediction.simulation.sensors.config import Mount, RadarConfig, RadarNoise
from zoox_prediction.simulation.sensors.ground import Ground
from zoox_prediction.simulation.sensors.radar import radar_scan
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.suite_file import load_suite_config
from zoox_prediction.simulation.sensors.truth import SensorTruth

STAMP_NS = 12_100_000_000
HEIGHT_M = 0.6


def measurement(velocity: tuple[float, float] = (0.0, 0.0)) -> Measurement:
    """Of a radar at the front of the vehicle, facing ahead."""
    pose = np.eye(4)
    pose[:3, 3] = 4.0, 0.0, HEIGHT_M
    return Measurement(STAMP_NS, "radar_front", "radar_front", pose, velocity=np.array([*velocity, 0.0]))


def cloud(
    places: list[tuple[float, float]] | NDArray,
    over_ground: list[tuple[float, float]] | NDArray | None = None,
    rcs_dbsm: list[float] | float = 5.0,
    own: tuple[float, float] = (0.0, 0.0),
) -> PointCloud:
    """Exact points in the radar's plane, of things with velocities `over_ground`, seen while it moves with `own`."""
    xy = np.array(places, dtype=float).reshape(-1, 2)
    velocity = np.zeros_like(xy) if over_ground is None else np.array(over_ground, dtype=float)
    line = xy / np.linalg.norm(xy, axis=1, keepdims=True)
    speed = np.einsum("ni,ni->n", line, velocity - np.array(own))
    position = np.column_stack([xy, np.zeros(len(xy))]).astype(np.float32)
    rcs = np.broadcast_to(np.asarray(rcs_dbsm, dtype=np.float32), (len(xy),)).copy()
    return PointCloud(position, radial_speed=speed.astype(np.float32), rcs_dbsm=rcs)


def simulated(
    kinds: list[AgentClass],
    places: list[tuple[float, float]],
    velocity: list[tuple[float, float]] | None = None,
    *,
    own_speed: float = 0.0,
    seed: int = 0,
    noise: RadarNoise | None = None,
) -> tuple[PointCloud, NDArray[np.int64]]:
    """A scan of the package's radar, and the agent of every point (-1: none); places are in the radar's frame."""
    first = next(each for each in load_suite_config().sensors if isinstance(each, RadarConfig))
    config = replace(first, mount=Mount(4.0, 0.0, HEIGHT_M), noise=noise or first.noise)
    size = DEFAULT_SIZE_M[np.array(kinds, dtype=int)]
    position = np.column_stack([np.array(places, dtype=float), size[:, 2] / 2.0])
    position[:, 0] += 4.0
    speed = np.zeros((len(kinds), 2)) if velocity is None else np.array(velocity, dtype=float)
    yaw = np.where(np.linalg.norm(speed, axis=1) > 0.0, np.arctan2(speed[:, 1], speed[:, 0]), 0.0)
    agents = TrackedAgents.from_states(STAMP_NS, np.arange(len(kinds)), np.array(kinds), position, yaw, speed, size)
    truth = SensorTruth(agents, EgoState(STAMP_NS, np.zeros(2), 0.0, np.array([own_speed, 0.0]), 0.0))
    points, owner = radar_scan(config, Scenery(truth, Ground(truth.road_network)), np.random.default_rng(seed))
    xyz = np.column_stack([points[axis] for axis in "xyz"]).astype(np.float32)
    return PointCloud(xyz, radial_speed=points["radial_speed"].copy(), rcs_dbsm=points["rcs"].copy()), owner
