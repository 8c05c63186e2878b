"""The same numbers as Argoverse 2's own functions, which are a requirement of the tests where they can be installed."""

import sys

import numpy as np
import pytest

from zoox_prediction.evaluation import metrics

if sys.version_info >= (3, 13):
    pytest.importorskip("av2", reason="av2 0.3.6 has no wheel for Python 3.13")
from av2.datasets.motion_forecasting.eval import metrics as av2_metrics


@pytest.fixture
def modes_and_truth():
    """Positions (20, 6, 30, 2), probabilities (20, 6) and truth (20, 30, 2)."""
    random = np.random.default_rng(3)
    position = random.normal(size=(20, 6, 30, 2)).cumsum(axis=2)
    truth = random.normal(size=(20, 30, 2)).cumsum(axis=1)
    return position, random.dirichlet(np.ones(6), size=20), truth


def test_ade_and_fde(modes_and_truth):
    position, _, truth = modes_and_truth
    error = metrics.displacement_error(position, truth)
    average = metrics.average_displacement(error, np.ones(truth.shape[:2], dtype=bool))
    for i in range(len(truth)):
        np.testing.assert_allclose(average[i], av2_metrics.compute_ade(position[i], truth[i]))
        np.testing.assert_allclose(error[i, :, -1], av2_metrics.compute_fde(position[i], truth[i]))


@pytest.mark.parametrize("scale", [1.0, 0.4])  # probabilities that do not sum to 1 are normalised by both
def test_brier_min_fde(modes_and_truth, scale):
    position, probability, truth = modes_and_truth
    probability = scale * probability
    brier = metrics.brier_min_fde(metrics.displacement_error(position, truth)[..., -1], probability)
    for i in range(len(truth)):
        of_modes = av2_metrics.compute_brier_fde(position[i], truth[i], probability[i], normalize=True)
        best = np.argmin(av2_metrics.compute_fde(position[i], truth[i]))
        assert brier[i] == pytest.approx(of_modes[best])


def test_min_fde_decides_av2_misses(modes_and_truth):
    position, probability, truth = modes_and_truth
    smallest = metrics.min_over_modes(metrics.displacement_error(position, truth)[..., -1], probability)
    for i in range(len(truth)):
        missed = av2_metrics.compute_is_missed_prediction(position[i], truth[i], miss_threshold_m=2.0)
        assert bool(missed.all()) == bool(smallest[i] > 2.0)
