"""Drawn tiles stay within their memory and never change a raster."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from raster_scenes import ego_at, moved_network, scene_of, signals_of

from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.raster.map_channels import CHANNELS
from zoox_prediction.raster.rasterizer import Rasterizer
from zoox_prediction.recording.generated_crossroads import crossroads
from zoox_prediction.scene import Scene

SMALL = RasterConfig(size_px=64, tile_cache_mb=4.6, draw_ahead=False)  # nine tiles, where a raster may need four


def town_scene(x: float, y: float, yaw: float = 0.3) -> Scene:
    return scene_of(ego=ego_at(x, y, yaw), road_network=town(2), signals=signals_of({11: 1, 12: 3}))


def test_memory_is_bounded_and_shown() -> None:
    rasterizer = Rasterizer(SMALL)
    assert rasterizer.cache_bytes == 0
    seen = []
    for x in range(-150, 550, 25):
        rasterizer.rasterize(town_scene(x, 3.0))
        seen.append(rasterizer.cache_bytes)
    assert 0 < min(seen) < max(seen)
    assert max(seen) == 9 * SMALL.tile_bytes <= SMALL.tile_cache_mb * 2**20


def test_nothing_is_kept_of_where_there_is_no_map() -> None:
    rasterizer = Rasterizer(SMALL)
    rasterizer.rasterize(town_scene(1e6, -1e6))
    assert rasterizer.cache_bytes == 0


@pytest.mark.parametrize("config", [SMALL, RasterConfig(size_px=64)])
def test_what_was_drawn_before_changes_no_bit(config: RasterConfig) -> None:
    random = np.random.default_rng(0)
    places = [(*random.uniform(-100.0, 500.0, 2), random.uniform(-4.0, 4.0)) for _ in range(8)]
    fresh = [Rasterizer(config).rasterize(town_scene(*place)) for place in places]
    used = Rasterizer(config)
    for _ in range(2):
        for place, expected in zip(places, fresh, strict=True):
            np.testing.assert_array_equal(used.rasterize(town_scene(*place)), expected)


def test_tiles_are_drawn_ahead_one_at_a_time() -> None:
    rasterizer = Rasterizer(RasterConfig(size_px=64))
    sizes = []
    for _ in range(30):
        rasterizer.rasterize(town_scene(200.0, 200.0))
        sizes.append(rasterizer.cache_bytes // rasterizer.config.tile_bytes)
    assert set(np.diff(sizes)) == {0, 1}
    assert sizes[-1] > 9  # all around
    rasterizer.rasterize(town_scene(240.0, 200.0))
    assert rasterizer.cache_bytes // rasterizer.config.tile_bytes <= sizes[-1] + 1  # the next ones were there


def test_no_tiles_are_drawn_ahead_that_push_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from zoox_prediction.raster import map_tiles

    drawn = []
    draw = map_tiles.draw_tile
    monkeypatch.setattr(map_tiles, "draw_tile", lambda *given: drawn.append(1) or draw(*given))
    rasterizer = Rasterizer(replace(SMALL, draw_ahead=True))
    for _ in range(5):
        rasterizer.rasterize(town_scene(200.0, 200.0))
    assert len(drawn) <= 4


def test_several_maps_do_not_mix() -> None:
    rasterizer, config = Rasterizer(SMALL), SMALL
    networks = [
        moved_network(crossroads(), lambda points, by=by: points + np.array([by, 2.0 * by])) for by in range(10)
    ]
    for _ in range(2):
        for network in networks:  # more than are kept
            scene = scene_of(ego=ego_at(), road_network=network)
            np.testing.assert_array_equal(rasterizer.rasterize(scene), Rasterizer(config).rasterize(scene))
    assert rasterizer.cache_bytes <= SMALL.tile_cache_mb * 2**20


def test_a_map_is_prepared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from zoox_prediction.raster import map_channels

    prepared = []
    prepare = map_channels.map_layers
    monkeypatch.setattr(map_channels, "map_layers", lambda *given: prepared.append(1) or prepare(*given))
    rasterizer = Rasterizer(SMALL)
    for x in (0.0, 100.0, 0.0):
        rasterizer.rasterize(town_scene(x, 0.0))
    assert len(prepared) == 1


def test_threads_share_a_rasterizer() -> None:
    shared, wrong = Rasterizer(SMALL), []
    places = [(x, y) for x in (0.0, 400.0) for y in (0.0, 400.0)]
    expected = {place: Rasterizer(SMALL).rasterize(town_scene(*place)) for place in places}

    def work(seed: int) -> None:
        for index in np.random.default_rng(seed).integers(0, len(places), 10):
            if not np.array_equal(shared.rasterize(town_scene(*places[index])), expected[places[index]]):
                wrong.append(places[index])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_empty_map_and_a_map_far_away_draw_nothing() -> None:
    rasterizer = Rasterizer(SMALL)
    for scene in (scene_of(ego=ego_at()), town_scene(-5000.0, 0.0)):
        assert not rasterizer.rasterize(scene)[[rasterizer.table.index(name) for name in CHANNELS]].any()
