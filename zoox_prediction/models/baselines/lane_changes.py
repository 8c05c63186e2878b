"""Paths of vehicles that change to a neighbouring lane, and how likely each change is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.road_network import Lanes
from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.paths import Paths, endless_paths
from zoox_prediction.scene import Attribute, TrackedAgents


@dataclass(frozen=True)
class LaneChangeConfig:
    """Who changes lanes, how, and what announces it."""

    min_speed_mps: float = 2.0
    joining_s: float = 1.5  # the way to the other centreline shrinks by e in so many seconds
    min_joining_m: float = 10.0
    max_lateral_mps2: float = 1.5  # of the change; a faster vehicle takes a longer way
    min_offset_m: float = 1.5  # to the other centreline: who is nearer follows that lane already
    max_offset_m: float = 6.0
    foresight_s: float = 2.0  # today's drift is continued for so long
    drift_middle_m: float = 1.2  # from the own centreline towards the other lane: as likely as not
    drift_scale_m: float = 0.35  # logistic
    unannounced_share: float = 0.1  # of the probability of a change that nothing announces
    indicator_share: float = 0.8  # that an indicator to that side alone gives
    other_indicator_factor: float = 0.2  # with an indicator to the other side
    no_indicator_factor: float = 0.5  # with an indicator that was seen and is off
    blocked_factor: float = 0.2  # with somebody beside, or close behind on the other lane
    behind_s: float = 1.0  # headway that who comes from behind is left

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")
            if name.endswith(("_share", "_factor")) and value > 1:
                raise ValueError(f"{name} must be at most 1, got {value}")


def permitted_neighbors(lanes: Lanes) -> NDArray[np.int64]:
    """(2, L) rows of the left and the right lane that a vehicle may change to, -1 where none; none in intersections."""
    rows = np.stack([lanes.rows(lanes.left_neighbor), lanes.rows(lanes.right_neighbor)])
    allowed = np.stack([lanes.left_change, lanes.right_change]) & ~lanes.in_intersection
    found: NDArray[np.int64] = np.where(allowed, rows, -1)
    return found


def change_paths(
    graph: LaneGraph,
    neighbors: NDArray[np.int64],
    main: Paths,
    motion: Motion,
    agents: TrackedAgents,
    config: LaneChangeConfig,
) -> Paths | None:
    """The likeliest path on each neighbouring lane of the moving vehicles among the paths `main`, one of each agent.

    `neighbors` as of `permitted_neighbors`. The share of a path is how likely the change is against a certain one, from
    the drift to that side, the indicators, and the room on the other lane. Paths reach as far as those of `main`. None
    when nobody can change.
    """
    moves = (motion.group[main.agent] == Group.VEHICLE) & (motion.speed[main.agent] > config.min_speed_mps)
    side, row = np.nonzero((neighbors[:, main.lane[:, 0]] >= 0) & moves)
    if not len(row):
        return None
    agent, target = main.agent[row], neighbors[side, main.lane[row, 0]]
    beside = graph.lines.project(target, motion.position[agent])
    start, heading = graph.lines.point_at(target, beside.arc_length_m)
    reach = np.maximum(motion.speed[agent] + 5.0, 1.0) * 8.0
    longest = (main.points.shape[1] - 1) * main.spacing_m
    reach = np.minimum(reach, longest)
    reach[0] = longest * (1.0 - 1e-9)  # one of them as far as the longest of `main`, so that both are equally wide
    found = graph.paths(start, heading, reach, max_paths=1, spacing_m=main.spacing_m, max_lanes=1)
    if not len(found):
        return None
    query = found.agent
    paths = endless_paths(found, agent, motion)
    paths = replace(paths, heading_error_rad=wrap_angle(motion.course[paths.agent] - paths.heading[:, 0]))
    towards = np.where(side[query] == 0, 1.0, -1.0)
    share = _announced(main.select(row[query]), towards, motion, config)
    share = _with_indicators(share, side[query], agents, paths.agent, config)
    share = np.where(_blocked(paths, motion, config), config.blocked_factor * share, share)
    away = -towards * paths.offset_m[:, 1]
    keep = (away > config.min_offset_m) & (away < config.max_offset_m) & (np.abs(paths.offset_m[:, 0]) < 1.0)
    return replace(paths, share=share).select(keep) if keep.any() else None


def joining_lengths(paths: Paths, motion: Motion, config: LaneChangeConfig) -> NDArray[np.float64]:
    """(R,) [m] over which the way to the other centreline shrinks by e, see `paths.follow`.

    The path bends by offset / length^2 at first and less later: no tighter than `max_lateral_mps2` and the class allow.
    """
    speed, offset = motion.speed[paths.agent], np.abs(paths.offset_m[:, 1])
    bend = np.minimum(
        config.max_lateral_mps2 / np.maximum(speed, 0.1) ** 2, 0.5 * motion.limits.curvature_per_m[paths.agent]
    )
    length: NDArray[np.float64] = np.maximum(config.joining_s * speed, np.sqrt(offset / bend))
    return np.maximum(length, config.min_joining_m)


def _announced(own: Paths, towards: NDArray, motion: Motion, config: LaneChangeConfig) -> NDArray[np.float64]:
    """(R,) share by the place on the own lane and the drift to the side `towards` (R,) (1 left, -1 right)."""
    drift = motion.speed[own.agent] * np.sin(own.heading_error_rad)
    drifted = towards * (own.offset_m[:, 1] + config.foresight_s * drift)
    likely = expit((drifted - config.drift_middle_m) / config.drift_scale_m)
    share: NDArray[np.float64] = config.unannounced_share + (1.0 - config.unannounced_share) * likely
    return share


def _with_indicators(
    share: NDArray, side: NDArray, agents: TrackedAgents, agent: NDArray[np.int64], config: LaneChangeConfig
) -> NDArray[np.float64]:
    bits = np.array([Attribute.LEFT_INDICATOR, Attribute.RIGHT_INDICATOR], dtype=np.uint32)
    both = np.uint32(Attribute.LEFT_INDICATOR | Attribute.RIGHT_INDICATOR)
    lit, seen = (agents.attributes & agents.attributes_valid)[agent], agents.attributes_valid[agent]
    hazard = ((lit & both) == both) | ((lit & np.uint32(Attribute.HAZARD)) > 0)
    this, other = (lit & bits[side]) > 0, (lit & bits[1 - side]) > 0
    off = ((seen & bits[side]) > 0) & ~this
    share = np.where(this & ~hazard, np.maximum(share, config.indicator_share), share)
    share = np.where(off, config.no_indicator_factor * share, share)
    return np.where(other & ~hazard, config.other_indicator_factor * share, share)


def _blocked(paths: Paths, motion: Motion, config: LaneChangeConfig) -> NDArray[np.bool_]:
    """(R,) whether somebody is on the other lane beside the vehicle, or so close behind that he would have to brake."""
    away = motion.position[None] - paths.points[:, :1]  # (R, N, 2)
    cos, sin = np.cos(paths.heading[:, :1]), np.sin(paths.heading[:, :1])
    along, lateral = away[..., 0] * cos + away[..., 1] * sin, away[..., 1] * cos - away[..., 0] * sin
    own = paths.agent[:, None]
    length = 0.5 * (motion.size[own, 0] + motion.size[None, :, 0])
    same_way = np.cos(motion.course[None] - paths.heading[:, :1]) > 0.5
    approach = np.maximum(motion.speed[None] - motion.speed[own], 0.0) * config.behind_s
    near = (along > -(length + 2.0 + approach)) & (along < length) & (np.abs(lateral) < 0.5 * config.max_offset_m * 0.5)
    near &= same_way & (np.arange(len(motion)) != own)
    blocked: NDArray[np.bool_] = near.any(axis=1)
    return blocked
