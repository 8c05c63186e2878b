"""From a point cloud to clusters: own points and ground away, what is left into cells, cells into a tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.lidar.cells import COLUMNS, Cells, column_of, gather_cells
from zoox_prediction.detection.lidar.clustering import cluster_tree
from zoox_prediction.detection.lidar.config import LidarDetectorConfig
from zoox_prediction.detection.lidar.features import Clusters, describe_clusters
from zoox_prediction.detection.lidar.ground import Ground, find_ground

_CEILING_MARGIN_M = 0.3


@dataclass(frozen=True)
class Segmentation:
    """What stands on the ground around the vehicle, on base_link."""

    origin: NDArray[np.float64]  # (2,) of the sensor
    ground: Ground
    point: NDArray[np.int64]  # (P,) rows of the cloud that stand on the ground
    xy: NDArray[np.float32]  # (P, 2) of these
    cells: Cells  # of these
    looked: NDArray[np.bool_]  # (columns,) of the cells' image, where there is any point, also of the ground
    clusters: Clusters
    away: NDArray[np.float64]  # (K,) range of the clusters
    ceiling: NDArray[np.float64]  # (K,) height above the ground up to which the lidar sees there


def segment(
    position: NDArray[np.float32], base_from_sensor: NDArray[np.float64], config: LidarDetectorConfig
) -> Segmentation:
    """The clusters of finite points (N, 3) in the frame of a sensor mounted at `base_from_sensor` (4, 4)."""
    rotation, origin = base_from_sensor[:3, :3].astype(np.float32), base_from_sensor[:3, 3].astype(np.float32)
    # About the sensor, along the axes of base_link; by columns, which is far faster than a product with a thin matrix.
    columns = np.ascontiguousarray(position.T)
    x, y, z = (row[0] * columns[0] + row[1] * columns[1] + row[2] * columns[2] for row in rotation)
    z += origin[2]
    range_m = np.hypot(x, y)
    own = (
        (x < config.ego_front_m - origin[0])
        & (x > config.ego_rear_m - origin[0])
        & (np.abs(y + origin[1]) < config.ego_half_width_m)
    )
    rows = np.flatnonzero((range_m <= config.max_range_m) & ~own)
    range_m, z = range_m[rows], z[rows]
    azimuth = np.arctan2(y[rows], x[rows])
    looked = np.zeros(COLUMNS, dtype=bool)
    looked[column_of(azimuth)] = True
    ground = find_ground(range_m, azimuth, z, config.max_range_m, config.ground)
    height = z - ground.height_at(range_m, azimuth)
    stands = np.flatnonzero((height > config.ground.clearance_m) & (height < config.max_height_m))
    point = rows[stands]
    xy = np.column_stack([x[point], y[point]]) + origin[:2]
    cells = gather_cells(xy, range_m[stands], azimuth[stands], height[stands], config.clusters.max_cells)
    tree = cluster_tree(cells, config.clusters)
    place = origin[:2].astype(np.float64)
    clusters = describe_clusters(cells, looked, tree, place, config.clusters.max_length_m)
    away = np.linalg.norm(clusters.boxes.center - place, axis=1)
    steepest = float(np.max((z - origin[2]) / np.maximum(range_m, 1.0), initial=0.0))
    ceiling = float(origin[2]) + steepest * away - _CEILING_MARGIN_M
    return Segmentation(place, ground, point, xy, cells, looked, clusters, away, ceiling)
