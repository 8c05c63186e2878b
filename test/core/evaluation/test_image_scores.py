"""Precision, recall and average precision of boxes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zoox_prediction.evaluation.image_scores import LabelledDetections, score_images

NONE = np.zeros((0, 4))
LABELS = np.array([[0.0, 0.0, 10.0, 10.0], [20.0, 0.0, 30.0, 10.0]])


def _picture(
    found: list[list[float]], scores: list[float], labels: np.ndarray = LABELS, ignored: np.ndarray = NONE
) -> LabelledDetections:
    return LabelledDetections(np.array(found, dtype=float).reshape(-1, 4), np.array(scores), labels, ignored)


def test_hits_false_alarms_and_misses() -> None:
    picture = _picture([[1, 0, 11, 10], [50, 50, 60, 60]], [0.9, 0.8])
    scores = score_images([picture], 0.5, 0.5)
    assert (scores.num_labels, scores.precision, scores.recall) == (2, 0.5, 0.5)
    assert scores.average_precision == pytest.approx(0.5)


def test_the_threshold_takes_what_scores_enough() -> None:
    picture = _picture([[0, 0, 10, 10], [20, 0, 30, 10], [50, 50, 60, 60]], [0.9, 0.4, 0.3])
    scores = score_images([picture], 0.5, 0.5)
    assert (scores.precision, scores.recall) == (1.0, 0.5)
    assert scores.average_precision == pytest.approx(1.0)  # both come before the false alarm
    assert score_images([picture], 0.5, 0.3).precision == pytest.approx(2 / 3)


def test_a_label_is_found_once_by_the_best() -> None:
    scores = score_images([_picture([[0, 0, 10, 10], [1, 0, 11, 10]], [0.6, 0.9])], 0.5, 0.1)
    assert (scores.precision, scores.recall) == (0.5, 0.5)
    assert scores.average_precision == pytest.approx(0.5)


def test_boxes_must_overlap_enough() -> None:
    shifted = _picture([[0, 4, 10, 14]], [0.9])  # 60 of 140
    assert score_images([shifted], 0.5, 0.1).recall == 0.0
    assert score_images([shifted], 0.4, 0.1).recall == 0.5


def test_what_lies_in_ignored_regions_does_not_count() -> None:
    ignored = np.array([[45.0, 45.0, 70.0, 70.0]])
    scores = score_images([_picture([[0, 0, 10, 10], [50, 50, 60, 60]], [0.9, 0.95], ignored=ignored)], 0.5, 0.1)
    assert (scores.precision, scores.recall) == (1.0, 0.5)


def test_pictures_are_one_set() -> None:
    empty = _picture([[0, 0, 10, 10]], [0.95], labels=NONE)
    scores = score_images([empty, _picture([[0, 0, 10, 10], [20, 0, 30, 10]], [0.9, 0.8])], 0.5, 0.1)
    assert (scores.num_labels, scores.recall) == (2, 1.0)
    assert scores.precision == pytest.approx(2 / 3)
    assert scores.average_precision == pytest.approx(2 / 3)


def test_nothing_to_judge_is_not_a_number() -> None:
    nothing = score_images([_picture([], [], labels=NONE)], 0.5, 0.1)
    assert math.isnan(nothing.precision) and math.isnan(nothing.recall) and math.isnan(nothing.average_precision)
    missed = score_images([_picture([], [])], 0.5, 0.1)
    assert (missed.recall, missed.average_precision) == (0.0, 0.0)
    assert math.isnan(missed.precision)
