"""Recordings whose agents do what a person can reckon in the head."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zoox_prediction.maps.road_network import Lanes, Ragged, RoadNetwork
from zoox_prediction.recording.datasets.source import START_NS
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.scene import AgentClass, Attribute, EgoState, TrackedAgents

ALL = sum(Attribute)


@dataclass(frozen=True)
class Course:
    """Place (x, y, yaw) and speed at every time [s]; attributes and wheel angle likewise."""

    at: Callable[[float], tuple[float, float, float, float]]
    agent_class: AgentClass = AgentClass.CAR
    attributes: Callable[[float], int] = lambda time_s: 0
    wheels: Callable[[float], float] = lambda time_s: 0.0
    times_s: tuple[float, float] = (-np.inf, np.inf)  # when it is seen


def straight(x: float, y: float, yaw: float, speed: float) -> Callable[[float], tuple[float, float, float, float]]:
    return lambda time_s: (x + speed * time_s * np.cos(yaw), y + speed * time_s * np.sin(yaw), yaw, speed)


def speeding(x: float, speed: float, acceleration: float) -> Callable[[float], tuple[float, float, float, float]]:
    """Along x, until it stands."""

    def at(time_s: float) -> tuple[float, float, float, float]:
        lasts = time_s if acceleration >= 0.0 else min(time_s, -speed / acceleration)
        return x + speed * lasts + 0.5 * acceleration * lasts**2, 0.0, 0.0, speed + acceleration * lasts

    return at


def log(
    courses: Mapping[int, Course] | Sequence[Course],
    seconds: float = 10.0,
    ego: Callable[[float], tuple[float, float, float, float]] | None = None,
    road_network: RoadNetwork | None = None,
) -> RecordedLog:
    if not isinstance(courses, Mapping):
        courses = dict(enumerate(courses, start=1))
    frames, states = [], []
    for step in range(round(seconds * 10) + 1):
        time_s, stamp = 0.1 * step, START_NS + step * 100_000_000
        seen = {key: each for key, each in courses.items() if each.times_s[0] <= time_s <= each.times_s[1]}
        state = np.array([each.at(time_s) for each in seen.values()]).reshape(-1, 4)
        heading = np.stack([np.cos(state[:, 2]), np.sin(state[:, 2])], axis=-1)
        frames.append(
            TrackedAgents.from_states(
                stamp,
                np.array(list(seen), dtype=np.int64),
                np.array([int(each.agent_class) for each in seen.values()], dtype=np.int64),
                state[:, :2],
                state[:, 2],
                state[:, 3:] * heading,
                attributes=np.array([int(each.attributes(time_s)) for each in seen.values()], dtype=np.uint32),
                attributes_valid=np.full(len(seen), ALL, dtype=np.uint32),
                front_wheel_angle=np.array([each.wheels(time_s) for each in seen.values()], dtype=np.float64),
            )
        )
        if ego is not None:
            x, y, yaw, speed = ego(time_s)
            states.append(EgoState(stamp, np.array([x, y]), yaw, speed * np.array([np.cos(yaw), np.sin(yaw)])))
    return RecordedLog(
        "drawn", "drawn", tuple(frames), tuple(states), ego_center_offset_m=0.0,
        road_network=road_network or RoadNetwork(),
    )  # fmt: skip


def two_lanes() -> RoadNetwork:
    """Both along +x, 400 m long: lane 1 at y = 0, lane 2 to the left of it at y = 4."""
    x = np.arange(-200.0, 201.0, 10.0)
    lines = [np.column_stack([x, np.full(len(x), y)]) for y in (0.0, 4.0)]
    return RoadNetwork(
        lanes=Lanes(
            ids=np.array([1, 2]),
            left_neighbor=np.array([2, -1]),
            right_neighbor=np.array([-1, 1]),
            centerline=Ragged.points(lines),
        )
    )
