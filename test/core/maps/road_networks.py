"""Small road networks that tests build by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from zoox_prediction.maps.records import LaneRecord, lanes_from_records
from zoox_prediction.maps.road_network import NO_ID, LaneType, RoadNetwork


def road_network(
    centerlines: Mapping[int, Sequence],
    successors: Mapping[int, Sequence[int]] | None = None,
    width_m: float | None = 3.5,
    speed_limit_mps: Mapping[int, float] | None = None,
    **more,
) -> RoadNetwork:
    """Lanes by id: centreline points, ids of successors; boundaries parallel to the centreline."""
    lines = [np.asarray(points, dtype=float).reshape(-1, 2) for points in centerlines.values()]
    none = [np.zeros((0, 2))] * len(lines)
    left, right = (none, none) if width_m is None else (_shifted(lines, 0.5 * side * width_m) for side in (1, -1))
    types, signals = more.pop("type", [LaneType.VEHICLE] * len(lines)), more.pop("signal", [NO_ID] * len(lines))
    records = [
        LaneRecord(
            id=lane,
            centerline=lines[row],
            left_boundary=left[row],
            right_boundary=right[row],
            type=types[row],
            signal=signals[row],
            speed_limit_mps=(speed_limit_mps or {}).get(lane, np.nan),
            successors=list((successors or {}).get(lane, ())),
        )
        for row, lane in enumerate(centerlines)
    ]
    return RoadNetwork(lanes=lanes_from_records(records), **more)


def _shifted(lines: list[np.ndarray], offset_m: float) -> list[np.ndarray]:
    shifted = []
    for line in lines:
        if len(line) < 2:
            shifted.append(line)
            continue
        along = np.gradient(line, axis=0)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        shifted.append(line + offset_m * np.column_stack([-along[:, 1], along[:, 0]]))
    return shifted


def arc(center, radius_m: float, start_rad: float, end_rad: float, num: int = 30) -> np.ndarray:
    """(num, 2) points on a circle, from one polar angle to another."""
    angle = np.linspace(start_rad, end_rad, num)
    return np.asarray(center) + radius_m * np.column_stack([np.cos(angle), np.sin(angle)])
