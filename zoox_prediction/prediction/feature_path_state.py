"""What lies along candidate paths: limits, signals, stop lines, crosswalks, right of way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import Ragged, RoadNetwork
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

    speed_limit_mps: FloatArray  # 0 where unknown
    limited: NDArray[np.bool_]
    in_intersection: NDArray[np.bool_]
    signal: NDArray[np.int64]  # id, NO_ID without
    gives_way: NDArray[np.bool_]
    told: NDArray[np.bool_]  # to whom it gives way, which a signal does not override
    stops: NDArray[np.bool_]
    line: FloatArray  # (L + 1, 2) where it is stopped, NaN where never
    crosswalks: Ragged  # rows of the crosswalks that it leads over

    @classmethod
    def of(cls, road: Road) -> LaneTable:
        lanes, rules = road.network.lanes, road.right_of_way
        limit = np.where(np.isfinite(lanes.speed_limit_mps), lanes.speed_limit_mps, 0.0)
        line = np.where(np.isfinite(road.stop_points), road.stop_points, rules.lines)
        return cls(
            np.append(limit, 0.0),
            np.append(np.isfinite(lanes.speed_limit_mps), False),
            np.append(lanes.in_intersection, False),
            np.append(lanes.signal, -1),
            np.append(rules.gives_way, False),
            np.append(rules.told, False),
            np.append(rules.stops, False),
            np.concatenate([line.reshape(-1, 2), np.full((1, 2), np.nan)]),
            _crossed(road.network, road.crosswalks),
        )


def path_states(
    paths: CandidatePaths, frames: AgentFrames, lanes: LaneTable, crosswalks: Crosswalks, signals: TrafficSignals
) -> NDArray[np.float32]:
    """(R, 64, len(PATH_COLUMNS))."""
    state = np.zeros((len(paths), NUM_PATH_POINTS, len(PATH_COLUMNS)), dtype=np.float32)
    lane = paths.lane
    shown = lane_signal_states(lanes.signal, signals.ids, signals.state)
    working = np.isin(shown, _WORKING)
    yields = lanes.gives_way & (lanes.told | ~working)
    stops = lanes.stops & ~working
    state[..., _COLUMN["curvature"]] = _curvature(paths)
    for name, values in (
        ("speed_limit", lanes.speed_limit_mps),
        ("speed_limit_known", lanes.limited),
        ("in_intersection", lanes.in_intersection),
        ("yields", yields),
        ("stops", stops),
    ):
        state[..., _COLUMN[name]] = values.astype(np.float32)[lane]
    state[..., _COLUMN["on_lane"]] = lane >= 0
    state[..., _COLUMN["share"]] = paths.share[:, None]
    _mark_lines(state, paths, frames, lanes, shown, yields)
    _mark_crosswalks(state, paths, frames, lanes, crosswalks)
    return state


def _curvature(paths: CandidatePaths) -> FloatArray:
    """(R, 64) [1/m], from the headings of the points beside."""
    heading = paths.points[..., 2]
    bend = np.empty_like(heading)
    bend[:, 1:-1] = 0.5 * (heading[:, 2:] - heading[:, :-2])
    bend[:, 0], bend[:, -1] = heading[:, 1] - heading[:, 0], heading[:, -1] - heading[:, -2]
    return bend / paths.spacing_m[:, None]


def _mark_lines(
    state: NDArray[np.float32],
    paths: CandidatePaths,
    frames: AgentFrames,
    lanes: LaneTable,
    shown: NDArray[np.uint8],
    yields: NDArray[np.bool_],
) -> None:
    """Where paths come to the lines of lanes with a signal or without the right of way, and what signals show there."""
    marked = np.isfinite(lanes.line).all(axis=1) & ((shown > 0) | yields)
    entered = marked[paths.lane]
    entered[:, 1:] &= paths.lane[:, 1:] != paths.lane[:, :-1]
    row, column = np.nonzero(entered)
    if not len(row):
        return
    lane = paths.lane[row, column]
    line = frames.into(lanes.line[lane][:, None], paths.agent[row])  # (Q, 1, 2)
    away = line - paths.points[row, :, :2]
    index = np.argmin(np.square(away).sum(axis=-1), axis=1)
    every = np.arange(len(row))
    heading, away = paths.points[row, index, 2], away[every, index]
    spacing = paths.spacing_m[row]
    place = index * spacing + away[:, 0] * np.cos(heading) + away[:, 1] * np.sin(heading)
    met = (np.hypot(*away.T) < np.maximum(_AT_LINE_M, spacing)) & (place >= 0.0)
    row, lane, place, spacing = row[met], lane[met], place[met], spacing[met]
    behind = np.arange(NUM_PATH_POINTS) * spacing[:, None] - place[:, None]
    tent = np.maximum(1.0 - np.abs(behind) / spacing[:, None], 0.0)
    np.maximum.at(state[..., _COLUMN["stop_line"]], row, tent.astype(np.float32))
    told = ((behind > -spacing[:, None]) & (behind <= np.maximum(_SIGNAL_EXTENT_M, spacing)[:, None])).astype(
        np.float32
    )
    for name, signal_state in _SIGNALS.items():
        shows = shown[lane] == signal_state
        np.maximum.at(state[..., _COLUMN[name]], row[shows], told[shows])


def _mark_crosswalks(
    state: NDArray[np.float32], paths: CandidatePaths, frames: AgentFrames, lanes: LaneTable, crosswalks: Crosswalks
) -> None:
    """Points on the crosswalks that their lanes lead over, or that are crossed."""
    count = np.append(np.diff(lanes.crosswalks.offsets), 0)[paths.lane]  # (R, 64)
    row, column = np.nonzero(count)
    repeats = count[row, column]
    first = lanes.crosswalks.offsets[paths.lane[row, column]]
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    crosswalk = lanes.crosswalks.values[np.repeat(first, repeats) + within]
    walked = np.flatnonzero(paths.crosswalk >= 0)
    row = np.concatenate([np.repeat(row, repeats), np.repeat(walked, NUM_PATH_POINTS)])
    column = np.concatenate([np.repeat(column, repeats), np.tile(np.arange(NUM_PATH_POINTS), len(walked))])
    crosswalk = np.concatenate([crosswalk, np.repeat(paths.crosswalk[walked], NUM_PATH_POINTS)])
    if not len(row):
        return
    x, y = paths.points[row, column, 0], paths.points[row, column, 1]
    agent = paths.agent[row]
    cos, sin = np.cos(frames.heading)[agent], np.sin(frames.heading)[agent]
    from_center = frames.origin[agent] - crosswalks.center[crosswalk]
    from_center += np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)
    axis = crosswalks.axis[crosswalk]
    along = np.abs(from_center[:, 0] * axis[:, 0] + from_center[:, 1] * axis[:, 1])
    lateral = np.abs(from_center[:, 1] * axis[:, 0] - from_center[:, 0] * axis[:, 1])
    on = (along <= crosswalks.half_length_m[crosswalk]) & (lateral <= crosswalks.half_width_m[crosswalk])
    state[row[on], column[on], _COLUMN["on_crosswalk"]] = 1.0


def _crossed(network: RoadNetwork, crosswalks: Crosswalks) -> Ragged:
    """For each lane the rows of the crosswalks that its centreline meets."""
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
        return Ragged(np.zeros(0, dtype=np.int64), np.zeros(len(lines) + 1, dtype=np.int64))
    lane, crosswalk = shapely.STRtree(shapely.polygons(corners)).query(np.array(lines), predicate="intersects")
    order = np.lexsort((crosswalk, lane))
    return Ragged(crosswalk[order], np.searchsorted(lane[order], np.arange(len(lines) + 1)))
