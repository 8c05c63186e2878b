"""Fits the probabilities and spreads of the heuristics' modes to recorded futures, by expectation maximisation.

At every knot of the horizon the candidates of an agent are a Gaussian mixture around the place where it really was
(Bishop, "Pattern Recognition and Machine Learning", section 9.2). The weight of a kind of mode is shared by all knots
and all agents of one group and state. Its spread grows with a power of the restlessness of the agent's own past.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from zoox_prediction.models.baselines.calibration import (
    KNOTS_S,
    Calibration,
    MotionState,
    prior_calibration,
    relative_jitter,
)
from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.config import BaselinesConfig
from zoox_prediction.models.baselines.constant_turn_rate_acceleration import ConstantTurnRateAcceleration
from zoox_prediction.models.baselines.constant_velocity import ConstantVelocity
from zoox_prediction.models.baselines.futures import RecordedFuture
from zoox_prediction.models.baselines.heuristic import HeuristicPredictor
from zoox_prediction.models.baselines.lane_following import LaneFollowing
from zoox_prediction.models.baselines.mixture import HeuristicMixture
from zoox_prediction.models.baselines.modes import TIME_STEP_S, ModeKind, Modes
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.pedestrian import Pedestrian
from zoox_prediction.models.baselines.standing_still import StandingStill

PREDICTORS: tuple[type[HeuristicPredictor], ...] = (
    ConstantVelocity,
    ConstantTurnRateAcceleration,
    LaneFollowing,
    Pedestrian,
    StandingStill,
    HeuristicMixture,
)
_MIN_SPREAD_M = 0.001  # at a relative jitter of 1
_POWERS = np.linspace(0.0, 1.25, 11)
_ITERATIONS = 60
_PRIOR_AGENTS = 5.0  # the prior counts as much as so many agents
# A mode is a whole future, and which one it was shows late: at first all are the same.
_KNOT_SHARE = np.array(KNOTS_S) / KNOTS_S[-1]
_KNOT_STEPS = np.round(np.array(KNOTS_S) / TIME_STEP_S).astype(np.int64) - 1


@dataclass(frozen=True)
class _Candidates:
    """R candidates of agents, in the order of the agents, at H knots."""

    agent: NDArray[np.int64]  # (R,) number of the agent among all of the fit, rising
    cell: NDArray[np.int64]  # (R,) group and state
    kind: NDArray[np.int64]  # (R,) ModeKind
    share: NDArray[np.float64]  # (R,)
    squared: NDArray[np.float64]  # (R, H, 2) squared errors along and across [m^2]
    unrest: NDArray[np.float64]  # (R,) relative jitter
    weight: NDArray[np.float64]  # (R, H) of the agent, 0 where its future is unknown

    def select(self, rows: NDArray) -> _Candidates:
        chosen = {name: values[rows] for name, values in vars(self).items()}
        return _Candidates(**{**chosen, "agent": np.unique(chosen["agent"], return_inverse=True)[1]})


def fit_calibration(
    make: type[HeuristicPredictor], futures: Sequence[RecordedFuture], config: BaselinesConfig | None = None
) -> Calibration:
    """The calibration of the predictor `make`, one of PREDICTORS; what the data do not show stays near the prior.

    `write_calibration` stores it where `BaselinesConfig.calibration_file` finds it.
    """
    return fit_predictor(make(config, prior_calibration()), futures)


def fit_predictor(predictor: HeuristicPredictor, futures: Iterable[RecordedFuture]) -> Calibration:
    """The calibration of one predictor."""
    parts: list[_Candidates] = []
    first = 0
    for future in futures:
        if len(future.scene):
            parts.append(_candidates(future, *predictor.candidates(future.scene), first))
            first += len(future.scene)
    result = prior_calibration()
    if not parts:
        return result
    data = _Candidates(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})
    for group in Group:
        for state in MotionState:
            rows = data.cell == group * len(MotionState) + state
            if group == Group.OTHER:  # too rare to fit: the figures of everything that moves in this state
                rows = data.cell % len(MotionState) == state
            _fit_cell(data.select(rows), result, (group, state))
    return result


def _candidates(
    future: RecordedFuture, motion: Motion, state: NDArray[np.int64], modes: Modes, first: int
) -> _Candidates:
    modes = modes.select(np.argsort(modes.agent, kind="stable"))
    agent = modes.agent
    error = future.position[:, _KNOT_STEPS][agent] - modes.position[:, _KNOT_STEPS]
    heading = modes.yaw[:, _KNOT_STEPS]
    along = error[..., 0] * np.cos(heading) + error[..., 1] * np.sin(heading)
    lateral = error[..., 1] * np.cos(heading) - error[..., 0] * np.sin(heading)
    valid = future.valid[:, _KNOT_STEPS][agent]
    return _Candidates(
        agent=agent + first,
        cell=motion.group[agent] * len(MotionState) + state[agent],
        kind=modes.kind,
        share=modes.share,
        squared=np.where(valid[..., None], np.stack([along, lateral], axis=-1) ** 2, 0.0),
        unrest=relative_jitter(motion)[agent],
        weight=valid.astype(np.float64) * future.weight,
    )


def _fit_cell(data: _Candidates, result: Calibration, at: tuple[Group, MotionState]) -> None:
    """Fits weights, spreads and powers of one group and state, starting from `result`, into `result`."""
    seen = np.bincount(data.kind, weights=data.weight.sum(axis=1), minlength=len(ModeKind)) > 0.0
    if not seen.any():
        return
    weight = result.weight[at] * seen / (result.weight[at] * seen).sum()
    prior_weight, prior = weight, np.stack([result.along_m[at], result.lateral_m[at]], axis=-1) ** 2
    variance, power = prior.copy(), result.unrest[at].copy()
    of_kind = np.eye(len(ModeKind))[data.kind].T  # (M, R)
    starts = np.flatnonzero(np.diff(data.agent, prepend=-1))
    for iteration in range(_ITERATIONS):
        scale = data.unrest[:, None] ** (2.0 * power[data.kind])
        before = weight[data.kind] * data.share
        before /= np.maximum(np.add.reduceat(before, starts), 1e-300)[data.agent]
        after = _responsibilities(data, before, variance[data.kind] * scale[..., None], starts)
        count = of_kind @ after  # (M, H)
        if iteration % 5 == 0:
            power = _best_power(data, after, of_kind, prior, power)
        variance = _variance(data, after, of_kind, count, prior, power)
        expected = of_kind @ (before * (data.weight @ _KNOT_SHARE))
        pseudo = _PRIOR_AGENTS * prior_weight
        weight = weight * (count @ _KNOT_SHARE + pseudo) / (expected + pseudo + 1e-300)
        weight = weight / weight.sum()
    spread = np.maximum.accumulate(np.sqrt(variance), axis=1)
    result.weight[at], result.unrest[at] = weight, power
    result.along_m[at], result.lateral_m[at] = spread[..., 0], spread[..., 1]


def _responsibilities(data: _Candidates, before: NDArray, variance: NDArray, starts: NDArray) -> NDArray[np.float64]:
    """(R, H) probability that each candidate is the one that happened, times the weight of its agent."""
    score = np.log(np.maximum(before, 1e-300))[:, None] - 0.5 * (data.squared / variance + np.log(variance)).sum(
        axis=-1
    )
    score -= np.maximum.reduceat(score, starts)[data.agent]
    after = np.exp(score)
    after *= data.weight / np.add.reduceat(after, starts)[data.agent]
    return after


def _variance(
    data: _Candidates, after: NDArray, of_kind: NDArray, count: NDArray, prior: NDArray, power: NDArray
) -> NDArray[np.float64]:
    """(M, H, 2) variances [m^2] of the kinds for a relative jitter of 1."""
    scaled = data.squared * (after / data.unrest[:, None] ** (2.0 * power[data.kind]))[..., None]
    total = (of_kind @ scaled.reshape(len(scaled), -1)).reshape(prior.shape)
    fitted = np.maximum(total / np.maximum(count, 1e-9)[..., None], _MIN_SPREAD_M**2)
    trust = (count / (count + _PRIOR_AGENTS))[
        ..., None
    ]  # the mean of logarithms: spreads differ by orders of magnitude
    variance: NDArray[np.float64] = np.exp(trust * np.log(fitted) + (1.0 - trust) * np.log(prior))
    return variance


def _best_power(
    data: _Candidates, after: NDArray, of_kind: NDArray, prior: NDArray, power: NDArray
) -> NDArray[np.float64]:
    """(M, H) the power of the unrest that explains the errors of each kind best, spreads being fitted to it."""
    count = of_kind @ after
    unrest = of_kind @ (after * np.log(data.unrest)[:, None])
    losses = []
    for each in _POWERS:
        variance = _variance(data, after, of_kind, count, prior, np.full_like(power, each))
        losses.append((count[..., None] * np.log(variance)).sum(axis=2) + 4.0 * each * unrest)
    best: NDArray[np.float64] = _POWERS[np.argmin(losses, axis=0)]
    return best


def write_calibration(path: Path, calibrations: Mapping[str, Calibration], provenance: Sequence[str]) -> None:
    """Writes what `load_calibrations` reads; lines of `provenance` tell people where the figures come from."""
    document = {name: each.to_mapping() for name, each in calibrations.items()}
    lines = yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=200)
    origin = "\n".join(f"# {line}" for line in provenance)
    header = f"""# Probabilities and spreads of the heuristic predictors' modes, by predictor, group of classes, state
# of motion and kind of mode; written by `zoox-prediction calibrate`. Standard deviations [m] and powers of the agent's
# relative jitter are given at {", ".join(map(str, KNOTS_S))} s.
{origin}
"""
    path.write_text(header + lines)
