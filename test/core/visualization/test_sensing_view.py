"""Films of the whole chain: detections of the moment, the truth, tracks, and pictures with boxes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from zoox_prediction.detections import Detections, Modality
from zoox_prediction.recording.log import load_log
from zoox_prediction.scene import AgentClass, Scene
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.sensing_view import SensingView

_VIEW_PX = 960


def detections(stamp_ns: int, modality: Modality, sensor: str, **measured: np.ndarray) -> Detections:
    bits = np.zeros(1, dtype=np.uint32)
    classes = np.eye(8)[[AgentClass.CAR]]
    return Detections(stamp_ns, sensor, sensor, modality, classes, np.ones(1), bits, bits, np.zeros(1), **measured)


def lidar_box(stamp_ns: int) -> Detections:
    """10 m ahead of the front left lidar, which looks half to the left."""
    return detections(
        stamp_ns, Modality.LIDAR, "lidar_front_left", center=np.array([[10.0, 0.0, -1.0]]), yaw=np.zeros(1),
        size=np.array([[4.0, 2.0, 1.5]]), covariance=np.eye(4)[None],
    )  # fmt: skip


def camera_box(stamp_ns: int) -> Detections:
    box = np.array([[0.3, 0.1, -0.3, -0.2]])
    return detections(
        stamp_ns, Modality.CAMERA, "camera_front_left", bearing_box=box, bearing_covariance=np.full((1, 4), 1e-4)
    )


def drawn(picture: np.ndarray, color: palette.Color) -> np.ndarray:
    """(N, 2) rows and columns of pixels of this very colour, the key left out."""
    rows, columns = np.nonzero((picture[:, :_VIEW_PX] == color).all(axis=-1))
    key = (rows > _VIEW_PX - 260) & (columns < 320)
    return np.column_stack([rows, columns])[~key]


def test_boxes_of_the_moment_are_drawn_where_they_are(bag: Path, scene: Scene) -> None:
    assert scene.ego is not None
    view = SensingView(bag, load_log(bag), [lidar_box(scene.stamp_ns), lidar_box(scene.stamp_ns - 2_000_000_000)])
    pixels = drawn(view.draw(scene, None), palette.LIDAR)
    turn = scene.ego.yaw + np.radians(45.0)
    mount = np.array([[np.cos(scene.ego.yaw), -np.sin(scene.ego.yaw)], [np.sin(scene.ego.yaw), np.cos(scene.ego.yaw)]])
    ahead = mount @ [3.75, 1.0] + 10.0 * np.array([np.cos(turn), np.sin(turn)])
    expected = _VIEW_PX / 2.0 + np.array([-ahead[1], ahead[0]]) * _VIEW_PX / 80.0
    assert len(pixels) > 30
    np.testing.assert_allclose(pixels.mean(axis=0), expected, atol=6.0)
    old = SensingView(bag, load_log(bag), [lidar_box(scene.stamp_ns - 2_000_000_000)])
    assert len(drawn(old.draw(scene, None), palette.LIDAR)) == 0


def test_pictures_show_boxes_of_the_sensor_and_of_the_tracks(bag: Path, scene: Scene) -> None:
    log = load_log(bag)
    plain = SensingView(bag, log, []).draw(scene, None)[:, _VIEW_PX:]
    boxed = SensingView(bag, log, [camera_box(scene.stamp_ns)]).draw(scene, None)[:, _VIEW_PX:]
    assert (plain == palette.CAMERA).all(axis=-1).sum() < 30 < (boxed == palette.CAMERA).all(axis=-1).sum()
    nobody = SensingView(bag, log, []).draw(without_tracks(scene), None)[:, _VIEW_PX:]
    assert (plain != nobody).any(axis=-1).sum() > 200


def without_tracks(scene: Scene) -> Scene:
    """Nobody is tracked."""
    none = np.zeros(len(scene.agents), dtype=bool)
    return replace(
        scene, agents=scene.agents.select(none), past_position=scene.past_position[none], past_yaw=scene.past_yaw[none],
        past_velocity=scene.past_velocity[none], past_valid=scene.past_valid[none],
    )  # fmt: skip
