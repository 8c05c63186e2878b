"""How lidar detections are scored against labels, and the score on a real recording."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoox_prediction.detection.lidar import LidarDetector, LidarDetectorConfig
from zoox_prediction.detections import Detections, Modality
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.lidar_detection import (
    LabelledSweep,
    labelled_sweeps,
    score_detector,
    score_sweep,
)
from zoox_prediction.evaluation.points_in_boxes import points_in_boxes
from zoox_prediction.recording.datasets.kitti import read_sequence
from zoox_prediction.recording.datasets.source import SourceRecording
from zoox_prediction.scene import AgentClass, TrackedAgents
from zoox_prediction.sensor_data import Measurement, PointCloud

EVERY = 14


def _labels(places: list[tuple[float, float]], yaw: float = 0.0) -> TrackedAgents:
    count = len(places)
    return TrackedAgents.from_states(
        0,
        np.arange(count),
        np.full(count, AgentClass.CAR),
        np.column_stack([np.array(places), np.full(count, -1.0)]),
        np.full(count, yaw),
        np.zeros((count, 2)),
    )


def _sweep(labels: TrackedAgents, points_each: int = 20) -> LabelledSweep:
    spread = np.random.default_rng(0).uniform(-0.3, 0.3, (points_each, 3))
    position = (labels.position[:, None] + spread).reshape(-1, 3).astype(np.float32)
    return LabelledSweep(Measurement(0, "lidar", "lidar"), PointCloud(position), labels)


def _detections(labels: TrackedAgents, moved: tuple[float, float] = (0.0, 0.0), turned: float = 0.0) -> Detections:
    count = len(labels)
    bits = np.zeros(count, dtype=np.uint32)
    return Detections(
        0, "lidar", "lidar", Modality.LIDAR, labels.class_probabilities, np.ones(count), bits, bits, np.zeros(count),
        center=labels.position + np.array([*moved, 0.0]), yaw=labels.yaw + turned, size=labels.size,
        covariance=np.tile(np.diag([0.25, 1.0, 0.1, 0.1]), (count, 1, 1)),
    )  # fmt: skip


def test_errors_of_place_and_heading() -> None:
    labels = _labels([(10.0, 3.0)], yaw=1.0)
    score = score_sweep(_detections(labels, (0.5, 0.5), np.pi - 0.1), _sweep(labels))
    assert score.found.tolist() == [True] and score.num_false == 0
    np.testing.assert_allclose(score.center_error_m, np.hypot(0.5, 0.5))
    np.testing.assert_allclose(score.yaw_error_rad, 0.1)
    np.testing.assert_allclose(score.normalised_error, 1.0 + 0.25)


def test_what_is_far_off_is_false_and_one_detection_finds_one() -> None:
    labels = _labels([(10.0, 3.0), (10.6, 3.0), (30.0, 0.0)])
    one = _detections(labels).select(np.array([0]))
    score = score_sweep(one, _sweep(labels))
    assert score.found.tolist() == [True, False, False]
    assert np.isnan(score.center_error_m[1:]).all()
    off = score_sweep(_detections(labels, (6.0, 6.0)), _sweep(labels))
    assert not off.found.any() and off.num_false == 3


def test_only_labels_with_points_in_range_count_and_finding_others_is_not_wrong() -> None:
    labels = _labels([(10.0, 3.0), (80.0, 0.0)])
    assert len(score_sweep(_detections(labels), _sweep(labels)).found) == 1
    few = score_sweep(_detections(labels), _sweep(labels, points_each=9))
    assert len(few.found) == 0 and few.num_false == 0
    np.testing.assert_array_equal(points_in_boxes(_sweep(labels).cloud.position, labels), [20, 20])


def test_nothing_detected_and_nothing_labelled() -> None:
    labels = _labels([(10.0, 3.0)])
    none = Detections.empty(0, "lidar", "lidar", Modality.LIDAR)
    assert score_sweep(none, _sweep(labels)).found.tolist() == [False]
    assert score_sweep(_detections(labels), _sweep(labels.select(np.array([], dtype=np.int64)))).num_false == 1


@pytest.fixture(scope="module")
def sequence(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> SourceRecording:
    """Every 14th sweep of KITTI's tracking sequence 0000."""
    source, folder = recordings / "kitti_tracking_0000", tmp_path_factory.mktemp("training")
    (folder / "velodyne" / "0000").mkdir(parents=True)
    for name, short in (("label_02", "label"), ("oxts", "oxts"), ("calib", "calib")):
        (folder / name).mkdir()
        shutil.copy(source / f"{short}_0000.txt", folder / name / "0000.txt")
    for path in sorted((source / "velodyne").glob("*.npz"))[::EVERY]:
        with np.load(path) as sweep:
            place = np.cumsum(sweep["dxyz_cm"].astype(np.int64), axis=1).T * 0.01
            points = np.column_stack([place, sweep["i"] / 255.0]).astype(np.float32)
        points.tofile(folder / "velodyne" / "0000" / f"{path.stem}.bin")
    return read_sequence(folder, "0000")


def test_labelled_boxes_of_a_real_recording_are_found(sequence: SourceRecording) -> None:
    detector = LidarDetector(LidarDetectorConfig(min_existence=0.1))
    scores = score_detector(detector, labelled_sweeps(sequence, "/sensors/velodyne/points"))
    found = np.concatenate([score.found for score in scores])
    assert len(scores) == 11 and len(found) >= 40
    assert found.mean() >= 0.8
    assert np.nanmedian(np.concatenate([score.center_error_m for score in scores])) < 0.4
    assert np.median([score.num_false for score in scores]) < 100
    squared = np.concatenate([score.normalised_error for score in scores])
    assert 0.3 < np.nanmedian(squared) < 4.0  # 1.39 if the covariances were right and the errors normal


def test_a_recording_that_cannot_be_scored_is_one_sentence(sequence: SourceRecording) -> None:
    with pytest.raises(InputError, match="has no labelled sweeps on /lidar; its topics are /gps/fix"):
        next(labelled_sweeps(sequence, "/lidar"))
    with pytest.raises(InputError, match="has no ego"):
        next(labelled_sweeps(replace(sequence, ego=None), "/sensors/velodyne/points"))
    with pytest.raises(InputError, match="has no pose of velodyne"):
        next(labelled_sweeps(replace(sequence, static_transforms=()), "/sensors/velodyne/points"))
