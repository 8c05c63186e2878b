"""Answers "if the ego did this, what would each agent do?" for candidate plans, by heuristics of giving way."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.models.baselines.classes import group_of
from zoox_prediction.prediction.encounter import (
    Separation,
    SharedGround,
    collision_probability,
    shared_ground,
    smallest_gap,
)
from zoox_prediction.prediction.plans import EgoFutures, check_plans, ego_futures
from zoox_prediction.prediction.predictor import Predictor
from zoox_prediction.prediction.reaction import Courses, ReactionConfig, react, sight
from zoox_prediction.scene import CandidatePlans, ConditionalAnswer, PredictedTrajectories, Scene

_CAUTIOUS, _BOLD = 0.75, 0.25  # quantiles of the two drivers that one mode becomes


@dataclass(frozen=True)
class ConditionalConfig:
    """How candidate plans are answered."""

    reaction: ReactionConfig = field(default_factory=ReactionConfig)
    interaction_range_m: float = 150.0  # agents that are farther from the ego are as without a plan
    min_travel_m: float = 1.0  # modes that move less have nothing to give way with
    max_encroachment_s: float = 5.0  # ego and agent that claim the same ground further apart do not meet
    order_deviation_s: float = 0.5  # logistic scale of the uncertainty of who comes first
    inattentive_share: float = 0.02  # of the agents that would give way, who do not see the ego
    plausible_mode: float = 0.05  # modes below this probability do not set the time to conflict

    def __post_init__(self) -> None:
        for name in ("interaction_range_m", "min_travel_m", "max_encroachment_s", "order_deviation_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)}")
        for name in ("inattentive_share", "plausible_mode"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")


def answer_plans(
    scene: Scene,
    plans: CandidatePlans,
    predictor: Predictor,
    config: ConditionalConfig | None = None,
    unconditional: PredictedTrajectories | None = None,
) -> ConditionalAnswer:
    """What the N agents of `scene` would do under each of C plans.

    `unconditional` saves the call of `predictor` when the scene's predictions are at hand. The modes of the answer keep
    the paths, the columns and the probabilities of the unconditional ones; what a plan changes is how fast they are
    travelled (see `reaction`; plans that agree up to t give equal predictions up to t). Moving agents in range have a
    used mode twice where a column is free, as a bold and as a cautious driver of half the probability each, so that
    both ways of an encounter are there. Per plan and agent, (C, N):

    * yield_probability: the ego is first on ground that both claim and the agent, which would otherwise claim it within
      `max_encroachment_s`, comes second or not at all. Following the ego is yielding; who never meets it does not.
    * collision_probability: the boxes overlap within the plan, see `encounter.collision_probability`; a share of the
      agents (`inattentive_share`) does not react.
    * smallest_gap_m: smallest distance between the boxes within the plan, expected over modes.
    * time_to_conflict_s: until both have claimed the same ground if the agent does not react (as time to collision,
      Hayward 1972, supposes), the earliest over plausible modes; +inf where never.
    * shift_m: distance to the unconditional future, mean over the horizon and over modes; exactly 0 for who never meets
      the ego.

    Raises InputError in one sentence when a plan cannot be used.
    """
    config = config or ConditionalConfig()
    check_plans(plans)
    if unconditional is None:
        unconditional = predictor.predict(scene)
    ego = ego_futures(scene, plans, unconditional.num_steps, unconditional.time_step_s)
    futures = _AgentFutures.of(scene, unconditional, ego, config)
    plan, agent, mode = (index.ravel() for index in np.indices((len(ego), *futures.probability.shape)))
    used = futures.probability[agent, mode] > 0.0
    plan, agent, mode = plan[used], agent[used], mode[used]
    delay = _delays(ego, futures, plan, agent, mode, config)
    return _answer(ego, futures, plan, agent, mode, delay, unconditional, config)


@dataclass(frozen=True)
class _AgentFutures:
    """N agents x K modes over T + 1 instants from now, without a plan."""

    probability: NDArray[np.float64]  # (N, K)
    quantile: NDArray[np.float64]  # (N, K) of caution
    source: NDArray[np.int64]  # (N, K) column that this one copies
    position: NDArray[np.float64]  # (N, K, T + 1, 2)
    yaw: NDArray[np.float64]  # (N, K, T + 1)
    speed: NDArray[np.float64]  # (N, K, T + 1)
    covariance: NDArray[np.float64]  # (N, K, T + 1, 2, 2)
    size: NDArray[np.float64]  # (N, 2)
    group: NDArray[np.int64]  # (N,)
    reacts: NDArray[np.bool_]  # (N, K)

    @classmethod
    def of(
        cls, scene: Scene, predictions: PredictedTrajectories, ego: EgoFutures, config: ConditionalConfig
    ) -> _AgentFutures:
        count, modes = predictions.probability.shape
        now = scene.agents.position[:, None, None, :2]
        position = np.concatenate([np.broadcast_to(now, (count, modes, 1, 2)), predictions.position], axis=2)
        way = np.diff(position, axis=2)
        travel = np.hypot(way[..., 0], way[..., 1])
        in_range = np.linalg.norm(scene.agents.position[:, :2] - ego.center[0, 0], axis=-1) < config.interaction_range_m
        moves = (travel.sum(axis=2) > config.min_travel_m) & in_range[:, None]
        source, probability, quantile = _two_drivers(predictions.probability, moves)
        row = np.arange(count)[:, None]

        def each(values: NDArray[np.float64], first: NDArray[np.float64]) -> NDArray[np.float64]:
            chosen = values[row, source]
            return np.concatenate([np.broadcast_to(first, (*chosen.shape[:2], 1, *chosen.shape[3:])), chosen], axis=2)

        speed = np.linalg.norm(scene.agents.velocity, axis=1)[:, None, None]
        return cls(
            probability=probability,
            quantile=quantile,
            source=source,
            position=position[row, source],
            yaw=each(predictions.yaw, scene.agents.yaw[:, None, None]),
            speed=each(predictions.speed, speed),
            covariance=each(predictions.covariance, scene.agents.pose_covariance[:, None, None, :2, :2]),
            size=scene.agents.size[:, :2],
            group=group_of(scene.agents.agent_class),
            reacts=moves[row, source],
        )


def _two_drivers(
    probability: NDArray[np.float64], moves: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Column to take (N, K), new probability (N, K), and quantile of caution (N, K): copies of modes in free columns.

    The most probable modes are copied first. Nothing here knows of a plan.
    """
    count, num_modes = probability.shape
    order = np.argsort(-probability, axis=1, kind="stable")
    used = (probability > 0.0).sum(axis=1)[:, None]
    rank = np.arange(num_modes)
    original = np.maximum(rank - used, 0)  # rank `used + i` becomes the copy of rank i
    row = np.arange(count)[:, None]
    copied_column = order[row, original]
    is_copy = (rank >= used) & (original < used) & moves[row, copied_column]
    source = np.tile(rank, (count, 1))
    agent, copy_rank = np.nonzero(is_copy)
    copy, template = order[agent, copy_rank], copied_column[agent, copy_rank]
    source[agent, copy] = template
    split, quantile = probability.copy(), np.full(probability.shape, 0.5)
    split[agent, template] *= 0.5
    split[agent, copy] = split[agent, template]
    quantile[agent, template], quantile[agent, copy] = _BOLD, _CAUTIOUS
    return source, split, quantile


