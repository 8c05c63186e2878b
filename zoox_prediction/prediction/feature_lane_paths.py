"""Candidate paths along lanes: those that agents are on, those beside them, and those that they may join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.models.baselines.config import BaselinesConfig
from zoox_prediction.models.baselines.lane_changes import joining_lengths
from zoox_prediction.models.baselines.lanes import ALLOWED_TYPES, Road, RoadUseConfig
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.paths import Paths, endless_paths
from zoox_prediction.models.scene_features import NUM_PATH_POINTS, FeatureConfig, PathKind
from zoox_prediction.prediction.feature_agents import AgentFrames, drives
from zoox_prediction.prediction.feature_lane_changes import NOT_YET, LaneChanges, changed, find_changes
from zoox_prediction.prediction.feature_paths import MAX_REACH_M, CandidatePaths, even_points, reaches, unwrapped

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

_SPACING_M = 2.0  # of the lanes' paths
_NUM_DENSE = 64  # points on which a joined path is computed
_STRETCH, _SPARE_M = 1.08, 3.0  # a way along the inner side of a bend is shorter than the lane
_SWING_RAD = 0.6  # who stands at a greater angle to a lane swings into it on a curve of its own
_STEEPEST_RAD = 0.7  # of a path that does not swing, to its lane
_SWING_M = 12.0  # at most so much of the lane
_SWING_HANDLE = 0.45  # of the curve's chord
_MAX_JOIN_RAD = 1.9  # between who joins a lane and the lane
_JOIN_COST_M = 1.0  # that a radian between them counts as
_MAX_JOIN_PATHS = 4  # onto one lane
_MIN_JOINING_M = 5.0


def lane_paths(
    motion: Motion,
    road: Road,
    beside: NDArray[np.int64],
    frames: AgentFrames,
    config: FeatureConfig,
    baselines: BaselinesConfig,
) -> CandidatePaths | None:
    """Paths along lanes of the vehicles and cyclists, by kind; None when there are none.

    `beside` as of `lanes_beside`.
    """
    if road.graph is None or not len(motion):
        return None
    use = replace(
        baselines.road_use,
        max_paths=config.max_paths,
        spacing_m=_SPACING_M,
        max_distance_m=MAX_REACH_M,
        speed_reserve_mps=config.speed_reserve_mps,
        standing_offset_m=baselines.road_use.max_offset_m,
    )
    reach = reaches(motion, config)
    found = []
    main = road.paths(motion, use)
    served = np.zeros(len(motion), dtype=bool)
    if main is not None:
        served[main.agent] = True
        curves = _joined(PathKind.LANE, main, *_keeping(main, motion, baselines), frames, reach)
        found.append(curves)
        changes = find_changes(road.graph, beside, main, motion, reach)
        if changes is not None:
            found.append(_changed(changes, curves.select(changes.main), frames))
    joining = np.flatnonzero(drives(motion) & ~served & ~motion.reversing)
    paths = _paths_to_join(road.graph, joining, motion, frames, reach, use, config) if len(joining) else None
    if paths is not None:
        length = joining_lengths(paths, motion, replace(baselines.lane_changes, min_joining_m=_MIN_JOINING_M))
        found.append(_joined(PathKind.JOIN, paths, length, np.zeros(len(paths)), frames, reach))
    return _evened(_Curves.concatenate(found), reach) if found else None


def _keeping(paths: Paths, motion: Motion, baselines: BaselinesConfig) -> tuple[FloatArray, FloatArray]:
    """How fast (R,) [m] paths come to their lanes, and how far (R,) [m] beside the centrelines they stay."""
    config = baselines.lane_following
    joining = np.maximum(config.joining_s * motion.speed[paths.agent], config.min_joining_m)
    kept = config.kept_offset_share * paths.offset_m[:, 1]
    return joining, np.clip(kept, -config.kept_offset_max_m, config.kept_offset_max_m)


@dataclass(frozen=True)
class _Curves:
    """R curves of K points each in the frames of their agents."""

    agent: NDArray[np.int64]  # (R,)
    kind: NDArray[np.int64]  # (R,) PathKind
    share: FloatArray  # (R,)
    arc: FloatArray  # (R, K) even arc lengths along what is followed [m]
    points: SingleArray  # (R, K, 2)
    heading: SingleArray  # (R, K) unwrapped
    lane: NDArray[np.int64]  # (R, K)

    def select(self, rows: NDArray[np.int64]) -> _Curves:
        return _Curves(*(getattr(self, each.name)[rows] for each in fields(self)))

    @classmethod
    def concatenate(cls, parts: Sequence[_Curves]) -> _Curves:
        return cls(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls)))


def _joined(
    kind: PathKind, paths: Paths, joining_m: FloatArray, kept_m: FloatArray, frames: AgentFrames, reach: FloatArray
) -> _Curves:
    """The ways from the agents onto `paths`, and along them.

    They join as those of `paths.follow`, but are computed near to the agents, where single precision is enough.
    """
    agent = paths.agent
    step = (reach[agent] * _STRETCH + _SPARE_M) / (_NUM_DENSE - 1)
    arc = np.arange(_NUM_DENSE) * step[:, None]
    x, y, theta, curvature = paths.at(np.arange(len(agent)), arc)
    lane_x, lane_y = frames.into_single(x, y, agent)
    lane_heading = (theta - frames.heading[agent][:, None]).astype(np.float32)
    places, length = arc.astype(np.float32), joining_m[:, None].astype(np.float32)
    start = (paths.offset_m[:, 1] - kept_m)[:, None].astype(np.float32)
    rise = np.tan(np.clip(paths.heading_error_rad, -_STEEPEST_RAD, _STEEPEST_RAD))[:, None].astype(np.float32)
    rise += start / length
    decay = np.exp(-places / length)
    risen = (start + rise * places) * decay
    slope = rise * decay - risen / length
    lateral = risen + kept_m[:, None].astype(np.float32)
    end = (paths.points.shape[1] - 1) * paths.spacing_m
    ahead = paths.offset_m[:, :1].astype(np.float32) * decay + np.maximum(places - np.float32(end), 0.0)
    cos, sin = np.cos(lane_heading), np.sin(lane_heading)
    points = np.stack(
        [lane_x + ahead * cos - lateral * sin, lane_y + ahead * sin + lateral * cos], axis=-1, dtype=np.float32
    )
    stretch = np.maximum(1.0 - curvature.astype(np.float32) * lateral, np.float32(0.2))
    heading = unwrapped(lane_heading + np.arctan(slope / stretch))
    swings = np.flatnonzero(np.abs(paths.heading_error_rad) > _SWING_RAD)
    if len(swings):
        direction = frames.course[agent[swings]]
        points[swings], heading[swings] = _swung(points[swings], heading[swings], arc[swings], direction)
    points[:, 0] = 0.0
    index = np.minimum(np.rint(arc / paths.spacing_m).astype(np.int64), paths.lane.shape[1] - 1)
    lane = np.take_along_axis(paths.lane, index, axis=1)
    return _Curves(agent, np.full(len(agent), int(kind)), paths.share, arc, points, heading, lane)


def _changed(changes: LaneChanges, left: _Curves, frames: AgentFrames) -> _Curves:
    """The curves `left`, changed."""
    points, heading, lane = changed(changes, left.arc, left.points, left.heading, frames)
    kind = np.full(len(left.agent), int(PathKind.LANE_CHANGE))
    lane = np.where(lane == NOT_YET, left.lane, lane)
    return _Curves(left.agent, kind, left.share, left.arc, points, heading, lane)


def _evened(curves: _Curves, reach: FloatArray) -> CandidatePaths:
    """The same as paths of evenly spaced points."""
    spacing = reach[curves.agent] / (NUM_PATH_POINTS - 1)
    even, place = even_points(curves.points, curves.heading, spacing)
    lane = np.take_along_axis(curves.lane, np.rint(place).astype(np.int64), axis=1)
    none = np.full(len(lane), -1)
    return CandidatePaths(curves.agent, curves.kind, curves.share, even, spacing, lane, none)


def _swung(
    points: SingleArray, heading: SingleArray, arc: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Curves whose first metres are a cubic Bézier from the origin, headed `start` (R,), to where they were going."""
    rows = np.arange(len(points))
    last = np.clip(np.sum(arc < _SWING_M, axis=1), 2, arc.shape[1] - 1)
    end, end_heading = points[rows, last], heading[rows, last]
    handle = _SWING_HANDLE * np.hypot(*end.T)
    first = handle[:, None] * np.stack([np.cos(start), np.sin(start)], axis=1)
    second = end - handle[:, None] * np.stack([np.cos(end_heading), np.sin(end_heading)], axis=1)
    t = np.minimum(np.arange(arc.shape[1]) / last[:, None], 1.0)[..., None]
    first, second, end = first[:, None], second[:, None], end[:, None]
    curve = 3.0 * (1 - t) ** 2 * t * first + 3.0 * (1 - t) * t**2 * second + t**3 * end
    slope = (1 - t) ** 2 * first + 2.0 * (1 - t) * t * (second - first) + t**2 * (end - second)
    before = np.arange(arc.shape[1]) < last[:, None]
    turned = np.where(before, np.arctan2(slope[..., 1], slope[..., 0]), heading)
    return np.where(before[..., None], curve, points), unwrapped(turned)


