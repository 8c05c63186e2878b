"""Mirror images: what a radar sees in the side of a vehicle as if it were behind it.

A wave that meets a mirror at b on its way to or from something at t comes back as if from farther along the line of
sight to b, by the distance from b to t (A. Kamann et al., "Automotive radar multipath propagation in uncertain
environments", ITSC 2018). The own vehicle, seen in what faces it, is at twice the distance with twice the speed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.radar.clusters import RadarClusters
from zoox_prediction.geometry import wrap_angle

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

_BEHIND_M = 2.0  # farther than the far side of the mirror
_WEAKER_DB = 3.0  # than the mirror: every bounce costs strength
_MIN_MIRROR_DBSM = 0.0  # people and posts mirror nothing
_HALF_WIDTH_M = 1.0  # of what a mirror is at least, beyond its points
_PATH_M = 2.5  # by how much the length of a path may differ
_TWICE_M = 1.5
_TWICE_MPS = 0.6


@dataclass(frozen=True)
class Multipath:
    """Of K clusters."""

    hidden: Mask  # (K,) behind something nearer and stronger
    reflected: Mask  # (K,) and at the place of a mirror image of another cluster
    own: Mask  # (K,) the own vehicle, seen in what is ahead


def find_multipath(clusters: RadarClusters) -> Multipath:
    """Which of the clusters may be mirror images; none where the radar gives no cross-sections."""
    if not np.isfinite(clusters.rcs_dbsm).any():
        none = np.zeros(len(clusters), dtype=bool)
        return Multipath(none, none, none)
    behind = _behind(clusters)
    image, mirror = np.nonzero(behind)  # (P,) pairs
    total = len(clusters)
    bounce_m = np.minimum(clusters.near[mirror], clusters.distance[mirror])
    extra_m = clusters.distance[image] - bounce_m
    direction = np.column_stack([np.cos(clusters.azimuth[image]), np.sin(clusters.azimuth[image])])
    bounce = bounce_m[:, None] * direction
    to_target = np.linalg.norm(clusters.mean[None] - bounce[:, None], axis=2)
    fits = np.abs(to_target - extra_m[:, None]) < _PATH_M
    fits[np.arange(len(image)), image] = fits[np.arange(len(image)), mirror] = False
    # What is mirrored is itself a stronger echo, and not behind the same mirror.
    fits &= ~behind[:, mirror].T
    fits &= clusters.rcs_dbsm[None] >= clusters.rcs_dbsm[image][:, None]
    twice = np.abs(clusters.distance[image] - 2.0 * bounce_m) < _TWICE_M
    speed, of_mirror = clusters.radial_speed[image], clusters.radial_speed[mirror]
    twice &= np.abs(speed - 2.0 * of_mirror) < _TWICE_MPS + 0.05 * np.abs(of_mirror)
    return Multipath(
        hidden=np.asarray(behind.any(axis=1)),
        reflected=_any(image, fits.any(axis=1), total),
        own=_any(image, twice, total),
    )


def _behind(clusters: RadarClusters) -> Mask:
    """(K, K) whether cluster i is in the shadow of cluster j."""
    margin = _HALF_WIDTH_M / np.maximum(clusters.near, 1.0)
    right = clusters.right / np.maximum(clusters.near, 1.0) - margin
    left = clusters.left / np.maximum(clusters.near, 1.0) + margin
    angle = wrap_angle(clusters.azimuth[:, None] - clusters.azimuth[None])
    shadow: Mask = (angle > right) & (angle < left)
    shadow &= clusters.distance[:, None] > clusters.far + _BEHIND_M
    shadow &= clusters.rcs_dbsm[:, None] <= clusters.rcs_dbsm - _WEAKER_DB
    shadow &= clusters.rcs_dbsm >= _MIN_MIRROR_DBSM
    return shadow


def _any(rows: NDArray, values: Mask, total: int) -> Mask:
    found = np.zeros(total, dtype=bool)
    found[rows[values]] = True
    return found
