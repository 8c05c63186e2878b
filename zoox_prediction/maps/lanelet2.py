"""Reads Lanelet2 maps (OSM XML), plain ones and those of Autoware, with the `lanelet2` library."""

from __future__ import annotations

import logging
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.maps.areas import polygon_of, union_polygons
from zoox_prediction.maps.lanelet2_rules import Junctions, SpeedLimits, boundary_type, lane_kind, turn_of
from zoox_prediction.maps.osm_file import OsmFile, read_osm
from zoox_prediction.maps.records import LaneRecord, PositiveIds, checked_line, lanes_from_records
from zoox_prediction.maps.road_network import NO_ID, LaneType, MapError, Ragged, RoadNetwork

_logger = logging.getLogger(__name__)

_CENTERLINE_TOLERANCE_M = 1.0  # how far a hand-drawn centreline may run past the ends of its lanelet
_CLOSE_GAP_M = 0.6  # slivers between lanes narrower than this are drivable
_DRIVABLE_AREAS = frozenset({"parking", "parking_lot", "freespace", "exit", "bus_stop_area", "no_parking_area"})
_FOLLOWERS = {
    LaneType.VEHICLE: {LaneType.VEHICLE, LaneType.BUS},
    LaneType.BUS: {LaneType.VEHICLE, LaneType.BUS},
    LaneType.RESTRICTED: {LaneType.VEHICLE, LaneType.BUS, LaneType.RESTRICTED},
    LaneType.BICYCLE: set(LaneType),
    LaneType.PARKING: {LaneType.VEHICLE},
}


@dataclass
class _Shape:
    """One direction of a lanelet that vehicles or cyclists use."""

    record: LaneRecord
    left_ids: tuple[int, ...]  # node ids of the boundaries, in the direction of travel
    right_ids: tuple[int, ...]


def read_lanelet2(path: Path | str, origin: tuple[float, float] | None = None) -> RoadNetwork:
    """The road network of a Lanelet2 map.

    Positions [m]: with `origin` (latitude, longitude) [deg], x = R cos(lat0) dlon to the east and y = R dlat to the
    north with R = 6378137 m, as INTERACTION-style recordings use them; without, the map's own local_x and local_y, or
    else the same formula about the middle of the map.

    Lane ids are lanelet ids (negative ones of unfinished JOSM maps turned positive). A lane open to both directions
    becomes two, the second under a new id. A signal's id is that of its regulatory element. Speed limits come from
    regulatory elements, the tags speed_limit and maxspeed, and, where the map names its country's rules, from those;
    NaN otherwise. Raises MapError naming the file, the element and its defect.
    """
    osm = read_osm(path)
    positions = osm.positions(origin)
    try:
        library_map, problems = _load(osm, positions)
    except (RuntimeError, ValueError, IndexError, OverflowError) as error:  # what exceptions of C++ arrive as
        raise MapError(f"{osm.path}: Lanelet2 cannot build the map: {' '.join(str(error).split())}") from error
    for problem in problems:
        _logger.info("%s: %s", osm.path, problem.strip())
    return _Reader(osm, library_map).road_network()


