"""Which ends of an object a lidar has seen: a face that leads up to them shows, and nothing stands before them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.lidar.cells import COLUMNS, Cells, row_range
from zoox_prediction.geometry import rotation_matrix

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_GRAZING = 0.1  # sine of the angle below which a face is not seen
_SIDEWAYS = 0.3  # sine of the angle to the line of sight from which an end lies to the left or to the right
_BROADSIDE = 0.7  # cosine of that angle below which both ends are equally near
_NEARER_M = 0.4  # what hides something is nearer by this
_BESIDE = 3  # columns beside an object in which something may hide it
_BLIND = 6  # columns beside an object in which a lidar that looks there has some point


@dataclass(frozen=True)
class Visibility:
    """Of N boxes along their two axes."""

    seen: BoolArray  # (N, 2) whether both ends were
    beyond: FloatArray  # (N, 2) where the box may go on: 1 along the axis, -1 against it, 0 either way
    away: FloatArray  # (N,) range [m]


def ends_seen(
    center: FloatArray, yaw: FloatArray, size: FloatArray, hidden: BoolArray, origin: FloatArray
) -> Visibility:
    """What was seen of boxes around points: centres (N, 2), yaws (N,), sizes (N, 2); the sensor is at `origin` (2,)."""
    sight = center - origin
    away = np.maximum(np.linalg.norm(sight, axis=1), 0.1)
    sight = sight / away[:, None]
    axes = rotation_matrix(yaw)
    left, right = hidden.T
    seen, beyond = np.empty((len(yaw), 2), dtype=bool), np.empty((len(yaw), 2))
    for axis in range(2):
        direction = axes[:, :, axis]
        cosine = (direction * sight).sum(axis=1)
        sine = direction[:, 1] * sight[:, 0] - direction[:, 0] * sight[:, 1]  # positive: it points to the left
        face = np.abs(sine) * away - 0.5 * size[:, 1 - axis] > _GRAZING * away
        sideways = np.abs(sine) > _SIDEWAYS
        ahead = (face | (cosine < 0.0)) & ~(sideways & np.where(sine > 0.0, left, right))
        behind = (face | (cosine >= 0.0)) & ~(sideways & np.where(sine > 0.0, right, left))
        seen[:, axis] = ahead & behind
        farther = np.where(np.abs(cosine) > _BROADSIDE, np.where(cosine >= 0.0, 1.0, -1.0), 0.0)
        beyond[:, axis] = np.where(ahead == behind, farther, np.where(ahead, -1.0, 1.0))
    return Visibility(seen, beyond, away)


def hidden_ends(cells: Cells, looked: BoolArray, member: IntArray, start: IntArray) -> BoolArray:
    """(N, 2) whether something nearer stands right beside the left and the right edge of N objects of cells.

    Where the lidar's field of view ends right there is hidden, too: it has no point, not even of the ground, in any of
    some columns; `looked` (columns,) tells where it has.
    """
    if not len(start):
        return np.zeros((0, 2), dtype=bool)
    nearest = np.full(COLUMNS, np.inf)
    low = cells.is_low
    np.minimum.at(nearest, cells.column[low], row_range(cells.row[low]))
    count = np.diff(start, append=len(member))
    column = cells.column[member]
    off = column - np.repeat(column[start], count)
    off = (off + COLUMNS // 2) % COLUMNS - COLUMNS // 2  # columns wrap
    left = column[start] + np.maximum.reduceat(off, start)
    right = column[start] + np.minimum.reduceat(off, start)
    own = np.minimum.reduceat(row_range(cells.row[member]), start) - _NEARER_M
    hidden = []
    for edge, side in ((left, 1), (right, -1)):
        beside = (edge[:, None] + side * np.arange(1, _BLIND + 1)) % COLUMNS
        hidden.append((nearest[beside[:, :_BESIDE]].min(axis=1) < own) | ~looked[beside].any(axis=1))
    return np.column_stack(hidden)
