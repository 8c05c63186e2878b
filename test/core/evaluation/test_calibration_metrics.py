"""Coverage of highest-density regions and calibration of probabilities, against cases with a known answer."""

import numpy as np
import pytest

from zoox_prediction.evaluation.calibration_metrics import density_rank, expected_calibration_error, reliability


def _mixture(count, means, variances, shares):
    mean = np.broadcast_to(np.asarray(means, dtype=float), (count, len(means), 2))
    covariance = np.broadcast_to(
        np.asarray(variances, dtype=float)[:, None, None] * np.eye(2), (count, len(means), 2, 2)
    )
    return mean, covariance, np.broadcast_to(np.asarray(shares, dtype=float), (count, len(means)))


def test_one_gaussian_has_the_regions_of_chi_square():
    # Inside radius r of a unit Gaussian in the plane lies 1 - exp(-r^2 / 2): 39.3% within 1, 86.5% within 2.
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, -2.0]])
    rank = density_rank(points, *_mixture(3, [[0.0, 0.0]], [1.0], [1.0]))
    np.testing.assert_allclose(rank, [0.0, 0.3935, 0.8647], atol=1e-4)
    # The same by sampling, as a mixture of twice the same Gaussian, and with an unused mode far away.
    sampled = density_rank(points, *_mixture(3, [[0.0, 0.0], [0.0, 0.0]], [1.0, 1.0], [0.3, 0.7]), num_samples=20_000)
    np.testing.assert_allclose(sampled, rank, atol=0.01)
    unused = density_rank(points, *_mixture(3, [[90.0, 0.0], [0.0, 0.0]], [9.0, 1.0], [0.0, 1.0]))
    np.testing.assert_allclose(unused, rank)


def test_a_correlated_gaussian():
    covariance = np.array([[[[4.0, 1.5], [1.5, 1.0]]]])
    point = np.array([[1.0, 2.0]])
    squared = point[0] @ np.linalg.inv(covariance[0, 0]) @ point[0]
    rank = density_rank(point, np.zeros((1, 1, 2)), covariance, np.ones((1, 1)))
    assert rank == pytest.approx(1 - np.exp(-squared / 2))


def test_the_denser_of_two_modes_belongs_to_the_region_first():
    # Two far modes of equal share; the narrow one is 100 times as dense, so it fills the first half of the region.
    mixture = _mixture(2, [[0.0, 0.0], [100.0, 0.0]], [0.01, 1.0], [0.5, 0.5])
    at_narrow_border = [0.1 * np.sqrt(2 * np.log(2)), 0.0]  # half of the narrow mode is denser: 25% in all
    in_wide_mode = [100.0, 0.0]  # its peak is 100 times lower: denser is what lies within 3.03 sigma of the narrow one
    rank = density_rank(np.array([at_narrow_border, in_wide_mode]), *mixture, num_samples=50_000)
    np.testing.assert_allclose(rank, [0.25, 0.5 * (1 - 0.01)], atol=0.01)


def test_a_predictor_that_tells_the_truth_covers_what_it_claims():
    generator = np.random.default_rng(0)
    count = 2500
    mean, covariance, share = _mixture(count, [[0.0, 0.0], [4.0, 1.0], [8.0, -3.0]], [1.0, 4.0, 0.2], [0.5, 0.3, 0.2])
    mode = generator.choice(3, size=count, p=[0.5, 0.3, 0.2])
    truth = mean[0, mode] + generator.normal(size=(count, 2)) * np.sqrt([1.0, 4.0, 0.2])[mode][:, None]
    rank = density_rank(truth, mean, covariance, share, num_samples=200)
    assert np.mean(rank <= 0.5) == pytest.approx(0.5, abs=0.03)
    assert np.mean(rank <= 0.9) == pytest.approx(0.9, abs=0.02)
    # One that claims half the standard deviation covers less.
    assert np.mean(density_rank(truth, mean, covariance / 4, share, num_samples=200) <= 0.9) < 0.75


def test_rank_is_deterministic_and_survives_degenerate_covariances():
    mean, _, share = _mixture(2, [[0.0, 0.0], [1.0, 0.0]], [1.0, 1.0], [0.5, 0.5])
    point = np.array([[0.0, 0.0], [1e6, 0.0]])
    ranks = [density_rank(point, mean, np.zeros((2, 2, 2, 2)), share) for _ in range(2)]
    np.testing.assert_array_equal(ranks[0], ranks[1])
    assert ranks[0][0] < 0.05  # at the very mean
    assert ranks[0][1] == 1.0
    assert density_rank(np.zeros((0, 2)), mean[:0], np.zeros((0, 2, 2, 2)), share[:0]).shape == (0,)


def test_calibration_error_by_hand():
    # Bin 0.8-0.9: says 0.8 twice, happens once: gap 0.3. Bin 0.1-0.2: says 0.15 twice, never happens: gap 0.15.
    bins = reliability(np.array([0.8, 0.8, 0.15, 0.15]), np.array([True, False, False, False]), 10)
    assert expected_calibration_error(bins) == pytest.approx((2 * 0.3 + 2 * 0.15) / 4)
    assert np.isnan(expected_calibration_error(np.zeros((10, 3))))


def test_certainty_falls_in_the_last_bin_and_calibrated_forecasts_score_0():
    bins = reliability(np.array([1.0, 0.0]), np.array([True, False]), 10)
    assert bins[9, 0] == 1
    assert bins[0, 0] == 1
    assert expected_calibration_error(bins) == 0.0
    generator = np.random.default_rng(1)
    probability = generator.random(20_000)
    happened = generator.random(20_000) < probability
    assert expected_calibration_error(reliability(probability, happened, 10)) < 0.02  # a bin of 2000: 0.01 by chance
    assert expected_calibration_error(reliability(probability, happened, 10)[None]).shape == (1,)
