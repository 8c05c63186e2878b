"""How many lidar points hit an agent: what a detector or a tracker can be asked to find."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import rotation_matrix
from zoox_prediction.scene import TrackedAgents


def points_in_boxes(points: NDArray, agents: TrackedAgents, margin_m: float = 0.1) -> NDArray[np.int64]:
    """(N,) how many of the points (M, 3) are within each agent's box and a margin around it, all in one frame."""
    count = np.zeros(len(agents), dtype=np.int64)
    order = np.argsort(points[:, 0])
    x = points[order, 0]
    reach = 0.5 * np.linalg.norm(agents.size[:, :2], axis=1) + margin_m
    first, last = (np.searchsorted(x, agents.position[:, 0] + sign * reach) for sign in (-1.0, 1.0))
    for row in range(len(agents)):  # each looks at its own few points
        near = points[order[first[row] : last[row]]] - agents.position[row]
        local = np.column_stack([near[:, :2] @ rotation_matrix(agents.yaw[row]), near[:, 2]])
        count[row] = (np.abs(local) <= 0.5 * agents.size[row] + margin_m).all(axis=1).sum()
    return count
