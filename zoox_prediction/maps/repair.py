"""Repairs of lanes that maps of any format may need: boundaries the wrong way round, gaps between lanes in a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.records import LaneRecord
from zoox_prediction.maps.road_network import LaneType

MAX_GAP_M = 0.5  # lanes that end and start nearer to each other than this, heading the same way, are in a row
_JOINED_M = 0.02  # ends nearer than this join: maps are written with centimetres
_SAME_HEADING_RAD = np.radians(30.0)
_SAMPLES = np.linspace(0.1, 0.9, 9)  # where along a lane its sides are looked at
_SIDES = ("centerline", "left_boundary", "right_boundary")

_ROAD = frozenset({LaneType.VEHICLE, LaneType.BUS})
MAY_FOLLOW: dict[LaneType, frozenset[LaneType]] = {
    LaneType.VEHICLE: _ROAD,
    LaneType.BUS: _ROAD,
    LaneType.RESTRICTED: _ROAD | {LaneType.RESTRICTED},
    LaneType.BICYCLE: frozenset(LaneType),
    LaneType.PARKING: frozenset({LaneType.VEHICLE}),
}


def repair_records(records: Sequence[LaneRecord]) -> tuple[str, ...]:
    """Mends lanes in place and says so, one sentence for each repair: element, defect, what was done.

    Needs ids, types, geometry and successors to be set. In this order:
    - a boundary that runs against its centreline is reversed; a left boundary to the right of the centreline whose
      right one is to its left is exchanged with it;
    - a lane that starts within MAX_GAP_M of another's end and heads the same way (30 degrees) becomes its successor
      where the one has no successor yet or the other is nobody's, if its type may follow;
    - where a lane's end is within MAX_GAP_M of its successor's start, both are moved to meet half-way, and so are the
      ends of their boundaries that are as near to each other.
    """
    if not records:
        return ()
    return (*_turn_boundaries(records), *_link_missed(records), *_join_ends(records))


def lanes_against_traffic(records: Sequence[LaneRecord]) -> list[int]:
    """Rows of lanes that meet other lanes only head-on, as a lane does whose left and right were taken for each other.

    Both lanes that they should join must be loose: one ends where they end, one starts where they start.
    """
    if not records:
        return []
    start, start_heading, end, end_heading = _ends(records)
    loose_end = np.array([not record.successors for record in records])
    followed = {successor for record in records for successor in record.successors}
    loose_start = np.array([record.id not in followed for record in records])
    met_at_end = np.zeros(len(records), dtype=bool)
    met_at_start = np.zeros(len(records), dtype=bool)
    first, second = _near(end, end)
    opposed = _same_way(end_heading[first], end_heading[second] + np.pi)
    met_at_end[first[opposed & loose_end[second]]] = True
    first, second = _near(start, start)
    opposed = _same_way(start_heading[first], start_heading[second] + np.pi)
    met_at_start[first[opposed & loose_start[second]]] = True
    return [int(row) for row in np.flatnonzero(loose_end & loose_start & met_at_end & met_at_start)]


def _turn_boundaries(records: Sequence[LaneRecord]) -> list[str]:
    bounded = [each for each in records if len(each.left_boundary) > 1 and len(each.right_boundary) > 1]
    if not bounded:
        return []
    center, left, right = (_sampled([getattr(each, side) for each in bounded]) for side in _SIDES)
    repairs = []
    for side, points in (("left", left), ("right", right)):
        along = np.linalg.norm(points - center, axis=-1).sum(axis=1)
        against = np.linalg.norm(points[:, ::-1] - center, axis=-1).sum(axis=1)
        for row in np.flatnonzero(against < along):
            record = bounded[row]
            setattr(record, f"{side}_boundary", getattr(record, f"{side}_boundary")[::-1])
            points[row] = points[row, ::-1].copy()
            repairs.append(f"lane {record.id}: its {side} boundary ran against the lane; reversed it")
    direction = np.gradient(center, axis=1)
    swapped = (_offset(direction, left - center) < 0.0) & (_offset(direction, right - center) > 0.0)
    for row in np.flatnonzero(swapped):
        record = bounded[row]
        record.left_boundary, record.right_boundary = record.right_boundary, record.left_boundary
        kinds = record.left_boundary_type, record.right_boundary_type
        record.right_boundary_type, record.left_boundary_type = kinds
        repairs.append(f"lane {record.id}: its left and right boundaries were swapped; exchanged them")
    return repairs


def _offset(direction: NDArray[np.float64], offset: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B,) to which side of lines (B, S, 2) points lie, positive to the left: the median of S samples."""
    cross = direction[..., 0] * offset[..., 1] - direction[..., 1] * offset[..., 0]
    median: NDArray[np.float64] = np.median(cross, axis=1)
    return median


