"""Recordings become training samples, shard by shard: what is complete is kept, what was interrupted is made again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2

from zoox_prediction.config import check_not_negative, check_positive, flatten
from zoox_prediction.errors import InputError
from zoox_prediction.models.baselines.config import BaselinesConfig
from zoox_prediction.models.scene_features import FEATURE_VERSION, FeatureConfig
from zoox_prediction.prediction.features import FeatureExtractor
from zoox_prediction.prediction.recorded_scenes import recorded_scenes
from zoox_prediction.prediction.scene_history import SceneHistoryConfig
from zoox_prediction.raster.channels import load_channel_table
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.datasets.eth_ucy import DATASET, DRONE_DATASET
from zoox_prediction.recording.licences import licence_of
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.looking_back import observed_only
from zoox_prediction.recording.sources import BAG, RecordingSource, open_recording
from zoox_prediction.recording.splits import Split
from zoox_prediction.scene import Scene
from zoox_prediction.training.future_labels import ScoringConfig, future_labels
from zoox_prediction.training.mining_tally import Tally, added
from zoox_prediction.training.samples import FORMAT
from zoox_prediction.training.shards import ShardFiles, ShardWriter
from zoox_prediction.training.track_cleaning import CleaningConfig, CleanTracks


@dataclass(frozen=True)
class MiningConfig:
    """Which scenes of a recording become samples, and how."""

    start_s: float = 1.0  # after the first frame
    interval_s: float = 1.0
    min_future_s: float = 2.0  # of the recording after a scene; what is not known of the rest is masked
    shard_samples: int = 64
    scoring: ScoringConfig = field(default_factory=ScoringConfig)
    cleaning: CleaningConfig = field(default_factory=CleaningConfig)
    history: SceneHistoryConfig = field(default_factory=SceneHistoryConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    raster: RasterConfig = field(default_factory=RasterConfig)
    baselines: BaselinesConfig = field(default_factory=BaselinesConfig)

    def __post_init__(self) -> None:
        check_positive(self, "interval_s", "min_future_s")
        check_not_negative(self, "start_s")
        if self.shard_samples < 1:
            raise ValueError(f"shard_samples must be at least 1, got {self.shard_samples}")
        if self.scoring.min_past_s > self.history.past_s:
            raise ValueError(f"min_past_s must be at most history.past_s ({self.history.past_s})")

    def settings(self) -> dict[str, Any]:
        """Everything that decides what a sample is, as JSON; `selection` only decides which there are."""
        baselines = json.dumps(flatten(self.baselines), sort_keys=True)
        raster = {name: getattr(self.raster, name) for name in ("size_px", "resolution_m", "oversampling")}
        return {
            "format": FORMAT,
            "feature_version": FEATURE_VERSION,
            "channel_digest": load_channel_table().digest,
            "features": flatten(self.features),
            "raster": raster,
            "baselines_digest": hashlib.sha256(baselines.encode()).hexdigest(),
            "history": flatten(self.history),
            "labels": flatten(self.cleaning),
            "selection": {
                **{name: getattr(self, name) for name in ("start_s", "interval_s", "min_future_s", "shard_samples")},
                **dataclasses.asdict(self.scoring),
            },
        }


@dataclass(frozen=True)
class MiningTask:
    """One recording to mine into the folder `out`, if it is in `part` of the split."""

    source: RecordingSource
    out: Path
    config: MiningConfig
    split: Split | None = None
    part: str = ""


@dataclass(frozen=True)
class MiningOutcome:
    """What became of a recording."""

    source: RecordingSource
    dataset: str = ""
    recording: str = ""
    samples: int = 0
    kept: int = 0  # of these, what was there already
    tally: Tally = field(default_factory=dict)
    in_part: bool = True
    problems: tuple[str, ...] = ()  # sentences; what could not be read of it


def mine_recording(task: MiningTask) -> MiningOutcome:
    """Mines one recording; what cannot be read of it is in `problems`. Raises InputError when a split has it twice."""
    source, log = task.source, None
    identity = ("", "")
    try:
        identity = _identity_of_bag(source) or identity
        if not identity[1]:
            log = open_recording(source)
            identity = log.dataset, log.name
    except InputError as error:
        return MiningOutcome(source, problems=(str(error),))
    if task.split is not None and task.split.part_of(*identity) != task.part:
        return MiningOutcome(source, *identity, in_part=False)
    try:
        files = ShardFiles(task.out, source, *identity)
        if (kept := files.complete()) is not None:
            count = sum(len(each["samples"]) for each in kept)
            return MiningOutcome(source, *identity, count, count, added(each["tally"] for each in kept))
        return _mined(task, log or open_recording(source), files)
    except InputError as error:
        return MiningOutcome(source, *identity, problems=(str(error),))


def _mined(task: MiningTask, log: RecordedLog, files: ShardFiles) -> MiningOutcome:
    cv2.setNumThreads(1)  # a recording is mined by one process, as many at a time as there are workers
    config = task.config
    files.remove_others()
    tracks = CleanTracks(log, config.cleaning)
    extractor = FeatureExtractor(_raster_config(log, config.raster), config.features, config.baselines)
    of_recording = {"dataset": log.dataset, "recording": log.name, "licence": licence_of(log.dataset, log.metadata)}
    count, kept, tallies = 0, 0, []
    for number, (scenes, last) in enumerate(_chunks(_scenes(log, config), config.shard_samples)):
        document = files.read(number)
        if document is not None:
            kept += len(document["samples"])
        else:
            writer = ShardWriter(files.path(number))
            for scene in scenes:
                features = extractor(scene)
                labels = future_labels(log, tracks, scene, features, config.scoring)
                if labels.scored.any():  # else there is nothing to learn
                    writer.add(features, labels)
            ends = {"recordings": {log.dataset: 1}, "id_switches": {log.dataset: tracks.num_jumps}} if last else {}
            document = writer.close({**of_recording, **files.origin, "last": last}, ends)
        count += len(document["samples"])
        tallies.append(document["tally"])
    return MiningOutcome(task.source, log.dataset, log.name, count, kept, added(tallies), problems=log.problems)


def _scenes(log: RecordedLog, config: MiningConfig) -> Iterator[Scene]:
    """The scenes to mine; where the recording has an ego, those in which it is known.

    Pedestrian benchmarks are seen as their protocol wants it, and as they are evaluated: without a look ahead.
    """
    seen = observed_only(log) if log.dataset in (DATASET, DRONE_DATASET) else log
    found = recorded_scenes(seen, config.history, config.start_s, config.interval_s, config.min_future_s)
    return (scene for scene in found if not log.ego or scene.ego is not None)


def _raster_config(log: RecordedLog, config: RasterConfig) -> RasterConfig:
    """Where the raster lies without an ego: at the place that the recording names."""
    if log.ego:
        return config
    try:
        x, y, yaw = (float(log.metadata.get(f"roadside_{axis}", 0.0)) for axis in ("x", "y", "yaw"))
    except ValueError as error:
        raise InputError(f"{log.name}: roadside_x, roadside_y and roadside_yaw must be numbers: {error}") from error
    return replace(config, center_x_m=x, center_y_m=y, center_yaw_rad=yaw)


def _chunks(scenes: Iterator[Scene], size: int) -> Iterator[tuple[list[Scene], bool]]:
    """Lists of `size` scenes, and whether it is the last; one that is empty when there are no scenes."""
    chunk: list[Scene] = []
    for scene in scenes:
        if len(chunk) == size:
            yield chunk, False
            chunk = []
        chunk.append(scene)
    yield chunk, True


def _identity_of_bag(source: RecordingSource) -> tuple[str, str] | None:
    """Dataset and name as `load_log` finds them, without reading it all; None for what is no bag."""
    if source.format_name != BAG:
        return None
    with BagReader(source.path) as reader:
        metadata = reader.metadata
    return metadata.get("dataset", ""), metadata.get("recording") or source.path.resolve().name
