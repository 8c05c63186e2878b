"""Parameters out of range are one sentence; the cache must hold the map under one raster."""

from __future__ import annotations

import math

import pytest

from zoox_prediction.config import ConfigError, from_mapping
from zoox_prediction.raster.config import RasterConfig


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("size_px", 0),
        ("size_px", 100_000),
        ("resolution_m", 0.0),
        ("resolution_m", math.nan),
        ("oversampling", 0),
        ("center_x_m", math.inf),
        ("center_yaw_rad", math.nan),
        ("tile_cache_mb", 0.0),
        ("tile_cache_mb", math.nan),
        ("tile_cache_mb", math.inf),
        ("tile_cache_mb", 7.9),
    ],
)
def test_out_of_range(key: str, wrong: float) -> None:
    with pytest.raises(ConfigError, match=key):
        from_mapping(RasterConfig, {key: wrong})


def test_the_error_says_how_much_memory_is_enough() -> None:
    with pytest.raises(ValueError, match=r"at least 85 .*size_px 1024") as error:
        RasterConfig(size_px=1024)
    enough = float(str(error.value).split("at least ")[1].split()[0])
    assert (
        RasterConfig(size_px=1024, tile_cache_mb=enough).num_tiles
        >= RasterConfig(size_px=1024, tile_cache_mb=enough).tiles_per_raster
    )
    with pytest.raises(ValueError, match="at least"):
        RasterConfig(size_px=1024, tile_cache_mb=enough - 1.0)
