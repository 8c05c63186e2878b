"""The parameters of the raster."""

from __future__ import annotations

import math
from dataclasses import dataclass

TILE_PX = 256  # side of a tile of the map; a power of two
CELL_BYTES = 8  # of one pixel of a tile, see map_tiles.CELL


@dataclass(frozen=True)
class RasterConfig:
    """Size, place and memory of the raster."""

    size_px: int = 256  # height and width
    resolution_m: float = 0.8  # side of a pixel [m]
    oversampling: int = 2  # the map is drawn this much finer than the raster
    tile_cache_mb: float = 64.0  # most memory for drawn tiles of the map [MiB]
    draw_ahead: bool = True  # draw the tiles around the raster too, one per raster; not for scenes in random order
    center_x_m: float = 0.0  # centre and heading of the raster where a scene has no ego (roadside sensors)
    center_y_m: float = 0.0
    center_yaw_rad: float = 0.0

    def __post_init__(self) -> None:
        if not 8 <= self.size_px <= 4096:
            raise ValueError(f"size_px must be 8 to 4096, got {self.size_px}")
        if not 0.01 <= self.resolution_m <= 100.0:
            raise ValueError(f"resolution_m must be 0.01 to 100, got {self.resolution_m}")
        if not 1 <= self.oversampling <= 8:
            raise ValueError(f"oversampling must be 1 to 8, got {self.oversampling}")
        if not 0.0 <= self.tile_cache_mb <= 16384.0:
            raise ValueError(f"tile_cache_mb must be 0 to 16384, got {self.tile_cache_mb}")
        for name in ("center_x_m", "center_y_m", "center_yaw_rad"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name} must be finite, got {getattr(self, name)}")
        if self.num_tiles < self.tiles_per_raster:
            needed = math.ceil(self.tiles_per_raster * self.tile_bytes / 2**20)
            raise ValueError(
                f"tile_cache_mb must hold the map under one raster: at least {needed} for size_px {self.size_px} and "
                f"oversampling {self.oversampling}, got {self.tile_cache_mb:g}"
            )

    @property
    def tile_resolution_m(self) -> float:
        """Side of a pixel of the map's tiles [m]."""
        return self.resolution_m / self.oversampling

    @property
    def tile_bytes(self) -> int:
        return TILE_PX * TILE_PX * CELL_BYTES

    @property
    def num_tiles(self) -> int:
        """How many tiles the cache holds."""
        return int(self.tile_cache_mb * 2**20 / self.tile_bytes)

    @property
    def tiles_per_raster(self) -> int:
        """The most tiles that a raster of any place and heading lies on."""
        diagonal_px = math.sqrt(2.0) * self.size_px * self.oversampling
        return (math.ceil(diagonal_px / TILE_PX) + 1) ** 2
