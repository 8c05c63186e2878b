"""The calibration of a trained network: temperature and spreads, fitted on samples that it did not learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from zoox_prediction.models.baselines.modes import TIME_STEP_S
from zoox_prediction.prediction.calibration import MixtureCalibration, fit_calibration
from zoox_prediction.scene import PredictedTrajectories, Source
from zoox_prediction.training.samples import Sample
from zoox_prediction.training.validation import ScoredModes, scored_modes

_STRIDE = 5  # only every so many steps are kept: all knots of the calibration are among them


def calibrated(
    network: torch.nn.Module,
    samples: Sequence[Sample],
    device: torch.device,
    progress: Callable[[float], None] = lambda share: None,
) -> MixtureCalibration | None:
    """The calibration of the network on a sequence of Sample; None where no agent of them counts."""
    found = []
    for row in range(len(samples)):
        found.append(_thinned(scored_modes(samples[row], network, device)))
        progress((row + 1) / len(samples))
    if not sum(len(each.speed) for each in found):
        return None
    modes = ScoredModes(
        **{name: np.concatenate([getattr(each, name) for each in found]) for name in ScoredModes.__dataclass_fields__}
    )
    return fit_calibration(_predictions(modes), modes.truth.astype(np.float64), modes.valid)


def _thinned(modes: ScoredModes) -> ScoredModes:
    chosen = slice(_STRIDE - 1, None, _STRIDE)
    return ScoredModes(
        agent_class=modes.agent_class,
        speed=modes.speed,
        probability=modes.probability,
        position=modes.position[:, :, chosen],
        covariance=modes.covariance[:, :, chosen],
        truth=modes.truth[:, chosen],
        valid=modes.valid[:, chosen],
    )


def _predictions(modes: ScoredModes) -> PredictedTrajectories:
    """The modes in the frames of their agents: distances are those of the map."""
    count, num_modes, steps = modes.position.shape[:3]
    covariance = modes.covariance[..., [0, 1, 1, 2]].reshape(count, num_modes, steps, 2, 2).astype(np.float64)
    return PredictedTrajectories(
        stamp_ns=0,
        time_step_s=TIME_STEP_S * _STRIDE,
        ids=np.arange(count),
        agent_class=modes.agent_class,
        probability=modes.probability,
        position=modes.position.astype(np.float64),
        yaw=np.zeros((count, num_modes, steps)),
        speed=np.zeros((count, num_modes, steps)),
        covariance=covariance,
        source=np.full(count, int(Source.LEARNED), dtype=np.uint8),
        predictor_name="learned",
        predictor_version="",
    )