def _delays(
    ego: EgoFutures,
    futures: _AgentFutures,
    plan: NDArray[np.int64],
    agent: NDArray[np.int64],
    mode: NDArray[np.int64],
    config: ConditionalConfig,
) -> NDArray[np.float64]:
    """How late (R, T + 1) [s] each of R courses runs under its plan."""
    delay = np.zeros((len(plan), futures.position.shape[2]))
    may_react = _may_meet(ego, futures, config.reaction) & futures.reacts
    may = np.flatnonzero(may_react[plan, agent, mode])
    which = agent[may], mode[may]
    courses = Courses(
        plan=plan[may],
        position=futures.position[which],
        yaw=futures.yaw[which],
        speed=np.abs(futures.speed[which]),
        size=futures.size[agent[may]],
        group=futures.group[agent[may]],
        quantile=futures.quantile[which],
    )
    if len(may):
        delay[may] = react(ego, courses, config.reaction)
    return delay


def _may_meet(ego: EgoFutures, futures: _AgentFutures, config: ReactionConfig) -> NDArray[np.bool_]:
    """(C, N, K) false only where the reaction cannot find anything to react to.

    Leaving these out changes nothing, so that the end of a plan does not decide about its beginning.
    """
    reach = np.linalg.norm(futures.size, axis=1)[:, None, None]
    path_low, path_high = futures.position.min(axis=2) - reach, futures.position.max(axis=2) + reach
    may = np.zeros((len(ego), *futures.probability.shape), dtype=bool)
    lows, highs = (corner[:, :, None, None] for corner in sight(ego, config))
    for low, high in zip(lows, highs, strict=True):  # one decision after the other keeps the arrays small
        may |= (
            (path_low[..., 0] <= high[..., 0])
            & (path_high[..., 0] >= low[..., 0])
            & (path_low[..., 1] <= high[..., 1])
            & (path_high[..., 1] >= low[..., 1])
        )
    return may


