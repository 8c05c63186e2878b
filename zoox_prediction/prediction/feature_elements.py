"""What stands still on the map near the agents: pieces of lanes, crosswalks, stop lines, signals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from zoox_prediction.maps.polylines import resample
from zoox_prediction.maps.road_network import NO_ID, LaneType, RightOfWay, RoadNetwork, Turn
from zoox_prediction.maps.signals import lane_signal_states
from zoox_prediction.models.baselines.crosswalks import Crosswalks
from zoox_prediction.models.baselines.signals import stop_points
from zoox_prediction.models.scene_features import ELEMENT_COLUMNS, NUM_ELEMENT_POINTS, FeatureConfig
from zoox_prediction.scene import SignalState, TrafficSignals

FloatArray = NDArray[np.float64]

_COLUMN = {name: column for column, name in enumerate(ELEMENT_COLUMNS)}
_FIRST_STATE = _COLUMN["signal_unknown"]
_LANE_WIDTH_M = 3.5
_MAX_PIECES = 50  # of one lane


@dataclass(frozen=True)
class MapElements:
    """The E elements of a road network, ready to be looked up; those without a finite place are left out."""

    position: FloatArray  # (E, 2) middle, in the map [m]
    heading: FloatArray  # (E,) [rad]
    points: NDArray[np.float32]  # (E, 10, 2) around the middle, x along the heading
    state: NDArray[np.float32]  # (E, len(ELEMENT_COLUMNS)) without what signals show
    signal: NDArray[np.int64]  # (E,) id, NO_ID without
    tree: cKDTree | None  # of the positions

    def __len__(self) -> int:
        return len(self.position)

    @classmethod
    def of(cls, network: RoadNetwork, crosswalks: Crosswalks, config: FeatureConfig) -> MapElements:
        """Of the lanes, stop lines and signals of `network` and its `crosswalks`."""
        parts = [_lane_pieces(network, config), _crosswalks(crosswalks), _stop_lines(network), _signals(network)]
        lines, state, signal = (np.concatenate(each) for each in zip(*parts, strict=True))
        finite = np.isfinite(lines).all(axis=(1, 2))
        lines, state, signal = lines[finite], state[finite], signal[finite]
        half = NUM_ELEMENT_POINTS // 2
        position = 0.5 * (lines[:, half - 1] + lines[:, half])
        along = lines[:, half] - lines[:, half - 1]
        heading = np.arctan2(along[:, 1], along[:, 0])
        cos, sin = np.cos(heading)[:, None], np.sin(heading)[:, None]
        x, y = np.moveaxis(lines - position[:, None, :], -1, 0)
        own = np.stack([cos * x + sin * y, cos * y - sin * x], axis=-1)
        own[state[:, _COLUMN["kind_signal"]] > 0.0] = 0.0
        tree = cKDTree(position) if len(position) else None
        return cls(position, heading, own.astype(np.float32), state.astype(np.float32), signal, tree)

    def near(self, places: FloatArray, config: FeatureConfig) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Rows (N, num_elements) of the elements nearest to places (N, 2), nearest first, and which there are."""
        wanted = config.num_elements
        if self.tree is None or not len(places):
            shape = (len(places), wanted)
            return np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
        distance, rows = self.tree.query(
            places, k=np.arange(1, wanted + 1), distance_upper_bound=config.element_range_m
        )
        order = np.lexsort((rows, distance))
        rows, distance = np.take_along_axis(rows, order, axis=1), np.take_along_axis(distance, order, axis=1)
        valid = np.isfinite(distance)
        return np.where(valid, rows, 0), valid

    def states(self, rows: NDArray[np.int64], signals: TrafficSignals) -> NDArray[np.float32]:
        """(M, len(ELEMENT_COLUMNS)) of the elements `rows` (M,), with what their signals show."""
        state = self.state[rows]
        signal = self.signal[rows]
        signalled = np.flatnonzero(signal != NO_ID)
        shown = lane_signal_states(signal[signalled], signals.ids, signals.state)
        shown = np.minimum(shown, len(SignalState) - 1)
        state[signalled, _FIRST_STATE + shown.astype(np.int64)] = 1.0
        return state


_Part = tuple[FloatArray, FloatArray, NDArray[np.int64]]  # lines (E, 10, 2), states, signals


def _states(count: int, kind: str) -> FloatArray:
    state = np.zeros((count, len(ELEMENT_COLUMNS)))
    state[:, _COLUMN[kind]] = 1.0
    return state


