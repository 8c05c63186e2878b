"""Opens the files behind a recording, whole ones by their index and damaged ones as far as they go."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import yaml
from mcap.reader import make_reader
from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader

from zoox_prediction.recording.bag.errors import RecordingError
from zoox_prediction.recording.bag.recovery import RecoveredMcap, custom_data

_SUFFIXES = (".mcap", ".db3")


class Source(Protocol):
    """One storage that can be read; rosbags' Reader and RecoveredMcap are ones."""

    @property
    def start_time(self) -> int: ...

    @property
    def end_time(self) -> int: ...

    @property
    def message_count(self) -> int: ...

    @property
    def connections(self) -> list[Connection]: ...

    def messages(
        self, connections: Collection[Connection] = (), start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Connection, int, bytes]]: ...

    def close(self) -> None: ...


@dataclass
class OpenedRecording:
    """The storages of one recording in the order of time."""

    sources: list[Source] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)  # each a sentence without its full stop


def open_recording(path: Path) -> OpenedRecording:
    """The storages of a rosbag2 folder or of a bare `.mcap` or `.db3` file.

    Raises RecordingError when there is nothing to read.
    """
    if not path.exists():
        raise RecordingError(f"{path}: does not exist; give a rosbag2 folder, an .mcap or a .db3 file")
    opened = OpenedRecording()
    if not path.is_dir():
        _open_file(path, opened)
    elif (reason := _open_indexed(path, opened)) is not None:
        _open_files(path, reason, opened)
    return opened


def _open_files(folder: Path, reason: str, opened: OpenedRecording) -> None:
    """Opens what can be opened of a folder that, for the `reason`, is no whole recording."""
    opened.metadata, described = _description(folder / "metadata.yaml", opened)
    files = sorted(each for each in folder.iterdir() if each.suffix in _SUFFIXES)
    opened.problems += [f"{folder}: {name} is missing" for name in described if not (folder / name).exists()]
    refusals = []
    for file in files:
        try:
            _open_file(file, opened)
        except RecordingError as error:
            refusals.append(error)
    if len(refusals) == len(files):
        reason = f"{folder}: is not a rosbag2 recording ({reason}); give one, or an .mcap or .db3 file"
        raise refusals[0] if refusals else RecordingError(reason)
    opened.problems += [str(refusal) for refusal in refusals]
    opened.sources.sort(key=lambda source: source.start_time)


def _open_file(path: Path, opened: OpenedRecording) -> None:
    reason = _open_indexed(path, opened)
    if reason is None:
        return
    if path.suffix != ".mcap":
        raise RecordingError(f"{path}: cannot be read ({reason}); record or copy it again")
    try:
        recovered = RecoveredMcap(path)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror or error}") from error
    opened.sources.append(recovered)
    opened.metadata = {**recovered.custom, **opened.metadata}
    if recovered.problem:
        opened.problems.append(f"{path}: {recovered.problem}")


def _open_indexed(path: Path, opened: OpenedRecording) -> str | None:
    """Adds rosbags' reader of the path; returns why not when it cannot read it."""
    try:
        reader = Reader(path)
        reader.open()
    except Exception as error:  # what is damaged makes the parsers of YAML, SQLite and MCAP fail in any way
        return " ".join(str(error).split()).rstrip(".") or type(error).__name__
    opened.sources.append(reader)
    custom = reader.storage.metadata.custom
    if not custom and path.suffix == ".mcap":
        custom = _custom_data_of_mcap(path)
    opened.metadata = {**{str(key): str(value) for key, value in (custom or {}).items()}, **opened.metadata}
    return None


def _description(path: Path, opened: OpenedRecording) -> tuple[dict[str, str], list[str]]:
    """`custom_data` and the names of the files of a metadata.yaml; empty, and a problem, when it cannot be read."""
    try:
        information = yaml.safe_load(path.read_text())["rosbag2_bagfile_information"]
        custom = information.get("custom_data") or {}
        files = [Path(each).name for each in information["relative_file_paths"]]
        return {str(key): str(value) for key, value in custom.items()}, files
    except FileNotFoundError:
        opened.problems.append(f"{path.parent}: has no metadata.yaml")
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, KeyError, TypeError):
        opened.problems.append(f"{path}: cannot be read")
    return {}, []


def _custom_data_of_mcap(path: Path) -> dict[str, str]:
    values: dict[str, str] = {}
    with suppress(Exception), path.open("rb") as stream:  # metadata is a convenience, its damage no reason to fail
        for record in make_reader(stream).iter_metadata():
            values.update(custom_data(record))
    return values
