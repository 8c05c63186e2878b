"""Recordings that are known by heart: agents whose places are functions of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zoox_prediction.recording.datasets.kinematics import EgoTrajectory
from zoox_prediction.recording.datasets.source import SourceRecording
from zoox_prediction.scene import AgentClass, TrackedAgents

START_NS = 5_000_000_000
Course = Callable[[float], Sequence[float]]  # time [s] to x, y, yaw, vx, vy


@dataclass(frozen=True)
class Agent:
    """One agent; `seen` tells when it is reported, `noise_m` by how much its place is off."""

    course: Course
    agent_class: AgentClass = AgentClass.CAR
    seen: Callable[[float], bool] = lambda t: True
    noise_m: float = 0.0


def along(x: float, y: float, speed: float, yaw: float = 0.0) -> Course:
    """Straight on from (x, y) at constant speed."""
    vx, vy = speed * np.cos(yaw), speed * np.sin(yaw)
    return lambda t: (x + vx * t, y + vy * t, yaw, vx, vy)


def frames(agents: Mapping[int, Agent], duration_s: float = 12.0, step_s: float = 0.1) -> tuple[TrackedAgents, ...]:
    """The agents by id at every step from START_NS on."""
    random = np.random.default_rng(0)
    found = []
    for index in range(round(duration_s / step_s) + 1):
        t = index * step_s
        here = {number: agent for number, agent in agents.items() if agent.seen(t)}
        states = np.array([agent.course(t) for agent in here.values()], dtype=float).reshape(-1, 5)
        noise = np.array([agent.noise_m for agent in here.values()])[:, None] * random.normal(size=(len(here), 2))
        found.append(
            TrackedAgents.from_states(
                START_NS + round(t * 1e9),
                np.array(list(here), dtype=np.int64),
                np.array([agent.agent_class for agent in here.values()], dtype=np.int64),
                states[:, :2] + noise,
                states[:, 2],
                states[:, 3:],
            )
        )
    return tuple(found)


def recording(
    agents: Mapping[int, Agent],
    *,
    dataset: str = "made-up",
    name: str = "test",
    duration_s: float = 12.0,
    step_s: float = 0.1,
    ego: Course | None = None,
) -> SourceRecording:
    """The agents as a dataset reader would give them; with an ego whose box is centred on its base_link."""
    trajectory = None
    if ego is not None:
        times = np.arange(round(duration_s / 0.05) + 1) * 0.05
        states = np.array([ego(float(t)) for t in times], dtype=float)
        half = 0.5 * states[:, 2]
        trajectory = EgoTrajectory(
            START_NS + np.round(times * 1e9).astype(np.int64),
            np.column_stack([states[:, :2], np.zeros(len(times))]),
            np.column_stack([np.zeros((len(times), 2)), np.sin(half), np.cos(half)]),
            states[:, 3:],
        )
    return SourceRecording(
        dataset=dataset,
        name=name,
        agents=frames(agents, duration_s, step_s),
        ego=trajectory,
        ego_size=None if ego is None else (4.6, 1.9),
    )
