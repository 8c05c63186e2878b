"""Futures along lanes: every plausible path, at the speed that limits, bends, signals and traffic allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.kinematics import body_yaw
from zoox_prediction.models.baselines.lanes import Road
from zoox_prediction.models.baselines.leaders import find_leaders
from zoox_prediction.models.baselines.modes import NUM_STEPS, ModeKind, Modes
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.paths import Paths, follow
from zoox_prediction.models.baselines.signals import stop_distances, stopping_signals
from zoox_prediction.models.baselines.speed_profile import Constraints, DrivingConfig, braking_envelope, roll_out
from zoox_prediction.models.baselines.yielding import YieldingConfig, yielding_distances
from zoox_prediction.scene import Scene


@dataclass(frozen=True)
class LaneFollowingConfig:
    """How lanes are followed."""

    limit_share: float = 1.0  # of the speed limit that drivers tend to
    limit_weight: float = 0.15  # of that tendency against keeping today's speed
    joining_s: float = 1.5  # a lateral offset falls by e in the way of so many seconds
    min_joining_m: float = 8.0
    kept_offset_share: float = 0.3  # of today's offset that stays, for nobody drives on the exact centreline
    kept_offset_max_m: float = 0.5
    slow_speed_share: float = 0.4  # speed of the mode that gives way
    fast_speed_mps: float = 13.0  # that the mode which sets off tends to where there is no limit
    fast_speed_gain: float = 1.3  # the same, relative to today's speed
    bend_misfit_mps2: float = 1.5  # braking that a bend would need now: paths that need much more are not meant
    overlap_share: float = 0.8
    max_crossing_rad: float = 0.8
    stop_margin_m: float = 1.0  # between the front and the stop line
    max_red_deceleration_mps2: float = 6.0
    max_yellow_deceleration_mps2: float = 3.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value >= 0:
                raise ValueError(f"{name} must not be negative, got {value}")
        if not 0.0 <= self.kept_offset_share <= 1.0 or not 0.0 <= self.limit_weight <= 1.0:
            raise ValueError("kept_offset_share and limit_weight must be in [0, 1]")


@dataclass(frozen=True)
class Intent:
    """How Q paths shall be driven."""

    kind: ModeKind
    rows: NDArray[np.int64]  # (Q,) of the paths
    desired_mps: NDArray[np.float64]  # (Q, P)
    stop_m: NDArray[np.float64]  # (Q,) inf: no signal stops it
    gap_m: NDArray[np.float64]  # (Q,) inf: nobody is ahead
    leader_travel_m: NDArray[np.float64]  # (Q, T)


class LaneModes:
    """Futures along the lanes for one scene.

    Paths, stops and leaders are found once; `keep`, `slow`, `give_way` and `fast` say how to drive them; `drive` drives
    all.
    """

    def __init__(
        self,
        scene: Scene,
        motion: Motion,
        road: Road,
        paths: Paths,
        following: LaneFollowingConfig,
        driving: DrivingConfig,
        yielding: YieldingConfig,
    ) -> None:
        self._motion, self._following, self._driving = motion, following, driving
        self._road, self._signals, self._yielding = road, scene.signals, yielding
        lateral = np.minimum(driving.lateral_acceleration_mps2, motion.limits.lateral_acceleration_mps2[paths.agent])
        bend_limit = np.sqrt(lateral[:, None] / np.maximum(np.abs(paths.curvature), 1e-4))
        self._envelope = braking_envelope(bend_limit, paths.spacing_m, driving.deceleration_mps2)
        self.paths = _with_shares(paths, self._meant(paths, bend_limit))
        self._stop = stop_distances(
            paths,
            motion,
            stopping_signals(road.network, scene.signals),
            road.stop_points,
            following.stop_margin_m,
            (following.max_red_deceleration_mps2, following.max_yellow_deceleration_mps2),
        )
        self.moving = np.flatnonzero(~motion.standing[paths.agent])  # rows of the paths of moving agents
        self.main = _main_rows(self.paths)  # row of the likeliest path of every agent that has one
        self._leaders = find_leaders(
            paths.select(self.moving), motion, following.overlap_share, following.max_crossing_rad
        )

    def _meant(self, paths: Paths, bend_limit: NDArray) -> NDArray[np.float64]:
        """(R,) likelihood of a path given today's speed: how hard its bends would make the agent brake."""
        speed = self._motion.speed[paths.agent, None]
        arc = np.maximum(np.arange(bend_limit.shape[1]) * paths.spacing_m, 2.0)
        needed = np.max((speed**2 - bend_limit**2) / (2.0 * arc), axis=1).clip(0.0)
        likelihood: NDArray[np.float64] = np.exp(-0.5 * (needed / self._following.bend_misfit_mps2) ** 2)
        return likelihood

    def keep(self, travel: NDArray[np.float64]) -> Intent:
        """Every path of the moving agents, as traffic allows; `travel` (N, T) how far every agent will drive."""
        rows = self.moving
        return Intent(
            ModeKind.LANE_KEEP,
            rows,
            self._kept_speed(rows),
            self._stop[rows],
            self._leaders.gap_m,
            self._along_path(travel),
        )

    def slow(self, travel: NDArray[np.float64]) -> Intent:
        """The main paths of the moving agents at a fraction of today's speed, as when giving way."""
        chosen = np.flatnonzero(np.isin(self.moving, self.main))
        rows = self.moving[chosen]
        speed = self._following.slow_speed_share * self._motion.speed[self.paths.agent[rows], None]
        wanted = np.repeat(speed, self._envelope.shape[1], axis=1)
        leader_travel = self._along_path(travel)[chosen]
        return Intent(ModeKind.LANE_SLOW, rows, wanted, self._stop[rows], self._leaders.gap_m[chosen], leader_travel)

    def give_way(self, travel: NDArray[np.float64]) -> Intent:
        """The main paths of the moving agents that lead over a crosswalk in use, stopping before it."""
        chosen = np.flatnonzero(np.isin(self.moving, self.main))
        rows = self.moving[chosen]
        crosswalks, signals = self._road.crosswalks, self._signals
        stop = yielding_distances(self.paths.select(rows), self._motion, crosswalks, signals, self._yielding)
        held = np.isfinite(stop)
        rows, chosen, stop = rows[held], chosen[held], np.minimum(stop[held], self._stop[rows[held]])
        leader_travel = self._along_path(travel)[chosen]
        gap = self._leaders.gap_m[chosen]
        return Intent(ModeKind.LANE_YIELD, rows, self._kept_speed(rows), stop, gap, leader_travel)

    def fast(self, rows: NDArray[np.int64]) -> Intent:
        """The paths `rows` faster than today: signals have turned green and the agent ahead has gone."""
        config = self._following
        limit = self.paths.speed_limit_mps[rows]
        limit = np.where(np.isfinite(limit), limit, config.fast_speed_mps)
        wanted = np.maximum(limit, config.fast_speed_gain * self._motion.speed[self.paths.agent[rows], None])
        return self._alone(ModeKind.LANE_FAST, rows, wanted, np.full(len(rows), np.inf))

    def travel(self, otherwise: Modes) -> NDArray[np.float64]:
        """(N, T) how far every agent will drive if nobody is ahead of it: along its main path, or as in `otherwise`.

        `otherwise` has one mode of every agent, in order.
        """
        step = np.diff(otherwise.position, axis=1, prepend=self._motion.position[:, None, :])
        travel: NDArray[np.float64] = np.cumsum(np.hypot(step[..., 0], step[..., 1]), axis=1)
        rows = np.intersect1d(self.main, self.moving)
        intent = self._alone(ModeKind.LANE_KEEP, rows, self._kept_speed(rows), self._stop[rows])
        travel[self.paths.agent[rows]] = self._roll_out([intent])[0]
        return travel

    def drive(self, intents: Sequence[Intent]) -> Modes:
        """The futures of all intents."""
        config, paths = self._following, self.paths
        rows = np.concatenate([each.rows for each in intents])
        agent = paths.agent[rows]
        arc, speed = self._roll_out(intents)
        joining = np.maximum(config.joining_s * self._motion.speed[agent], config.min_joining_m)
        kept = config.kept_offset_share * paths.offset_m[rows, 1]
        kept = np.clip(kept, -config.kept_offset_max_m, config.kept_offset_max_m)
        position, course = follow(paths, rows, arc, joining, kept)
        yaw = body_yaw(self._motion, agent, course, arc)
        kind = np.concatenate([np.full(len(each.rows), int(each.kind)) for each in intents])
        return Modes(agent, kind, paths.share[rows], position, yaw, speed)

    def _kept_speed(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(Q, P) today's speed with what today's acceleration will add, drawn to the speed limit where there is one.

        Neither takes an agent for faster than its own speed vouches for: most of those who creep will stop.
        """
        config, motion, agent = self._following, self._motion, self.paths.agent[rows]
        speed = motion.speed[agent]
        gain = np.minimum(motion.acceleration[agent] * self._driving.reaction_s, speed)
        kept = np.maximum(speed + gain, 0.0)[:, None]
        limit = config.limit_share * self.paths.speed_limit_mps[rows]
        drawn = kept + config.limit_weight * np.minimum(limit - kept, kept)
        wanted: NDArray[np.float64] = np.where(np.isfinite(limit), drawn, kept)
        return wanted

    def _along_path(self, travel: NDArray[np.float64]) -> NDArray[np.float64]:
        """(Q, T) how far the agents ahead move along the paths of the moving, from what every agent drives (N, T)."""
        leader = self._leaders.agent
        ahead = np.where((leader >= 0)[:, None], travel[leader], 0.0)
        share: NDArray[np.float64] = np.maximum(np.cos(self._leaders.heading_difference), 0.0)[:, None]
        return ahead * share

    def _alone(
        self, kind: ModeKind, rows: NDArray[np.int64], wanted: NDArray[np.float64], stop_m: NDArray[np.float64]
    ) -> Intent:
        nobody = np.full(len(rows), np.inf)
        return Intent(kind, rows, wanted, stop_m, nobody, np.zeros((len(rows), NUM_STEPS)))

    def _roll_out(self, intents: Sequence[Intent]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Arc lengths and speeds (Q, T) of all intents."""
        rows = np.concatenate([each.rows for each in intents])
        agent = self.paths.agent[rows]
        limits = self._motion.limits
        desired = np.concatenate([each.desired_mps for each in intents])
        constraints = Constraints(
            desired_mps=np.minimum(desired, limits.speed_mps[agent, None]),
            envelope_mps=self._envelope[rows],
            spacing_m=self.paths.spacing_m,
            stop_m=np.concatenate([each.stop_m for each in intents]),
            gap_m=np.concatenate([each.gap_m for each in intents]),
            leader_travel_m=np.concatenate([each.leader_travel_m for each in intents]),
            max_deceleration_mps2=limits.deceleration_mps2[agent],
            max_acceleration_mps2=limits.acceleration_mps2[agent],
        )
        return roll_out(self._motion.speed[agent], constraints, self._driving)


def _with_shares(paths: Paths, likelihood: NDArray[np.float64]) -> Paths:
    """The paths with their probabilities updated by `likelihood` (R,)."""
    share = paths.share * np.maximum(likelihood, 1e-6)
    total = np.bincount(paths.agent, weights=share)
    return Paths(**{**vars(paths), "share": share / total[paths.agent]})


def _main_rows(paths: Paths) -> NDArray[np.int64]:
    order = np.lexsort((-paths.share, paths.agent))
    _, first = np.unique(paths.agent[order], return_index=True)
    rows: NDArray[np.int64] = order[first]
    return rows
