"""Lane paths as a road to drive on: geometry that never ends, and motion in the path's own (Frenet) coordinates."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.lane_graph import LanePaths
from zoox_prediction.models.baselines.motion import Motion


@dataclass(frozen=True)
class Paths:
    """R paths of agents, P points each, `spacing_m` apart; straight beyond the end of the map, and on for ever."""

    agent: NDArray[np.int64]  # (R,) row of the agent in the scene
    share: NDArray[np.float64]  # (R,) probability among the agent's paths
    points: NDArray[np.float64]  # (R, P, 2) [m]; point 0 is the agent's projection on the centreline
    heading: NDArray[np.float64]  # (R, P) [rad] in (-pi, pi]
    curvature: NDArray[np.float64]  # (R, P) [1/m] positive to the left
    speed_limit_mps: NDArray[np.float64]  # (R, P) NaN where the map has none
    lane: NDArray[np.int64]  # (R, P) row of the lane, -1 beyond the map
    offset_m: NDArray[np.float64]  # (R, 2) of the agent from point 0, along and to the left
    heading_error_rad: NDArray[np.float64]  # (R,) of the agent's motion, in (-pi, pi]
    spacing_m: float

    def __len__(self) -> int:
        return len(self.agent)

    @classmethod
    def concatenate(cls, first: Paths, second: Paths) -> Paths:
        """Both, which have equally many points of equal spacing."""
        names = [each.name for each in fields(cls) if each.name != "spacing_m"]
        both = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in names}
        return cls(spacing_m=first.spacing_m, **both)

    def select(self, rows: NDArray) -> Paths:
        """The paths of `rows`, an index or boolean array."""
        chosen = {each.name: getattr(self, each.name)[rows] for each in fields(self) if each.name != "spacing_m"}
        return Paths(spacing_m=self.spacing_m, **chosen)

    def at(self, rows: NDArray[np.int64], arc_length_m: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """x, y, heading (not wrapped) and curvature (Q, T) of the paths `rows` (Q,), at arc lengths (Q, T).

        Linear between the points.
        """
        count = self.points.shape[1]
        place = np.clip(arc_length_m / self.spacing_m, 0.0, count - 1.000001)
        index = place.astype(np.int64)
        fraction = place - index
        index += rows[:, None] * count  # of the flat arrays: one index is faster than two
        flat = self.points.reshape(-1, 2)
        channels = (flat[:, 0], flat[:, 1], self.heading.ravel(), self.curvature.ravel())
        low = [np.take(channel, index) for channel in channels]
        index += 1
        step = [np.take(channel, index) - start for channel, start in zip(channels, low, strict=True)]
        step[2] -= 2.0 * np.pi * np.rint(step[2] / (2.0 * np.pi))
        return tuple(start + fraction * each for start, each in zip(low, step, strict=True))


def endless_paths(lane_paths: LanePaths, agents: NDArray[np.int64], motion: Motion) -> Paths:
    """The paths of a query for the agents `agents`, rows of `motion`, each continued straight beyond its end."""
    count, points = lane_paths.valid.shape
    last = np.maximum(lane_paths.valid.sum(axis=1) - 1, 0)
    rows = np.arange(count)
    heading = lane_paths.heading
    beyond = np.maximum(np.arange(points) - last[:, None], 0)
    held = np.minimum(np.arange(points), last[:, None])
    end_heading = heading[rows, last]
    straight = np.stack([np.cos(end_heading), np.sin(end_heading)], axis=1)
    position = lane_paths.points[rows[:, None], held]
    position = position + (beyond * lane_paths.spacing_m)[..., None] * straight[:, None, :]
    agent = agents[lane_paths.agent]
    away = motion.position[agent] - position[:, 0]
    cos, sin = np.cos(heading[:, 0]), np.sin(heading[:, 0])
    offset = np.stack([away[:, 0] * cos + away[:, 1] * sin, away[:, 1] * cos - away[:, 0] * sin], axis=1)
    return Paths(
        agent=agent,
        share=lane_paths.probability,
        points=position,
        heading=heading[rows[:, None], held],
        curvature=np.where(lane_paths.valid, lane_paths.curvature, 0.0),
        speed_limit_mps=lane_paths.speed_limit_mps,
        lane=np.where(lane_paths.valid, lane_paths.lane, -1),
        offset_m=offset,
        heading_error_rad=lane_paths.heading_error_rad,
        spacing_m=lane_paths.spacing_m,
    )


def follow(
    paths: Paths,
    rows: NDArray[np.int64],
    arc_length_m: NDArray[np.float64],
    joining_m: NDArray[np.float64],
    kept_offset_m: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions (Q, T, 2) and courses (Q, T), not wrapped, at arc lengths (Q, T) of `rows` (Q,), smoothly joining.

    The lateral offset d starts at today's offset and direction of motion and decays critically damped over the length
    `joining_m` (Q,) to `kept_offset_m` (Q,): d(s) = kept + (a + (a' + a / L) s) exp(-s / L).
    """
    length = joining_m[:, None]
    start = (paths.offset_m[rows, 1] - kept_offset_m)[:, None]
    slope = np.tan(np.clip(paths.heading_error_rad[rows], -0.7, 0.7))[:, None]
    rise = slope + start / length
    decay = np.exp(-arc_length_m / length)
    lateral = kept_offset_m[:, None] + (start + rise * arc_length_m) * decay
    lateral_slope = (rise - (start + rise * arc_length_m) / length) * decay
    along = paths.offset_m[rows, :1] * decay
    far = np.maximum(arc_length_m - (paths.points.shape[1] - 1) * paths.spacing_m, 0.0)
    x, y, heading, curvature = paths.at(rows, arc_length_m)
    cos, sin = np.cos(heading), np.sin(heading)
    ahead = along + far
    position = np.stack([x + ahead * cos - lateral * sin, y + ahead * sin + lateral * cos], axis=-1)
    stretch = np.maximum(1.0 - curvature * lateral, 0.2)
    return position, heading + np.arctan2(lateral_slope, stretch)
