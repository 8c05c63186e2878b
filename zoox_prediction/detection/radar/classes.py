"""What a cluster may be, by strength, extent and speed: weak evidence, so that every class stays possible."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.radar.clusters import RadarClusters
from zoox_prediction.scene import NUM_CLASSES

FloatArray = NDArray[np.float64]

# In the order of AgentClass. How often each is met among what a radar sees on roads; the order of magnitude counts.
_PRIOR = np.array([0.55, 0.06, 0.04, 0.04, 0.08, 0.17, 0.01, 0.05])
# Radar cross-sections at 77 GHz [dBsm], aspects and fading together, of the order of published ones.
_RCS_DBSM = np.array([9.0, 16.0, 18.0, 3.0, -2.0, -6.0, -10.0, 0.0])
_RCS_DEVIATION_DB = np.array([8.0, 8.0, 8.0, 7.0, 6.0, 6.0, 6.0, 12.0])
_LONGEST_M = np.array([5.5, 12.0, 18.0, 2.6, 2.2, 1.2, 1.6, 20.0])
_EXTENT_DEVIATION_M = 1.0
_FASTEST_MPS = np.array([60.0, 35.0, 35.0, 60.0, 12.0, 4.0, 12.0, 60.0])
_SPEED_DEVIATION_MPS = 1.0
_FLOOR = 0.15  # share of the prior in the result: none of the models is exact


def class_probabilities(clusters: RadarClusters) -> FloatArray:
    """(K, 8) of the clusters; what a radar does not measure counts for nothing."""
    rcs = clusters.rcs_dbsm[:, None]
    strength = -0.5 * ((rcs - _RCS_DBSM) / _RCS_DEVIATION_DB) ** 2 - np.log(_RCS_DEVIATION_DB)
    strength = np.where(np.isfinite(rcs), strength, 0.0)
    too_long = np.maximum(clusters.extent[:, :1] - _LONGEST_M, 0.0) / _EXTENT_DEVIATION_M
    too_fast = np.maximum(np.abs(clusters.ground_speed[:, None]) - _FASTEST_MPS, 0.0) / _SPEED_DEVIATION_MPS
    evidence = strength - 0.5 * too_long**2 - 0.5 * np.nan_to_num(too_fast) ** 2
    likelihood = _PRIOR * np.exp(evidence - evidence.max(axis=1, initial=-np.inf, keepdims=True))
    posterior = likelihood / np.maximum(likelihood.sum(axis=1, keepdims=True), 1e-12)
    mixed: FloatArray = (1.0 - _FLOOR) * posterior + _FLOOR * _PRIOR
    return mixed.reshape(-1, NUM_CLASSES)
