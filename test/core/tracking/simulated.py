"""Agents on given ways, and detectors that see them with noise, misses, clutter, hidden and unseen sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detections import Detections, Modality
from zoox_prediction.geometry import box_corners, rotation_matrix, wrap_angle
from zoox_prediction.scene import DEFAULT_SIZE_M, NUM_CLASSES, AgentClass, EgoState, TrackedAgents
from zoox_prediction.tracking.tracker import Tracker

FloatArray = NDArray[np.float64]
Way = Callable[[float], tuple[float, float]]  # place at a time

START_NS = 1_000_000_000_000
_STEP_S = 0.01
_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class Agent:
    """One road user; its heading is that of its way, or `yaw` while it stands."""

    kind: AgentClass
    way: Way
    yaw: float | None = None
    size: tuple[float, float, float] | None = None
    attributes: int = 0

    def state(self, t: float) -> tuple[FloatArray, FloatArray, float]:
        """Place (2,), velocity (2,), heading."""
        before, after = (np.array(self.way(t + dt)) for dt in (-_STEP_S, _STEP_S))
        velocity = (after - before) / (2.0 * _STEP_S)
        moving = np.linalg.norm(velocity) > 0.05
        yaw = np.arctan2(velocity[1], velocity[0]) if moving and self.yaw is None else (self.yaw or 0.0)
        return np.array(self.way(t)), velocity, float(yaw)


def truth(agents: Sequence[Agent], t: float) -> TrackedAgents:
    """The agents on flat ground; ids are their rows + 1."""
    states = [agent.state(t) for agent in agents]
    size = np.array([agent.size or DEFAULT_SIZE_M[agent.kind] for agent in agents]).reshape(-1, 3)
    place = np.array([state[0] for state in states]).reshape(-1, 2)
    return TrackedAgents.from_states(
        stamp_ns(t),
        np.arange(len(agents)) + 1,
        np.array([agent.kind for agent in agents], dtype=int),
        np.column_stack([place, 0.5 * size[:, 2]]),
        np.array([state[2] for state in states]),
        np.array([state[1] for state in states]).reshape(-1, 2),
        size,
        attributes=np.array([agent.attributes for agent in agents], dtype=np.uint32),
    )


def stamp_ns(t: float) -> int:
    return START_NS + round(t * 1e9)


@dataclass(frozen=True)
class Sensor:
    """A detector's sensor on the ego."""

    name: str
    modality: Modality
    mount: tuple[float, float, float, float]  # x, y, z, yaw on base_link
    fov_rad: float = 4.7
    reach_m: float = 80.0
    detection_probability: float = 0.95
    clutter: float = 0.3  # mean number of false detections
    offset_s: float = 0.0  # of its stamps
    yaw_error_rad: float = 0.0  # of the mounting that is told against the real one
    # 1 sigma, and per metre of distance of half the size, of what is off with all boxes of an agent in the same way
    lasting_m: float = 0.0
    lasting_per_m: float = 0.0


def corner_sensors(*modalities: Modality) -> list[Sensor]:
    """Four of each kind, as on the package's own vehicle."""
    fov = {Modality.LIDAR: 4.7, Modality.RADAR: 2.6, Modality.CAMERA: 2.0, Modality.THERMAL: 1.2}
    height = {Modality.LIDAR: 1.8, Modality.RADAR: 0.6, Modality.CAMERA: 1.7, Modality.THERMAL: 1.7}
    found = {Modality.LIDAR: 0.95, Modality.RADAR: 0.8, Modality.CAMERA: 0.8, Modality.THERMAL: 0.7}
    corners = [(3.75, 1.0, 0.785), (3.75, -1.0, -0.785), (-0.95, 1.0, 2.356), (-0.95, -1.0, -2.356)]
    return [
        Sensor(
            f"{kind.name.lower()}_{i}", kind, (x, y, height[kind], yaw), fov[kind], detection_probability=found[kind]
        )
        for kind in modalities
        for i, (x, y, yaw) in enumerate(corners)
    ]


