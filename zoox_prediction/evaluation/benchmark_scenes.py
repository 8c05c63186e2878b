"""Scenes of any number of agents on any map, for timing: seeded, and the same on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.prediction.scene_history import SceneHistory, SceneHistoryConfig
from zoox_prediction.scene import AgentClass, CandidatePlans, EgoState, Scene, TrackedAgents

START_NS = 1_000_000_000
_CLASSES = (AgentClass.CAR, AgentClass.TRUCK, AgentClass.CYCLIST, AgentClass.PEDESTRIAN)
_SHARES = (0.6, 0.1, 0.1, 0.2)
_MAX_SPEED_MPS = (12.0, 10.0, 6.0, 1.8)  # in the order of _CLASSES
_SPREAD_M = 3.0  # pedestrians walk this far from the centreline


def observations(network: RoadNetwork, num_agents: int, duration_s: float = 2.0, seed: int = 0) -> list[TrackedAgents]:
    """Frames at 10 Hz of agents that go straight on, and at the last one are spread evenly over the lanes."""
    random = np.random.default_rng(seed)
    position, yaw = _places_on_lanes(network, num_agents, random)
    kind = random.choice(len(_CLASSES), size=num_agents, p=_SHARES)
    speed = random.uniform(0.2, 1.0, num_agents) * np.array(_MAX_SPEED_MPS)[kind]
    walking = np.array(_CLASSES)[kind] == AgentClass.PEDESTRIAN
    yaw = np.where(walking, random.uniform(-np.pi, np.pi, num_agents), yaw)
    position = position + np.where(walking[:, None], random.normal(0.0, _SPREAD_M, (num_agents, 2)), 0.0)
    velocity = speed[:, None] * np.column_stack([np.cos(yaw), np.sin(yaw)])
    ids, agent_class = np.arange(1, num_agents + 1), np.array(_CLASSES)[kind]
    count = round(duration_s * 10)
    return [
        TrackedAgents.from_states(
            START_NS + step * 100_000_000, ids, agent_class, position - velocity * (count - step) / 10, yaw, velocity
        )
        for step in range(count + 1)
    ]


def traffic(network: RoadNetwork, num_agents: int, duration_s: float, seed: int = 0) -> list[TrackedAgents]:
    """Frames at 10 Hz of agents that start as at the end of `observations` and then keep to their lanes.

    Walkers, and whoever reaches the end of the map, go straight on.
    """
    start = observations(network, num_agents, seed=seed)[-1]
    speed = np.linalg.norm(start.velocity, axis=1)
    steps = round(duration_s * 10) + 1
    travelled = speed[:, None] * np.arange(steps) / 10  # (N, T)
    heading = np.repeat(np.arctan2(start.velocity[:, 1], start.velocity[:, 0])[:, None], steps, axis=1)
    position = start.position[:, None, :2] + travelled[..., None] * np.stack([np.cos(heading), np.sin(heading)], -1)
    paths = LaneGraph(network).paths(position[:, 0], heading[:, 0], travelled[:, -1], max_paths=1)
    on_lane = start.agent_class[paths.agent] != AgentClass.PEDESTRIAN
    for row in np.flatnonzero(on_lane):  # prepared once, before anything is timed
        agent, num_points = paths.agent[row], int(paths.valid[row].sum())
        at = travelled[agent]
        inside = at <= (num_points - 1) * paths.spacing_m
        along = np.arange(num_points) * paths.spacing_m
        for axis in (0, 1):
            position[agent, inside, axis] = np.interp(at[inside], along, paths.points[row, :num_points, axis])
        heading[agent, inside] = np.interp(at[inside], along, np.unwrap(paths.heading[row, :num_points]))
    velocity = speed[:, None, None] * np.stack([np.cos(heading), np.sin(heading)], -1)
    return [
        TrackedAgents.from_states(
            START_NS + step * 100_000_000,
            start.ids,
            start.agent_class,
            position[:, step],
            heading[:, step],
            velocity[:, step],
        )
        for step in range(steps)
    ]


def scene_on(network: RoadNetwork, num_agents: int, seed: int = 0) -> Scene:
    """A scene of `num_agents` agents with 2 s of past, and an ego on the first lane."""
    history = SceneHistory(SceneHistoryConfig())
    history.set_road_network(network)
    ego_position, ego_yaw = _places_on_lanes(network, 1, np.random.default_rng(seed))
    ego_velocity = 8.0 * np.array([np.cos(ego_yaw[0]), np.sin(ego_yaw[0])])
    frames = observations(network, num_agents, seed=seed)
    for frame in frames:
        ahead_s = (frame.stamp_ns - frames[-1].stamp_ns) * 1e-9
        history.add_ego(
            EgoState(frame.stamp_ns, ego_position[0] + ahead_s * ego_velocity, float(ego_yaw[0]), ego_velocity)
        )
        history.add_agents(frame)
    scene = history.scene()
    if scene is None:
        raise AssertionError("a history with agents has a scene")
    return scene


def plans_for(scene: Scene, num_plans: int, horizon_s: float = 8.0, time_step_s: float = 0.1) -> CandidatePlans:
    """Plans of the ego straight ahead at `num_plans` accelerations from braking hard to driving off."""
    if scene.ego is None:
        raise ValueError("the scene has no ego")
    times = (np.arange(round(horizon_s / time_step_s)) + 1) * time_step_s
    start_speed = float(np.hypot(*scene.ego.velocity))
    speed = np.maximum(start_speed + np.linspace(-4.0, 2.0, num_plans)[:, None] * times, 0.0)
    travelled = np.cumsum(speed, axis=1) * time_step_s
    heading = np.array([np.cos(scene.ego.yaw), np.sin(scene.ego.yaw)])
    return CandidatePlans(
        start_ns=scene.stamp_ns,
        time_step_s=time_step_s,
        position=scene.ego.position + travelled[..., None] * heading,
        yaw=np.full(speed.shape, scene.ego.yaw),
        speed=speed,
        valid=np.ones(speed.shape, dtype=bool),
    )


def _places_on_lanes(network: RoadNetwork, count: int, random: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Positions (count, 2) and headings (count,) on the centrelines, long lanes as often as their share of the map."""
    lines = [line for line in map(network.lanes.centerline.__getitem__, range(len(network.lanes))) if len(line) >= 2]
    if not lines:
        return random.uniform(-100.0, 100.0, (count, 2)), random.uniform(-np.pi, np.pi, count)
    start = np.concatenate([line[:-1] for line in lines])
    along = np.concatenate([np.diff(line, axis=0) for line in lines])
    length = np.hypot(along[:, 0], along[:, 1])
    segment = random.choice(len(start), size=count, p=length / length.sum())
    position = start[segment] + random.random((count, 1)) * along[segment]
    return position, np.arctan2(along[segment, 1], along[segment, 0])
