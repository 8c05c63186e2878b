"""Where lanes meet: intersections and turns of maps that do not name them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.areas import polygon_of, union_of
from zoox_prediction.maps.records import LaneRecord
from zoox_prediction.maps.road_network import NO_ID, LaneType, Turn

_ROAD = (LaneType.VEHICLE, LaneType.BUS)
_OVERLAP = 0.3  # of the smaller lane's area: two lanes that share more than this of it meet even without crossing
_INSIDE = 0.5  # of its length: a lane with more than this in an intersection belongs to it
_END_M = 2.0  # over which the heading at an end of a lane is taken
_STRAIGHT_RAD = np.radians(30.0)
_U_TURN_RAD = np.radians(150.0)


def infer_intersections(records: Sequence[LaneRecord]) -> None:
    """Sets in_intersection of the lanes for vehicles that meet others, for maps without a word about intersections.

    Two lanes meet when their centrelines cross or they share much of their area, and they neither follow each other
    nor lie side by side, nor leave from or lead to the same place (a fork or a merge alone is none). A lane that leaves
    from the same place as one that meets others, as a turn to the right does, belongs to the intersection too.
    """
    rows = [row for row, record in enumerate(records) if record.type in _ROAD and len(record.polygon) > 2]
    if len(rows) < 2:
        return
    roads = [records[row] for row in rows]
    starts, ends = ([_place(record.centerline[at]) for record in roads] for at in (0, -1))
    meeting = set()
    for one, other in _overlapping(roads):
        in_a_row = ends[one] == starts[other] or ends[other] == starts[one]
        if not (
            in_a_row or starts[one] == starts[other] or ends[one] == ends[other] or _beside(roads[one], roads[other])
        ):
            meeting |= {one, other}
    forks = {starts[row] for row in meeting}
    for row, record in enumerate(roads):
        record.in_intersection = row in meeting or starts[row] in forks


def mark_lanes_inside(records: Iterable[LaneRecord], intersections: Sequence[NDArray[np.float64]]) -> None:
    """Sets in_intersection of lanes that lie mostly in one of the polygons (n, 2)."""
    area = union_of(intersections)
    if area.is_empty:
        return
    shapely.prepare(area)
    for record in records:
        line = shapely.linestrings(record.centerline)
        if not record.in_intersection and shapely.intersects(area, line):
            record.in_intersection = line.intersection(area).length > _INSIDE * line.length


def infer_turns(records: Iterable[LaneRecord]) -> None:
    """Sets the turn of lanes in intersections that have none, from how far their heading changes."""
    for record in records:
        if record.in_intersection and record.turn == Turn.NONE:
            record.turn = _turn(record.centerline)


def _turn(centerline: NDArray[np.float64]) -> Turn:
    line = shapely.linestrings(centerline)
    reach = min(_END_M, 0.25 * line.length)
    first, last = line.interpolate(reach), line.interpolate(line.length - reach)
    entering = np.arctan2(first.y - centerline[0, 1], first.x - centerline[0, 0])
    leaving = np.arctan2(centerline[-1, 1] - last.y, centerline[-1, 0] - last.x)
    change = float(wrap_angle(leaving - entering))
    if abs(change) < _STRAIGHT_RAD:
        return Turn.STRAIGHT
    if abs(change) > _U_TURN_RAD:
        return Turn.U
    return Turn.LEFT if change > 0.0 else Turn.RIGHT


def _overlapping(roads: Sequence[LaneRecord]) -> list[tuple[int, int]]:
    """Rows of pairs of lanes whose centrelines cross or that share much of their area."""
    areas = np.array([polygon_of(record.polygon) for record in roads])
    lines = np.array([shapely.linestrings(record.centerline) for record in roads])
    one, other = shapely.STRtree(areas).query(areas, predicate="intersects")
    one, other = one[one < other], other[one < other]
    crossing = shapely.intersects(lines[one], lines[other])
    shared = np.zeros(len(one))
    shared[~crossing] = shapely.area(shapely.intersection(areas[one[~crossing]], areas[other[~crossing]]))
    smaller = np.minimum(shapely.area(areas[one]), shapely.area(areas[other]))
    meet = crossing | (shared > _OVERLAP * smaller)
    return list(zip(one[meet].tolist(), other[meet].tolist(), strict=True))


def _beside(one: LaneRecord, other: LaneRecord) -> bool:
    """Neighbours, or the two directions of one lane."""
    if other.id in (one.left_neighbor, one.right_neighbor) and other.id != NO_ID:
        return True
    same = len(one.centerline) == len(other.centerline)
    return same and bool(np.allclose(one.centerline, other.centerline[::-1], atol=0.1))


def _place(point: NDArray[np.float64]) -> tuple[float, float]:
    return round(float(point[0]), 2), round(float(point[1]), 2)
