"""The parts of the lidar detector by themselves: motion, ground, clusters, boxes, completion, the classifier's file."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from zoox_prediction.detection.lidar import LidarDetector, LidarDetectorConfig
from zoox_prediction.detection.lidar.boxes import fit_boxes
from zoox_prediction.detection.lidar.cells import COLUMNS, gather_cells, row_position, row_range
from zoox_prediction.detection.lidar.classifier import OUTPUTS, Classifier, classifier_document, load_classifier
from zoox_prediction.detection.lidar.clustering import ClusterTree, cluster_tree
from zoox_prediction.detection.lidar.completion import complete_boxes
from zoox_prediction.detection.lidar.config import ClusterConfig, GroundConfig
from zoox_prediction.detection.lidar.features import FEATURES
from zoox_prediction.detection.lidar.ground import find_ground
from zoox_prediction.detection.lidar.selection import is_fragment, select_clusters
from zoox_prediction.detection.lidar.thinning import thin
from zoox_prediction.detection.motion import compensate_motion, is_compensated
from zoox_prediction.errors import InputError
from zoox_prediction.geometry import rotation_matrix
from zoox_prediction.scene import NUM_CLASSES, AgentClass


def test_motion_is_that_of_a_constant_twist() -> None:
    random = np.random.default_rng(0)
    fixed = random.uniform(-30.0, 30.0, (200, 3))  # in the sensor's frame at the stamp
    time = random.uniform(-0.1, 0.0, 200)
    velocity, turning = np.array([20.0, -1.0, 0.2]), np.array([0.02, -0.05, 0.6])
    twist = np.zeros((4, 4))
    twist[:3, :3] = [[0, -turning[2], turning[1]], [turning[2], 0, -turning[0]], [-turning[1], turning[0], 0]]
    twist[:3, 3] = velocity
    seen = np.empty_like(fixed)
    for row, (point, when) in enumerate(zip(fixed, time, strict=True)):
        steps = 2000  # many small steps of the twist: where the sensor is at the time of the point
        step = np.eye(4)
        step[:3, :3] = Rotation.from_rotvec(turning * when / steps).as_matrix()
        step[:3, 3] = velocity * when / steps
        sensor = np.linalg.matrix_power(step, steps)
        seen[row] = sensor[:3, :3].T @ (point - sensor[:3, 3])
    moved = compensate_motion(seen.astype(np.float32), time.astype(np.float32), velocity, turning)
    np.testing.assert_allclose(moved, fixed, atol=0.004)
    assert np.abs(seen - fixed).max() > 1.0


def _rings(slope: float, bend_m: float) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Range, azimuth, z of points on ground that rises by `slope` beyond `bend_m` ahead, and the true ground there."""
    random = np.random.default_rng(0)
    range_m, azimuth = random.uniform(2.0, 60.0, 60_000), random.uniform(-np.pi, np.pi, 60_000)
    ground = slope * np.maximum(range_m * np.cos(azimuth) - bend_m, 0.0)
    z = ground + random.normal(0.0, 0.02, len(ground))
    return range_m.astype(np.float32), azimuth.astype(np.float32), z.astype(np.float32), ground


@pytest.mark.parametrize("slope", [0.0, 0.06, 0.12, -0.1])
def test_the_ground_follows_slopes(slope: float) -> None:
    range_m, azimuth, z, ground = _rings(slope, 10.0)
    found = find_ground(range_m, azimuth, z, 60.0, GroundConfig())
    off = found.height_at(range_m, azimuth) - ground
    assert np.percentile(np.abs(off), 95) < 0.15
    assert np.mean(z - found.height_at(range_m, azimuth) > 0.25) < 0.01


def test_the_ground_goes_on_under_and_behind_what_hides_it() -> None:
    range_m, azimuth, z, _ = _rings(0.0, 10.0)
    wall = (np.abs(azimuth) < 0.3) & (range_m > 15.0)
    range_m = np.where(wall, 15.0, range_m).astype(np.float32)  # a wall hides all that is behind it
    z = np.where(wall, np.random.default_rng(1).uniform(0.3, 3.0, len(z)), z).astype(np.float32)
    found = find_ground(range_m, azimuth, z, 60.0, GroundConfig())
    assert (z[wall] - found.height_at(range_m, azimuth)[wall] > 0.25).mean() > 0.9
    behind = found.height_at(np.array([25.0, 50.0], dtype=np.float32), np.zeros(2, dtype=np.float32))
    assert np.abs(behind).max() < 0.3


def test_rows_and_ranges_are_inverse() -> None:
    ranges = np.linspace(0.1, 120.0, 50)
    np.testing.assert_allclose(row_range(row_position(ranges)), ranges, rtol=1e-4)


def _tree(points: NDArray, config: ClusterConfig | None = None) -> tuple[ClusterTree, NDArray]:
    """The tree of points (N, 2) on the plane at 1 m height, and the cell of each."""
    xy = np.asarray(points, dtype=np.float32)
    range_m, azimuth = np.hypot(*xy.T), np.arctan2(xy[:, 1], xy[:, 0])
    cells = gather_cells(xy, range_m, azimuth, np.full(len(xy), 1.0, dtype=np.float32), 100_000)
    return cluster_tree(cells, config or ClusterConfig()), cells.of_point


