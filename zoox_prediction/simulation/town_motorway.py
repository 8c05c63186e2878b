"""A piece of motorway beside the town, with an off-ramp and an on-ramp that meet the end of a main road."""

from __future__ import annotations

import numpy as np

from zoox_prediction.simulation.town_plan import (
    FloatArray,
    PlanConnection,
    PlanEdge,
    PlanLane,
    PlanNode,
    Road,
    TownPlan,
    Use,
)

RAMPS_NODE = "ramps"  # where the main road meets the ramps
_LANES = 2
_WIDTH_M = 3.5
_SPEED_MPS, _RAMP_SPEED_MPS = 100.0 / 3.6, 50.0 / 3.6
_AWAY_M = 60.0  # from the end of the main road
_RADIUS_M = 1500.0
# Places along the motorway from where it passes the main road [m].
_ENTRY, _SLOWING, _LEAVING, _MERGING, _MERGED, _EXIT = -360.0, -250.0, -140.0, 140.0, 290.0, 370.0


def add_motorway(plan: TownPlan, control: str) -> None:
    """The main road must end at the node RAMPS_NODE, coming from +y; the motorway passes south of it to -x.

    Its right-hand side, where the ramps are, is then the town's.
    """
    end = plan.nodes[RAMPS_NODE].position
    plan.add(PlanNode(RAMPS_NODE, end, control, radius_m=12.0, layout="incoming"))
    places = [_ENTRY, _SLOWING, _LEAVING, _MERGING, _MERGED, _EXIT]
    names = [
        "motorway.in",
        "motorway.slowing",
        "motorway.leaving",
        "motorway.merging",
        "motorway.merged",
        "motorway.out",
    ]
    for name, place in zip(names, places, strict=True):
        fringe = name in ("motorway.in", "motorway.out")
        plan.add(PlanNode(name, _along(end, np.array([place]))[0], radius_m=1.5, fringe=fringe))
    edges = []
    for number, lanes in enumerate((_LANES, _LANES + 1, _LANES, _LANES + 1, _LANES)):
        line = _along(end, np.linspace(places[number], places[number + 1], 40))
        edges.append(_edge(f"motorway{number}", names[number], names[number + 1], line, lanes, Road.MOTORWAY))
    left_border = _along(end, np.array([_LEAVING, _LEAVING + 1.0, _MERGING - 1.0, _MERGING]), _LANES * _WIDTH_M)
    off = _curve(left_border[0], left_border[1] - left_border[0], end, np.array([-1.0, 0.0]))
    on = _curve(end, np.array([-1.0, 0.0]), left_border[3], left_border[3] - left_border[2])
    edges.append(_edge("offramp", names[2], RAMPS_NODE, off, 1, Road.RAMP))
    edges.append(_edge("onramp", RAMPS_NODE, names[3], on, 1, Road.RAMP))
    plan.add(*edges)
    # Lanes are counted from the kerb: the additional one is lane 0.
    for start, after, first, second, lanes in (
        ("motorway0", "motorway1", 0, 1, _LANES),
        ("motorway1", "motorway2", 1, 0, _LANES),
        ("motorway1", "offramp", 0, 0, 1),
        ("motorway2", "motorway3", 0, 1, _LANES),
        ("onramp", "motorway3", 0, 0, 1),
        ("motorway3", "motorway4", 1, 0, _LANES),
    ):
        plan.connections += [PlanConnection(start, after, first + lane, second + lane) for lane in range(lanes)]


def _edge(name: str, start: str, end: str, line: FloatArray, lanes: int, road: Road) -> PlanEdge:
    speed = _SPEED_MPS if road == Road.MOTORWAY else _RAMP_SPEED_MPS
    width = _WIDTH_M if road == Road.MOTORWAY else _WIDTH_M + 0.25
    return PlanEdge(name, start, end, line, (PlanLane(Use.DRIVE, width),) * lanes, speed, road)


def _along(end: FloatArray, place_m: FloatArray, right_m: float = 0.0) -> FloatArray:
    """(n, 2) on a wide circle that bends away from the town; `right_m` further to the right, the town's side."""
    angle, radius = place_m / _RADIUS_M, _RADIUS_M + right_m
    middle = end + np.array([0.0, -_AWAY_M - _RADIUS_M])
    return middle + radius * np.column_stack([-np.sin(angle), np.cos(angle)])


def _curve(start: FloatArray, along: FloatArray, end: FloatArray, onward: FloatArray) -> FloatArray:
    """A cubic Hermite curve of 80 points with these directions at its ends."""
    length = np.linalg.norm(end - start)
    first, last = (length * each / np.linalg.norm(each) for each in (along, onward))
    t = np.linspace(0.0, 1.0, 80)[:, None]
    return (
        (2 * t**3 - 3 * t**2 + 1) * start
        + (t**3 - 2 * t**2 + t) * first
        + (3 * t**2 - 2 * t**3) * end
        + (t**3 - t**2) * last
    )
