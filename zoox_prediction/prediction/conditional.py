"""Answers "if the ego did this, what would each agent do?" for candidate plans, by heuristics of giving way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from zoox_prediction.prediction.agent_futures import AgentFutures, Tracks
from zoox_prediction.prediction.conditional_precedence import RoadRulesLookup, precedence
from zoox_prediction.prediction.encounter import (
    Separation,
    SharedGround,
    collision_probability,
    shared_ground,
    smallest_gap,
)
from zoox_prediction.prediction.lookout import SeenPlans
from zoox_prediction.prediction.plans import EgoFutures, check_plans, ego_futures
from zoox_prediction.prediction.predictor import Predictor
from zoox_prediction.prediction.reaction import Courses, ReactionConfig, decision_stride, react
from zoox_prediction.scene import CandidatePlans, ConditionalAnswer, PredictedTrajectories, Scene

_FAR_M = 20.0  # between the boxes around two courses that cannot meet
_FAR_INTERVAL_S = 0.4
_ROADS = RoadRulesLookup()


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
    give_way: Callable[[], None] = lambda: None,
) -> ConditionalAnswer:
    """What the N agents of `scene` would do under each of C plans.

    `unconditional` saves the call of `predictor` when the scene's predictions are at hand. `give_way` is called every
    few milliseconds of work and may wait while something more urgent needs the processor. The modes of the answer keep
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
    futures = AgentFutures.of(scene, unconditional, ego.center[0, 0], config.interaction_range_m, config.min_travel_m)
    give_way()
    plan, agent, mode = (index.ravel() for index in np.indices((len(ego), *futures.probability.shape)))
    used = futures.probability[agent, mode] > 0.0
    plan, agent, mode = plan[used], agent[used], mode[used]
    delay = _delays(scene, ego, futures, plan, agent, mode, config, give_way)
    return _answer(ego, futures, plan, agent, mode, delay, unconditional, config, give_way)


def _delays(
    scene: Scene,
    ego: EgoFutures,
    futures: AgentFutures,
    plan: NDArray[np.int64],
    agent: NDArray[np.int64],
    mode: NDArray[np.int64],
    config: ConditionalConfig,
    give_way: Callable[[], None],
) -> NDArray[np.float64]:
    """How late (R, T + 1) [s] each of R courses runs under its plan."""
    delay = np.zeros((len(plan), futures.position.shape[2]))
    stride = decision_stride(ego, config.reaction)
    seen = SeenPlans.of(ego, stride, config.reaction.lookahead_s)
    may_react = _may_meet(seen, futures, config.reaction.lateral_margin_m) & futures.reacts
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
        precedence=_precedence(scene, ego, futures, stride, (plan[may], *which)),
    )
    if len(may):
        delay[may] = react(ego, courses, seen, config.reaction, give_way)
    return delay


def _precedence(
    scene: Scene, ego: EgoFutures, futures: AgentFutures, stride: int, course: tuple[NDArray[np.int64], ...]
) -> NDArray[np.int8] | None:
    """(R, D) of courses given by plan, agent and mode (R,) each; None where nothing says who goes first."""
    plan, agent, mode = course
    num_modes = futures.probability.shape[1]
    each, row = np.unique(agent * num_modes + futures.source[agent, mode], return_inverse=True)  # once for all plans
    which = each // num_modes, each % num_modes
    if not len(each):
        return None
    found = precedence(
        _ROADS.of(scene.road_network), scene.signals, ego, stride, futures.position[which], futures.yaw[which]
    )
    return None if found is None else found[row.reshape(-1), plan]


