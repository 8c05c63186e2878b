"""Where a vehicle drove, from its lidar sweeps alone: for recordings without GPS/IMU.

What stands upright is matched with what the last sweeps saw, point to line in the plane (A. Censi, "An ICP variant
using a point-to-line metric", ICRA 2008), from the place that a constant velocity foretells, with weights that fall for
what does not fit, such as other traffic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from zoox_prediction.geometry import compose_poses, invert_pose, transform_points

FloatArray = NDArray[np.float64]

_HEIGHTS_M = (0.6, 3.0)  # above the ground: walls, trunks, vehicles; no kerbs, no crowns of trees
_RANGES_M = (3.0, 60.0)
_CELL_M = 0.3  # one point is kept of each
_MAP_SWEEPS = 5  # that are matched with
_NEIGHBOURS = 8  # that tell the line through a point
_ACROSS_SHARE = 0.05  # of a deviation along the line that counts
_ITERATIONS = 10
_SCALES_M = (1.0, 0.2)  # of deviations that count half, at the beginning and at the end
_MIN_POINTS = 50


def poses_of_sweeps(sweeps: Iterable[NDArray]) -> FloatArray:
    """(T, 3) poses (x, y, yaw) of base_link, the first one 0, of sweeps (N, 3) in base_link with z up from the ground.

    A sweep with too little that stands goes on as the one before.
    """
    poses: list[FloatArray] = []
    seen: deque[FloatArray] = deque(maxlen=_MAP_SWEEPS)
    for sweep in sweeps:  # each is matched from where the one before was found
        points = _upright(np.asarray(sweep, dtype=np.float64))
        pose = _foretold(poses)
        if seen and len(points) >= _MIN_POINTS:
            pose = _matched(points, np.concatenate(seen), pose)
        if len(points):
            seen.append(transform_points(pose, points))
        poses.append(pose)
    return np.array(poses).reshape(-1, 3)


def _foretold(poses: list[FloatArray]) -> FloatArray:
    if len(poses) < 2:
        return poses[-1].copy() if poses else np.zeros(3)
    return compose_poses(poses[-1], compose_poses(invert_pose(poses[-2]), poses[-1]))


def _upright(points: FloatArray) -> FloatArray:
    """(M, 2) one point of every cell of the plane with something upright in it."""
    distance = np.hypot(points[:, 0], points[:, 1])
    near = (distance > _RANGES_M[0]) & (distance < _RANGES_M[1])
    kept = points[near & (points[:, 2] > _HEIGHTS_M[0]) & (points[:, 2] < _HEIGHTS_M[1]), :2]
    _, first = np.unique(np.floor(kept / _CELL_M).astype(np.int64), axis=0, return_index=True)
    return np.asarray(kept[np.sort(first)])


def _matched(points: FloatArray, reference: FloatArray, pose: FloatArray) -> FloatArray:
    """(3,) where the points (M, 2) fit on the reference (K, 2), from near `pose`."""
    tree = cKDTree(reference)
    _, neighbours = tree.query(reference, k=min(_NEIGHBOURS, len(reference)))
    normal = _normals(reference[neighbours])
    for step in range(_ITERATIONS):
        share = step / (_ITERATIONS - 1)
        scale = _SCALES_M[0] * (1.0 - share) + _SCALES_M[1] * share
        turned = transform_points([0.0, 0.0, pose[2]], points)
        placed = turned + pose[:2]
        _, nearest = tree.query(placed)
        difference = placed - reference[nearest]
        n = normal[nearest]
        weight = scale**4 / (scale**2 + np.einsum("mi,mi->m", difference, difference)) ** 2  # Geman-McClure
        metric = weight[:, None, None] * (np.einsum("mi,mj->mij", n, n) + _ACROSS_SHARE * np.eye(2))
        jacobian = np.zeros((len(points), 2, 3))
        jacobian[:, 0, 0] = jacobian[:, 1, 1] = 1.0
        jacobian[:, 0, 2], jacobian[:, 1, 2] = -turned[:, 1], turned[:, 0]
        weighted = np.einsum("mik,mij->mkj", jacobian, metric)
        hessian = np.einsum("mki,mij->kj", weighted, jacobian) + 1e-9 * np.eye(3)
        change = np.linalg.solve(hessian, -np.einsum("mki,mi->k", weighted, difference))
        pose = pose + change
    return pose


def _normals(groups: FloatArray) -> FloatArray:
    """(K, 2) unit vectors across the lines through groups (K, G, 2) of points."""
    offset = groups - groups.mean(axis=1, keepdims=True)
    covariance = np.einsum("kgi,kgj->kij", offset, offset)
    normals: FloatArray = np.linalg.eigh(covariance)[1][:, :, 0]
    return normals
