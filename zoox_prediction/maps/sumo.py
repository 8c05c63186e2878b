"""Reads SUMO road networks (.net.xml, .net.xml.gz) with the `sumolib` library."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from zoox_prediction.geometry import EARTH_RADIUS_M
from zoox_prediction.maps.areas import closed_areas, polygon_of, ragged_polygons
from zoox_prediction.maps.lane_sides import parallel
from zoox_prediction.maps.records import LaneRecord, checked_line, lanes_from_records
from zoox_prediction.maps.repair import repair_records
from zoox_prediction.maps.road_network import NO_ID, BoundaryType, LaneType, MapError, Ragged, RoadNetwork, Turn
from zoox_prediction.maps.road_outline import at_road_edge, road_outline
from zoox_prediction.maps.sumo_file import SumoFile, read_sumo_file
from zoox_prediction.maps.sumo_rules import (
    TURNS,
    Link,
    has_conflicts,
    lane_kind,
    links_of,
    may_change,
    signal_id,
    stable_id,
)

_CLOSE_GAP_M = 0.6  # slivers between lanes narrower than this are drivable
_SHORTEST_LANE_M = 0.02  # inside a junction, where netconvert writes points for ways of no length
_BESIDE_TOLERANCE_M = 0.5  # of the distance between lanes that run side by side through a junction
_MIDDLE_OF_ROAD = (LaneType.VEHICLE, LaneType.BUS, LaneType.RESTRICTED, LaneType.PARKING)

Points = NDArray[np.float64]


def read_sumo(path: Path | str, origin: tuple[float, float] | None = None) -> RoadNetwork:
    """The road network of a SUMO network.

    Positions [m]: the file's own, or, with `origin` (latitude, longitude) [deg], x = R cos(lat0) dlon to the east and
    y = R dlat to the north with R = 6378137 m, through the file's projection, which needs pyproj.

    Ids are `stable_id` of SUMO's names: of lanes, of edges that are crosswalks, of the lanes at whose ends stop lines
    lie; a signal is one link of a traffic light (`signal_id`). Signal, stop line, right of way and yields_to stand at
    the lanes within junctions. Their speed limit is the lower one of the lanes that they join, since SUMO's own is what
    the bend allows. Raises MapError naming the file, the element and its defect.
    """
    file = read_sumo_file(Path(path))
    return _Reader(file, _projection(file, origin)).road_network()


def _projection(file: SumoFile, origin: tuple[float, float] | None) -> Callable[[Points], Points]:
    """What moves the file's positions (n, 2) [m] into the map frame."""
    if origin is None:
        return lambda points: points
    if file.projection == "!":
        raise MapError(f"{file.path}: has no projection, so nothing is known about an origin; leave the origin out")
    lat0, lon0 = origin
    if not (abs(lat0) <= 90.0 and abs(lon0) <= 360.0):
        raise MapError(f"{file.path}: the origin {origin} is no latitude and longitude in degrees")
    try:
        import pyproj
    except ImportError as error:
        raise MapError(f"{file.path}: placing a SUMO network at an origin needs pyproj; pip install pyproj") from error
    try:
        projected = pyproj.Proj(file.projection)
    except pyproj.exceptions.ProjError as error:
        raise MapError(f"{file.path}: its projection {file.projection!r} is none that pyproj knows") from error
    per_degree = EARTH_RADIUS_M * np.pi / 180.0

    def to_map(points: Points) -> Points:
        x, y = (points - file.net_offset_m).T
        lon, lat = projected(x, y, inverse=True)
        return np.column_stack([per_degree * np.cos(np.radians(lat0)) * (lon - lon0), per_degree * (lat - lat0)])

    return to_map


