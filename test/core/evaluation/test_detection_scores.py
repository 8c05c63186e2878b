"""Which boxes are found and which are false, how kinds of sensors are put together, and the order of sureness."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.evaluation.detection_scores import FoundBoxes, JudgedFrame, MatchingRule, score_frames, union
from zoox_prediction.evaluation.footprints import Footprints, footprint_overlaps

RULE = MatchingRule(max_distance_m=1.5, min_iou=0.3)


def _boxes(places: list[tuple[float, float]], length: float = 4.0) -> Footprints:
    count = len(places)
    return Footprints(
        np.array(places, dtype=np.float64).reshape(-1, 2), np.zeros(count), np.tile([length, 2.0], (count, 1))
    )


def _found(places: list[tuple[float, float]], existence: list[float]) -> FoundBoxes:
    return FoundBoxes(_boxes(places), np.array(existence, dtype=np.float64))


def _frame(labels: Footprints, found: FoundBoxes, counts: list[bool] | None = None) -> JudgedFrame:
    return JudgedFrame(labels, np.array(counts or [True] * len(labels), dtype=bool), found)


def test_overlaps_of_boxes_that_are_moved_and_turned() -> None:
    ours = _boxes([(0.0, 0.0)])
    theirs = Footprints(
        np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 0.0]]), np.array([0.0, 0.0, np.pi / 2]), ours.size[[0, 0, 0]]
    )
    np.testing.assert_allclose(footprint_overlaps(ours, theirs), [[1.0, 1.0 / 3.0, 4.0 / 12.0]])


def test_a_label_is_given_to_one_box_and_the_rest_is_false() -> None:
    frame = _frame(_boxes([(0.0, 0.0), (20.0, 0.0)]), _found([(0.5, 0.0), (0.0, 0.5), (50.0, 0.0)], [0.9, 0.8, 0.7]))
    scores = score_frames([frame, frame], RULE, false_per_frame=1.0)
    assert (scores.num_frames, scores.num_labels) == (2, 4)
    assert (scores.recall, scores.false_per_frame) == (0.5, 2.0)
    assert scores.precision == pytest.approx(1.0 / 3.0)


def test_one_end_of_a_long_vehicle_is_enough_and_what_is_beside_it_is_not() -> None:
    bus = _boxes([(0.0, 0.0)], length=12.0)
    for place, recall in (((5.5, 0.0), 1.0), ((7.4, 0.0), 1.0), ((7.6, 0.0), 0.0), ((0.0, 2.6), 0.0)):
        scores = score_frames([_frame(bus, _found([place], [0.5]))], MatchingRule(1.5, 0.9), 1.0)
        assert scores.recall == recall


def test_the_surest_boxes_are_compared_at_a_number_of_false_ones() -> None:
    labels = _boxes([(0.0, 0.0), (20.0, 0.0)])
    found = _found([(0.0, 0.0), (50.0, 0.0), (20.0, 0.0), (60.0, 0.0)], [0.9, 0.8, 0.7, 0.6])
    at = [score_frames([_frame(labels, found)], RULE, false).recall_at_false for false in (0.0, 0.9, 1.0, 5.0)]
    assert at == [0.5, 0.5, 1.0, 1.0]


def test_labels_that_do_not_count_make_nothing_false_and_nothing_missed() -> None:
    found = _found([(0.0, 0.0), (0.5, 0.0), (20.0, 0.0)], [0.9, 0.8, 0.7])
    scores = score_frames([_frame(_boxes([(0.0, 0.0), (20.0, 0.0)]), found, [False, True])], RULE, 1.0)
    assert (scores.num_labels, scores.recall, scores.false_per_frame) == (1, 1.0, 0.0)


def test_nothing_to_find_and_nothing_found() -> None:
    scores = score_frames([_frame(_boxes([]), _found([], []))], RULE, 1.0)
    assert np.isnan([scores.recall, scores.precision, scores.recall_at_false]).all()
    assert scores.false_per_frame == 0.0
    missed = score_frames([_frame(_boxes([(0.0, 0.0)]), _found([], []))], RULE, 1.0)
    assert (missed.recall, missed.recall_at_false) == (0.0, 0.0)


def test_what_two_sensors_see_is_one_box_with_the_existence_of_both() -> None:
    lidar, radar = _found([(0.0, 0.0), (20.0, 0.0)], [0.6, 0.5]), _found([(0.5, 0.0), (40.0, 0.0)], [0.8, 0.3])
    together = union([lidar, radar], RULE)
    rows = np.argsort(together.boxes.position[:, 0])
    np.testing.assert_allclose(together.boxes.position[rows], [[0.0, 0.0], [20.0, 0.0], [40.0, 0.0]])
    np.testing.assert_allclose(together.existence[rows], [0.92, 0.5, 0.3])
    np.testing.assert_allclose(np.sort(union([radar, lidar], RULE).existence), np.sort(together.existence))