def _load(osm: OsmFile, positions: dict[int, tuple[float, float]]) -> tuple[Any, list[str]]:
    """The library's map with its points moved to our positions, and what the library could not parse.

    Those are regulatory elements of kinds that it does not know; boundaries were checked before.
    """
    try:
        import lanelet2
    except ImportError as error:
        raise MapError(
            f"{osm.path}: reading Lanelet2 maps needs the Python package lanelet2 ({error}); pip install lanelet2"
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "map.osm"
        file.write_bytes(osm.with_positions(positions))
        projector = lanelet2.projection.LocalCartesianProjector(lanelet2.io.Origin(0.0, 0.0))
        library_map, problems = lanelet2.io.loadRobust(str(file), projector)
    for point in library_map.pointLayer:
        position = positions.get(point.id)
        if position is not None:
            point.x, point.y = position
    return library_map, list(problems)


def _points(line: Any) -> NDArray[np.float64]:
    return np.array([(point.x, point.y) for point in line], dtype=np.float64).reshape(-1, 2)


class _Reader:
    def __init__(self, osm: OsmFile, library_map: Any) -> None:
        self.osm, self.map = osm, library_map
        self.lanelets = sorted(library_map.laneletLayer, key=lambda lanelet: abs(lanelet.id))
        self.speed_limits = SpeedLimits()
        self.lane_ids = PositiveIds({lanelet.id for lanelet in self.lanelets if lanelet.id > 0})
        self.junctions = Junctions(osm, library_map)
        self.shapes: list[_Shape] = []
        self.crosswalks: list[tuple[int, NDArray, int]] = []
        self.walkways: list[NDArray] = []

    def road_network(self) -> RoadNetwork:
        for lanelet in self.lanelets:
            self._add_lanelet(lanelet)
        self._link()
        records = [shape.record for shape in self.shapes]
        intersections = [record.polygon for record in records if record.in_intersection]
        drivable = [record.polygon for record in records if record.type != LaneType.BICYCLE]
        for kind, ring in self._areas():
            if kind == "intersection_area":
                intersections.append(ring)
            elif kind in ("walkway", "shared_walkway"):
                self.walkways.append(ring)
            elif kind in _DRIVABLE_AREAS:
                drivable.append(ring)
        stop_lines = self.junctions.stop_lines
        signals = self.junctions.signals
        return RoadNetwork(
            source=self.osm.path.stem,
            left_hand_traffic=self._left_hand_traffic(),
            lanes=lanes_from_records(records),
            crosswalk_ids=np.array([each[0] for each in self.crosswalks], dtype=np.int64),
            crosswalks=Ragged.points(each[1] for each in self.crosswalks),
            crosswalk_signal=np.array([each[2] for each in self.crosswalks], dtype=np.int64),
            stop_line_ids=np.array(list(stop_lines), dtype=np.int64),
            stop_lines=Ragged.points(stop_lines.values()),
            walkways=Ragged.points(self.walkways),
            drivable_areas=union_polygons(drivable, _CLOSE_GAP_M),
            intersections=union_polygons(intersections, _CLOSE_GAP_M),
            signal_ids=np.array(list(signals), dtype=np.int64),
            signal_positions=np.array(list(signals.values()), dtype=np.float64).reshape(-1, 2),
        )

    def _add_lanelet(self, lanelet: Any) -> None:
        attributes = dict(lanelet.attributes.items())
        kind = lane_kind(attributes)
        where = f"{self.osm.path}: lanelet {lanelet.id}: its"
        left = checked_line(_points(lanelet.leftBound), f"{where} left boundary")
        right = checked_line(_points(lanelet.rightBound), f"{where} right boundary")
        ring = np.concatenate([left, right[::-1]])
        if kind.crosswalk:
            signal = self.junctions.signal_of(lanelet)
            self.crosswalks.append((self.lane_ids.of(lanelet.id), _checked_ring(ring, where), signal))
        elif kind.walkway:
            self.walkways.append(_checked_ring(ring, where))
        if kind.lane_type is None:
            return
        centerline = _within(checked_line(_points(lanelet.centerline), f"{where} centreline"), ring, where)
        record = LaneRecord(
            id=self.lane_ids.of(lanelet.id),
            centerline=centerline,
            left_boundary=left,
            right_boundary=right,
            type=kind.lane_type,
            turn=turn_of(attributes),
            right_of_way=self.junctions.right_of_way(lanelet),
            in_intersection="turn_direction" in attributes,
            speed_limit_mps=self.speed_limits.of(lanelet, attributes),
            signal=self.junctions.signal_of(lanelet),
            stop_line=self.junctions.stop_line_of(lanelet),
            left_boundary_type=boundary_type(lanelet.leftBound, left_of_lane=True),
            right_boundary_type=boundary_type(lanelet.rightBound, left_of_lane=False),
        )
        left_ids = tuple(point.id for point in lanelet.leftBound)
        right_ids = tuple(point.id for point in lanelet.rightBound)
        self.shapes.append(_Shape(record, left_ids, right_ids))
        if not kind.one_way:
            self.shapes.append(_reversed(self.shapes[-1], self.lane_ids.new()))

    def _link(self) -> None:
        """Successors share both end points; neighbours in the same direction share a boundary."""
        starts: dict[tuple[int, int], list[LaneRecord]] = defaultdict(list)
        by_left: dict[tuple[int, ...], int] = {}
        by_right: dict[tuple[int, ...], int] = {}
        for shape in self.shapes:
            starts[shape.left_ids[0], shape.right_ids[0]].append(shape.record)
            by_left.setdefault(shape.left_ids, shape.record.id)
            by_right.setdefault(shape.right_ids, shape.record.id)
        for shape in self.shapes:
            record = shape.record
            record.left_neighbor = by_right.get(shape.left_ids, NO_ID)
            record.right_neighbor = by_left.get(shape.right_ids, NO_ID)
            record.successors = [
                other.id
                for other in starts.get((shape.left_ids[-1], shape.right_ids[-1]), [])
                if other.type in _FOLLOWERS[record.type] and other.id != record.id
            ]

    def _left_hand_traffic(self) -> bool:
        """Whether lanes meet oncoming ones at their right boundaries more often than at their left ones."""
        vehicle = [shape for shape in self.shapes if shape.record.type == LaneType.VEHICLE]
        left = {shape.left_ids for shape in vehicle}
        right = {shape.right_ids for shape in vehicle}
        return sum(ids[::-1] in right for ids in right) > sum(ids[::-1] in left for ids in left)

    def _areas(self) -> list[tuple[str, NDArray]]:
        """Kind and outer ring of the areas and polygons, without those that enclose nothing."""
        rings: list[tuple[str, NDArray]] = []
        for area in sorted(self.map.areaLayer, key=lambda area: abs(area.id)):
            rings.append((_kind(area), _points(area.outerBoundPolygon())))
        for polygon in sorted(self.map.polygonLayer, key=lambda polygon: abs(polygon.id)):
            rings.append((_kind(polygon), _points(polygon)))
        return [(kind, ring) for kind, ring in rings if polygon_of(ring).area > 0.0]


def _kind(element: Any) -> str:
    """An area names itself in its subtype, a polygon of Autoware in its type."""
    attributes = dict(element.attributes.items())
    kind = attributes.get("type", "")
    return attributes.get("subtype", "") if kind in ("multipolygon", "area", "") else kind


def _checked_ring(ring: NDArray[np.float64], where: str) -> NDArray[np.float64]:
    if not polygon_of(ring).area > 0.0:
        raise MapError(f"{where} boundaries enclose no area; mend the map")
    return ring


def _within(centerline: NDArray[np.float64], ring: NDArray[np.float64], where: str) -> NDArray[np.float64]:
    """The centreline without what runs past the ends of its lanelet, which would overlap the next lanelet's."""
    area, line = polygon_of(ring), shapely.linestrings(centerline)
    if area.buffer(1e-3).covers(line):
        return centerline
    outside = float(shapely.distance(shapely.points(centerline), area).max())
    if outside > _CENTERLINE_TOLERANCE_M:
        raise MapError(f"{where} centreline leaves the lanelet by {outside:.2f} m; mend the map")
    parts = shapely.get_parts(line.intersection(area))
    inside = max(parts, key=shapely.length, default=shapely.LineString())
    kept = np.asarray(inside.coords).reshape(-1, 2)
    if len(kept) > 1 and line.project(shapely.Point(kept[0])) > line.project(shapely.Point(kept[-1])):
        kept = kept[::-1]
    return checked_line(kept, f"{where} centreline")


def _reversed(shape: _Shape, new_id: int) -> _Shape:
    """The other direction of a lane that is open to both; signals and stop lines belong to the first."""
    record = shape.record
    other = LaneRecord(
        id=new_id,
        centerline=record.centerline[::-1],
        left_boundary=record.right_boundary[::-1],
        right_boundary=record.left_boundary[::-1],
        type=record.type,
        in_intersection=record.in_intersection,
        speed_limit_mps=record.speed_limit_mps,
        left_boundary_type=record.right_boundary_type,
        right_boundary_type=record.left_boundary_type,
    )
    return _Shape(other, shape.right_ids[::-1], shape.left_ids[::-1])
