"""Small scenes for the features: a crossroads, agents on and beside it, and everything of it turned and moved."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from zoox_prediction.geometry import rotation_matrix, wrap_angle
from zoox_prediction.maps.road_network import NO_ID, Lanes, Ragged, RightOfWay, RoadNetwork
from zoox_prediction.scene import AgentClass, EgoState, Scene, TrackedAgents, TrafficSignals

NUM_PAST, TIME_STEP_S = 21, 0.1
SIGNAL, STOP_X = 7, -14.0  # of the lanes from the west into the junction
LIMIT_MPS = 14.0


def crossroads() -> RoadNetwork:
    """Two lanes eastwards at y = 0 and 3.5 with a crossing at x = -10 to 10, and a way north from the left one.

    Lanes: 0 and 1 before the junction, 2 and 3 across it, 4 turns left, 5 and 6 behind it, 7 northwards. A crosswalk
    lies at x = 20 to 24; traffic signal 7 and its stop line are for lanes 2, 3 and 4; lane 4 yields.
    """
    bend = np.linspace(-0.5 * np.pi, 0.0, 12)
    left = np.array([-10.0, 13.5]) + 10.0 * np.stack([np.cos(bend), np.sin(bend)], axis=1)
    lines = [
        [(-200, 0), (-10, 0)],
        [(-200, 3.5), (-10, 3.5)],
        [(-10, 0), (10, 0)],
        [(-10, 3.5), (10, 3.5)],
        left,
        [(10, 0), (300, 0)],
        [(10, 3.5), (300, 3.5)],
        [(0, 13.5), (0, 300)],
    ]
    inside = np.array([False, False, True, True, True, False, False, False])
    lanes = Lanes(
        ids=np.arange(8),
        type=np.zeros(8, dtype=np.uint8),
        right_of_way=np.array([0, 0, 0, 0, RightOfWay.YIELD, 0, 0, 0], dtype=np.uint8),
        in_intersection=inside,
        speed_limit_mps=np.full(8, LIMIT_MPS),
        left_neighbor=np.array([1, NO_ID, NO_ID, NO_ID, NO_ID, 6, NO_ID, NO_ID]),
        right_neighbor=np.array([NO_ID, 0, NO_ID, NO_ID, NO_ID, NO_ID, 5, NO_ID]),
        signal=np.where(inside, SIGNAL, NO_ID),
        stop_line=np.where(inside, 3, NO_ID),
        successors=Ragged.ids([[2], [3, 4], [5], [6], [7], [], [], []]),
        centerline=Ragged.points(lines),
    )
    return RoadNetwork(
        lanes=lanes,
        crosswalk_ids=np.array([1]),
        crosswalks=Ragged.points([[(20, -4), (24, -4), (24, 8), (20, 8)]]),
        crosswalk_signal=np.array([NO_ID]),
        stop_line_ids=np.array([3]),
        stop_lines=Ragged.points([[(STOP_X, -1.75), (STOP_X, 5.25)]]),
    )


def agents_at(position, agent_class=AgentClass.CAR, yaw=0.0, speed=0.0, **more) -> TrackedAgents:
    """Agents at (N, 2) positions that move along their yaw; the rest is for all of them, or one value each."""
    position = np.asarray(position, dtype=float).reshape(-1, 2)
    count = len(position)
    yaw = np.broadcast_to(np.asarray(yaw, dtype=float), count)
    velocity = np.broadcast_to(np.asarray(speed, dtype=float), count)[:, None] * np.stack([np.cos(yaw), np.sin(yaw)], 1)
    return TrackedAgents.from_states(
        0, np.arange(count) + 10, np.broadcast_to(agent_class, count), position, yaw, velocity, **more
    )


def scene_of(agents: TrackedAgents | None = None, **more) -> Scene:
    """Agents that have always gone on as they do now."""
    agents = TrackedAgents.empty(0) if agents is None else agents
    ago = TIME_STEP_S * np.arange(NUM_PAST - 1, -1, -1)
    past = {
        "past_position": agents.position[:, None, :2] - ago[:, None] * agents.velocity[:, None],
        "past_yaw": np.repeat(agents.yaw[:, None], NUM_PAST, axis=1),
        "past_velocity": np.repeat(agents.velocity[:, None], NUM_PAST, axis=1),
        "past_valid": np.ones((len(agents), NUM_PAST), dtype=bool),
    }
    return Scene(stamp_ns=0, agents=agents, time_step_s=TIME_STEP_S, **{**past, **more})


def ego_at(x: float, y: float, yaw: float, speed: float) -> dict:
    """The fields of a scene with an ego that has always gone on as it does now."""
    velocity = speed * np.array([np.cos(yaw), np.sin(yaw)])
    ago = TIME_STEP_S * np.arange(NUM_PAST - 1, -1, -1)
    way = np.array([x, y]) - ago[:, None] * velocity
    return {
        "ego": EgoState(0, np.array([x, y]), yaw, velocity),
        "ego_past": np.column_stack([way, np.full(NUM_PAST, yaw)]),
        "ego_past_valid": np.ones(NUM_PAST, dtype=bool),
    }


def signal_showing(state: int) -> TrafficSignals:
    return TrafficSignals(0, np.array([SIGNAL]), np.array([state], np.uint8), np.zeros(1, np.int64), np.ones(1))


def busy_scene(**more) -> Scene:
    """Everybody: on lanes, beside one, parked, on foot, on a bicycle, turning, backwards, unknown; and an ego."""
    agents = agents_at(
        [
            (-40, 0.4),
            (-60, 3.3),
            (-6, 4.2),
            (-80, -3.2),
            (-20, -4.0),
            (22, -6),
            (40, 0.5),
            (60, 30),
            (15, 3),
            (-30, -9),
        ],
        [0, 1, 2, 0, 5, 5, 4, 7, 0, 6],
        [0.02, -0.03, 0.3, 0.0, 1.4, 1.5, 0.1, 2.0, 0.0, -2.0],
        [9.0, 12.0, 5.0, 0.0, 0.0, 1.4, 5.0, 3.0, -1.5, 0.9],
        attributes=np.array([16, 0, 0, 512, 0, 4, 0, 0, 0, 0], dtype=np.uint32),
        attributes_valid=np.array([16 | 32, 0, 0, 512, 0, 4, 0, 0, 0, 0], dtype=np.uint32),
        front_wheel_angle=np.array([np.nan, np.nan, np.nan, 0.4, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan]),
    )
    around = {"road_network": crossroads(), "signals": signal_showing(1), **ego_at(-70, 0, 0.0, 8.0)}
    return scene_of(**{"agents": agents, **around, **more})


def moved(scene: Scene, angle: float, offset) -> Scene:
    """The scene, with its map, turned about the origin and then moved."""
    turn = rotation_matrix(angle).T

    def points(values):
        return values @ turn + offset

    def changed(record):
        lines = {each.name: getattr(record, each.name) for each in fields(record)}
        lines = {name: value for name, value in lines.items() if isinstance(value, Ragged) and value.values.ndim == 2}
        return replace(record, **{name: Ragged(points(value.values), value.offsets) for name, value in lines.items()})

    agents, network = scene.agents, changed(scene.road_network)
    changes = {
        "agents": replace(
            agents,
            position=np.column_stack([points(agents.position[:, :2]), agents.position[:, 2]]),
            yaw=wrap_angle(agents.yaw + angle),
            velocity=agents.velocity @ turn,
        ),
        "past_position": points(scene.past_position),
        "past_yaw": wrap_angle(scene.past_yaw + angle),
        "past_velocity": scene.past_velocity @ turn,
        "road_network": replace(network, lanes=changed(network.lanes)),
    }
    if scene.ego is not None:
        ego = scene.ego
        changes["ego"] = replace(
            ego, position=points(ego.position), yaw=float(wrap_angle(ego.yaw + angle)), velocity=ego.velocity @ turn
        )
        changes["ego_past"] = np.column_stack([points(scene.ego_past[:, :2]), scene.ego_past[:, 2] + angle])
    return replace(scene, **changes)
