"""Boxes around what a few reflections show of an object, and how far off they may be.

Reflections lie on what faces the radar; the rest of the object, known by its class only, is behind them. Which way it
stands is known where they extend, and nowhere else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.radar.clusters import RadarClusters
from zoox_prediction.detection.radar.config import RadarAccuracy
from zoox_prediction.geometry import rotation_matrix, wrap_angle
from zoox_prediction.scene import DEFAULT_SIZE_M

FloatArray = NDArray[np.float64]

_LONG_M = 2.5  # extents above this tell a direction
_SLENDER = 1.8  # when they are so much longer than wide
_UNKNOWN_YAW = math.pi**2 / 12.0  # variance of any direction, pi either way being the same
_AXIS_DEVIATION_RAD = 0.35  # of the direction of a few reflections, whatever their extent
_HEIGHT_DEVIATION_M = 0.7
_DEPTH_SHARE, _BREADTH_SHARE = 0.25, 0.5  # of what is not seen, as found with simulated vehicles
_JOINED_SHARE = 0.15  # deviation per extent: what is long may be two


@dataclass(frozen=True)
class RadarBoxes:
    """K boxes on the ground plane."""

    center: FloatArray  # (K, 2)
    yaw: FloatArray  # (K,)
    size: FloatArray  # (K, 3) length, width, height
    covariance: FloatArray  # (K, 4, 4) of x, y, z, yaw


def fit_boxes(clusters: RadarClusters, probabilities: FloatArray, accuracy: RadarAccuracy) -> RadarBoxes:
    """Boxes of the size of the most probable class, of `probabilities` (K, 8), and of at least the points' extent."""
    shaped = (clusters.extent[:, 0] > _LONG_M) & (clusters.extent[:, 0] > _SLENDER * clusters.extent[:, 1])
    yaw = np.where(shaped, clusters.axis, clusters.azimuth)
    seen = np.column_stack([clusters.far - clusters.near, clusters.left - clusters.right])
    size = DEFAULT_SIZE_M[probabilities.argmax(axis=1)] if len(clusters) else np.zeros((0, 3))
    size[:, :2] = np.maximum(size[:, :2], np.where(shaped[:, None], clusters.extent, seen))
    half, variance = _half_outline(probabilities, yaw - clusters.azimuth, shaped, seen)
    along = clusters.near + half[:, 0]
    across = 0.5 * (clusters.left + clusters.right)
    # Reflections are somewhere on what faces the radar, evenly as far as is known.
    free = np.maximum(half - 0.5 * seen, 0.0) ** 2 / 3.0
    blur = (clusters.distance * accuracy.azimuth_rad) ** 2 / np.maximum(clusters.count, 1)
    joined = (_JOINED_SHARE * seen) ** 2
    along_variance = accuracy.range_m**2 + variance[:, 0] + joined[:, 0] + _DEPTH_SHARE * free[:, 0]
    across_variance = blur + free[:, 1] + joined[:, 1] + _BREADTH_SHARE * variance[:, 1]
    rotation = rotation_matrix(clusters.azimuth)
    covariance = np.zeros((len(clusters), 4, 4))
    diagonal = np.stack([along_variance, across_variance], axis=-1)
    covariance[:, :2, :2] = np.einsum("kij,kj,klj->kil", rotation, diagonal, rotation)
    covariance[:, 2, 2] = _HEIGHT_DEVIATION_M**2
    covariance[:, 3, 3] = np.where(shaped, _axis_variance(clusters, accuracy), _UNKNOWN_YAW)
    center = np.einsum("kij,kj->ki", rotation, np.column_stack([along, across]))
    return RadarBoxes(center, wrap_angle(yaw), size, covariance)


def _half_outline(
    probabilities: FloatArray, aspect: FloatArray, shaped: NDArray[np.bool_], seen: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(K, 2) half of what the objects measure along and across the line of sight, and its variance.

    Over the classes, and over all directions where that of the object is not known: the half extent is then anywhere
    between half the width and half the length.
    """
    length, width = DEFAULT_SIZE_M[:, 0], DEFAULT_SIZE_M[:, 1]
    cos, sin = np.abs(np.cos(aspect))[:, None], np.abs(np.sin(aspect))[:, None]
    known = 0.5 * np.stack([length * cos + width * sin, length * sin + width * cos], axis=-1)  # (K, 8, 2)
    half = np.where(shaped[:, None, None], known, 0.25 * (length + width)[:, None])
    half = np.maximum(half, 0.5 * seen[:, None])
    turning = np.where(shaped[:, None], 0.0, (length - width) ** 2 / 48.0)[..., None]
    mean = np.einsum("kc,kcd->kd", probabilities, half)
    spread = (half - mean[:, None]) ** 2 + turning
    return mean, np.einsum("kc,kcd->kd", probabilities, spread)


def _axis_variance(clusters: RadarClusters, accuracy: RadarAccuracy) -> FloatArray:
    blur = np.hypot(clusters.distance * accuracy.azimuth_rad, accuracy.range_m)
    variance: FloatArray = _AXIS_DEVIATION_RAD**2 + (blur / np.maximum(clusters.extent[:, 0], _LONG_M)) ** 2
    return np.minimum(variance, _UNKNOWN_YAW)
