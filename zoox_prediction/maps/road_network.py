"""The semantic road map ("road network") as immutable arrays; mirrors msg/RoadNetwork."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.errors import InputError

if TYPE_CHECKING:
    from zoox_prediction.maps.map_index import MapIndex

NO_ID = -1  # as msg/RoadNetwork: no neighbour, no signal, no stop line


class MapError(InputError):
    """A road map that cannot be used; the message is one sentence that names the file, the element and its defect."""


class LaneType(IntEnum):
    VEHICLE = 0
    BICYCLE = 1
    BUS = 2
    RESTRICTED = 3
    PARKING = 4


class Turn(IntEnum):
    NONE = 0
    LEFT = 1
    RIGHT = 2
    STRAIGHT = 3
    U = 4


class BoundaryType(IntEnum):
    UNKNOWN = 0
    SOLID = 1
    DASHED = 2
    ROAD_EDGE = 3
    VIRTUAL = 4


class RightOfWay(IntEnum):
    UNKNOWN = 0
    PRIORITY = 1
    YIELD = 2
    STOP = 3


def _frozen(values: ArrayLike, dtype: type) -> NDArray:
    array: NDArray = np.array(values, dtype=dtype)
    array.flags.writeable = False
    return array


def _protect(owner: object, names: Iterable[str]) -> None:
    """Makes the arrays among the fields of a frozen dataclass views that cannot be written to."""
    for name in names:
        array = getattr(owner, name)
        if isinstance(array, np.ndarray) and array.flags.writeable:
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(owner, name, view)


@dataclass(frozen=True)
class Ragged:
    """N sequences of rows in one array: sequence i is values[offsets[i]:offsets[i + 1]]."""

    values: NDArray  # (P, ...) all rows
    offsets: NDArray[np.int64]  # (N + 1,)

    def __post_init__(self) -> None:
        _protect(self, ("values", "offsets"))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int | np.integer) -> NDArray:
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def __iter__(self) -> Iterator[NDArray]:
        return (self[index] for index in range(len(self)))

    @classmethod
    def points(cls, sequences: Iterable[ArrayLike] = ()) -> Ragged:
        """Polylines or polygons of (n_i, 2) points [m]."""
        arrays = [np.asarray(sequence, dtype=np.float64).reshape(-1, 2) for sequence in sequences]
        return cls._of(arrays, np.zeros((0, 2)), np.float64)

    @classmethod
    def ids(cls, sequences: Iterable[ArrayLike] = ()) -> Ragged:
        """Lists of ids."""
        arrays = [np.asarray(sequence, dtype=np.int64).reshape(-1) for sequence in sequences]
        return cls._of(arrays, np.zeros(0), np.int64)

    @classmethod
    def _of(cls, arrays: list[NDArray], empty: NDArray, dtype: type) -> Ragged:
        offsets = np.concatenate([[0], np.cumsum([len(array) for array in arrays])]) if arrays else [0]
        values = np.concatenate(arrays) if arrays else empty
        return cls(_frozen(values, dtype), _frozen(offsets, np.int64))


# Of the columns of Lanes whose neutral value is not 0.
_NEUTRAL: dict[str, float] = {
    "speed_limit_mps": np.nan,
    "left_neighbor": NO_ID,
    "right_neighbor": NO_ID,
    "signal": NO_ID,
    "stop_line": NO_ID,
}


@dataclass(frozen=True)
class Lanes:
    """L lanes; every array has L rows. Geometry in the map frame [m], in the direction of travel.

    Columns that are left out take their neutral value: unknown, none, not allowed, no points. Raises ValueError when
    another column's length is not that of `ids`.
    """

    ids: NDArray[np.int64] = field(default_factory=lambda: _frozen([], np.int64))
    type: NDArray[np.uint8] = field(default_factory=lambda: _frozen([], np.uint8))  # LaneType
    turn: NDArray[np.uint8] = field(default_factory=lambda: _frozen([], np.uint8))  # Turn
    right_of_way: NDArray[np.uint8] = field(default_factory=lambda: _frozen([], np.uint8))  # RightOfWay
    in_intersection: NDArray[np.bool_] = field(default_factory=lambda: _frozen([], np.bool_))
    speed_limit_mps: NDArray[np.float64] = field(default_factory=lambda: _frozen([], np.float64))  # NaN: none
    left_neighbor: NDArray[np.int64] = field(default_factory=lambda: _frozen([], np.int64))  # lane id or NO_ID
    right_neighbor: NDArray[np.int64] = field(default_factory=lambda: _frozen([], np.int64))  # lane id or NO_ID
    left_change: NDArray[np.bool_] = field(default_factory=lambda: _frozen([], np.bool_))  # may change to the left
    right_change: NDArray[np.bool_] = field(default_factory=lambda: _frozen([], np.bool_))  # may change to the right
    signal: NDArray[np.int64] = field(default_factory=lambda: _frozen([], np.int64))  # signal id or NO_ID
    stop_line: NDArray[np.int64] = field(default_factory=lambda: _frozen([], np.int64))  # stop line id or NO_ID
    successors: Ragged = field(default_factory=Ragged.ids)  # lane ids
    yields_to: Ragged = field(default_factory=Ragged.ids)  # ids of the lanes whose traffic goes first
    centerline: Ragged = field(default_factory=Ragged.points)
    left_boundary: Ragged = field(default_factory=Ragged.points)
    left_boundary_type: NDArray[np.uint8] = field(default_factory=lambda: _frozen([], np.uint8))  # BoundaryType
    right_boundary: Ragged = field(default_factory=Ragged.points)
    right_boundary_type: NDArray[np.uint8] = field(default_factory=lambda: _frozen([], np.uint8))  # BoundaryType

    def __post_init__(self) -> None:
        count = len(self.ids)
        for each in fields(self):
            column = getattr(self, each.name)
            if len(column) == count:
                continue
            if len(column):
                raise ValueError(f"{each.name} has {len(column)} rows for {count} lanes")
            if isinstance(column, Ragged):
                neutral: Ragged | NDArray = Ragged(column.values, _frozen(np.zeros(count + 1), np.int64))
            else:
                neutral = _frozen(np.full(count, _NEUTRAL.get(each.name, 0)), column.dtype)
            object.__setattr__(self, each.name, neutral)
        _protect(self, (each.name for each in fields(self)))

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Row of each lane id, any shape; -1 where no lane has that id (NO_ID, or a lane that the map cut away)."""
        return rows_of_ids(self.ids, ids, self._order)

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        return np.argsort(self.ids, kind="stable")

    @cached_property
    def successor_rows(self) -> Ragged:
        """The successors as rows instead of ids, without those that are not in the map."""
        return self._known_rows(self.successors)

    @cached_property
    def yields_to_rows(self) -> Ragged:
        """The lanes whose traffic goes first as rows instead of ids, without those that are not in the map."""
        return self._known_rows(self.yields_to)

    @cached_property
    def predecessor_rows(self) -> Ragged:
        """For each lane the rows of the lanes that it succeeds, rising."""
        successors = self.successor_rows
        owner = np.repeat(np.arange(len(self)), np.diff(successors.offsets))
        order = np.argsort(successors.values, kind="stable")
        count = np.bincount(successors.values, minlength=len(self))
        offsets = np.concatenate([[0], np.cumsum(count)])
        return Ragged(_frozen(owner[order], np.int64), _frozen(offsets, np.int64))

    @cached_property
    def predecessors(self) -> Ragged:
        """Ids of the lanes that each lane succeeds."""
        rows = self.predecessor_rows
        return Ragged(_frozen(self.ids[rows.values], np.int64), rows.offsets)

    def _known_rows(self, ids: Ragged) -> Ragged:
        rows = self.rows(ids.values)
        known = rows >= 0
        before = np.concatenate([[0], np.cumsum(known)])
        return Ragged(_frozen(rows[known], np.int64), _frozen(before[ids.offsets], np.int64))


