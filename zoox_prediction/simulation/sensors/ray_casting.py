"""Rays against convex solids and the ground z = 0, all pairs that can meet at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import rotation_matrix, wrap_angle
from zoox_prediction.scene import EgoState
from zoox_prediction.simulation.sensors.config import Mount
from zoox_prediction.simulation.sensors.solids import Solids

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MIN_HIT_M = 1e-3  # nearer faces are those that the sensor is mounted on


@dataclass(frozen=True)
class RayGrid:
    """E rings of A columns of rays in a sensor's axes x forward, y left, z up."""

    elevation: FloatArray  # (E,) rising [rad]
    azimuth: FloatArray  # (A,) rising in equal steps [rad]
    time_s: FloatArray  # (A,) of each column, from the stamp

    @property
    def step(self) -> float:
        """Between columns [rad]."""
        return float(self.azimuth[1] - self.azimuth[0]) if len(self.azimuth) > 1 else 2.0 * np.pi

    @cached_property
    def directions(self) -> FloatArray:
        """(E, A, 3) unit vectors."""
        level = np.cos(self.elevation)[:, None]
        up = np.broadcast_to(np.sin(self.elevation)[:, None], (len(self.elevation), len(self.azimuth)))
        return np.stack([level * np.cos(self.azimuth), level * np.sin(self.azimuth), up], axis=-1)


@dataclass(frozen=True)
class Cast:
    """R = E * A rays, ring by ring, and what they meet; everything in the map frame."""

    origin: FloatArray  # (R, 3) [m]
    direction: FloatArray  # (R, 3) unit vectors
    ground_m: FloatArray  # (R,) to the ground, inf where the ray does not go down
    ray: IntArray  # (H,) rays of all hits of solids, the hidden ones too
    solid: IntArray  # (H,) row of the solid
    face: IntArray  # (H,) of the solid
    distance_m: FloatArray  # (H,)

    @cached_property
    def first(self) -> IntArray:
        """(R,) the hit nearest to the ray's origin, a row of the (H,) arrays; -1 where there is none."""
        nearest = np.full(len(self.origin), -1, dtype=np.int64)
        order = np.lexsort((self.solid, self.distance_m, self.ray))
        ray = self.ray[order]
        leads = np.ones(len(ray), dtype=bool)
        leads[1:] = ray[1:] != ray[:-1]
        nearest[ray[leads]] = order[leads]
        return nearest

    @cached_property
    def range_m(self) -> FloatArray:
        """(R,) to the nearest solid or the ground, inf where there is nothing."""
        reached = np.append(self.distance_m, np.inf)[self.first]
        nearest: FloatArray = np.minimum(reached, self.ground_m)
        return nearest

    @cached_property
    def hit(self) -> IntArray:
        """(R,) row of the hit that the ray ends at, -1 where it ends on the ground or nowhere."""
        reached = np.append(self.distance_m, np.inf)[self.first]
        return np.where(reached < self.ground_m, self.first, -1)


def map_from_base(ego: EgoState) -> FloatArray:
    """(4, 4) of the ego's pose on flat ground."""
    matrix = np.eye(4)
    matrix[:2, :2] = rotation_matrix(ego.yaw)
    matrix[:3, 3] = *ego.position, ego.z
    return matrix


