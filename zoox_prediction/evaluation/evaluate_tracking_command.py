"""`zoox-prediction evaluate-tracking`: the detectors and the tracker on recordings, against their ground truth."""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.table import Table

from zoox_prediction.config import load_yaml
from zoox_prediction.detection.config import DetectionConfig
from zoox_prediction.detections import MODALITIES, Modality
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation import tables
from zoox_prediction.evaluation.light_scores import score_lights
from zoox_prediction.evaluation.track_lights import with_lights
from zoox_prediction.evaluation.tracking_run import TrackedFrame, detect_recording, track_recording
from zoox_prediction.evaluation.tracking_scores import TrackingScope, score_tracks
from zoox_prediction.progress import progress_bar
from zoox_prediction.resources import resource_path
from zoox_prediction.scene import AgentClass
from zoox_prediction.tracking.pipeline import TrackingNodeConfig

_EPILOG = """\
Every agent of the ground truth counts that the lidars have seen within the last second, within the radius. HOTA is over
the similarity of places, 1 where centres agree and 0 from 2 m on; NEES of the position is 2 when covariances are right.
Rows of classes compare the agents of a class with the tracks of that class.

example: zoox-prediction simulate --scenes 4 --seconds 15 --seed 7000 --sensors config/sensor_suite.yaml --out drives
         zoox-prediction evaluate-tracking drives/scene_* --ablations --workers 2
"""
_COLUMNS = (
    "HOTA", "DetA", "AssA", "LocA", "MOTA", "id_switches", "false", "false_per_frame", "missed", "truth",
    "position_rms", "vehicle_velocity_rms", "position_nees",
)  # fmt: skip
_CLASSES: Mapping[str, tuple[AgentClass, ...]] = {
    "all": tuple(AgentClass),
    "vehicles": (AgentClass.CAR, AgentClass.TRUCK, AgentClass.BUS, AgentClass.MOTORCYCLIST),
    "cyclists": (AgentClass.CYCLIST,),
    "pedestrians": (AgentClass.PEDESTRIAN,),
    "animals": (AgentClass.ANIMAL,),
}
Config = TypeVar("Config")

_IDS = 10**12  # ids of two recordings are that far apart


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("recordings", nargs="+", type=Path, metavar="BAG", help="with sensors and ground truth")
    parser.add_argument(
        "--without", nargs="+", choices=sorted(MODALITIES), default=[], help="kinds of sensors that are switched off"
    )
    parser.add_argument("--ablations", action="store_true", help="also with each kind of sensor switched off in turn")
    parser.add_argument("--lights", action="store_true", help="also how right tracks are about lights, within 30 m")
    parser.add_argument("--radius", type=float, default=60.0, metavar="M", help="around the ego, default %(default)g")
    parser.add_argument("--view", type=float, default=360.0, metavar="DEG", help="that the ground truth knows of")
    parser.add_argument("--detection-config", type=Path, metavar="FILE", help="instead of config/detection_node.yaml")
    parser.add_argument("--tracking-config", type=Path, metavar="FILE", help="instead of config/tracking_node.yaml")
    parser.add_argument("--workers", type=int, default=1, metavar="W", help="recordings at a time, default %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")


def run(arguments: argparse.Namespace) -> int:
    """Prints the tables and writes the JSON; raises InputError for what the user can mend."""
    if arguments.json is not None:
        tables.check_writable(arguments.json)
    if not (0.0 < arguments.radius < math.inf and 0.0 < arguments.view <= 360.0):
        raise InputError("--radius must be above 0 and --view above 0 and at most 360")
    if arguments.workers < 1:
        raise InputError(f"--workers {arguments.workers}: must be at least 1")
    scope = TrackingScope(radius_m=arguments.radius, view_rad=math.radians(arguments.view))
    off = frozenset(MODALITIES[name] for name in arguments.without)
    settings = {"all sensors" if not off else "without " + ", ".join(sorted(arguments.without)): off}
    if arguments.ablations:
        settings |= {f"without {name}": off | {kind} for name, kind in MODALITIES.items() if kind not in off}
    track = partial(
        tracked_frames,
        detection=_config(DetectionConfig, arguments.detection_config, "detection_node"),
        tracking=_config(TrackingNodeConfig, arguments.tracking_config, "tracking_node"),
        settings=settings,
        lights=arguments.lights,
    )
    frames: dict[str, dict[str, list[TrackedFrame]]] = {name: {} for name in settings}
    problems: dict[str, None] = {}
    for path, (found, complaints) in zip(
        arguments.recordings, _all(track, arguments.recordings, arguments.workers), strict=True
    ):
        problems |= dict.fromkeys(f"{path}: {each}" for each in complaints)
        for name, each in found.items():
            frames[name][path.name] = each
    rows = [row for name, each in frames.items() for row in score_rows(name, each, scope)]
    tables.console().print(_table(rows))
    if arguments.lights:
        lights = [
            {"sensors": name, **row}
            for name, each in frames.items()
            for row in score_lights(itertools.chain.from_iterable(each.values()))
        ]
        tables.console().print(_table_of_lights(lights))
        rows += lights
    for problem in problems:
        tables.console().print(problem, markup=False, highlight=False)
    if arguments.json is not None:
        tables.write_json(arguments.json, rows)
    return 0


