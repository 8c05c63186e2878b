"""The semantic road map ("road network") as immutable arrays; mirrors msg/RoadNetwork."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

NO_ID = -1  # as msg/RoadNetwork: no neighbour, no signal, no stop line


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


@dataclass(frozen=True)
class Ragged:
    """N sequences of rows in one array: sequence i is values[offsets[i]:offsets[i + 1]]."""

    values: NDArray  # (P, ...) all rows
    offsets: NDArray[np.int64]  # (N + 1,)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int | np.integer) -> NDArray:
        return self.values[self.offsets[index] : self.offsets[index + 1]]

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


@dataclass(frozen=True)
class Lanes:
    """L lanes; every array has L rows. Geometry in the map frame [m], in the direction of travel."""

    ids: NDArray[np.int64] = field(default_factory=lambda: _frozen([], np.int64))
    type: NDArray[np.uint8] = field(default_factory=lambda: _frozen([], np.uint8))  # LaneType
    turn: NDArray[np.uint8] = field(default_factory=lambda: _frozen([], np.uint8))  # Turn
    right_of_way: NDArray[np.uint8] = field(default_factory=lambda: _frozen([], np.uint8))  # RightOfWay
    in_intersection: NDArray[np.bool_] = field(default_factory=lambda: _frozen([], np.bool_))
    speed_limit_mps: NDArray[np.float64] = field(default_factory=lambda: _frozen([], np.float64))  # NaN: none
    left_neighbor: NDArray[np.int64] = field(default_factory=lambda: _frozen([], np.int64))  # lane id or NO_ID
    right_neighbor: NDArray[np.int64] = field(default_factory=lambda: _frozen([], np.int64))  # lane id or NO_ID
    signal: NDArray[np.int64] = field(default_factory=lambda: _frozen([], np.int64))  # signal id or NO_ID
    stop_line: NDArray[np.int64] = field(default_factory=lambda: _frozen([], np.int64))  # stop line id or NO_ID
    successors: Ragged = field(default_factory=Ragged.ids)  # lane ids
    centerline: Ragged = field(default_factory=Ragged.points)
    left_boundary: Ragged = field(default_factory=Ragged.points)
    left_boundary_type: NDArray[np.uint8] = field(default_factory=lambda: _frozen([], np.uint8))  # BoundaryType
    right_boundary: Ragged = field(default_factory=Ragged.points)
    right_boundary_type: NDArray[np.uint8] = field(default_factory=lambda: _frozen([], np.uint8))  # BoundaryType

    def __len__(self) -> int:
        return len(self.ids)


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
    signal_ids: NDArray[np.int64] = field(default_factory=lambda: _frozen([], np.int64))
    signal_positions: NDArray[np.float64] = field(default_factory=lambda: _frozen(np.zeros((0, 2)), np.float64))
