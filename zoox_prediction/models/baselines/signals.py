"""Where red signals make agents stop on their paths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.maps.signals import lane_signal_states
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.paths import Paths
from zoox_prediction.scene import SignalState, TrafficSignals

_PASSED_M = 2.0  # an agent whose front is farther past the line does not stop for it any more


def stop_points(network: RoadNetwork) -> NDArray[np.float64]:
    """(L, 2) where a red signal of each lane stops traffic; NaN for lanes without a signal.

    It is the middle of the stop line, else the lane's start inside an intersection and its end before one.
    """
    lanes = network.lanes
    points = np.full((len(lanes), 2), np.nan)
    line_of = {int(each): row for row, each in enumerate(network.stop_line_ids)}
    for row in np.flatnonzero(lanes.signal >= 0):  # once per map
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
    half = 0.5 * motion.size[paths.agent, 0] + margin_m
    speed = motion.speed[paths.agent]
    for closed, deceleration in zip(signals, max_deceleration_mps2, strict=True):
        on_path = (paths.lane >= 0) & np.append(closed, False)[paths.lane]
        rows = np.flatnonzero(on_path.any(axis=1))
        for _ in range(2):  # a line just passed hides the next signal; two in a row is all that a crossing has
            first = np.argmax(on_path[rows], axis=1)
            lane = paths.lane[rows, first]
            away = ((paths.points[rows] - points[lane][:, None, :]) ** 2).sum(axis=2)
            arc = np.argmin(away, axis=1) * paths.spacing_m - half[rows]
            passed = arc < -(_PASSED_M + margin_m)
            able = speed[rows] ** 2 <= 2.0 * deceleration * np.maximum(arc, 0.3)
            held = rows[~passed & able]
            stop[held] = np.minimum(stop[held], np.maximum(arc[~passed & able], 0.0))
            on_path[rows] &= paths.lane[rows] != lane[:, None]
            rows = rows[passed & on_path[rows].any(axis=1)]
    return stop
