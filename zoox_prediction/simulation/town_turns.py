"""Which lane leads where at the junctions of a town.

netconvert's own guess leaves lanes for cars without a way on where a bicycle lane ends.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.simulation.town_plan import FloatArray, PlanConnection, PlanEdge, TownPlan, Use

_STRAIGHT_RAD = np.radians(40.0)
_LOOK_M = 12.0  # before and after the junction


def connect_junctions(plan: TownPlan) -> None:
    """Adds the connections of all edges that have none yet; nobody turns round."""
    connected = {each.start for each in plan.connections}
    for node in plan.nodes:
        arriving, leaving = plan.at(node)
        for edge in arriving:
            others = [each for each in leaving if not same_road(each.id, edge.id)]
            if edge.id not in connected and others:
                plan.connections += _connections(edge, others)


def same_road(one: str, other: str) -> bool:
    """Whether edges are the two directions of one road."""
    ends = one.partition(".")[0].split("_")
    return len(ends) == 2 and ends == other.partition(".")[0].split("_")[::-1]


def turn_rad(before: FloatArray, after: FloatArray) -> float:
    """The angle from the end of one line to the beginning of another, positive to the left."""
    ahead, onward = _heading(before[::-1]) + np.pi, _heading(after)
    return float(wrap_angle(np.array(onward - ahead)))


def _heading(line: FloatArray) -> float:
    """From the first point to one about _LOOK_M away."""
    distance = np.linalg.norm(line - line[0], axis=1)
    away = line[min(int(np.searchsorted(distance, _LOOK_M)), len(line) - 1)] - line[0]
    return float(np.arctan2(away[1], away[0]))


def _connections(edge: PlanEdge, others: list[PlanEdge]) -> Iterable[PlanConnection]:
    left: list[PlanEdge] = []
    straight: list[PlanEdge] = []
    right: list[PlanEdge] = []
    for other in others:
        angle = turn_rad(edge.line, other.line)
        (straight if abs(angle) < _STRAIGHT_RAD else left if angle > 0.0 else right).append(other)
    own = edge.drive_lanes()
    pairs: list[tuple[PlanEdge, int, int]] = []
    for other in right:
        pairs.append((other, own[0], other.drive_lanes()[0]))
    ahead = own[:-1] if edge.turn_lane and left else own
    for other in straight:
        # Counted from the middle of the road, lanes go on as themselves; what is too many only turns.
        lanes = other.drive_lanes()
        extra = max(len(ahead) - len(lanes), 0)
        kept = ahead[extra:] if right else ahead[: len(ahead) - extra]
        pairs += [(other, one, two) for one, two in zip(reversed(kept), reversed(lanes), strict=False)]
    for other in left:
        lanes, turning = other.drive_lanes(), own[-1:] if straight or not right else own[1:] or own
        pairs += [(other, one, two) for one, two in zip(reversed(turning), reversed(lanes), strict=False)]
    for other in right + straight:
        start, end = _bicycle_lane(edge), _bicycle_lane(other)
        if start is not None or end is not None:
            pair = (own[0] if start is None else start, other.drive_lanes()[0] if end is None else end)
            pairs.append((other, *pair))
    return [PlanConnection(edge.id, other.id, one, two) for other, one, two in pairs]


def _bicycle_lane(edge: PlanEdge) -> int | None:
    return next((index for index, lane in enumerate(edge.lanes) if lane.use == Use.BICYCLE), None)
