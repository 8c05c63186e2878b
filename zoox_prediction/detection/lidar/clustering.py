"""Cells as a tree of clusters: what is near is one object, at several meanings of near.

Pixels of the polar image are connected when they are nearer to each other than a radius that grows with the range, as
the distance between the points of a surface does. Every level of the tree has a smaller radius and parts what the level
above holds together, so that two people side by side are there as one cluster and as two; which it was is decided once
all have been judged (H. Hu et al., "Learning to optimally segment point clouds", RA-L 2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from zoox_prediction.detection.lidar.cells import COLUMNS, ROW_GROWTH, ROW_M, Cells, row_range
from zoox_prediction.detection.lidar.config import ClusterConfig

IntArray = NDArray[np.int64]

_BAND_ROWS = 24  # rows that share a kernel
_MAX_HALF_COLUMNS = 60  # of a kernel, right at the sensor
_STRETCH = (
    1.5  # along the line of sight at the top level: columns meet a side that is seen at a grazing angle far apart
)
_SAME_SHARE = 0.98  # a cluster with this share of its parent's points is the parent


@dataclass(frozen=True)
class ClusterTree:
    """K clusters of all levels, those of the highest level first; one that a level does not part is there once."""

    parent: IntArray  # (K,) the cluster that this one is a part of, -1 at the top
    level: IntArray  # (K,) 0 at the top
    member: IntArray  # (M,) cells, cluster by cluster; a cell may be in one cluster of every level
    start: IntArray  # (K,) where the cells of each begin in `member`

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def cluster(self) -> IntArray:
        """(M,) cluster of each member."""
        return np.repeat(np.arange(len(self)), np.diff(self.start, append=len(self.member)))

    def select(self, keep: NDArray[np.bool_]) -> ClusterTree:
        """The clusters `keep` (K,); what hung on one that goes hangs on its nearest ancestor that stays."""
        parent = self.parent.copy()
        for level in range(1, int(self.level.max(initial=0)) + 1):  # ancestors are settled before what hangs on them
            rows = np.flatnonzero(self.level == level)
            above = parent[rows]
            gone = (above >= 0) & ~keep[above]
            parent[rows[gone]] = parent[above[gone]]
        new = np.cumsum(keep) - 1
        kept_parent = parent[keep]
        count = np.diff(self.start, append=len(self.member))
        member = self.member[np.repeat(keep, count)]
        return ClusterTree(
            parent=np.where(kept_parent >= 0, new[kept_parent], -1),
            level=self.level[keep],
            member=member,
            start=np.cumsum(count[keep]) - count[keep],
        )


def cluster_tree(cells: Cells, config: ClusterConfig) -> ClusterTree:
    """Clusters of at least `min_points` points; cells without a low point join what they lie above, nothing else."""
    if not len(cells):
        none = np.zeros(0, dtype=np.int64)
        return ClusterTree(none, none, none, none)
    shape = (int(cells.row.max()) + 1, COLUMNS)
    occupied = np.zeros(shape, dtype=np.uint8)
    low = cells.is_low
    occupied[cells.row[low], cells.column[low]] = 1
    weight = cells.count
    of_cell = np.full(len(cells), -1, dtype=np.int64)  # the cluster of the level above
    totals = np.zeros(0)  # (K,) points
    parents, levels, members, owners = [], [], [], []
    for level, radius in enumerate(config.radii_m):
        label = _labels(occupied, radius, 1.0 if level else _STRETCH, config)[cells.row, cells.column]
        if level:
            label[of_cell < 0] = 0
        count = np.bincount(label, weight)
        above = np.full(len(count), -1, dtype=np.int64)
        above[label] = of_cell
        whole = np.append(totals, np.inf)[above]
        large = count >= config.min_points
        new = large & (count < _SAME_SHARE * whole)
        new[0] = large[0] = False
        cluster = np.where(large, above, -1)
        cluster[new] = len(totals) + np.arange(np.count_nonzero(new))
        rows = np.flatnonzero(new[label])
        parents.append(above[new])
        levels.append(np.full(np.count_nonzero(new), level))
        members.append(rows)
        owners.append(cluster[label[rows]])
        totals = np.append(totals, count[new])
        of_cell = cluster[label]
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    start = np.searchsorted(owner[order], np.arange(len(totals)))
    return ClusterTree(np.concatenate(parents), np.concatenate(levels), np.concatenate(members)[order], start)


def _labels(occupied: NDArray[np.uint8], radius_m: float, stretch: float, config: ClusterConfig) -> NDArray[np.int32]:
    """(rows, columns) number of the connected part of the image that a pixel is in or near, 0 where it is in none."""
    margin = _MAX_HALF_COLUMNS
    image = np.concatenate([occupied[:, -margin:], occupied, occupied[:, :margin]], axis=1)
    near = _dilated(image, radius_m, stretch, config)
    count, labels = cv2.connectedComponents(near, connectivity=8, ltype=cv2.CV_32S)
    # The margins show the same pixels again: what they join beyond the cut is one.
    first = np.concatenate([labels[:, :margin].ravel(), labels[:, -margin:].ravel()])
    second = np.concatenate([labels[:, COLUMNS : COLUMNS + margin].ravel(), labels[:, margin : 2 * margin].ravel()])
    both = np.flatnonzero(first)
    joins = coo_array((np.ones(len(both)), (first[both], second[both])), shape=(count, count))
    _, joined = connected_components(joins, directed=False)
    joined[0] = -1
    return np.asarray((joined + 1)[labels[:, margin:-margin]], dtype=np.int32)


def _dilated(image: NDArray[np.uint8], radius_m: float, stretch: float, config: ClusterConfig) -> NDArray[np.uint8]:
    """Every pixel that is within half the radius of an occupied one, `stretch` times as far along the line of sight."""
    rows = len(image)
    result = np.empty_like(image)
    for begin in range(0, rows, _BAND_ROWS):  # bands of rows: the radius in pixels depends on the range
        end = min(begin + _BAND_ROWS, rows)
        away = float(row_range(np.array(0.5 * (begin + end))))
        half = 0.5 * (radius_m + config.radius_growth * away)
        half_rows = round(stretch * half / (ROW_M + ROW_GROWTH * away))
        half_columns = min(round(half / max(away, 0.1) * COLUMNS / (2.0 * math.pi)), _MAX_HALF_COLUMNS)
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * half_columns + 1, 2 * half_rows + 1))
        top, bottom = max(begin - half_rows, 0), min(end + half_rows, rows)
        result[begin:end] = cv2.dilate(image[top:bottom], kernel)[begin - top : begin - top + end - begin]
    return result
