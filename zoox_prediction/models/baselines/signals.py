"""Where red signals make agents stop on their paths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.maps.signals import lane_signal_states
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.paths import Paths
from zoox_prediction.scene import SignalState, TrafficSignals

_PASSED_M = 2.0  # an agent whose front is farther past the line, and a margin of 1 m, does not stop for it any more


def stop_points(network: RoadNetwork, wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(L, 2) where the traffic of each lane stops; NaN for lanes that are not `wanted` (L,).

    It is the middle of the stop line, else the lane's start inside an intersection and its end before one.
    """
    lanes = network.lanes
    points = np.full((len(lanes), 2), np.nan)
    line_of = {int(each): row for row, each in enumerate(network.stop_line_ids)}
    for row in np.flatnonzero(wanted):  # once per map
        line = line_of.get(int(lanes.stop_line[row]))
        center = lanes.centerline[row]
        if line is not None and len(network.stop_lines[line]):
            points[row] = network.stop_lines[line].mean(axis=0)
        elif len(center):
            points[row] = center[0] if lanes.in_intersection[row] else center[-1]
    return points


def stopping_signals(network: RoadNetwork, signals: TrafficSignals) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which lanes (L,) show red, and which yellow."""
    shown = lane_signal_states(network.lanes.signal, signals.ids, signals.state)
    return shown == SignalState.RED, shown == SignalState.YELLOW


def stop_distances(
    paths: Paths,
    motion: Motion,
    signals: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    points: NDArray[np.float64],
    margin_m: float,
    max_deceleration_mps2: tuple[float, float],
) -> NDArray[np.float64]:
    """(R,) arc length [m] where the agent's centre stops for the first signal on its path, inf where nothing stops it.

    `signals` as of `stopping_signals`, `points` (L, 2) of `stop_points`. A signal stops an agent that has not passed
    its line and can stop before it with at most `max_deceleration_mps2` (for red, for yellow).
    """
    stop = np.full(len(paths), np.inf)
    front = 0.5 * motion.size[paths.agent, 0] + margin_m
    for closed, deceleration in zip(signals, max_deceleration_mps2, strict=True):
        rows, _, index = lines_ahead(paths, closed, points, front)
        arc = index * paths.spacing_m - front[rows]
        able = motion.speed[paths.agent[rows]] ** 2 <= 2.0 * deceleration * np.maximum(arc, 0.3)
        stop[rows[able]] = np.minimum(stop[rows[able]], np.maximum(arc[able], 0.0))
    return stop


def lines_ahead(
    paths: Paths, marked: NDArray[np.bool_], points: NDArray[np.float64], front_m: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The first line on each path that its agent has not passed: row of the path, row of the lane, index of the point.

    Only the lines of the lanes that are `marked` (L,) count, at `points` (L, 2); `front_m` (R,) is how far before a
    line the agents' centres stop.
    """
    on_path = (paths.lane >= 0) & np.append(marked, False)[paths.lane]
    rows = np.flatnonzero(on_path.any(axis=1))
    found = []
    for _ in range(2):  # a line just passed hides the next one; two in a row is all that a crossing has
        lane = paths.lane[rows, np.argmax(on_path[rows], axis=1)]
        index = np.argmin(((paths.points[rows] - points[lane][:, None, :]) ** 2).sum(axis=2), axis=1)
        passed = index * paths.spacing_m - front_m[rows] < -(_PASSED_M + 1.0)
        found.append((rows[~passed], lane[~passed], index[~passed]))
        on_path[rows] &= paths.lane[rows] != lane[:, None]
        rows = rows[passed & on_path[rows].any(axis=1)]
    row, lane, index = (np.concatenate(each) for each in zip(*found, strict=True))
    return row, lane, index
