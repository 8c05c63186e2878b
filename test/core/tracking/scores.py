"""Tracks against the truth of a Drive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from simulated import Drive, truth

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.scene import TrackedAgents

_NEAR_M = 2.5


@dataclass(frozen=True)
class Matched:
    """M instants of agents that had a track."""

    step: NDArray[np.int64]  # (M,)
    agent: NDArray[np.int64]  # (M,) row of the truth
    track_id: NDArray[np.int64]  # (M,)
    position_error: NDArray[np.float64]  # (M, 2)
    velocity_error: NDArray[np.float64]  # (M, 2)
    yaw_error: NDArray[np.float64]  # (M,)
    nees: NDArray[np.float64]  # (M,) of the position
    extra: int  # tracks of nothing, over all instants

    def ids(self, agent: int, first_step: int = 0) -> list[int]:
        """Ids that the agent has had, in their order."""
        rows = (self.agent == agent) & (self.step >= first_step)
        return list(dict.fromkeys(self.track_id[rows].tolist()))

    def share(self, agent: int, first_step: int, steps: int) -> float:
        """Of the instants from the first step on in which the agent had a track."""
        return float(((self.agent == agent) & (self.step >= first_step)).sum() / (steps - first_step))


def match(drive: Drive, outputs: Sequence[TrackedAgents], start_ns: int) -> Matched:
    rows: list[tuple] = []
    extra = 0
    for step, tracks in enumerate(outputs):
        agents = truth(drive.agents, (tracks.stamp_ns - start_ns) * 1e-9)
        apart = np.linalg.norm(agents.position[:, None, :2] - tracks.position[None, :, :2], axis=2)
        pairs = [
            (i, j)
            for i, j in zip(*linear_sum_assignment(np.minimum(apart, 10.0)), strict=True)
            if apart[i, j] < _NEAR_M
        ]
        extra += len(tracks) - len(pairs)
        for i, j in pairs:
            error = tracks.position[j, :2] - agents.position[i, :2]
            rows.append(
                (
                    step, i, tracks.ids[j], error, tracks.velocity[j] - agents.velocity[i],
                    wrap_angle(tracks.yaw[j] - agents.yaw[i]),
                    error @ np.linalg.solve(tracks.pose_covariance[j, :2, :2], error),
                )
            )  # fmt: skip
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Matched(*columns, extra)
