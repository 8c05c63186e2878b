"""The picture of what the sensors saw: points lie on the boxes that they were measured on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from zoox_prediction.recording.generated import generate_recording, generated_log
from zoox_prediction.recording.log import load_log
from zoox_prediction.scene import Scene
from zoox_prediction.visualization.canvas import Canvas
from zoox_prediction.visualization.recorded import scene_at
from zoox_prediction.visualization.sensor_picture import draw_sensors

_VIEW_PX, _WIDTH_M = 760, 60.0
_LIDAR = (0, 105, 130)


def test_lidar_points_above_the_ground_are_on_somebody(bag: Path, scene: Scene) -> None:
    picture = draw_sensors(bag, scene)
    assert picture is not None and picture.shape == (_VIEW_PX, _VIEW_PX + 2 * 488, 3)
    rows, columns = np.nonzero((picture[:, :_VIEW_PX] == _LIDAR).all(axis=-1))
    key = (rows > _VIEW_PX - 120) & (columns < 140)  # the legend's own colours
    pixels = np.column_stack([columns, rows])[~key]
    assert len(pixels) > 50
    assert scene.ego is not None
    places = Canvas(scene.ego.position, _WIDTH_M, (_VIEW_PX, _VIEW_PX)).to_pixels(scene.agents.position[:, :2])
    reach = (0.5 * np.linalg.norm(scene.agents.size[:, :2], axis=1) + 0.5) * _VIEW_PX / _WIDTH_M
    away = np.linalg.norm(pixels[:, None] - places, axis=-1)
    assert np.mean((away < reach).any(axis=1)) > 0.95


def test_images_are_those_of_the_moment(bag: Path, scene: Scene) -> None:
    a_little_later = replace(scene, stamp_ns=scene.stamp_ns + 100_000_000)
    pictures = [draw_sensors(bag, each) for each in (scene, a_little_later, scene_at(load_log(bag), 9.0))]
    images = [picture[:, _VIEW_PX:] for picture in pictures if picture is not None]
    assert len(np.unique(images[0].reshape(-1, 3), axis=0)) > 1000
    np.testing.assert_array_equal(images[0], images[1])  # cameras look five times a second
    assert (images[0] != images[2]).any(axis=-1).mean() > 0.2


def test_without_sensors_or_ego_there_is_no_picture(bag: Path, scene: Scene, tmp_path: Path) -> None:
    assert draw_sensors(bag, replace(scene, ego=None)) is None
    generate_recording(tmp_path / "drive", duration_s=1.0)
    assert draw_sensors(tmp_path / "drive", scene_at(generated_log(0, 1.0), 0.5)) is None
