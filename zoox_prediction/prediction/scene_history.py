"""Gathers what arrives (agents, ego, map, signals) and gives the scene: all of it now and in the past, on a grid."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.prediction.interpolation import interpolate_states
from zoox_prediction.prediction.sanitize import AgentLimits, RecalledStates, name_ids, sanitize_agents
from zoox_prediction.scene import EgoState, Scene, SignalState, TrackedAgents, TrafficSignals

_EGO_SPACING_NS = 10_000_000  # a faster odometry is thinned to this, so that the past costs the same at any rate
_STATE = 5  # columns of a state row: x, y, yaw, vx, vy


@dataclass(frozen=True)
class EgoConfig:
    """The ego vehicle's box."""

    length_m: float = 4.6
    width_m: float = 1.9
    center_offset_m: float = 1.4  # from base_link forward to the centre of the box

    def __post_init__(self) -> None:
        if not (self.length_m > 0.0 and self.width_m > 0.0):
            raise ValueError(f"length_m and width_m must be > 0, got {self.length_m} and {self.width_m}")


@dataclass(frozen=True)
class SceneHistoryConfig:
    """How the past is sampled, and when an input counts as old or as jumped back."""

    frame_id: str = "map"  # all input must be in it
    past_s: float = 2.0
    time_step_s: float = 0.1
    max_interpolation_gap_s: float = 0.6  # a track with a longer hole has no past inside it
    max_extrapolation_s: float = 0.05
    max_ego_age_s: float = 0.5
    max_signal_age_s: float = 5.0
    reset_jump_s: float = 1.0  # a stamp that goes back further starts everything anew; a smaller one is out of order
    limits: AgentLimits = field(default_factory=AgentLimits)

    def __post_init__(self) -> None:
        if not 0.0 < self.time_step_s <= self.past_s:
            raise ValueError(f"0 < time_step_s <= past_s must hold, got {self.time_step_s} and {self.past_s}")
        for name in ("max_interpolation_gap_s", "max_ego_age_s", "max_signal_age_s", "reset_jump_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)}")
        if not self.max_extrapolation_s >= 0.0:
            raise ValueError(f"max_extrapolation_s must be >= 0, got {self.max_extrapolation_s}")

    @property
    def num_past_steps(self) -> int:
        """P: both ends of the past count, so 2.0 s at 0.1 s are 21 steps."""
        return round(self.past_s / self.time_step_s) + 1


@dataclass(frozen=True)
class _Frame:
    agents: TrackedAgents
    states: NDArray[np.float64]  # (N, 5)
    measured: NDArray[np.bool_]  # (N,) false for dead-reckoned poses


