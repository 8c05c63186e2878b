"""Where the pixels of a raster lie in the map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class RasterFrame:
    """A square of pixels around `center`: forward, along `yaw`, is up (the row falls), left is left (the column falls).

    The centre of the pixel in row r and column c lies (size_px / 2 - r - 0.5) * resolution_m ahead of the centre and
    (size_px / 2 - c - 0.5) * resolution_m to its left. Points are taken relative to the centre before anything else, in
    float64, so that coordinates of millions of metres (UTM) lose nothing.
    """

    center: FloatArray  # (2,) x, y of the map frame [m]
    yaw: float  # [rad]
    size_px: int  # height and width
    resolution_m: float  # side of a pixel [m]

    def pixels_from_map(self, points: ArrayLike) -> FloatArray:
        """(..., 2) column and row of map points (..., 2) [m]; whole numbers are the centres of pixels."""
        offset = np.asarray(points, dtype=np.float64) - self.center
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        x, y = offset[..., 0], offset[..., 1]
        ahead, left = cos * x + sin * y, cos * y - sin * x
        return self._middle - np.stack([left, ahead], axis=-1) / self.resolution_m

    def map_from_pixels(self, pixels: ArrayLike) -> FloatArray:
        """Map points (..., 2) [m] of columns and rows (..., 2)."""
        leftward, ahead = np.moveaxis((self._middle - np.asarray(pixels, dtype=np.float64)) * self.resolution_m, -1, 0)
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        return np.stack([cos * ahead - sin * leftward, sin * ahead + cos * leftward], axis=-1) + self.center

    @property
    def radius_m(self) -> float:
        """Of the circle through the corners [m]."""
        return float(self.size_px * self.resolution_m * np.sqrt(0.5))

    @property
    def _middle(self) -> float:
        """Column and row of the centre, which is a corner of pixels when their number is even."""
        return 0.5 * self.size_px - 0.5
