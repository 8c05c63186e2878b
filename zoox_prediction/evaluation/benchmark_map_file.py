"""Writes a town of any size as a Lanelet2 map, for timing how maps are read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.maps.road_network import NO_ID, BoundaryType, RoadNetwork, Turn

_BOUNDARY_TAGS = {
    BoundaryType.UNKNOWN: {},
    BoundaryType.SOLID: {"type": "line_thin", "subtype": "solid"},
    BoundaryType.DASHED: {"type": "line_thin", "subtype": "dashed"},
    BoundaryType.ROAD_EDGE: {"type": "road_border"},
    BoundaryType.VIRTUAL: {"type": "virtual"},
}
_TURN_TAGS = {Turn.LEFT: "left", Turn.RIGHT: "right", Turn.STRAIGHT: "straight"}
_LIGHT_WIDTH_M = 1.0
_SPACING_M = 3.0


def write_town_map(path: Path | str, lanelets: int = 2000) -> Path:
    """A generated town of at least so many lanelets with signals, crosswalks and stop lines; returns the path."""
    tile = town(1)
    per_crossroads = len(tile.lanes) + len(tile.crosswalks)
    network = town(math.ceil(math.sqrt(lanelets / per_crossroads)))
    path = Path(path)
    path.write_text(_Writer(network).text(), encoding="utf-8")
    return path


class _Writer:
    """Collects nodes, ways and relations; equal points are one node, equal lines one way."""

    def __init__(self, network: RoadNetwork) -> None:
        self._network = network
        self._next = int(max(network.lanes.ids.max(), network.crosswalk_ids.max(initial=0))) + 1
        self._node_ids: dict[tuple[float, float], int] = {}
        self._way_ids: dict[tuple[int, ...], int] = {}
        self._lines: dict[str, list[str]] = {"node": [], "way": [], "relation": []}

    def text(self) -> str:
        network, lanes = self._network, self._network.lanes
        rules = self._signals()
        for row, lane in enumerate(lanes.ids.tolist()):
            tags = {"type": "lanelet", "subtype": "road", "location": "urban", "one_way": "yes"}
            tags["speed_limit"] = f"{lanes.speed_limit_mps[row] * 3.6:.0f}"
            if lanes.in_intersection[row] and int(lanes.turn[row]) in _TURN_TAGS:
                tags["turn_direction"] = _TURN_TAGS[Turn(int(lanes.turn[row]))]
            members = [
                ("way", "left", self._way(lanes.left_boundary[row], _tags_of(lanes.left_boundary_type[row]))),
                ("way", "right", self._way(lanes.right_boundary[row], _tags_of(lanes.right_boundary_type[row]))),
            ]
            members += [("relation", "regulatory_element", rule) for rule in rules.get(int(lanes.signal[row]), ())]
            self._relation(lane, members, tags)
        for row in range(len(network.crosswalks)):
            self._crosswalk(network.crosswalks[row])
        everything = [line for kind in ("node", "way", "relation") for line in self._lines[kind]]
        return "\n".join(["<?xml version='1.0' encoding='UTF-8'?>", "<osm version='0.6'>", *everything, "</osm>"])

    def _signals(self) -> dict[int, list[int]]:
        """Traffic lights with their stop lines; ids of the regulatory elements by signal."""
        network = self._network
        line_of = dict(zip(network.lanes.signal.tolist(), network.lanes.stop_line.tolist(), strict=True))
        rows = {line: row for row, line in enumerate(network.stop_line_ids.tolist())}
        rules = {}
        for signal, place in zip(network.signal_ids.tolist(), network.signal_positions, strict=True):
            light = place + 0.5 * _LIGHT_WIDTH_M * np.array([[-1.0, 0.0], [1.0, 0.0]])
            members = [("way", "refers", self._way(light, {"type": "traffic_light", "subtype": "red_yellow_green"}))]
            row = rows.get(line_of.get(signal, NO_ID))
            if row is not None:
                members.append(("way", "ref_line", self._way(network.stop_lines[row], {"type": "stop_line"})))
            rules[signal] = [self._new_id()]
            self._relation(rules[signal][0], members, {"type": "regulatory_element", "subtype": "traffic_light"})
        return rules

    def _crosswalk(self, ring: NDArray) -> None:
        """A rectangle as the lanelet between two of its sides."""
        marking = {"type": "pedestrian_marking"}
        members = [
            ("way", "left", self._way(ring[[1, 0]], marking)),
            ("way", "right", self._way(ring[[2, 3]], marking)),
        ]
        self._relation(self._new_id(), members, {"type": "lanelet", "subtype": "crosswalk", "location": "urban"})

    def _new_id(self) -> int:
        self._next += 1
        return self._next

    def _way(self, points: NDArray, tags: Mapping[str, str]) -> int:
        nodes = tuple(self._node(x, y) for x, y in _thinned(points).round(3).tolist())
        known = self._way_ids.get(nodes) or self._way_ids.get(nodes[::-1])
        if known:
            return known
        way = self._way_ids[nodes] = self._new_id()
        refs = "".join(f"<nd ref='{node}'/>" for node in nodes)
        self._lines["way"].append(f"<way id='{way}'>{refs}{_tags_text(tags)}</way>")
        return way

    def _node(self, x: float, y: float) -> int:
        if (x, y) not in self._node_ids:
            node = self._node_ids[x, y] = self._new_id()
            tags = _tags_text({"local_x": f"{x:.3f}", "local_y": f"{y:.3f}", "ele": "0"})
            self._lines["node"].append(f"<node id='{node}' lat='0' lon='0'>{tags}</node>")
        return self._node_ids[x, y]

    def _relation(self, relation: int, members: Iterable[tuple[str, str, int]], tags: Mapping[str, str]) -> None:
        text = "".join(f"<member type='{kind}' role='{role}' ref='{ref}'/>" for kind, role, ref in members)
        self._lines["relation"].append(f"<relation id='{relation}'>{text}{_tags_text(tags)}</relation>")


def _thinned(points: NDArray) -> NDArray:
    """A line with about as many points as maps for driving have: every _SPACING_M, and its ends."""
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    kept = np.diff(travelled // _SPACING_M, prepend=-1.0) > 0.0
    kept[-1] = True
    return points[kept]


def _tags_of(boundary: int) -> Mapping[str, str]:
    return _BOUNDARY_TAGS[BoundaryType(int(boundary))]


def _tags_text(tags: Mapping[str, str]) -> str:
    return "".join(f"<tag k={quoteattr(key)} v={quoteattr(value)}/>" for key, value in tags.items())
