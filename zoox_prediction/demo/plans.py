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
_MIN_LANE_M = 60.0


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
    """A vehicle at the start of the long lane nearest to `center` (2,), for recordings that have no ego; None without
    lanes."""
    starts, yaws = [], []
    for row in range(len(network.lanes)):
        line = network.lanes.centerline[row]
        if np.linalg.norm(np.diff(line, axis=0), axis=1).sum() >= _MIN_LANE_M or len(network.lanes.successors[row]):
            starts.append(line[0])
            yaws.append(np.arctan2(*(line[1] - line[0])[::-1]))
    if not starts:
        return None
    nearest = int(np.argmin(np.linalg.norm(np.asarray(starts) - center, axis=1)))
    yaw = float(yaws[nearest])
    velocity = _HYPOTHETICAL_SPEED_MPS * np.array([np.cos(yaw), np.sin(yaw)])
    return EgoState(stamp_ns, np.asarray(starts[nearest]), yaw, velocity)


def _path(ego: EgoState, network: RoadNetwork, length_m: float) -> NDArray[np.float64]:
    """(n, 2) points from the ego onwards: its most probable lanes if they are long enough, else a straight line."""
    forward = np.array([np.cos(ego.yaw), np.sin(ego.yaw)])
    straight = ego.position + np.outer([0.0, length_m + 1.0], forward)
    paths = LaneGraph(network).paths(ego.position[None], np.array([ego.yaw]), np.array([length_m + 5.0]))
    if not len(paths.agent):
        return straight
    best = int(np.argmax(paths.probability))
    points = paths.points[best][paths.valid[best]]
    if (len(points) - 1) * paths.spacing_m < length_m:
        return straight
    ahead = points[(points - ego.position) @ forward > 3.0]  # joins the lane a little ahead, without a kink backwards
    return np.concatenate([ego.position[None], ahead if len(ahead) else straight[1:]])


def _along(
    path: NDArray[np.float64], yaw: float, distance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions (..., 2) and yaws (...) at distances (...) [m] along a path (n, 2); the first yaw is the ego's own."""
    segment = np.diff(path, axis=0)
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(segment, axis=1))])
    position = np.stack([np.interp(distance, arc, path[:, axis]) for axis in (0, 1)], axis=-1)
    heading = np.unwrap(np.concatenate([[yaw], np.arctan2(segment[:, 1], segment[:, 0])]))
    return position, np.interp(distance, arc, heading)
