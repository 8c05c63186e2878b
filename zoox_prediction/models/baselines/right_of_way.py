"""Which lanes give way to which, and where on their paths agents would do so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import Ragged, RightOfWay, RoadNetwork
from zoox_prediction.maps.signals import lane_signal_states
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.paths import Paths
from zoox_prediction.models.baselines.signals import lines_ahead, stop_points
from zoox_prediction.scene import SignalState, TrafficSignals

_SAME_GROUND_M = 1.0  # between centrelines that cross or merge
_WORKING = (SignalState.RED, SignalState.YELLOW, SignalState.GREEN)


@dataclass(frozen=True)
class RightOfWayConfig:
    """How drivers without the right of way choose a gap."""

    stop_margin_m: float = 1.0  # between the front and the line
    max_deceleration_mps2: float = 4.0  # a driver who had to brake harder drives on
    conflict_margin_m: float = 0.5  # between two vehicles side by side that are in each other's way
    conflict_length_m: float = 8.0  # of the ground that has to be free
    search_m: float = 50.0  # beyond the line for such ground
    critical_margin_s: float = 1.5  # median, from being clear of that ground to the arrival of who goes first
    margin_deviation_s: float = 0.7  # scale of the logistic distribution over drivers
    pass_behind_s: float = 0.5  # from the other being gone to the own arrival
    starting_mps2: float = 1.5  # acceleration from the line

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")


@dataclass(frozen=True)
class Rules:
    """The right of way of L lanes."""

    gives_way: NDArray[np.bool_]  # (L,)
    stops: NDArray[np.bool_]  # (L,) even when nobody comes
    told: NDArray[np.bool_]  # (L,) the map itself says to whom; else it is who crosses
    first: Ragged  # L lists of rows of the lanes whose traffic goes first
    lines: NDArray[np.float64]  # (L, 2) where it is waited, NaN where no way is given
    signal: NDArray[np.int64]  # (L,) id or NO_ID

    @classmethod
    def of(cls, network: RoadNetwork) -> Rules:
        """Of the lanes of `network`: those that yield to others, and those with signs that say so."""
        lanes = network.lanes
        told = np.diff(lanes.yields_to_rows.offsets) > 0
        signed = np.isin(lanes.right_of_way, (RightOfWay.YIELD, RightOfWay.STOP))
        gives_way = told | signed
        crossing = _crossing_lanes(network, gives_way, np.flatnonzero(signed & ~told))
        rows = [crossing.get(row, known) for row, known in enumerate(lanes.yields_to_rows)]  # once per map
        lines = stop_points(network, gives_way)
        return cls(
            gives_way, lanes.right_of_way == RightOfWay.STOP, told, Ragged.ids(rows), lines, np.asarray(lanes.signal)
        )


def _crossing_lanes(
    network: RoadNetwork, gives_way: NDArray[np.bool_], wanted: NDArray[np.int64]
) -> dict[int, NDArray[np.int64]]:
    """For each of the lanes `wanted`: the lanes without such a sign that cross or meet it, or its successors."""
    lanes = network.lanes
    if not len(wanted):
        return {}
    lines = [shapely.LineString(line) if len(line) > 1 else shapely.LineString() for line in lanes.centerline]
    tree = shapely.STRtree(lines)
    found = {}
    for row in wanted:  # once per map
        inner = np.array([row]) if lanes.in_intersection[row] else lanes.successor_rows[row]
        geometry = [lines[each] for each in inner if np.isfinite(lanes.centerline[each]).all()]
        _, near = tree.query(geometry, predicate="dwithin", distance=_SAME_GROUND_M)
        before = [lanes.predecessor_rows[each] for each in inner]
        behind = [lanes.successor_rows[each] for each in inner]
        beside = [lanes.successor_rows[each] for part in before for each in part]  # from the same approach
        own = np.concatenate([[row], inner, *before, *behind, *beside]).astype(np.int64)
        near = np.setdiff1d(near, own)
        found[int(row)] = near[~gives_way[near]]
    return found


@dataclass(frozen=True)
class Lines:
    """H lines on paths at which agents may have to give way, the first of each path."""

    row: NDArray[np.int64]  # (H,) of the path
    lane: NDArray[np.int64]  # (H,) that gives way there
    index: NDArray[np.int64]  # (H,) of the path's point at the line
    stop_m: NDArray[np.float64]  # (H,) arc length at which the agent's centre waits
    stands: NDArray[np.bool_]  # (H,) even when nobody comes

    def __len__(self) -> int:
        return len(self.row)


def lines_to_hold_at(
    paths: Paths, motion: Motion, rules: Rules, signals: TrafficSignals, config: RightOfWayConfig
) -> Lines:
    """The lines at which agents can still stop.

    Signals that work override signs, but not the rule between lanes that are green together.
    """
    shown = np.isin(lane_signal_states(rules.signal, signals.ids, signals.state), _WORKING)
    marked = rules.gives_way & (rules.told | ~shown)
    front = 0.5 * motion.size[paths.agent, 0] + config.stop_margin_m
    row, lane, index = lines_ahead(paths, marked, rules.lines, front)
    stop = index * paths.spacing_m - front[row]
    speed = motion.speed[paths.agent[row]]
    able = speed**2 <= 2.0 * config.max_deceleration_mps2 * np.maximum(stop, 0.3)
    stands = (rules.stops & ~shown)[lane]
    return Lines(row[able], lane[able], index[able], np.maximum(stop, 0.0)[able], stands[able])
