"""Small made-up scenes and roads for the tests of the heuristic predictors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zoox_prediction.maps.road_network import NO_ID, Lanes, Ragged, RightOfWay, RoadNetwork
from zoox_prediction.scene import AgentClass, Scene, SignalState, TrackedAgents, TrafficSignals

PAST_STEPS = 21
STEP_S = 0.1


def make_scene(
    position,
    yaw,
    speed,
    agent_class=AgentClass.CAR,
    *,
    turn_rate=0.0,
    road_network: RoadNetwork | None = None,
    signals: TrafficSignals | None = None,
    **optional,
) -> Scene:
    """Agents that came to position (N, 2) with yaw (N,) at a constant speed and turn rate (N,), without noise."""
    position = np.asarray(position, dtype=np.float64).reshape(-1, 2)
    count = len(position)
    yaw, speed, turn_rate = (np.broadcast_to(np.asarray(each, float), count).copy() for each in (yaw, speed, turn_rate))
    times = (np.arange(PAST_STEPS) - (PAST_STEPS - 1)) * STEP_S
    past_yaw = yaw[:, None] + turn_rate[:, None] * times
    bend = np.where(np.abs(turn_rate) < 1e-9, 1e-9, turn_rate)[:, None]
    back_x = speed[:, None] / bend * (np.sin(past_yaw + 1e-9 * times) - np.sin(yaw)[:, None])
    back_y = -speed[:, None] / bend * (np.cos(past_yaw + 1e-9 * times) - np.cos(yaw)[:, None])
    straight = np.abs(turn_rate)[:, None] < 1e-9
    back_x = np.where(straight, speed[:, None] * times * np.cos(yaw)[:, None], back_x)
    back_y = np.where(straight, speed[:, None] * times * np.sin(yaw)[:, None], back_y)
    past_velocity = speed[:, None, None] * np.stack([np.cos(past_yaw), np.sin(past_yaw)], axis=-1)
    agents = TrackedAgents.from_states(
        0,
        np.arange(count) + 10,
        np.broadcast_to(np.asarray(agent_class, dtype=np.int64), count),
        position,
        yaw,
        past_velocity[:, -1],
        **optional,
    )
    return Scene(
        stamp_ns=0,
        agents=agents,
        past_position=position[:, None] + np.stack([back_x, back_y], axis=-1),
        past_yaw=past_yaw,
        past_velocity=past_velocity,
        past_valid=np.ones((count, PAST_STEPS), dtype=bool),
        time_step_s=STEP_S,
        road_network=road_network or RoadNetwork(),
        signals=signals or TrafficSignals(),
    )


def lane_road(
    centerlines, successors=(), *, speed_limit_mps=np.nan, signal=None, stop_lines=(), stop_line=None, crosswalks=()
) -> RoadNetwork:
    """Lanes with ids 0, 1, ... 3.5 m wide along the centrelines; `successors` is one list of ids per lane."""
    count = len(centerlines)
    lines = [np.asarray(line, dtype=np.float64) for line in centerlines]
    edges = [_shifted(line, 1.75) for line in lines], [_shifted(line, -1.75) for line in lines]
    lanes = Lanes(
        ids=np.arange(count),
        type=np.zeros(count, np.uint8),
        turn=np.zeros(count, np.uint8),
        right_of_way=np.zeros(count, np.uint8),
        in_intersection=np.zeros(count, bool),
        speed_limit_mps=np.full(count, speed_limit_mps),
        left_neighbor=np.full(count, NO_ID),
        right_neighbor=np.full(count, NO_ID),
        signal=np.full(count, NO_ID) if signal is None else np.asarray(signal),
        stop_line=np.full(count, NO_ID) if stop_line is None else np.asarray(stop_line),
        successors=Ragged.ids(successors if len(successors) else [[]] * count),
        centerline=Ragged.points(lines),
        left_boundary=Ragged.points(edges[0]),
        right_boundary=Ragged.points(edges[1]),
        left_boundary_type=np.zeros(count, np.uint8),
        right_boundary_type=np.zeros(count, np.uint8),
    )
    return RoadNetwork(
        lanes=lanes,
        stop_line_ids=np.arange(len(stop_lines)),
        stop_lines=Ragged.points(stop_lines),
        crosswalk_ids=np.arange(len(crosswalks)),
        crosswalks=Ragged.points(crosswalks),
        crosswalk_signal=np.full(len(crosswalks), NO_ID),
    )


def _shifted(line, offset_m):
    tangent = np.gradient(line, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    return line + offset_m * np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)


def straight_line(start, end, spacing_m=5.0):
    start, end = np.asarray(start, float), np.asarray(end, float)
    count = max(int(np.linalg.norm(end - start) / spacing_m), 1) + 1
    return start + np.linspace(0.0, 1.0, count)[:, None] * (end - start)


def arc(center, radius_m, from_rad, to_rad, count=40):
    angle = np.linspace(from_rad, to_rad, count)
    return np.asarray(center) + radius_m * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def red_signal(signal_id=7) -> TrafficSignals:
    return signal_showing(SignalState.RED, signal_id)


def signal_showing(state: SignalState, signal_id=7) -> TrafficSignals:
    return TrafficSignals(0, np.array([signal_id]), np.array([state], np.uint8), np.zeros(1, np.int64), np.ones(1))


def crossing_roads(right_of_way=RightOfWay.UNKNOWN, yields=False) -> RoadNetwork:
    """A minor road (lanes 0, 1, 2) from the south over a major one (3, 4, 5) from the west; they cross at (0, 0).

    `right_of_way` and a stop line at y = -8 are of lane 0, from where the minor road's traffic enters the junction;
    `yields` says that it yields to the major road's lane within.
    """
    road = lane_road(
        [
            straight_line((0, -100), (0, -6)),
            straight_line((0, -6), (0, 6)),
            straight_line((0, 6), (0, 100)),
            straight_line((-150, 0), (-6, 0)),
            straight_line((-6, 0), (6, 0)),
            straight_line((6, 0), (150, 0)),
        ],
        [[1], [2], [], [4], [5], []],
        speed_limit_mps=14.0,
        stop_lines=[[(-1.75, -8), (1.75, -8)]],
        stop_line=[0, -1, -1, -1, -1, -1],
    )
    lanes = replace(
        road.lanes,
        in_intersection=np.array([False, True, False, False, True, False]),
        right_of_way=np.array([right_of_way, 0, 0, 0, 0, 0], dtype=np.uint8),
        yields_to=Ragged.ids([[4] if yields else [], [], [], [], [], []]),
    )
    return replace(road, lanes=lanes)


def two_lanes(left_change=True) -> RoadNetwork:
    """A straight road with two lanes eastwards, at y = 0 and at y = 3.5; from the right one may change to the left."""
    road = lane_road([straight_line((-50, 0), (400, 0)), straight_line((-50, 3.5), (400, 3.5))], speed_limit_mps=14.0)
    lanes = replace(
        road.lanes,
        left_neighbor=np.array([1, NO_ID]),
        right_neighbor=np.array([NO_ID, 0]),
        left_change=np.array([left_change, False]),
    )
    return replace(road, lanes=lanes)


def town() -> RoadNetwork:
    """Two straight roads that cross, with a turn from the one to the other."""
    return lane_road(
        [
            straight_line((-150, 0), (-12, 0)),
            straight_line((-12, 0), (12, 0)),
            straight_line((12, 0), (150, 0)),
            np.concatenate([[(-12.0, 0.0)], arc((-12, 12), 12, -np.pi / 2, 0)[1:]]),
            straight_line((0, 12), (0, 150)),
        ],
        [[1, 3], [2], [], [4], []],
        speed_limit_mps=14.0,
        crosswalks=[[(20, -6), (24, -6), (24, 6), (20, 6)]],
    )
