"""Recordings as what the calibration of the heuristics learns from, and which of them it may not see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zoox_prediction.models.baselines.futures import RecordedFuture
from zoox_prediction.models.baselines.modes import NUM_STEPS, TIME_STEP_S
from zoox_prediction.prediction.recorded_scenes import recorded_scenes
from zoox_prediction.prediction.scene_history import SceneHistoryConfig
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.sources import RecordingSource, open_recording

HALVES = ("first", "second", "all")
_START_S = 1.0  # a scene has at least so much past
_TRUTH_S = 1.0  # and so much truth
_FEW_AGENTS = 1000.0  # datasets count alike, but one with so many agents or fewer has no full say


@dataclass(frozen=True)
class CalibrationData:
    """What a fit learns from, and where it comes from."""

    futures: Sequence[RecordedFuture]
    recordings: Sequence[tuple[str, str]]  # dataset and name of each recording that is learnt from
    held_out: Sequence[RecordingSource]  # the recordings that were left out
    num_agents: int  # counted once per scene


def half_of(names: Sequence[tuple[str, str]], half: str) -> list[int]:
    """Indices of the recordings (dataset, name) of HALVES: of every dataset, by name, the 1st, 3rd ... are `first`."""
    chosen = []
    seen: Counter[str] = Counter()
    for index in sorted(range(len(names)), key=names.__getitem__):
        dataset = names[index][0]
        if half == "all" or seen[dataset] % 2 == HALVES.index(half):
            chosen.append(index)
        seen[dataset] += 1
    return chosen


def read_calibration_data(
    sources: Sequence[RecordingSource],
    half: str,
    interval_s: float,
    progress: Callable[[int, RecordingSource], None] = lambda index, source: None,
) -> CalibrationData:
    """Scenes every `interval_s` of the `half` of `sources`, and what their agents did; InputError as open_recording."""
    logs: list[RecordedLog] = []
    for index, source in enumerate(sources):
        progress(index, source)
        logs.append(open_recording(source))
    chosen = half_of([(log.dataset, log.name) for log in logs], half)
    scenes = [
        (log, scene)
        for log in map(logs.__getitem__, chosen)
        for scene in recorded_scenes(log, SceneHistoryConfig(), _START_S, interval_s, _TRUTH_S)
    ]
    agents: Counter[str] = Counter()
    for log, scene in scenes:
        agents[log.dataset] += len(scene)
    futures = []
    for log, scene in scenes:
        future = log.future(scene.agents.ids, scene.stamp_ns, TIME_STEP_S, NUM_STEPS)
        weight = sum(agents.values()) / (agents[log.dataset] + _FEW_AGENTS) / len(agents)
        futures.append(RecordedFuture(scene, future.position, future.valid, weight))
    left_out = [source for index, source in enumerate(sources) if index not in set(chosen)]
    recordings = [(logs[index].dataset, logs[index].name) for index in chosen]
    return CalibrationData(futures, recordings, left_out, sum(agents.values()))
