"""Small scenes for the raster: agents, an ego, and everything of it turned and moved."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from zoox_prediction.geometry import rotation_matrix, wrap_angle
from zoox_prediction.maps.road_network import Ragged, RoadNetwork
from zoox_prediction.raster.rasterizer import Rasterizer
from zoox_prediction.scene import AgentClass, EgoState, Scene, TrackedAgents, TrafficSignals

NUM_PAST, TIME_STEP_S = 21, 0.1


def ego_at(x: float = 0.0, y: float = 0.0, yaw: float = 0.0, speed: float = 0.0) -> EgoState:
    velocity = speed * np.array([np.cos(yaw), np.sin(yaw)])
    return EgoState(0, np.array([x, y]), yaw, velocity)


def agents_at(position, agent_class=AgentClass.CAR, yaw=0.0, velocity=(0.0, 0.0), size=None, ids=None, **more):
    """Agents at (N, 2) positions; the rest is for all of them, or one value each."""
    position = np.asarray(position, dtype=float).reshape(-1, 2)
    count = len(position)
    return TrackedAgents.from_states(
        0,
        np.arange(1, count + 1) if ids is None else ids,
        np.broadcast_to(agent_class, count),
        position,
        np.broadcast_to(np.asarray(yaw, dtype=float), count),
        np.broadcast_to(np.asarray(velocity, dtype=float), (count, 2)),
        None if size is None else np.broadcast_to(np.asarray(size, dtype=float), (count, 3)),
        **{name: np.broadcast_to(np.asarray(value), (count, *np.shape(value)[1:])) for name, value in more.items()},
    )


def scene_of(agents: TrackedAgents | None = None, ego: EgoState | None = None, **more) -> Scene:
    """Agents that have always gone on as they do now, and so has the ego; its base_link is the middle of its box."""
    agents = TrackedAgents.empty(0) if agents is None else agents
    ago = TIME_STEP_S * np.arange(NUM_PAST - 1, -1, -1)
    past = {
        "past_position": agents.position[:, None, :2] - ago[:, None] * agents.velocity[:, None],
        "past_yaw": np.repeat(agents.yaw[:, None], NUM_PAST, axis=1),
        "past_velocity": np.repeat(agents.velocity[:, None], NUM_PAST, axis=1),
        "past_valid": np.ones((len(agents), NUM_PAST), dtype=bool),
    }
    if ego is not None:
        way = ego.position - ago[:, None] * ego.velocity
        past["ego_past"] = np.column_stack([way, np.full(NUM_PAST, ego.yaw)])
        past["ego_past_valid"] = np.ones(NUM_PAST, dtype=bool)
    more = {"ego_center_offset_m": 0.0, **more}
    return Scene(stamp_ns=0, agents=agents, ego=ego, time_step_s=TIME_STEP_S, **{**past, **more})


def signals_of(states: dict[int, int]) -> TrafficSignals:
    """The states of signals by id."""
    count = len(states)
    return TrafficSignals(
        ids=np.array(list(states), dtype=np.int64),
        state=np.array(list(states.values()), dtype=np.uint8),
        state_stamp_ns=np.zeros(count, dtype=np.int64),
        confidence=np.ones(count),
    )


def moved(scene: Scene, angle: float, offset) -> Scene:
    """The scene, with its map, turned about the origin and then moved."""
    turn = rotation_matrix(angle).T

    def points(values):
        return values @ turn + offset

    agents, ego = scene.agents, scene.ego
    changes = {
        "agents": replace(
            agents,
            position=np.column_stack([points(agents.position[:, :2]), agents.position[:, 2]]),
            yaw=wrap_angle(agents.yaw + angle),
            velocity=agents.velocity @ turn,
            acceleration=agents.acceleration @ turn,
        ),
        "past_position": points(scene.past_position),
        "past_yaw": wrap_angle(scene.past_yaw + angle),
        "past_velocity": scene.past_velocity @ turn,
        "road_network": moved_network(scene.road_network, points),
        "route": points(scene.route),
    }
    if ego is not None:
        position, velocity = points(ego.position), ego.velocity @ turn
        changes["ego"] = replace(ego, position=position, yaw=float(wrap_angle(ego.yaw + angle)), velocity=velocity)
        way = scene.ego_past
        changes["ego_past"] = np.column_stack([points(way[:, :2]), way[:, 2] + angle])
    return replace(scene, **changes)


def moved_network(network: RoadNetwork, points) -> RoadNetwork:
    """The road network with `points` done to all of its points."""

    def changed(record):
        changes = {}
        for each in fields(record):
            value = getattr(record, each.name)
            if isinstance(value, Ragged) and value.values.ndim == 2:
                changes[each.name] = Ragged(points(value.values), value.offsets)
        return replace(record, **changes)

    network = replace(changed(network), lanes=changed(network.lanes))
    return replace(network, signal_positions=points(network.signal_positions))


def pixel(rasterizer: Rasterizer, raster: np.ndarray, scene: Scene, channel: str, at) -> int:
    """The pixel of a channel that holds a map point (2,)."""
    column, row = np.floor(rasterizer.frame(scene).pixels_from_map(at) + 0.5).astype(int)
    return int(raster[rasterizer.table.index(channel), row, column])


def value(rasterizer: Rasterizer, raster: np.ndarray, scene: Scene, channel: str, at) -> float:
    """The value of a channel at a map point (2,); NaN where nothing is drawn."""
    return float(rasterizer.table.decode(channel, pixel(rasterizer, raster, scene, channel, at)))