def _line(start: tuple[float, float], end: tuple[float, float], count: int = 60) -> NDArray:
    return np.linspace(start, end, count)


def test_what_is_near_is_one_cluster_and_the_tree_parts_it() -> None:
    gap = 0.45  # less than the radius of the first level and more than that of the last
    points = np.concatenate([_line((8.0, 0.5 * gap), (8.0, 1.0)), _line((8.0, -0.5 * gap), (8.0, -1.0))])
    tree, cell = _tree(np.concatenate([points, _line((8.0, 6.0), (9.0, 6.0))]))
    assert (tree.parent == -1).sum() == 2
    (parted,) = {int(parent) for parent in tree.parent if parent >= 0}
    children = np.flatnonzero(tree.parent == parted)
    assert len(children) == 2
    members = [set(tree.member[tree.cluster == each].tolist()) for each in (parted, *children)]
    assert members[0] == members[1] | members[2] and not members[1] & members[2]
    assert members[0] == set(cell[: len(points)].tolist())


def test_clusters_join_across_the_cut_behind_the_sensor() -> None:
    tree, _ = _tree(_line((-10.0, -1.0), (-10.0, 1.0)))
    assert len(tree) == 1
    assert len(tree.member) > COLUMNS * 0.02


def test_of_a_cluster_and_its_parts_the_more_probable_is_chosen() -> None:
    tree = ClusterTree(
        parent=np.array([-1, -1, 0, 0, 2]),
        level=np.array([0, 0, 1, 1, 2]),
        member=np.arange(5),
        start=np.arange(5),
    )

    def chosen(*existence: float) -> list[int]:
        return list(select_clusters(tree, np.array(existence)).tolist())

    assert chosen(0.9, 0.1, 0.3, 0.3, 0.3) == [0, 1]
    assert chosen(0.3, 0.1, 0.8, 0.2, 0.1) == [1, 2, 3]
    assert chosen(0.3, 0.1, 0.2, 0.2, 0.9) == [1, 3, 4]


@pytest.mark.parametrize("yaw", np.linspace(-1.4, 1.5, 7).tolist())
def test_the_fit_finds_the_direction_of_two_visible_sides(yaw: float) -> None:
    local = np.concatenate([_line((-2.2, 0.9), (2.2, 0.9)), _line((-2.2, 0.9), (-2.2, -0.9), 25)])
    points = local @ rotation_matrix(yaw).T + [12.0, 3.0] + np.random.default_rng(0).normal(0.0, 0.02, local.shape)
    boxes = fit_boxes(points[:, 0], points[:, 1], np.array([0]), np.ones(len(points), dtype=bool))
    off = abs(boxes.yaw[0] - yaw) % math.pi
    assert min(off, math.pi - off) < 0.03
    np.testing.assert_allclose(boxes.size[0], [4.4, 1.8], atol=0.15)
    np.testing.assert_allclose(boxes.center[0], [12.0, 3.0], atol=0.1)
    assert boxes.edge_distance[0] < 0.08


def test_clusters_of_any_number_of_points_are_fitted_by_themselves() -> None:
    points = np.concatenate([_line((0.0, 0.0), (4.0, 0.0)), [[9.0, 9.0]], _line((1.0, 1.0), (1.0, 3.0))])
    boxes = fit_boxes(points[:, 0], points[:, 1], np.array([0, 60, 61]), np.ones(len(points), dtype=bool))
    np.testing.assert_allclose(boxes.size[:, 0], [4.0, 0.0, 2.0], atol=0.01)
    np.testing.assert_allclose(boxes.center[1], [9.0, 9.0])


def _completed(size: tuple[float, float], yaw: float, hidden: tuple[bool, bool] = (False, False)) -> tuple:
    classes = np.zeros((1, NUM_CLASSES))
    classes[0, AgentClass.CAR] = 1.0
    boxes = complete_boxes(
        np.array([[20.0, 0.0]]), np.array([yaw]), np.array([size]), np.array([hidden]), classes, np.zeros(2)
    )
    return boxes.center[0], boxes.size[0], float(boxes.yaw[0]), np.sqrt(np.diag(boxes.covariance[0]))


def test_a_rear_alone_becomes_a_car_that_reaches_away() -> None:
    center, size, yaw, deviation = _completed((1.8, 0.3), math.pi / 2.0)  # 1.8 m across the line of sight
    assert abs(math.sin(yaw)) < 0.01  # it is seen from behind
    np.testing.assert_allclose(size, [4.6, 1.9], atol=0.15)
    assert center[0] == pytest.approx(20.0 - 0.15 + 0.5 * size[0], abs=0.1)
    assert deviation[0] > 1.2 * deviation[1]  # a heading from 1.8 m is some degrees off: across that is some more


