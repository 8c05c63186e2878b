"""Public datasets as bags: a `SourceRecording` in, a rosbag2 recording out, with all topics the source can fill."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zoox_prediction.errors import InputError
from zoox_prediction.recording.bag import BagWriter
from zoox_prediction.recording.datasets.source import SourceRecording
from zoox_prediction.recording.formats import FORMATS, ConvertOptions
from zoox_prediction.recording.messages import (
    MessageTypes,
    road_network_to_message,
    tracked_agents_to_message,
    traffic_signals_to_message,
)
from zoox_prediction.recording.sensor_messages import (
    ego_transform_message,
    odometry_3d_message,
    static_transforms_message,
)
from zoox_prediction.recording.typestore import RosbagsTypes

Progress = Callable[[int, int], None]  # messages written, messages in all


@dataclass(frozen=True)
class _Entry:
    topic: str
    stamp_ns: int
    build: Callable[[MessageTypes], Any]


def convert(
    format_name: str,
    source: Path,
    out: Path,
    options: ConvertOptions | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SourceRecording:
    """Writes the recording at `source`, in the layout `format_name` of FORMATS, as the bag `out`, and returns it.

    `progress` is called after every message. Raises InputError, naming the file, when the source cannot be used or
    `out` exists; nothing bears the name `out` then.
    """
    if format_name not in FORMATS:
        raise InputError(f"unknown format '{format_name}'; known are {', '.join(FORMATS)}")
    if out.exists() and not overwrite:  # before the reading, which takes a while
        raise InputError(f"{out}: exists already; give another name or ask to overwrite it")
    recording = FORMATS[format_name].read(source, options or ConvertOptions())
    write_recording(recording, out, overwrite=overwrite, progress=progress)
    return recording


def write_recording(
    recording: SourceRecording, out: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> None:
    """Writes `recording` as the bag `out`; sensor files are read one by one. Raises InputError as `convert` does."""
    types = RosbagsTypes()
    # At equal stamps agents come last: who predicts when they arrive then knows the ego and the signals of the instant.
    streams = [_latched(recording), _ego(recording), _signals(recording), _sensors(recording), _agents(recording)]
    total = sum(len(stream) for stream in streams)
    if not any(streams):
        raise InputError(f"{out}: the recording {recording.name} holds nothing to write")
    with BagWriter(out, recording.metadata(), overwrite=overwrite) as writer:
        for count, entry in enumerate(_merged(streams), start=1):
            writer.write(entry.topic, entry.build(types), entry.stamp_ns)
            if progress is not None:
                progress(count, total)


def _merged(streams: list[list[_Entry]]) -> Iterator[_Entry]:
    """In order of time; of equal stamps, in the order of the streams."""
    return heapq.merge(*streams, key=lambda entry: entry.stamp_ns)


def _latched(recording: SourceRecording) -> list[_Entry]:
    """The map and the mounting of the sensors, at the recording's beginning."""
    stamps = [frame.stamp_ns for frame in recording.agents] + [sensor.stamp_ns for sensor in recording.sensors]
    stamps += [] if recording.ego is None else [int(recording.ego.stamp_ns[0])]
    start = min(stamps, default=0)
    entries = []
    if recording.static_transforms:
        entries.append(
            _Entry("/tf_static", start, partial(static_transforms_message, recording.static_transforms, start))
        )
    if recording.road_network is not None:
        network = recording.road_network
        entries.append(_Entry("/road_network", start, lambda types: road_network_to_message(network, types, start)))
    return entries


def _agents(recording: SourceRecording) -> list[_Entry]:
    return [
        _Entry("/ground_truth/agents", frame.stamp_ns, partial(tracked_agents_to_message, frame))
        for frame in recording.agents
    ]


def _ego(recording: SourceRecording) -> list[_Entry]:
    if recording.ego is None:
        return []
    entries = []
    for state, quaternion in zip(recording.ego.states(), recording.ego.quaternion, strict=True):
        entries.append(_Entry("/tf", state.stamp_ns, partial(ego_transform_message, state, quaternion)))
        entries.append(_Entry("/odometry", state.stamp_ns, partial(odometry_3d_message, state, quaternion)))
    return entries


def _signals(recording: SourceRecording) -> list[_Entry]:
    return [
        _Entry("/traffic_signals", signals.stamp_ns, partial(traffic_signals_to_message, signals))
        for signals in recording.signals
    ]


def _sensors(recording: SourceRecording) -> list[_Entry]:
    return [_Entry(sensor.topic, sensor.stamp_ns, sensor.build) for sensor in recording.sensors]