def cast_rays(grid: RayGrid, mount: Mount, ego: EgoState, solids: Solids, max_range_m: float) -> Cast:
    """The rays of a sensor on the moving ego; solids move with their velocities during the sweep.

    The ego moves with its velocity and yaw rate; solids do not turn meanwhile (3 degrees at 0.5 rad/s and 0.1 s).
    """
    map_from_sensor = map_from_base(ego) @ mount.base_from_sensor
    turn = rotation_matrix(ego.yaw_rate * grid.time_s)  # (A, 2, 2) of the ego about base_link
    level = map_from_sensor[:2, 3] - ego.position
    origin = np.empty((len(grid.azimuth), 3))
    origin[:, :2] = ego.position + turn @ level + grid.time_s[:, None] * ego.velocity
    origin[:, 2] = map_from_sensor[2, 3]
    direction = grid.directions @ map_from_sensor[:3, :3].T
    cos, sin, x, y = turn[:, 0, 0], turn[:, 1, 0], direction[..., 0].copy(), direction[..., 1].copy()
    direction[..., 0], direction[..., 1] = cos * x - sin * y, sin * x + cos * y
    with np.errstate(divide="ignore"):
        ground = np.where(direction[..., 2] < 0.0, -origin[:, 2] / direction[..., 2], np.inf)
    solid, ring, column = _pairs(grid, map_from_sensor, ego, solids, max_range_m)
    relative = origin[column] - grid.time_s[column, None] * solids.velocity[solid]
    distance, face = _intersections(relative, direction[ring, column], solids.normal[solid], solids.offset[solid])
    met = np.isfinite(distance)
    num_columns = len(grid.azimuth)
    return Cast(
        origin=np.tile(origin, (len(grid.elevation), 1)),
        direction=direction.reshape(-1, 3),
        ground_m=ground.reshape(-1),
        ray=(ring * num_columns + column)[met],
        solid=solid[met],
        face=face[met],
        distance_m=distance[met],
    )


def _intersections(
    origin: FloatArray, direction: FloatArray, normal: FloatArray, offset: FloatArray
) -> tuple[FloatArray, IntArray]:
    """Distance (M,) and entered face (M,) of rays against one solid each, inf where they miss.

    A ray is inside of a convex solid between the last face that it enters through and the first that it leaves through
    (Haines, Fast Ray-Convex Polyhedron Intersection, Graphics Gems II, 1991).
    """
    # Faces first: six long rows instead of many short ones.
    facing = np.ascontiguousarray(normal.transpose(1, 2, 0))
    height = offset.T - _dot(facing, origin)
    slope = _dot(facing, direction)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = height / slope
    into = np.where(slope < 0.0, distance, -np.inf)
    enter = into.max(axis=0)
    face = np.argmax(into == enter, axis=0)
    leave = np.where(slope > 0.0, distance, np.inf).min(axis=0)
    beside = ((slope == 0.0) & (height < 0.0)).any(axis=0)
    missed = beside | (enter > leave) | (enter < _MIN_HIT_M)
    return np.where(missed, np.inf, enter), face


def _dot(facing: FloatArray, vectors: FloatArray) -> FloatArray:
    """(6, M) products of the normals (6, 3, M) of M solids with a vector each (M, 3)."""
    product: FloatArray = facing[:, 0] * vectors[:, 0] + facing[:, 1] * vectors[:, 1] + facing[:, 2] * vectors[:, 2]
    return product


def _pairs(
    grid: RayGrid, map_from_sensor: FloatArray, ego: EgoState, solids: Solids, max_range_m: float
) -> tuple[IntArray, IntArray, IntArray]:
    """Rows of solids, rings and columns (M,) of all rays that may meet a solid: those within its angular bounds."""
    rows = _rows_near(grid, map_from_sensor, ego, solids, max_range_m)
    low, high, bottom, top, near = _bounds(grid, map_from_sensor, ego, solids.corners[rows], solids.velocity[rows])
    in_reach = near <= max_range_m
    first_ring = np.searchsorted(grid.elevation, bottom)
    num_rings = np.where(in_reach, np.searchsorted(grid.elevation, top, side="right") - first_ring, 0)
    solid, ring, column = [], [], []
    for turn in (-2.0 * np.pi, 0.0, 2.0 * np.pi):
        start, end = ((edge + turn - grid.azimuth[0]) / grid.step for edge in (low, high))
        first = np.clip(np.ceil(start), 0, len(grid.azimuth)).astype(np.int64)
        last = np.clip(np.floor(end), -1, len(grid.azimuth) - 1).astype(np.int64)
        width = np.maximum(last - first + 1, 0)
        count = width * num_rings
        each = np.repeat(np.arange(len(rows)), count)
        number = np.arange(len(each)) - np.repeat(np.cumsum(count) - count, count)
        down, along = np.divmod(number, np.maximum(width[each], 1))
        solid.append(rows[each])
        ring.append(first_ring[each] + down)
        column.append(first[each] + along)
    return np.concatenate(solid), np.concatenate(ring), np.concatenate(column)


