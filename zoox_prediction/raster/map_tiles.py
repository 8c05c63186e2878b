"""The road network drawn once, in tiles that lie still in the map, and gathered from there for every raster.

Tiles are finer than the raster, and every cell of them holds all map channels of its place: turning the map into the
ego's frame is one look-up per pixel. That it takes the nearest cell is exact arithmetic and the same everywhere, which
cannot be said of OpenCV's warpAffine (versions round differently), and needs no copy of the tiles into one image.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.raster.channels import Channel
from zoox_prediction.raster.config import CELL_BYTES, TILE_PX, RasterConfig
from zoox_prediction.raster.frame import RasterFrame
from zoox_prediction.raster.map_cells import CELL, draw_tile
from zoox_prediction.raster.map_layers import MapLayers

_SHIFT, _INSIDE = TILE_PX.bit_length() - 1, TILE_PX - 1
# Where an ego stands along the map's axes, pixels' centres fall on the rims of cells; this many cells aside, rounding
# does not decide which of the two they take.
_ASIDE_CELLS = 2.0**-10

assert CELL.itemsize == CELL_BYTES

_Key = tuple[int, int, int]  # number of the map, column and row of the tile


class MapTiles:
    """Tiles of one or more road networks in a bounded piece of memory, from which the least recently used one goes.

    What is in memory never changes what `cells` gives. May be used from several threads.
    """

    def __init__(self, config: RasterConfig, speed_limit: Channel) -> None:
        self._config, self._speed_limit = config, speed_limit
        # Whole cells as numbers, which numpy gathers faster than records. The system gives memory to a slot only when
        # it is written. Slot 0 stays empty and stands for every tile without map.
        self._slots = np.zeros((1 + config.num_tiles, TILE_PX, TILE_PX), dtype=np.uint64)
        self._free = list(range(config.num_tiles, 0, -1))
        self._slot_of: OrderedDict[_Key, int] = OrderedDict()  # last used last
        self._lock = threading.Lock()

    @property
    def cache_bytes(self) -> int:
        """Memory of the drawn tiles; at most RasterConfig.tile_cache_mb."""
        return len(self._slot_of) * self._config.tile_bytes

    def forget(self, map_number: int) -> None:
        """Frees the tiles of a map."""
        with self._lock:
            for key in [key for key in self._slot_of if key[0] == map_number]:
                self._free.append(self._slot_of.pop(key))

    def cells(self, map_number: int, layers: MapLayers, frame: RasterFrame) -> NDArray:
        """(H * W,) CELL under the centre of every pixel of a raster, row by row."""
        side_m = TILE_PX * self._config.tile_resolution_m
        last = frame.size_px - 1.0
        corners = frame.map_from_pixels([[0.0, 0.0], [0.0, last], [last, 0.0], [last, last]])
        first = np.floor(corners.min(axis=0) / side_m)
        count = (np.floor(corners.max(axis=0) / side_m) - first + 1.0).astype(int).tolist()
        columns, rows = self._under_pixels(frame, first * side_m, count)
        tiles = [(map_number, int(first[0]) + x, int(first[1]) + y) for y in range(count[1]) for x in range(count[0])]
        with self._lock:
            for key in tiles:
                self._prepare(key, layers)
            slots = np.array([self._slot_of.get(key, 0) for key in tiles]).reshape(count[::-1])
            place = slots[rows >> _SHIFT, columns >> _SHIFT] << (2 * _SHIFT)
            place |= (rows & _INSIDE) << _SHIFT
            place |= columns & _INSIDE
            cells = self._slots.reshape(-1).take(place.reshape(-1)).view(CELL)
            if self._config.draw_ahead:
                self._draw_ahead(tiles, layers)
        return cells

    def _under_pixels(
        self, frame: RasterFrame, origin: NDArray[np.float64], count: list[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Columns and rows (H, W) of the cells under the pixels, counted from the corner `origin` of count tiles."""
        cell_m = self._config.tile_resolution_m
        steps = (0.5 * frame.size_px - 0.5 - np.arange(frame.size_px)) * (frame.resolution_m / cell_m)
        cos, sin = np.cos(frame.yaw) * steps, np.sin(frame.yaw) * steps
        x, y = (frame.center - origin) / cell_m + _ASIDE_CELLS
        columns = ((x + cos)[:, None] - sin[None, :]).astype(np.int64)
        rows = ((y + sin)[:, None] + cos[None, :]).astype(np.int64)
        # At the very rim, rounding must not reach beyond the tiles.
        np.clip(columns, 0, count[0] * TILE_PX - 1, out=columns)
        np.clip(rows, 0, count[1] * TILE_PX - 1, out=rows)
        return columns, rows

    def _draw_ahead(self, tiles: list[_Key], layers: MapLayers) -> None:
        """Draws at most one of the tiles around these, so that an ego on its way finds them drawn.

        A new row of tiles at once would make one raster in a hundred take three times as long. Does nothing when memory
        cannot hold all tiles around, which would then push each other out.
        """
        number, left, low = tiles[0]
        _, right, high = tiles[-1]
        if (right - left + 3) * (high - low + 3) > self._config.num_tiles:
            return
        for row in range(low - 1, high + 2):
            for column in range(left - 1, right + 2):
                if self._prepare((number, column, row), layers):
                    return

    def _prepare(self, key: _Key, layers: MapLayers) -> bool:
        """Sees to it that the tile has a slot, unless there is nothing of the map in it; whether it was drawn now.

        The tiles of one raster are never more than the slots, so they do not push each other out.
        """
        if key in self._slot_of:
            self._slot_of.move_to_end(key)
            return False
        cell_m = self._config.tile_resolution_m
        side_m = TILE_PX * cell_m
        low = np.array(key[1:], dtype=np.float64) * side_m
        if not np.all((low <= layers.high + side_m) & (low + 2.0 * side_m >= layers.low)):
            return False
        tile = draw_tile(layers, low, cell_m, self._speed_limit)
        slot = self._free.pop() if self._free else self._slot_of.popitem(last=False)[1]
        self._slots[slot] = tile.view(np.uint64)
        self._slot_of[key] = slot
        return True
