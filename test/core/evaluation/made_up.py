"""A recording small enough to know by heart, and a predictor as plain as can be."""

from __future__ import annotations

import numpy as np

from zoox_prediction.recording.datasets.source import SourceRecording
from zoox_prediction.scene import AgentClass, PredictedTrajectories, Source, TrackedAgents

START_NS = 5_000_000_000


def frames(duration_s=12.0, step_s=0.1, seen=lambda agent, t: True, path=lambda t: 10.0 * t):
    """A car (7) along x, and a pedestrian (8) from (0, 30) along y at 1 m/s; `seen` tells when each is reported."""
    found = []
    for index in range(round(duration_s / step_s) + 1):
        t = index * step_s
        speed = (path(t + 1e-3) - path(t - 1e-3)) / 2e-3
        states = {
            7: (AgentClass.CAR, [path(t), 0.0], 0.0, [speed, 0.0]),
            8: (AgentClass.PEDESTRIAN, [0.0, 30.0 + t], np.pi / 2, [0.0, 1.0]),
        }
        here = [agent for agent in states if seen(agent, t)]
        chosen = [states[agent] for agent in here]
        found.append(
            TrackedAgents.from_states(
                START_NS + round(t * 1e9),
                np.array(here),
                np.array([each[0] for each in chosen], dtype=int),
                np.array([each[1] for each in chosen]).reshape(-1, 2),
                np.array([each[2] for each in chosen]),
                np.array([each[3] for each in chosen]).reshape(-1, 2),
            )
        )
    return tuple(found)


def recording(dataset="made-up", name="test", **arguments):
    """The frames as a dataset reader would give them."""
    return SourceRecording(dataset=dataset, name=name, agents=frames(**arguments))


class ConstantVelocity:
    """One mode; remembers the scenes it was shown."""

    name, version = "test", "1"

    def __init__(self, horizon_s=8.0, time_step_s=0.1, spoil=None):
        self.steps, self.time_step_s, self.spoil = round(horizon_s / time_step_s), time_step_s, spoil
        self.seen = []

    def predict(self, scene):
        self.seen.append(scene)
        count, times = len(scene), (np.arange(self.steps) + 1) * self.time_step_s
        agents = scene.agents
        position = agents.position[:, None, None, :2] + agents.velocity[:, None, None] * times[:, None]
        if self.spoil is not None:
            position[self.spoil] = np.nan
        shape = (count, 1, self.steps)
        return PredictedTrajectories(
            scene.stamp_ns,
            self.time_step_s,
            agents.ids,
            agents.agent_class,
            np.ones((count, 1)),
            position,
            np.broadcast_to(agents.yaw[:, None, None], shape),
            np.zeros(shape),
            np.broadcast_to(np.eye(2), (*shape, 2, 2)),
            np.full(count, Source.HEURISTIC, dtype=np.uint8),
        )
