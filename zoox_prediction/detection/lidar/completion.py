"""Whole boxes of objects that were seen from one side, and how sure each side is.

An end of a box was seen when a face that leads up to it can be seen from the sensor and nothing nearer stands before
it. Where an end was not seen, the box is drawn out there, from the ends that were, to the size that is usual for its
class, if that is larger. What is said of the centre along such an axis is as vague as half of the size that is not
known; a side that was seen is as good as the lidar's resolution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.lidar.cells import COLUMNS, Cells, row_range
from zoox_prediction.geometry import rotation_matrix, wrap_angle
from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# 1 sigma of length and width [m] of agents of each class about DEFAULT_SIZE_M.
_SIZE_DEVIATION_M = np.array(
    [[0.5, 0.15], [2.5, 0.25], [2.5, 0.2], [0.3, 0.2], [0.2, 0.15], [0.2, 0.15], [0.3, 0.12], [1.0, 0.5]]
)
_TURNS = np.array(
    [AgentClass.PEDESTRIAN, AgentClass.ANIMAL, AgentClass.UNKNOWN]
)  # nothing in a shape tells their heading
_GRAZING = 0.1  # sine of the angle below which a face is not seen
_BROADSIDE = 0.7  # cosine of the angle to the line of sight below which a side lies across it
_SHORTEST = 0.6  # share of the usual size; shorter things go on where nobody looked
_RESOLUTION_RAD = 0.005  # between the points of a usual lidar
_NOISE_M = 0.08
_NEARER_M = 0.4  # what hides something is nearer by this


@dataclass(frozen=True)
class ObjectBoxes:
    """N boxes on the ground plane, the length along the heading."""

    center: FloatArray  # (N, 2)
    yaw: FloatArray  # (N,)
    size: FloatArray  # (N, 2) length, width
    covariance: FloatArray  # (N, 2, 2) of the centre
    yaw_variance: FloatArray  # (N,)

    def select(self, rows: NDArray) -> ObjectBoxes:
        return ObjectBoxes(
            self.center[rows], self.yaw[rows], self.size[rows], self.covariance[rows], self.yaw_variance[rows]
        )


def complete_boxes(
    center: FloatArray,
    yaw: FloatArray,
    size: FloatArray,
    hidden: BoolArray,
    class_probabilities: FloatArray,
    origin: FloatArray,
) -> ObjectBoxes:
    """Whole boxes of what was seen: centres (N, 2), yaws (N,), sizes (N, 2) of the longer and the shorter side.

    `hidden` (N, 2): whether something nearer stands before the left and before the right end of the object, as seen
    from the sensor at `origin` (2,).
    """
    kind = class_probabilities.argmax(axis=1)
    usual = DEFAULT_SIZE_M[kind, :2]
    sight = center - origin
    away = np.maximum(np.linalg.norm(sight, axis=1), 0.1)
    sight = sight / away[:, None]
    across = np.abs(np.cos(yaw) * sight[:, 1] - np.sin(yaw) * sight[:, 0])
    # One face alone, across the line of sight and no longer than such things are wide: it is the front or the rear.
    end_on = (across > _BROADSIDE) & (size[:, 0] < 1.25 * usual[:, 1]) & (size[:, 1] < 0.6 * usual[:, 0])
    end_on &= ~hidden.any(axis=1) & (usual[:, 0] > 1.5 * usual[:, 1])
    yaw = wrap_angle(np.where(end_on, yaw + 0.5 * math.pi, yaw))
    size = np.where(end_on[:, None], size[:, ::-1], size)
    full, variance, moved = size.copy(), np.empty_like(size), np.empty_like(size)
    for axis in range(2):
        direction = rotation_matrix(yaw)[:, :, axis]
        ahead, behind = _ends_seen(direction, sight, away, size, axis, hidden)
        unsure = ~(ahead & behind) | (size[:, axis] < _SHORTEST * usual[:, axis])
        near = np.where((direction * sight).sum(axis=1) < 0.0, 1.0, -1.0)  # the end that is nearer to the sensor
        away_end = np.where(ahead == behind, -near, np.where(ahead, -1.0, 1.0))
        missing = np.where(unsure, np.maximum(usual[:, axis] - size[:, axis], 0.0), 0.0)
        both = ~ahead & ~behind & (np.abs((direction * sight).sum(axis=1)) < _BROADSIDE)
        full[:, axis] += missing
        moved[:, axis] = np.where(both, 0.0, 0.5 * missing * away_end)
        measured = _NOISE_M**2 + (0.5 * _RESOLUTION_RAD * away) ** 2
        variance[:, axis] = measured + np.where(unsure, _half_size_variance(class_probabilities, axis), 0.0)
    rotation = rotation_matrix(yaw)
    covariance = rotation @ (variance[:, :, None] * np.eye(2)) @ rotation.transpose(0, 2, 1)
    place = center + np.einsum("nij,nj->ni", rotation, moved)
    return ObjectBoxes(place, yaw, full, covariance, _yaw_variance(size, kind, away, end_on))


def _ends_seen(
    direction: FloatArray, sight: FloatArray, away: FloatArray, size: FloatArray, axis: int, hidden: BoolArray
) -> tuple[BoolArray, BoolArray]:
    """Whether the ends of the boxes in this direction (N, 2) and against it were seen."""
    sine = direction[:, 1] * sight[:, 0] - direction[:, 0] * sight[:, 1]  # positive: this direction is to the left
    face = np.abs(sine) * away - 0.5 * size[:, 1 - axis] > _GRAZING * away
    near_ahead = (direction * sight).sum(axis=1) < 0.0
    left, right = hidden.T
    sideways = np.abs(sine) > 0.3
    hidden_ahead = sideways & np.where(sine > 0.0, left, right)
    hidden_behind = sideways & np.where(sine > 0.0, right, left)
    return (face | near_ahead) & ~hidden_ahead, (face | ~near_ahead) & ~hidden_behind


def _half_size_variance(class_probabilities: FloatArray, axis: int) -> FloatArray:
    """(N,) of half the size over all classes that it may be (law of total variance)."""
    usual, deviation = DEFAULT_SIZE_M[:, axis], _SIZE_DEVIATION_M[:, axis]
    mean = class_probabilities @ usual
    variance: FloatArray = 0.25 * (class_probabilities @ (usual**2 + deviation**2) - mean**2)
    return variance


def _yaw_variance(size: FloatArray, kind: IntArray, away: FloatArray, end_on: BoolArray) -> FloatArray:
    """(N,) by the length that was seen; a heading taken from one face alone may be a right angle off."""
    seen = np.maximum(size.max(axis=1), 0.2)
    deviation = np.arctan2(_NOISE_M + _RESOLUTION_RAD * away, seen)
    deviation = np.where(end_on, np.maximum(deviation, 0.4), deviation)
    variance: FloatArray = np.where(np.isin(kind, _TURNS), (math.pi / 3.0) ** 2, deviation**2)
    return variance


def hidden_ends(cells: Cells, member: IntArray, start: IntArray) -> BoolArray:
    """(N, 2) whether something nearer stands right beside the left and the right edge of N objects of cells."""
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
    sides = [np.stack([nearest[(edge + side * step) % COLUMNS] for step in (1, 2, 3)]).min(axis=0)
             for edge, side in ((left, 1), (right, -1))]  # fmt: skip
    return np.column_stack([sides[0] < own, sides[1] < own])
