"""The calibration that ships, on the real recordings it was fitted to: its regions cover what they claim."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.evaluation.calibration_metrics import density_rank
from zoox_prediction.models.baselines.calibration import MotionState
from zoox_prediction.models.baselines.mixture import HeuristicMixture
from zoox_prediction.recording.sources import find_recordings
from zoox_prediction.training.calibration_data import read_calibration_data

FITTED_TO = ("av2/motion_forecasting", "av2/sensor_logs", "scenarionet_nuscenes", "taf_bw/datasets")
STEPS = {"1 s": 9, "3 s": 29, "5 s": 49, "8 s": 79}


@pytest.fixture(scope="module")
def ranks(recordings) -> dict[str, np.ndarray]:
    """Per horizon, the probability of the places that the mixture finds likelier than the true one, of each agent.

    Without tracks that do not move at all: the regions of those end at the smallest spread, which covers them all.
    """
    sources, problems = find_recordings([recordings / folder for folder in FITTED_TO])
    assert not problems
    found: dict[str, list[np.ndarray]] = {horizon: [] for horizon in STEPS}
    predictor = HeuristicMixture()
    for future in read_calibration_data(sources, "first", interval_s=2.0).futures:
        _, state, _ = candidates = predictor.candidates(future.scene)
        predicted = predictor.assemble(future.scene, *candidates)
        for horizon, step in STEPS.items():
            rows = future.valid[:, step] & (state != MotionState.FROZEN)
            mixture = predicted.position[rows, :, step], predicted.covariance[rows, :, step]
            found[horizon].append(density_rank(future.position[rows, step], *mixture, predicted.probability[rows]))
    return {horizon: np.concatenate(parts) for horizon, parts in found.items()}


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("horizon", STEPS)
def test_regions_cover_what_they_claim(ranks, horizon, share):
    assert len(ranks[horizon]) > 1000
    assert (ranks[horizon] <= share).mean() == pytest.approx(share, abs=0.05)
