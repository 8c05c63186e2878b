"""One tile of a road network: a square of cells, each of which holds every map channel of its place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.raster.channels import Channel
from zoox_prediction.raster.config import TILE_PX
from zoox_prediction.raster.drawing import fill_convex, fill_disc, fill_polygons, fixed_point
from zoox_prediction.raster.map_layers import MASKS, MapLayers
from zoox_prediction.raster.shapes import FloatArray

# masks: bit i is MASKS[i]. heading: 0 for no lane, else 1 + steps. speed_limit: the pixel of its channel.
CELL = np.dtype([("masks", "<u4"), ("heading", "<u2"), ("speed_limit", "u1"), ("unused", "u1")])
# Directions of travel are kept in this many steps: half of one is 0.0008 rad, a fifth of what rounding a cosine to 255
# values costs, and the cosines relative to the ego are a short table for every raster.
HEADING_STEPS = 4096
_SIGNAL_RADIUS_M = 1.0
_MARGIN_CELLS = 2.0  # how far beyond its own points a shape is drawn


def headings() -> FloatArray:
    """(1 + HEADING_STEPS,) the direction [rad] for each heading of a cell; NaN for no lane."""
    return np.concatenate([[np.nan], np.arange(HEADING_STEPS) * (2.0 * np.pi / HEADING_STEPS)])


def draw_tile(layers: MapLayers, low: FloatArray, cell_m: float, speed_limit: Channel) -> NDArray:
    """(TILE_PX, TILE_PX) CELL of the square whose least corner is `low` (2,) [m].

    Rows count along +y of the map, columns along +x; the cell in row r and column c covers cell_m from
    low + (c, r) * cell_m. Shapes come out half a cell larger to each side. `speed_limit` is the channel of that name.
    """
    tile = _Tile(layers, low, cell_m)
    cells = np.zeros((TILE_PX, TILE_PX), dtype=CELL)
    cells["masks"] = tile.masks()
    cells["heading"], cells["speed_limit"] = tile.lanes(speed_limit)
    return cells


class _Tile:
    def __init__(self, layers: MapLayers, low: FloatArray, cell_m: float) -> None:
        self._layers, self._corner, self._cell_m = layers, low, cell_m
        margin = _MARGIN_CELLS * cell_m + _SIGNAL_RADIUS_M
        self._low, self._high = low - margin, low + TILE_PX * cell_m + margin

    def masks(self) -> NDArray[np.uint32]:
        """(TILE_PX, TILE_PX) a bit for each of MASKS."""
        bits = np.zeros((TILE_PX, TILE_PX), dtype=np.uint32)
        for bit, name in enumerate(MASKS):
            image = np.zeros((TILE_PX, TILE_PX), dtype=np.uint8)
            if self._draw_mask(name, image):
                bits |= image.astype(np.uint32) << np.uint32(bit)
        return bits

    def lanes(self, speed_limit: Channel) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
        """Headings and pixels of speed limits, each (TILE_PX, TILE_PX), of the lane that is on top."""
        heading = np.zeros((TILE_PX, TILE_PX), dtype=np.uint16)
        limit = np.zeros((TILE_PX, TILE_PX), dtype=np.uint8)
        pieces = self._layers.lane_pieces
        rows = pieces.within(self._low, self._high)
        corners = fixed_point(self._pixels(pieces.points.values.reshape(-1, 4, 2)[rows]))
        steps = np.rint(self._layers.piece_heading[rows] * (HEADING_STEPS / (2.0 * np.pi))).astype(np.int64)
        fill_convex(heading, corners, (1 + steps % HEADING_STEPS).tolist())
        fill_convex(limit, corners, speed_limit.encode(self._layers.piece_speed_limit[rows]).tolist())
        return heading, limit

    def _draw_mask(self, name: str, image: NDArray[np.uint8]) -> bool:
        """Draws a mask's shapes as 1; whether there are any in this tile."""
        drawn = False
        if name in self._layers.areas:
            areas = self._layers.areas[name]
            rows = areas.within(self._low, self._high)
            fill_polygons(image, [self._pixels(areas.points[row]) for row in rows], 1)
            drawn = len(rows) > 0
        if name in self._layers.lines:
            strips = self._layers.lines[name]
            rows = strips.within(self._low, self._high)
            corners = fixed_point(self._pixels(strips.points.values.reshape(-1, 4, 2)[rows]))
            fill_convex(image, corners, [1] * len(rows))
            drawn = drawn or len(rows) > 0
        if name in self._layers.discs:
            centers = self._layers.discs[name]
            inside = np.all((centers >= self._low) & (centers <= self._high), axis=1)
            for center in self._pixels(centers[inside]):
                fill_disc(image, center, _SIGNAL_RADIUS_M / self._cell_m, 1)
                drawn = True
        return drawn

    def _pixels(self, points: FloatArray) -> FloatArray:
        """Columns and rows (..., 2) of map points (..., 2) [m]; whole numbers are the centres of cells."""
        return (points - self._corner) / self._cell_m - 0.5
