"""A road network that has something of every kind that is drawn."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from zoox_prediction.maps.records import LaneRecord, lanes_from_records
from zoox_prediction.maps.road_network import BoundaryType, LaneType, Ragged, RoadNetwork


def lane(number: int, right: float, left: float, **more) -> LaneRecord:
    """Along +x from 0 to 60 m between two values of y, with a needless point in the middle of each line."""
    center, left_line, right_line = (
        np.array([[0.0, y], [30.0, y], [60.0, y]]) for y in (0.5 * (left + right), left, right)
    )
    return LaneRecord(id=number, centerline=center, left_boundary=left_line, right_boundary=right_line, **more)


def everything() -> RoadNetwork:
    """Lanes 1 (vehicles), 2 (bus), 3 (bicycles) and 4 (restricted) from south to north, 5 within an intersection."""
    lanes = [
        lane(1, 0.0, 3.0, right_boundary_type=BoundaryType.SOLID, left_boundary_type=BoundaryType.DASHED, signal=9),
        lane(2, 3.0, 6.0, right_boundary_type=BoundaryType.DASHED, type=LaneType.BUS),
        lane(3, 6.0, 8.0, left_boundary_type=BoundaryType.VIRTUAL, type=LaneType.BICYCLE),
        lane(
            4,
            8.0,
            11.0,
            right_boundary_type=BoundaryType.VIRTUAL,
            left_boundary_type=BoundaryType.ROAD_EDGE,
            type=LaneType.RESTRICTED,
        ),
        lane(5, -20.0, -17.0, in_intersection=True, signal=9, stop_line=3),
    ]
    return RoadNetwork(
        lanes=lanes_from_records(lanes),
        crosswalk_ids=np.array([7]),
        crosswalks=Ragged.points([box(20.0, 0.0, 24.0, 12.0)]),
        crosswalk_signal=np.array([-1]),
        stop_line_ids=np.array([3]),
        stop_lines=Ragged.points([[[60.0, -20.0], [60.0, -17.0]]]),
        walkways=Ragged.points([box(0.0, -5.0, 60.0, -3.0)]),
        drivable_areas=Ragged.points([box(0.0, 0.0, 60.0, 11.0)]),
        intersections=Ragged.points([box(0.0, -22.0, 60.0, -15.0)]),
        parking_areas=Ragged.points([box(-20.0, 0.0, -10.0, 5.0)]),
        signal_ids=np.array([9, 10]),
        signal_positions=np.array([[61.0, 13.0], [np.nan, np.nan]]),
    )


def box(min_x: float, min_y: float, max_x: float, max_y: float) -> np.ndarray:
    return np.array([[min_x, min_y], [max_x, min_y], [max_x, max_y], [min_x, max_y]])


def shifted(network: RoadNetwork, offset: tuple[float, float]) -> RoadNetwork:
    """The same network elsewhere."""

    def moved(owner: object) -> dict[str, Ragged]:
        return {
            each.name: Ragged(value.values + offset, value.offsets)
            for each in fields(owner)
            if isinstance(value := getattr(owner, each.name), Ragged) and value.values.ndim == 2
        }

    lanes = replace(network.lanes, **moved(network.lanes))
    return replace(network, lanes=lanes, signal_positions=network.signal_positions + offset, **moved(network))