def _paths_to_join(
    graph: LaneGraph,
    joining: NDArray[np.int64],
    motion: Motion,
    frames: AgentFrames,
    reach: FloatArray,
    use: RoadUseConfig,
    config: FeatureConfig,
) -> Paths | None:
    """Paths from beside the agents `joining` on: the nearest lane for them, and one the other way."""
    index, lane = graph.road_network.index.lanes_about(motion.position[joining], config.join_range_m)
    permitted = ALLOWED_TYPES[motion.group[joining[index]], graph.road_network.lanes.type[lane]]
    index, lane = index[permitted], lane[permitted]
    on = graph.lines.project(lane, motion.position[joining[index]])
    course = frames.heading + frames.course
    away = np.abs(wrap_angle(course[joining[index]] - on.heading_rad))
    offset = np.hypot(on.lateral_offset_m, on.beyond_m)
    near = (offset <= config.join_range_m) & (away < _MAX_JOIN_RAD)
    cost = np.where(near, offset + _JOIN_COST_M * away, np.inf)
    best = _cheapest(index, cost)
    chosen = np.full(len(joining), -1)
    chosen[index[best]] = best
    opposite = np.cos(on.heading_rad - on.heading_rad[chosen[index]]) < 0.0 if len(best) else near
    other = _cheapest(index, np.where(opposite, cost, np.inf))
    rows = np.concatenate([best, other])
    if not len(rows):
        return None
    agent = joining[index[rows]]
    found = graph.paths_from(lane[rows], on.arc_length_m[rows], reach[agent], _MAX_JOIN_PATHS, use.spacing_m)
    paths = endless_paths(found, agent, motion)
    return replace(paths, heading_error_rad=wrap_angle(course[paths.agent] - paths.heading[:, 0]))


def _cheapest(group: NDArray[np.int64], cost: FloatArray) -> NDArray[np.int64]:
    """The row of the least finite cost in every group (M,), the first of several."""
    order = np.lexsort((cost, group))
    order = order[np.isfinite(cost[order])]
    first: NDArray[np.int64] = order[np.flatnonzero(np.diff(group[order], prepend=-1))]
    return first
