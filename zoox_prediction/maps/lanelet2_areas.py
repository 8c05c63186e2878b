"""Areas and lines of a Lanelet2 map beside its lanes: crosswalks, parking, intersections, walkways, road edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.maps.areas import (
    closed_areas,
    closed_union,
    filled,
    polygon_of,
    ragged_polygons,
    road_edges,
    union_of,
)
from zoox_prediction.maps.lanelet2_lanes import Geometry
from zoox_prediction.maps.lanelet2_rules import ROAD_EDGES
from zoox_prediction.maps.records import LaneRecord
from zoox_prediction.maps.road_network import LaneType, Ragged

_PARKING = frozenset({"parking", "parking_lot", "parking_space"})
_DRIVABLE = _PARKING | {"freespace", "exit", "bus_stop_area", "no_parking_area"}
_WALKWAYS = frozenset({"walkway", "shared_walkway"})
_CLOSE_GAP_M = 0.6  # slivers between lanes narrower than this are drivable
_HOLE_M2 = 8.0  # what crossing lanes leave open between them, up to this size, is paved as well
_ISLAND_M2 = 50.0  # islands up to this size belong to the intersection around them
_MOST = 0.5  # of its area: a crosswalk polygon that others cover to this share is theirs

FloatArray = NDArray[np.float64]


@dataclass
class Areas:
    """Rings (n, 2) and lines (n, 2) [m]."""

    drivable: list[FloatArray] = field(default_factory=list)
    parking: list[FloatArray] = field(default_factory=list)
    walkways: list[FloatArray] = field(default_factory=list)
    intersections: list[FloatArray] = field(default_factory=list)
    crosswalks: dict[int, FloatArray] = field(default_factory=dict)  # polygons by the id of their element
    borders: list[FloatArray] = field(default_factory=list)  # tagged as such: curbs, guard rails, ...


def read_areas(library_map: Any, geometry: Geometry) -> Areas:
    """What the areas, polygons and linestrings of the map are by their types, without those that enclose nothing."""
    areas = Areas()
    for area in sorted(library_map.areaLayer, key=lambda area: abs(area.id)):
        _add(areas, area.id, dict(area.attributes.items()), geometry.library_points(area.outerBoundPolygon()))
    for polygon in sorted(library_map.polygonLayer, key=lambda polygon: abs(polygon.id)):
        _add(areas, polygon.id, dict(polygon.attributes.items()), geometry.library_points(polygon))
    for way in sorted(geometry.osm.ways, key=abs):
        tags = geometry.osm.ways[way].tags
        kind = tags.get("type", "")
        if kind in ROAD_EDGES and len(set(geometry.osm.ways[way].nodes)) > 1:
            areas.borders.append(geometry.points(way))
        elif kind == "parking_space" and "area" not in tags:
            ring = _parking_space(geometry.points(way), tags)
            areas.parking.append(ring)
            areas.drivable.append(ring)
    areas.parking = [ring for ring in areas.parking if len(ring)]
    areas.drivable = [ring for ring in areas.drivable if len(ring)]
    return areas


@dataclass(frozen=True)
class Surfaces:
    drivable: Ragged  # polygons
    intersections: Ragged  # polygons
    parking: Ragged  # polygons
    edges: Ragged  # polylines


def surfaces_of(records: Sequence[LaneRecord], areas: Areas) -> Surfaces:
    """The ground that lanes and areas cover, and the edges of the road; bicycle lanes beside the road belong to it."""
    by_id = {record.id: record for record in records}
    lanes = [each.polygon for each in records if not _bicycle(each)]
    drivable = filled(closed_union([*lanes, *areas.drivable], _CLOSE_GAP_M), _HOLE_M2)
    paved = drivable
    beside = [each.polygon for each in records if _bicycle(each) and _is_beside_road(each, by_id)]
    if beside:
        paved = closed_areas([drivable, union_of(beside)], _CLOSE_GAP_M)
    inside = [record.polygon for record in records if record.in_intersection and not _bicycle(record)]
    intersections = filled(closed_union([*areas.intersections, *inside], _CLOSE_GAP_M), _ISLAND_M2)
    parking = [*areas.parking, *(record.polygon for record in records if record.type == LaneType.PARKING)]
    return Surfaces(
        drivable=ragged_polygons(drivable),
        intersections=ragged_polygons(intersections),
        parking=Ragged.points(parking),
        edges=road_edges(paved, areas.borders, _open_ends(records)),
    )


def _bicycle(record: LaneRecord) -> bool:
    return record.type == LaneType.BICYCLE


def _is_beside_road(record: LaneRecord, by_id: Mapping[int, LaneRecord]) -> bool:
    neighbors = (by_id.get(record.left_neighbor), by_id.get(record.right_neighbor))
    return any(neighbor is not None and not _bicycle(neighbor) for neighbor in neighbors)


def _open_ends(records: Sequence[LaneRecord]) -> list[FloatArray]:
    """Lines across the lanes where they leave the map."""
    followed = {successor for record in records for successor in record.successors}
    ends = []
    for record in records:
        if not record.successors:
            ends.append(np.stack([record.left_boundary[-1], record.right_boundary[-1]]))
        if record.id not in followed:
            ends.append(np.stack([record.left_boundary[0], record.right_boundary[0]]))
    return ends


def add_crosswalks(crosswalks: dict[int, FloatArray], polygons: Mapping[int, FloatArray]) -> None:
    """Adds the polygons that no crosswalk covers yet."""
    known = union_of(crosswalks.values())
    for key, ring in polygons.items():
        area = polygon_of(ring)
        if area.intersection(known).area < _MOST * area.area:
            crosswalks[key] = ring


def _add(areas: Areas, element: int, attributes: Mapping[str, str], ring: FloatArray) -> None:
    """An area names itself in its subtype, a polygon of Autoware in its type."""
    kind = attributes.get("type", "")
    if kind in ("multipolygon", "area", ""):
        kind = attributes.get("subtype", "")
    if not polygon_of(ring).area > 0.0:
        return
    if kind == "intersection_area":
        areas.intersections.append(ring)
    elif kind == "crosswalk_polygon":
        areas.crosswalks[element] = ring
    elif kind in _WALKWAYS:
        areas.walkways.append(ring)
    if kind in _PARKING:
        areas.parking.append(ring)
    if kind in _DRIVABLE:
        areas.drivable.append(ring)


def _parking_space(line: FloatArray, tags: Mapping[str, str]) -> FloatArray:
    """The ring of a space that Autoware gives as its middle line and a width; empty where it has none."""
    try:
        width = float(tags.get("width", ""))
    except ValueError:
        return np.zeros((0, 2))
    if not (0.0 < width < np.inf) or len(line) < 2:
        return np.zeros((0, 2))
    area = shapely.LineString(line).buffer(0.5 * width, cap_style="flat", join_style="mitre")
    return np.asarray(area.exterior.coords)[:-1] if area.geom_type == "Polygon" else np.zeros((0, 2))
