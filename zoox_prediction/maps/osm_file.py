"""OSM XML as Lanelet2 maps use it: where its nodes are in metres, and what is broken in it, by element."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

from zoox_prediction.geometry import EARTH_RADIUS_M
from zoox_prediction.maps.road_network import MapError

_FARTHEST_M = 2.1e7  # half-way around the Earth


@dataclass(frozen=True)
class OsmFile:
    """The elements of a file that are not marked as deleted, checked for what a reader relies on."""

    path: Path
    root: ElementTree.Element
    nodes: dict[int, ElementTree.Element]
    ways: dict[int, list[int]]  # node ids
    relations: dict[int, ElementTree.Element]

    @property
    def has_local_coordinates(self) -> bool:
        """Whether every node has the tags local_x and local_y [m], as maps for Autoware have."""
        return all({"local_x", "local_y"} <= tags(node).keys() for node in self.nodes.values())

    def geodetic(self) -> dict[int, tuple[float, float]]:
        """Latitude and longitude [deg] by node id; raises MapError for a node without."""
        return {node_id: self._geodetic(node_id, node) for node_id, node in self.nodes.items()}

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

    def local(self) -> dict[int, tuple[float, float]]:
        """local_x, local_y [m] by node id; raises MapError for a node without."""
        positions = {}
        for node_id, node in self.nodes.items():
            values = tags(node)
            try:
                position = float(values["local_x"]), float(values["local_y"])
            except (KeyError, ValueError):
                position = math.nan, math.nan
            if not all(abs(value) <= _FARTHEST_M for value in position):
                raise MapError(f"{self.path}: node {node_id} has no valid local_x and local_y in metres; mend the map")
            positions[node_id] = position
        return positions

    def positions(self, origin: tuple[float, float] | None) -> dict[int, tuple[float, float]]:
        """x, y [m] by node id.

        With an origin (lat0, lon0) [deg]: x = R cos(lat0) dlon, y = R dlat, R = 6378137 m (the scaled spherical
        projection near its origin). Without: the map's own local_x and local_y, or else the same formula about the
        middle of the map.
        """
        if origin is None and self.has_local_coordinates:
            return self.local()
        geodetic = self.geodetic()
        if origin is None:
            lats, lons = zip(*geodetic.values(), strict=True)
            origin = 0.5 * (min(lats) + max(lats)), 0.5 * (min(lons) + max(lons))
        lat0, lon0 = origin
        if not (abs(lat0) <= 90.0 and abs(lon0) <= 360.0):
            raise MapError(f"{self.path}: the origin {origin} is no latitude and longitude in degrees")
        per_degree = EARTH_RADIUS_M * math.pi / 180.0
        scale = per_degree * math.cos(math.radians(lat0))
        return {key: (scale * (lon - lon0), per_degree * (lat - lat0)) for key, (lat, lon) in geodetic.items()}

    def with_positions(self, positions: dict[int, tuple[float, float]]) -> bytes:
        """The file with every node's latitude and longitude set so that positions are metres about (0, 0).

        Lanelet2 orients boundaries by geometry while it parses, and maps for Autoware may leave latitudes empty.
        """
        per_degree = EARTH_RADIUS_M * math.pi / 180.0
        x0, y0 = next(iter(positions.values()))
        for node_id, node in self.nodes.items():
            x, y = positions[node_id]
            node.set("lat", repr((y - y0) / per_degree))
            node.set("lon", repr((x - x0) / per_degree))
        written: bytes = ElementTree.tostring(self.root, encoding="utf-8", xml_declaration=True)
        return written


def tags(element: ElementTree.Element) -> dict[str, str]:
    return {tag.get("k", ""): tag.get("v", "") for tag in element.findall("tag")}


def members(relation: ElementTree.Element, role: str) -> list[tuple[str, int]]:
    """Type and id of the members with a role."""
    return [
        (member.get("type", ""), int(member.get("ref", "")))
        for member in relation.findall("member")
        if member.get("role") == role
    ]


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
        way_id: [_reference(path, f"way {way_id}", nd) for nd in way.findall("nd")]
        for way_id, way in kinds["way"].items()
    }
    for relation_id, relation in kinds["relation"].items():
        for member in relation.findall("member"):
            _reference(path, f"relation {relation_id}", member)
    osm = OsmFile(path, root, kinds["node"], ways, kinds["relation"])
    _check_ways(osm)
    _check_lanelets(osm)
    return osm


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
    for way_id, refs in osm.ways.items():
        missing = [ref for ref in refs if ref not in osm.nodes]
        if missing:
            raise MapError(f"{osm.path}: way {way_id} uses node {missing[0]}, which the file does not have")
        if not refs:
            raise MapError(f"{osm.path}: way {way_id} has no nodes; remove it from the map")


def _check_lanelets(osm: OsmFile) -> None:
    count = 0
    for relation_id, relation in osm.relations.items():
        if tags(relation).get("type") != "lanelet":
            continue
        count += 1
        for role in ("left", "right", "centerline"):
            sides = members(relation, role)
            if role != "centerline" and len(sides) != 1:
                _refuse(osm, relation_id, f"has {len(sides)} {role} boundaries instead of one")
            for kind, ref in sides:
                if kind != "way" or ref not in osm.ways:
                    _refuse(osm, relation_id, f"has the {role} {kind} {ref}, which the file does not have")
                if len(set(osm.ways[ref])) < 2:
                    _refuse(osm, relation_id, f"has the {role} way {ref} of fewer than two distinct nodes")
    if not count:
        raise MapError(f"{osm.path}: has no lanelets (relations of type=lanelet)")


def _refuse(osm: OsmFile, relation_id: int, what: str) -> NoReturn:
    raise MapError(f"{osm.path}: lanelet {relation_id} {what}; mend the map")
