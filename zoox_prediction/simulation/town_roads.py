"""The two directions of a road between two junctions: lanes, turn lanes, parking strips, a crosswalk in the middle."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from zoox_prediction.maps.lane_sides import moved_sideways
from zoox_prediction.simulation.town_plan import (
    FloatArray,
    PlanConnection,
    PlanCrosswalk,
    PlanEdge,
    PlanLane,
    PlanNode,
    Road,
    TownPlan,
    Use,
)

TURN_LANE_M = 55.0  # from the middle of the junction to where the turn lane begins
_SPACING_M = 2.0
_FROM_MIDDLE_M = 3.0
_WIDTH_M = {Use.SIDEWALK: 2.4, Use.PARKING: 2.2, Use.BICYCLE: 1.8, Use.DRIVE: 3.25}


@dataclass(frozen=True)
class CrossSection:
    """Of one direction of a road."""

    road: Road
    speed_mps: float
    lanes: int = 1
    bicycle: bool = False
    parking: bool = False
    median_m: float = 0.0  # between the directions; the turn lanes take it
    sidewalk: bool = True

    def plan_lanes(self, turn_lane: bool = False) -> tuple[PlanLane, ...]:
        uses = [Use.SIDEWALK] * self.sidewalk + [Use.PARKING] * self.parking + [Use.BICYCLE] * self.bicycle
        lanes = [PlanLane(use, _WIDTH_M[use]) for use in uses + [Use.DRIVE] * self.lanes]
        return (*lanes, PlanLane(Use.DRIVE, self.median_m)) if turn_lane else tuple(lanes)


@dataclass(frozen=True)
class Block:
    """A road between two nodes. Pairs are for the direction from start to end, and for the other one."""

    start: str
    end: str
    curve: FloatArray  # (n, 2) its middle [m]
    sections: tuple[CrossSection, CrossSection]
    turn_lanes: tuple[bool, bool] = (False, False)  # where the direction ends
    crosswalk: str = ""  # the control of one in the middle: SUMO's type of the node, or none


def add_block(plan: TownPlan, block: Block) -> None:
    """Adds the edges of both directions, and the nodes between them where lanes begin or people cross."""
    length = _lengths(block.curve)[-1]
    middle = f"{block.start}_{block.end}.x" if block.crosswalk else ""
    if middle:
        plan.add(PlanNode(middle, point_at(block.curve, 0.5 * length), block.crosswalk, radius_m=1.5))
        plan.mid_block_nodes.append(middle)
    ends = ((block.start, block.end, block.curve), (block.end, block.start, block.curve[::-1]))
    for (start, end, curve), section, turn_lane in zip(ends, block.sections, block.turn_lanes, strict=True):
        _add_direction(plan, start, end, curve, section, middle, turn_lane)
    if middle:
        arriving, _ = plan.at(middle)
        leaving = [_opposite(plan, middle, edge) for edge in arriving]
        # Across one side of the node: the edge that arrives and the one that leaves beside it.
        plan.crosswalks.append(PlanCrosswalk(middle, (arriving[0].id, leaving[0].id), priority=True, width_m=3.5))


def point_at(line: FloatArray, place_m: float) -> FloatArray:
    """The point (2,) at a distance along a polyline."""
    lengths = _lengths(line)
    return np.array([np.interp(place_m, lengths, line[:, axis]) for axis in (0, 1)])


def piece(line: FloatArray, begin_m: float, end_m: float) -> FloatArray:
    """A part of a polyline, with points at most _SPACING_M apart."""
    count = max(int(np.ceil((end_m - begin_m) / _SPACING_M)), 1)
    lengths, places = _lengths(line), np.linspace(begin_m, end_m, count + 1)
    return np.column_stack([np.interp(places, lengths, line[:, axis]) for axis in (0, 1)])


def length_of(line: FloatArray) -> float:
    return float(_lengths(line)[-1])


def straight_on(plan: TownPlan, before: PlanEdge, after: PlanEdge) -> None:
    """Connects each lane of wheels with the one that it goes on as; those are counted from the kerb."""
    begin, end = (
        [n for n, lane in enumerate(e.lanes) if lane.use in (Use.DRIVE, Use.BICYCLE)] for e in (before, after)
    )
    plan.connections += [
        PlanConnection(before.id, after.id, one, other) for one, other in zip(begin, end, strict=False)
    ]


def _add_direction(
    plan: TownPlan, start: str, end: str, curve: FloatArray, section: CrossSection, middle: str, turn_lane: bool
) -> None:
    length = length_of(curve)
    cuts: dict[float, str] = {}
    if middle:
        cuts[0.5 * length] = middle
    turns_from = max(length - TURN_LANE_M, 0.5 * length + _FROM_MIDDLE_M)  # the other direction may have one too
    if turn_lane:
        cuts[turns_from] = f"{start}_{end}.t"
    places = [0.0, *sorted(cuts), length]
    nodes = [start, *(cuts[place] for place in places[1:-1]), end]
    edges = []
    for number, ((begin_m, first), (end_m, last)) in enumerate(pairwise(zip(places, nodes, strict=True))):
        turning = turn_lane and begin_m >= turns_from
        line = moved_sideways(piece(curve, begin_m, end_m), 0.5 * section.median_m * (1.0 if turning else -1.0))
        name = f"{start}_{end}" + (f".{number}" if number else "")
        lanes = section.plan_lanes(turning)
        edges.append(PlanEdge(name, first, last, line, lanes, section.speed_mps, section.road, turning))
        if last.endswith(".t"):
            plan.add(PlanNode(last, line[-1], radius_m=1.5))
    plan.add(*edges)
    for before, after in pairwise(edges):
        straight_on(plan, before, after)


def _opposite(plan: TownPlan, middle: str, arriving: PlanEdge) -> PlanEdge:
    """The edge that leaves the node on the side on which the other one arrives."""
    _, leaving = plan.at(middle)
    return min(leaving, key=lambda each: float(np.linalg.norm(each.line[-1] - arriving.line[0])))


def _lengths(line: FloatArray) -> FloatArray:
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])
