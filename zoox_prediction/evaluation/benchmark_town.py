"""A town for timing: the generated crossroads, repeated on a square grid with its streets joined up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import NO_ID, Lanes, Ragged, RoadNetwork
from zoox_prediction.recording.generated_crossroads import (
    ARM_LENGTH_M,
    IN_LEFT,
    IN_RIGHT,
    OUT_LEFT,
    OUT_RIGHT,
    crossroads,
    lane_id,
)

_ID_STEP = 1000  # more than any id of one crossroads
_DIRECTIONS = ((1, 0), (0, 1), (-1, 0), (0, -1))  # of the arms: columns and rows to the neighbour
_JOINS = ((OUT_LEFT, IN_LEFT), (OUT_RIGHT, IN_RIGHT))
_LANE_IDS = ("ids", "left_neighbor", "right_neighbor", "signal", "stop_line")
_OTHER_IDS = ("crosswalk_ids", "crosswalk_signal", "stop_line_ids", "signal_ids")
_ID_FIELDS = (*_LANE_IDS, *_OTHER_IDS)
_ID_LISTS = ("successors", "yields_to")


@lru_cache(maxsize=4)
def town(size: int = 4) -> RoadNetwork:
    """size x size crossroads whose arms meet half-way; at 4, 16 junctions with 448 lanes."""
    base = crossroads()
    parts = []
    for tile in range(size * size):
        offset = 2.0 * ARM_LENGTH_M * np.array([tile % size, tile // size])
        lanes = _moved(base.lanes, tile * _ID_STEP, offset)
        lanes = replace(lanes, successors=_with_streets(lanes, tile, size))
        parts.append(replace(_moved(base, tile * _ID_STEP, offset), lanes=lanes))
    merged_lanes = _merged([part.lanes for part in parts])
    return replace(_merged(parts), lanes=merged_lanes, source="generated town")


def _moved(record: Any, id_step: int, offset: NDArray) -> Any:
    """The Lanes or RoadNetwork `record` with other ids and at another place."""
    changes: dict[str, object] = {}
    for name in (each.name for each in fields(record)):
        value = getattr(record, name)
        if name in _ID_FIELDS:
            changes[name] = np.where(value == NO_ID, NO_ID, value + id_step)
        elif isinstance(value, Ragged):
            changes[name] = Ragged(value.values + (id_step if name in _ID_LISTS else offset), value.offsets)
        elif name == "signal_positions":
            changes[name] = value + offset
    return replace(record, **changes)


def _with_streets(lanes: Lanes, tile: int, size: int) -> Ragged:
    """The successors of a tile's lanes; those that leave it go on in the neighbour's."""
    successors = {int(lane): list(lanes.successors[row]) for row, lane in enumerate(lanes.ids)}
    for arm, (columns, rows) in enumerate(_DIRECTIONS):
        column, row = tile % size + columns, tile // size + rows
        if 0 <= column < size and 0 <= row < size:
            neighbor = (row * size + column) * _ID_STEP
            for leaving, entering in _JOINS:
                successors[tile * _ID_STEP + lane_id(arm, leaving)].append(neighbor + lane_id((arm + 2) % 4, entering))
    return Ragged.ids(successors[int(lane)] for lane in lanes.ids)


def _merged(parts: Sequence[Any]) -> Any:
    """All rows of several Lanes or RoadNetworks in one; the lanes of networks are left to the caller."""
    changes: dict[str, object] = {}
    for name in (each.name for each in fields(parts[0])):
        values = [getattr(part, name) for part in parts]
        if isinstance(values[0], np.ndarray):
            changes[name] = np.concatenate(values)
        elif isinstance(values[0], Ragged):
            starts = np.cumsum([0] + [len(value.values) for value in values[:-1]])
            ends = [value.offsets[1:] + start for value, start in zip(values, starts, strict=True)]
            changes[name] = Ragged(
                np.concatenate([value.values for value in values]), np.concatenate([np.zeros(1, dtype=np.int64), *ends])
            )
    return replace(parts[0], **changes)
