"""How good tracks are: HOTA and CLEAR by trackeval, and errors of velocity and position.

J. Luiten et al., "HOTA: A higher order metric for evaluating multi-object tracking", IJCV 2021; K. Bernardin and
R. Stiefelhagen, "Evaluating multiple object tracking performance: the CLEAR MOT metrics", 2008. Similarity of a track
and an agent falls linearly with the distance of their centres and is zero at 2 m (trackeval's own measure of places).
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.tracking_run import TrackedFrame
from zoox_prediction.scene import VEHICLE_CLASSES

FloatArray = NDArray[np.float64]

NO_SIMILARITY_M = 2.0
_IGNORED_M = 4.0  # a track that matches nothing but is this near to an agent that does not count, does not either


@dataclass(frozen=True)
class TrackingScope:
    """Which agents count."""

    radius_m: float = 60.0  # around the ego
    view_rad: float = 2.0 * math.pi  # about the ego's heading, for ground truth that knows no more
    min_points: int = 10  # of all lidars in a sweep: what is less in sight does not count
    memory_s: float = 1.0  # since it was last in sight, that an agent still counts


@dataclass
class _Matches:
    """What trackeval wants, and errors of what was matched."""

    gt_ids: list[NDArray[np.int64]] = field(default_factory=list)
    tracker_ids: list[NDArray[np.int64]] = field(default_factory=list)
    similarity_scores: list[FloatArray] = field(default_factory=list)
    position_error: list[FloatArray] = field(default_factory=list)
    vehicle_velocity_error: list[FloatArray] = field(default_factory=list)
    nees: list[float] = field(default_factory=list)


def score_tracks(frames: Iterable[TrackedFrame], scope: TrackingScope | None = None) -> dict[str, float]:
    """HOTA, DetA, AssA, LocA, MOTA, identity switches, false ones, also per frame, missed ones, errors [m, m/s], and
    NEES of places (2 is right).

    Raises InputError when trackeval is not installed or nothing counts.
    """
    scope, matches = scope or TrackingScope(), _Matches()
    seen_ns: dict[int, int] = {}
    for frame in frames:
        stamp = frame.truth.stamp_ns
        for agent in frame.truth.ids[frame.lidar_points >= scope.min_points].tolist():
            seen_ns[agent] = stamp
        recent = [stamp - seen_ns.get(agent, -(10**18)) <= scope.memory_s * 1e9 for agent in frame.truth.ids.tolist()]
        _match(frame, np.array(recent, dtype=bool), scope, matches)
    if not sum(map(len, matches.gt_ids)):
        raise InputError("no agent of the ground truth is in sight within the radius; give another recording")
    scores = _trackeval_scores(matches)
    for name, errors in (("position", matches.position_error), ("vehicle_velocity", matches.vehicle_velocity_error)):
        squared = (np.array(errors).reshape(-1, 2) ** 2).sum(axis=1)
        scores[f"{name}_rms"] = float(np.sqrt(squared.mean())) if len(squared) else math.nan
    scores["position_nees"] = float(np.mean(matches.nees)) if matches.nees else math.nan
    return scores


def _match(frame: TrackedFrame, recent: NDArray[np.bool_], scope: TrackingScope, matches: _Matches) -> None:
    truth, tracks = frame.truth, frame.tracks
    counts = recent & _within(frame, truth.position, scope)
    apart = np.linalg.norm(truth.position[:, None, :2] - tracks.position[None, :, :2], axis=2)
    cost = np.minimum(apart, NO_SIMILARITY_M) + np.where(counts, 0.0, NO_SIMILARITY_M)[:, None]
    pairs = [(i, j) for i, j in zip(*linear_sum_assignment(cost), strict=True) if apart[i, j] < NO_SIMILARITY_M]
    others = np.array([not counts[i] for i, _ in pairs], dtype=bool)
    matched = np.array([j for _, j in pairs], dtype=np.int64)
    free = np.ones(len(tracks), dtype=bool)
    free[matched] = False
    near_ignored = apart[~counts].min(axis=0, initial=np.inf) < _IGNORED_M
    dropped = free & (near_ignored | ~_within(frame, tracks.position, scope))
    dropped[matched[others]] = True
    matches.gt_ids.append(truth.ids[counts])
    matches.tracker_ids.append(tracks.ids[~dropped])
    matches.similarity_scores.append(np.maximum(1.0 - apart[counts][:, ~dropped] / NO_SIMILARITY_M, 0.0))
    for i, j in (pair for pair, other in zip(pairs, others, strict=True) if not other):
        error = tracks.position[j, :2] - truth.position[i, :2]
        matches.position_error.append(error)
        matches.nees.append(float(error @ np.linalg.solve(tracks.pose_covariance[j, :2, :2], error)))
        if truth.agent_class[i] in VEHICLE_CLASSES:
            matches.vehicle_velocity_error.append(tracks.velocity[j] - truth.velocity[i])


def _within(frame: TrackedFrame, position: FloatArray, scope: TrackingScope) -> NDArray[np.bool_]:
    """(N,) places in the radius and the view."""
    sight = position[:, :2] - frame.ego_position
    turn = np.arctan2(sight[:, 1], sight[:, 0]) - frame.ego_yaw
    ahead = np.abs(np.arctan2(np.sin(turn), np.cos(turn))) <= 0.5 * scope.view_rad
    inside: NDArray[np.bool_] = ahead & (np.linalg.norm(sight, axis=1) < scope.radius_m)
    return inside


def _trackeval_scores(matches: _Matches) -> dict[str, float]:
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints which of its data sets it cannot read
            from trackeval import metrics
    except ModuleNotFoundError as error:
        raise InputError(
            f"scores need trackeval ({error}); install it with 'pip install --no-deps trackeval==1.3.0'"
        ) from error
    gt_ids, num_gt = _numbered(matches.gt_ids)
    tracker_ids, num_tracks = _numbered(matches.tracker_ids)
    data: dict[str, object] = {
        "gt_ids": gt_ids,
        "tracker_ids": tracker_ids,
        "similarity_scores": matches.similarity_scores,
        "num_gt_ids": num_gt,
        "num_tracker_ids": num_tracks,
        "num_gt_dets": sum(map(len, gt_ids)),
        "num_tracker_dets": sum(map(len, tracker_ids)),
        "num_timesteps": len(gt_ids),
    }
    hota = metrics.HOTA().eval_sequence(data)
    clear = metrics.CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
    scores = {name: float(np.mean(hota[name])) for name in ("HOTA", "DetA", "AssA", "LocA")}
    return scores | {
        "MOTA": float(clear["MOTA"]),
        "id_switches": float(clear["IDSW"]),
        "false": float(clear["CLR_FP"]),
        "false_per_frame": float(clear["CLR_FP"]) / len(gt_ids),
        "missed": float(clear["CLR_FN"]),
        "truth": float(sum(map(len, gt_ids))),
    }


def _numbered(ids: list[NDArray[np.int64]]) -> tuple[list[NDArray[np.int64]], int]:
    """The ids as 0, 1, 2, ..., and how many they are."""
    known = np.unique(np.concatenate(ids)) if ids else np.zeros(0, dtype=np.int64)
    return [np.searchsorted(known, each) for each in ids], len(known)