def tracked_frames(
    path: Path,
    detection: DetectionConfig,
    tracking: TrackingNodeConfig,
    settings: Mapping[str, frozenset[Modality]],
    lights: bool = False,
) -> tuple[dict[str, list[TrackedFrame]], tuple[str, ...]]:
    """A recording's frames for every setting, which names the kinds of sensors that are off; and what went wrong."""
    recording, frames = detect_recording(path, detection), {}
    for name, without in settings.items():
        seen = with_lights(path, recording, tracking, detection.lights, without) if lights else recording
        frames[name] = list(track_recording(seen, tracking, without))
    return frames, recording.problems


def score_rows(
    setting: str, recordings: Mapping[str, Sequence[TrackedFrame]], scope: TrackingScope
) -> Iterator[dict[str, object]]:
    """Scores of every recording, of all together, and of all by class."""
    together = [
        _renumbered(frame, number * _IDS) for number, frames in enumerate(recordings.values()) for frame in frames
    ]
    if len(recordings) > 1:
        for name, frames in recordings.items():
            yield {"sensors": setting, "recording": name, "class": "all", **score_tracks(frames, scope)}
    for name, classes in _CLASSES.items():
        frames = [_of_classes(frame, classes) for frame in together]
        try:
            scores = score_tracks(frames, scope)
        except InputError:
            if name == "all":
                raise
            continue  # none of that class counts
        yield {"sensors": setting, "recording": "together", "class": name, **scores}


def _renumbered(frame: TrackedFrame, offset: int) -> TrackedFrame:
    return replace(
        frame,
        truth=replace(frame.truth, ids=frame.truth.ids + offset),
        tracks=replace(frame.tracks, ids=frame.tracks.ids + offset),
    )


def _of_classes(frame: TrackedFrame, classes: tuple[AgentClass, ...]) -> TrackedFrame:
    """Agents of other classes count as out of sight, tracks of other classes are left out."""
    others = ~np.isin(frame.truth.agent_class, classes)
    tracks = frame.tracks.select(np.isin(frame.tracks.agent_class, classes))
    return replace(frame, tracks=tracks, lidar_points=np.where(others, 0, frame.lidar_points))


def _config(kind: type[Config], path: Path | None, node: str) -> Config:
    return load_yaml(kind, path or resource_path(f"config/{node}.yaml"), node)


def _all(track: partial, paths: Sequence[Path], workers: int) -> Iterator[tuple]:
    with progress_bar("recordings") as progress:
        if workers == 1:
            for done, path in enumerate(paths):
                progress(done / len(paths), path.name)
                yield track(path)
            return
        with ProcessPoolExecutor(workers) as pool:
            for done, each in enumerate(pool.map(track, paths), start=1):
                progress(done / len(paths))
                yield each


def _table(rows: Sequence[Mapping[str, object]]) -> Table:
    table = Table("sensors", "recording", "class", *_COLUMNS)
    for row in rows:
        numbers = [float(str(row[name])) for name in _COLUMNS]
        cells = (f"{number:.0f}" if number.is_integer() or number > 50 else f"{number:.3f}" for number in numbers)
        table.add_row(str(row["sensors"]), str(row["recording"]), str(row["class"]), *cells)
    return table


def _table_of_lights(rows: Sequence[Mapping[str, object]]) -> Table:
    columns = ("vehicles", "shown", "told", "known", "precision", "recall", "recall_known")
    table = Table("sensors", "light", *columns)
    for row in rows:
        cells = (f"{row[name]:.3f}" if isinstance(row[name], float) else str(row[name]) for name in columns)
        table.add_row(str(row["sensors"]), str(row["light"]), *cells)
    return table
