"""Who lets whom go first where lanes give way: gap acceptance.

A driver without the right of way goes first if the others come later than he is clear by more than a critical margin,
which differs between drivers (logistic; cf. Highway Capacity Manual, critical headway), and need not wait for those
who are gone before he arrives. Who waits goes into the first gap that is long enough.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from zoox_prediction.models.baselines.modes import NUM_STEPS, TIME_STEP_S
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.paths import Paths
from zoox_prediction.models.baselines.right_of_way import Lines, RightOfWayConfig, Rules

_STRIDE = 2  # of the points that are compared
_MIN_SHARE = 0.05  # of the paths that count
_UNTIL_CLEAR_S = 3.0  # where that is beyond the horizon
_MAX_WAITED_FOR = 8  # agents, one after the other


@dataclass(frozen=True)
class Holds:
    """Where each of R paths gives way, and how likely."""

    stop_m: NDArray[np.float64]  # (R,) arc length at which the agent's centre waits, inf where it gives no way
    release_s: NDArray[np.float64]  # (R,) when it need not wait any longer
    stands: NDArray[np.bool_]  # (R,) whether it comes to a standstill even when nobody comes
    probability: NDArray[np.float64]  # (R,) that it gives way

    @classmethod
    def none(cls, count: int) -> Holds:
        return cls(np.full(count, np.inf), np.zeros(count), np.zeros(count, dtype=bool), np.zeros(count))


@dataclass(frozen=True)
class _Conflicts:
    """M pairs of a line and a path of somebody who goes first and comes over the same ground beyond it."""

    line: NDArray[np.int64]
    agent: NDArray[np.int64]  # who goes first
    share: NDArray[np.float64]  # of that path
    own_in_m: NDArray[np.float64]  # arc lengths of the ground on both paths
    own_out_m: NDArray[np.float64]
    other_in_m: NDArray[np.float64]
    other_out_m: NDArray[np.float64]

    def select(self, rows: NDArray) -> _Conflicts:
        return _Conflicts(*(getattr(self, each.name)[rows] for each in fields(self)))


def find_holds(
    lines: Lines,
    arc_m: NDArray[np.float64],
    paths: Paths,
    num_kept: int,
    motion: Motion,
    travel_m: NDArray[np.float64],
    rules: Rules,
    config: RightOfWayConfig,
) -> Holds:
    """Of all R paths, of which the first `num_kept` are what agents may do without changing lanes.

    `arc_m` (H, T) is how far the agents of the lines get if they do not give way, `travel_m` (N, T) how far all do.
    """
    holds = Holds.none(len(paths))
    holds.stop_m[lines.row], holds.stands[lines.row] = lines.stop_m, lines.stands
    holds.probability[lines.row] = lines.stands
    holds.release_s[lines.row] = _time(arc_m, lines.stop_m)
    line, other = _pairs(lines, paths, num_kept, rules)
    found = _conflicts(lines, paths, motion, line, other, config)
    half = 0.5 * motion.size[:, 0]
    own_half, other_half = half[paths.agent[lines.row[found.line]]], half[found.agent]
    own_in, own_out = _stay(arc_m[found.line], found.own_in_m - own_half, found.own_out_m + own_half)
    other_in, other_out = _stay(travel_m[found.agent], found.other_in_m - other_half, found.other_out_m + other_half)
    probability = found.share * _waits(own_in, own_out, other_in, other_out, config)
    any_agent = _any_agent(found, probability, len(lines), len(motion))
    holds.probability[lines.row] = np.maximum(any_agent, lines.stands)
    clear_m = found.own_out_m - lines.stop_m[found.line] + own_half
    clear_s = np.sqrt(2.0 * np.maximum(clear_m, 0.0) / config.starting_mps2)
    latest_start_s = other_in - clear_s - config.critical_margin_s
    gone_s = np.where(np.isfinite(other_in), other_out + config.pass_behind_s, -np.inf)
    holds.release_s[lines.row] = _release(found.line, holds.release_s[lines.row], latest_start_s, gone_s)
    return holds


def _waits(
    own_in: NDArray[np.float64],
    own_out: NDArray[np.float64],
    other_in: NDArray[np.float64],
    other_out: NDArray[np.float64],
    config: RightOfWayConfig,
) -> NDArray[np.float64]:
    """(M,) probability of waiting for an agent, by the times when both enter and leave the ground that they share."""
    meets = np.isfinite(own_in) & np.isfinite(other_in)
    own_in, own_out, other_in, other_out = (
        np.where(meets, each, 0.0) for each in (own_in, own_out, other_in, other_out)
    )
    too_short = expit((config.critical_margin_s - (other_in - own_out)) / config.margin_deviation_s)
    still_there = expit((other_out + config.pass_behind_s - own_in) / config.margin_deviation_s)
    return np.where(meets, too_short * still_there, 0.0)


def _pairs(lines: Lines, paths: Paths, num_kept: int, rules: Rules) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lines (M,) and rows (M,) of the paths of other agents that lead over a lane that goes first there."""
    first = rules.first
    line, item = _expanded(first.offsets[lines.lane], np.diff(first.offsets)[lines.lane])
    lane = first.values[item]
    wanted = np.zeros(len(rules.gives_way) + 1, dtype=bool)
    wanted[lane] = True
    on = paths.lane[:num_kept]
    entered = wanted[on] & (paths.share[:num_kept, None] > _MIN_SHARE)  # beyond the map: the last one, False
    entered[:, 1:] &= on[:, 1:] != on[:, :-1]
    row, column = np.nonzero(entered)
    visited = on[row, column]
    order = np.argsort(visited, kind="stable")
    low, high = (np.searchsorted(visited[order], lane, side=side) for side in ("left", "right"))
    which, item = _expanded(low, high - low)
    line, other = line[which], row[order[item]]
    apart = paths.agent[lines.row[line]] != paths.agent[other]
    pairs = np.unique(np.stack([line[apart], other[apart]], axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _expanded(first: NDArray[np.int64], count: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For runs that begin at `first` and are `count` long: number of the run, and every item of it."""
    run = np.repeat(np.arange(len(first)), count)
    within = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count)
    return run, first[run] + within


def _conflicts(
    lines: Lines,
    paths: Paths,
    motion: Motion,
    line: NDArray[np.int64],
    other: NDArray[np.int64],
    config: RightOfWayConfig,
) -> _Conflicts:
    """The first ground that both come over, of pairs of lines (M,) and paths (M,) that have some."""
    spacing, length = paths.spacing_m, config.conflict_length_m
    own = lines.row[line]
    last = paths.points.shape[1] - 1
    ahead = np.arange(0, int(config.search_m / spacing) + 1, _STRIDE)
    index = np.minimum(lines.index[line][:, None] + ahead, last)
    origin = paths.points[own, lines.index[line]][:, None]
    mine = (paths.points[own[:, None], index] - origin).astype(np.float32)  # (M, S, 2)
    theirs = (paths.points[other, ::_STRIDE] - origin).astype(np.float32)  # (M, Q, 2)
    squared = (mine[:, :, None, 0] - theirs[:, None, :, 0]) ** 2 + (mine[:, :, None, 1] - theirs[:, None, :, 1]) ** 2
    reach = 0.5 * (motion.size[paths.agent[own], 1] + motion.size[paths.agent[other], 1]) + config.conflict_margin_m
    near = squared < (reach[:, None, None] ** 2).astype(np.float32)
    mine_near, theirs_near = near.any(axis=2), near.any(axis=1)
    own_m, other_m = index * spacing, np.arange(theirs.shape[1]) * _STRIDE * spacing
    own_in, own_out = _span(mine_near, own_m, length)
    other_in, other_out = _span(theirs_near, np.broadcast_to(other_m, theirs_near.shape), length)
    return _Conflicts(line, paths.agent[other], paths.share[other], own_in, own_out, other_in, other_out).select(
        near.any(axis=(1, 2))
    )


def _span(
    near: NDArray[np.bool_], arc_m: NDArray[np.float64], length_m: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First and last arc length (M,) of `arc_m` (M, S) that is `near`, at most `length_m` apart."""
    row = np.arange(len(near))
    first = arc_m[row, np.argmax(near, axis=1)].astype(np.float64)
    last = arc_m[row, near.shape[1] - 1 - np.argmax(near[:, ::-1], axis=1)]
    return first, np.minimum(last, first + length_m)


def _time(arc_m: NDArray[np.float64], reached_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M,) [s] when arc lengths (M, T) reach `reached_m` (M,); inf: not within the horizon."""
    steps = (arc_m < reached_m[:, None]).sum(axis=1)
    return np.where(reached_m <= 0.0, 0.0, np.where(steps < NUM_STEPS, (steps + 1) * TIME_STEP_S, np.inf))


def _stay(
    arc_m: NDArray[np.float64], in_m: NDArray[np.float64], out_m: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When (M,) the ground from `in_m` to `out_m` is entered and left."""
    enters, leaves = _time(arc_m, in_m), _time(arc_m, out_m)
    return enters, np.where(np.isfinite(leaves), leaves, enters + _UNTIL_CLEAR_S)


def _any_agent(
    found: _Conflicts, probability: NDArray[np.float64], num_lines: int, num_agents: int
) -> NDArray[np.float64]:
    """(H,) probability of at least one of the agents, whose own paths exclude each other, of pairs (M,)."""
    pair, inverse = np.unique(found.line * num_agents + found.agent, return_inverse=True)
    each = np.minimum(np.bincount(inverse.reshape(-1), weights=probability, minlength=len(pair)), 1.0 - 1e-9)
    nobody = np.bincount(pair // num_agents, weights=np.log1p(-each), minlength=num_lines)
    return -np.expm1(nobody)


def _release(
    line: NDArray[np.int64],
    arrival_s: NDArray[np.float64],
    latest_start_s: NDArray[np.float64],
    gone_s: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(H,) [s] when lines reached at `arrival_s` (H,) are left: the first time at which nobody is in the way.

    Of pairs (M,): before `latest_start_s` there is still time to go first; from `gone_s` on, the other is gone.
    """
    order = np.lexsort((latest_start_s, line))
    line, latest_start_s, gone_s = line[order], latest_start_s[order], gone_s[order]
    rank = np.arange(len(line)) - np.searchsorted(line, line)
    release = arrival_s.copy()
    for turn in range(min(int(rank.max(initial=-1)) + 1, _MAX_WAITED_FOR)):  # who comes later waits for the earlier
        now = np.flatnonzero(rank == turn)
        at = line[now]
        waits = (release[at] > latest_start_s[now]) & (release[at] < gone_s[now])
        release[at[waits]] = gone_s[now[waits]]
    return release
