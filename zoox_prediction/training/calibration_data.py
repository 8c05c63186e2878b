"""Recordings as what the calibration of the heuristics learns from."""

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
from zoox_prediction.recording.split import RecordingSplit
from zoox_prediction.scene import Scene

_START_S = 1.0  # a scene has at least so much past
_TRUTH_S = 1.0  # and so much truth
_FEW_AGENTS = 1000.0  # datasets count alike, but one with so many agents or fewer has no full say


@dataclass(frozen=True)
class CalibrationData:
    """What a fit learns from, and where it comes from."""

    futures: Sequence[RecordedFuture]
    recordings: Sequence[tuple[str, str]]  # dataset and name of each recording that is learnt from
    num_agents: int  # counted once per scene


def read_calibration_data(
    sources: Sequence[RecordingSource],
    half: str,
    interval_s: float,
    progress: Callable[[int, RecordingSource], None] = lambda index, source: None,
) -> CalibrationData:
    """Scenes every `interval_s` of the `half` of `sources`, and what their agents did; InputError as open_recording."""
    split = RecordingSplit(half)
    recordings: list[tuple[str, str]] = []
    scenes: list[tuple[RecordedLog, Scene]] = []
    for index, source in enumerate(sources):
        progress(index, source)
        log = split.part(open_recording(source))
        if log is None:
            continue
        recordings.append((log.dataset, log.name))
        found = recorded_scenes(log, SceneHistoryConfig(), _START_S, interval_s, _TRUTH_S)
        scenes += [(log, scene) for scene in found]
    agents: Counter[str] = Counter()
    for log, scene in scenes:
        agents[log.dataset] += len(scene)
    futures = []
    for log, scene in scenes:
        future = log.future(scene.agents.ids, scene.stamp_ns, TIME_STEP_S, NUM_STEPS)
        weight = sum(agents.values()) / (agents[log.dataset] + _FEW_AGENTS) / len(agents)
        futures.append(RecordedFuture(scene, future.position, future.valid, weight))
    return CalibrationData(futures, recordings, sum(agents.values()))
