"""Three candidate plans of the ego to ask about: keep going, brake to a stop, accelerate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.scene import CandidatePlans, EgoState

PLAN_NAMES = ("keep going", "brake to a stop", "accelerate")
_ACCELERATION_MPS2 = (0.0, -3.0, 1.5)
_NUM_STEPS = 80
_TIME_STEP_S = 0.1
_MAX_SPEED_MPS = 20.0
_MIN_SPEED_MPS = 2.0  # a standing ego is asked about as if it set off
_HYPOTHETICAL_SPEED_MPS = 8.0
_LEAD_M = 25.0  # how far before the middle of the traffic the hypothetical vehicle is
_MIN_BEYOND_M = 40.0  # and how far its lane goes on afterwards
_LOOK_M = 400.0  # how far lanes are followed to find one that passes there
_JOIN_M = 3.0


def candidate_plans(ego: EgoState, network: RoadNetwork) -> CandidatePlans:
    """The three plans from the ego's state along its lane, or straight ahead where the map has none."""
    speed = max(float(np.linalg.norm(ego.velocity)), _MIN_SPEED_MPS)
    times = np.arange(1, _NUM_STEPS + 1) * _TIME_STEP_S
    speeds = np.clip(speed + np.outer(_ACCELERATION_MPS2, times), 0.0, _MAX_SPEED_MPS)  # (3, T)
    previous = np.concatenate([np.full((len(speeds), 1), speed), speeds[:, :-1]], axis=1)
    distance = np.cumsum(0.5 * (previous + speeds) * _TIME_STEP_S, axis=1)
    position, yaw = _along(_path(ego, network, float(distance.max())), ego.yaw, distance)
    return CandidatePlans(
        start_ns=ego.stamp_ns,
        time_step_s=_TIME_STEP_S,
        position=position,
        yaw=yaw,
        speed=speeds,
        valid=np.ones(distance.shape, dtype=bool),
    )


def hypothetical_ego(stamp_ns: int, center: NDArray[np.float64], network: RoadNetwork) -> EgoState | None:
    """A vehicle that comes in on a lane, some way before it passes `center` (2,), for recordings without an ego.

    Of all lanes that go on for long enough, the one that passes nearest. None when the map has no such lane.
    """
    lines = network.lanes.centerline
    starts = np.array([lines[row][0] for row in range(len(lines))]).reshape(-1, 2)
    yaws = np.array([np.arctan2(*(lines[row][1] - lines[row][0])[::-1]) for row in range(len(lines))])
    paths = LaneGraph(network).paths(starts, yaws, np.full(len(starts), _LOOK_M))
    if not len(paths.agent):
        return None
    distance = np.where(paths.valid, np.linalg.norm(paths.points - center, axis=-1), np.inf)  # (R, P)
    passing = np.argmin(distance, axis=1)
    beyond = paths.valid.sum(axis=1) - passing
    usable = (passing * paths.spacing_m >= _LEAD_M) & (beyond * paths.spacing_m >= _MIN_BEYOND_M)
    if not usable.any():
        return None
    best = int(np.argmin(np.where(usable, distance.min(axis=1), np.inf)))
    start = passing[best] - round(_LEAD_M / paths.spacing_m)
    yaw = float(paths.heading[best, start])
    velocity = _HYPOTHETICAL_SPEED_MPS * np.array([np.cos(yaw), np.sin(yaw)])
    return EgoState(stamp_ns, paths.points[best, start].copy(), yaw, velocity)


def _path(ego: EgoState, network: RoadNetwork, length_m: float) -> NDArray[np.float64]:
    """(n, 2) points from the ego onwards: along its most probable lanes, straight on where the map ends or has none."""
    forward = np.array([np.cos(ego.yaw), np.sin(ego.yaw)])
    joined = ego.position[None]
    paths = LaneGraph(network).paths(ego.position[None], np.array([ego.yaw]), np.array([length_m + 5.0]))
    if len(paths.agent):
        best = int(np.argmax(paths.probability))
        points = paths.points[best][paths.valid[best]]
        # It joins the lane a little ahead, without a kink backwards.
        joined = np.concatenate([joined, points[np.cumsum((points - ego.position) @ forward > _JOIN_M) > 0]])
    if len(joined) > 1:
        forward = (joined[-1] - joined[-2]) / np.linalg.norm(joined[-1] - joined[-2])
    return np.concatenate([joined, joined[-1:] + (length_m + 1.0) * forward])


def _along(
    path: NDArray[np.float64], yaw: float, distance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions (..., 2) and yaws (...) at distances (...) [m] along a path (n, 2); the first yaw is the ego's own."""
    segment = np.diff(path, axis=0)
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(segment, axis=1))])
    position = np.stack([np.interp(distance, arc, path[:, axis]) for axis in (0, 1)], axis=-1)
    heading = np.unwrap(np.concatenate([[yaw], np.arctan2(segment[:, 1], segment[:, 0])]))
    return position, np.interp(distance, arc, heading)
