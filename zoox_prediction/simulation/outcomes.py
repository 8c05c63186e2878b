"""What came of a plan: who went first, who gave way, who collided, how near they came. Labels of forks.

Definitions, for the ego and one agent:

- *collision*: their boxes overlap in some frame of the fork.
- *smallest gap*: the smallest distance between their boxes in one frame of the fork.
- *shared ground*: what both cover, at whatever times and in whatever forks of the same instant. Each one's time of
  entry in a fork is the first frame in which its box overlaps what the other one's covers in any frame of any fork.
  The difference of the entries is the post-encroachment time of B. L. Allen, B. T. Shin, P. J. Cooper, "Analysis of
  traffic conflicts and collisions", Transportation Research Record 667, 1978.
- *time to conflict*: until the later one of them enters.
- *interacts*: there is shared ground.
- *yields*: it interacts, and in this fork the ego enters first, or alone; *goes*: the agent does. Neither, where
  neither enters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import box_distance
from zoox_prediction.simulation.forks import Fork
from zoox_prediction.simulation.world import Truth

FloatArray = NDArray[np.float64]

_STRIDE = 2  # frames are compared at every second one: 0.2 s


@dataclass(frozen=True)
class Outcome:
    """Of one fork, for the N agents that were there at its beginning."""

    ids: NDArray[np.int64]  # (N,)
    collides: NDArray[np.bool_]  # (N,)
    smallest_gap_m: FloatArray  # (N,)
    ego_enters_s: FloatArray  # (N,) from the beginning of the fork; inf: no shared ground
    agent_enters_s: FloatArray  # (N,)
    interacts: NDArray[np.bool_]  # (N,)

    @property
    def yields(self) -> NDArray[np.bool_]:
        """(N,) it interacts, and the ego goes first."""
        return self.interacts & (self.ego_enters_s < self.agent_enters_s)

    @property
    def time_to_conflict_s(self) -> FloatArray:
        """(N,)"""
        return np.maximum(self.ego_enters_s, self.agent_enters_s)

    @property
    def goes(self) -> NDArray[np.bool_]:
        """(N,) it interacts, and goes first."""
        return self.interacts & (self.agent_enters_s < self.ego_enters_s)


@dataclass(frozen=True)
class _Courses:
    """The boxes of N agents in T frames, and of the ego."""

    center: FloatArray  # (N, T, 2)
    yaw: FloatArray  # (N, T)
    size: FloatArray  # (N, 2)
    present: NDArray[np.bool_]  # (N, T)
    ego_center: FloatArray  # (T, 2)
    ego_yaw: FloatArray  # (T,)
    time_s: FloatArray  # (T,)


def outcomes(forks: Sequence[Fork], ego_size: tuple[float, float], ego_center_offset_m: float) -> tuple[Outcome, ...]:
    """What came of each of the forks of one instant."""
    if not forks:
        return ()
    ids = forks[0].frames[0].agents.ids
    courses = [_courses(fork.frames, ids, ego_center_offset_m) for fork in forks]
    gaps = [_smallest_gap(each, ego_size) for each in courses]
    ego_s, agent_s = _entries(courses, ego_size)
    interacts = np.isfinite(ego_s.min(axis=0)) & np.isfinite(agent_s.min(axis=0))
    return tuple(Outcome(ids, gap <= 0.0, gap, ego_s[row], agent_s[row], interacts) for row, gap in enumerate(gaps))


def _courses(frames: Sequence[Truth], ids: NDArray[np.int64], ego_center_offset_m: float) -> _Courses:
    chosen = frames[::_STRIDE]
    count = len(ids)
    center, yaw = np.zeros((count, len(chosen), 2)), np.zeros((count, len(chosen)))
    present = np.zeros((count, len(chosen)), dtype=bool)
    order = np.argsort(ids)
    for step, frame in enumerate(chosen):
        place = np.searchsorted(ids, frame.agents.ids, sorter=order)
        rows = order[np.minimum(place, count - 1)] if count else np.zeros(0, dtype=np.int64)
        known = ids[rows] == frame.agents.ids if count else np.zeros(len(frame.agents), dtype=bool)
        center[rows[known], step] = frame.agents.position[known, :2]
        yaw[rows[known], step] = frame.agents.yaw[known]
        present[rows[known], step] = True
    ego_yaw = np.array([frame.ego.yaw for frame in chosen])
    ahead = np.stack([np.cos(ego_yaw), np.sin(ego_yaw)], axis=-1)
    return _Courses(
        center,
        yaw,
        frames[0].agents.size[:, :2],
        present,
        np.array([frame.ego.position for frame in chosen]) + ego_center_offset_m * ahead,
        ego_yaw,
        np.array([(frame.ego.stamp_ns - chosen[0].ego.stamp_ns) * 1e-9 for frame in chosen]),
    )


def _smallest_gap(courses: _Courses, ego_size: tuple[float, float]) -> FloatArray:
    """(N,) [m]"""
    distance = box_distance(
        courses.ego_center, courses.ego_yaw, ego_size, courses.center, courses.yaw, courses.size[:, None]
    )
    gap: FloatArray = np.where(courses.present, distance, np.inf).min(axis=1, initial=np.inf)
    return gap


def _entries(courses: Sequence[_Courses], ego_size: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
    """(C, N) entries of the ego and of the agents into what they share, in each of the C forks [s]."""
    size = courses[0].size
    ego_s, agent_s = (np.full((len(courses), len(size)), np.inf) for _ in range(2))
    reach = 0.5 * (np.linalg.norm(size, axis=-1) + float(np.linalg.norm(ego_size)))
    for ego_fork, of_ego in enumerate(courses):
        for agent_fork, of_agent in enumerate(courses):
            apart = np.linalg.norm(of_agent.center[:, :, None] - of_ego.ego_center, axis=-1)  # (N, T, T): agent, ego
            near = (apart < reach[:, None, None]) & of_agent.present[:, :, None]
            agent, step, ego_step = np.nonzero(near)
            distance = box_distance(
                of_ego.ego_center[ego_step],
                of_ego.ego_yaw[ego_step],
                ego_size,
                of_agent.center[agent, step],
                of_agent.yaw[agent, step],
                size[agent],
            )
            meets = distance <= 0.0
            np.minimum.at(ego_s[ego_fork], agent[meets], of_ego.time_s[ego_step[meets]])
            np.minimum.at(agent_s[agent_fork], agent[meets], of_agent.time_s[step[meets]])
    return ego_s, agent_s
