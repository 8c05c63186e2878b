"""Where in a SUMO network people walk, cross without a crosswalk, and vehicles may go on: read once per town."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_FROM_JUNCTION_M = 22.0  # where nobody crosses but on the crosswalk
_WIDEST_ROAD_M = 22.0


@dataclass(frozen=True)
class Sidewalk:
    """The sidewalk of an edge."""

    edge: str
    line: FloatArray  # (n, 2) [m]
    width_m: float

    @property
    def length_m(self) -> float:
        return float(shapely.LineString(self.line).length)

    @property
    def middle(self) -> FloatArray:
        point = shapely.LineString(self.line).interpolate(0.5, normalized=True)
        return np.array([point.x, point.y])


@dataclass(frozen=True)
class CrossingSite:
    """Two sidewalks that face each other across a road."""

    near: Sidewalk
    far: Sidewalk
    speed_limit_mps: float

    def way(self, place_m: float, before_m: float, after_m: float, slant_m: float) -> tuple[FloatArray, float, float]:
        """Along one sidewalk, across at `place_m` of it, and on along the other; with the places of both kerbs.

        before_m and after_m may be negative: then people come, or go on, against the direction of the edge's traffic.
        """
        near, far = shapely.LineString(self.near.line), shapely.LineString(self.far.line)
        start = near.interpolate(place_m)
        landing = far.interpolate(far.project(start) + slant_m)
        begin = near.interpolate(float(np.clip(place_m - before_m, 0.5, near.length - 0.5)))
        end = far.interpolate(float(np.clip(far.project(landing) + after_m, 0.5, far.length - 0.5)))
        corners = np.array([[point.x, point.y] for point in (begin, start, landing, end)])
        across = corners[2] - corners[1]
        length = float(np.linalg.norm(across))
        first = float(np.linalg.norm(corners[1] - corners[0]))
        return corners, first + 0.5 * self.near.width_m, first + length - 0.5 * self.far.width_m


class Places:
    """What of a network the agents of a world need."""

    def __init__(self, net_path: Path) -> None:
        import sumolib

        self._net = sumolib.net.readNet(str(net_path), withPedestrianConnections=True)

    @cached_property
    def sidewalks(self) -> tuple[Sidewalk, ...]:
        """Of all edges that have one, by name."""
        found = []
        for edge in sorted(self._net.getEdges(withInternal=False), key=lambda each: each.getID()):
            lane = edge.getLanes()[0]
            if lane.allows("pedestrian") and not lane.allows("passenger"):
                found.append(Sidewalk(edge.getID(), np.array(lane.getShape(), dtype=np.float64), lane.getWidth()))
        return tuple(found)

    @cached_property
    def crossing_sites(self) -> tuple[CrossingSite, ...]:
        """Pairs of sidewalks along both directions of a road that is long enough and not too wide."""
        by_edge = {each.edge: each for each in self.sidewalks}
        sites = []
        for name, near in by_edge.items():
            other = self.reverse(name)
            if other is None or other not in by_edge or near.length_m < 2.5 * _FROM_JUNCTION_M:
                continue
            far = by_edge[other]
            middle = shapely.Point(near.middle)
            if shapely.LineString(far.line).distance(middle) <= _WIDEST_ROAD_M:
                sites.append(CrossingSite(near, far, float(self._net.getEdge(name).getSpeed())))
        return tuple(sites)

    def reverse(self, edge: str) -> str | None:
        """The edge of the other direction of the same road."""
        own = self._net.getEdge(edge)
        others = [
            each.getID()
            for each in own.getToNode().getOutgoing()
            if each.getToNode() is own.getFromNode() and each.getFunction() == ""
        ]
        return min(others, default=None)

    def allows(self, edge: str, vehicle_class: str) -> bool:
        """Whether vehicles of SUMO's class may use the edge."""
        return bool(self._net.getEdge(edge).allows(vehicle_class))

    def turns_back(self, start: str, end: str) -> bool:
        """Whether the edge `end` leads to where the edge `start` comes from, however they are divided."""
        return self._net.getEdge(start).getFromNode() is self._net.getEdge(end).getToNode()

    def route(self, start: str, end: str, vehicle_class: str = "passenger") -> tuple[str, ...]:
        """Edges of the shortest way for cars; empty when there is none."""
        path, _ = self._net.getOptimalPath(self._net.getEdge(start), self._net.getEdge(end), vClass=vehicle_class)
        return tuple(edge.getID() for edge in path or ())

    def length_m(self, edges: Sequence[str]) -> float:
        return float(sum(self._net.getEdge(edge).getLength() for edge in edges))

    def onward(self, edge: str) -> tuple[str, ...]:
        """The edges that cars can go on to, by name, without turning round."""
        own: Any = self._net.getEdge(edge)
        back = self.reverse(edge)
        found = {
            to.getID()
            for to, connections in own.getOutgoing().items()
            if to.allows("passenger") and any(each.getFromLane().allows("passenger") for each in connections)
        }
        return tuple(sorted(found - {back}))


def crossing_place_m(sidewalk: Sidewalk, share: float) -> float:
    """A place along the sidewalk away from both junctions, share in [0, 1]."""
    return _FROM_JUNCTION_M + share * max(sidewalk.length_m - 2.0 * _FROM_JUNCTION_M, 0.0)