def _signalled(state: FloatArray, signal: NDArray[np.int64]) -> None:
    state[:, _COLUMN["signalled"]] = signal != NO_ID


def _lane_pieces(network: RoadNetwork, config: FeatureConfig) -> _Part:
    lanes = network.lanes
    pieces, owner = [np.zeros((0, NUM_ELEMENT_POINTS, 2))], []
    for row, line in enumerate(lanes.centerline):  # once per map
        if len(line) < 2 or not np.isfinite(line).all():
            continue
        length = float(np.hypot(*np.diff(line, axis=0).T).sum())
        count = int(np.clip(round(length / config.element_length_m), 1, _MAX_PIECES))
        last = NUM_ELEMENT_POINTS - 1
        points = resample(np.asarray(line, dtype=np.float64), count * last + 1)
        pieces.append(points[np.arange(count)[:, None] * last + np.arange(NUM_ELEMENT_POINTS)])
        owner += [row] * count
    lines, lane = np.concatenate(pieces), np.array(owner, dtype=np.int64)
    state, every = _states(len(lines), "kind_lane"), np.arange(len(lines))
    for first, values, kinds in (
        ("type_vehicle", lanes.type, LaneType),
        ("turn_none", lanes.turn, Turn),
        ("right_of_way_unknown", lanes.right_of_way, RightOfWay),
    ):
        state[every, _COLUMN[first] + np.minimum(values[lane].astype(np.int64), len(kinds) - 1)] = 1.0
    limit = lanes.speed_limit_mps[lane]
    state[:, _COLUMN["in_intersection"]] = lanes.in_intersection[lane]
    state[:, _COLUMN["left_change"]] = lanes.left_change[lane]
    state[:, _COLUMN["right_change"]] = lanes.right_change[lane]
    state[:, _COLUMN["speed_limit"]] = np.where(np.isfinite(limit), limit, 0.0)
    state[:, _COLUMN["speed_limit_known"]] = np.isfinite(limit)
    state[:, _COLUMN["length"]] = np.hypot(*np.moveaxis(np.diff(lines, axis=1), -1, 0)).sum(axis=1)
    state[:, _COLUMN["width"]] = _LANE_WIDTH_M
    _signalled(state, lanes.signal[lane])
    return lines, state, lanes.signal[lane]


def _crosswalks(crosswalks: Crosswalks) -> _Part:
    share = np.linspace(-1.0, 1.0, NUM_ELEMENT_POINTS)[None, :, None]
    half = crosswalks.half_length_m[:, None, None]
    lines = crosswalks.center[:, None, :] + share * half * crosswalks.axis[:, None, :]
    state = _states(len(lines), "kind_crosswalk")
    state[:, _COLUMN["length"]] = 2.0 * crosswalks.half_length_m
    state[:, _COLUMN["width"]] = 2.0 * crosswalks.half_width_m
    _signalled(state, crosswalks.signal)
    return lines, state, crosswalks.signal


def _stop_lines(network: RoadNetwork) -> _Part:
    usable = [line for line in network.stop_lines if len(line) >= 2 and np.isfinite(line).all()]  # once per map
    lines = np.array([resample(line, NUM_ELEMENT_POINTS) for line in usable]).reshape(-1, NUM_ELEMENT_POINTS, 2)
    state = _states(len(lines), "kind_stop_line")
    state[:, _COLUMN["length"]] = np.hypot(*(lines[:, -1] - lines[:, 0]).T)
    return lines, state, np.full(len(lines), NO_ID)


def _signals(network: RoadNetwork) -> _Part:
    """One element where the traffic of each signalled lane stops, along the lane: what the signal means is there."""
    lanes = network.lanes
    points = stop_points(network, lanes.signal >= 0)
    kept = np.flatnonzero(np.isfinite(points).all(axis=1) & (np.diff(lanes.centerline.offsets) >= 2))
    lines = np.zeros((len(kept), NUM_ELEMENT_POINTS, 2))
    step = np.arange(NUM_ELEMENT_POINTS) - 0.5 * (NUM_ELEMENT_POINTS - 1)
    for place, row in enumerate(kept):  # once per map
        line = lanes.centerline[row]
        along = line[1] - line[0] if lanes.in_intersection[row] else line[-1] - line[-2]
        lines[place] = points[row] + step[:, None] * along / max(float(np.hypot(*along)), 1e-9)
    state = _states(len(kept), "kind_signal")
    _signalled(state, lanes.signal[kept])
    return lines, state, np.asarray(lanes.signal[kept])
