"""What every agent of a scene did next, as the network's outputs are: the labels of a training sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.config import check_not_negative, check_positive
from zoox_prediction.geometry import wrap_angle
from zoox_prediction.models.baselines.modes import NUM_STEPS, TIME_STEP_S
from zoox_prediction.models.scene_features import KNOT_TIMES_S, SceneFeatures
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.tracks import MAX_GAP_S
from zoox_prediction.scene import Scene
from zoox_prediction.training.track_cleaning import CleanTracks

_STEPS_NS = np.arange(1, NUM_STEPS + 1) * round(TIME_STEP_S * 1e9)


@dataclass(frozen=True)
class ScoringConfig:
    """Which agents count in training and validation."""

    min_past_s: float = 1.0  # seen throughout
    max_distance_m: float = 100.0  # from the centre of the raster

    def __post_init__(self) -> None:
        check_not_negative(self, "min_past_s")
        check_positive(self, "max_distance_m")


@dataclass(frozen=True)
class FutureLabels:
    """The futures of N agents of one scene at T = 80 steps of 0.1 s, in their own frames; 0 where not valid."""

    future_position: NDArray[np.float32]  # (N, T, 2) centre of the box in the agent frame [m]
    future_yaw: NDArray[np.float32]  # (N, T) of the body, relative to the agent frame [rad]
    future_speed: NDArray[np.float32]  # (N, T) [m/s] >= 0
    future_valid: NDArray[np.bool_]  # (N, T) the agent was seen around then
    future_size: NDArray[np.float32]  # (N, 2) length and width over the whole track, its median [m]
    scored: NDArray[np.bool_]  # (N,) seen for long enough and near enough
    ego_future: NDArray[np.float32]  # (1, 16, 5) what the ego really did, as SceneFeatures.plan
    ego_future_valid: NDArray[np.bool_]  # (1, 16)


def future_labels(
    log: RecordedLog, tracks: CleanTracks, scene: Scene, features: SceneFeatures, config: ScoringConfig
) -> FutureLabels:
    """The labels of a scene of the recording `log`, whose cleaned tracks are `tracks` and whose features `features`."""
    pieces = tracks.pieces(features.ids, scene.stamp_ns)
    future = tracks.at(pieces, scene.stamp_ns + _STEPS_NS)
    valid = future.valid & (pieces >= 0)[:, None]
    offset = future.position - features.origin[:, None]
    cos, sin = np.cos(features.heading)[:, None], np.sin(features.heading)[:, None]
    x, y = offset[..., 0], offset[..., 1]
    position = np.stack([cos * x + sin * y, cos * y - sin * x], axis=-1)
    ego_future, ego_future_valid = _ego_future(log, scene, features)
    return FutureLabels(
        future_position=np.where(valid[..., None], position, 0.0).astype(np.float32),
        future_yaw=np.where(valid, wrap_angle(future.yaw - features.heading[:, None]), 0.0).astype(np.float32),
        future_speed=np.where(valid, future.speed, 0.0).astype(np.float32),
        future_valid=valid,
        future_size=tracks.size(pieces).astype(np.float32),
        scored=_scored(tracks, scene, features, pieces, config),
        ego_future=ego_future,
        ego_future_valid=ego_future_valid,
    )


def _scored(
    tracks: CleanTracks, scene: Scene, features: SceneFeatures, pieces: NDArray[np.int64], config: ScoringConfig
) -> NDArray[np.bool_]:
    """(N,) the past reaches back far enough without a hole, is of the same agent, and the agent is near enough."""
    first = scene.past_valid.shape[1] - 1 - round(config.min_past_s / scene.time_step_s)
    seen = scene.past_valid[:, first:].all(axis=1)
    began_ns = scene.stamp_ns - round(config.min_past_s * 1e9)
    same = tracks.at(pieces, [began_ns]).valid[:, 0]
    distance = np.hypot(features.agent_pose[:, 0], features.agent_pose[:, 1])
    scored: NDArray[np.bool_] = seen & same & (pieces >= 0) & (distance <= config.max_distance_m)
    return scored


def _ego_future(
    log: RecordedLog, scene: Scene, features: SceneFeatures
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(1, 16, 5) and (1, 16): the ego's box at the knots of plans; between states not more than 0.5 s apart."""
    if len(log.ego) < 2 or scene.ego is None:
        return np.zeros((1, len(KNOT_TIMES_S), 5), dtype=np.float32), np.zeros((1, len(KNOT_TIMES_S)), dtype=bool)
    times = np.array([(ego.stamp_ns - scene.stamp_ns) * 1e-9 for ego in log.ego])
    yaw = np.array([ego.yaw for ego in log.ego])
    heading = np.column_stack([np.cos(yaw), np.sin(yaw)])
    center = np.array([ego.position for ego in log.ego]) + log.ego_center_offset_m * heading
    speed = np.sum(np.array([ego.velocity for ego in log.ego]) * heading, axis=1)
    table = np.column_stack([center - features.frame_center[0], np.unwrap(yaw) - features.frame_yaw[0], speed])
    x, y, relative, along = (np.interp(KNOT_TIMES_S, times, column) for column in table.T)
    after = np.clip(np.searchsorted(times, KNOT_TIMES_S), 1, len(times) - 1)
    valid = (times[-1] + 1e-6 >= KNOT_TIMES_S) & (times[after] - times[after - 1] <= MAX_GAP_S)
    cos, sin = np.cos(features.frame_yaw[0]), np.sin(features.frame_yaw[0])
    columns = [cos * x + sin * y, cos * y - sin * x, np.cos(relative), np.sin(relative), along]
    plan = np.where(valid[:, None], np.stack(columns, axis=-1), 0.0)
    return plan.astype(np.float32)[None], valid[None]
