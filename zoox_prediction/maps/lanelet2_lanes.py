"""The lanes of a Lanelet2 map: one record per direction of each lanelet that vehicles or cyclists use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.maps.areas import polygon_of
from zoox_prediction.maps.lanelet2_junctions import Junctions
from zoox_prediction.maps.lanelet2_rules import SpeedLimits, boundary_type, lane_kind, turn_of
from zoox_prediction.maps.osm_file import OsmFile
from zoox_prediction.maps.records import LaneRecord, PositiveIds, checked_line
from zoox_prediction.maps.road_network import MapError

_CENTERLINE_TOLERANCE_M = 1.0  # how far a hand-drawn centreline may run past the ends of its lanelet

FloatArray = NDArray[np.float64]


@dataclass
class Shape:
    """One direction of a lanelet that vehicles or cyclists use."""

    record: LaneRecord
    lanelet: Any  # of the library, in the direction of the lane
    left_ids: tuple[int, ...]  # node ids of the boundaries, in the direction of travel
    right_ids: tuple[int, ...]

    def reverse(self) -> None:
        """Turns the lane round, as if left and right had been taken for each other."""
        record = self.record
        record.centerline = record.centerline[::-1]
        record.left_boundary, record.right_boundary = record.right_boundary[::-1], record.left_boundary[::-1]
        kinds = record.left_boundary_type, record.right_boundary_type
        record.right_boundary_type, record.left_boundary_type = kinds
        self.left_ids, self.right_ids = self.right_ids[::-1], self.left_ids[::-1]
        self.lanelet = self.lanelet.invert()


class Geometry:
    """Points of the file's nodes and ways, and of the library's lines, whose origin is the first node [m]."""

    def __init__(self, osm: OsmFile, positions: FloatArray) -> None:
        self.osm = osm
        self._positions = positions
        self._row = {node: row for row, node in enumerate(osm.nodes)}
        self._lines: dict[int, FloatArray] = {}

    def points(self, way: int) -> FloatArray:
        """(n, 2) of the way's nodes as they are."""
        return self._positions[[self._row[node] for node in self.osm.ways[way].nodes]]

    def library_points(self, line: Iterable[Any]) -> FloatArray:
        """(n, 2) of a line or polygon of the library."""
        points = np.array([(point.x, point.y) for point in line], dtype=np.float64).reshape(-1, 2)
        return points + self._positions[0]

    def line(self, way: int, where: str) -> FloatArray:
        """(n, 2) without consecutive duplicates; raises MapError, beginning with `where`, when one point remains."""
        if way not in self._lines:
            self._lines[way] = checked_line(self.points(way), where)
        return self._lines[way]


class LaneletReader:
    """Lanes, crosswalks and walkways of the lanelets."""

    def __init__(self, geometry: Geometry, junctions: Junctions, lane_ids: PositiveIds) -> None:
        self._geometry, self._junctions, self._lane_ids = geometry, junctions, lane_ids
        self._speed_limits = SpeedLimits()
        self.shapes: list[Shape] = []
        self.crosswalks: dict[int, FloatArray] = {}  # by the lanelet's id
        self.walkways: list[FloatArray] = []
        self.repairs: list[str] = []

    def read(self, lanelet: Any) -> None:
        osm = self._geometry.osm
        attributes = osm.relations[lanelet.id].tags
        kind = lane_kind(attributes)
        if kind.lane_type is None and not (kind.crosswalk or kind.walkway):
            return
        where = f"{osm.path}: lanelet {lanelet.id}: its"
        left, left_ids, left_kind = self._side(lanelet.leftBound, f"{where} left boundary", left=True)
        right, right_ids, right_kind = self._side(lanelet.rightBound, f"{where} right boundary", left=False)
        ring = np.concatenate([left, right[::-1]])
        if kind.crosswalk:
            self.crosswalks[lanelet.id] = _checked_ring(ring, where)
        elif kind.walkway:
            self.walkways.append(_checked_ring(ring, where))
        if kind.lane_type is None:
            return
        record = LaneRecord(
            id=self._lane_ids.of(lanelet.id),
            centerline=self._centerline(lanelet, ring, where),
            left_boundary=left,
            right_boundary=right,
            type=kind.lane_type,
            turn=turn_of(attributes),
            right_of_way=self._junctions.right_of_way_of(lanelet.id),
            in_intersection="turn_direction" in attributes,
            speed_limit_mps=self._speed_limits.of(lanelet, attributes),
            signal=self._junctions.signal_of(lanelet.id),
            stop_line=self._junctions.stop_line_of(lanelet.id),
            left_boundary_type=left_kind,
            right_boundary_type=right_kind,
        )
        self.shapes.append(Shape(record, lanelet, left_ids, right_ids))
        if not kind.one_way:
            self.shapes.append(_oncoming(self.shapes[-1], self._lane_ids.new()))

    def _side(self, bound: Any, where: str, left: bool) -> tuple[FloatArray, tuple[int, ...], Any]:
        """Points, node ids and type of a boundary in the direction of its lanelet."""
        way, inverted = self._geometry.osm.ways[bound.id], bound.inverted()
        step = -1 if inverted else 1
        points = self._geometry.line(bound.id, where)[::step]
        return points, tuple(way.nodes[::step]), boundary_type(way.tags, left_of_lane=left, inverted=inverted)

    def _centerline(self, lanelet: Any, ring: FloatArray, where: str) -> FloatArray:
        line = checked_line(self._geometry.library_points(lanelet.centerline), f"{where} centreline")
        if not self._geometry.osm.relations[lanelet.id].refs("centerline"):
            return line  # computed by the library, within the lanelet
        inside = _within(line, ring, where)
        if inside is not line:
            self.repairs.append(f"lanelet {lanelet.id}: its centreline ran past its ends; cut it there")
        return inside


def _oncoming(shape: Shape, new_id: int) -> Shape:
    """The other direction of a lane that is open to both; signals and stop lines belong to the first."""
    record = shape.record
    other = LaneRecord(
        id=new_id,
        centerline=record.centerline,
        left_boundary=record.left_boundary,
        right_boundary=record.right_boundary,
        type=record.type,
        in_intersection=record.in_intersection,
        speed_limit_mps=record.speed_limit_mps,
        left_boundary_type=record.left_boundary_type,
        right_boundary_type=record.right_boundary_type,
    )
    oncoming = Shape(other, shape.lanelet, shape.left_ids, shape.right_ids)
    oncoming.reverse()
    return oncoming


def _checked_ring(ring: FloatArray, where: str) -> FloatArray:
    if not polygon_of(ring).area > 0.0:
        raise MapError(f"{where} boundaries enclose no area; mend the map")
    return ring


def _within(centerline: FloatArray, ring: FloatArray, where: str) -> FloatArray:
    """The centreline without what runs past the ends of its lanelet, which would overlap the next lanelet's."""
    area, line = polygon_of(ring), shapely.linestrings(centerline)
    if area.buffer(1e-2).covers(line):
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
