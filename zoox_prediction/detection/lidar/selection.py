"""Which clusters of the tree are the objects: of a cluster and its parts, whichever is more probably a road user."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.lidar.clustering import ClusterTree
from zoox_prediction.geometry import invert_pose, transform_points

_FRAGMENT = 0.5  # what is less probable than this times the box that it lies in is a part of that


def select_clusters(tree: ClusterTree, existence: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows of clusters, no two of which share a cell, given the probability (K,) that each is one whole road user.

    A cluster stands for its parts unless the best of these, or of theirs, is more probable.
    """
    best = existence.copy()  # of the cluster or any of its parts
    levels = range(int(tree.level.max(initial=0)), 0, -1)
    for level in levels:
        rows = np.flatnonzero((tree.level == level) & (tree.parent >= 0))
        np.maximum.at(best, tree.parent[rows], best[rows])
    whole = existence >= best
    taken = np.zeros(len(tree), dtype=bool)  # by the cluster itself or one that it is a part of
    chosen = np.zeros(len(tree), dtype=bool)
    for level in reversed([*levels, 0]):
        rows = np.flatnonzero(tree.level == level)
        above = np.where(tree.parent[rows] >= 0, taken[tree.parent[rows]], False)
        chosen[rows] = whole[rows] & ~above
        taken[rows] = chosen[rows] | above
    return np.flatnonzero(chosen)


def is_fragment(
    center: NDArray[np.float64], yaw: NDArray[np.float64], size: NDArray[np.float64], existence: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """(N,) boxes, centres and sizes (N, 2), whose centre lies in another one that is far more probable."""
    poses = np.column_stack([center, yaw])
    local = transform_points(invert_pose(poses)[:, None], center[None])  # of every centre in every box
    inside = (np.abs(local) <= 0.5 * size[:, None]).all(axis=-1)
    far_less = existence[None] < _FRAGMENT * existence[:, None]
    fragments: NDArray[np.bool_] = np.any(inside & far_less, axis=0)
    return fragments
