"""Which clusters of the tree are the objects: of a cluster and its parts, whichever is more probably a road user."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.lidar.clustering import ClusterTree

_MARGIN = 0.05  # by which a part must be the more probable one


def select_clusters(tree: ClusterTree, existence: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows of clusters, no two of which share a cell, given the probability (K,) that each is one whole road user.

    A cluster stands for its parts unless the best of these, or of theirs, is more probable.
    """
    best = existence.copy()  # of the cluster or any of its parts
    levels = range(int(tree.level.max(initial=0)), 0, -1)
    for level in levels:
        rows = np.flatnonzero((tree.level == level) & (tree.parent >= 0))
        np.maximum.at(best, tree.parent[rows], best[rows])
    whole = existence >= best - _MARGIN
    taken = np.zeros(len(tree), dtype=bool)  # by the cluster itself or one that it is a part of
    chosen = np.zeros(len(tree), dtype=bool)
    for level in reversed([*levels, 0]):
        rows = np.flatnonzero(tree.level == level)
        above = np.where(tree.parent[rows] >= 0, taken[tree.parent[rows]], False)
        chosen[rows] = whole[rows] & ~above
        taken[rows] = chosen[rows] | above
    return np.flatnonzero(chosen)
