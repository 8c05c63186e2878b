"""What lies along candidate paths: limits, signals, stop lines, crosswalks, right of way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import NO_ID, Ragged, RoadNetwork
from zoox_prediction.maps.signals import lane_signal_states
from zoox_prediction.models.baselines.crosswalks import Crosswalks
from zoox_prediction.models.baselines.lanes import Road
from zoox_prediction.models.scene_features import NUM_PATH_POINTS, PATH_COLUMNS
from zoox_prediction.prediction.feature_agents import AgentFrames
from zoox_prediction.prediction.feature_paths import CandidatePaths
from zoox_prediction.scene import SignalState, TrafficSignals

FloatArray = NDArray[np.float64]

_COLUMN = {name: column for column, name in enumerate(PATH_COLUMNS)}
_SIGNALS = {
    "signal_red": SignalState.RED,
    "signal_yellow": SignalState.YELLOW,
    "signal_green": SignalState.GREEN,
}
_WORKING = tuple(_SIGNALS.values())
_SIGNAL_EXTENT_M = 15.0  # behind its line that a signal is told of
_AT_LINE_M = 4.0  # a path that stays farther away from a line's middle does not cross it


@dataclass(frozen=True)
class LaneTable:
    """What is known of each lane of a road; the last of L + 1 rows is that of no lane, row -1."""

    state: NDArray[np.float32]  # (L + 1, len(PATH_COLUMNS)) of a point on the lane, as far as it never changes
    signal: NDArray[np.int64]  # (L + 1,) id, NO_ID without
    gives_way: NDArray[np.bool_]  # (L + 1,)
    told: NDArray[np.bool_]  # (L + 1,) to whom it gives way, which a signal does not override
    stops: NDArray[np.bool_]  # (L + 1,)
    line: FloatArray  # (L + 1, 2) where it is stopped, NaN where never
    crosswalks: Ragged  # L + 1 lists of rows of the crosswalks that it leads over

    @classmethod
    def of(cls, road: Road) -> LaneTable:
        lanes, rules = road.network.lanes, road.right_of_way
        state = np.zeros((len(lanes) + 1, len(PATH_COLUMNS)), dtype=np.float32)
        limited = np.isfinite(lanes.speed_limit_mps)
        state[:-1, _COLUMN["speed_limit"]] = np.where(limited, lanes.speed_limit_mps, 0.0)
        state[:-1, _COLUMN["speed_limit_known"]] = limited
        state[:-1, _COLUMN["in_intersection"]] = lanes.in_intersection
        state[:-1, _COLUMN["on_lane"]] = 1.0
        line = np.where(np.isfinite(road.stop_points), road.stop_points, rules.lines).reshape(-1, 2)
        return cls(
            state,
            np.append(lanes.signal, NO_ID),
            np.append(rules.gives_way, False),
            np.append(rules.told, False),
            np.append(rules.stops, False),
            np.concatenate([line, np.full((1, 2), np.nan)]),
            _crossed(road.network, road.crosswalks),
        )


def path_states(
    paths: CandidatePaths, frames: AgentFrames, lanes: LaneTable, crosswalks: Crosswalks, signals: TrafficSignals
) -> NDArray[np.float32]:
    """(R, 64, len(PATH_COLUMNS))."""
    shown = lane_signal_states(lanes.signal, signals.ids, signals.state)
    working = np.isin(shown, _WORKING)
    yields = lanes.gives_way & (lanes.told | ~working)
    of_lane = lanes.state.copy()
    of_lane[:, _COLUMN["yields"]] = yields
    of_lane[:, _COLUMN["stops"]] = lanes.stops & ~working
    state: NDArray[np.float32] = of_lane.take(paths.lane, axis=0, mode="wrap")
    state[..., _COLUMN["curvature"]] = _curvature(paths)
    state[..., _COLUMN["share"]] = paths.share[:, None]
    _mark_lines(state, paths, frames, lanes, shown, np.isfinite(lanes.line[:, 0]) & ((shown > 0) | yields))
    _mark_crosswalks(state, paths, frames, lanes, crosswalks)
    return state


def _curvature(paths: CandidatePaths) -> FloatArray:
    """(R, 64) [1/m], from the headings of the points beside."""
    turn = np.diff(paths.points[..., 2], axis=1) / paths.spacing_m[:, None]
    bend = np.concatenate([turn[:, :1], turn], axis=1)
    bend[:, 1:-1] += turn[:, 1:]
    bend[:, 1:-1] *= 0.5
    return bend


def _mark_lines(
    state: NDArray[np.float32],
    paths: CandidatePaths,
    frames: AgentFrames,
    lanes: LaneTable,
    shown: NDArray[np.uint8],
    marked: NDArray[np.bool_],
) -> None:
    """Where paths come to the lines of the lanes that are `marked` (L + 1,), and what signals show there."""
    entered = marked[paths.lane]
    entered[:, 1:] &= paths.lane[:, 1:] != paths.lane[:, :-1]
    row, column = np.nonzero(entered)
    if not len(row):
        return
    lane = paths.lane[row, column]
    line = frames.into(lanes.line[lane][:, None], paths.agent[row])  # (Q, 1, 2)
    points = paths.points[row]
    x, y = line[..., 0] - points[..., 0], line[..., 1] - points[..., 1]
    index = np.argmin(x**2 + y**2, axis=1)
    every = np.arange(len(row))
    heading, x, y = points[every, index, 2], x[every, index], y[every, index]
    spacing = paths.spacing_m[row]
    place = index * spacing + x * np.cos(heading) + y * np.sin(heading)
    met = (np.hypot(x, y) < np.maximum(_AT_LINE_M, spacing)) & (place >= 0.0)
    row, lane, place, spacing = row[met], lane[met], place[met] / spacing[met], spacing[met]
    flat = state.reshape(-1, len(PATH_COLUMNS))
    for side in (0, 1):  # the points before and behind the line
        near = np.minimum(place.astype(np.int64) + side, NUM_PATH_POINTS - 1)
        tent = np.maximum(1.0 - np.abs(near - place), 0.0).astype(np.float32)
        np.maximum.at(flat[:, _COLUMN["stop_line"]], row * NUM_PATH_POINTS + near, tent)
    behind = np.arange(NUM_PATH_POINTS) - place[:, None]
    told, point = np.nonzero((behind > -1.0) & (behind <= np.maximum(_SIGNAL_EXTENT_M / spacing, 1.0)[:, None]))
    for name, signal_state in _SIGNALS.items():
        shows = shown[lane[told]] == signal_state
        state[row[told[shows]], point[shows], _COLUMN[name]] = 1.0


def _mark_crosswalks(
    state: NDArray[np.float32], paths: CandidatePaths, frames: AgentFrames, lanes: LaneTable, crosswalks: Crosswalks
) -> None:
    """Points on the crosswalks that their lanes lead over, or that are crossed."""
    offsets = lanes.crosswalks.offsets
    count = np.diff(offsets).take(paths.lane.ravel(), mode="wrap")
    led = np.flatnonzero(count)
    repeats = count[led]
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    over = lanes.crosswalks.values[np.repeat(offsets[paths.lane.ravel()[led]], repeats) + within]
    walked = np.flatnonzero(paths.crosswalk >= 0)
    on_foot = (walked[:, None] * NUM_PATH_POINTS + np.arange(NUM_PATH_POINTS)).ravel()
    point = np.concatenate([np.repeat(led, repeats), on_foot])  # of all R * 64
    crosswalk = np.concatenate([over, np.repeat(paths.crosswalk[walked], NUM_PATH_POINTS)])
    if not len(point):
        return
    agent = paths.agent.take(point // NUM_PATH_POINTS)
    x, y = paths.points.reshape(-1, 3).take(point, axis=0)[:, :2].T
    cos, sin = np.cos(frames.heading)[agent], np.sin(frames.heading)[agent]
    away = (frames.origin.take(agent, axis=0) - crosswalks.center.take(crosswalk, axis=0)).T
    east, north = away[0] + cos * x - sin * y, away[1] + sin * x + cos * y
    axis_x, axis_y = crosswalks.axis.take(crosswalk, axis=0).T
    on = np.abs(east * axis_x + north * axis_y) <= crosswalks.half_length_m[crosswalk]
    on &= np.abs(north * axis_x - east * axis_y) <= crosswalks.half_width_m[crosswalk]
    state.reshape(-1, len(PATH_COLUMNS))[point[on], _COLUMN["on_crosswalk"]] = 1.0


def _crossed(network: RoadNetwork, crosswalks: Crosswalks) -> Ragged:
    """For each lane, and none, the rows of the crosswalks that its centreline meets."""
    lines = [
        shapely.LineString(line) if len(line) > 1 and np.isfinite(line).all() else shapely.LineString()
        for line in network.lanes.centerline  # once per map
    ]
    cross = np.stack([-crosswalks.axis[:, 1], crosswalks.axis[:, 0]], axis=1)
    along, aside = crosswalks.half_length_m[:, None] * crosswalks.axis, crosswalks.half_width_m[:, None] * cross
    center = crosswalks.center
    corners = np.stack(
        [center + along + aside, center - along + aside, center - along - aside, center + along - aside], axis=1
    )
    if not lines or not len(corners):
        return Ragged(np.zeros(0, dtype=np.int64), np.zeros(len(lines) + 2, dtype=np.int64))
    lane, crosswalk = shapely.STRtree(shapely.polygons(corners)).query(np.array(lines), predicate="intersects")
    order = np.lexsort((crosswalk, lane))
    return Ragged(crosswalk[order], np.searchsorted(lane[order], np.arange(len(lines) + 2)))
