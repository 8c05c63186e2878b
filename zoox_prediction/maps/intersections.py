"""Where lanes meet: intersections and turns of maps that do not name them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.areas import union_of
from zoox_prediction.maps.records import LaneRecord
from zoox_prediction.maps.road_network import LaneType, Turn

_ROAD = (LaneType.VEHICLE, LaneType.BUS)
_CROSSING_RAD = np.radians(20.0)  # between two centrelines; one that runs into another at less than this merges
_INSIDE = 0.5  # of its length: a lane with more than this in an intersection belongs to it
_END_M = 2.0  # over which the heading at an end of a lane is taken
_STRAIGHT_RAD = np.radians(30.0)
_U_TURN_RAD = np.radians(150.0)


def infer_intersections(records: Sequence[LaneRecord]) -> None:
    """Sets in_intersection of the lanes for vehicles that meet others, for maps without a word about intersections.

    Two lanes meet when their centrelines cross at an angle and they neither follow each other nor leave from or lead to
    the same place (a fork or a merge alone is none). A lane that leaves from the same place as one that meets others,
    as a turn to the right does, belongs to the intersection too.
    """
    roads = [record for record in records if record.type in _ROAD]
    if len(roads) < 2:
        return
    starts, ends = ([_place(record.centerline[at]) for record in roads] for at in (0, -1))
    meeting = set()
    for one, other in _crossing(roads):
        if not {starts[one], ends[one]} & {starts[other], ends[other]}:
            meeting |= {one, other}
    forks = {starts[row] for row in meeting}
    for row, record in enumerate(roads):
        record.in_intersection = row in meeting or starts[row] in forks


def mark_connectors(connectors: Sequence[LaneRecord]) -> None:
    """Sets in_intersection of the connectors between lanes that meet others, as `infer_intersections` has it, or turn.

    nuScenes has connectors also where a road merely goes on.
    """
    infer_intersections(connectors)
    for record in connectors:
        record.in_intersection |= _bend(record.centerline) != Turn.STRAIGHT


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


def infer_turns(records: Iterable[LaneRecord]) -> list[str]:
    """Sets the turn of lanes in intersections that have none, from how far their heading changes.

    A left turn that bends to the right, or the other way round, is put right; a sentence for each of those.
    """
    opposite = {(Turn.LEFT, Turn.RIGHT), (Turn.RIGHT, Turn.LEFT)}
    repairs = []
    for record in records:
        if not record.in_intersection:
            continue
        bend = _bend(record.centerline)
        if (record.turn, bend) in opposite:
            said, bends = record.turn.name.lower(), bend.name.lower()
            repairs.append(f"lane {record.id}: it was said to turn {said} but bends to the {bends}; made that its turn")
            record.turn = bend
        elif record.turn == Turn.NONE:
            record.turn = bend
    return repairs


def _bend(centerline: NDArray[np.float64]) -> Turn:
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


def _crossing(roads: Sequence[LaneRecord]) -> list[tuple[int, int]]:
    """Rows of pairs of lanes whose centrelines cross at an angle."""
    lines = np.array([shapely.linestrings(record.centerline) for record in roads])
    one, other = shapely.STRtree(lines).query(lines, predicate="intersects")
    one, other = one[one < other], other[one < other]
    place = shapely.point_on_surface(shapely.intersection(lines[one], lines[other]))
    angle = _heading_at(lines[one], place) - _heading_at(lines[other], place)
    meet = np.abs(np.sin(angle)) > np.sin(_CROSSING_RAD)
    return list(zip(one[meet].tolist(), other[meet].tolist(), strict=True))


def _heading_at(lines: NDArray, places: NDArray) -> NDArray[np.float64]:
    """(M,) [rad] of lines near places on them."""
    at, length = shapely.line_locate_point(lines, places), shapely.length(lines)
    before, after = np.clip([at - 0.5 * _END_M, at + 0.5 * _END_M], 0.0, length)
    step = shapely.get_coordinates(shapely.line_interpolate_point(lines, after))
    step = step - shapely.get_coordinates(shapely.line_interpolate_point(lines, before))
    heading: NDArray[np.float64] = np.arctan2(step[:, 1], step[:, 0])
    return heading


def _place(point: NDArray[np.float64]) -> tuple[float, float]:
    return round(float(point[0]), 2), round(float(point[1]), 2)