class SceneHistory:
    """Keeps the last seconds of every input; each `add_*` returns the problems it found, one sentence each.

    Nothing that arrives makes it raise. A stamp that goes back by more than `reset_jump_s` within one input (a
    recording that loops) forgets everything but the map; `resets` counts how often that happened.
    """

    def __init__(self, config: SceneHistoryConfig | None = None, ego: EgoConfig | None = None) -> None:
        self._config = config or SceneHistoryConfig()
        self._ego_config = ego or EgoConfig()
        self._road_network = RoadNetwork()
        self.resets = 0
        self.problems: tuple[str, ...] = ()  # what the scene that was given last lacks
        self._clear()

    def _clear(self) -> None:
        self._frames: deque[_Frame] = deque()
        self._ego: deque[EgoState] = deque()
        self._signals = TrafficSignals()

    def reset(self) -> None:
        """Forgets all but the road network, which is latched and not sent again."""
        self.resets += 1
        self._clear()

    @property
    def newest_stamp_ns(self) -> int | None:
        """Of the tracked agents."""
        return self._frames[-1].agents.stamp_ns if self._frames else None

    def add_agents(self, agents: TrackedAgents) -> list[str]:
        """Takes one frame of tracked agents; see `sanitize` for what happens to bad ones."""
        if agents.frame_id != self._config.frame_id:
            return [f"tracked agents in frame '{agents.frame_id}' are dropped; expected '{self._config.frame_id}'"]
        drop, problems = self._check_order("tracked agents", self.newest_stamp_ns, agents.stamp_ns)
        if drop:
            return problems
        stamp_ns = agents.stamp_ns
        agents, measured, found = sanitize_agents(agents, self._config.limits, lambda ids: self._recall(ids, stamp_ns))
        states = np.column_stack([agents.position[:, :2], agents.yaw, agents.velocity])
        self._frames.append(_Frame(agents, states, measured))
        keep_s = self._config.past_s + self._config.max_interpolation_gap_s
        while (stamp_ns - self._frames[0].agents.stamp_ns) * 1e-9 > keep_s:
            self._frames.popleft()
        return problems + found

    def add_ego(self, ego: EgoState) -> list[str]:
        """Takes one state of the ego; one that is not finite is dropped."""
        state = np.array([*ego.position, ego.yaw, *ego.velocity], dtype=np.float64)
        if not (np.isfinite(state).all() and (np.abs(state[:2]) <= self._config.limits.max_coordinate_m).all()):
            return ["the ego's position, yaw or velocity is not finite; this state is dropped"]
        newest = self._ego[-1].stamp_ns if self._ego else None
        drop, problems = self._check_order("the ego's states", newest, ego.stamp_ns)
        if drop:
            return problems
        limit = self._config.limits.max_speed_mps
        if (speed := float(np.hypot(*state[3:]))) > limit:
            ego = replace(ego, velocity=ego.velocity * (limit / speed))
            problems.append(f"the ego's speed of {speed:.4g} m/s is beyond {limit:g} m/s; clamped")
        if not (np.isfinite(ego.yaw_rate) and np.isfinite(ego.z)):
            ego = replace(ego, yaw_rate=0.0, z=0.0)
            problems.append("the ego's yaw rate or height is not finite; taken as 0")
        if len(self._ego) > 1 and ego.stamp_ns - self._ego[-2].stamp_ns < _EGO_SPACING_NS:
            self._ego.pop()
        self._ego.append(ego)
        keep_s = self._config.past_s + self._config.max_interpolation_gap_s + self._config.max_ego_age_s
        while (ego.stamp_ns - self._ego[0].stamp_ns) * 1e-9 > keep_s:
            self._ego.popleft()
        return problems

    def set_road_network(self, road_network: RoadNetwork) -> list[str]:
        """Replaces the map by any that is in the right frame and finite; that one has no lanes is a problem too."""
        if road_network.frame_id != self._config.frame_id:
            return [
                f"the road network in frame '{road_network.frame_id}' is dropped; expected '{self._config.frame_id}'"
            ]
        lanes = road_network.lanes
        for lines in (
            lanes.centerline,
            lanes.left_boundary,
            lanes.right_boundary,
            road_network.crosswalks,
            road_network.stop_lines,
        ):
            if not np.isfinite(lines.values).all():
                return ["the road network has points that are not finite; it is dropped"]
        self._road_network = road_network
        return [] if len(lanes) else ["the road network has no lanes; agents follow their own motion"]

    def add_signals(self, signals: TrafficSignals) -> list[str]:
        """Merges the signals by id: the last observation of each stays, so publishers may send parts of the set."""
        newest = self._signals.stamp_ns if len(self._signals.ids) else None
        problems: list[str] = []
        if newest is not None and (newest - signals.stamp_ns) * 1e-9 > self._config.reset_jump_s:
            _, problems = self._check_order("the traffic signals", newest, signals.stamp_ns)
        state = np.asarray(signals.state).astype(np.int64)
        bad_state = (state < 0) | (state > max(SignalState))
        if bad_state.any():
            problems.append(f"traffic signal {signals.ids[bad_state][0]} has the unknown state {state[bad_state][0]}")
        confidence = np.clip(np.nan_to_num(np.asarray(signals.confidence, dtype=np.float64)), 0.0, 1.0)
        ids = np.concatenate([self._signals.ids, signals.ids])
        stamps = np.concatenate([self._signals.state_stamp_ns, signals.state_stamp_ns])
        states = np.concatenate([self._signals.state, np.where(bad_state, SignalState.UNKNOWN, state)])
        order = np.lexsort((np.arange(len(ids)), stamps, ids))
        last = order[np.r_[ids[order][1:] != ids[order][:-1], True]] if len(ids) else order
        self._signals = TrafficSignals(
            stamp_ns=max(signals.stamp_ns, self._signals.stamp_ns),
            ids=ids[last],
            state=states[last].astype(np.uint8),
            state_stamp_ns=stamps[last],
            confidence=np.concatenate([self._signals.confidence, confidence])[last],
        )
        return problems

    def scene(self, stamp_ns: int | None = None) -> Scene | None:
        """The scene at the newest frame of agents not later than `stamp_ns` (default: the newest); None without one.

        Only agents of that frame are in it: an agent that is no longer reported has gone, and how long an occluded one
        lives is the tracker's decision. Nothing later than that frame enters, apart from the ego's next state to
        interpolate to. Past steps that are not valid hold the present state. `problems` tells what the scene lacks.
        """
        self.problems = ()
        frames = [frame for frame in self._frames if stamp_ns is None or frame.agents.stamp_ns <= stamp_ns]
        if not frames:
            return None
        agents = frames[-1].agents
        times = (np.arange(self._config.num_past_steps) - (self._config.num_past_steps - 1)) * self._config.time_step_s
        frame_times = np.array([(frame.agents.stamp_ns - agents.stamp_ns) * 1e-9 for frame in frames])
        states, known = _align(frames, agents.ids)
        past, valid = self._interpolate(frame_times, states, known, times)
        past[:, -1], valid[:, -1] = frames[-1].states, True
        past = np.where(valid[..., None], past, past[:, -1:])
        problems: list[str] = []
        ego, ego_past, ego_past_valid = self._ego_at(agents.stamp_ns, times, problems)
        signals = self._fresh_signals(agents.stamp_ns, problems)
        self.problems = tuple(problems)
        return Scene(
            stamp_ns=agents.stamp_ns,
            agents=agents,
            past_position=past[..., :2],
            past_yaw=past[..., 2],
            past_velocity=past[..., 3:],
            past_valid=valid,
            time_step_s=self._config.time_step_s,
            ego=ego,
            ego_past=ego_past,
            ego_past_valid=ego_past_valid,
            ego_size=(self._ego_config.length_m, self._ego_config.width_m),
            ego_center_offset_m=self._ego_config.center_offset_m,
            road_network=self._road_network,
            signals=signals,
        )

    def _interpolate(
        self, frame_times: NDArray, states: NDArray, known: NDArray, times: NDArray
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        return interpolate_states(
            frame_times,
            states,
            known,
            times,
            max_gap_s=self._config.max_interpolation_gap_s,
            max_extrapolation_s=self._config.max_extrapolation_s,
        )

    def _check_order(self, what: str, newest_ns: int | None, stamp_ns: int) -> tuple[bool, list[str]]:
        """Whether to drop a message with `stamp_ns`, and the problem; a jump back resets everything."""
        if newest_ns is None or stamp_ns > newest_ns:
            return False, []
        back_s = (newest_ns - stamp_ns) * 1e-9
        if back_s > self._config.reset_jump_s:
            self.reset()
            return False, [f"the stamp of {what} jumps back by {back_s:.3f} s; everything starts anew"]
        if stamp_ns == newest_ns:
            return True, [f"{what} with the stamp {stamp_ns * 1e-9:.3f} s came twice; the second is dropped"]
        return True, [f"{what} came out of order, {back_s:.3f} s late; dropped"]

    def _recall(self, ids: NDArray[np.int64], stamp_ns: int) -> RecalledStates:
        found = np.zeros(len(ids), dtype=bool)
        states, age_s = np.zeros((len(ids), _STATE)), np.ones(len(ids))
        for frame in reversed(self._frames):  # a handful of frames, and only when a message has a bad agent
            age = (stamp_ns - frame.agents.stamp_ns) * 1e-9
            if age > self._config.limits.max_dead_reckoning_s or found.all():
                break
            rows = _rows_of(ids, frame.agents.ids)
            new = ~found & (rows >= 0)
            new[new] = frame.measured[rows[new]]
            states[new], age_s[new], found[new] = frame.states[rows[new]], age, True
        return RecalledStates(found, states[:, :2], states[:, 2], states[:, 3:], age_s)

    def _ego_at(
        self, stamp_ns: int, times: NDArray, problems: list[str]
    ) -> tuple[EgoState | None, NDArray[np.float64] | None, NDArray[np.bool_] | None]:
        """The ego at the stamp and over the past; constant velocity bridges up to `max_ego_age_s` to the stamp."""
        if not self._ego:
            return None, None, None
        ego_times = np.array([(ego.stamp_ns - stamp_ns) * 1e-9 for ego in self._ego])
        nearest = int(np.argmin(np.abs(ego_times)))
        closest, gap_s = self._ego[nearest], float(ego_times[nearest])
        if abs(gap_s) > self._config.max_ego_age_s:
            word = "older" if gap_s < 0.0 else "newer"
            problems.append(f"the ego's state is {abs(gap_s):.2f} s {word} than the agents; predicted without the ego")
            return None, None, None
        states = np.array([[*ego.position, ego.yaw, *ego.velocity] for ego in self._ego])[:, None]
        past, valid = self._interpolate(ego_times, states, np.ones(states.shape[:2], dtype=bool), times)
        now = past[0, -1]
        if not valid[0, -1]:
            now = np.array(states[nearest, 0])
            now[:2] -= now[3:] * gap_s
            now[2] = wrap_angle(now[2] - closest.yaw_rate * gap_s)
        past[0, -1], valid[0, -1] = now, True
        past = np.where(valid[0][:, None], past[0], now)
        ego = EgoState(stamp_ns, now[:2].copy(), float(now[2]), now[3:].copy(), closest.yaw_rate, closest.z)
        return ego, past[:, :3], valid[0]

    def _fresh_signals(self, stamp_ns: int, problems: list[str]) -> TrafficSignals:
        fresh = self._signals.fresh(stamp_ns, self._config.max_signal_age_s)
        if len(fresh.ids) < len(self._signals.ids):
            stale = self._signals.ids[~np.isin(self._signals.ids, fresh.ids)]
            names = name_ids(stale).replace("agent", "traffic signal")
            problems.append(f"{names}: last seen over {self._config.max_signal_age_s:g} s before the agents; not used")
        return fresh


def _rows_of(ids: NDArray[np.int64], table: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) row of each id in `table` of unique ids, -1 where it is not there."""
    if not len(table):
        return np.full(len(ids), -1)
    order = np.argsort(table)
    rows = order[np.minimum(np.searchsorted(table, ids, sorter=order), len(table) - 1)]
    return np.where(table[rows] == ids, rows, -1)


def _align(frames: list[_Frame], ids: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """States (F, N, 5) of the agents `ids` in every frame, and where they were reported (F, N)."""
    states = np.zeros((len(frames), len(ids), _STATE))
    known = np.zeros((len(frames), len(ids)), dtype=bool)
    columns = _rows_of(np.concatenate([frame.agents.ids for frame in frames]), ids)
    rows = np.repeat(np.arange(len(frames)), [len(frame.agents) for frame in frames])
    here = columns >= 0
    states[rows[here], columns[here]] = np.concatenate([frame.states for frame in frames])[here]
    known[rows[here], columns[here]] = True
    return states, known
