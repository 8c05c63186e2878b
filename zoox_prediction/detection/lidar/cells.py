"""Points that stand on the ground, gathered in the pixels of a polar image around the sensor.

However many points a sweep has, there are no more cells than pixels, and no dense patch of near points weighs more than
its pixels; what comes after works on cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

COLUMNS = 900  # azimuths of 0.4 degrees
ROW_M, ROW_GROWTH = 0.1, 0.004  # length of a pixel at the sensor, and further length per metre of range
BAND_EDGES_M = (0.6, 1.0, 1.4, 1.8, 2.2)  # of heights above the ground, in which points are counted
NUM_BANDS = len(BAND_EDGES_M) + 1
_HIGH_BAND = NUM_BANDS - 1


@dataclass(frozen=True)
class Cells:
    """C pixels with points in them, the nearest first."""

    row: IntArray  # (C,) outwards
    column: IntArray  # (C,) counter-clockwise from -pi
    x: FloatArray  # (C,) mean of the points [m]
    y: FloatArray
    low: FloatArray  # (C,) lowest and highest point below the highest band, above the ground [m]; inf, -inf where none
    high: FloatArray
    over_low: FloatArray  # (C,) the same in the highest band
    over_high: FloatArray
    bands: FloatArray  # (C, 6) points between the heights of BAND_EDGES_M
    of_point: IntArray  # (N,) cell of every point, -1 where it has been left out

    def __len__(self) -> int:
        return len(self.row)

    @property
    def count(self) -> FloatArray:
        """(C,) points of each."""
        total: FloatArray = self.bands.sum(axis=1)
        return total

    @property
    def is_low(self) -> NDArray[np.bool_]:
        """(C,) cells with a point below the highest band: crowns of trees, signs and bridges have none."""
        return np.isfinite(self.low)


def gather_cells(
    xy: NDArray[np.float32],
    range_m: NDArray[np.float32],
    azimuth: NDArray[np.float32],
    height: NDArray[np.float32],
    max_cells: int,
) -> Cells:
    """Cells of points at xy (N, 2), ranges and azimuths (N,) about the sensor, and heights above the ground.

    Of more than `max_cells` the nearest are kept.
    """
    rows = row_position(range_m).astype(np.int64)
    pixel = rows * COLUMNS + column_of(azimuth)
    cell_of_pixel = np.full((int(rows.max(initial=-1)) + 1) * COLUMNS, -1, dtype=np.int64)
    cell_of_pixel[pixel] = 0
    occupied = np.flatnonzero(cell_of_pixel == 0)
    cell_of_pixel[occupied[:max_cells]] = np.arange(min(len(occupied), max_cells))
    cell_of_pixel[occupied[max_cells:]] = -1
    occupied = occupied[:max_cells]
    cell = cell_of_pixel[pixel]
    kept = slice(None) if (cell >= 0).all() else np.flatnonzero(cell >= 0)
    count = len(occupied)
    points, z = cell[kept], height[kept]
    band = np.searchsorted(np.array(BAND_EDGES_M, dtype=np.float32), z)
    bands = np.bincount(points * NUM_BANDS + band, minlength=count * NUM_BANDS).reshape(count, NUM_BANDS)
    total = np.maximum(bands.sum(axis=1), 1)
    over = band == _HIGH_BAND
    low, high = _extremes(points[~over], z[~over], count)
    over_low, over_high = _extremes(points[over], z[over], count)
    return Cells(
        row=occupied // COLUMNS,
        column=occupied % COLUMNS,
        x=np.bincount(points, xy[kept, 0], minlength=count) / total,
        y=np.bincount(points, xy[kept, 1], minlength=count) / total,
        low=low,
        high=high,
        over_low=over_low,
        over_high=over_high,
        bands=bands.astype(np.float64),
        of_point=cell,
    )


def _extremes(cell: IntArray, height: NDArray[np.float32], count: int) -> tuple[FloatArray, FloatArray]:
    low, high = np.full(count, np.inf, dtype=np.float32), np.full(count, -np.inf, dtype=np.float32)
    np.minimum.at(low, cell, height)
    np.maximum.at(high, cell, height)
    return low.astype(np.float64), high.astype(np.float64)


def column_of(azimuth: NDArray) -> IntArray:
    """Column of azimuths [rad] from -pi to pi."""
    position = (azimuth + np.float32(math.pi)) * np.float32(COLUMNS / (2.0 * math.pi))
    column: IntArray = np.minimum(position, COLUMNS - 1).astype(np.int64)
    return column


def row_position(range_m: NDArray) -> NDArray:
    """Row, with its fraction, of ranges [m]."""
    position: NDArray = np.log1p(range_m * np.float32(ROW_GROWTH / ROW_M)) / np.float32(ROW_GROWTH)
    return position


def row_range(row: NDArray) -> FloatArray:
    """Range [m] of rows; the inverse of `row_position`."""
    ranges: FloatArray = ROW_M / ROW_GROWTH * np.expm1(np.asarray(row, dtype=np.float64) * ROW_GROWTH)
    return ranges
