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
_WIDEST_ROAD_M = 23.0
_SHORTEST_SITE_M, _SAMPLE_M = 11.0, 1.0
_OPPOSITE = -0.8  # cosine between the directions of sidewalks that face each other


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
    """Two sidewalks that face each other across a road, from `first_m` to `last_m` along the near one."""

    near: Sidewalk
    far: Sidewalk
    speed_limit_mps: float
    first_m: float
    last_m: float

    def place_m(self, share: float) -> float:
        """A place along the near sidewalk, share in [0, 1]."""
        return self.first_m + share * (self.last_m - self.first_m)

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
        """Pairs of sidewalks along both directions of a road, however its edges are split, where it is not too wide."""
        lines = [shapely.LineString(each.line) for each in self.sidewalks]
        tree = shapely.STRtree(lines)
        sites = []
        for near, line in zip(self.sidewalks, lines, strict=True):
            at_m = np.arange(_FROM_JUNCTION_M, near.length_m - _FROM_JUNCTION_M, _SAMPLE_M)
            if not len(at_m):
                continue
            edge = self._net.getEdge(near.edge)
            inwards = np.array(edge.getLanes()[-1].getShape()[0], dtype=np.float64) - near.line[0]
            for row in sorted(tree.query(line, "dwithin", _WIDEST_ROAD_M).tolist()):
                faces = _faces(near.line, self.sidewalks[row].line, at_m, inwards)
                if faces.any() and float(np.ptp(at_m[faces])) >= _SHORTEST_SITE_M:
                    ends = float(at_m[faces][0]), float(at_m[faces][-1])
                    sites.append(CrossingSite(near, self.sidewalks[row], float(edge.getSpeed()), *ends))
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


def _faces(near: FloatArray, far: FloatArray, at_m: FloatArray, inwards: FloatArray) -> NDArray[np.bool_]:
    """(n,) whether `far` runs the other way just across the road, at places (n,) along `near` [m].

    `inwards` (2,) leads from the near sidewalk to the middle of the road at its beginning.
    """
    here, ahead = _points_along(near, at_m)
    other = shapely.linestrings(far)
    place = shapely.line_locate_point(other, shapely.points(here))
    there, back = _points_along(far, place)
    across = there - here
    width = np.linalg.norm(across, axis=-1)
    left = np.stack([-ahead[:, 1], ahead[:, 0]], axis=-1)
    begin = near[1] - near[0]
    side = np.sign(begin[0] * inwards[1] - begin[1] * inwards[0])
    square = np.abs((across * ahead).sum(axis=-1)) < 0.2 * width
    return (
        square
        & (width < _WIDEST_ROAD_M)
        & (side * (across * left).sum(axis=-1) > 0.0)
        & ((ahead * back).sum(axis=-1) < _OPPOSITE)
    )


def _points_along(line: FloatArray, at_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Points (n, 2) and unit directions (n, 2) at places (n,) of a line."""
    steps = np.linalg.norm(np.diff(line, axis=0), axis=-1)
    lengths = np.concatenate([[0.0], np.cumsum(steps)])
    point, before, after = (
        np.stack([np.interp(at_m + shift, lengths, line[:, axis]) for axis in (0, 1)], axis=-1)
        for shift in (0.0, -0.5, 0.5)
    )
    ahead = after - before
    return point, ahead / np.maximum(np.linalg.norm(ahead, axis=-1, keepdims=True), 1e-9)
