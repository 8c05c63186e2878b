"""Points of one object: neighbours in place and in speed over ground, joined as in DBSCAN with one point for a core.

M. Ester et al., "A density-based algorithm for discovering clusters", KDD 1996. The neighbourhood is longer across the
line of sight than along it, and the more so the farther away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from zoox_prediction.detection.radar.config import RadarClusterConfig
from zoox_prediction.detection.radar.points import RadarPoints
from zoox_prediction.geometry import wrap_angle

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def cluster_points(points: RadarPoints, ground_speed: FloatArray, config: RadarClusterConfig) -> IntArray:
    """(N,) number of each point's cluster, from 0; `ground_speed` (N,) is the radial one, NaN is near to any."""
    count = len(points)
    if not count:
        return np.zeros(0, dtype=np.int64)
    farthest = float(points.distance.max())
    reach = np.hypot(config.along_m, config.across_m + config.across_growth * farthest)
    pairs = cKDTree(points.position[:, :2]).query_pairs(reach, output_type="ndarray")
    first, second = pairs[_joined(points, ground_speed, pairs, config)].T
    graph = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _joined(
    points: RadarPoints, ground_speed: FloatArray, pairs: IntArray, config: RadarClusterConfig
) -> NDArray[np.bool_]:
    """(P,) whether the two points of a pair are of one object."""
    first, second = pairs.T
    angle = np.abs(wrap_angle(points.azimuth[first] - points.azimuth[second]))
    nearer = np.minimum(points.distance[first], points.distance[second])
    along = np.abs(points.distance[first] - points.distance[second])
    across = nearer * angle
    speed = np.abs(ground_speed[first] - ground_speed[second])
    allowed = config.speed_mps + config.speed_growth_mps * angle
    near: NDArray[np.bool_] = (
        (along < config.along_m)
        & (across < config.across_m + config.across_growth * nearer)
        & ~(speed > allowed)  # NaN is near
    )
    return near
