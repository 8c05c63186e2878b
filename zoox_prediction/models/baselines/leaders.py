"""Who is ahead of an agent on its path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.paths import Paths

_COARSE_M = 8.0  # distance between the path points of the first, coarse search


@dataclass(frozen=True)
class Leaders:
    """The nearest agent ahead on each of R paths."""

    agent: NDArray[np.int64]  # (R,) row in the scene, -1 none
    gap_m: NDArray[np.float64]  # (R,) bumper to bumper along the path, inf where none
    heading_difference: NDArray[np.float64]  # (R,) of the leader's motion against the path [rad]


def find_leaders(paths: Paths, motion: Motion, overlap_share: float, max_crossing_rad: float) -> Leaders:
    """The nearest agent ahead on every path.

    An agent is on the path when its distance from it is less than `overlap_share` of half of both widths, and it stands
    or moves within `max_crossing_rad` of the path's direction: who crosses will be gone, who comes towards us passes.
    """
    row, agent, nearest = _near_pairs(paths, motion)
    arc, lateral, heading = _project(paths, row, nearest, motion.position[agent])
    difference = wrap_angle(motion.course[agent] - heading)
    width = 0.5 * (motion.size[agent, 1] + motion.size[paths.agent[row], 1])
    aligned = motion.standing[agent] | (np.abs(difference) < max_crossing_rad)
    length = 0.5 * (motion.size[agent, 0] + motion.size[paths.agent[row], 0])
    ahead = (arc > 0.5 * length) & (np.abs(lateral) < overlap_share * width) & aligned
    row, agent, gap, difference = row[ahead], agent[ahead], (arc - length)[ahead], difference[ahead]
    order = np.lexsort((gap, row))
    first_row, first = np.unique(row[order], return_index=True)
    chosen = order[first]
    leader = np.full(len(paths), -1, dtype=np.int64)
    gaps, turned = np.full(len(paths), np.inf), np.zeros(len(paths))
    leader[first_row], gaps[first_row], turned[first_row] = agent[chosen], gap[chosen], difference[chosen]
    return Leaders(leader, gaps, turned)


def _near_pairs(paths: Paths, motion: Motion) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of a path and another agent within reach of it, and about which point of the path."""
    stride = _stride(paths)
    coarse = paths.points[:, ::stride]
    reach = float(np.hypot(0.5 * stride * paths.spacing_m, motion.size[:, 1].max(initial=0.0))) + 0.5
    origin = motion.position.mean(axis=0) if len(motion) else np.zeros(2)
    a = (coarse.reshape(-1, 2) - origin).astype(np.float32)
    b = (motion.position - origin).astype(np.float32)
    # |a - b|^2 - |b|^2 by one matrix product: the agents' own term is the same for all points of a path.
    squared = a @ (-2.0 * b.T)
    squared += (a**2).sum(axis=1)[:, None]
    squared = squared.reshape(len(paths), coarse.shape[1], len(motion))
    smallest = squared.min(axis=1) + (b**2).sum(axis=1)  # where comes for the few only: argmin is slow
    smallest[np.arange(len(paths)), paths.agent] = np.inf
    row, agent = np.nonzero(smallest < reach**2)
    return row, agent, squared[row, :, agent].argmin(axis=1) * stride


def _stride(paths: Paths) -> int:
    return max(int(_COARSE_M / paths.spacing_m), 1)


def _project(
    paths: Paths, row: NDArray[np.int64], near: NDArray[np.int64], position: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Arc length, lateral offset and path heading (Q,) of positions (Q, 2) on paths `row` (Q,), about `near`."""
    window = np.arange(-_stride(paths), _stride(paths) + 1)
    index = np.clip(near[:, None] + window, 0, paths.points.shape[1] - 1)
    index_of_all = index + row[:, None] * paths.points.shape[1]  # of the flat arrays: one index is faster than two
    x, y = paths.points.reshape(-1, 2).T
    distance = (np.take(x, index_of_all) - position[:, :1]) ** 2 + (np.take(y, index_of_all) - position[:, 1:]) ** 2
    nearest = index[np.arange(len(row)), np.argmin(distance, axis=1)]
    heading = paths.heading[row, nearest]
    away = position - paths.points[row, nearest]
    cos, sin = np.cos(heading), np.sin(heading)
    arc = nearest * paths.spacing_m + away[:, 0] * cos + away[:, 1] * sin - paths.offset_m[row, 0]
    return arc, away[:, 1] * cos - away[:, 0] * sin, heading
