"""Who goes first between the ego and an agent, by the road's rules and its signals, as the agent can see it.

Of the ego, an agent sees on which lane it is at that instant, and where that lane leads to; never where the plan will
take it. So plans that agree up to t give equal precedence up to t. Of itself it knows the course.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.maps.signals import lane_signal_states
from zoox_prediction.models.baselines.right_of_way import Rules
from zoox_prediction.prediction.plans import EgoFutures
from zoox_prediction.scene import SignalState, TrafficSignals

_HEADING_M = 3.0  # a radian of heading counts like so much distance
_NEAREST_M = 3.0  # farther from every lane, the ego is on none
_SPACING_M = 2.0  # of the points that stand for a lane
_AHEAD_M = 60.0  # how far along its lanes an ego is looked at
_BESIDE_M = 1.7  # a course so near to the place that stands for a lane, and along it, uses the lane
_ALONG_COS = 0.8


class RoadRules:
    """What precedence needs of a road network: where its lanes are, which give way to which, and where they lead."""

    def __init__(self, network: RoadNetwork) -> None:
        self.network = network
        self._reach: dict[int, NDArray[np.int64]] = {}
        lines = [_sampled(line) for line in network.lanes.centerline]  # once per map
        self._lane = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
        self._points = np.concatenate(lines) if len(self._lane) else np.zeros((0, 3))
        self._length = np.array([_SPACING_M * max(len(line) - 1, 0) for line in lines])
        # A junction's lane is used by who passes its middle, since it shares its ends; one before it, by its end.
        within = network.lanes.in_intersection
        self.place = np.array(
            [
                line[len(line) // 2 if inside else -1] if len(line) else np.full(3, np.nan)
                for line, inside in zip(lines, within, strict=True)
            ]
        ).reshape(-1, 3)  # (L, 3) x, y, heading

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(_with_heading(self._points))

    @cached_property
    def yields(self) -> csr_array:
        """(L, L) whether lane i gives way to lane j."""
        first = Rules.of(self.network).first
        given = np.ones(len(first.values), dtype=bool)
        return csr_array((given, first.values, first.offsets), shape=(len(first), len(first)))

    def lane_at(self, pose: NDArray[np.float64]) -> NDArray[np.int64]:
        """(M,) row of the lane at poses (M, 3), -1 where there is none."""
        if not len(self._points):
            return np.full(len(pose), -1, dtype=np.int64)
        away, nearest = self._tree.query(_with_heading(pose), distance_upper_bound=_NEAREST_M)
        found: NDArray[np.int64] = np.where(np.isfinite(away), np.append(self._lane, -1)[nearest], -1)
        return found

    def ahead(self, lane: int) -> NDArray[np.int64]:
        """Rows of `lane` and of the lanes that it leads to within _AHEAD_M."""
        if lane not in self._reach:
            successors = self.network.lanes.successor_rows
            left_m, todo = {lane: _AHEAD_M}, [lane]
            while todo:
                each = todo.pop()
                for following in successors[each].tolist():
                    rest_m = left_m[each] - (self._length[each] if each != lane else 0.0)
                    if rest_m > left_m.get(following, 0.0):
                        left_m[following] = rest_m
                        todo.append(following)
            self._reach[lane] = np.array(sorted(left_m))
        return self._reach[lane]


class RoadRulesLookup:
    """The RoadRules of a network; the last ones are kept, for networks are immutable and seldom change."""

    def __init__(self) -> None:
        self._last: RoadRules | None = None

    def of(self, network: RoadNetwork) -> RoadRules:
        last = self._last  # one read: another thread may replace it
        if last is None or last.network is not network:
            last = self._last = RoadRules(network)
        return last


def precedence(
    roads: RoadRules,
    signals: TrafficSignals,
    ego: EgoFutures,
    stride: int,
    position: NDArray[np.float64],
    yaw: NDArray[np.float64],
) -> NDArray[np.int8] | None:
    """(M, C, D) 1 where the agent of a course goes before the ego, -1 where the ego does, 0 where nothing says so.

    Courses have position (M, T + 1, 2) and yaw (M, T + 1); decisions are `stride` steps apart. A lane that gives way to
    another does so to who uses that one. Red against green overrides it. None when neither rules nor signals say
    anything.
    """
    lanes = roads.network.lanes
    if not len(lanes):
        return None
    shown = lane_signal_states(lanes.signal, signals.ids, signals.state)
    red, green = shown == SignalState.RED, shown == SignalState.GREEN
    yields = roads.yields
    if not (yields.nnz or (red.any() and green.any())):
        return None
    ego_lanes = _ego_lanes(roads, ego, stride)
    known = np.flatnonzero(ego_lanes.any(axis=(0, 1)))
    on = ego_lanes[..., known].astype(np.float32)  # (C, D, E)
    # The ego's lanes give way to others (E, L), and others to them (L, E).
    before_ego, after_ego = yields[known].toarray(), yields[:, known].toarray()
    matters = before_ego.any(axis=0) | after_ego.any(axis=1)
    if red[known].any() or green[known].any():
        matters |= red | green
    lane = np.flatnonzero(matters & np.isfinite(roads.place).all(axis=1))
    if not len(lane):
        return None
    own = _uses(position[:, ::stride], yaw[:, ::stride], roads.place[lane]).astype(np.float32)  # (M, Q)

    def related(table: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(M, C, D) whether a lane of the course stands in the relation `table` (Q, E) to one of the ego."""
        return np.asarray(np.einsum("me,cde->mcd", own @ table.astype(np.float32), on, optimize=True) > 0.0)

    first = related(before_ego[:, lane].T).astype(np.int8) - related(after_ego[lane]).astype(np.int8)
    every = np.ones((len(lane), len(known)), dtype=bool)
    may = related(every & green[lane, None] & red[known])
    must_not = related(every & red[lane, None] & green[known])
    return np.where(may != must_not, may.astype(np.int8) - must_not.astype(np.int8), first)