def _sampled(lines: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(B, S, 2) points of B polylines at the same shares of their lengths."""
    points = shapely.line_interpolate_point(_linestrings(lines)[:, None], _SAMPLES[None], normalized=True)
    return shapely.get_coordinates(points).reshape(len(lines), len(_SAMPLES), 2)


def _linestrings(lines: list[NDArray[np.float64]]) -> NDArray:
    owner = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    made: NDArray = shapely.linestrings(np.concatenate(lines), indices=owner)
    return made


def _link_missed(records: Sequence[LaneRecord]) -> list[str]:
    start, start_heading, end, end_heading = _ends(records)
    followed = {successor for record in records for successor in record.successors}
    ending = np.array([not record.successors for record in records])
    starting = np.array([record.id not in followed for record in records])
    first, second = _near(end, start)
    missed = _same_way(end_heading[first], start_heading[second]) & (ending[first] | starting[second])
    repairs = []
    for one, other in zip(first[missed].tolist(), second[missed].tolist(), strict=True):
        record, successor = records[one], records[other]
        if one == other or successor.type not in MAY_FOLLOW[record.type] or successor.id in record.successors:
            continue
        record.successors.append(successor.id)
        gap = float(np.linalg.norm(end[one] - start[other]))
        repairs.append(
            f"lane {record.id}: lane {successor.id} starts {gap:.2f} m from its end and goes on the same way without "
            "being its successor; made it one"
        )
    return repairs


def _join_ends(records: Sequence[LaneRecord]) -> list[str]:
    """Moves ends that nearly meet to their common middle, and every other end at the same place with them."""
    row_of = {record.id: row for row, record in enumerate(records)}
    links = [(row, row_of[each]) for row, record in enumerate(records) for each in record.successors if each in row_of]
    if not links:
        return []
    first, second = np.array(links).T
    places = _Places(records)
    gap = np.linalg.norm(places.xy[first, :, 1] - places.xy[second, :, 0], axis=-1)  # (links, sides), NaN: no boundary
    apart = np.flatnonzero((gap[:, 0] > _JOINED_M) & (gap[:, 0] < MAX_GAP_M))
    if not len(apart):
        return []
    for link in apart:
        for side in np.flatnonzero(gap[link] < MAX_GAP_M):
            places.join((int(first[link]), int(side), 1), (int(second[link]), int(side), 0))
    places.move(records)
    return [
        f"lane {records[first[link]].id}: its end was {gap[link, 0]:.2f} m from the start of its successor, "
        f"lane {records[second[link]].id}; joined them"
        for link in apart
    ]


class _Places:
    """The ends of all lanes and boundaries, equal ones as one place."""

    def __init__(self, records: Sequence[LaneRecord]) -> None:
        self.xy = np.full((len(records), len(_SIDES), 2, 2), np.nan)  # lane, side, start or end, x and y
        for row, record in enumerate(records):
            for side, name in enumerate(_SIDES):
                line = getattr(record, name)
                if len(line) > 1:
                    self.xy[row, side] = line[[0, -1]]
        places, index = np.unique(self.xy.reshape(-1, 2).round(3), axis=0, return_inverse=True)
        self._places, self._index = places, index.reshape(self.xy.shape[:3])
        self._pairs: list[tuple[int, int]] = []

    def join(self, one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
        self._pairs.append((int(self._index[one]), int(self._index[other])))

    def move(self, records: Sequence[LaneRecord]) -> None:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        count = len(self._places)
        first, second = np.array(self._pairs).T
        graph = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
        _, group = connected_components(graph, directed=False)
        size = np.bincount(group)
        middle = np.stack([np.bincount(group, weights=axis) / size for axis in self._places.T], axis=1)[group]
        moved = (size[group] > 1) & (np.linalg.norm(middle - self._places, axis=1) < MAX_GAP_M)
        # A lane shorter than the gap must not shrink to a point.
        apart = group[self._index[..., 0]] != group[self._index[..., 1]]
        for row, side, at in np.argwhere(moved[self._index] & apart[..., None]):
            name = _SIDES[side]
            place = middle[self._index[row, side, at]]
            setattr(records[row], name, _with_end(getattr(records[row], name), place, at_start=at == 0))


def _with_end(line: NDArray[np.float64], place: NDArray[np.float64], at_start: bool) -> NDArray[np.float64]:
    """A line with another start or end, without its points in between that would make it turn back."""
    points = line if at_start else line[::-1]
    reach = float(np.linalg.norm(points[0] - place))
    kept = np.linalg.norm(points[1:] - points[0], axis=1) > reach
    kept[-1] = True
    points = np.concatenate([place[None], points[1:][np.argmax(kept) :]])
    return points if at_start else points[::-1]


def _ends(records: Sequence[LaneRecord]) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Start points (L, 2), headings there (L,) [rad], end points (L, 2), headings there (L,) of the centrelines."""
    start = np.array([record.centerline[:2] for record in records])
    end = np.array([record.centerline[-2:] for record in records])
    heading = [np.arctan2(*(pair[:, 1] - pair[:, 0]).T[::-1]) for pair in (start, end)]
    return start[:, 0], heading[0], end[:, 1], heading[1]


def _near(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the pairs of points (L, 2) that lie within MAX_GAP_M of each other, in rising order."""
    tree = shapely.STRtree(shapely.points(other))
    pairs = tree.query(shapely.points(one), predicate="dwithin", distance=MAX_GAP_M)
    first, second = pairs[:, np.lexsort(pairs[::-1])]
    return first, second


def _same_way(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.abs(wrap_angle(one - other)) < _SAME_HEADING_RAD
