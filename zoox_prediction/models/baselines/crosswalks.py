"""Crosswalks as rectangles that are walked along their longer side, and who may be about to cross one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.maps.signals import crosswalk_signal_states
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.scene import TrafficSignals

_EDGE_M = 0.3  # walkers keep so far inside a crosswalk


@dataclass(frozen=True)
class Crosswalks:
    """C crosswalks; the axis is the direction of walking, one way or the other."""

    center: NDArray[np.float64]  # (C, 2) [m]
    axis: NDArray[np.float64]  # (C, 2) unit vector
    half_length_m: NDArray[np.float64]  # (C,) along the axis
    half_width_m: NDArray[np.float64]  # (C,)
    signal: NDArray[np.int64]  # (C,) id or NO_ID

    def __len__(self) -> int:
        return len(self.center)

    def shown(self, signals: TrafficSignals) -> NDArray[np.uint8]:
        """(C,) SignalState that the walkers of each crosswalk see; UNKNOWN without a signal, or one not observed."""
        return crosswalk_signal_states(self.signal, signals.ids, signals.state)

    @classmethod
    def of(cls, network: RoadNetwork) -> Crosswalks:
        """The crosswalks of `network`; degenerate polygons are left out."""
        frames = []
        for row in range(len(network.crosswalks)):  # once per map
            corners = _rectangle(network.crosswalks[row])
            if corners is None:
                continue
            first, second = corners[1] - corners[0], corners[2] - corners[1]
            long, short = sorted((first, second), key=lambda side: -float(np.hypot(*side)))
            length, width = float(np.hypot(*long)), float(np.hypot(*short))
            frames.append((*corners.mean(axis=0), *(long / length), 0.5 * length, 0.5 * width, row))
        table = np.array(frames, dtype=np.float64).reshape(-1, 7)
        rows = table[:, 6].astype(np.int64)
        return cls(table[:, :2], table[:, 2:4], table[:, 4], table[:, 5], network.crosswalk_signal[rows])


def _rectangle(polygon: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Corners (4, 2) of the smallest rectangle around a polygon, None when it has no area."""
    if len(polygon) < 3 or not np.isfinite(polygon).all():
        return None
    rectangle = shapely.MultiPoint(polygon).minimum_rotated_rectangle
    if rectangle.geom_type != "Polygon" or rectangle.area < 0.1:
        return None
    corners: NDArray[np.float64] = np.asarray(rectangle.exterior.coords)[:4]
    return corners


@dataclass(frozen=True)
class Crossings:
    """R walkers and how each would cross."""

    agent: NDArray[np.int64]  # (R,) row in the scene
    entry: NDArray[np.float64]  # (R, 2) [m] where the crosswalk is entered; the walker's position when on it already
    exit: NDArray[np.float64]  # (R, 2) [m]
    inside: NDArray[np.bool_]  # (R,) on the crosswalk already
    crosswalk: NDArray[np.int64]  # (R,) row of the crosswalk


def find_crossings(
    crosswalks: Crosswalks,
    motion: Motion,
    agents: NDArray[np.int64],
    range_m: float,
    max_heading_rad: float,
    per_agent: int = 1,
) -> Crossings:
    """The nearest crosswalks within `range_m` of each of `agents` that the walker is not walking away from.

    A walker crosses towards the far end; one on the crosswalk towards the end that it faces.
    """
    along, lateral = _coordinates(crosswalks, motion.position[agents])  # (A, C)
    outside = np.maximum(np.abs(along) - crosswalks.half_length_m, 0.0)
    beside = np.maximum(np.abs(lateral) - crosswalks.half_width_m, 0.0)
    inside = (outside == 0.0) & (beside == 0.0)
    course = motion.course[agents]
    facing = np.cos(course)[:, None] * crosswalks.axis[:, 0] + np.sin(course)[:, None] * crosswalks.axis[:, 1]
    way = np.where(inside, np.where(facing >= 0.0, 1.0, -1.0), np.where(along > 0.0, -1.0, 1.0))
    distance = np.hypot(outside, beside)
    meant = motion.standing[agents, None] | (facing * way > np.cos(max_heading_rad))
    distance = np.where((distance <= range_m) & meant, distance, np.inf)
    if not distance.size:
        distance = np.full((len(agents), 1), np.inf)
    found = []
    for _ in range(per_agent):
        nearest = np.argmin(distance, axis=1)
        rows = np.flatnonzero(np.isfinite(distance[np.arange(len(agents)), nearest]))
        found.append((rows, nearest[rows]))
        distance[rows, nearest[rows]] = np.inf
    rows, chosen = (np.concatenate(each) for each in zip(*found, strict=True))
    half_width = np.maximum(crosswalks.half_width_m[chosen] - _EDGE_M, 0.0)
    side = np.clip(lateral[rows, chosen], -half_width, half_width)
    end = way[rows, chosen] * crosswalks.half_length_m[chosen]
    on = inside[rows, chosen]
    entry = np.where(on[:, None], motion.position[agents[rows]], _place(crosswalks, chosen, -end, side))
    return Crossings(agents[rows], entry, _place(crosswalks, chosen, end, side), on, chosen)


def _coordinates(crosswalks: Crosswalks, position: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Along and lateral coordinates (A, C) of positions (A, 2)."""
    away = position[:, None, :] - crosswalks.center
    axis = crosswalks.axis
    along = away[..., 0] * axis[:, 0] + away[..., 1] * axis[:, 1]
    return along, away[..., 1] * axis[:, 0] - away[..., 0] * axis[:, 1]


def _place(crosswalks: Crosswalks, rows: NDArray, along: NDArray, lateral: NDArray) -> NDArray[np.float64]:
    axis = crosswalks.axis[rows]
    normal = np.stack([-axis[:, 1], axis[:, 0]], axis=1)
    placed: NDArray[np.float64] = crosswalks.center[rows] + along[:, None] * axis + lateral[:, None] * normal
    return placed
