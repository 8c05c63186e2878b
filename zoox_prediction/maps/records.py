"""One lane at a time while a map is read; afterwards the arrays of `Lanes`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import (
    NO_ID,
    BoundaryType,
    Lanes,
    LaneType,
    MapError,
    Ragged,
    RightOfWay,
    Turn,
)

_SAME_POINT_M = 1e-3


@dataclass
class LaneRecord:
    """The fields of one row of `Lanes`."""

    id: int
    centerline: NDArray[np.float64]  # (n, 2) [m]
    left_boundary: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    right_boundary: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    type: LaneType = LaneType.VEHICLE
    turn: Turn = Turn.NONE
    right_of_way: RightOfWay = RightOfWay.UNKNOWN
    in_intersection: bool = False
    speed_limit_mps: float = float("nan")
    left_neighbor: int = NO_ID
    right_neighbor: int = NO_ID
    left_change: bool = False
    right_change: bool = False
    signal: int = NO_ID
    stop_line: int = NO_ID
    successors: list[int] = field(default_factory=list)
    yields_to: list[int] = field(default_factory=list)
    left_boundary_type: BoundaryType = BoundaryType.UNKNOWN
    right_boundary_type: BoundaryType = BoundaryType.UNKNOWN

    @property
    def polygon(self) -> NDArray[np.float64]:
        """(n, 2) counter-clockwise where the boundaries do not cross: the right boundary and the left one back."""
        return np.concatenate([self.right_boundary, self.left_boundary[::-1]])


@dataclass
class PositiveIds:
    """Positive ids for the elements of a file: their own where positive, else (JOSM's negative ones) the absolute value
    or, where that is taken, the next free number; -1 means "none" in a road network."""

    used: set[int]  # all positive ids of the file
    known: dict[int, int] = field(default_factory=dict)

    def of(self, original: int) -> int:
        if original > 0:
            return original
        if original not in self.known:
            self.known[original] = self._claim(-original)
        return self.known[original]

    def new(self) -> int:
        return self._claim(1)

    def _claim(self, wanted: int) -> int:
        if wanted <= 0 or wanted in self.used:
            wanted = next(number for number in count(1) if number not in self.used)
        self.used.add(wanted)
        return wanted


def lanes_from_records(records: Sequence[LaneRecord]) -> Lanes:
    """All records as arrays, in their order."""
    if not records:
        return Lanes()

    def column(name: str, dtype: type) -> NDArray:
        values: NDArray = np.array([getattr(record, name) for record in records], dtype=dtype)
        values.flags.writeable = False
        return values

    return Lanes(
        ids=column("id", np.int64),
        type=column("type", np.uint8),
        turn=column("turn", np.uint8),
        right_of_way=column("right_of_way", np.uint8),
        in_intersection=column("in_intersection", np.bool_),
        speed_limit_mps=column("speed_limit_mps", np.float64),
        left_neighbor=column("left_neighbor", np.int64),
        right_neighbor=column("right_neighbor", np.int64),
        left_change=column("left_change", np.bool_),
        right_change=column("right_change", np.bool_),
        signal=column("signal", np.int64),
        stop_line=column("stop_line", np.int64),
        successors=Ragged.ids(record.successors for record in records),
        yields_to=Ragged.ids(record.yields_to for record in records),
        centerline=Ragged.points(record.centerline for record in records),
        left_boundary=Ragged.points(record.left_boundary for record in records),
        left_boundary_type=column("left_boundary_type", np.uint8),
        right_boundary=Ragged.points(record.right_boundary for record in records),
        right_boundary_type=column("right_boundary_type", np.uint8),
    )


def checked_line(points: NDArray, where: str) -> NDArray[np.float64]:
    """A polyline (n, 2) without consecutive duplicate points; `where` names file and element in a MapError.

    Raises MapError when a coordinate is not finite or fewer than two distinct points remain.
    """
    line = np.asarray(points, dtype=np.float64)
    line = line.reshape(-1, line.shape[-1] if line.ndim > 1 else 2)[:, :2]
    if not np.isfinite(line).all():
        raise MapError(f"{where} has a point that is not finite; mend the map")
    if len(line):
        keep = np.ones(len(line), dtype=bool)
        step = line[1:] - line[:-1]
        keep[1:] = np.hypot(step[:, 0], step[:, 1]) > _SAME_POINT_M
        line = line[keep]
    if len(line) < 2:
        raise MapError(f"{where} has fewer than two distinct points; mend the map")
    return line