def rows_of_ids(
    all_ids: NDArray[np.int64], ids: ArrayLike, order: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Position in `all_ids` (L,) of each of `ids` (any shape), -1 where absent; `order` is argsort(all_ids)."""
    wanted = np.asarray(ids, dtype=np.int64)
    if not len(all_ids):
        return np.full(wanted.shape, -1, dtype=np.int64)
    order = np.argsort(all_ids, kind="stable") if order is None else order
    place = np.minimum(np.searchsorted(all_ids, wanted, sorter=order), len(all_ids) - 1)
    rows: NDArray[np.int64] = np.where(all_ids[order[place]] == wanted, order[place], -1)
    return rows


@dataclass(frozen=True)
class RoadNetwork:
    """Lanes, areas, lines and signal positions in the map frame [m]. An empty one is a valid map of nowhere."""

    source: str = ""
    frame_id: str = "map"
    left_hand_traffic: bool = False
    lanes: Lanes = field(default_factory=Lanes)
    crosswalk_ids: NDArray[np.int64] = field(default_factory=lambda: _frozen([], np.int64))
    crosswalks: Ragged = field(default_factory=Ragged.points)  # polygons
    crosswalk_signal: NDArray[np.int64] = field(default_factory=lambda: _frozen([], np.int64))  # id or NO_ID
    stop_line_ids: NDArray[np.int64] = field(default_factory=lambda: _frozen([], np.int64))
    stop_lines: Ragged = field(default_factory=Ragged.points)  # polylines
    walkways: Ragged = field(default_factory=Ragged.points)  # polygons
    drivable_areas: Ragged = field(default_factory=Ragged.points)  # polygons
    intersections: Ragged = field(default_factory=Ragged.points)  # polygons
    parking_areas: Ragged = field(default_factory=Ragged.points)  # polygons
    road_edges: Ragged = field(default_factory=Ragged.points)  # polylines
    signal_ids: NDArray[np.int64] = field(default_factory=lambda: _frozen([], np.int64))
    signal_positions: NDArray[np.float64] = field(default_factory=lambda: _frozen(np.zeros((0, 2)), np.float64))
    repairs: tuple[str, ...] = ()  # what the reader mended, a sentence each

    def __post_init__(self) -> None:
        _protect(self, (each.name for each in fields(self)))

    @cached_property
    def index(self) -> MapIndex:
        """What is near to places; built at the first use and kept as long as the network."""
        from zoox_prediction.maps.map_index import MapIndex  # which is made of this module

        return MapIndex(self)
