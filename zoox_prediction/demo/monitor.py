"""Keeps account of the predictions that arrive while a recording plays: how many, which are missing, how good."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from zoox_prediction.evaluation.tracked_log import true_ids_of
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.scene import PredictedTrajectories, TrackedAgents

_PERIOD_NS = 90_000_000  # tracks that come sooner after those that were predicted last are not predicted
_RATE_WINDOW = 20  # scenes over which the rate is taken


@dataclass(frozen=True)
class MonitorState:
    """One line of the live table."""

    scenes_played: int  # frames of tracked agents up to the newest predicted one
    predictions: int  # messages
    lost: int  # scenes without a prediction
    agents: int  # in the newest message
    rate_hz: float  # of the newest scenes, wall time
    scene_age_p50_ms: float
    scene_age_p99_ms: float
    min_ade_m: float  # over all agents and messages so far; NaN before the first
    without_path: int  # agents that were tracked but not predicted, or not finite
    improper: int  # agents whose mode probabilities do not sum to 1 (to 1e-3)

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


class DemoMonitor:
    """Compares predictions with what they were made from, and with what the recording says happened."""

    def __init__(self, log: RecordedLog, *, from_tracker: bool = False):
        """Scenes are the frames of the log, or `from_tracker` those that `add_tracks` is told of as they come."""
        self._log, self._from_tracker = log, from_tracker
        frames = () if from_tracker else log.agents
        self._agents_at = {agents.stamp_ns: agents for agents in frames}  # of every scene
        self._waiting: dict[int, PredictedTrajectories] = {}  # whose agents have not come yet
        self._predicted: set[int] = set()
        self._newest: PredictedTrajectories | None = None
        self._arrivals: deque[float] = deque(maxlen=_RATE_WINDOW)
        self._scene_ages: list[float] = []
        self._min_ade_sum = 0.0
        self._min_ade_count = 0
        self._without_path = 0
        self._improper = 0

    def add_tracks(self, tracks: TrackedAgents) -> None:
        """What the tracker has published; it may come after the predictions that were made of it."""
        self._agents_at[tracks.stamp_ns] = tracks
        waiting = self._waiting.pop(tracks.stamp_ns, None)
        if waiting is not None:
            self._compare(waiting, tracks)

    def add(self, predictions: PredictedTrajectories, scene_age_s: float, arrival_s: float) -> None:
        """One message; `arrival_s` is the steady time of its arrival."""
        self._newest = predictions
        if predictions.stamp_ns not in self._predicted:  # else the last scene again, after it has become silent
            self._arrivals.append(arrival_s)
        self._predicted.add(predictions.stamp_ns)
        self._scene_ages.append(scene_age_s)
        self._improper += int((np.abs(predictions.probability.sum(axis=1) - 1.0) > 1e-3).sum())
        tracked = self._agents_at.get(predictions.stamp_ns)
        if tracked is not None:
            self._compare(predictions, tracked)
        else:
            self._waiting[predictions.stamp_ns] = predictions

    def state(self, finished: bool = False) -> MonitorState:
        """The account so far; once the recording has `finished`, unpredicted scenes at its end count as lost too."""
        newest = np.iinfo(np.int64).max if finished else self._newest.stamp_ns if self._newest is not None else -1
        played = [stamp for stamp in self._agents_at if stamp <= newest]
        ages_ms = 1e3 * np.asarray(self._scene_ages or [np.nan])
        span = self._arrivals[-1] - self._arrivals[0] if len(self._arrivals) > 1 else 0.0
        return MonitorState(
            scenes_played=len(played),
            predictions=len(self._scene_ages),
            lost=self._lost(played),
            agents=0 if self._newest is None else len(self._newest),
            rate_hz=(len(self._arrivals) - 1) / span if span > 0.0 else 0.0,
            scene_age_p50_ms=float(np.percentile(ages_ms, 50)),
            scene_age_p99_ms=float(np.percentile(ages_ms, 99)),
            min_ade_m=self._min_ade_sum / self._min_ade_count if self._min_ade_count else float("nan"),
            without_path=self._without_path,
            improper=self._improper,
        )

    def _lost(self, played: list[int]) -> int:
        """Scenes that nothing was predicted for; of a tracker not those that came sooner than predictions are made."""
        lost = np.array(sorted(set(played) - self._predicted), dtype=np.int64)
        if self._from_tracker and len(lost):
            predicted = np.array([np.iinfo(np.int32).min, *sorted(self._predicted)], dtype=np.int64)
            lost = lost[lost - predicted[np.searchsorted(predicted, lost) - 1] >= _PERIOD_NS]
        return len(lost)

    def _compare(self, predictions: PredictedTrajectories, tracked: TrackedAgents) -> None:
        finite = np.isfinite(predictions.position).all(axis=(1, 2, 3))
        self._without_path += len(np.setdiff1d(tracked.ids, predictions.ids[finite]))
        self._add_errors(predictions, tracked)

    def _add_errors(self, predictions: PredictedTrajectories, tracked: TrackedAgents) -> None:
        ids = predictions.ids
        if self._from_tracker:
            ids = true_ids_of(self._log, tracked, ids)
        future = self._log.future(ids, predictions.stamp_ns, predictions.time_step_s, predictions.num_steps)
        known = future.valid.any(axis=1)
        if not known.any():
            return
        distance = np.linalg.norm(predictions.position[known] - future.position[known, None], axis=-1)  # (n, K, T)
        valid = future.valid[known]
        distance = np.where(valid[:, None], distance, 0.0)
        unused = predictions.probability[known] <= 0.0
        ade = distance.sum(axis=-1) / valid.sum(axis=-1)[:, None]
        self._min_ade_sum += float(np.where(unused, np.inf, ade).min(axis=1).sum())
        self._min_ade_count += int(known.sum())


def failures_of(account: dict[str, Any]) -> list[str]:
    """What must not happen and did, in words; `account` is a MonitorState as a mapping."""
    checks = (
        ("lost", "scene", "had no prediction"),
        ("without_path", "agent", "had no finite path"),
        ("improper", "agent", "had mode probabilities that do not sum to 1"),
    )
    counts = [(account.get(key, 0), noun, text) for key, noun, text in checks]
    failures = [f"{count} {noun}{'' if count == 1 else 's'} {text}" for count, noun, text in counts if count]
    if not account.get("predictions"):
        failures.append("no prediction arrived")
    return failures
