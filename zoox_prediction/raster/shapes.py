"""Shapes of the map in arrays, with bounding boxes to find those in sight."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import Ragged

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Shapes:
    """N shapes of (n_i, 2) map points [m], and the box around each."""

    points: Ragged
    low: FloatArray  # (N, 2) least x, y
    high: FloatArray  # (N, 2) greatest x, y
    source: NDArray[np.int64]  # (N,) which of the given sequences each was

    def __len__(self) -> int:
        return len(self.points)

    def within(self, low: FloatArray, high: FloatArray) -> NDArray[np.int64]:
        """Rows of the shapes whose box meets the box from `low` (2,) to `high` (2,) [m]."""
        rows: NDArray[np.int64] = np.flatnonzero(np.all((self.low <= high) & (self.high >= low), axis=1))
        return rows


def shapes(sequences: Iterable[NDArray], min_points: int) -> Shapes:
    """Of point sequences (n, 2) [m]; points that are not finite are left out, then sequences that are too short."""
    finite = [points[np.isfinite(points).all(axis=1)] for points in sequences]
    source = np.array([row for row, points in enumerate(finite) if len(points) >= min_points], dtype=np.int64)
    if not len(source):
        return Shapes(Ragged.points(), np.zeros((0, 2)), np.zeros((0, 2)), source)
    kept = Ragged.points(finite[row] for row in source)
    starts = kept.offsets[:-1]
    low, high = np.minimum.reduceat(kept.values, starts), np.maximum.reduceat(kept.values, starts)
    return Shapes(kept, low, high, source)


def strips(lines: Shapes, width_m: float) -> FloatArray:
    """(S, 4, 2) corners of a rectangle of the given width around each segment of polylines, without empty segments."""
    points = lines.points.values
    owner = np.repeat(np.arange(len(lines)), np.diff(lines.points.offsets))
    segment = np.flatnonzero(owner[1:] == owner[:-1])
    start, end = points[segment], points[segment + 1]
    along = end - start
    length = np.hypot(along[:, 0], along[:, 1])
    real = length > 0.0
    start, end, along = start[real], end[real], along[real] / length[real, None]
    side = 0.5 * width_m * np.column_stack([-along[:, 1], along[:, 0]])
    return np.stack([start + side, end + side, end - side, start - side], axis=1)


def quads(corners: FloatArray) -> Shapes:
    """Of quadrilaterals (N, 4, 2) [m], all finite."""
    rows = np.arange(len(corners) + 1)
    return Shapes(Ragged(corners.reshape(-1, 2), 4 * rows), corners.min(axis=1), corners.max(axis=1), rows[:-1])