@dataclass(frozen=True)
class _Tracks:
    """R modes of agents in the world: (R, T + 1, ...) each."""

    position: NDArray[np.float64]
    yaw: NDArray[np.float64]
    speed: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def of(cls, futures: _AgentFutures, agent: NDArray[np.int64], mode: NDArray[np.int64]) -> _Tracks:
        return cls(*(getattr(futures, each.name)[agent, mode] for each in fields(cls)))

    def delayed(self, delay: NDArray[np.float64], time_step_s: float) -> _Tracks:
        """The same paths travelled `delay` (R, T + 1) [s] late."""
        place = np.arange(delay.shape[1]) - delay / time_step_s
        before = np.clip(place.astype(np.int64), 0, delay.shape[1] - 2)
        part = place - before
        row = np.arange(len(delay))[:, None]

        def sample(array: NDArray[np.float64], *, angle: bool = False) -> NDArray[np.float64]:
            first, change = array[row, before], array[row, before + 1] - array[row, before]
            share = part.reshape(*part.shape, *(1,) * (first.ndim - 2))
            return np.asarray(first + share * (wrap_angle(change) if angle else change))

        rate = 1.0 - np.diff(delay, axis=1, prepend=0.0) / time_step_s
        slowed = sample(self.speed) * np.where(delay > 0.0, rate, 1.0)
        return _Tracks(sample(self.position), sample(self.yaw, angle=True), slowed, sample(self.covariance))


