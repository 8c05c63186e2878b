"""Made-up street scenes for the lidar's classifier: road users of all kinds, close together, among what is in the way.

The simulated towns have no houses, poles or bushes, and a classifier that never saw them would take them for people; so
these scenes are drawn without a town. Everything is drawn from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import box_distance
from zoox_prediction.scene import VEHICLE_CLASSES, AgentClass, EgoState, TrackedAgents
from zoox_prediction.simulation.sensors.config import LidarConfig, Modality, Mount
from zoox_prediction.simulation.sensors.lidar import lidar_sweep
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.solids import Solids, solids_of
from zoox_prediction.simulation.sensors.suite_file import load_suite_config
from zoox_prediction.simulation.sensors.truth import SensorTruth
from zoox_prediction.training.lidar_clutter import draw_clutter, join_solids

FloatArray = NDArray[np.float64]

_REACH_M = 65.0
_FREE_M = 4.0  # around the ego
_MOST_MOVED_M = 0.16
_SHAPE_DEVIATION = 0.06  # 1 sigma, of the extent of each part of a road user


@dataclass(frozen=True)
class _Kind:
    """Road users of one kind: what they are, what they look like in the simulator, their sizes and how common."""

    label: AgentClass
    shape: AgentClass
    low: tuple[float, float, float]  # length, width, height [m]
    high: tuple[float, float, float]
    share: float


_KINDS = (
    _Kind(AgentClass.CAR, AgentClass.CAR, (3.3, 1.55, 1.3), (5.1, 2.05, 1.8), 0.28),
    _Kind(AgentClass.CAR, AgentClass.BUS, (3.8, 1.7, 1.75), (5.6, 2.1, 2.4), 0.1),  # vans
    _Kind(AgentClass.TRUCK, AgentClass.TRUCK, (5.5, 2.1, 2.4), (13.0, 2.6, 3.9), 0.06),
    _Kind(AgentClass.BUS, AgentClass.BUS, (8.5, 2.4, 2.8), (18.0, 2.6, 3.5), 0.04),
    _Kind(AgentClass.MOTORCYCLIST, AgentClass.MOTORCYCLIST, (1.8, 0.65, 1.4), (2.5, 1.0, 1.8), 0.08),
    _Kind(AgentClass.CYCLIST, AgentClass.CYCLIST, (1.5, 0.45, 1.5), (2.0, 0.8, 1.95), 0.14),
    _Kind(AgentClass.PEDESTRIAN, AgentClass.PEDESTRIAN, (0.4, 0.4, 1.45), (1.0, 0.85, 1.95), 0.2),
    _Kind(AgentClass.PEDESTRIAN, AgentClass.PEDESTRIAN, (0.3, 0.3, 1.0), (0.6, 0.5, 1.45), 0.05),  # children
    _Kind(AgentClass.ANIMAL, AgentClass.ANIMAL, (0.6, 0.25, 0.45), (1.3, 0.5, 0.95), 0.05),
)


@dataclass(frozen=True)
class LabelledSweep:
    """A sweep and whose every point is."""

    position: NDArray[np.float32]  # (N, 3) in the sensor's frame [m]
    owner: NDArray[np.int64]  # (N,) row of the road user, -1 elsewhere
    agents: TrackedAgents  # A of them; the frame is base_link, and the classes are those to be learned
    base_from_sensor: FloatArray  # (4, 4)


def draw_sweep(seed: int) -> LabelledSweep:
    """The sweep of a scene."""
    random = np.random.default_rng([seed, 17])
    agents, labels = _draw_agents(random, int(random.integers(25, 90)))
    config = _draw_lidar(random)
    ego = EgoState(agents.stamp_ns, np.zeros(2), 0.0, np.zeros(2))
    truth = SensorTruth(agents=agents, ego=ego, ego_height_m=config.mount.z_m - 1.0)
    clutter = draw_clutter(random, agents, _REACH_M, _FREE_M, first_owner=len(agents))
    scenery = _CrowdedScenery(truth, clutter.solids, random)
    points, owner = lidar_sweep(config, scenery, random)
    position = np.column_stack([points[name] for name in ("x", "y", "z")]).astype(np.float32)
    # Dark and wet surfaces give back less, bodies are not as smooth as those of the simulator.
    body = random.uniform(0.0, 0.07, len(agents))
    returned = random.uniform(0.25, 1.0, len(agents) + len(clutter.roughness_m))
    kept = (owner < 0) | (random.random(len(owner)) < returned[owner])
    position, owner = position[kept], owner[kept]
    rough = np.concatenate([body, clutter.roughness_m, [0.0]])[owner]
    rough += _through_windows(random, position, owner, agents, labels, config)
    position *= (1.0 + random.exponential(rough) / np.linalg.norm(position, axis=1)).astype(np.float32)[:, None]
    classes = np.eye(agents.class_probabilities.shape[1])[labels]
    return LabelledSweep(
        position=position,
        owner=np.where(owner < len(agents), owner, -1),
        agents=replace(agents, class_probabilities=classes, frame_id="base_link"),
        base_from_sensor=config.mount.base_from_sensor,
    )


def _through_windows(
    random: np.random.Generator,
    position: NDArray[np.float32],
    owner: NDArray[np.int64],
    agents: TrackedAgents,
    labels: NDArray[np.int64],
    config: LidarConfig,
) -> FloatArray:
    """(N,) how deep points go into vehicles, which the simulator's pulses do not: through some of the upper half."""
    share = np.where(np.isin(labels, VEHICLE_CLASSES[:3]), random.uniform(0.0, 0.6, len(agents)), 0.0)
    depth = random.uniform(0.2, 1.0, len(agents))
    of_agent = (owner >= 0) & (owner < len(agents))
    row = np.where(of_agent, owner, 0)
    high = position[:, 2] + config.mount.z_m > 0.5 * agents.size[row, 2]
    through = of_agent & high & (random.random(len(owner)) < share[row])
    return np.where(through, depth[row], 0.0)