@dataclass
class Drive:
    """A world and a vehicle with sensors in it."""

    agents: Sequence[Agent]
    sensors: Sequence[Sensor]
    ego_way: Way = field(default=lambda t: (0.0, 0.0))
    seed: int = 0
    hidden_by_walls: Callable[[int, float], bool] = field(default=lambda row, t: False)

    def ego(self, t: float) -> EgoState:
        place, velocity, yaw = Agent(AgentClass.CAR, self.ego_way).state(t)
        return EgoState(stamp_ns(t), place, yaw, velocity)

    def pose(self, sensor: Sensor, t: float, told: bool = True) -> tuple[FloatArray, FloatArray]:
        """map_from_sensor (4, 4) as it is told or as it really is, and the sensor's velocity (3,)."""
        ego = self.ego(t)
        x, y, z, yaw = sensor.mount
        pose = np.eye(4)
        heading = ego.yaw + yaw + (0.0 if told else sensor.yaw_error_rad)
        pose[:2, :2] = rotation_matrix(heading)
        pose[:2, 3] = ego.position + rotation_matrix(ego.yaw) @ np.array([x, y])
        pose[2, 3] = z
        if sensor.modality.is_image:
            pose[:3, :3] = pose[:3, :3] @ _OPTICAL
        return pose, np.array([*ego.velocity, 0.0])

    def detections(self, sensor: Sensor, t: float) -> Detections:
        random = np.random.default_rng([self.seed, abs(hash_name(sensor.name)), round(t * 1e6)])
        agents = truth(self.agents, t)
        pose, velocity = self.pose(sensor, t, told=False)
        away, bearing = _polar(agents.position[:, :2], pose, sensor)
        seen = visible_share(agents, pose[:3, 3])
        walls = np.array([self.hidden_by_walls(row, t) for row in range(len(agents))], dtype=bool)
        chance = sensor.detection_probability * (seen > 0.35) * (away < sensor.reach_m) * ~walls
        found = (random.random(len(agents)) < chance) & (np.abs(bearing) < 0.5 * sensor.fov_rad)
        rows = np.flatnonzero(found)
        make = _bearing_detections if sensor.modality.is_image else _box_detections
        lasting = np.random.default_rng([self.seed, hash_name(sensor.name)]).normal(size=(len(agents), 3))
        half = np.column_stack([0.5 * agents.size[:, :2], np.zeros(len(agents))])
        lasting *= np.hypot(sensor.lasting_m * (half > 0.0), sensor.lasting_per_m * away[:, None] * half)
        lasting[:, :2] = np.einsum("nij,nj->ni", rotation_matrix(agents.yaw), lasting[:, :2])
        seen_at = replace(agents, position=agents.position + lasting)
        return make(sensor, seen_at.select(rows), pose, velocity, random, stamp_ns(t))

    def messages(self, seconds: float, rate_hz: float = 10.0) -> Iterator[tuple[Detections, FloatArray, FloatArray]]:
        """Of all sensors in the order of their stamps."""
        for step in range(round(seconds * rate_hz)):
            for sensor in sorted(self.sensors, key=lambda each: each.offset_s):
                t = step / rate_hz + sensor.offset_s
                yield (self.detections(sensor, t), *self.pose(sensor, t))


def hash_name(name: str) -> int:
    return sum((i + 1) * ord(letter) for i, letter in enumerate(name))


