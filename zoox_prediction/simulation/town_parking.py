"""Places where cars park: along the strips at the kerb, away from junctions and crosswalks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.sumo_file import SumoFile, read_sumo_file

LENGTH_M = 6.4  # of a place
_FROM_ENDS_M = 7.0  # of the strip, where junctions and crosswalks are


@dataclass(frozen=True, eq=False)
class ParkingPlace:
    """One place for a car beside a lane of traffic."""

    area: str  # all places of a strip are an area
    index: int  # in the area; the next one is ahead
    center: NDArray[np.float64]  # (2,) [m]
    yaw: float  # of a parked car, that of the traffic beside it
    road_side: float  # +1 where the lane lies to the left, -1 to the right
    edge: str
    lane: str  # SUMO's id of the lane beside it
    lane_position_m: float  # of the middle of the place along that lane
    width_m: float


def parking_places(net_path: Path, left_hand: bool) -> tuple[ParkingPlace, ...]:
    """Those of all strips for parking in a network, by edge and along it."""
    file = read_sumo_file(net_path)
    places: list[ParkingPlace] = []
    for edge in file.net.getEdges(withInternal=False):
        for strip, beside in zip(edge.getLanes()[:-1], edge.getLanes()[1:], strict=True):
            if file.lane_attributes[strip.getID()].get("type") == "parking":
                places += _along(file, edge.getID(), strip.getID(), beside.getID(), -1.0 if left_hand else 1.0)
    return tuple(places)


def write_parking_areas(places: Sequence[ParkingPlace], path: Path) -> None:
    """SUMO's additional file with one parking area for each strip; cars stand beside the lane."""
    elements = []
    for area, group in groupby(places, key=lambda each: each.area):
        members = list(group)
        begin, end = (members[at].lane_position_m for at in (0, -1))
        elements.append(
            f"<parkingArea id={quoteattr(area)} lane={quoteattr(members[0].lane)} "
            f'startPos="{begin - LENGTH_M / 2:.2f}" endPos="{end + LENGTH_M / 2:.2f}" '
            f'roadsideCapacity="{len(members)}" width="{members[0].width_m:.2f}"/>'
        )
    path.write_text("\n".join(["<additional>", *elements, "</additional>", ""]), encoding="utf-8")


def _along(file: SumoFile, edge: str, strip: str, beside: str, road_side: float) -> Iterable[ParkingPlace]:
    lane, traffic = file.net.getLane(strip), file.net.getLane(beside)
    line, other = (np.array(each.getShape(), dtype=np.float64)[:, :2] for each in (lane, traffic))
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    count = int((lengths[-1] - 2.0 * _FROM_ENDS_M) / LENGTH_M)
    first = 0.5 * (lengths[-1] - (count - 1) * LENGTH_M)
    for index in range(count):
        at = first + index * LENGTH_M
        back, center, front = (
            np.array([np.interp(place, lengths, line[:, axis]) for axis in (0, 1)])
            for place in (at - 1.5, at, at + 1.5)
        )
        yield ParkingPlace(
            area=f"parking_{edge}",
            index=index,
            center=center,
            yaw=float(np.arctan2(*(front - back)[::-1])),
            road_side=road_side,
            edge=edge,
            lane=beside,
            lane_position_m=_place_on(other, center) * traffic.getLength() / _length(other),
            width_m=lane.getWidth(),
        )


def _place_on(line: NDArray[np.float64], point: NDArray[np.float64]) -> float:
    import shapely

    return float(shapely.line_locate_point(shapely.linestrings(line), shapely.points(point)))


def _length(line: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())
