"""What can be asked of a town's network: who reaches what, and how its lanes follow each other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.sumo_file import SumoFile, read_sumo_file
from zoox_prediction.maps.sumo_rules import links_of
from zoox_prediction.simulation.town import Town, TownConfig, generate_town

_CHORD_M = 1.5  # that curvature is measured over


class Joint(NamedTuple):
    """Where a lane follows another one."""

    lanes: str
    gap_m: float
    bend_rad: float


class Network:
    """A town as SUMO's file has it."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.file: SumoFile = read_sumo_file(town.net_path)

    @cached_property
    def lines(self) -> dict[str, NDArray[np.float64]]:
        """Of all lanes for wheels, by SUMO's id."""
        edges = [each for each in self.file.net.getEdges() if each.getFunction() in ("", "internal")]
        lanes = [
            lane for edge in edges for lane in edge.getLanes() if lane.allows("bicycle") or lane.allows("passenger")
        ]
        return {lane.getID(): np.array(lane.getShape(), dtype=np.float64)[:, :2] for lane in lanes}

    @cached_property
    def ways(self) -> list[list[str]]:
        """Lanes that follow each other across each junction: one before, those within, one after."""
        return [
            [link.connection.getFromLane().getID(), *link.lanes, link.connection.getToLane().getID()]
            for link in links_of(self.file)
        ]

    def joints(self) -> Iterator[Joint]:
        for way in self.ways:
            for one, other in pairwise(way):
                before, after = self.lines[one], self.lines[other]
                bend = abs(wrap_angle(_headings(after)[:1] - _headings(before)[-1:])[0])
                yield Joint(f"{one} {other}", float(np.linalg.norm(after[0] - before[-1])), float(bend))

    def controls(self, arms: int) -> list[str]:
        """SUMO's types of the junctions with so many arms."""
        found = []
        for node in self.file.net.getNodes():
            edges = [each for each in [*node.getIncoming(), *node.getOutgoing()] if each.getFunction() == ""]
            # "a_b.1" is a part of the road from a to b, "b_a" its other direction.
            if len({frozenset(each.getID().partition(".")[0].split("_")) for each in edges}) == arms:
                found.append(node.getType())
        return found

    def reached(self, edge: str, vehicle_class: str) -> set[str]:
        """All edges that a vehicle can drive to."""
        net = self.file.net
        reached, todo = {edge}, [edge]
        while todo:
            for other, connections in net.getEdge(todo.pop()).getOutgoing().items():
                usable = any(
                    each.getFromLane().allows(vehicle_class) and each.getToLane().allows(vehicle_class)
                    for each in connections
                )
                if usable and other.getID() not in reached:
                    reached.add(other.getID())
                    todo.append(other.getID())
        return reached

    def walking_parts(self) -> list[set[str]]:
        """Sidewalks, walking areas and crosswalks that people can reach from each other, by edge."""
        net = self.file.net
        edges = {each.getID(): each for each in net.getEdges() if any(_for_people(lane) for lane in each.getLanes())}
        beside: dict[str, set[str]] = {name: set() for name in edges}
        for name, edge in edges.items():
            for other in (*edge.getOutgoing(), *edge.getIncoming()):
                if other.getID() in edges:
                    beside[name].add(other.getID())
                    beside[other.getID()].add(name)
        parts: list[set[str]] = []
        while beside:
            part, todo = set(), [min(beside)]
            while todo:
                name = todo.pop()
                if name not in part:
                    part.add(name)
                    todo += beside[name]
            parts.append(part)
            beside = {name: others for name, others in beside.items() if name not in part}
        return parts


_folder = TemporaryDirectory(prefix="towns_")


@cache
def generated(seed: int, left_hand: bool = False) -> Network:
    """The network of a town, made once for all tests."""
    folder = Path(_folder.name) / f"{seed}_{left_hand}"
    return Network(generate_town(seed, folder, TownConfig(left_hand=left_hand)))


def smallest_radius_m(line: NDArray[np.float64]) -> float:
    """Of a line, between chords of _CHORD_M; inf for lines too short to bend."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    if along[-1] < 2.0 * _CHORD_M:
        return np.inf
    places = np.linspace(0.0, along[-1], int(along[-1] / _CHORD_M) + 1)
    points = np.column_stack([np.interp(places, along, line[:, axis]) for axis in (0, 1)])
    turns = np.abs(wrap_angle(np.diff(_headings(points))))
    return float(places[1] / max(turns.max(), 1e-9))


def _headings(line: NDArray[np.float64]) -> NDArray[np.float64]:
    steps = np.diff(line, axis=0)
    return np.arctan2(steps[:, 1], steps[:, 0])


def _for_people(lane: Any) -> bool:
    return bool(lane.allows("pedestrian") and not lane.allows("passenger"))
