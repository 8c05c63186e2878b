"""What a town is made of before netconvert builds it: nodes, edges with their lanes, crosswalks, roundabouts.

Lines and lanes are those of right-hand traffic; `moved` turns the whole plan, and mirrors it for left-hand traffic.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Road(Enum):
    """Kinds of road; the value is the priority for SUMO."""

    MOTORWAY = 12
    MAIN = 10
    RAMP = 8
    COLLECTOR = 6
    RING = 5
    RESIDENTIAL = 3


class Use(Enum):
    """Whom a lane is for."""

    SIDEWALK = "sidewalk"
    PARKING = "parking"
    BICYCLE = "bicycle"
    DRIVE = "drive"


@dataclass(frozen=True)
class PlanLane:
    use: Use
    width_m: float


@dataclass(frozen=True)
class PlanNode:
    """A junction, or a place where a road changes. `control` is SUMO's type of a node."""

    id: str
    position: FloatArray  # (2,) [m]
    control: str = "priority"
    radius_m: float = 7.0  # of the corners
    layout: str = "opposites"  # of the phases of a traffic light
    fringe: bool = False  # where traffic comes from and goes to
    roundabout: bool = False


@dataclass(frozen=True)
class PlanEdge:
    """One direction of a road from node to node."""

    id: str
    start: str
    end: str
    line: FloatArray  # (n, 2) its left border [m]
    lanes: tuple[PlanLane, ...]  # from the kerb
    speed_mps: float
    road: Road
    turn_lane: bool = False  # the innermost lane is for left turns only

    def drive_lanes(self) -> list[int]:
        return [index for index, lane in enumerate(self.lanes) if lane.use == Use.DRIVE]


@dataclass(frozen=True)
class PlanCrosswalk:
    """Across all of `edges`; with priority, vehicles wait for pedestrians where no signal tells."""

    node: str
    edges: tuple[str, ...]
    priority: bool
    width_m: float = 3.0


@dataclass(frozen=True)
class PlanConnection:
    """Which lane leads to which, where netconvert must not guess."""

    start: str
    end: str
    start_lane: int
    end_lane: int


@dataclass
class TownPlan:
    """All of a town; edges and nodes by id, in the order in which they were drawn."""

    nodes: dict[str, PlanNode] = field(default_factory=dict)
    edges: dict[str, PlanEdge] = field(default_factory=dict)
    crosswalks: list[PlanCrosswalk] = field(default_factory=list)
    connections: list[PlanConnection] = field(default_factory=list)
    mid_block_nodes: list[str] = field(default_factory=list)
    disconnected_edges: list[str] = field(default_factory=list)
    left_green_s: int = 6  # of a phase for left turns of its own; 0 for none
    protected_from_mps: float = 19.0  # left turns against faster traffic have a phase of their own only
    half_offset: list[str] = field(default_factory=list)  # traffic lights half a cycle later

    def add(self, *elements: PlanNode | PlanEdge) -> None:
        for each in elements:
            if isinstance(each, PlanNode):
                self.nodes[each.id] = each
            else:
                self.edges[each.id] = each

    def at(self, node: str) -> tuple[list[PlanEdge], list[PlanEdge]]:
        """The edges that end and that start at a node."""
        edges = self.edges.values()
        return [each for each in edges if each.end == node], [each for each in edges if each.start == node]

    def roundabouts(self) -> list[tuple[list[str], list[str]]]:
        """Nodes and edges of each ring."""
        rings: dict[str, list[PlanEdge]] = {}
        for edge in self.edges.values():
            if edge.road == Road.RING:
                rings.setdefault(edge.id.partition(".")[0], []).append(edge)
        return [([each.start for each in ring], [each.id for each in ring]) for ring in rings.values()]

    def moved(self, angle_rad: float, mirrored: bool) -> TownPlan:
        """Turned about the origin; mirrored before that for left-hand traffic."""
        cos, sin = np.cos(angle_rad), np.sin(angle_rad)
        matrix = np.array([[cos, -sin], [sin, cos]]) @ np.diag([1.0, -1.0 if mirrored else 1.0])
        nodes = {key: replace(each, position=matrix @ each.position) for key, each in self.nodes.items()}
        edges = {key: replace(each, line=each.line @ matrix.T) for key, each in self.edges.items()}
        return replace(self, nodes=nodes, edges=edges)