def _ego_lanes(roads: RoadRules, ego: EgoFutures, stride: int) -> NDArray[np.bool_]:
    """(C, D, L) the lanes that plans are on or lead to; and, in a junction that they have entered, came from."""
    lanes = roads.network.lanes
    step = np.arange(0, ego.yaw.shape[1] - 1, stride)
    pose = np.concatenate([ego.center[:, step], ego.yaw[:, step, None]], axis=-1)
    at = roads.lane_at(pose.reshape(-1, 3)).reshape(pose.shape[:2])
    used = np.zeros((*at.shape, len(lanes)), dtype=bool)
    for each in np.unique(at[at >= 0]):  # a few lanes
        here = at == each
        row = np.zeros(len(lanes), dtype=bool)
        row[roads.ahead(int(each))] = True
        used[here] = row
        if lanes.in_intersection[each]:
            entered = here & (at[:, :1] != each)
            for before in lanes.predecessor_rows[each]:
                used[..., before] |= entered
    return used


def _uses(position: NDArray[np.float64], yaw: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(M, Q) whether courses (M, S, 2) with yaw (M, S) pass places (Q, 3) of x, y, heading, along them."""
    origin = place[0, :2]
    start, way = (position[:, :-1] - origin)[:, :, None], np.diff(position, axis=1)[:, :, None]  # (M, S - 1, 1, 2)
    to_place = (place[:, :2] - origin) - start
    squared = np.maximum((way**2).sum(axis=-1), 1e-9)
    part = np.clip((to_place * way).sum(axis=-1) / squared, 0.0, 1.0)
    away = to_place - part[..., None] * way
    near = (away**2).sum(axis=-1) < _BESIDE_M**2
    near &= np.cos(yaw[:, :-1, None] - place[:, 2]) > _ALONG_COS
    uses: NDArray[np.bool_] = (near & (part > 0.0)).any(axis=1)
    return uses


def _sampled(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3) x, y and heading every _SPACING_M of a centreline; none of one that is not finite or has no length."""
    step = np.diff(line, axis=0)
    length = np.hypot(step[:, 0], step[:, 1])
    if not np.isfinite(line).all() or not length.sum() > 0.0:
        return np.zeros((0, 3))
    heading = np.arctan2(step[:, 1], step[:, 0])[length > 0.0]
    travelled = np.concatenate([[0.0], np.cumsum(length[length > 0.0])])
    points = np.concatenate([line[:1], line[1:][length > 0.0]])
    at = np.linspace(0.0, travelled[-1], max(int(travelled[-1] / _SPACING_M), 1) + 1)
    segment = np.clip(np.searchsorted(travelled, at, side="right") - 1, 0, len(heading) - 1)
    return np.column_stack(
        [np.interp(at, travelled, points[:, 0]), np.interp(at, travelled, points[:, 1]), heading[segment]]
    )


def _with_heading(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, 4) so that near in this space is near in place and heading."""
    heading = _HEADING_M * np.stack([np.cos(pose[:, 2]), np.sin(pose[:, 2])], axis=1)
    return np.concatenate([pose[:, :2], heading], axis=1)
