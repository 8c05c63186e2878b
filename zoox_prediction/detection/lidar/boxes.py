"""Oriented boxes around clusters, by the direction whose box edges lie nearest to the points.

X. Zhang et al., "Efficient L-shape fitting for vehicle detection using laser scanners", IV 2017, closeness criterion:
over directions from 0 to 90 degrees, the sum over all points of 1 / distance to the nearer of two edges, first in
coarse and then in fine steps; all clusters at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_COARSE = np.radians(np.arange(0.0, 90.0, 6.0))
_FINE = np.radians(np.arange(-4.5, 4.6, 1.5))
_NEAREST_M = 0.06  # distances below count as this: what the noise of a lidar is like


@dataclass(frozen=True)
class Boxes:
    """K boxes on the ground plane; the longer side is the length."""

    center: FloatArray  # (K, 2)
    yaw: FloatArray  # (K,) of the longer side, in (-pi/2, pi/2]
    size: FloatArray  # (K, 2) length, width
    edge_distance: FloatArray  # (K,) mean distance of the points to the nearer edge

    def __len__(self) -> int:
        return len(self.yaw)


def fit_boxes(x: NDArray, y: NDArray, start: IntArray, telling: NDArray[np.bool_]) -> Boxes:
    """Boxes of K clusters; the points (M,) of cluster k are those from start[k] to the next start, at least one.

    The direction comes from the points `telling` (M,), of which each cluster has at least one; all are in the box.
    """
    count = np.diff(start, append=len(x))
    cluster = np.repeat(np.arange(len(start)), count)
    middle = np.column_stack([np.add.reduceat(each, start) / count for each in (x, y)])
    local = np.column_stack([x, y]) - middle[cluster]
    local_x, local_y = local.T.astype(np.float32)
    rows = np.flatnonzero(telling)
    first = np.searchsorted(rows, start)
    told = (local_x[rows], local_y[rows])
    coarse = np.broadcast_to(_COARSE[:, None], (len(_COARSE), len(start)))
    best = _best(*told, coarse, first, cluster[rows])
    best = _best(*told, best + _FINE[:, None], first, cluster[rows])
    return _boxes(local_x, local_y, best, middle, start, cluster, count)


def _best(x: NDArray, y: NDArray, angles: FloatArray, start: IntArray, cluster: IntArray) -> FloatArray:
    """(K,) of the angles (A, K) the one with the greatest closeness."""
    along, across = _turned(x, y, angles, cluster)
    nearest = np.minimum(_to_edge(along, start, cluster), _to_edge(across, start, cluster))
    closeness = np.add.reduceat(1.0 / np.maximum(nearest, np.float32(_NEAREST_M)), start, axis=1)
    best: FloatArray = np.take_along_axis(angles, closeness.argmax(axis=0)[None], axis=0)[0]
    return best


def _turned(x: NDArray, y: NDArray, angles: FloatArray, cluster: IntArray) -> tuple[NDArray, NDArray]:
    """(A, M) coordinates along axes turned by `angles` (A, K)."""
    cos = np.cos(angles).astype(np.float32)[:, cluster]
    sin = np.sin(angles).astype(np.float32)[:, cluster]
    return x * cos + y * sin, y * cos - x * sin


def _to_edge(values: NDArray, start: IntArray, cluster: IntArray) -> NDArray:
    """(A, M) distance to the nearer end of the cluster's extent."""
    low = np.minimum.reduceat(values, start, axis=1)[:, cluster]
    high = np.maximum.reduceat(values, start, axis=1)[:, cluster]
    return np.minimum(values - low, high - values)


def _boxes(
    x: NDArray, y: NDArray, angle: FloatArray, middle: FloatArray, start: IntArray, cluster: IntArray, count: IntArray
) -> Boxes:
    sides = _turned(x, y, angle[None], cluster)
    low = np.column_stack([np.minimum.reduceat(side[0], start) for side in sides]).astype(np.float64)
    high = np.column_stack([np.maximum.reduceat(side[0], start) for side in sides]).astype(np.float64)
    nearest = np.minimum(*(_to_edge(side, start, cluster)[0] for side in sides))
    size, local = high - low, 0.5 * (low + high)
    cos, sin = np.cos(angle), np.sin(angle)
    center = middle + np.column_stack([cos * local[:, 0] - sin * local[:, 1], sin * local[:, 0] + cos * local[:, 1]])
    swapped = size[:, 1] > size[:, 0]
    yaw = np.where(swapped, angle + 0.5 * math.pi, angle)
    return Boxes(
        center=center,
        yaw=np.where(yaw > 0.5 * math.pi, yaw - math.pi, yaw),
        size=np.where(swapped[:, None], size[:, ::-1], size),
        edge_distance=np.add.reduceat(nearest, start) / count,
    )
