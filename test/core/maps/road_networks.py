"""Small road networks that tests build by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from zoox_prediction.maps.road_network import NO_ID, Lanes, Ragged, RoadNetwork


def road_network(
    centerlines: Mapping[int, Sequence],
    successors: Mapping[int, Sequence[int]] | None = None,
    width_m: float | None = 3.5,
    speed_limit_mps: Mapping[int, float] | None = None,
    **more,
) -> RoadNetwork:
    """Lanes by id: centreline points, ids of successors; boundaries parallel to the centreline."""
    ids = np.array(list(centerlines), dtype=np.int64)
    count = len(ids)
    lines = [np.asarray(points, dtype=float).reshape(-1, 2) for points in centerlines.values()]
    limits = speed_limit_mps or {}
    sides = [[], []] if width_m is None else [_shifted(lines, 0.5 * width_m), _shifted(lines, -0.5 * width_m)]
    lanes = Lanes(
        ids=ids,
        type=more.pop("type", np.zeros(count, dtype=np.uint8)),
        turn=np.zeros(count, dtype=np.uint8),
        right_of_way=np.zeros(count, dtype=np.uint8),
        in_intersection=np.zeros(count, dtype=bool),
        speed_limit_mps=np.array([limits.get(int(lane), np.nan) for lane in ids]),
        left_neighbor=np.full(count, NO_ID),
        right_neighbor=np.full(count, NO_ID),
        signal=more.pop("signal", np.full(count, NO_ID)),
        stop_line=np.full(count, NO_ID),
        successors=Ragged.ids([(successors or {}).get(int(lane), ()) for lane in ids]),
        centerline=Ragged.points(lines),
        left_boundary=Ragged.points(sides[0] or [np.zeros((0, 2))] * count),
        left_boundary_type=np.zeros(count, dtype=np.uint8),
        right_boundary=Ragged.points(sides[1] or [np.zeros((0, 2))] * count),
        right_boundary_type=np.zeros(count, dtype=np.uint8),
    )
    return RoadNetwork(lanes=lanes, **more)


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