def test_a_side_that_was_seen_keeps_its_length_and_one_that_is_hidden_does_not() -> None:
    center, size, _, deviation = _completed((4.0, 1.5), math.pi / 2.0)
    assert size[0] == pytest.approx(4.0, abs=0.1)
    center, size, _, hidden = _completed((3.4, 1.5), math.pi / 2.0, hidden=(True, False))
    assert size[0] == pytest.approx(4.6, abs=0.15)
    assert center[1] == pytest.approx(
        0.5 * (size[0] - 3.4), abs=0.05
    )  # it goes on to the left, where something stands before it
    assert hidden[1] > 2.0 * deviation[1]


def _document() -> dict:
    width = len(FEATURES)
    classifier = Classifier(
        np.zeros(width), np.ones(width), (np.zeros((width, len(OUTPUTS))),), (np.zeros(len(OUTPUTS)),)
    )
    return classifier_document(classifier, {})


def test_a_classifier_that_knows_nothing_is_as_unsure_as_can_be(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(_document()), encoding="utf-8")
    classes, existence = load_classifier(tmp_path / "c.json").classify(np.zeros((3, len(FEATURES))))
    np.testing.assert_allclose(existence, 7.0 / 8.0)
    np.testing.assert_allclose(classes.sum(axis=1), 1.0)
    assert np.ptp(classes[:, :-1]) < 1e-9
    _, impossible = load_classifier(tmp_path / "c.json").classify(np.zeros((3, len(FEATURES))), np.zeros((3, 7)))
    np.testing.assert_allclose(impossible, 0.0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"features": ["length"]}, "other features"),
        ({"outputs": []}, "other outputs"),
        ({"deviation": [0.0] * len(FEATURES)}, "bad normalisation"),
        ({"weights": [[[1.0]]]}, "layers that do not fit"),
        ({"mean": None}, "is no classifier of this version"),
    ],
)
def test_a_classifier_of_another_version_is_refused(change: dict, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(_document() | change), encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        LidarDetector(LidarDetectorConfig(classifier_file=str(path)))


def test_a_classifier_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.json: cannot be read"):
        load_classifier(tmp_path / "nothing.json")
    (tmp_path / "c.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"c\.json: is not JSON"):
        load_classifier(tmp_path / "c.json")


def test_no_more_cells_than_allowed_the_nearest_are_kept() -> None:
    xy = np.random.default_rng(0).uniform(-50.0, 50.0, (5000, 2)).astype(np.float32)
    range_m, azimuth = np.hypot(*xy.T), np.arctan2(xy[:, 1], xy[:, 0])
    cells = gather_cells(xy, range_m, azimuth, np.ones(5000, dtype=np.float32), 300)
    assert len(cells) == 300
    kept = cells.of_point >= 0
    assert range_m[kept].max() <= range_m[~kept].min() + 0.5
    assert replace(cells, row=cells.row).count.sum() == kept.sum()


def test_a_less_probable_box_in_another_is_a_fragment() -> None:
    center = np.array([[10.0, 0.0], [11.0, 0.5], [11.0, -0.5], [14.0, 0.0]])
    size = np.array([[4.6, 1.9], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    assert is_fragment(center, np.zeros(4), size, np.array([0.9, 0.3, 0.8, 0.1])).tolist() == [
        False,
        True,
        False,
        False,
    ]
    turned = np.array([np.pi / 2.0, 0.0, 0.0, 0.0])
    assert not is_fragment(center, turned, size, np.array([0.9, 0.3, 0.8, 0.1])).any()


@pytest.mark.parametrize("direction", [(1.0, 0.0), (-0.7, 0.7)])
def test_points_that_the_driver_has_moved_are_known(direction: tuple[float, float]) -> None:
    random = np.random.default_rng(0)
    share = np.sort(random.uniform(0.0, 1.0, 20_000))
    azimuth = 2.0 * np.pi * share + random.normal(0.0, 0.002, 20_000)
    range_m = random.uniform(4.0, 40.0, 20_000)
    raw = np.column_stack([range_m * np.cos(azimuth), range_m * np.sin(azimuth), -np.ones(20_000)]).astype(np.float32)
    time = (0.1 * (share - 1.0)).astype(np.float32)
    velocity = 8.0 * np.array([*direction, 0.0])
    moved = compensate_motion(raw, time, velocity, np.array([0.0, 0.0, 0.2]))
    assert is_compensated(moved, time, velocity)
    assert not is_compensated(raw, time, velocity)
    assert not is_compensated(moved, time, 0.05 * velocity)  # too slow to tell
    scattered = random.permutation(time)
    assert not is_compensated(moved, scattered, velocity)  # no lidar that spins


def test_thinning_leaves_a_point_in_every_voxel() -> None:
    random = np.random.default_rng(0)
    position = random.uniform(-3.0, 3.0, (40_000, 3)).astype(np.float32)
    rows = thin(position, 1.0, 1000)
    voxels = np.floor(position).astype(int)
    assert (np.diff(rows) > 0).all()
    assert len(rows) < 400
    np.testing.assert_array_equal(np.unique(voxels[rows], axis=0), np.unique(voxels, axis=0))
    assert 50 <= len(thin(position, 1.0, 100)) <= 100
    assert len(thin(position[:0], 1.0, 100)) == 0
