"""Displacement metrics: cases computed by hand."""

import numpy as np
import pytest

from zoox_prediction.evaluation import metrics


def test_ade_and_fde_by_hand():
    truth = np.array([[[1.0, 0.0], [2.0, 0.0]]])
    position = np.array([[[[1.0, 3.0], [2.0, 4.0]], [[1.0, 0.0], [2.0, 5.0]]]])  # errors 3, 4 and 0, 5
    error = metrics.displacement_error(position, truth)
    valid = np.ones((1, 2), dtype=bool)
    np.testing.assert_allclose(metrics.average_displacement(error, valid), [[3.5, 2.5]])
    probability = np.array([[0.7, 0.3]])
    assert metrics.min_over_modes(metrics.average_displacement(error, valid), probability) == pytest.approx([2.5])
    assert metrics.min_over_modes(error[..., -1], probability) == pytest.approx([4.0])


def test_ade_is_over_the_valid_steps_only():
    error = np.array([[[1.0, 100.0, 3.0]], [[1.0, 2.0, 3.0]]])
    valid = np.array([[True, False, True], [False, False, False]])
    average = metrics.average_displacement(error, valid)
    assert average[0, 0] == pytest.approx(2.0)
    assert np.isnan(average[1, 0])


def test_an_unused_mode_is_never_the_best():
    error, probability = np.array([[0.0, 5.0]]), np.array([[0.0, 1.0]])
    assert metrics.min_over_modes(error, probability) == pytest.approx([5.0])
    assert metrics.best_mode(error, probability) == [1]
    assert metrics.brier_min_fde(error, probability) == pytest.approx([5.0])


def test_brier_min_fde_by_hand():
    # The best mode (2 m) has 0.5 of the total of 1, so 2 + 0.25; unnormalised probabilities give the same.
    error = np.array([[3.0, 2.0, 9.0]])
    assert metrics.brier_min_fde(error, np.array([[0.3, 0.5, 0.2]])) == pytest.approx([2.25])
    assert metrics.brier_min_fde(error, np.array([[0.6, 1.0, 0.4]])) == pytest.approx([2.25])


def test_most_likely_modes_keep_the_order_of_equals():
    order = metrics.most_likely_modes([[0.2, 0.4, 0.4], [0.5, 0.1, 0.4]], 2)
    np.testing.assert_array_equal(order, [[1, 2], [0, 2]])
    assert metrics.most_likely_modes([[1.0]], 6).shape == (1, 1)


@pytest.mark.parametrize(
    ("horizon_s", "lateral_m", "longitudinal_m"),
    [(3.0, 1.0, 2.0), (5.0, 1.8, 3.6), (8.0, 3.0, 6.0), (1.0, 1 / 3, 2 / 3)],
)
def test_miss_thresholds_of_the_waymo_open_motion_dataset(horizon_s, lateral_m, longitudinal_m):
    # Half at walking speed and below, whole from 11 m/s, three quarters in the middle.
    for speed, scale in [(0.0, 0.5), (1.4, 0.5), (6.2, 0.75), (11.0, 1.0), (40.0, 1.0)]:
        lateral, longitudinal = metrics.miss_thresholds(horizon_s, speed)
        assert lateral == pytest.approx(scale * lateral_m)
        assert longitudinal == pytest.approx(scale * longitudinal_m)


def test_miss_is_along_the_true_heading():
    # Heading north at full speed, 3 s: 1 m to the side (x), 2 m along (y).
    offsets = np.array([[0.9, 1.9], [1.1, 0.0], [0.0, 2.1], [-0.9, -1.9]])
    missed = metrics.is_missed(
        offsets[None] + 100.0, np.full((1, 2), 100.0), np.array([np.pi / 2]), np.array([11.0]), 3.0
    )
    np.testing.assert_array_equal(missed, [[False, True, True, False]])
    # A standing agent gets half of it.
    missed = metrics.is_missed(offsets[None], np.zeros((1, 2)), np.array([np.pi / 2]), np.array([0.0]), 3.0)
    np.testing.assert_array_equal(missed, [[True, True, True, True]])


def test_no_agents():
    none = np.zeros((0, 6))
    error = metrics.displacement_error(np.zeros((0, 6, 5, 2)), np.zeros((0, 5, 2)))
    assert metrics.average_displacement(error, np.zeros((0, 5), dtype=bool)).shape == (0, 6)
    assert metrics.brier_min_fde(none, none).shape == (0,)
    assert metrics.is_missed(np.zeros((0, 6, 2)), np.zeros((0, 2)), np.zeros(0), np.zeros(0), 8.0).shape == (0, 6)
