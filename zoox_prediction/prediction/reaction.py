"""How agents react to the ego, step by step, seeing of its plan only what it has done so far.

Every mode of an agent keeps its path and gives way by running late on it: its clock stands behind the time by `delay`.
A mode that meets nobody has delay 0, exactly. Every `decision_interval_s` the agent looks at the ego as it moves then
(constant curvature, present braking) for `lookahead_s` and asks where its own path enters the ground that the ego is
about to sweep:

* gap acceptance: it goes first if the ego comes later than the agent is clear by more than a critical margin (a
  logistic distribution over drivers, each mode is one quantile of it; cf. Highway Capacity Manual, critical headway);
* the right of way and signals shift that margin (see `conditional_precedence`): who goes first relies on the ego to
  wait, as long as that can still stop; who does not wants a longer gap;
* it goes unhindered if the ego is gone before it arrives, or if it is first and would have to brake hard to stop;
* otherwise it brakes by the Intelligent Driver Model (Treiber, Hennecke, Helbing, Phys. Rev. E 62, 2000): behind an ego
  that goes its way at the ego's speed, before ground that the ego crosses at a standstill.

Since decisions use the plan up to their instant only, plans that agree up to t give equal reactions up to t.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.prediction.lookout import Samples, SeenEgo, SeenPlans, find_entry
from zoox_prediction.prediction.plans import EgoFutures

_SAME_WAY_COS = 0.7  # of the angle between two headings: within 45 degrees
_ONCOMING_COS = -0.7
_MIN_SPEED_MPS = 0.5  # for dividing by a speed
_NEVER_S = 1e3
_FIRM_SHARE = 0.8  # of the hardest braking, by who must not go first or sees that the ego will not wait
_SHORT_OF_M = 0.3  # where a hard stop ends


@dataclass(frozen=True)
class ReactionConfig:
    """Drivers' and walkers' habits; four values are in the order vehicle, cyclist, pedestrian, other."""

    decision_interval_s: float = 0.4
    lookahead_s: float = 5.0
    lateral_margin_m: float = 0.3  # beside the ego
    critical_margin_s: tuple[float, ...] = (1.0, 1.0, 1.5, 0.0)  # median, from being clear to the ego's arrival
    critical_margin_deviation_s: float = 0.5  # scale of the logistic distribution over drivers
    precedence_shift_s: float = (
        2.0  # of the critical margin, less with the right of way or green against red, else more
    )
    insisting_mps2: float = 2.5  # who goes first relies on an ego that can still stop without braking harder
    pass_behind_s: float = 0.5  # from the ego being gone to the agent's arrival
    time_headway_s: tuple[float, ...] = (1.2, 1.0, 0.5, 1.0)
    standstill_gap_m: tuple[float, ...] = (2.0, 1.5, 0.7, 1.5)
    acceleration_mps2: tuple[float, ...] = (1.5, 1.0, 1.0, 1.0)
    comfortable_deceleration_mps2: tuple[float, ...] = (2.0, 1.5, 1.5, 2.0)
    max_deceleration_mps2: tuple[float, ...] = (7.0, 5.0, 3.0, 5.0)

    def __post_init__(self) -> None:
        for name in (
            "critical_margin_s",
            "time_headway_s",
            "standstill_gap_m",
            "acceleration_mps2",
            "comfortable_deceleration_mps2",
            "max_deceleration_mps2",
        ):
            values = getattr(self, name)
            low = -np.inf if name == "critical_margin_s" else 0.0
            if len(values) != len(Group) or not all(np.isfinite(value) and value > low for value in values):
                raise ValueError(f"{name} must be {len(Group)} positive numbers, got {list(values)}")
        for name in ("decision_interval_s", "lookahead_s", "critical_margin_deviation_s", "insisting_mps2"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)}")
        if not self.precedence_shift_s >= 0.0:
            raise ValueError(f"precedence_shift_s must be >= 0, got {self.precedence_shift_s}")


@dataclass(frozen=True)
class Courses:
    """R modes of agents as courses to react on, at T + 1 instants from now; each with the plan that it reacts to."""

    plan: NDArray[np.int64]  # (R,) row of the ego's futures
    position: NDArray[np.float64]  # (R, T + 1, 2) [m]
    yaw: NDArray[np.float64]  # (R, T + 1) of the box
    speed: NDArray[np.float64]  # (R, T + 1) [m/s] along the path, >= 0
    size: NDArray[np.float64]  # (R, 2) length, width [m]
    group: NDArray[np.int64]  # (R,) Group
    quantile: NDArray[np.float64]  # (R,) in (0, 1): how cautious a driver this is
    precedence: NDArray[np.int8] | None = None  # (R, D) at every decision: 1 the agent goes first, -1 the ego, 0 nobody


@dataclass(frozen=True)
class _Habits:
    """The config's values of R courses."""

    margin_s: NDArray[np.float64]
    headway_s: NDArray[np.float64]
    standstill_m: NDArray[np.float64]
    accelerate: NDArray[np.float64]
    brake: NDArray[np.float64]
    brake_hard: NDArray[np.float64]

    @classmethod
    def of(cls, courses: Courses, config: ReactionConfig) -> _Habits:
        def each(values: tuple[float, ...]) -> NDArray[np.float64]:
            return np.asarray(values)[courses.group]

        spread = np.log(courses.quantile / (1.0 - courses.quantile))  # quantile function of the logistic distribution
        return cls(
            margin_s=each(config.critical_margin_s) + config.critical_margin_deviation_s * spread,
            headway_s=each(config.time_headway_s),
            standstill_m=each(config.standstill_gap_m),
            accelerate=each(config.acceleration_mps2),
            brake=each(config.comfortable_deceleration_mps2),
            brake_hard=each(config.max_deceleration_mps2),
        )

    def select(self, rows: NDArray[np.int64]) -> _Habits:
        return _Habits(*(getattr(self, each.name)[rows] for each in fields(self)))


