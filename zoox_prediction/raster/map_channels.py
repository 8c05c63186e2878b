"""The 24 map channels of a raster: what stands still from the tiles, what the signals show from the scene."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.maps.signals import crosswalk_signal_states, lane_signal_states
from zoox_prediction.raster.channels import ChannelTable
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.raster.drawing import fill_polygons
from zoox_prediction.raster.frame import RasterFrame
from zoox_prediction.raster.map_cells import headings
from zoox_prediction.raster.map_layers import MASKS, MapLayers, map_layers
from zoox_prediction.raster.map_tiles import MapTiles
from zoox_prediction.raster.shapes import Shapes
from zoox_prediction.scene import SignalState, TrafficSignals

CHANNELS = (
    *MASKS, "lane_direction_cos", "lane_direction_sin", "speed_limit", "signal_red", "signal_yellow", "signal_green",
    "signal_unknown", "crosswalk_walk",
)  # fmt: skip

_MOST_MAPS = 8  # whose shapes are kept
# Lines come out at least a pixel of the raster wide wherever they lie, so that taking the nearest cell does not break
# them: a pixel's worth of cells, of which OpenCV's rounding may take one away, while it adds half a one on each side.
_EXTRA_LINE_CELLS = 0.5

_LANE_CHANNELS = {
    "signal_red": (SignalState.RED,),
    "signal_yellow": (SignalState.YELLOW,),
    "signal_green": (SignalState.GREEN,),
    "signal_unknown": (SignalState.UNKNOWN, SignalState.FLASHING, SignalState.DARK),
}
# Whether people may walk; where crosswalks overlap, one on which they may is on top.
_WALK = ((False, (SignalState.RED, SignalState.YELLOW)), (True, (SignalState.GREEN,)))


class MapChannels:
    """Draws the map channels; keeps the tiles of the maps it has seen within the config's bound."""

    def __init__(self, config: RasterConfig, table: ChannelTable) -> None:
        self._table = table
        self._line_width_m = (config.oversampling + _EXTRA_LINE_CELLS) * config.tile_resolution_m
        self._tiles = MapTiles(config, table["speed_limit"])
        self._maps: OrderedDict[int, tuple[RoadNetwork, int, MapLayers]] = OrderedDict()  # by id(), last used last
        self._next_number = 0
        self._lock = threading.Lock()

    @property
    def cache_bytes(self) -> int:
        return self._tiles.cache_bytes

    def draw(
        self, network: RoadNetwork, signals: TrafficSignals, frame: RasterFrame, raster: NDArray[np.uint8]
    ) -> None:
        """Writes the map channels of a raster (C, H, W) that is zero."""
        number, layers = self._layers(network)
        cells = self._tiles.cells(number, layers, frame)
        self._unpack_masks(cells["masks"], raster)
        self._unpack_lanes(cells, frame, raster)
        self._draw_signals(layers, signals, frame, raster)

    def _layers(self, network: RoadNetwork) -> tuple[int, MapLayers]:
        """The number and the shapes of a map. It is kept itself too, so that no other can have its id()."""
        key = id(network)
        with self._lock:
            if key not in self._maps:
                if len(self._maps) >= _MOST_MAPS:
                    self._tiles.forget(self._maps.popitem(last=False)[1][1])
                self._maps[key] = (network, self._next_number, map_layers(network, self._line_width_m))
                self._next_number += 1
            self._maps.move_to_end(key)
            _, number, layers = self._maps[key]
        return number, layers

    def _unpack_masks(self, masks: NDArray[np.uint32], raster: NDArray[np.uint8]) -> None:
        size = raster.shape[1:]
        planes = masks.copy().view(np.uint8).reshape(-1, masks.itemsize)
        flag = np.empty(size, dtype=bool)
        for byte in range(-(-len(MASKS) // 8)):
            plane = planes[:, byte].copy().reshape(size)
            for bit, name in enumerate(MASKS[8 * byte : 8 * byte + 8]):
                channel = raster[self._table.index(name)]
                np.bitwise_and(plane, np.uint8(1 << bit), out=channel)
                np.not_equal(channel, 0, out=flag)
                np.negative(flag.view(np.uint8), out=channel)  # 1 becomes 255

    def _unpack_lanes(self, cells: NDArray, frame: RasterFrame, raster: NDArray[np.uint8]) -> None:
        size = raster.shape[1:]
        heading = cells["heading"].astype(np.intp)
        relative = wrap_angle(headings() - frame.yaw)
        for name, values in (("lane_direction_cos", np.cos(relative)), ("lane_direction_sin", np.sin(relative))):
            raster[self._table.index(name)] = self._table.encode(name, values)[heading].reshape(size)
        raster[self._table.index("speed_limit")] = cells["speed_limit"].reshape(size)

    def _draw_signals(
        self, layers: MapLayers, signals: TrafficSignals, frame: RasterFrame, raster: NDArray[np.uint8]
    ) -> None:
        """Lanes and crosswalks in the colours of their signals now, straight into the raster."""
        lanes, crosswalks = layers.signalled_lanes, layers.signalled_crosswalks
        rows = _in_sight(lanes, frame)
        states = lane_signal_states(layers.lane_signal[rows], signals.ids, signals.state)
        for name, shown in _LANE_CHANNELS.items():
            polygons = [frame.pixels_from_map(lanes.points[row]) for row in rows[np.isin(states, shown)]]
            if polygons:
                fill_polygons(raster[self._table.index(name)], polygons, 255)
        rows = _in_sight(crosswalks, frame)
        states = crosswalk_signal_states(layers.crosswalk_signal[rows], signals.ids, signals.state)
        for walk, shown in _WALK:
            polygons = [frame.pixels_from_map(crosswalks.points[row]) for row in rows[np.isin(states, shown)]]
            if polygons:
                pixel = int(self._table.encode("crosswalk_walk", walk))
                fill_polygons(raster[self._table.index("crosswalk_walk")], polygons, pixel)


def _in_sight(drawn: Shapes, frame: RasterFrame) -> NDArray[np.int64]:
    return drawn.within(frame.center - frame.radius_m, frame.center + frame.radius_m)
