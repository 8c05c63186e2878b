"""A recording small enough to know by heart."""

from __future__ import annotations

import numpy as np

from zoox_prediction.recording.datasets.source import SourceRecording
from zoox_prediction.scene import AgentClass, TrackedAgents

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