class _CrowdedScenery(Scenery):
    """A scenery with more in it than road users."""

    def __init__(self, truth: SensorTruth, clutter: Solids, random: np.random.Generator) -> None:
        super().__init__(truth)
        self._clutter, self._random = clutter, random

    @cached_property
    def solids(self) -> Solids:
        return join_solids([self._shaped(solids_of(self.truth)), self._clutter])

    def _shaped(self, solids: Solids) -> Solids:
        """Corners moved, so that no two cars are alike; edges stay where they were along z."""
        spread = np.minimum(_SHAPE_DEVIATION * np.ptp(solids.corners, axis=1), _MOST_MOVED_M)
        moved = solids.corners + self._random.normal(0.0, 1.0, solids.corners.shape) * spread[:, None, :] * [1, 1, 0.5]
        return replace(solids, corners=np.where((solids.owner >= 0)[:, None, None], moved, solids.corners))


def _draw_lidar(random: np.random.Generator) -> LidarConfig:
    """One of the vehicle's own, or one on the roof as others have it."""
    own = [each for each in load_suite_config().sensors if isinstance(each, LidarConfig)]
    if random.random() < 0.5:
        return replace(own[random.integers(len(own))], sweep_s=0.0)
    elevations, azimuths = (
        (np.linspace(-0.43, 0.035, 64), 1800),
        (np.linspace(-0.53, 0.18, 32), 1080),
        (np.linspace(-0.3, 0.26, 40), 1800),
        (np.linspace(-0.4, 0.2, 128), 1024),
    )[random.integers(4)]
    return LidarConfig(
        name="roof",
        modality=Modality.LIDAR,
        topic="/points",
        frame_id="roof",
        mount=Mount(float(random.uniform(0.5, 1.8)), 0.0, float(random.uniform(1.65, 2.2))),
        horizontal_fov_rad=2.0 * np.pi,
        elevations_rad=tuple(elevations.tolist()),
        num_azimuths=azimuths,
        min_range_m=1.0,
        max_range_m=120.0,
    )


def _draw_agents(random: np.random.Generator, count: int) -> tuple[TrackedAgents, NDArray[np.int64]]:
    """Road users that do not touch, many of them close to another one, and their classes (A,)."""
    share = np.array([kind.share for kind in _KINDS])
    kinds = [_KINDS[row] for row in random.choice(len(_KINDS), count, p=share / share.sum())]
    size = np.array([random.uniform(kind.low, kind.high) for kind in kinds])
    placed = np.zeros(count, dtype=bool)
    place, yaw = np.zeros((count, 2)), np.zeros(count)
    for row in range(count):  # each is placed among those before it
        gap = random.uniform(0.3, 1.2)
        for _ in range(10):
            place[row], yaw[row] = _draw_place(random, place, yaw, size, placed)
            if np.linalg.norm(place[row]) < _FREE_M + 0.5 * size[row, 0]:
                continue
            others = np.flatnonzero(placed)
            away = box_distance(place[row], yaw[row], size[row, :2], place[others], yaw[others], size[others, :2])
            if (away >= gap).all():
                placed[row] = True
                break
    rows = np.flatnonzero(placed)
    agents = TrackedAgents.from_states(
        10_000_000_000,
        np.arange(len(rows)),
        np.array([kinds[row].shape for row in rows]),
        np.column_stack([place[rows], 0.5 * size[rows, 2]]),
        yaw[rows],
        np.zeros((len(rows), 2)),
        size[rows],
    )
    return agents, np.array([kinds[row].label for row in rows], dtype=np.int64)


def _draw_place(
    random: np.random.Generator, place: FloatArray, yaw: FloatArray, size: FloatArray, placed: NDArray[np.bool_]
) -> tuple[FloatArray, float]:
    """Anywhere, or beside somebody who is there already, then mostly turned as he is."""
    others = np.flatnonzero(placed)
    if len(others) == 0 or random.random() < 0.55:
        away = _REACH_M * np.sqrt(random.uniform(0.003, 1.0)) * random.uniform(0.3, 1.0)
        angle = random.uniform(-np.pi, np.pi)
        return away * np.array([np.cos(angle), np.sin(angle)]), float(random.uniform(-np.pi, np.pi))
    other = others[random.integers(len(others))]
    angle = random.uniform(-np.pi, np.pi)
    away = 0.5 * size[other, 0] * abs(np.cos(angle)) + random.uniform(0.6, 2.5)
    turned = yaw[other] + angle
    new_yaw = yaw[other] + (random.normal(0.0, 0.1) if random.random() < 0.7 else random.uniform(-np.pi, np.pi))
    return place[other] + away * np.array([np.cos(turned), np.sin(turned)]), float(new_yaw)
