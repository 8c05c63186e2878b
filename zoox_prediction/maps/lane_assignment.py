"""Which lanes agents may be following: the pieces that LaneGraph.assign is made of."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.maps.polylines import FloatArray
from zoox_prediction.maps.road_network import RoadNetwork

_DEFAULT_WIDTH_M = 3.5  # of a lane whose map draws no boundaries


@dataclass(frozen=True)
class LaneAssignment:
    """The lanes that N agents may be following, most probable first, M columns; unused columns have lane -1."""

    lane: NDArray[np.int64]  # (N, M) row of the lane, -1 none
    probability: FloatArray  # (N, M), sums to 1 over an agent's lanes; 0 where none
    arc_length_m: FloatArray  # (N, M) along the centreline; NaN where none
    lateral_offset_m: FloatArray  # (N, M) positive to the left of the centreline; NaN where none
    heading_error_rad: FloatArray  # (N, M) agent minus lane, in (-pi, pi]; NaN where none


@dataclass(frozen=True)
class Candidates:
    """M pairs of an agent and a lane that it may be following."""

    agent: NDArray[np.int64]
    lane: NDArray[np.int64]
    likelihood: FloatArray
    arc_length_m: FloatArray
    lateral_offset_m: FloatArray
    heading_error_rad: FloatArray

    def select(self, rows: NDArray) -> Candidates:
        return Candidates(*(getattr(self, each.name)[rows] for each in fields(self)))

    def tabulate(self, num_agents: int, max_lanes: int, min_probability: float) -> LaneAssignment:
        """The most likely lanes of each agent, one row per agent."""
        total = np.bincount(self.agent, weights=self.likelihood, minlength=num_agents)
        likely = self.select(self.likelihood >= min_probability * total[self.agent])
        order, rank = rank_within(likely.agent, likely.likelihood)
        best = likely.select(order[rank < max_lanes])
        at = best.agent, rank[rank < max_lanes]
        lane = np.full((num_agents, max_lanes), -1, dtype=np.int64)
        lane[at] = best.lane
        probability = np.zeros((num_agents, max_lanes))
        probability[at] = best.likelihood
        total = probability.sum(axis=1, keepdims=True)
        probability = np.divide(probability, total, out=probability, where=total > 0.0)
        tables = [np.full((num_agents, max_lanes), np.nan) for _ in range(3)]
        for table, column in zip(
            tables, (best.arc_length_m, best.lateral_offset_m, best.heading_error_rad), strict=True
        ):
            table[at] = column
        return LaneAssignment(lane, probability, *tables)


def half_widths(road_network: RoadNetwork) -> FloatArray:
    """(L,) half the width [m] at the middle of each lane, from its boundaries where it has both."""
    lanes = road_network.lanes
    width = np.full(len(lanes), _DEFAULT_WIDTH_M)
    for row in range(len(lanes)):  # once per map
        left, right = lanes.left_boundary[row], lanes.right_boundary[row]
        if len(left) > 1 and len(right) > 1:
            left_line, right_line = shapely.linestrings(left), shapely.linestrings(right)
            middle = shapely.line_interpolate_point(left_line, 0.5, normalized=True)
            measured = shapely.distance(middle, right_line)
            width[row] = np.clip(measured, 1.0, 8.0) if np.isfinite(measured) else _DEFAULT_WIDTH_M
    return 0.5 * width


def rank_within(group: NDArray[np.int64], score: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The order by group, then by falling score, and in that order the rank within the group."""
    order = np.lexsort((-score, group))
    sorted_group = group[order]
    first = np.searchsorted(sorted_group, sorted_group)
    return order, np.arange(len(group)) - first
