"""Candidate paths that need no lanes: straight on, on a fading curve, aside, backwards, over a crosswalk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.config import BaselinesConfig
from zoox_prediction.models.baselines.crosswalks import Crosswalks, find_crossings
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.scene_features import NUM_PATH_POINTS, FeatureConfig, PathKind
from zoox_prediction.prediction.feature_agents import AgentFrames, drives
from zoox_prediction.prediction.feature_paths import CandidatePaths, reaches, unwrapped

FloatArray = NDArray[np.float64]

_MIN_SPEED_MPS = 1.0  # of a curve: slower agents turn in the way of so many seconds at this speed
_VEERS_RAD = (0.45, -0.45, 1.2, -1.2)
_STANDING_TURN = 1.5  # how much more who stands may turn
_SHARPEST = 0.8  # that a turn aside begins with, of the class's curvature
_CROSSING_RAD = 1.4  # between who may be about to cross and the crosswalk
_WHEELBASE = 0.6  # of a vehicle's length
_WHEEL_M = 8.0  # over which wheels that are turned in at a standstill are straightened


def free_paths(
    motion: Motion,
    front_wheel_angle: FloatArray,
    on_lane: NDArray[np.bool_],
    placed: NDArray[np.bool_],
    frames: AgentFrames,
    config: FeatureConfig,
    baselines: BaselinesConfig,
) -> CandidatePaths:
    """Every agent gets at least one; `on_lane` (N,) are on lanes, `placed` (N,) on or beside one."""
    wheels, reach = drives(motion), reaches(motion, config)
    walks, still = ~wheels, motion.standing | motion.parked
    pace = np.maximum(motion.speed, _MIN_SPEED_MPS)
    fading = pace * baselines.turn_rate_acceleration.turn_rate_fading_s
    bend = motion.turn_rate / pace * fading
    wheel = np.isfinite(front_wheel_angle) & wheels & still
    steered = np.tan(np.clip(np.where(wheel, front_wheel_angle, 0.0), -0.8, 0.8))
    most = motion.limits.curvature_per_m
    steered = np.clip(steered / (_WHEELBASE * motion.size[:, 0]), -most, most) * _WHEEL_M
    bend, fading = np.where(wheel, steered, bend), np.where(wheel, _WHEEL_M, fading)
    forward = frames.course
    backward = np.pi + np.where(motion.reversing, wrap_angle(motion.course - frames.heading - np.pi), 0.0)
    lost = walks | (motion.group == Group.CYCLIST) | ~placed  # may turn anywhere
    slow = np.where(still, _STANDING_TURN, 1.0)
    veering = pace * baselines.pedestrian.veer_time_s
    none = np.zeros(len(motion))
    curves: list[tuple[PathKind, NDArray[np.bool_], FloatArray, FloatArray, FloatArray]] = [
        (PathKind.ARC, wheels & ~motion.reversing & (on_lane | ~still | wheel), forward, bend, fading),
        (PathKind.STRAIGHT, walks | ~on_lane | (motion.group != Group.VEHICLE), forward, none, fading),
        (
            PathKind.REVERSE,
            wheels & (still | motion.reversing),
            backward,
            np.where(motion.reversing, bend, none),
            fading,
        ),
        *(
            (PathKind.VEER, lost, forward, slow * turn, np.maximum(veering, slow * abs(turn) / (_SHARPEST * most)))
            for turn in _VEERS_RAD
        ),
    ]
    rows = [np.flatnonzero(whose) for _, whose, *_ in curves]
    agent = np.concatenate(rows)
    kind = np.repeat([int(each) for each, *_ in curves], [len(each) for each in rows])
    start = np.concatenate([values[each] for (*_, values, _, _), each in zip(curves, rows, strict=True)])
    turn = np.concatenate([values[each] for (*_, values, _), each in zip(curves, rows, strict=True)])
    over = np.concatenate([values[each] for (*_, values), each in zip(curves, rows, strict=True)])
    spacing = reach[agent] / (NUM_PATH_POINTS - 1)
    share = np.where(kind == PathKind.VEER, 1.0 / len(_VEERS_RAD), 1.0)
    return CandidatePaths.off_lanes(agent, kind, _curve(start, turn, over, spacing), spacing, share)


def crossing_paths(
    motion: Motion, crosswalks: Crosswalks, frames: AgentFrames, config: FeatureConfig
) -> CandidatePaths | None:
    """Over the nearest crosswalks: to where it is entered, across, and straight on."""
    walkers = np.flatnonzero(motion.group != Group.VEHICLE)
    if not len(walkers) or not len(crosswalks):
        return None
    crossings = find_crossings(
        crosswalks, motion, walkers, config.crosswalk_range_m, _CROSSING_RAD, config.crosswalks_per_agent
    )
    agent = crossings.agent
    spacing = reaches(motion, config)[agent] / (NUM_PATH_POINTS - 1)
    corners = frames.into(np.stack([motion.position[agent], crossings.entry, crossings.exit], axis=1), agent)
    points = _through(corners, spacing)
    kind, share = np.full(len(agent), int(PathKind.CROSSWALK)), np.ones(len(agent))
    return CandidatePaths.off_lanes(agent, kind, points, spacing, share, crossings.crosswalk)


def _curve(start: FloatArray, turn: FloatArray, over_m: FloatArray, spacing_m: FloatArray) -> NDArray[np.float32]:
    """(R, 64, 3) from the origin, headed `start` (R,), turning by `turn` (R,) in all, by e less every `over_m` (R,)."""
    places = np.arange(2 * NUM_PATH_POINTS - 1) * 0.5  # the points and their middles
    turned = turn[:, None] * -np.expm1(-places * (spacing_m / over_m)[:, None])
    heading = (start[:, None] + turned).astype(np.float32)  # in which cosines take a fraction of the time
    middle, spacing = heading[:, 1::2], spacing_m[:, None].astype(np.float32)
    points = np.zeros((len(start), NUM_PATH_POINTS, 3), dtype=np.float32)
    points[:, 1:, 0] = spacing * np.cumsum(np.cos(middle), axis=1)
    points[:, 1:, 1] = spacing * np.cumsum(np.sin(middle), axis=1)
    points[..., 2] = heading[:, ::2]
    return points


def _through(corners: FloatArray, spacing_m: FloatArray) -> NDArray[np.float32]:
    """(R, 64, 3) from the first of corners (R, 3, 2) by the second to the third and straight on."""
    way = np.diff(corners, axis=1)  # (R, 2, 2)
    length = np.hypot(way[..., 0], way[..., 1])
    way = way / np.maximum(length, 1e-6)[..., None]
    # Headings are those of the chords from half a step before to half a step behind.
    arc = np.arange(2 * NUM_PATH_POINTS) * (0.5 * spacing_m)[:, None]
    before = np.minimum(arc, length[:, :1])
    places = corners[:, :1] + before[..., None] * way[:, :1] + (arc - before)[..., None] * way[:, 1:]
    chord = np.diff(places[:, 1::2], axis=1, prepend=places[:, :1])
    heading = np.arctan2(chord[..., 1], chord[..., 0])
    return np.concatenate([places[:, ::2], unwrapped(heading)[..., None]], axis=-1, dtype=np.float32)
