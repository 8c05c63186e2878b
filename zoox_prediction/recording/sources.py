"""Recordings as the commands take them: bags and public datasets, one by one or a whole folder of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zoox_prediction.errors import InputError
from zoox_prediction.recording.datasets.eth_ucy import is_whole_scene
from zoox_prediction.recording.formats import FORMATS, ConvertOptions
from zoox_prediction.recording.log import RecordedLog, load_log, log_of

BAG = "bag"
_HINT = "give a bag, a recording in a layout of 'zoox-prediction convert --help', or a folder of them"


@dataclass(frozen=True)
class RecordingSource:
    """One recording that was found: its path, and BAG or the name of its layout in FORMATS."""

    path: Path
    format_name: str
    sequence: str = ""  # KITTI only: many sequences share a folder

    @property
    def name(self) -> str:
        """For people, short."""
        return (self.sequence and f"{self.path.name} {self.sequence}") or self.path.stem


def find_recordings(paths: Iterable[Path]) -> tuple[list[RecordingSource], list[str]]:
    """Every recording at or below `paths`, in a fixed order and once each, and a sentence for each path without any."""
    found: dict[RecordingSource, None] = {}
    problems = []
    for path in paths:
        sources = list(_below(path))
        if not sources:
            problems.append(f"{path}: {'holds no recording' if path.exists() else 'no such file or folder'}; {_HINT}")
        found.update(dict.fromkeys(sources))
    return list(found), problems


def find_one_recording(path: Path) -> RecordingSource:
    """The only recording at or below `path`; raises InputError when there is none or there are several."""
    found, problems = find_recordings([path])
    if problems:
        raise InputError(problems[0])
    if len(found) > 1:
        raise InputError(f"{path}: holds {len(found)} recordings; give one of them, such as {found[0].path}")
    return found[0]


def open_recording(source: RecordingSource) -> RecordedLog:
    """The recording in memory; a dataset is read directly, without its sensors. Raises InputError when it cannot be."""
    if source.format_name == BAG:
        return load_log(source.path)
    return log_of(FORMATS[source.format_name].read(source.path, ConvertOptions(sequence=source.sequence)))


def _below(path: Path) -> Iterator[RecordingSource]:
    """The recording that `path` is, else those in its subfolders."""
    own = list(_recordings_at(path))
    if own or not path.is_dir():
        yield from own
        return
    for child in sorted(path.iterdir()):
        # A folder holds other text files too; only those of the benchmarks are taken from it.
        if child.suffix != ".txt" or is_whole_scene(child):
            yield from _below(child)


def _recordings_at(path: Path) -> Iterator[RecordingSource]:
    """The recordings that the file or folder `path` itself is, by the names that its layout prescribes."""
    if path.is_file():
        interaction = path.suffix == ".csv" and path.name.startswith("vehicle_tracks")
        layouts = {".mcap": BAG, ".db3": BAG, ".pkl": "scenarionet", ".txt": "eth-ucy"}
        if interaction or path.suffix in layouts:
            yield RecordingSource(path, "interaction" if interaction else layouts[path.suffix])
    elif (path / "metadata.yaml").is_file():
        yield RecordingSource(path, BAG)
    elif any(path.glob("annotations*.feather")):
        yield RecordingSource(path, "argoverse2-sensor")
    elif any(path.glob("scenario_*.parquet")):
        yield RecordingSource(path, "argoverse2-forecasting")
    elif (path / "Navtech_Polar.txt").is_file():
        yield RecordingSource(path, "radiate")
    elif (path / "label_02").is_dir():
        for labels in sorted((path / "label_02").glob("*.txt")):
            yield RecordingSource(path, "kitti-tracking", labels.stem)
    elif (path / "velodyne_points").is_dir() or ((path / "velodyne").is_dir() and any(path.glob("calib*.txt"))):
        yield RecordingSource(path, "kitti-raw")
