"""A scene as a picture of many channels around the ego: what the network looks at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.config import ConfigError
from zoox_prediction.errors import InputError
from zoox_prediction.raster import agent_channels, ego_channels, map_channels
from zoox_prediction.raster.channels import ChannelTable, load_channel_table
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.raster.frame import RasterFrame
from zoox_prediction.scene import Scene

_DRAWN = frozenset((*map_channels.CHANNELS, *agent_channels.CHANNELS, *ego_channels.CHANNELS))


class Rasterizer:
    """Draws scenes; keeps drawn tiles of their maps in memory, at most `tile_cache_mb` of them.

    The raster is a function of the scene, the config and the table alone, to the bit: nothing that was drawn before
    changes it. One rasterizer may serve several threads. A road network is taken as immutable and known again as an
    object: scenes of one map should hold the same one, or it is drawn anew for each.
    """

    def __init__(self, config: RasterConfig | None = None, table: ChannelTable | None = None) -> None:
        """Raises ConfigError when the table has a channel that nothing draws, or lacks one."""
        self.config = config or RasterConfig()
        self.table = table or load_channel_table()
        names = {channel.name for channel in self.table.channels}
        if names != _DRAWN:
            odd = ", ".join(sorted(names ^ _DRAWN))
            raise ConfigError(f"the table of raster channels must have those of the package's own; these differ: {odd}")
        self._map_channels = map_channels.MapChannels(self.config, self.table)

    @property
    def cache_bytes(self) -> int:
        """Memory of the map's drawn tiles, at most `tile_cache_mb`."""
        return self._map_channels.cache_bytes

    def frame(self, scene: Scene) -> RasterFrame:
        """Where the raster of a scene lies: around the ego's base_link, without an ego at the config's fixed pose.

        Raises InputError when the ego's pose is not finite.
        """
        config = self.config
        center, yaw = np.array([config.center_x_m, config.center_y_m]), config.center_yaw_rad
        if scene.ego is not None:
            center, yaw = np.asarray(scene.ego.position, dtype=np.float64)[:2], float(scene.ego.yaw)
            if not np.isfinite([*center, yaw]).all():
                raise InputError("the ego's position or yaw is not finite; give the scene without the ego")
        return RasterFrame(center, yaw, config.size_px, config.resolution_m)

    def rasterize(self, scene: Scene) -> NDArray[np.uint8]:
        """(C, H, W) pixels of a scene, C as in the table, H = W = `size_px`. Raises InputError as `frame` does."""
        frame = self.frame(scene)
        raster = np.zeros((len(self.table), frame.size_px, frame.size_px), dtype=np.uint8)
        self._map_channels.draw(scene.road_network, scene.signals, frame, raster)
        agent_channels.draw_agents(scene, frame, self.table, raster)
        ego_channels.draw_ego(scene, frame, self.table, raster)
        return raster
