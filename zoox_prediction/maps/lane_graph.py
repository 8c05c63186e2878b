"""Agents on lanes: which lanes an agent may be following, and the paths along which it may go on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.lane_assignment import (
    Candidates,
    LaneAssignment,
    half_widths,
    rank_within,
)
from zoox_prediction.maps.lane_fans import LaneFans
from zoox_prediction.maps.lane_joints import LaneJoints
from zoox_prediction.maps.lane_sequences import LaneSuccession, ReachableLanes
from zoox_prediction.maps.polylines import FloatArray, Polylines
from zoox_prediction.maps.road_network import MapError, Ragged, RoadNetwork


@dataclass(frozen=True)
class LaneGraphConfig:
    """How agents are matched with lanes, and how lane sequences branch."""

    lateral_margin_m: float = 1.0  # how far outside a lane an agent's centre may be
    max_heading_error_rad: float = 0.5 * np.pi  # beyond it the agent is not following the lane
    lateral_sigma_m: float = 1.0  # of the Gaussian likelihood of the offset from the centreline
    heading_sigma_rad: float = 0.35  # of the Gaussian likelihood of the heading error
    min_probability: float = 0.02  # lanes less likely than this are not assigned
    join_sigma_rad: float = 0.5  # at a fork: change of heading where the successor joins
    turn_sigma_rad: float = 1.5  # at a fork: change of heading along the successor
    curvature_window_m: float = 7.0  # length over which curvature is estimated
    max_distance_m: float = 400.0  # longest path, 8 s at 50 m/s
    max_sequences: int = 16  # lane sequences kept per start lane
    max_lanes: int = 2000  # lanes visited in the search for them

    def __post_init__(self) -> None:
        for name in (
            "lateral_sigma_m",
            "heading_sigma_rad",
            "join_sigma_rad",
            "turn_sigma_rad",
            "curvature_window_m",
            "max_distance_m",
        ):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)}")
        if not self.lateral_margin_m >= 0.0:
            raise ValueError(f"lateral_margin_m must be >= 0, got {self.lateral_margin_m}")
        if not 0.0 < self.max_heading_error_rad <= np.pi:
            raise ValueError(f"max_heading_error_rad must be in (0, pi], got {self.max_heading_error_rad}")
        if not 0.0 <= self.min_probability < 1.0:
            raise ValueError(f"min_probability must be in [0, 1), got {self.min_probability}")
        if self.max_sequences < 1 or self.max_lanes < 1:
            raise ValueError("max_sequences and max_lanes must be >= 1")


@dataclass(frozen=True)
class LanePaths:
    """R paths that agents may take along the lanes, P points each, `spacing_m` apart. Agents without a lane have none.

    Rows are sorted by agent, then by falling probability. Where `valid` is False (beyond the end of the map or the
    distance asked for) the points are finite and mean nothing, lane is -1 and the speed limit NaN.
    """

    agent: NDArray[np.int64]  # (R,) row of the agent in the query
    probability: FloatArray  # (R,), sums to 1 over an agent's paths
    points: FloatArray  # (R, P, 2) [m]; point 0 is the agent's projection on the centreline
    heading: FloatArray  # (R, P) [rad] in (-pi, pi]
    curvature: FloatArray  # (R, P) [1/m], positive to the left
    speed_limit_mps: FloatArray  # (R, P), NaN where the map has none
    lane: NDArray[np.int64]  # (R, P) row of the lane
    valid: NDArray[np.bool_]  # (R, P)
    lateral_offset_m: FloatArray  # (R,) of the agent, positive to the left of the centreline
    heading_error_rad: FloatArray  # (R,) of the agent, in (-pi, pi]
    spacing_m: float

    def __len__(self) -> int:
        return len(self.agent)


class LaneGraph:
    """Index and successor graph of a road network's lanes. Rows are rows of `road_network.lanes`."""

    def __init__(self, road_network: RoadNetwork, config: LaneGraphConfig | None = None) -> None:
        """Raises MapError for duplicate lane ids and for centrelines that are not finite or have one distinct point."""
        self.road_network = road_network
        self.config = config or LaneGraphConfig()
        lanes = road_network.lanes
        ids, count = np.unique(lanes.ids, return_counts=True)
        if np.any(count > 1):
            raise MapError(f"lane {ids[np.argmax(count)]}: two lanes have this id; ids must be unique")
        self.lines = Polylines(lanes.centerline, lanes.ids)
        self.half_width_m = half_widths(road_network)
        successors = _once_each(lanes.successor_rows)
        self._joints = LaneJoints(self.lines, successors)
        self._succession = LaneSuccession(
            self.lines, successors, self.config.join_sigma_rad, self.config.turn_sigma_rad
        )
        self._fans: dict[float, LaneFans] = {}

    def __len__(self) -> int:
        return len(self.lines)

    def assign(
        self,
        position: NDArray,
        yaw: NDArray,
        max_lanes: int = 4,
        allowed_types: NDArray[np.bool_] | None = None,
    ) -> LaneAssignment:
        """The lanes that agents at position (N, 2) [m] with yaw (N,) [rad] may be following.

        A lane is a candidate when the agent is within its width plus a margin, beside it rather than before its start
        or past its end (unless no lane is beside the agent), and headed along it rather than against it. Its
        probability is proportional to exp(-(offset / lateral_sigma)^2 / 2 - (heading error / heading_sigma)^2 / 2).
        `allowed_types` (N, 5) says which LaneType each agent may use; all by default. Agents that are not finite get
        no lane.
        """
        position, yaw = np.asarray(position, dtype=np.float64).reshape(-1, 2), np.asarray(yaw, dtype=np.float64)
        agent, lane = self._near(position, yaw)
        if allowed_types is not None:
            allowed = np.asarray(allowed_types, dtype=bool)[agent, self.road_network.lanes.type[lane]]
            agent, lane = agent[allowed], lane[allowed]
        on = self.lines.project(lane, position[agent])
        error = wrap_angle(yaw[agent] - on.heading_rad)
        offset = np.hypot(on.lateral_offset_m, on.beyond_m)
        keep = (offset <= self.half_width_m[lane] + self.config.lateral_margin_m) & (
            np.abs(error) <= self.config.max_heading_error_rad
        )
        remaining = self.lines.length[lane] - on.arc_length_m
        keep = self._joints.settle(agent, lane, position[agent], on, remaining, keep)
        likelihood = np.exp(
            -0.5 * (offset / self.config.lateral_sigma_m) ** 2 - 0.5 * (error / self.config.heading_sigma_rad) ** 2
        )
        chosen = Candidates(agent, lane, likelihood, on.arc_length_m, on.lateral_offset_m, error).select(keep)
        return chosen.tabulate(len(position), max_lanes, self.config.min_probability)

    def _near(self, position: FloatArray, yaw: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(M,) agents and lanes, all that are within reach of each other and some farther ones."""
        finite = np.flatnonzero(np.isfinite(position).all(axis=1) & np.isfinite(yaw))
        reach = float(self.half_width_m.max(initial=0.0)) + self.config.lateral_margin_m
        index, lane = self.road_network.index.lanes_about(position[finite], reach)
        return finite[index], lane

    def paths(
        self,
        position: NDArray,
        yaw: NDArray,
        distance_m: NDArray,
        max_paths: int = 6,
        spacing_m: float = 1.0,
        max_lanes: int = 4,
        allowed_types: NDArray[np.bool_] | None = None,
    ) -> LanePaths:
        """The `max_paths` most probable paths of each agent over the next distance_m (N,) along the lanes.

        position (N, 2) [m], yaw (N,) [rad]; `max_lanes` and `allowed_types` as in `assign`. A path branches at every
        successor of a lane; P = ceil(max(distance_m) / spacing_m) + 1. Distances are cut at `config.max_distance_m`.
        """
        return self._follow(self.assign(position, yaw, max_lanes, allowed_types), distance_m, max_paths, spacing_m)

    def paths_from(
        self, lane: NDArray, arc_length_m: NDArray, distance_m: NDArray, max_paths: int = 6, spacing_m: float = 1.0
    ) -> LanePaths:
        """As `paths`, from places on lanes: rows lane (N,), at arc lengths (N,) [m] along their centrelines."""
        lane = np.asarray(lane, dtype=np.int64).reshape(-1, 1)
        place, none = np.asarray(arc_length_m, dtype=np.float64).reshape(-1, 1), np.zeros(lane.shape)
        return self._follow(
            LaneAssignment(lane, np.ones(lane.shape), place, none, none), distance_m, max_paths, spacing_m
        )

    def _follow(self, assigned: LaneAssignment, distance_m: NDArray, max_paths: int, spacing_m: float) -> LanePaths:
        fans = self._fans_of(spacing_m)
        distance_m = np.nan_to_num(np.asarray(distance_m, dtype=np.float64), nan=0.0, posinf=np.inf)
        distance_m = np.clip(distance_m, 0.0, self.config.max_distance_m)
        num_points = int(np.ceil(distance_m.max(initial=0.0) / spacing_m)) + 1
        agent, column = np.nonzero(assigned.lane >= 0)
        start = assigned.arc_length_m[agent, column]
        fan = fans.fans(assigned.lane[agent, column], start + distance_m[agent])
        pair, path = fans.paths(fan)
        table = fans.table()
        probability = table.probability[path] * assigned.probability[agent, column][pair]
        # The path's last sample within the agent's distance tells which of its paths are still one and the same.
        last = np.ceil((start + distance_m[agent])[pair] / spacing_m).astype(np.int64)
        end = table.first_sample[path] + np.minimum(last, table.num_samples[path] - 1)
        pair, path, probability = _merge_equal(pair, path, probability, fans.node[end])
        order, rank = rank_within(agent[pair], probability)
        order = order[rank < max_paths]
        pair, path, probability = pair[order], path[order], probability[order]
        total = np.bincount(agent[pair], weights=probability, minlength=len(distance_m))
        return self._gather(
            fans,
            path,
            start[pair],
            distance_m[agent[pair]],
            num_points,
            agent=agent[pair],
            probability=probability / total[agent[pair]],
            lateral_offset_m=assigned.lateral_offset_m[agent, column][pair],
            heading_error_rad=assigned.heading_error_rad[agent, column][pair],
        )

    def reachable(self, lanes: ArrayLike, distance_m: ArrayLike, max_sequences: int | None = None) -> ReachableLanes:
        """All sequences of lanes, each a successor of the one before, that are distance_m long or end with the map.

        `lanes` (M,) are rows of the start lanes, -1 for none; distance_m (scalar or (M,)) [m] counts from their
        starts. A sequence goes round a ring as often as the distance asks for. At most `max_sequences` (the most
        probable ones) are given per start, and at most `config.max_lanes` lanes are visited; `complete` tells where
        that was enough. Raises ValueError for a distance that is NaN.
        """
        return self._succession.reachable(lanes, distance_m, max_sequences, self.config.max_lanes)

    def _fans_of(self, spacing_m: float) -> LaneFans:
        if not spacing_m > 0.0:
            raise ValueError(f"spacing_m must be > 0, got {spacing_m}")
        if spacing_m not in self._fans:
            config = self.config
            self._fans[spacing_m] = LaneFans(
                self.lines,
                self._succession,
                spacing_m,
                config.curvature_window_m,
                config.max_sequences,
                config.max_lanes,
            )
        return self._fans[spacing_m]

    def _gather(
        self,
        fans: LaneFans,
        path: NDArray[np.int64],
        start_m: FloatArray,
        distance_m: FloatArray,
        num_points: int,
        **agent_columns: NDArray,
    ) -> LanePaths:
        """Paths (R,) from arc lengths start_m (R,) on, interpolated between the cached samples."""
        spacing, table = fans.spacing_m, fans.table()
        base = np.floor(start_m / spacing).astype(np.int64)
        fraction = (start_m / spacing - base)[:, None]
        step = np.minimum(base[:, None] + np.arange(num_points + 1), table.num_samples[path, None] - 1)
        index = table.first_sample[path, None] + step
        channels = []
        for channel in fans.values:
            at = np.take(channel, index)
            between = at[:, 1:] - at[:, :-1]
            between *= fraction
            between += at[:, :-1]
            channels.append(between)
        x, y, heading, curvature = channels
        along = np.arange(num_points) * spacing
        valid = (along <= (table.length_m[path] - start_m)[:, None] + 1e-9) & (
            along < distance_m[:, None] + spacing - 1e-9
        )
        valid[:, 0] = True
        node_lane = np.append(table.node_lane, -1)
        lane = np.where(valid, np.take(node_lane, np.take(fans.node, index[:, :-1])), -1)
        limit = np.append(self.road_network.lanes.speed_limit_mps, np.nan)  # the last one is row -1's
        return LanePaths(
            points=np.stack([x, y], axis=-1),
            heading=heading - 2.0 * np.pi * np.rint(heading / (2.0 * np.pi)),  # wrap_angle, several times faster
            curvature=curvature,
            speed_limit_mps=np.take(limit, lane, mode="wrap"),
            lane=lane,
            valid=valid,
            spacing_m=spacing,
            **agent_columns,
        )


def _once_each(rows: Ragged) -> Ragged:
    """Without what a list of rows names again."""
    owner = np.repeat(np.arange(len(rows)), np.diff(rows.offsets))
    _, first = np.unique(np.stack([owner, rows.values]), axis=1, return_index=True)
    kept = np.sort(first)
    return Ragged(rows.values[kept], np.searchsorted(owner[kept], np.arange(len(rows) + 1)))


def _merge_equal(
    pair: NDArray[np.int64], path: NDArray[np.int64], probability: FloatArray, node: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Paths of one agent and start lane that end in the same node are one path: keep the first, add probabilities.

    A path beyond the end of the map has node -1 there and stays apart.
    """
    key = np.where(node >= 0, node, -1 - path)
    key -= key.min(initial=0)
    _, first, inverse = np.unique(pair * (key.max(initial=0) + 1) + key, return_index=True, return_inverse=True)
    merged: FloatArray = np.bincount(inverse, weights=probability, minlength=len(first)).astype(np.float64)
    return pair[first], path[first], merged
