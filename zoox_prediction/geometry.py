"""Plane geometry on batches: angles, poses, boxes. Poses are (x [m], y [m], yaw [rad]); `a_from_b` maps b into a."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

EARTH_RADIUS_M = 6378137.0  # equatorial radius of WGS84, as spherical Mercator projections use it


def wrap_angle(angle: ArrayLike) -> FloatArray:
    """Angles [rad] wrapped to (-pi, pi]; any shape, NaN stays NaN."""
    wrapped: FloatArray = np.pi - np.mod(np.pi - np.asarray(angle, dtype=np.float64), 2.0 * np.pi)
    return wrapped


def rotation_matrix(yaw: ArrayLike) -> FloatArray:
    """(..., 2, 2) counter-clockwise rotations by yaw (...) [rad]."""
    yaw = np.asarray(yaw, dtype=np.float64)
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.stack([np.stack([cos, -sin], axis=-1), np.stack([sin, cos], axis=-1)], axis=-2)


def transform_points(a_from_b: ArrayLike, points_b: ArrayLike) -> FloatArray:
    """Points (..., 2) of frame b in frame a, by poses a_from_b (..., 3) that broadcast against their leading axes."""
    pose = np.asarray(a_from_b, dtype=np.float64)
    points = np.asarray(points_b, dtype=np.float64)
    cos, sin = np.cos(pose[..., 2]), np.sin(pose[..., 2])
    x, y = points[..., 0], points[..., 1]
    return np.stack([pose[..., 0] + cos * x - sin * y, pose[..., 1] + sin * x + cos * y], axis=-1)


def compose_poses(a_from_b: ArrayLike, b_from_c: ArrayLike) -> FloatArray:
    """a_from_c (..., 3) of two poses (..., 3)."""
    first = np.asarray(a_from_b, dtype=np.float64)
    second = np.asarray(b_from_c, dtype=np.float64)
    xy = transform_points(first, second[..., :2])
    return np.concatenate([xy, wrap_angle(first[..., 2:] + second[..., 2:])], axis=-1)


def invert_pose(a_from_b: ArrayLike) -> FloatArray:
    """b_from_a (..., 3) of a pose (..., 3)."""
    pose = np.asarray(a_from_b, dtype=np.float64)
    cos, sin = np.cos(pose[..., 2]), np.sin(pose[..., 2])
    x, y = pose[..., 0], pose[..., 1]
    return np.stack([-cos * x - sin * y, sin * x - cos * y, wrap_angle(-pose[..., 2])], axis=-1)


def yaw_from_quaternion(xyzw: ArrayLike) -> FloatArray:
    """Yaw (...) [rad] of quaternions (..., 4) in x, y, z, w order (REP-103, fixed-axis roll, pitch, yaw)."""
    x, y, z, w = np.moveaxis(np.asarray(xyzw, dtype=np.float64), -1, 0)
    yaw: FloatArray = np.arctan2(2.0 * (w * z + x * y), w * w + x * x - y * y - z * z)
    return yaw


def quaternion_from_yaw(yaw: ArrayLike) -> FloatArray:
    """Quaternions (..., 4) in x, y, z, w order of rotations about z by yaw (...) [rad]."""
    half = 0.5 * np.asarray(yaw, dtype=np.float64)
    zero = np.zeros_like(half)
    return np.stack([zero, zero, np.sin(half), np.cos(half)], axis=-1)


def box_corners(center: ArrayLike, yaw: ArrayLike, length_width: ArrayLike) -> FloatArray:
    """Corners (..., 4, 2) counter-clockwise from front-left, of boxes: centre (..., 2), yaw (...), (..., 2) [m]."""
    half = 0.5 * np.asarray(length_width, dtype=np.float64)
    signs = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    corners = signs * half[..., None, :]
    pose = np.concatenate([np.asarray(center, dtype=np.float64), np.asarray(yaw, dtype=np.float64)[..., None]], axis=-1)
    return transform_points(pose[..., None, :], corners)


def box_distance(
    center_a: ArrayLike,
    yaw_a: ArrayLike,
    length_width_a: ArrayLike,
    center_b: ArrayLike,
    yaw_b: ArrayLike,
    length_width_b: ArrayLike,
) -> FloatArray:
    """Distance (...) [m] between oriented boxes a and b, 0 where they touch or overlap; all arguments broadcast.

    Between two convex polygons that do not overlap, the nearest pair of points has a corner of one of them; if they
    overlap is told by the separating axis test on the axes of both boxes (Gottschalk et al., OBBTree, 1996).
    """
    pose_a, pose_b = _poses(center_a, yaw_a), _poses(center_b, yaw_b)
    half_a, half_b = 0.5 * np.asarray(length_width_a, np.float64), 0.5 * np.asarray(length_width_b, np.float64)
    cos, sin = np.cos(pose_b[..., 2] - pose_a[..., 2]), np.sin(pose_b[..., 2] - pose_a[..., 2])
    squared: NDArray | float = np.inf
    separated: NDArray | bool = False
    for own, own_half, other, other_half, sin_other in (
        (pose_a, half_a, pose_b, half_b, sin),
        (pose_b, half_b, pose_a, half_a, -sin),
    ):
        center = transform_points(invert_pose(own), other[..., :2])  # of the other box, in the axes of this one
        # From there to the middle of its front, and to the middle of its left side.
        along_x, along_y = other_half[..., 0] * cos, other_half[..., 0] * sin_other
        across_x, across_y = -other_half[..., 1] * sin_other, other_half[..., 1] * cos
        separated = (
            separated
            | (np.abs(center[..., 0]) > own_half[..., 0] + np.abs(along_x) + np.abs(across_x))
            | (np.abs(center[..., 1]) > own_half[..., 1] + np.abs(along_y) + np.abs(across_y))
        )
        for front, left in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            x = np.abs(center[..., 0] + front * along_x + left * across_x) - own_half[..., 0]
            y = np.abs(center[..., 1] + front * along_y + left * across_y) - own_half[..., 1]
            squared = np.minimum(squared, np.maximum(x, 0.0) ** 2 + np.maximum(y, 0.0) ** 2)
    return np.where(separated, np.sqrt(squared), 0.0)


def _poses(position: ArrayLike, yaw: ArrayLike) -> FloatArray:
    """(..., 3) of positions (..., 2) and yaws (...) that broadcast."""
    position, yaw = np.asarray(position, dtype=np.float64), np.asarray(yaw, dtype=np.float64)
    shape = np.broadcast_shapes(position.shape[:-1], yaw.shape)
    return np.concatenate([np.broadcast_to(position, (*shape, 2)), np.broadcast_to(yaw, shape)[..., None]], axis=-1)
