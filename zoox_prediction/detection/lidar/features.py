"""What the classifier is told about a cluster: size, shape, height profile, statistics of its points, surroundings.

How dense the points are for their range is left out: it tells more of the lidar than of the object.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.lidar.boxes import Boxes, fit_boxes
from zoox_prediction.detection.lidar.cells import COLUMNS, NUM_BANDS, Cells
from zoox_prediction.detection.lidar.clustering import ClusterTree
from zoox_prediction.detection.lidar.visibility import ends_seen, hidden_ends

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FEATURES = (
    "log_points", "log_cells", "length", "width", "top", "bottom", "log_range", "edge_distance",
    "edge_share", "band_0", "band_1", "band_2", "band_3", "band_4", "band_over", "upper_share_of_length",
    "upper_share_of_width", "minor_spread", "height_spread", "surroundings", "log_size_of_root", "over_gap", "over_top",
    "length_seen", "width_seen", "broadside", "hidden", "filled_columns", "log_spacing",
    "depth_cells", "steepness",
)  # fmt: skip

_NUM_VIEW = 8  # of the features, the last ones, tell how the cluster was seen
_SILL_M = 0.8  # below the windows of cars
_MIN_BODY_CELLS, _MIN_BODY_SHARE = 6, 0.3
_STANDS_ON_M = 0.6  # what is over a cluster by less than this is part of it


@dataclass(frozen=True)
class Clusters:
    """The clusters of a tree with their boxes, heights and features; K rows."""

    tree: ClusterTree
    boxes: Boxes
    num_points: FloatArray  # (K,)
    bottom: FloatArray  # (K,) above the ground [m]
    top: FloatArray  # (K,)
    features: FloatArray  # (K, F) in the order of FEATURES

    def __len__(self) -> int:
        return len(self.tree)


def describe_clusters(
    cells: Cells, looked: NDArray[np.bool_], tree: ClusterTree, origin: NDArray, max_length_m: float
) -> Clusters:
    """The clusters that have low points and are not longer than `max_length_m`.

    `looked` (columns,) tells where the lidar has any point, `origin` (2,) is the sensor's place.
    """
    low = cells.is_low[tree.member]
    tree = tree.select(_is_short(cells, tree, low, max_length_m))
    low = cells.is_low[tree.member]
    rows = tree.member[low]
    start = np.searchsorted(tree.cluster[low], np.arange(len(tree)))
    boxes = fit_boxes(cells.x[rows], cells.y[rows], start, _is_body(cells, rows, start))
    bottom = np.minimum.reduceat(cells.low[rows], start) if len(start) else np.zeros(0)
    body = np.maximum.reduceat(cells.high[rows], start) if len(start) else np.zeros(0)
    over_low, over_high = np.full(len(tree), np.inf), np.full(len(tree), -np.inf)
    if len(tree):
        over_low = np.minimum.reduceat(cells.over_low[tree.member], tree.start)
        over_high = np.maximum.reduceat(cells.over_high[tree.member], tree.start)
    gap = over_low - body
    top = np.where(gap < _STANDS_ON_M, over_high, body)
    bands = np.add.reduceat(cells.bands[tree.member], tree.start, axis=0) if len(tree) else np.zeros((0, NUM_BANDS))
    num_points = bands.sum(axis=1)
    features = np.column_stack(
        [
            _features(cells, tree, boxes, origin, rows, start, bands, bottom, top, gap, over_high),
            _view(cells, looked, boxes, origin, rows, start),
        ]
    )
    return Clusters(tree, boxes, num_points, bottom, top, features)


def _is_short(cells: Cells, tree: ClusterTree, low: NDArray[np.bool_], max_length_m: float) -> NDArray[np.bool_]:
    """(K,) clusters with low cells whose extent along x and y is small enough."""
    any_low = np.bincount(tree.cluster[low], minlength=len(tree)) > 0
    keep = any_low.copy()
    for axis in (cells.x, cells.y):
        if len(tree):
            values = axis[tree.member]
            extent = np.maximum.reduceat(values, tree.start) - np.minimum.reduceat(values, tree.start)
            keep &= extent <= max_length_m
    return keep


def _is_body(cells: Cells, rows: IntArray, start: IntArray) -> NDArray[np.bool_]:
    """(R,) of the low cells `rows` of all clusters those that tell the direction.

    Through windows a lidar sees into vehicles, so where enough of the body below them was seen, that alone tells it.
    """
    body = cells.low[rows] < _SILL_M
    if not len(rows):
        return body
    count = np.diff(start, append=len(rows))
    bodies = np.add.reduceat(body.astype(np.int64), start)
    enough = (bodies >= _MIN_BODY_CELLS) & (bodies >= _MIN_BODY_SHARE * count)
    return body | ~np.repeat(enough, count)


def _features(
    cells: Cells,
    tree: ClusterTree,
    boxes: Boxes,
    origin: NDArray,
    rows: IntArray,
    start: IntArray,
    bands: FloatArray,
    bottom: FloatArray,
    top: FloatArray,
    gap: FloatArray,
    over_high: FloatArray,
) -> FloatArray:
    num_clusters = len(tree)
    if not num_clusters:
        return np.zeros((0, len(FEATURES) - _NUM_VIEW))
    cluster = np.repeat(np.arange(num_clusters), np.diff(start, append=len(rows)))
    along, across = _local(cells, boxes, rows, cluster)
    half = 0.5 * boxes.size[cluster]
    edge = np.minimum(half[:, 0] - np.abs(along), half[:, 1] - np.abs(across))
    low_cells = np.diff(start, append=len(rows)).astype(np.float64)
    upper = cells.high[rows] > (bottom + 0.55 * (top - bottom))[cluster]
    num_points = bands.sum(axis=1)
    away = np.maximum(np.linalg.norm(boxes.center - origin, axis=1), 1.0)
    root = _roots(tree)
    sums = [
        np.bincount(cluster, values, minlength=num_clusters) / low_cells for values in (across**2, cells.high[rows])
    ]
    squares = np.bincount(cluster, cells.high[rows] ** 2, minlength=num_clusters) / low_cells
    columns = [
        np.log(num_points),
        np.log(low_cells),
        boxes.size[:, 0],
        boxes.size[:, 1],
        top,
        bottom,
        np.log(away),
        boxes.edge_distance,
        np.bincount(cluster, edge < 0.15, minlength=num_clusters) / low_cells,
        *(bands / num_points[:, None]).T,
        _extent(along, upper, cluster, num_clusters) / np.maximum(boxes.size[:, 0], 0.1),
        _extent(across, upper, cluster, num_clusters) / np.maximum(boxes.size[:, 1], 0.1),
        np.sqrt(sums[0]),
        np.sqrt(np.maximum(squares - sums[1] ** 2, 0.0)),
        np.log(num_points[root] / num_points),
        np.log(np.maximum(boxes.size[root].max(axis=1), 0.2)),
        np.minimum(gap, 3.0),
        np.maximum(over_high, 0.0),
    ]
    return np.column_stack(columns)


def _view(
    cells: Cells, looked: NDArray[np.bool_], boxes: Boxes, origin: NDArray, rows: IntArray, start: IntArray
) -> FloatArray:
    """(K, 8) which ends were seen, from which side, how densely for the side, and how deep and steep the surface is.

    Leaves give points at many ranges of one direction, bodies at few, and upright faces many heights at one range.
    """
    if not len(start):
        return np.zeros((0, _NUM_VIEW))
    hidden = hidden_ends(cells, looked, rows, start)
    view = ends_seen(boxes.center, boxes.yaw, boxes.size, hidden, origin)
    sight = (boxes.center - origin) / view.away[:, None]
    broadside = np.abs(np.cos(boxes.yaw) * sight[:, 1] - np.sin(boxes.yaw) * sight[:, 0])
    count = np.diff(start, append=len(rows))
    column = cells.column[rows]
    off = column - np.repeat(column[start], count)
    off = (off + COLUMNS // 2) % COLUMNS - COLUMNS // 2  # columns wrap
    span = np.maximum.reduceat(off, start) - np.minimum.reduceat(off, start) + 1
    cluster = np.repeat(np.arange(len(start)), count)
    filled = np.unique(cluster * COLUMNS + column) // COLUMNS
    columns = np.bincount(filled, minlength=len(start))
    length = cells.high[rows] - cells.low[rows]
    steepness = np.bincount(cluster, length, minlength=len(start)) / count
    spacing = view.away * (2.0 * np.pi / COLUMNS) / np.maximum(broadside, 0.05)
    seen = [view.seen, broadside, hidden.sum(axis=1), columns / span, np.log(spacing)]
    return np.column_stack([*seen, np.log(count / columns), steepness])


def _local(cells: Cells, boxes: Boxes, rows: IntArray, cluster: IntArray) -> tuple[FloatArray, FloatArray]:
    """Coordinates of the cells `rows` along and across the boxes, from their centres."""
    x = cells.x[rows] - boxes.center[cluster, 0]
    y = cells.y[rows] - boxes.center[cluster, 1]
    cos, sin = np.cos(boxes.yaw)[cluster], np.sin(boxes.yaw)[cluster]
    return cos * x + sin * y, cos * y - sin * x


def _extent(values: FloatArray, counted: NDArray[np.bool_], cluster: IntArray, num_clusters: int) -> FloatArray:
    """(K,) between the smallest and the largest value that counts, 0 where none does."""
    low, high = np.full(num_clusters, np.inf), np.full(num_clusters, -np.inf)
    np.minimum.at(low, cluster[counted], values[counted])
    np.maximum.at(high, cluster[counted], values[counted])
    return np.maximum(high - low, 0.0)


def _roots(tree: ClusterTree) -> IntArray:
    """(K,) the topmost cluster that each hangs on."""
    root = np.arange(len(tree))
    for _ in range(int(tree.level.max(initial=0))):
        root = np.where(tree.parent[root] >= 0, tree.parent[root], root)
    return root
