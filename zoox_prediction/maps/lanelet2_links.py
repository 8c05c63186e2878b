"""How the lanes of a Lanelet2 map are joined: successors, neighbours, and where one may change lanes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.maps.lanelet2_lanes import Shape
from zoox_prediction.maps.records import LaneRecord
from zoox_prediction.maps.repair import MAY_FOLLOW, lanes_against_traffic
from zoox_prediction.maps.road_network import NO_ID, LaneType

_PARTICIPANTS = {LaneType.VEHICLE: "vehicle:car", LaneType.BUS: "vehicle:bus", LaneType.BICYCLE: "bicycle"}
_BEFORE_END_M, _BEYOND_END_M = 5.0, 1.0  # where a stop line crosses the end of the lane that it belongs to


def link(shapes: Sequence[Shape]) -> list[str]:
    """Sets successors, neighbours and lane changes; a sentence for each lane that had to be turned round for that."""
    _link_successors(shapes)
    repairs = []
    wrong = [shapes[row] for row in lanes_against_traffic([shape.record for shape in shapes])]
    for shape in wrong:
        shape.reverse()
        repairs.append(
            f"lane {shape.record.id}: it met the lanes at both of its ends head-on, as if its left and right were "
            "swapped; turned it round"
        )
    if wrong:
        _link_successors(shapes)
    _link_neighbors(shapes)
    return repairs


def _link_successors(shapes: Sequence[Shape]) -> None:
    """A lane follows another when it starts at both nodes at which the boundaries of the other end."""
    starts: dict[tuple[int, int], list[Shape]] = defaultdict(list)
    for shape in shapes:
        starts[shape.left_ids[0], shape.right_ids[0]].append(shape)
    for shape in shapes:
        record = shape.record
        record.successors = [
            other.record.id
            for other in starts.get((shape.left_ids[-1], shape.right_ids[-1]), [])
            if other.record.type in MAY_FOLLOW[record.type] and other is not shape
        ]


def _link_neighbors(shapes: Sequence[Shape]) -> None:
    """Lanes in the same direction that share a boundary; a change is allowed where the library's traffic rules say so.

    The rules are Lanelet2's own: dashed lines and the dashed side of double ones, and tags lane_change that override.
    """
    from lanelet2 import traffic_rules

    rules = {
        kind: traffic_rules.create(traffic_rules.Locations.Germany, participant)
        for kind, participant in _PARTICIPANTS.items()
    }
    by_left: dict[tuple[int, ...], Shape] = {}
    by_right: dict[tuple[int, ...], Shape] = {}
    for shape in shapes:
        by_left.setdefault(shape.left_ids, shape)
        by_right.setdefault(shape.right_ids, shape)
    for shape in shapes:
        record = shape.record
        left, right = by_right.get(shape.left_ids), by_left.get(shape.right_ids)
        record.left_neighbor = left.record.id if left else NO_ID
        record.right_neighbor = right.record.id if right else NO_ID
        rule = rules.get(record.type)
        record.left_change = _may_change(rule, shape, left)
        record.right_change = _may_change(rule, shape, right)


def _may_change(rule: Any, shape: Shape, neighbor: Shape | None) -> bool:
    return rule is not None and neighbor is not None and bool(rule.canChangeLane(shape.lanelet, neighbor.lanelet))


def set_plain_stop_lines(records: Sequence[LaneRecord], stop_lines: Mapping[int, NDArray[np.float64]]) -> None:
    """Gives stop lines (n, 2) [m] by id that no rule names to the lanes near whose ends they cross."""
    named = {record.stop_line for record in records}
    plain = [key for key in stop_lines if key not in named]
    free = [record for record in records if record.stop_line == NO_ID and record.type != LaneType.BICYCLE]
    if not plain or not free:
        return
    ends = np.array([_end_of(record.centerline) for record in free])
    lines = [shapely.LineString(stop_lines[key]) for key in plain]
    for line, end in zip(*shapely.STRtree(ends).query(lines, predicate="intersects"), strict=True):
        free[end].stop_line = plain[line]


def _end_of(centerline: NDArray[np.float64]) -> shapely.LineString:
    """The last metres of a lane, and the first beyond it."""
    line = shapely.linestrings(centerline)
    last = np.asarray(line.interpolate(max(line.length - _BEFORE_END_M, 0.5 * line.length)).coords)[0]
    step = centerline[-1] - last
    beyond = centerline[-1] + step / max(float(np.linalg.norm(step)), 1e-6) * _BEYOND_END_M
    return shapely.LineString([last, beyond])
