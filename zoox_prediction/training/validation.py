"""How good a network's six modes are on samples it does not learn from; the modes are chosen as they are online."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from zoox_prediction.models.baselines.classes import Group, group_of
from zoox_prediction.models.scene_features import AGENT_COLUMNS, SceneFeatures
from zoox_prediction.prediction.learned import select
from zoox_prediction.prediction.network_runtime import Proposals
from zoox_prediction.training.samples import Sample

_MOVING_MPS = 0.5
_MOVED_M = 1.5
_VALUES = ("min_ade6", "min_fde6", "fde1", "brier_min_fde6")
_PARTS = ("all", "moving", *(f"moving_{each.name.lower()}" for each in Group))
METRICS = tuple(f"{part}/{value}" for part in _PARTS for value in _VALUES)
BEST_BY = "moving/min_fde6"  # the weights with the least are the best
TOLD = ("moving/min_ade6", BEST_BY, "moving/fde1", "all/min_fde6")  # in a line


@dataclass(frozen=True)
class ScoredModes:
    """The modes of A agents that have a truth, in their own frames."""

    agent_class: NDArray[np.int64]  # (A,)
    speed: NDArray[np.float32]  # (A,) now
    probability: NDArray[np.float64]  # (A, K)
    position: NDArray[np.float32]  # (A, K, T, 2)
    covariance: NDArray[np.float32]  # (A, K, T, 3) xx, xy, yy
    truth: NDArray[np.float32]  # (A, T, 2)
    valid: NDArray[np.bool_]  # (A, T)


def scored_modes(sample: Sample, network: torch.nn.Module, device: torch.device) -> ScoredModes:
    """What the network says about the agents of one Sample that count."""
    features: SceneFeatures = sample.features
    inputs = {name: torch.from_numpy(value).to(device) for name, value in features.network_inputs().items()}
    with torch.no_grad():
        outputs = {name: value.float().cpu().numpy() for name, value in network(**inputs).items()}
    proposals = Proposals(**outputs)
    modes = select(features, proposals)
    rows = np.flatnonzero(sample.scored & sample.future_valid.any(axis=1))
    proposal = modes.proposal[rows]
    return ScoredModes(
        agent_class=features.agent_class[rows],
        speed=np.abs(features.agent_state[rows, AGENT_COLUMNS.index("speed")]),
        probability=modes.probability[rows],
        position=_flat(proposals.position)[proposal],
        covariance=_flat(proposals.covariance)[proposal],
        truth=sample.future_position[rows],
        valid=sample.future_valid[rows],
    )


def _flat(proposals: NDArray) -> NDArray:
    return proposals.reshape(-1, *proposals.shape[2:])


def metric_sums(modes: ScoredModes) -> NDArray[np.float64]:
    """(len(METRICS), 2) sums and counts; displacements [m] over the known steps, final ones at the last of them."""
    count, steps = modes.valid.shape
    rows = np.arange(count)
    error = np.linalg.norm(modes.position - modes.truth[:, None], axis=-1) * modes.valid[:, None]
    average = error.sum(axis=2) / np.maximum(modes.valid.sum(axis=1), 1)[:, None]
    last = np.where(modes.valid, np.arange(steps), 0).max(axis=1)
    final = np.take_along_axis(error, last[:, None, None], axis=2)[..., 0]
    used = modes.probability > 0.0
    best = np.where(used, final, np.inf).argmin(axis=1)
    values = np.stack(
        [
            np.where(used, average, np.inf).min(axis=1),
            final[rows, best],
            final[rows, modes.probability.argmax(axis=1)],
            final[rows, best] + (1.0 - modes.probability[rows, best]) ** 2,
        ]
    )
    moved = np.where(modes.valid, np.linalg.norm(modes.truth, axis=2), 0.0).max(axis=1)
    moving = (modes.speed > _MOVING_MPS) | (moved > _MOVED_M)
    group = group_of(modes.agent_class)
    parts = np.stack([np.ones(count, dtype=bool), moving, *(moving & (group == each) for each in Group)])
    sums = parts.astype(np.float64) @ values.T.astype(np.float64)
    counts = np.broadcast_to(parts.sum(axis=1)[:, None], sums.shape)
    return np.stack([sums.ravel(), counts.ravel()], axis=1)
