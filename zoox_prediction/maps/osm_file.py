"""OSM XML as Lanelet2 maps use it: nodes, ways and relations, and what is broken in them, by element."""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, NoReturn
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import EARTH_RADIUS_M
from zoox_prediction.maps.road_network import MapError

_FARTHEST_M = 1e7  # a quarter of the way around the Earth
_TOO_LARGE = 2**63  # for the ids of Lanelet2


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
    nodes: dict[int, tuple[str | None, ...]]  # lat, lon, local_x, local_y as they stand in the file
    ways: dict[int, Way]
    relations: dict[int, Relation]

    @property
    def has_local_coordinates(self) -> bool:
        """Whether every node has the tags local_x and local_y [m], as maps for Autoware have."""
        return all(x is not None and y is not None for _, _, x, y in self.nodes.values())

    def geodetic(self) -> NDArray[np.float64]:
        """Latitude and longitude (N, 2) [deg] of the nodes; raises MapError for a node without."""
        degrees = np.array([_floats(lat, lon) for lat, lon, _, _ in self.nodes.values()]).reshape(-1, 2)
        bad = np.flatnonzero(~(np.abs(degrees) <= [90.0, 360.0]).all(axis=1))
        if len(bad):
            node_id, (lat, lon, _, _) = list(self.nodes.items())[bad[0]]
            raise MapError(
                f"{self.path}: node {node_id} has no valid latitude and longitude "
                f"(lat={lat!r}, lon={lon!r}); mend it or give every node local_x, local_y"
            )
        return degrees

    def local(self) -> NDArray[np.float64]:
        """local_x, local_y (N, 2) [m] of the nodes; raises MapError for a node without."""
        positions = np.array([_floats(x, y) for _, _, x, y in self.nodes.values()]).reshape(-1, 2)
        bad = np.flatnonzero(~(np.abs(positions) <= _FARTHEST_M).all(axis=1))
        if len(bad):
            node_id = list(self.nodes)[bad[0]]
            raise MapError(f"{self.path}: node {node_id} has no valid local_x and local_y in metres; mend the map")
        return positions

    def for_library(self, positions: NDArray[np.float64]) -> str:
        """The same elements as OSM XML, with latitudes and longitudes whose spherical Mercator projection about (0, 0)
        gives positions (N, 2) [m].

        Lanelet2 orients boundaries by geometry while it parses, and maps for Autoware may leave latitudes empty.
        """
        lon, lat = np.degrees(positions / EARTH_RADIUS_M).T
        lat = np.degrees(np.arctan(np.sinh(np.radians(lat))))
        lines = ["<?xml version='1.0' encoding='UTF-8'?>", "<osm version='0.6'>"]
        lines += [
            f"<node id='{node}' lat='{lat!r}' lon='{lon!r}'/>"
            for node, lat, lon in zip(self.nodes, lat.tolist(), lon.tolist(), strict=True)
        ]
        for way_id, way in self.ways.items():
            refs = "".join([f"<nd ref='{ref}'/>" for ref in way.nodes])
            lines.append(f"<way id='{way_id}'>{refs}{_tags_text(way.tags)}</way>")
        for relation_id, relation in self.relations.items():
            lines.append(f"<relation id='{relation_id}'>")
            for kind, role, ref in relation.members:
                lines.append(f"<member type={_quoted(kind)} role={_quoted(role)} ref='{ref}'/>")
            lines += [_tags_text(relation.tags), "</relation>"]
        return "\n".join([*lines, "</osm>"])


def _floats(first: str | None, second: str | None) -> tuple[float, float]:
    """Both as numbers; NaN unless both are."""
    try:
        return float(first or ""), float(second or "")
    except ValueError:
        return math.nan, math.nan


def _tags(element: ElementTree.Element) -> dict[str, str]:
    return {tag.get("k", ""): tag.get("v", "") for tag in element if tag.tag == "tag"}


def _tags_text(values: Mapping[str, str]) -> str:
    return "".join([f"<tag k={_quoted(key)} v={_quoted(value)}/>" for key, value in values.items()])


_quoted = lru_cache(maxsize=4096)(quoteattr)  # most values appear many times


def read_osm(path: Path | str) -> OsmFile:
    """Reads and checks a file; raises MapError naming the first element that a Lanelet2 map cannot be built from."""
    with no_garbage_collection():
        return _read(Path(path))


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """A file makes hundreds of thousands of elements that all live until it is read; looking for garbage among them
    again and again takes a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read(path: Path) -> OsmFile:
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise MapError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise MapError(f"{path}: not well-formed XML: {error}") from error
    if root.tag != "osm":
        raise MapError(f"{path}: the root element is <{root.tag}>, not <osm>; a Lanelet2 map is OSM XML")
    nodes = {node_id: _place(node) for node_id, node in _elements(path, root, "node")}
    ways = {
        way_id: Way(_references(path, f"way {way_id}", way.findall("nd")), _tags(way))
        for way_id, way in _elements(path, root, "way")
    }
    relations = {
        relation_id: Relation(_members(path, relation_id, relation), _tags(relation))
        for relation_id, relation in _elements(path, root, "relation")
    }
    osm = OsmFile(path, nodes, ways, relations)
    _check_ways(osm)
    _check_lanelets(osm)
    return osm


def _elements(path: Path, root: ElementTree.Element, kind: str) -> list[tuple[int, ElementTree.Element]]:
    """The elements of a kind with their ids, without deleted ones."""
    found = [element for element in root if element.tag == kind and element.get("action") != "delete"]
    ids = _integers([element.get("id") for element in found], lambda text: f"{path}: a {kind} has the id {text!r}")
    if len(set(ids)) < len(ids):
        twice = next(number for number, count in Counter(ids).items() if count > 1)
        raise MapError(f"{path}: {kind} {twice} appears twice; ids must be unique")
    return list(zip(ids, found, strict=True))


def _place(node: ElementTree.Element) -> tuple[str | None, ...]:
    x = y = None
    for tag in node:
        key = tag.get("k")
        if key == "local_x":
            x = tag.get("v")
        elif key == "local_y":
            y = tag.get("v")
    return node.get("lat"), node.get("lon"), x, y


def _members(path: Path, relation_id: int, relation: ElementTree.Element) -> list[Member]:
    found = relation.findall("member")
    refs = _references(path, f"relation {relation_id}", found)
    return [
        Member(member.get("type", ""), member.get("role", ""), ref) for member, ref in zip(found, refs, strict=True)
    ]


def _references(path: Path, owner: str, elements: list[ElementTree.Element]) -> list[int]:
    return _integers([each.get("ref") for each in elements], lambda text: f"{path}: {owner} refers to {text!r}")


def _integers(texts: list[str | None], where: Callable[[str | None], str]) -> list[int]:
    """All as 64-bit integers; raises MapError, beginning with where(text), for the first that is none."""
    try:
        numbers = [int(text or "") for text in texts]
        sound = not numbers or (min(numbers) > -_TOO_LARGE and max(numbers) < _TOO_LARGE)
    except ValueError:
        sound = False
    if not sound:
        wrong = next(text for text in texts if not _is_id(text))
        raise MapError(f"{where(wrong)}, which is no 64-bit integer; mend the map")
    return numbers


def _is_id(text: str | None) -> bool:
    try:
        return -_TOO_LARGE < int(text or "") < _TOO_LARGE
    except ValueError:
        return False


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
