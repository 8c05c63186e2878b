"""What no road user of a class can be: too long, too wide, too high or too low for it, whatever a classifier says.

A classifier that learned from made-up sweeps meets walls, slopes and groves that it never saw; sizes hold everywhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.lidar.features import Clusters

FloatArray = NDArray[np.float64]

# Of each class before AgentClass.UNKNOWN: greatest length, width, height, and the least height [m].
_BOUNDS_M = np.array(
    [
        [6.5, 3.0, 2.9, 0.9],  # car, and vans
        [19.0, 3.3, 4.5, 1.9],  # truck
        [19.5, 3.3, 4.5, 2.2],  # bus
        [2.8, 1.4, 2.3, 0.9],  # motorcyclist
        [2.5, 1.3, 2.3, 1.0],  # cyclist
        [1.6, 1.3, 2.3, 0.7],  # pedestrian
        [1.8, 1.0, 1.5, 0.3],  # animal
    ]
)
_TOLERANCE_M = 0.15  # 1 sigma
_SPACING_RAD = 0.012  # the top of an object may lie between two rings of a coarse lidar
_LEAST_EXTENT = 0.4  # share of the least height between the lowest and the highest point: lines on slopes have none


def plausibility(clusters: Clusters, away: FloatArray, ceiling: FloatArray) -> FloatArray:
    """(K, 7) factors from 0 to 1 on the probability of each class of a cluster.

    `away` (K,) is the range [m], `ceiling` (K,) the height above the ground up to which the lidar sees there.
    """
    length, width, height, least = _BOUNDS_M.T
    size, slack = clusters.boxes.size, _SPACING_RAD * away[:, None]
    least = np.minimum(least, np.maximum(ceiling[:, None], 0.0))
    extent = (clusters.top - clusters.bottom)[:, None]
    excess = (
        np.maximum(size[:, :1] - length, 0.0)
        + np.maximum(size[:, 1:] - width, 0.0)
        + np.maximum(clusters.top[:, None] - height, 0.0)
        + np.maximum(least - clusters.top[:, None] - slack, 0.0)
        + np.maximum(_LEAST_EXTENT * least - extent - 2.0 * slack, 0.0)
    )
    factors: FloatArray = np.exp(-0.5 * (excess / _TOLERANCE_M) ** 2)
    return factors
