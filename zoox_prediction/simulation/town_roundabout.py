"""A roundabout in place of a junction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zoox_prediction.simulation.town_plan import (
    FloatArray,
    PlanCrosswalk,
    PlanEdge,
    PlanLane,
    PlanNode,
    Road,
    TownPlan,
    Use,
)
from zoox_prediction.simulation.town_turns import same_road

RADIUS_M = 19.0  # of the island
_LANES = (PlanLane(Use.SIDEWALK, 2.4), PlanLane(Use.DRIVE, 4.5))
_SPEED_MPS = 30.0 / 3.6
_POINTS_PER_RAD = 24.0


def add_roundabout(plan: TownPlan, junction: str) -> None:
    """Puts a ring in place of a node whose arms are there already: each gets a node on the ring, in its direction."""
    center = plan.nodes.pop(junction).position
    arriving, leaving = plan.at(junction)
    for edge in arriving:
        plan.edges[edge.id] = replace(edge, line=_outside(edge.line[::-1], center)[::-1])
    for edge in leaving:
        plan.edges[edge.id] = replace(edge, line=_outside(edge.line, center))
    arms = {}  # angle of the arm and its two edges
    for edge in leaving:
        other = next(each for each in arriving if same_road(each.id, edge.id))
        first = plan.edges[edge.id].line[0] + plan.edges[other.id].line[-1] - 2.0 * center
        arms[float(np.arctan2(first[1], first[0]))] = (other.id, edge.id)
    angles = sorted(arms)
    for number, angle in enumerate(angles):
        node = f"{junction}.{number}"
        position = center + RADIUS_M * np.array([np.cos(angle), np.sin(angle)])
        plan.add(PlanNode(node, position, radius_m=6.5, roundabout=True))
        into, out = arms[angle]
        plan.edges[into] = replace(plan.edges[into], end=node)
        plan.edges[out] = replace(plan.edges[out], start=node)
        plan.crosswalks.append(PlanCrosswalk(node, (into, out), priority=True))
    for number, angle in enumerate(angles):
        following = (number + 1) % len(angles)
        turn = (angles[following] - angle) % (2.0 * np.pi)
        along = angle + np.linspace(0.0, turn, int(np.ceil(turn * _POINTS_PER_RAD)) + 1)
        line = center + RADIUS_M * np.column_stack([np.cos(along), np.sin(along)])
        ends = f"{junction}.{number}", f"{junction}.{following}"
        plan.add(PlanEdge(f"{junction}.ring{number}", *ends, line, _LANES, _SPEED_MPS, Road.RING))


def _outside(line: FloatArray, center: FloatArray) -> FloatArray:
    """The line from where it leaves the ring; it comes from the middle."""
    distance = np.linalg.norm(line - center, axis=1)
    first = int(np.argmax(distance > RADIUS_M))
    share = (RADIUS_M - distance[first - 1]) / (distance[first] - distance[first - 1])
    begin = line[first - 1] + share * (line[first] - line[first - 1])
    return np.concatenate([begin[None], line[first:]])
