"""Makes any message of tracked agents safe to predict from: what is bad is mended or dropped, and said in one sentence.

The policy, per agent:

* position not finite: moved on with constant velocity from its last good state where that is young enough, else dropped
  (an agent that never had a position cannot be placed);
* velocity not finite: the displacement since its last good state, else standing;
* yaw not finite: the last good yaw, else the direction of motion;
* class probabilities unusable: AgentClass.UNKNOWN; size unusable: the typical size of its class;
* everything else that is not finite takes its neutral value;
* duplicate ids: the one nearest to where the agent was expected stays, the first one where nothing was expected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.scene import DEFAULT_SIZE_M, NUM_CLASSES, AgentClass, TrackedAgents

_MOVING_MPS = 0.5  # the direction of motion says something about the yaw from this speed on
_NAMED_IDS = 5  # in a problem sentence


@dataclass(frozen=True)
class AgentLimits:
    """What is taken as a plausible state."""

    max_speed_mps: float = 100.0
    max_size_m: float = 60.0
    max_coordinate_m: float = 1e7
    max_dead_reckoning_s: float = 0.5  # how old the last good state of an agent with a bad one may be

    def __post_init__(self) -> None:
        for limit in fields(self):
            if not getattr(self, limit.name) > 0.0:
                raise ValueError(f"{limit.name} must be > 0, got {getattr(self, limit.name)}")


@dataclass(frozen=True)
class RecalledStates:
    """Last good states of N agents that are asked about."""

    found: NDArray[np.bool_]  # (N,) the rest is meaningless where false
    position: NDArray[np.float64]  # (N, 2) [m]
    yaw: NDArray[np.float64]  # (N,)
    velocity: NDArray[np.float64]  # (N, 2) [m/s]
    age_s: NDArray[np.float64]  # (N,) > 0

    @property
    def expected_position(self) -> NDArray[np.float64]:
        """(N, 2) where constant velocity has taken the agents by now."""
        return self.position + self.velocity * self.age_s[:, None]


Recall = Callable[[NDArray[np.int64]], RecalledStates]


def sanitize_agents(
    agents: TrackedAgents, limits: AgentLimits, recall: Recall
) -> tuple[TrackedAgents, NDArray[np.bool_], list[str]]:
    """Agents with unique ids and finite states, which of them (N,) have a measured pose, and what was wrong.

    `recall` gives the last good states of ids (M,). Never raises on the values of the arrays.
    """
    problems: list[str] = []
    agents, recalled = _unique(agents, recall, problems)
    values: dict[str, Any] = {each.name: getattr(agents, each.name) for each in fields(agents)}
    with np.errstate(all="ignore"):
        good_pose = _mend_pose(agents.ids, values, limits, recalled, problems)
        _mend_velocity(agents.ids, values, limits, recalled, problems)
        _mend_yaw(agents.ids, values, recalled, problems)
        _mend_class_and_size(agents.ids, values, limits, problems)
        _mend_rest(agents.ids, values, problems)
    mended = TrackedAgents(**values)
    placed = np.isfinite(mended.position[:, 0])
    if placed.all():
        return mended, good_pose, problems
    return mended.select(placed), good_pose[placed], problems


def name_ids(ids: NDArray) -> str:
    """`agent 4` or `agents 4, 7, 9` for a sentence; long lists are cut."""
    shown = ", ".join(str(i) for i in ids[:_NAMED_IDS])
    more = f" and {len(ids) - _NAMED_IDS} more" if len(ids) > _NAMED_IDS else ""
    return f"agent{'s' if len(ids) > 1 else ''} {shown}{more}"


class _Lazy:
    """The last good states of the agents of one message, looked up only when something is bad."""

    def __init__(self, recall: Recall, ids: NDArray[np.int64]) -> None:
        self._recall, self._ids = recall, ids
        self._states: RecalledStates | None = None

    def __call__(self) -> RecalledStates:
        if self._states is None:
            self._states = self._recall(self._ids)
        return self._states


def _unique(agents: TrackedAgents, recall: Recall, problems: list[str]) -> tuple[TrackedAgents, _Lazy]:
    ids = agents.ids
    unique, counts = np.unique(ids, return_counts=True)
    if len(unique) == len(ids):
        return agents, _Lazy(recall, ids)
    states = recall(ids)
    with np.errstate(all="ignore"):
        surprise = np.linalg.norm(agents.position[:, :2] - states.expected_position, axis=1)
    surprise = np.where(np.isfinite(agents.position[:, :2]).all(axis=1), surprise, np.inf)
    surprise = np.where(states.found | np.isinf(surprise), surprise, 0.0)
    order = np.lexsort((np.arange(len(ids)), surprise, ids))
    first = np.r_[True, ids[order][1:] != ids[order][:-1]]
    chosen = agents.select(np.sort(order[first]))
    problems.append(f"{name_ids(unique[counts > 1])}: the id is not unique; one agent is kept of each")
    return chosen, _Lazy(recall, chosen.ids)


def _mend_pose(
    ids: NDArray, values: dict[str, Any], limits: AgentLimits, recalled: _Lazy, problems: list[str]
) -> NDArray[np.bool_]:
    """Mends `position`; rows that cannot be placed become NaN. Which rows (N,) had a good position."""
    position = np.array(values["position"], dtype=np.float64)
    good = np.all(np.abs(position[:, :2]) <= limits.max_coordinate_m, axis=1)  # false for NaN
    position[~(np.abs(position[:, 2]) <= limits.max_coordinate_m), 2] = 0.0
    if not good.all():
        states = recalled()
        known = ~good & states.found
        position[~good, :2] = np.nan
        position[known, :2] = states.expected_position[known]
        if known.any():
            problems.append(f"{name_ids(ids[known])}: the position is unusable; moved on from the last good state")
        if (lost := ~good & ~known).any():
            problems.append(f"{name_ids(ids[lost])}: the position is unusable and there is no past; not predicted")
    values["position"] = position
    return good


def _mend_velocity(
    ids: NDArray, values: dict[str, Any], limits: AgentLimits, recalled: _Lazy, problems: list[str]
) -> None:
    velocity = np.array(values["velocity"], dtype=np.float64)
    bad = ~np.isfinite(velocity).all(axis=1)
    if bad.any():
        states = recalled()
        displacement = (values["position"][:, :2] - states.position) / np.maximum(states.age_s, 1e-3)[:, None]
        usable = bad & states.found & np.isfinite(displacement).all(axis=1)
        velocity[bad] = 0.0
        velocity[usable] = displacement[usable]
        problems.append(f"{name_ids(ids[bad])}: the velocity is not finite; taken from the past, or as standing")
    speed = np.linalg.norm(velocity, axis=1)
    if (fast := speed > limits.max_speed_mps).any():
        velocity[fast] *= (limits.max_speed_mps / speed[fast])[:, None]
        velocity[~np.isfinite(velocity)] = 0.0  # a norm that overflowed
        problems.append(
            f"{name_ids(ids[fast])}: a speed of {speed[fast][0]:.4g} m/s is over {limits.max_speed_mps:g} m/s; clamped"
        )
    values["velocity"] = velocity


def _mend_yaw(ids: NDArray, values: dict[str, Any], recalled: _Lazy, problems: list[str]) -> None:
    yaw = np.array(values["yaw"], dtype=np.float64)
    bad = ~(np.abs(yaw) < 1e6)  # false for NaN; wrapping larger angles is noise
    if bad.any():
        states, velocity = recalled(), values["velocity"]
        moving = np.linalg.norm(velocity, axis=1) > _MOVING_MPS
        course = np.where(moving, np.arctan2(velocity[:, 1], velocity[:, 0]), 0.0)
        yaw[bad] = np.where(states.found, states.yaw, course)[bad]
        problems.append(f"{name_ids(ids[bad])}: the yaw is unusable; taken from the past or the direction of motion")
    values["yaw"] = wrap_angle(yaw)


def _mend_class_and_size(ids: NDArray, values: dict[str, Any], limits: AgentLimits, problems: list[str]) -> None:
    probability = np.array(values["class_probabilities"], dtype=np.float64)
    total = probability.sum(axis=1)
    bad = ~(np.isfinite(probability).all(axis=1) & (probability >= 0.0).all(axis=1) & (total > 1e-6))
    probability[bad] = np.eye(NUM_CLASSES)[AgentClass.UNKNOWN]
    values["class_probabilities"] = probability / probability.sum(axis=1, keepdims=True)
    if bad.any():
        problems.append(f"{name_ids(ids[bad])}: the class probabilities are unusable; taken as unknown")

    size = np.array(values["size"], dtype=np.float64)
    good = (size > 0.0) & (size <= limits.max_size_m)
    typical = DEFAULT_SIZE_M[np.argmax(probability, axis=1)] if len(ids) else size
    if (bad := ~good.all(axis=1)).any():
        worst = size[bad][0]
        problems.append(
            f"{name_ids(ids[bad])}: the size {worst[0]:.4g} x {worst[1]:.4g} x {worst[2]:.4g} m is implausible; "
            "the typical size of the class is used"
        )
    values["size"] = np.where(good, size, typical)


def _mend_rest(ids: NDArray, values: dict[str, Any], problems: list[str]) -> None:
    neutral = {
        "existence_probability": 1.0,
        "yaw_rate": 0.0,
        "acceleration": 0.0,
        "age_s": 0.0,
        "time_since_seen_s": 0.0,
    }
    for name, value in neutral.items():
        array = np.array(values[name], dtype=np.float64)
        finite = np.isfinite(array).all(axis=tuple(range(1, array.ndim)))
        if not finite.all():
            array[~finite] = value
            problems.append(f"{name_ids(ids[~finite])}: {name} is not finite; taken as {value:g}")
        values[name] = array
    values["existence_probability"] = np.clip(values["existence_probability"], 0.0, 1.0)
    wheel = np.array(values["front_wheel_angle"], dtype=np.float64)
    values["front_wheel_angle"] = np.where(np.isfinite(wheel), wheel, np.nan)  # NaN is its word for unknown
    for name in ("pose_covariance", "velocity_covariance"):
        covariance = np.array(values[name], dtype=np.float64)
        diagonal = np.diagonal(covariance, axis1=1, axis2=2)
        good = np.isfinite(covariance).all(axis=(1, 2)) & (diagonal >= 0.0).all(axis=1)
        if not good.all():
            covariance[~good] = 0.0
            problems.append(f"{name_ids(ids[~good])}: {name} is unusable; taken as 0")
        values[name] = covariance