class _Reader:
    def __init__(self, file: SumoFile, to_map: Callable[[Points], Points]) -> None:
        self.file, self.to_map = file, to_map
        self.links = links_of(file)
        self.records: dict[str, LaneRecord] = {}  # by SUMO's id of the lane
        self.walkways: list[Points] = []
        self.walking_areas: list[Points] = []
        self.crosswalks: dict[str, tuple[Points, int]] = {}  # polygon and signal, by SUMO's id of the edge
        self.signals: dict[int, Points] = {}
        self.stop_lines: dict[int, Points] = {}
        self.repairs: list[str] = []
        self.intersections = {
            node.getID()
            for node in file.net.getNodes()
            if has_conflicts(file, node.getID()) or (node.getType() or "").startswith("traffic_light")
        }

    def road_network(self) -> RoadNetwork:
        for edge in self.file.net.getEdges():
            self._add_edge(edge)
        if not self.records:
            raise MapError(f"{self.file.path}: has no lanes for vehicles or bicycles")
        if any(not link.lanes for link in self.links) and not any(link.lanes for link in self.links):
            raise MapError(
                f"{self.file.path}: has no lanes inside its junctions; write it with netconvert without "
                "--no-internal-links"
            )
        for edge in self.file.net.getEdges(withInternal=False):
            self._set_neighbors(edge.getLanes())
        for link in self.links:
            self._add_link(link)
        self._set_internal_neighbors()
        records = list(self.records.values())
        self.repairs += _with_names(repair_records(records), self.records)
        road = self._road()
        self._mark_road_edges(road)
        walkways = shapely.difference([polygon_of(ring) for ring in self.walkways + self.walking_areas], road)
        return RoadNetwork(
            source=re.sub(r"(\.net)?\.xml(\.gz)?$", "", self.file.path.name, flags=re.IGNORECASE),
            left_hand_traffic=self.file.left_hand_traffic,
            lanes=lanes_from_records(records),
            crosswalk_ids=np.array([stable_id(name) for name in self.crosswalks], dtype=np.int64),
            crosswalks=Ragged.points(ring for ring, _ in self.crosswalks.values()),
            crosswalk_signal=np.array([signal for _, signal in self.crosswalks.values()], dtype=np.int64),
            stop_line_ids=np.array(list(self.stop_lines), dtype=np.int64),
            stop_lines=Ragged.points(self.stop_lines.values()),
            walkways=ragged_polygons(shapely.geometrycollections(walkways)),
            drivable_areas=ragged_polygons(road),
            intersections=self._junction_polygons(),
            parking_areas=Ragged.points(each.polygon for each in records if each.type == LaneType.PARKING),
            road_edges=road_outline(road, records),
            signal_ids=np.array(list(self.signals), dtype=np.int64),
            signal_positions=np.array(list(self.signals.values()), dtype=np.float64).reshape(-1, 2),
            repairs=tuple(self.repairs),
        )

    def _add_edge(self, edge: Any) -> None:
        for lane in edge.getLanes():
            shape = self.to_map(np.array(lane.getShape(), dtype=np.float64).reshape(-1, 2))
            if edge.getFunction() == "walkingarea":
                self.walking_areas.append(shape)
            elif edge.getFunction() == "crossing":
                self._add_crosswalk(edge, lane, shape)
            elif edge.getFunction() in ("", "internal"):
                self._add_lane(lane, shape)

    def _add_lane(self, lane: Any, shape: Points) -> None:
        name, internal = lane.getID(), lane.getEdge().getFunction() == "internal"
        kind = lane_kind(frozenset(lane.getPermissions()), self.file.lane_attributes[name].get("type", ""))
        if internal and (len(shape) < 2 or _length(shape) < _SHORTEST_LANE_M):
            return  # the lanes before and after it meet: _add_link joins them
        line = checked_line(shape, f"{self.file.path}: lane {name}")
        left, right = (parallel(line, side * lane.getWidth()) for side in (0.5, -0.5))
        if kind.walkway and not internal:
            self.walkways.append(np.concatenate([right, left[::-1]]))
        if kind.lane_type is None:
            return
        self.records[name] = LaneRecord(
            id=stable_id(name),
            centerline=line,
            left_boundary=left,
            right_boundary=right,
            type=kind.lane_type,
            speed_limit_mps=lane.getSpeed() or np.nan,
            left_boundary_type=BoundaryType.VIRTUAL if internal else BoundaryType.UNKNOWN,
            right_boundary_type=BoundaryType.VIRTUAL if internal else BoundaryType.UNKNOWN,
        )

    def _add_crosswalk(self, edge: Any, lane: Any, shape: Points) -> None:
        line = checked_line(shape, f"{self.file.path}: crossing {edge.getID()}")
        left, right = (parallel(line, side * lane.getWidth()) for side in (0.5, -0.5))
        signal = NO_ID
        for connection in [each for several in edge.getIncoming().values() for each in several]:
            if connection.getTLSID():
                signal = signal_id(connection.getTLSID(), connection.getTLLinkIndex())
                self.signals[signal] = line.mean(axis=0)
        self.crosswalks[edge.getID()] = np.concatenate([right, left[::-1]]), signal

    def _set_neighbors(self, lanes: list[Any]) -> None:
        """SUMO counts lanes from the kerb, and calls the way to the next one left even where traffic keeps left."""
        for outer, inner in pairwise(lanes):
            names = outer.getID(), inner.getID()
            if not all(name in self.records for name in names):
                continue
            classes = [frozenset(lane.getPermissions()) for lane in (outer, inner)]
            attributes = [self.file.lane_attributes[name] for name in names]
            inward = may_change(classes[0], classes[1], attributes[0].get("changeLeft"))
            outward = may_change(classes[1], classes[0], attributes[1].get("changeRight"))
            self._set_neighbor(*names, inward, "right" if self.file.left_hand_traffic else "left")
            self._set_neighbor(*names[::-1], outward, "left" if self.file.left_hand_traffic else "right")

    def _set_neighbor(self, name: str, neighbor: str, change: bool, side: str) -> None:
        record = self.records[name]
        setattr(record, f"{side}_neighbor", self.records[neighbor].id)
        setattr(record, f"{side}_change", change)
        setattr(record, f"{side}_boundary_type", BoundaryType.DASHED if change else BoundaryType.SOLID)

    def _add_link(self, link: Link) -> None:
        """The successors along one way across a junction, and what holds for its lanes."""
        first, last = link.connection.getFromLane().getID(), link.connection.getToLane().getID()
        if first not in self.records or last not in self.records:
            return
        inside = [name for name in link.lanes if name in self.records]
        for name in set(link.lanes) - set(inside):
            if lane_kind(frozenset(self.file.net.getLane(name).getPermissions()), "").lane_type is not None:
                self.repairs.append(f"lane {name}: it has no length; left it out and joined {first} and {last}")
        chain = [first, *inside, last]
        for name, after in pairwise(chain):
            if self.records[after].id not in self.records[name].successors:
                self.records[name].successors.append(self.records[after].id)
        for name in inside:
            self._fill_inside(link, self.records[name], self.records[first], self.records[last])
        if inside:
            self._control(link, self.records[inside[0]], self.records[first])

    def _fill_inside(self, link: Link, record: LaneRecord, before: LaneRecord, after: LaneRecord) -> None:
        record.speed_limit_mps = float(np.fmin(before.speed_limit_mps, after.speed_limit_mps))
        record.in_intersection = link.junction in self.intersections
        if not record.in_intersection:  # the markings go on
            record.left_boundary_type = before.left_boundary_type
            record.right_boundary_type = before.right_boundary_type
            return
        record.turn = TURNS.get(link.connection.getDirection(), Turn.NONE)
        record.right_of_way = link.right_of_way
        record.yields_to = [self.records[name].id for name in link.yields_to if name in self.records]

    def _control(self, link: Link, entry: LaneRecord, approach: LaneRecord) -> None:
        """Signal and stop line of a way across a junction stand at its first lane, where the line is."""
        if not entry.in_intersection:
            return
        if link.signal is not None:
            entry.signal = signal_id(*link.signal)
            self.signals[entry.signal] = approach.centerline[-1]
        if link.needs_stop_line:
            entry.stop_line = approach.id
            self.stop_lines[approach.id] = np.stack([approach.left_boundary[-1], approach.right_boundary[-1]])

    def _set_internal_neighbors(self) -> None:
        """Lanes of one internal edge are neighbours where they run side by side: they may also spread from one lane."""
        by_edge: dict[str, list[LaneRecord]] = defaultdict(list)
        for name, record in self.records.items():
            if name.startswith(":"):
                by_edge[name.rpartition("_")[0]].append(record)
        for lanes in by_edge.values():
            for outer, inner in pairwise(lanes):
                left, right = (outer, inner) if self.file.left_hand_traffic else (inner, outer)
                between = (left.right_boundary[[0, -1]] - right.left_boundary[[0, -1]]) ** 2
                if np.all(np.sqrt(between.sum(axis=1)) < _BESIDE_TOLERANCE_M):
                    left.right_neighbor, right.left_neighbor = right.id, left.id

    def _road(self) -> BaseGeometry:
        """Lanes and junctions without the corners where people walk."""
        shapes = [polygon_of(ring) for ring in self._junction_shapes({link.junction for link in self.links})]
        walking = shapely.union_all([polygon_of(ring) for ring in self.walking_areas])
        lanes = [polygon_of(self.records[name].polygon) for name in self._paved()]
        return closed_areas([*lanes, *shapely.difference(shapes, walking)], _CLOSE_GAP_M)

    def _paved(self) -> list[str]:
        """Lanes of roads: all but bicycle paths of their own."""
        roads = {name.rpartition("_")[0] for name, each in self.records.items() if each.type in _MIDDLE_OF_ROAD}
        return [name for name in self.records if name.rpartition("_")[0] in roads]

    def _junction_shapes(self, junctions: set[str]) -> list[Points]:
        nodes = [node for node in self.file.net.getNodes() if node.getID() in junctions]
        return [self.to_map(np.array(node.getShape(), dtype=np.float64).reshape(-1, 2)) for node in nodes]

    def _junction_polygons(self) -> Ragged:
        return ragged_polygons(
            shapely.geometrycollections([polygon_of(ring) for ring in self._junction_shapes(self.intersections)])
        )

    def _mark_road_edges(self, road: BaseGeometry) -> None:
        """The types of the outermost boundaries: the road's edge, or a line against what lies beyond."""
        records = [self.records[name] for name in self._paved() if not self.records[name].in_intersection]
        for side in ("left", "right"):
            outer = [each for each in records if getattr(each, f"{side}_neighbor") == NO_ID]
            boundaries = [getattr(each, f"{side}_boundary") for each in outer]
            for record, edge in zip(outer, at_road_edge(boundaries, side == "left", road), strict=True):
                setattr(record, f"{side}_boundary_type", BoundaryType.ROAD_EDGE if edge else BoundaryType.SOLID)


def _length(points: Points) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


def _with_names(repairs: tuple[str, ...], records: dict[str, LaneRecord]) -> list[str]:
    """Sentences with SUMO's names of lanes in place of our ids."""
    names = {str(record.id): name for name, record in records.items()}
    return [re.sub(r"\blane (\d+)", lambda match: f"lane {names.get(match[1], match[1])}", each) for each in repairs]