def _answer(
    ego: EgoFutures,
    futures: _AgentFutures,
    plan: NDArray[np.int64],
    agent: NDArray[np.int64],
    mode: NDArray[np.int64],
    delay: NDArray[np.float64],
    unconditional: PredictedTrajectories,
    config: ConditionalConfig,
) -> ConditionalAnswer:
    shape = (len(ego), len(futures.size))
    weight = futures.probability[agent, mode]

    def over_modes(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(C, N) expectation of values (R,)."""
        total = np.bincount(plan * shape[1] + agent, weight * values, minlength=shape[0] * shape[1])
        return np.asarray(total.reshape(shape))

    # Both drivers of a mode share what they would do without the ego: it is measured once.
    source = futures.source[agent, mode]
    key = (plan * shape[1] + agent) * futures.source.shape[1] + source
    _, first, same = np.unique(key, return_index=True, return_inverse=True)
    without = _Tracks.of(futures, agent[first], source[first])
    size = futures.size[agent[first]]
    ground = shared_ground(
        ego, plan[first], without.position, without.yaw, size, config.reaction.decision_interval_s
    ).select(same.ravel())
    gap_without, collision_without = _measure(ego, plan[first], without, size)
    gap, collision = gap_without[same.ravel()], collision_without[same.ravel()]

    late = np.flatnonzero(delay[:, -1] > 0.0)
    unhindered = _Tracks.of(futures, agent[late], mode[late])
    tracks = unhindered.delayed(delay[late], ego.time_step_s)
    gap[late], attentive = _measure(ego, plan[late], tracks, futures.size[agent[late]])
    collision[late] = attentive + config.inattentive_share * (collision[late] - attentive)
    shift = np.zeros(len(plan))
    moved = tracks.position[:, 1:] - unhindered.position[:, 1:]
    shift[late] = np.hypot(moved[..., 0], moved[..., 1]).mean(axis=1)

    conflict = np.full(shape, np.inf)
    plausible = weight >= config.plausible_mode
    np.minimum.at(conflict, (plan[plausible], agent[plausible]), ground.both_s[plausible])
    predictions = _per_plan(futures, plan[late], agent[late], mode[late], tracks, unconditional, len(ego))
    return ConditionalAnswer(
        predictions=predictions,
        ids=unconditional.ids,
        yield_probability=np.clip(over_modes(_yields(ground, delay, ego.time_step_s, config)), 0.0, 1.0),
        collision_probability=np.clip(over_modes(collision), 0.0, 1.0),
        smallest_gap_m=over_modes(gap),
        time_to_conflict_s=conflict,
        shift_m=over_modes(shift),
    )


def _measure(
    ego: EgoFutures, plan: NDArray[np.int64], tracks: _Tracks, size: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smallest gap (R,) [m] and collision probability (R,)."""
    separation = Separation.of(ego, plan, tracks.position, tracks.yaw, size)
    gap = smallest_gap(separation, ego, plan, tracks.position, tracks.yaw, size)
    return gap, collision_probability(separation, ego, plan, tracks.yaw, size, tracks.covariance)


def _yields(
    ground: SharedGround, delay: NDArray[np.float64], time_step_s: float, config: ConditionalConfig
) -> NDArray[np.float64]:
    """(R,) probability that the agent comes second on shared ground, given how late (R, T + 1) it is."""
    clock = np.arange(delay.shape[1]) * time_step_s - delay
    arrival = (clock < ground.agent_s[:, None] - 1e-6).sum(axis=1)
    arrival_s = np.where(arrival < delay.shape[1], arrival * time_step_s, np.inf)
    shared = np.isfinite(ground.agent_s)
    ego_s = np.where(shared, ground.ego_s, 0.0)
    meets = shared & (ground.agent_s - ego_s <= config.max_encroachment_s)
    return np.where(meets, expit((arrival_s - ego_s) / config.order_deviation_s), 0.0)


def _per_plan(
    futures: _AgentFutures,
    plan: NDArray[np.int64],
    agent: NDArray[np.int64],
    mode: NDArray[np.int64],
    tracks: _Tracks,
    unconditional: PredictedTrajectories,
    num_plans: int,
) -> tuple[PredictedTrajectories, ...]:
    """N x K columns for each plan: as without one, but for the modes (R,) that run late."""
    answers = []
    for index in range(num_plans):  # a handful of plans
        rows = np.flatnonzero(plan == index)
        arrays = {}
        for each in fields(tracks):
            arrays[each.name] = getattr(futures, each.name)[:, :, 1:]
            if len(rows):
                arrays[each.name] = arrays[each.name].copy()
                arrays[each.name][agent[rows], mode[rows]] = getattr(tracks, each.name)[rows, 1:]
        answers.append(replace(unconditional, probability=futures.probability, **arrays))
    return tuple(answers)