def decision_stride(ego: EgoFutures, config: ReactionConfig) -> int:
    """Steps of the grid between two decisions."""
    return max(round(config.decision_interval_s / ego.time_step_s), 1)


def react(
    ego: EgoFutures,
    courses: Courses,
    seen: SeenPlans,
    config: ReactionConfig,
    give_way: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """How late (R, T + 1) [s] each course runs; 0 in column 0, never decreasing, growing by at most the time.

    `seen` is what there is to see of `ego` at every decision; `give_way` is called between the decisions.
    """
    step_s, stride = ego.time_step_s, decision_stride(ego, config)
    num_steps = courses.position.shape[1] - 1
    habits = _Habits.of(courses, config)
    samples = Samples.of(courses.position, courses.yaw, courses.speed, courses.size, stride, step_s, ego.center[0, 0])
    seen_low, seen_high = seen.corners(config.lateral_margin_m)
    delay = np.zeros((len(courses.plan), num_steps + 1))
    rate = np.ones(len(courses.plan))  # of the course's clock
    for start in range(0, num_steps, stride):  # each decision needs the state that the one before led to
        give_way()
        decision, stop = start // stride, min(start + stride, num_steps)
        clock = start * step_s - delay[:, start]
        speed = samples.at(samples.speed, clock)
        acceleration = habits.accelerate.copy()
        low, high = seen_low[decision, courses.plan], seen_high[decision, courses.plan]
        near = np.flatnonzero(_meet(samples.low, samples.high, low, high))
        if len(near):
            acceleration[near] = _decide(
                samples.select(near),
                seen.at(decision, courses.plan[near]),
                ego.size,
                clock[near],
                rate[near],
                habits.select(near),
                None if courses.precedence is None else courses.precedence[near, decision],
                config,
            )
        change = acceleration * step_s / np.maximum(speed, _MIN_SPEED_MPS)
        rates = np.clip(rate[:, None] + change[:, None] * np.arange(stop - start + 1), 0.0, 1.0)
        late = (1.0 - 0.5 * (rates[:, 1:] + rates[:, :-1])) * step_s
        delay[:, start + 1 : stop + 1] = delay[:, start, None] + np.cumsum(late, axis=1)
        rate = rates[:, -1]
    return delay


def _decide(
    samples: Samples,
    ego: SeenEgo,
    ego_size: NDArray[np.float64],
    clock: NDArray[np.float64],
    rate: NDArray[np.float64],
    habits: _Habits,
    precedence: NDArray[np.int8] | None,
    config: ReactionConfig,
) -> NDArray[np.float64]:
    """Acceleration (R,) [m/s^2] that R agents choose now, at a time `clock` (R,) on their courses."""
    speed = rate * samples.at(samples.speed, clock)
    entry = find_entry(samples, ego, ego_size, clock, config.lateral_margin_m)
    done = samples.at(samples.arc_m, clock)
    distance = entry.in_m - done

    same_way, oncoming = entry.cos > _SAME_WAY_COS, entry.cos < _ONCOMING_COS
    reach = entry.extent_x + 0.5 * ego_size[0]
    ego_in = _travel_time(np.maximum(entry.ego_x - reach, 0.0), ego.speed, -ego.braking)
    ego_out = np.where(same_way, _NEVER_S, _travel_time(entry.ego_x + reach, ego.speed, -ego.braking))
    agent_in = np.maximum(entry.in_s - clock, _travel_time(distance, speed, habits.accelerate))
    to_clear = np.where(same_way, distance + samples.size[:, 0], entry.out_m - done)
    clear_s = np.where(same_way, agent_in, entry.out_s - clock)
    agent_out = np.maximum(clear_s, _travel_time(to_clear, speed, habits.accelerate))

    margin_s, hardest = habits.margin_s, 1.5 * habits.brake
    if precedence is not None:
        owes, insists = _precedence_now(precedence, entry.ego_x - reach, ego.speed, config)
        margin_s = margin_s + config.precedence_shift_s * (owes.astype(np.float64) - insists)
        hardest = np.where((precedence != 0) & ~insists, _FIRM_SHARE * habits.brake_hard, hardest)
    goes_first = ego_in - agent_out > margin_s
    ego_gone = agent_in - ego_out > config.pass_behind_s
    inside = distance <= 0.0
    needed = 0.5 * speed**2 / np.maximum(distance - _SHORT_OF_M, 0.1)  # deceleration to a stop before the ground
    too_late = ~same_way & (agent_in < ego_in) & (needed > hardest)
    gives_way = entry.found & ~goes_first & ~ego_gone & ~inside & ~too_late
    head_on = entry.found & oncoming & inside & (entry.ego_x > 0.5 * ego_size[0])
    merging = same_way & (ego_in > 0.0)
    gap = np.where(merging, np.maximum(distance - np.maximum(entry.ego_x - reach, 0.0), 1.0), distance)
    gap = np.where(head_on, 0.5 * np.maximum(entry.ego_x - reach, 0.2), np.maximum(gap, 0.1))
    lead_speed = np.where(same_way, ego.speed * entry.cos, 0.0)

    headway = np.where(same_way, habits.headway_s, 0.5)
    approach = 0.5 * speed * (speed - lead_speed) / np.sqrt(habits.accelerate * habits.brake)
    wanted_gap = habits.standstill_m + np.maximum(headway * speed + approach, 0.0)
    free = 1.0 - rate**4
    hindered = habits.accelerate * (free - (wanted_gap / gap) ** 2)
    hindered = np.where(~same_way & (needed > habits.brake), np.minimum(hindered, -needed), hindered)
    limit = np.where(merging, 1.5 * habits.brake, habits.brake_hard)
    return np.clip(np.where(gives_way | head_on, hindered, habits.accelerate), -limit, habits.accelerate)


def _precedence_now(
    precedence: NDArray[np.int8],
    ego_distance: NDArray[np.float64],
    ego_speed: NDArray[np.float64],
    config: ReactionConfig,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(R,) whether the ego goes first, and whether the agent does and still relies on that.

    It does not with an ego that is `ego_distance` (R,) [m] before the ground and too fast to stop any more.
    """
    needed = 0.5 * ego_speed**2 / np.maximum(ego_distance, 0.1)
    return precedence < 0, (precedence > 0) & (needed <= config.insisting_mps2)


def _meet(low: NDArray, high: NDArray, other_low: NDArray, other_high: NDArray) -> NDArray[np.bool_]:
    """(R,) whether boxes with corners (R, 2) each meet; axis by axis, for `all` over an axis of two is slow."""
    x = (low[:, 0] <= other_high[:, 0]) & (high[:, 0] >= other_low[:, 0])
    y = (low[:, 1] <= other_high[:, 1]) & (high[:, 1] >= other_low[:, 1])
    return np.asarray(x & y)


def _travel_time(
    distance: NDArray[np.float64], speed: NDArray[np.float64], acceleration: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Time (R,) [s] to travel a distance (R,) at constant acceleration (R,); _NEVER_S where it stops before."""
    distance = np.maximum(distance, 0.0)
    discriminant = speed**2 + 2.0 * acceleration * distance
    time = 2.0 * distance / np.maximum(speed + np.sqrt(np.maximum(discriminant, 0.0)), 1e-3)
    return np.where(discriminant < 0.0, _NEVER_S, np.minimum(time, _NEVER_S))
