"""What a dataset reader hands over: core types in the map frame, and sensor messages that are built when written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.recording.datasets.kinematics import EgoTrajectory
from zoox_prediction.scene import TrackedAgents, TrafficSignals

if TYPE_CHECKING:
    from zoox_prediction.recording.messages import MessageTypes

# Sources without a clock of their own begin at 1 s: in ROS a stamp of 0 means "the latest".
START_NS = 1_000_000_000


class SourceError(InputError):
    """A dataset file that is missing, truncated or not what its format says; the sentence names it."""


@dataclass(frozen=True)
class SensorMessage:
    """One message of a sensor; `build` reads the source's file only when the bag is written."""

    topic: str
    stamp_ns: int
    build: Callable[[MessageTypes], Any]


@dataclass(frozen=True)
class StaticTransform:
    """The fixed pose of a sensor: p_parent = rotation @ p_child + translation."""

    parent: str
    child: str
    matrix: NDArray[np.float64]  # (4, 4) parent_from_child


@dataclass(frozen=True)
class SourceRecording:
    """A recording of a public dataset in the words of this package; everything in the map frame, in order of time."""

    dataset: str
    name: str
    agents: tuple[TrackedAgents, ...]
    ego: EgoTrajectory | None = None
    ego_size: tuple[float, float] | None = None  # length, width [m]
    ego_center_offset_m: float = 0.0  # from base_link forward to the centre of the box
    road_network: RoadNetwork | None = None
    signals: tuple[TrafficSignals, ...] = ()
    static_transforms: tuple[StaticTransform, ...] = ()
    sensors: tuple[SensorMessage, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)  # what the reader derived or left out, for people

    def metadata(self) -> dict[str, str]:
        """The `custom_data` of the bag."""
        values = {"dataset": self.dataset, "recording": self.name, "has_ego": "true" if self.ego else "false"}
        if self.ego is None:
            x, y = self.roadside_center()
            values |= {"roadside_x": f"{x:.3f}", "roadside_y": f"{y:.3f}", "roadside_yaw": "0.0"}
        else:
            length, width = self.ego_size or (0.0, 0.0)
            values |= {"ego_length_m": f"{length:.3f}", "ego_width_m": f"{width:.3f}"}
            values["ego_center_offset_m"] = f"{self.ego_center_offset_m:.3f}"
        return {**values, **self.notes}

    def roadside_center(self) -> tuple[float, float]:
        """Where a recording without an ego is centred: the median of all agents' positions (x, y) [m]."""
        positions = [frame.position[:, :2] for frame in self.agents if len(frame)]
        if not positions:
            return 0.0, 0.0
        x, y = np.median(np.concatenate(positions), axis=0)
        return float(x), float(y)


def stable_ids(names: Iterable[str]) -> dict[str, int]:
    """Positive 63-bit ids of track names: the number itself where a name is one, a hash (BLAKE2b) otherwise.

    The same name has the same id in every recording. Raises SourceError when two names share one.
    """
    ids: dict[str, int] = {}
    for name in dict.fromkeys(str(each) for each in names):
        number = name.isascii() and name.isdigit() and len(name) <= 18
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        ids[name] = int(name) if number else int.from_bytes(digest, "big") >> 1
    if len(set(ids.values())) != len(ids):
        raise SourceError("two track names of the source give the same id; rename one of them")
    return ids


def read_table(read: Callable[[Path], Any], path: Path, names: Iterable[str], *, finite: bool = False) -> Any:
    """The data frame that pandas' reader `read` makes of `path`.

    Raises SourceError when it cannot be read, lacks a column of `names` or every row, or, with `finite`, has a number
    that is not finite in one of them.
    """
    if not path.is_file():
        raise SourceError(f"{path}: no such file; see 'zoox-prediction convert --help' for the expected layout")
    try:
        table = read(path)
    except ImportError as error:
        raise SourceError(f"{path}: reading it needs pyarrow, which is not installed; pip install pyarrow") from error
    except Exception as error:  # pyarrow and pandas raise a dozen unrelated types for a damaged file
        raise SourceError(f"{path}: cannot be read ({_first_line(error)}); fetch the file again") from error
    missing = [column for column in names if column not in table.columns]
    if missing:
        raise SourceError(f"{path}: has no column {', '.join(missing)}; is it a file of this format?")
    if not len(table):
        raise SourceError(f"{path}: holds no rows; fetch the file again")
    if finite:
        _check_finite(table[list(names)], path)
    return table


def _check_finite(table: Any, path: Path) -> None:
    numbers = table.select_dtypes("number")
    bad = [name for name in numbers.columns if not np.isfinite(numbers[name].to_numpy(dtype=np.float64)).all()]
    if bad:
        raise SourceError(f"{path}: has numbers that are not finite in {', '.join(bad)}; fetch the file again")


def text_lines(path: Path) -> list[str]:
    """The lines of a text file that are not blank; SourceError when it cannot be read."""
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SourceError(
            f"{path}: cannot be read ({reason}); see 'zoox-prediction convert --help' for the expected layout"
        ) from error


def columns(table: Any, *names: str) -> NDArray[np.float64]:
    """(M, len(names)) columns of a data frame; writable, which pandas' own view is not."""
    return np.array(table[list(names)], dtype=np.float64)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def only_match(folder: Path, pattern: str) -> Path:
    """The first file of `folder` that matches `pattern`; SourceError when there is none."""
    matches = sorted(folder.glob(pattern))
    if not matches:
        raise SourceError(f"{folder}: holds no {pattern}; see 'zoox-prediction convert --help' for the expected layout")
    return matches[0]
