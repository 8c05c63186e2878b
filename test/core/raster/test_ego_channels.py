"""The ego is in the middle and points up."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from raster_scenes import agents_at, ego_at, scene_of

from zoox_prediction.errors import InputError
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.raster.rasterizer import Rasterizer
from zoox_prediction.scene import Scene

RASTERIZER = Rasterizer()
EGO = ego_at(120.0, 40.0, yaw=2.3, speed=10.0)
AHEAD = np.array([np.cos(2.3), np.sin(2.3)])


def channel(raster: np.ndarray, name: str) -> np.ndarray:
    return raster[RASTERIZER.table.index(name)]


def test_the_box_points_up_from_the_middle() -> None:
    scene = scene_of(ego=EGO, ego_size=(8.0, 2.4), ego_center_offset_m=2.4)  # pixels: 10 by 3, 3 ahead
    rows, columns = np.nonzero(channel(RASTERIZER.rasterize(scene), "ego"))
    assert rows.min() == pytest.approx(127.5 - 3.0 - 4.5, abs=1.0)
    assert rows.max() == pytest.approx(127.5 - 3.0 + 4.5, abs=1.0)
    assert columns.min() == pytest.approx(127.5 - 1.0, abs=1.0)
    assert columns.max() == pytest.approx(127.5 + 1.0, abs=1.0)
    assert len(rows) == pytest.approx(30, abs=13)


def beside(raster: np.ndarray, scene: Scene, name: str, at: np.ndarray) -> bool:
    """Whether a channel is drawn at a map point or at most a pixel to its left or right: the middle is no pixel."""
    column, row = np.floor(RASTERIZER.frame(scene).pixels_from_map(at) + 0.5).astype(int)
    return bool(channel(raster, name)[row, column - 1 : column + 2].any())


def test_the_past_is_the_way_it_came() -> None:
    scene = scene_of(ego=EGO)
    raster = RASTERIZER.rasterize(scene)
    for back in np.arange(0.0, 20.0, 0.5):
        assert beside(raster, scene, "ego_past", EGO.position - back * AHEAD)
    assert channel(raster, "ego_past").sum() / 255 == pytest.approx(20.0 / 0.8, abs=3.0)
    half = scene.ego_past_valid.copy()
    half[:11] = False  # older than 0.9 s
    raster = RASTERIZER.rasterize(replace(scene, ego_past_valid=half))
    assert channel(raster, "ego_past").sum() / 255 == pytest.approx(9.0 / 0.8, abs=3.0)


def test_the_route_is_a_line_in_one_piece() -> None:
    corner = EGO.position + 40.0 * AHEAD
    route = np.array([EGO.position, corner, [np.nan, 0.0], corner + 300.0 * np.array([-AHEAD[1], AHEAD[0]])])
    scene = scene_of(ego=EGO, route=route)
    raster = RASTERIZER.rasterize(scene)
    for ahead in np.arange(0.0, 40.0, 0.5):
        assert beside(raster, scene, "route", EGO.position + ahead * AHEAD)
    assert cv2.connectedComponents(channel(raster, "route"), connectivity=8)[0] == 2
    assert channel(raster, "route")[:, 0].any()  # to the left rim
    assert not channel(raster, "route")[:, 140:].any()


def test_without_an_ego_the_raster_lies_at_the_fixed_pose() -> None:
    config = RasterConfig(center_x_m=100.0, center_y_m=50.0, center_yaw_rad=1.0)
    rasterizer = Rasterizer(config)
    agents = agents_at([[104.0, 58.0]])
    scene = scene_of(agents, route=np.array([[90.0, 50.0], [110.0, 50.0]]))
    frame = rasterizer.frame(scene)
    np.testing.assert_array_equal(frame.center, [100.0, 50.0])
    assert frame.yaw == 1.0
    raster = rasterizer.rasterize(scene)
    assert not any(channel(raster, name).any() for name in ("ego", "ego_past", "route"))
    as_if = RASTERIZER.rasterize(scene_of(agents, ego_at(100.0, 50.0, 1.0)))
    ego_rows = [RASTERIZER.table.index(name) for name in ("ego", "ego_past", "route")]
    np.testing.assert_array_equal(np.delete(raster, ego_rows, axis=0), np.delete(as_if, ego_rows, axis=0))


@pytest.mark.parametrize("ego", [ego_at(np.nan, 0.0), ego_at(0.0, np.inf), replace(ego_at(), yaw=np.nan)])
def test_an_ego_without_a_place_is_an_error(ego) -> None:
    with pytest.raises(InputError, match="ego's position or yaw is not finite"):
        RASTERIZER.rasterize(replace(scene_of(ego=ego_at()), ego=ego))