def _rows_near(
    grid: RayGrid, map_from_sensor: FloatArray, ego: EgoState, solids: Solids, max_range_m: float
) -> IntArray:
    """Rows of the solids that may come within the range during the sweep, and of some that do not."""
    center, radius = solids.bounding_circle
    away = np.linalg.norm(center - map_from_sensor[:2, 3], axis=1) - radius
    speed = np.linalg.norm(solids.velocity, axis=1) + np.linalg.norm(ego.velocity)
    turned = abs(ego.yaw_rate) * np.linalg.norm(map_from_sensor[:2, 3] - ego.position)
    return np.flatnonzero(away - (speed + turned) * np.abs(grid.time_s).max() <= max_range_m)


def _bounds(
    grid: RayGrid, map_from_sensor: FloatArray, ego: EgoState, solid_corners: FloatArray, velocity: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Least and greatest azimuth and elevation (S,), and the least horizontal distance (S,), of each solid (S, 8, 3).

    The azimuths are not wrapped. A solid around the sensor's vertical axis takes the full circle. While the sensor
    sweeps, a solid goes from its first to its last place as seen from the sensor; the bounds hold for the hull of both.
    """
    times = float(grid.time_s.min()), float(grid.time_s.max())
    points = np.concatenate(
        [_seen_from(map_from_sensor, ego, solid_corners + time * velocity[:, None], time) for time in times], axis=1
    )
    distance = np.hypot(points[..., 0], points[..., 1])
    center = points.mean(axis=1)
    radius = np.linalg.norm(points[..., :2] - center[:, None, :2], axis=-1).max(axis=1, initial=0.0)
    near = np.maximum(np.hypot(center[:, 0], center[:, 1]) - radius, 1e-6)
    far = distance.max(axis=1, initial=0.0)
    middle = np.arctan2(center[:, 1], center[:, 0])
    off = wrap_angle(np.arctan2(points[..., 1], points[..., 0]) - middle[:, None])
    low, high = off.min(axis=1, initial=np.inf), off.max(axis=1, initial=-np.inf)
    around = high - low >= np.pi - 1e-6  # all directions to a convex set that is elsewhere lie in half a circle
    margin = np.where(times[0] < times[1], 0.01, 1e-9)  # the way between both places bends a little
    low, high = np.where(around, -np.pi, low - margin), np.where(around, np.pi - 1e-12, high + margin)
    down, up = points[..., 2].min(axis=1, initial=np.inf), points[..., 2].max(axis=1, initial=-np.inf)
    bottom = np.arctan2(down, np.where(down < 0.0, near, far))
    top = np.arctan2(up, np.where(up > 0.0, near, far))
    return middle + low, middle + high, bottom - 1e-9, top + 1e-9, near


def _seen_from(map_from_sensor: FloatArray, ego: EgoState, points: FloatArray, time_s: float) -> FloatArray:
    """Points (..., 3) of the map in the sensor's axes at a time from the stamp."""
    turn = np.eye(3)
    turn[:2, :2] = rotation_matrix(ego.yaw_rate * time_s)
    pivot = np.array([*ego.position, 0.0])
    origin = pivot + turn @ (map_from_sensor[:3, 3] - pivot) + time_s * np.array([*ego.velocity, 0.0])
    return (points - origin) @ (turn @ map_from_sensor[:3, :3])
