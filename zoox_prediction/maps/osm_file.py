"""OSM XML as Lanelet2 maps use it: nodes, ways and relations, and what is broken in them, by element."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import EARTH_RADIUS_M
from zoox_prediction.maps.road_network import MapError

_FARTHEST_M = 2.1e7  # half-way around the Earth


class Way(NamedTuple):
    nodes: list[int]  # ids
    tags: Mapping[str, str]


class Member(NamedTuple):
    kind: str  # node, way or relation
    role: str
    ref: int


class Relation(NamedTuple):
    members: list[Member]
    tags: Mapping[str, str]

    def refs(self, role: str) -> list[int]:
        """Ids of the members with a role, of any kind."""
        return [member.ref for member in self.members if member.role == role]


@dataclass(frozen=True)
class OsmFile:
    """The elements of a file that are not marked as deleted, checked for what a reader relies on."""

    path: Path
    nodes: dict[int, ElementTree.Element]
    ways: dict[int, Way]
    relations: dict[int, Relation]

    @property
    def has_local_coordinates(self) -> bool:
        """Whether every node has the tags local_x and local_y [m], as maps for Autoware have."""
        return all({"local_x", "local_y"} <= tags(node).keys() for node in self.nodes.values())

    def geodetic(self) -> NDArray[np.float64]:
        """Latitude and longitude (N, 2) [deg] of the nodes; raises MapError for a node without."""
        return np.array([self._geodetic(node_id, node) for node_id, node in self.nodes.items()]).reshape(-1, 2)

    def _geodetic(self, node_id: int, node: ElementTree.Element) -> tuple[float, float]:
        try:
            lat, lon = float(node.get("lat", "")), float(node.get("lon", ""))
        except ValueError:
            lat = lon = math.nan
        if not (abs(lat) <= 90.0 and abs(lon) <= 360.0):
            raise MapError(
                f"{self.path}: node {node_id} has no valid latitude and longitude "
                f"(lat={node.get('lat')!r}, lon={node.get('lon')!r}); mend it or give every node local_x, local_y"
            )
        return lat, lon

    def local(self) -> NDArray[np.float64]:
        """local_x, local_y (N, 2) [m] of the nodes; raises MapError for a node without."""
        return np.array([self._local(node_id, node) for node_id, node in self.nodes.items()]).reshape(-1, 2)

    def _local(self, node_id: int, node: ElementTree.Element) -> tuple[float, float]:
        values = tags(node)
        try:
            x, y = float(values["local_x"]), float(values["local_y"])
        except (KeyError, ValueError):
            x = y = math.nan
        if not (abs(x) <= _FARTHEST_M and abs(y) <= _FARTHEST_M):
            raise MapError(f"{self.path}: node {node_id} has no valid local_x and local_y in metres; mend the map")
        return x, y

    def for_library(self, positions: NDArray[np.float64]) -> str:
        """The same elements as OSM XML, with latitudes and longitudes that make positions (N, 2) metres about (0, 0).

        Lanelet2 orients boundaries by geometry while it parses, and maps for Autoware may leave latitudes empty.
        """
        degrees = (positions - positions[:1]) / (EARTH_RADIUS_M * math.pi / 180.0)
        lines = ["<?xml version='1.0' encoding='UTF-8'?>", "<osm version='0.6'>"]
        lines += [
            f"<node id='{node_id}' lat='{lat!r}' lon='{lon!r}'/>"
            for node_id, (lon, lat) in zip(self.nodes, degrees.tolist(), strict=True)
        ]
        for way_id, way in self.ways.items():
            lines += [
                f"<way id='{way_id}'>",
                *(f"<nd ref='{ref}'/>" for ref in way.nodes),
                _tags_text(way.tags),
                "</way>",
            ]
        for relation_id, relation in self.relations.items():
            lines.append(f"<relation id='{relation_id}'>")
            for kind, role, ref in relation.members:
                lines.append(f"<member type={quoteattr(kind)} role={quoteattr(role)} ref='{ref}'/>")
            lines += [_tags_text(relation.tags), "</relation>"]
        return "\n".join([*lines, "</osm>"])


def tags(element: ElementTree.Element) -> dict[str, str]:
    return {tag.get("k", ""): tag.get("v", "") for tag in element if tag.tag == "tag"}


def _tags_text(values: Mapping[str, str]) -> str:
    return "".join([f"<tag k={quoteattr(key)} v={quoteattr(value)}/>" for key, value in values.items()])


def read_osm(path: Path | str) -> OsmFile:
    """Reads and checks a file; raises MapError naming the first element that a Lanelet2 map cannot be built from."""
    path = Path(path)
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise MapError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise MapError(f"{path}: not well-formed XML: {error}") from error
    if root.tag != "osm":
        raise MapError(f"{path}: the root element is <{root.tag}>, not <osm>; a Lanelet2 map is OSM XML")
    kinds: dict[str, dict[int, ElementTree.Element]] = {"node": {}, "way": {}, "relation": {}}
    for element in root:
        if element.tag in kinds and element.get("action") != "delete":
            element_id = _id(path, element.tag, element.get("id"))
            if element_id in kinds[element.tag]:
                raise MapError(f"{path}: {element.tag} {element_id} appears twice; ids must be unique")
            kinds[element.tag][element_id] = element
    ways = {
        way_id: Way([_reference(path, f"way {way_id}", nd) for nd in way.findall("nd")], tags(way))
        for way_id, way in kinds["way"].items()
    }
    relations = {
        relation_id: Relation(_members(path, relation_id, relation), tags(relation))
        for relation_id, relation in kinds["relation"].items()
    }
    osm = OsmFile(path, kinds["node"], ways, relations)
    _check_ways(osm)
    _check_lanelets(osm)
    return osm


def _members(path: Path, relation_id: int, relation: ElementTree.Element) -> list[Member]:
    return [
        Member(member.get("type", ""), member.get("role", ""), _reference(path, f"relation {relation_id}", member))
        for member in relation.findall("member")
    ]


def _id(path: Path, kind: str, text: str | None) -> int:
    number = _integer(text)
    if number is None:
        raise MapError(f"{path}: a {kind} has the id {text!r}, which is no 64-bit integer; mend the map")
    return number


def _reference(path: Path, owner: str, element: ElementTree.Element) -> int:
    number = _integer(element.get("ref"))
    if number is None:
        raise MapError(f"{path}: {owner} refers to {element.get('ref')!r}, which is no 64-bit integer; mend the map")
    return number


def _integer(text: str | None) -> int | None:
    try:
        number = int(text or "")
    except ValueError:
        return None
    return number if abs(number) < 2**63 else None


def _check_ways(osm: OsmFile) -> None:
    for way_id, way in osm.ways.items():
        missing = [ref for ref in way.nodes if ref not in osm.nodes]
        if missing:
            raise MapError(f"{osm.path}: way {way_id} uses node {missing[0]}, which the file does not have")
        if not way.nodes:
            raise MapError(f"{osm.path}: way {way_id} has no nodes; remove it from the map")


def _check_lanelets(osm: OsmFile) -> None:
    count = 0
    for relation_id, relation in osm.relations.items():
        if relation.tags.get("type") != "lanelet":
            continue
        count += 1
        for role in ("left", "right", "centerline"):
            sides = [member for member in relation.members if member.role == role]
            if role != "centerline" and len(sides) != 1:
                _refuse(osm, relation_id, f"has {len(sides)} {role} boundaries instead of one")
            for kind, _, ref in sides:
                if kind != "way" or ref not in osm.ways:
                    _refuse(osm, relation_id, f"has the {role} {kind} {ref}, which the file does not have")
                if len(set(osm.ways[ref].nodes)) < 2:
                    _refuse(osm, relation_id, f"has the {role} way {ref} of fewer than two distinct nodes")
    if not count:
        raise MapError(f"{osm.path}: has no lanelets (relations of type=lanelet)")


def _refuse(osm: OsmFile, relation_id: int, what: str) -> NoReturn:
    raise MapError(f"{osm.path}: lanelet {relation_id} {what}; mend the map")
