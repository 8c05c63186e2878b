"""Futures along lanes: every plausible path, at the speed that bends, signals, right of way and traffic allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.config import BaselinesConfig
from zoox_prediction.models.baselines.gap_acceptance import Holds, find_holds
from zoox_prediction.models.baselines.kinematics import body_yaw
from zoox_prediction.models.baselines.lane_changes import joining_lengths
from zoox_prediction.models.baselines.lanes import Road
from zoox_prediction.models.baselines.leaders import find_leaders
from zoox_prediction.models.baselines.modes import NUM_STEPS, ModeKind, Modes
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.paths import Paths, follow
from zoox_prediction.models.baselines.right_of_way import lines_to_hold_at
from zoox_prediction.models.baselines.signals import stop_distances, stopping_signals
from zoox_prediction.models.baselines.speed_profile import Constraints, braking_envelope, roll_out
from zoox_prediction.models.baselines.yielding import yielding_distances
from zoox_prediction.scene import Scene

_UNLIKELY = 0.02  # to give way, or not to: what is less likely is no mode of its own


@dataclass(frozen=True)
class Intent:
    """How Q paths shall be driven."""

    kind: NDArray[np.int64]  # (Q,) ModeKind
    rows: NDArray[np.int64]  # (Q,) of the paths
    share: NDArray[np.float64]  # (Q,) of the kind's probability
    desired_mps: NDArray[np.float64]  # (Q, P)
    stop_m: NDArray[np.float64]  # (Q,) inf: no signal stops it
    hold_m: NDArray[np.float64]  # (Q,) where it gives way; inf: it does not
    release_s: NDArray[np.float64]  # (Q,) until when
    stands: NDArray[np.bool_]  # (Q,) whether it has to come to a standstill there
    gap_m: NDArray[np.float64]  # (Q,) inf: nobody is ahead
    leader_travel_m: NDArray[np.float64]  # (Q, T)

    @classmethod
    def concatenate(cls, parts: Sequence[Intent]) -> Intent:
        return cls(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls)))


class LaneModes:
    """Futures along the lanes for one scene.

    Paths, stops, right of way and leaders are found once; `keep`, `change`, `slow`, `give_way` and `fast` say how to
    drive them; `drive` drives all.
    """

    def __init__(
        self, scene: Scene, motion: Motion, road: Road, paths: Paths, otherwise: Modes, config: BaselinesConfig
    ) -> None:
        """`otherwise` has one mode of every agent, in order: what those do who are on no lane."""
        self._motion, self._road, self._signals, self._config = motion, road, scene.signals, config
        following = config.lane_following
        paths = _with_shares(paths, self._meant(paths))
        self.moving = np.flatnonzero(~motion.standing[paths.agent])  # rows of the paths of moving agents
        self.main = _main_rows(paths)  # row of the likeliest path of every agent that has one
        changes = road.change_paths(paths.select(self.main), motion, scene.agents, config.lane_changes)
        self.paths = paths if changes is None else Paths.concatenate(paths, changes)
        self.changing = np.arange(len(paths), len(self.paths))  # rows of the paths on neighbouring lanes
        limit, spacing_m = self._bend_limit(self.paths), paths.spacing_m
        self._envelope = braking_envelope(limit, spacing_m, config.driving.deceleration_mps2)
        self._stop = stop_distances(
            self.paths,
            motion,
            stopping_signals(road.network, scene.signals),
            road.stop_points,
            following.stop_margin_m,
            (following.max_red_deceleration_mps2, following.max_yellow_deceleration_mps2),
        )
        self._travel = self._travel_alone(otherwise)
        self._holds = self._find_holds()
        driven = np.concatenate([self.moving, self.changing])
        leaders = find_leaders(self.paths.select(driven), motion, following.overlap_share, following.max_crossing_rad)
        self._gap_m, self._leader = np.full(len(self.paths), np.inf), np.full(len(self.paths), -1)
        self._with_leader = np.zeros(len(self.paths))  # share of the leader's way that is along the path
        self._gap_m[driven], self._leader[driven] = leaders.gap_m, leaders.agent
        self._with_leader[driven] = np.maximum(np.cos(leaders.heading_difference), 0.0)

    def keep(self) -> Intent:
        """Every path of the moving agents, as traffic allows; giving way and not, where both are likely."""
        rows, probability = self.moving, self._holds.probability[self.moving]
        desired = self._kept_speed(rows)
        goes, yields = np.flatnonzero(probability < 1.0 - _UNLIKELY), np.flatnonzero(probability > _UNLIKELY)
        first = self._intent(ModeKind.LANE_KEEP, rows[goes], desired[goes], share=1.0 - probability[goes])
        if not len(yields):
            return first
        second = self._intent(ModeKind.LANE_KEEP, rows[yields], desired[yields], probability[yields], holds=True)
        return Intent.concatenate([first, second])

    def change(self) -> Intent:
        """To the neighbouring lanes, as traffic there allows."""
        return self._intent(ModeKind.LANE_CHANGE, self.changing, self._kept_speed(self.changing))

    def slow(self) -> Intent:
        """The main paths of the moving agents at a fraction of today's speed, as when giving way."""
        rows = np.intersect1d(self.moving, self.main)
        speed = self._config.lane_following.slow_speed_share * self._motion.speed[self.paths.agent[rows], None]
        return self._intent(ModeKind.LANE_SLOW, rows, np.repeat(speed, self._envelope.shape[1], axis=1))

    def give_way(self) -> Intent:
        """The main paths of the moving agents that lead over a crosswalk in use, stopping before it."""
        rows = np.intersect1d(self.moving, self.main)
        crosswalks, signals = self._road.crosswalks, self._signals
        paths = self.paths.select(rows)
        stop = yielding_distances(paths, self._motion, crosswalks, signals, self._config.yielding)
        rows, stop = rows[np.isfinite(stop)], stop[np.isfinite(stop)]
        return self._intent(
            ModeKind.LANE_YIELD, rows, self._kept_speed(rows), stop_m=np.minimum(stop, self._stop[rows])
        )

    def fast(self, rows: NDArray[np.int64]) -> Intent:
        """The paths `rows` faster than today: signals have turned green and the agent ahead has gone.

        Who waits to give way sets off when the road is clear.
        """
        nobody = np.full(len(rows), np.inf)
        waits = self._motion.standing[self.paths.agent[rows]]
        share = np.where(waits, 1.0, 1.0 - self._holds.probability[rows])
        return self._intent(
            ModeKind.LANE_FAST, rows, self._fast_speed(rows), share, stop_m=nobody, holds=waits, alone=True
        )

    def drive(self, intents: Sequence[Intent]) -> Modes:
        """The futures of all intents."""
        config, paths, motion = self._config.lane_following, self.paths, self._motion
        intent = Intent.concatenate(intents)
        rows = intent.rows
        agent = paths.agent[rows]
        arc, speed = self._roll_out(intent)
        joining = np.maximum(config.joining_s * motion.speed[agent], config.min_joining_m)
        kept = config.kept_offset_share * paths.offset_m[rows, 1]
        kept = np.clip(kept, -config.kept_offset_max_m, config.kept_offset_max_m)
        changes = np.flatnonzero(intent.kind == ModeKind.LANE_CHANGE)
        joining[changes] = joining_lengths(paths.select(rows[changes]), motion, self._config.lane_changes)
        kept[changes] = 0.0
        position, course = follow(paths, rows, arc, joining, kept)
        yaw = body_yaw(motion, agent, course, arc)
        return Modes(agent, intent.kind, paths.share[rows] * intent.share, position, yaw, speed)

    def _bend_limit(self, paths: Paths) -> NDArray[np.float64]:
        """(R, P) the speed at which the bends of the paths are still comfortable."""
        most = self._motion.limits.lateral_acceleration_mps2[paths.agent]
        lateral = np.minimum(self._config.driving.lateral_acceleration_mps2, most)
        limit: NDArray[np.float64] = np.sqrt(lateral[:, None] / np.maximum(np.abs(paths.curvature), 1e-4))
        return limit

    def _meant(self, paths: Paths) -> NDArray[np.float64]:
        """(R,) likelihood of a path given today's speed: how hard its bends would make the agent brake."""
        speed, bend_limit = self._motion.speed[paths.agent, None], self._bend_limit(paths)
        arc = np.maximum(np.arange(bend_limit.shape[1]) * paths.spacing_m, 2.0)
        needed = np.max((speed**2 - bend_limit**2) / (2.0 * arc), axis=1).clip(0.0)
        misfit = self._config.lane_following.bend_misfit_mps2
        likelihood: NDArray[np.float64] = np.exp(-0.5 * (needed / misfit) ** 2)
        return likelihood

    def _travel_alone(self, otherwise: Modes) -> NDArray[np.float64]:
        """(N, T) how far every agent will drive if nobody is in its way: along its main path, or as in `otherwise`."""
        step = np.diff(otherwise.position, axis=1, prepend=self._motion.position[:, None, :])
        travel: NDArray[np.float64] = np.cumsum(np.hypot(step[..., 0], step[..., 1]), axis=1)
        rows = np.intersect1d(self.main, self.moving)
        intent = self._intent(ModeKind.LANE_KEEP, rows, self._kept_speed(rows), alone=True)
        travel[self.paths.agent[rows]] = self._roll_out(intent)[0]
        return travel

    def _find_holds(self) -> Holds:
        """Where and how likely every path gives way; who probably does then also counts as such for who follows."""
        rules, paths, motion, config = self._road.right_of_way, self.paths, self._motion, self._config.right_of_way
        lines = lines_to_hold_at(paths, motion, rules, self._signals, config)
        if not len(lines):
            return Holds.none(len(paths))
        rows = lines.row
        waits = motion.standing[paths.agent[rows]]
        desired = np.where(waits[:, None], self._fast_speed(rows), self._kept_speed(rows))
        arc = self._roll_out(self._intent(ModeKind.LANE_KEEP, rows, desired, alone=True))[0]
        num_kept = len(paths) - len(self.changing)
        holds = find_holds(lines, arc, paths, num_kept, motion, self._travel, rules, config)
        late = np.intersect1d(self.main, self.moving)
        late = late[holds.probability[late] > 0.5]
        self._holds = holds
        intent = self._intent(ModeKind.LANE_KEEP, late, self._kept_speed(late), holds=True, alone=True)
        self._travel[paths.agent[late]] = self._roll_out(intent)[0]
        return holds

    def _kept_speed(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(Q, P) today's speed with what today's acceleration will add, drawn to the speed limit where there is one.

        Neither takes an agent for faster than its own speed vouches for: most of those who creep will stop.
        """
        config, motion, agent = self._config.lane_following, self._motion, self.paths.agent[rows]
        speed = motion.speed[agent]
        gain = np.minimum(motion.acceleration[agent] * self._config.driving.reaction_s, speed)
        kept = np.maximum(speed + gain, 0.0)[:, None]
        limit = config.limit_share * self.paths.speed_limit_mps[rows]
        drawn = kept + config.limit_weight * np.minimum(limit - kept, kept)
        wanted: NDArray[np.float64] = np.where(np.isfinite(limit), drawn, kept)
        return wanted

    def _fast_speed(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(Q, P) the limit, or a usual speed where there is none, and faster than today."""
        config = self._config.lane_following
        limit = self.paths.speed_limit_mps[rows]
        limit = np.where(np.isfinite(limit), limit, config.fast_speed_mps)
        return np.maximum(limit, config.fast_speed_gain * self._motion.speed[self.paths.agent[rows], None])

    def _intent(
        self,
        kind: ModeKind,
        rows: NDArray[np.int64],
        desired_mps: NDArray[np.float64],
        share: NDArray[np.float64] | float = 1.0,
        *,
        stop_m: NDArray[np.float64] | None = None,
        holds: NDArray[np.bool_] | bool = False,
        alone: bool = False,
    ) -> Intent:
        """The paths `rows` (Q,), giving way where `holds`, without regard for who is ahead if `alone`."""
        count = len(rows)
        found, leader = self._holds if np.any(holds) else None, np.zeros((count, NUM_STEPS))
        if not alone:
            ahead = self._leader[rows]
            leader = np.where((ahead >= 0)[:, None], self._travel[ahead], 0.0) * self._with_leader[rows, None]
        return Intent(
            kind=np.full(count, int(kind)),
            rows=rows,
            share=np.broadcast_to(np.asarray(share, dtype=np.float64), count),
            desired_mps=desired_mps,
            stop_m=self._stop[rows] if stop_m is None else stop_m,
            hold_m=np.full(count, np.inf) if found is None else np.where(holds, found.stop_m[rows], np.inf),
            release_s=np.zeros(count) if found is None else found.release_s[rows],
            stands=np.zeros(count, dtype=bool) if found is None else found.stands[rows],
            gap_m=np.full(count, np.inf) if alone else self._gap_m[rows],
            leader_travel_m=leader,
        )

    def _roll_out(self, intent: Intent) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Arc lengths and speeds (Q, T)."""
        agent = self.paths.agent[intent.rows]
        limits = self._motion.limits
        constraints = Constraints(
            desired_mps=np.minimum(intent.desired_mps, limits.speed_mps[agent, None]),
            envelope_mps=self._envelope[intent.rows],
            spacing_m=self.paths.spacing_m,
            stop_m=intent.stop_m,
            hold_m=intent.hold_m,
            release_s=intent.release_s,
            stands=intent.stands,
            gap_m=intent.gap_m,
            leader_travel_m=intent.leader_travel_m,
            max_deceleration_mps2=limits.deceleration_mps2[agent],
            max_acceleration_mps2=limits.acceleration_mps2[agent],
        )
        return roll_out(self._motion.speed[agent], constraints, self._config.driving)


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
