"""Who drives behind whom, and how far apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.path_coordinates import PathCoordinates
from zoox_prediction.simulation.realism.courses import STEP_S, Courses

_EVERY_S = 1.0
_FARTHEST_M = 100.0
_BESIDE_M = 1.3  # from the lane's centre: what is ahead in the same lane
_SAME_WAY_RAD = 0.7
_SPACING_M = 2.0

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Following:
    """M moments of a vehicle with another one ahead of it in its lane."""

    row: NDArray[np.int64]  # (M,) of the vehicle behind in the courses
    leader: NDArray[np.int64]  # (M,) row of the one ahead
    step: NDArray[np.int64]  # (M,)
    gap_m: FloatArray  # (M,) from bumper to bumper, >= 0

    def time_gap(self, courses: Courses) -> FloatArray:
        """(M,) gap over the speed of the vehicle behind [s]; inf where it stands.

        The net time gap of M. Treiber, A. Kesting, "Traffic Flow Dynamics" (2013), section 3.1; a headway from front to
        front is longer by the time that the leader's length takes.
        """
        speed = courses.speed[self.row, self.step]
        return np.divide(self.gap_m, speed, out=np.full(len(self.gap_m), np.inf), where=speed > 0.0)


def following(courses: Courses, graph: LaneGraph | None) -> Following:
    """Vehicles and those next ahead of them within 100 m, once a second; parked ones count as neither.

    In the same lane and the most probable ones after it where `graph` knows the lanes; without it straight ahead.
    """
    drives = courses.is_vehicle & courses.travels
    found = []
    for step in range(0, courses.num_steps, round(_EVERY_S / STEP_S)):  # one instant is one batch
        rows = np.flatnonzero(drives & courses.valid[:, step])
        if len(rows) < 2:
            continue
        follower, along = _places(courses, rows, step, graph)
        gap = along - 0.5 * (courses.size[rows[follower], 0][:, None] + courses.size[rows, 0])
        gap = np.where((along > 0.0) & (along < _FARTHEST_M), np.maximum(gap, 0.0), np.inf)
        gap[np.arange(len(follower)), follower] = np.inf
        nearest = np.argmin(gap, axis=1) if len(follower) else np.zeros(0, dtype=np.int64)
        smallest = gap[np.arange(len(follower)), nearest]
        kept = np.isfinite(smallest)
        at = np.full(int(kept.sum()), step)
        found.append((rows[follower[kept]], rows[nearest[kept]], at, smallest[kept]))
    if not found:
        whole = np.zeros(0, dtype=np.int64)
        return Following(whole, whole, whole, np.zeros(0))
    return Following(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _places(
    courses: Courses, rows: NDArray[np.int64], step: int, graph: LaneGraph | None
) -> tuple[NDArray[np.int64], FloatArray]:
    """Followers (R,), indices into `rows`, and (R, len(rows)) how far along their ways the others are; NaN: beside."""
    position, yaw = courses.position[rows, step], courses.yaw[rows, step]
    if graph is None or not len(graph):
        apart = position - position[:, None]
        cos, sin = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
        along, lateral = cos * apart[..., 0] + sin * apart[..., 1], -sin * apart[..., 0] + cos * apart[..., 1]
        turned = wrap_angle(yaw - yaw[:, None])
        follower = np.arange(len(rows))
    else:
        paths = graph.paths(position, yaw, np.full(len(rows), _FARTHEST_M), 1, _SPACING_M, max_lanes=1)
        follower = paths.agent
        if not len(follower):
            return follower, np.zeros((0, len(rows)))
        path = np.arange(len(follower))[:, None]
        coordinates = PathCoordinates.along(paths)
        along, lateral = coordinates.to_path(path, position)
        turned = wrap_angle(yaw - coordinates.from_path(path, along)[1])
    same = (np.abs(lateral) < _BESIDE_M) & (np.abs(turned) < _SAME_WAY_RAD)
    return follower, np.where(same, along, np.nan)
