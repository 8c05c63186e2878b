"""Futures along lanes: every plausible path, at the speed that limits, bends, signals and traffic allow."""

from __future__ import annotations

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
from zoox_prediction.scene import Scene


@dataclass(frozen=True)
class LaneFollowingConfig:
    """How lanes are followed."""

    limit_share: float = 1.0  # of the speed limit that drivers tend to
    limit_weight: float = 0.2  # of that tendency against keeping today's speed
    joining_s: float = 2.0  # a lateral offset falls by e in the way of so many seconds
    min_joining_m: float = 8.0
    kept_offset_share: float = 0.3  # of today's offset that stays, for nobody drives on the exact centreline
    kept_offset_max_m: float = 0.5
    slow_speed_share: float = 0.4  # speed of the mode that gives way
    fast_speed_mps: float = 13.0  # that the mode which sets off tends to where there is no limit
    fast_speed_gain: float = 1.3  # the same, relative to today's speed
    bend_misfit_mps2: float = 2.5  # braking that a bend would need now: paths that need much more are not meant
    overlap_share: float = 0.7
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


class LaneModes:
    """Futures along the lanes for one scene: paths, stops and leaders are found once, then each kind of mode drives them."""

    def __init__(
        self,
        scene: Scene,
        motion: Motion,
        road: Road,
        paths: Paths,
        following: LaneFollowingConfig,
        driving: DrivingConfig,
    ) -> None:
        self._motion, self._following, self._driving = motion, following, driving
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
        self._leaders = find_leaders(paths, motion, following.overlap_share, following.max_crossing_rad)

    def _meant(self, paths: Paths, bend_limit: NDArray) -> NDArray[np.float64]:
        """(R,) likelihood of a path given today's speed: how hard its bends would make the agent brake."""
        speed = self._motion.speed[paths.agent, None]
        arc = np.maximum(np.arange(bend_limit.shape[1]) * paths.spacing_m, 2.0)
        needed = np.max((speed**2 - bend_limit**2) / (2.0 * arc), axis=1).clip(0.0)
        likelihood: NDArray[np.float64] = np.exp(-0.5 * (needed / self._following.bend_misfit_mps2) ** 2)
        return likelihood

    def free_travel(self, rows: NDArray) -> NDArray[np.float64]:
        """(Q, T) distances driven by the agents of paths `rows`, if nobody were ahead of them."""
        nobody = np.full(len(self.paths), np.inf)
        return self._roll_out(rows, self._kept_speed(), self._stop, nobody, np.zeros((len(self.paths), NUM_STEPS)))[0]

    def keep(self, leader_travel: NDArray[np.float64]) -> Modes:
        """Every path as traffic allows; `leader_travel` (N, T) how far each agent of the scene will drive."""
        rows = np.arange(len(self.paths))
        motion = self._along_path(leader_travel)
        return self._drive(ModeKind.LANE_KEEP, rows, self._kept_speed(), self._stop, self._leaders.gap_m, motion)

    def slow(self, leader_travel: NDArray[np.float64], rows: NDArray) -> Modes:
        """The paths `rows` at a fraction of today's speed, as when giving way."""
        speed = self._following.slow_speed_share * self._motion.speed[self.paths.agent, None]
        wanted = np.broadcast_to(speed, self._envelope.shape)
        motion = self._along_path(leader_travel)
        return self._drive(ModeKind.LANE_SLOW, rows, wanted, self._stop, self._leaders.gap_m, motion)

    def fast(self, rows: NDArray) -> Modes:
        """The paths `rows` faster than today: signals have turned green and the agent ahead has gone."""
        config = self._following
        limit = np.where(np.isfinite(self.paths.speed_limit_mps), self.paths.speed_limit_mps, config.fast_speed_mps)
        wanted = np.maximum(limit, config.fast_speed_gain * self._motion.speed[self.paths.agent, None])
        nobody = np.full(len(self.paths), np.inf)
        still = np.zeros((len(self.paths), NUM_STEPS))
        return self._drive(ModeKind.LANE_FAST, rows, wanted, nobody, nobody, still)

    def _kept_speed(self) -> NDArray[np.float64]:
        """(R, P) today's speed with what today's acceleration will add, drawn to the speed limit where there is one."""
        config, motion, agent = self._following, self._motion, self.paths.agent
        gain = motion.acceleration[agent] * self._driving.reaction_s
        kept = np.maximum(motion.speed[agent] + gain, 0.0)[:, None]
        limit = config.limit_share * self.paths.speed_limit_mps
        drawn = (1.0 - config.limit_weight) * kept + config.limit_weight * limit
        wanted: NDArray[np.float64] = np.where(np.isfinite(limit), drawn, kept)
        return wanted

    def _along_path(self, travel: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R, T) how far the agent ahead moves along the path, from what every agent drives (N, T)."""
        leader = self._leaders.agent
        ahead = np.where((leader >= 0)[:, None], travel[leader], 0.0)
        share: NDArray[np.float64] = np.maximum(np.cos(self._leaders.heading_difference), 0.0)[:, None]
        return ahead * share

    def _roll_out(
        self, rows: NDArray, wanted: NDArray, stop: NDArray, gap: NDArray, leader_travel: NDArray
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        agent = self.paths.agent[rows]
        constraints = Constraints(
            desired_mps=np.minimum(wanted[rows], self._motion.limits.speed_mps[agent, None]),
            envelope_mps=self._envelope[rows],
            spacing_m=self.paths.spacing_m,
            stop_m=stop[rows],
            gap_m=gap[rows],
            leader_travel_m=leader_travel[rows],
            max_deceleration_mps2=self._motion.limits.deceleration_mps2[agent],
            max_acceleration_mps2=self._motion.limits.acceleration_mps2[agent],
        )
        return roll_out(self._motion.speed[agent], constraints, self._driving)

    def _drive(
        self, kind: ModeKind, rows: NDArray, wanted: NDArray, stop: NDArray, gap: NDArray, leader_travel: NDArray
    ) -> Modes:
        config = self._following
        paths = self.paths.select(rows)
        arc, speed = self._roll_out(rows, wanted, stop, gap, leader_travel)
        joining = np.maximum(config.joining_s * self._motion.speed[paths.agent], config.min_joining_m)
        kept = np.clip(
            config.kept_offset_share * paths.offset_m[:, 1], -config.kept_offset_max_m, config.kept_offset_max_m
        )
        position, course = follow(paths, arc, joining, kept)
        yaw = body_yaw(self._motion, paths.agent, course, arc)
        return Modes.of_kind(kind, paths.agent, position, yaw, speed, paths.share)


def _with_shares(paths: Paths, likelihood: NDArray[np.float64]) -> Paths:
    """The paths with their probabilities updated by `likelihood` (R,)."""
    share = paths.share * np.maximum(likelihood, 1e-6)
    total = np.bincount(paths.agent, weights=share)
    return Paths(**{**vars(paths), "share": share / total[paths.agent]})


def main_rows(paths: Paths) -> NDArray[np.int64]:
    """The likeliest path of every agent that has one."""
    order = np.lexsort((-paths.share, paths.agent))
    _, first = np.unique(paths.agent[order], return_index=True)
    rows: NDArray[np.int64] = order[first]
    return rows


def travel_of(lanes: LaneModes, motion: Motion, otherwise: Modes) -> NDArray[np.float64]:
    """(N, T) how far every agent will drive: along its main path, or as in `otherwise`, one mode of every agent in order."""
    step = np.diff(otherwise.position, axis=1, prepend=motion.position[:, None, :])
    travel: NDArray[np.float64] = np.cumsum(np.hypot(step[..., 0], step[..., 1]), axis=1)
    rows = main_rows(lanes.paths)
    rows = rows[~motion.standing[lanes.paths.agent[rows]]]
    travel[lanes.paths.agent[rows]] = lanes.free_travel(rows)
    return travel