def run(drive: Drive, tracker: Tracker, seconds: float, rate_hz: float = 10.0) -> list[TrackedAgents]:
    """Tracks at 10 Hz, each at the stamp of the last messages."""
    outputs = []
    last = max(sensor.offset_s for sensor in drive.sensors)
    per_step = len(drive.sensors)
    for i, message in enumerate(drive.messages(seconds, rate_hz)):
        tracker.add(*message)
        if i % per_step == per_step - 1:
            t = (i // per_step) / rate_hz + last
            outputs.append(tracker.tracks_at(stamp_ns(t), drive.ego(t)))
    return outputs


def visible_share(agents: TrackedAgents, origin: FloatArray) -> FloatArray:
    """(N,) share of the angle of each agent that no nearer one covers, by counting rays."""
    rays = np.linspace(-np.pi, np.pi, 1440, endpoint=False)
    if not len(agents):
        return np.zeros(0)
    corners = box_corners(agents.position[:, :2], agents.yaw, agents.size[:, :2]) - origin[:2]
    middle = agents.position[:, :2] - origin[:2]
    center = np.arctan2(middle[:, 1], middle[:, 0])
    around = wrap_angle(np.arctan2(corners[..., 1], corners[..., 0]) - center[:, None])
    turn = wrap_angle(rays[None] - center[:, None])
    hit = (turn >= around.min(axis=1)[:, None]) & (turn <= around.max(axis=1)[:, None])
    away = np.where(hit, np.linalg.norm(middle, axis=1)[:, None], np.inf)
    first = np.where(np.isfinite(away.min(axis=0)), away.argmin(axis=0), -1)
    return np.bincount(first[first >= 0], minlength=len(agents)) / np.maximum(hit.sum(axis=1), 1)


def class_probabilities(kinds: NDArray, sure: float) -> FloatArray:
    """(N, 8) with `sure` on the class."""
    told = np.full((len(kinds), NUM_CLASSES), (1.0 - sure) / (NUM_CLASSES - 1))
    told[np.arange(len(kinds)), kinds] = sure
    return told


def _polar(places: FloatArray, pose: FloatArray, sensor: Sensor) -> tuple[FloatArray, FloatArray]:
    ahead = pose[:2, 2 if sensor.modality.is_image else 0]
    sight = places - pose[:2, 3]
    return np.linalg.norm(sight, axis=1), wrap_angle(
        np.arctan2(sight[:, 1], sight[:, 0]) - np.arctan2(ahead[1], ahead[0])
    )


def _box_detections(
    sensor: Sensor,
    agents: TrackedAgents,
    pose: FloatArray,
    velocity: FloatArray,
    random: np.random.Generator,
    stamp: int,
) -> Detections:
    """As the package's detectors: a side that is not seen is where it usually is, and the covariance says so."""
    is_radar = sensor.modality == Modality.RADAR
    count = len(agents)
    kinds = agents.agent_class
    sight = agents.position[:, :2] - pose[:2, 3]
    away = np.linalg.norm(sight, axis=1)
    unit = sight / away[:, None]
    axes = rotation_matrix(agents.yaw)
    deviation = 0.08 + 0.0025 * away
    center, size = agents.position.copy(), agents.size.copy()
    variance = np.tile((deviation**2)[:, None], (1, 2))
    if is_radar:
        variance = np.column_stack([np.full(count, 0.5**2), 0.4**2 + (0.01 * away) ** 2])
        # The middle of the box is behind the near side by what is usual, whichever way the agent stands.
        turn = agents.yaw - np.arctan2(unit[:, 1], unit[:, 0])
        depth = np.abs(np.cos(turn)) * size[:, 0] + np.abs(np.sin(turn)) * size[:, 1]
        center[:, :2] += (0.25 * (size[:, 0] + size[:, 1]) - 0.5 * depth)[:, None] * unit
        axes = rotation_matrix(np.arctan2(unit[:, 1], unit[:, 0]))
    else:
        for axis in range(2):
            facing = np.abs((axes[:, :, 1 - axis] * unit).sum(axis=1))
            hidden = facing < 0.15  # the face along this axis is not seen
            half_deviation = 0.25 if axis == 0 else 0.08
            usual = DEFAULT_SIZE_M[kinds, axis]
            growth = np.where(hidden, usual - size[:, axis], 0.0)
            outward = np.sign((axes[:, :, axis] * unit).sum(axis=1))
            center[:, :2] += (0.5 * growth * outward)[:, None] * axes[:, :, axis]
            size[:, axis] += growth
            variance[:, axis] += np.where(hidden, half_deviation**2, 0.0)
    noise = np.einsum(
        "nij,nj->ni",
        axes,
        random.normal(size=(count, 2)) * np.sqrt(np.where(is_radar, variance, (deviation**2)[:, None])),
    )
    center[:, :2] += noise
    shaped = np.isin(kinds, [AgentClass.PEDESTRIAN, AgentClass.ANIMAL, AgentClass.UNKNOWN])
    yaw_deviation = np.where(shaped | is_radar, 0.9, 0.05)
    yaw = agents.yaw + np.where(
        shaped | is_radar, random.uniform(-np.pi, np.pi, count), random.normal(0.0, 0.05, count)
    )
    yaw = yaw + np.pi * random.integers(0, 2, count)
    covariance = np.zeros((count, 4, 4))
    covariance[:, :2, :2] = np.einsum("nij,nj,nkj->nik", axes, variance, axes)
    covariance[:, 2, 2], covariance[:, 3, 3] = 0.15**2, yaw_deviation**2
    radial = ((agents.velocity - velocity[:2]) * unit).sum(axis=1) + random.normal(0.0, 0.15, count)
    classes = class_probabilities(kinds, 0.3 if is_radar else 0.8)
    rotation = np.eye(4)
    rotation[:3, :3] = pose[:3, :3].T
    detections = Detections(
        stamp, sensor.name, sensor.name, sensor.modality, classes, np.full(count, 0.9), np.zeros(count, np.uint32),
        np.zeros(count, np.uint32), np.zeros(count), (center - pose[:3, 3]) @ pose[:3, :3],
        wrap_angle(yaw - np.arctan2(pose[1, 0], pose[0, 0])), size, rotation @ covariance @ rotation.T,
        radial_speed=radial if is_radar else None, radial_speed_variance=np.full(count, 0.15**2) if is_radar else None,
    )  # fmt: skip
    return _with_clutter(detections, sensor, velocity, pose, random)


def _with_clutter(
    detections: Detections, sensor: Sensor, velocity: FloatArray, pose: FloatArray, random: np.random.Generator
) -> Detections:
    count = random.poisson(sensor.clutter)
    azimuth = random.uniform(-0.5, 0.5, count) * sensor.fov_rad
    away = sensor.reach_m * np.sqrt(random.random(count))
    unit = np.column_stack([np.cos(azimuth), np.sin(azimuth)])
    is_radar = sensor.modality == Modality.RADAR
    assert detections.center is not None and detections.yaw is not None
    assert detections.size is not None and detections.covariance is not None
    own = velocity @ pose[:3, :3]
    radial, variance = detections.radial_speed, detections.radial_speed_variance
    return Detections(
        detections.stamp_ns, detections.frame_id, detections.sensor_name, detections.modality,
        np.concatenate([detections.class_probabilities, np.full((count, NUM_CLASSES), 1.0 / NUM_CLASSES)]),
        np.concatenate([detections.existence_probability, np.full(count, 0.4)]),
        np.concatenate([detections.attributes, np.zeros(count, np.uint32)]),
        np.concatenate([detections.attributes_valid, np.zeros(count, np.uint32)]),
        np.concatenate([detections.attribute_confidence, np.zeros(count)]),
        np.concatenate([detections.center, np.column_stack([away[:, None] * unit, np.zeros(count)])]),
        np.concatenate([detections.yaw, random.uniform(-np.pi, np.pi, count)]),
        np.concatenate([detections.size, np.tile([1.0, 1.0, 1.5], (count, 1))]),
        np.concatenate([detections.covariance, np.tile(np.diag([0.04, 0.04, 0.1, 0.9]), (count, 1, 1))]),
        radial_speed=np.concatenate([radial, -(unit @ own[:2])]) if is_radar and radial is not None else None,
        radial_speed_variance=np.concatenate([variance, np.full(count, 0.04)]) if variance is not None else None,
    )  # fmt: skip


def _bearing_detections(
    sensor: Sensor,
    agents: TrackedAgents,
    pose: FloatArray,
    velocity: FloatArray,
    random: np.random.Generator,
    stamp: int,
) -> Detections:
    count = len(agents)
    corners = box_corners(agents.position[:, :2], agents.yaw, agents.size[:, :2])
    low = np.concatenate([corners, np.zeros((count, 4, 1))], axis=2)
    high = np.concatenate([corners, np.broadcast_to(agents.size[:, None, 2:], (count, 4, 1))], axis=2)
    local = (np.concatenate([low, high], axis=1) - pose[:3, 3]) @ pose[:3, :3]
    azimuth = np.arctan2(-local[..., 0], local[..., 2])
    elevation = np.arctan2(-local[..., 1], np.hypot(local[..., 0], local[..., 2]))
    box = np.stack(
        [
            azimuth.max(axis=1, initial=-9),
            elevation.max(axis=1, initial=-9),
            azimuth.min(axis=1, initial=9),
            elevation.min(axis=1, initial=9),
        ],
        axis=1,
    )
    bits = agents.attributes
    return Detections(
        stamp, sensor.name, sensor.name, sensor.modality, class_probabilities(agents.agent_class, 0.85),
        np.full(count, 0.9), bits, np.full(count, 0xFFFFFFFF, np.uint32) & np.uint32(2047), np.full(count, 0.8),
        bearing_box=box + random.normal(0.0, 0.004, (count, 4)),
        bearing_covariance=np.full((count, 4), 0.004**2),
        apparent_temperature=np.full(count, np.nan) if sensor.modality == Modality.THERMAL else None,
    )  # fmt: skip