def _may_meet(seen: SeenPlans, futures: AgentFutures, margin_m: float) -> NDArray[np.bool_]:
    """(C, N, K) false only where the reaction cannot find anything to react to.

    Leaving these out changes nothing, so that the end of a plan does not decide about its beginning.
    """
    reach = np.linalg.norm(futures.size, axis=1)[:, None, None]
    low_x, low_y = np.moveaxis(futures.low - reach, -1, 0).copy()
    high_x, high_y = np.moveaxis(futures.high + reach, -1, 0).copy()
    lows, highs = seen.corners(margin_m)
    may = np.zeros((lows.shape[1], *futures.probability.shape), dtype=bool)
    for low, high in zip(lows[..., None, None], highs[..., None, None], strict=True):
        # One decision after the other keeps the arrays small.
        may |= (low_x <= high[:, 0]) & (high_x >= low[:, 0]) & (low_y <= high[:, 1]) & (high_y >= low[:, 1])
    return may


def _answer(
    ego: EgoFutures,
    futures: AgentFutures,
    plan: NDArray[np.int64],
    agent: NDArray[np.int64],
    mode: NDArray[np.int64],
    delay: NDArray[np.float64],
    unconditional: PredictedTrajectories,
    config: ConditionalConfig,
    give_way: Callable[[], None],
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
    without = _without_reaction(ego, futures, plan[first], agent[first], source[first], config)
    gap, collision, ground = (without[0][same.ravel()], without[1][same.ravel()], without[2][same.ravel()])

    give_way()
    late = np.flatnonzero(delay[:, -1] > 0.0)
    unhindered = Tracks.of(futures, agent[late], mode[late])
    tracks = unhindered.delayed(delay[late], ego.time_step_s)
    gap[late], attentive = _measure(ego, plan[late], tracks, futures.size[agent[late]])
    arrival_s = ground.agent_s.copy()
    arrival_s[late] = _arrival(ground.agent_s[late], delay[late], ego.time_step_s)
    collision[late] = attentive + config.inattentive_share * (collision[late] - attentive)
    give_way()
    shift = np.zeros(len(plan))
    moved = tracks.position[:, 1:] - unhindered.position[:, 1:]
    shift[late] = np.hypot(moved[..., 0], moved[..., 1]).mean(axis=1)

    conflict = np.full(shape, np.inf)
    plausible = weight >= config.plausible_mode
    np.minimum.at(conflict, (plan[plausible], agent[plausible]), ground.both_s[plausible])
    predictions = _per_plan(futures, plan[late], agent[late], mode[late], tracks, unconditional, len(ego), give_way)
    return ConditionalAnswer(
        predictions=predictions,
        ids=unconditional.ids,
        yield_probability=np.clip(over_modes(_yields(ground, arrival_s, config)), 0.0, 1.0),
        collision_probability=np.clip(over_modes(collision), 0.0, 1.0),
        smallest_gap_m=over_modes(gap),
        time_to_conflict_s=conflict,
        shift_m=over_modes(shift),
    )


def _measure(
    ego: EgoFutures, plan: NDArray[np.int64], tracks: Tracks, size: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smallest gap (R,) [m] and collision probability (R,)."""
    separation = Separation.of(ego, plan, tracks.position, tracks.yaw, size)
    gap = smallest_gap(ego, plan, tracks.position, tracks.yaw, size, separation)
    return gap, collision_probability(separation, ego, plan, tracks.yaw, size, tracks.covariance)


def _without_reaction(
    ego: EgoFutures,
    futures: AgentFutures,
    plan: NDArray[np.int64],
    agent: NDArray[np.int64],
    mode: NDArray[np.int64],
    config: ConditionalConfig,
) -> tuple[NDArray[np.float64], NDArray[np.float64], SharedGround]:
    """Smallest gap (R,), collision probability (R,) and shared ground of agents that do not see the ego.

    Courses that stay far away share no ground and do not collide; a few steps a second are enough for their gap.
    """
    stride = max(round(_FAR_INTERVAL_S / ego.time_step_s), 1)
    near = _near(ego, futures)[plan, agent, mode]
    gap, collision = np.zeros(len(plan)), np.zeros(len(plan))
    ground = SharedGround(*(np.full(len(plan), np.inf) for _ in fields(SharedGround)))
    rows = np.flatnonzero(near)
    tracks, size = Tracks.of(futures, agent[rows], mode[rows]), futures.size[agent[rows]]
    gap[rows], collision[rows] = _measure(ego, plan[rows], tracks, size)
    interval_s = config.reaction.decision_interval_s
    found = shared_ground(ego, plan[rows], tracks.position, tracks.yaw, size, interval_s)
    for each in fields(SharedGround):
        getattr(ground, each.name)[rows] = getattr(found, each.name)
    rows = np.flatnonzero(~near)
    position = futures.position[:, :, ::stride][agent[rows], mode[rows]]
    yaw = futures.yaw[:, :, ::stride][agent[rows], mode[rows]]
    gap[rows] = smallest_gap(ego.every(stride), plan[rows], position, yaw, futures.size[agent[rows]])
    return gap, collision, ground


def _near(ego: EgoFutures, futures: AgentFutures) -> NDArray[np.bool_]:
    """(C, N, K) whether the boxes around both courses come within _FAR_M, or three deviations of the position."""
    center = np.where(ego.valid[..., None], ego.center, ego.center[:, :1])
    low, high = center.min(axis=1)[:, None, None], center.max(axis=1)[:, None, None]
    trace = futures.covariance[..., 0, 0] + futures.covariance[..., 1, 1]
    reach = np.maximum(_FAR_M, 3.0 * np.sqrt(np.maximum(trace.max(axis=2), 0.0)))
    reach = reach + 0.5 * (futures.size.sum(axis=1)[:, None] + ego.size.sum())
    x, y = np.moveaxis(np.maximum(np.maximum(futures.low - high, low - futures.high), 0.0), -1, 0)
    near: NDArray[np.bool_] = np.hypot(x, y) <= reach
    return near


def _arrival(agent_s: NDArray[np.float64], delay: NDArray[np.float64], time_step_s: float) -> NDArray[np.float64]:
    """(R,) when courses that run `delay` (R, T + 1) late get where they would be at `agent_s` (R,); +inf: never."""
    clock = np.arange(delay.shape[1]) * time_step_s - delay
    steps = (clock < agent_s[:, None] - 1e-6).sum(axis=1)
    return np.where(steps < delay.shape[1], steps * time_step_s, np.inf)


def _yields(ground: SharedGround, arrival_s: NDArray[np.float64], config: ConditionalConfig) -> NDArray[np.float64]:
    """(R,) probability that the agent, which arrives at `arrival_s` (R,), comes second on shared ground."""
    shared = np.isfinite(ground.agent_s)
    ego_s = np.where(shared, ground.ego_s, 0.0)
    meets = shared & (ground.agent_s - ego_s <= config.max_encroachment_s)
    return np.where(meets, expit((arrival_s - ego_s) / config.order_deviation_s), 0.0)


def _per_plan(
    futures: AgentFutures,
    plan: NDArray[np.int64],
    agent: NDArray[np.int64],
    mode: NDArray[np.int64],
    tracks: Tracks,
    unconditional: PredictedTrajectories,
    num_plans: int,
    give_way: Callable[[], None],
) -> tuple[PredictedTrajectories, ...]:
    """N x K columns for each plan: as without one, but for the modes (R,) that run late."""
    steps = {each.name: np.ascontiguousarray(getattr(futures, each.name)[:, :, 1:]) for each in fields(tracks)}
    answers = []
    for index in range(num_plans):  # a handful of plans
        give_way()
        rows = np.flatnonzero(plan == index)
        arrays: dict[str, Any] = {name: array.copy() if len(rows) else array for name, array in steps.items()}
        for name, array in arrays.items():
            if len(rows):
                array[agent[rows], mode[rows]] = getattr(tracks, name)[rows, 1:]
        answers.append(replace(unconditional, probability=futures.probability, **arrays))
    return tuple(answers)
