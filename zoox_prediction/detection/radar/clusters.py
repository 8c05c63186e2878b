"""What is known of each cluster of points: place, extent, direction, strength and speed."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.radar.points import RadarPoints
from zoox_prediction.geometry import wrap_angle

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class RadarClusters:
    """K clusters; `along` and `across` are directions of the line of sight to the mean of the points."""

    count: IntArray  # (K,) points
    mean: FloatArray  # (K, 2) [m]
    distance: FloatArray  # (K,) of the mean [m]
    azimuth: FloatArray  # (K,) of the mean
    near: FloatArray  # (K,) smallest coordinate along [m]
    far: FloatArray  # (K,) largest one
    right: FloatArray  # (K,) smallest coordinate across, at most 0
    left: FloatArray  # (K,) largest one
    axis: FloatArray  # (K,) direction in which the points extend most, in (-pi/2, pi/2]
    extent: FloatArray  # (K, 2) along and across that axis [m]
    rcs_dbsm: FloatArray  # (K,) of all points together, NaN unknown
    radial_speed: FloatArray  # (K,) mean, as measured, NaN unknown
    speed_spread: FloatArray  # (K,) standard deviation of the radial speeds over ground
    ground_speed: FloatArray  # (K,) mean radial speed over ground

    def __len__(self) -> int:
        return len(self.count)

    def select(self, rows: NDArray) -> RadarClusters:
        return RadarClusters(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})


def summarize(points: RadarPoints, ground_speed: FloatArray, label: IntArray) -> RadarClusters:
    """The clusters of points with `label` (N,), numbers from 0 without gaps."""
    order = np.argsort(label, kind="stable")
    label, points, ground_speed = label[order], points.select(order), ground_speed[order]
    total = int(label[-1]) + 1 if len(label) else 0
    start = np.searchsorted(label, np.arange(total))
    count = np.bincount(label, minlength=total)
    xy = points.position[:, :2]
    mean = _means(xy, label, count)
    azimuth = np.arctan2(mean[:, 1], mean[:, 0])
    offset = xy - mean[label]
    along, across = _turned(offset, azimuth[label])
    xx, yy, xy_product = _means(
        np.column_stack([offset[:, 0] ** 2, offset[:, 1] ** 2, offset[:, 0] * offset[:, 1]]), label, count
    ).T
    axis = 0.5 * np.arctan2(2.0 * xy_product, xx - yy)
    sides = _turned(offset, axis[label])
    low, high = _ends(along, start)
    right, left = _ends(across, start)
    distance = np.hypot(mean[:, 0], mean[:, 1])
    speed = _means(ground_speed[:, None], label, count)[:, 0]
    spread = np.sqrt(_means((ground_speed - speed[label])[:, None] ** 2, label, count)[:, 0])
    power = np.bincount(label, 10.0 ** (points.rcs_dbsm / 10.0), minlength=total)
    return RadarClusters(
        count=count,
        mean=mean,
        distance=distance,
        azimuth=wrap_angle(azimuth),
        near=distance + low,
        far=distance + high,
        right=right,
        left=left,
        axis=axis,
        extent=np.column_stack([np.subtract(*_ends(side, start)[::-1]) for side in sides]),
        rcs_dbsm=10.0 * np.log10(np.maximum(power, 1e-9)),
        radial_speed=_means(points.radial_speed[:, None], label, count)[:, 0],
        speed_spread=spread,
        ground_speed=speed,
    )


def _means(values: FloatArray, label: IntArray, count: IntArray) -> FloatArray:
    """(K, D) means of values (N, D) by label."""
    sums = [np.bincount(label, column, minlength=len(count)) for column in values.T]
    return np.column_stack(sums).reshape(len(count), values.shape[1]) / np.maximum(count, 1)[:, None]


def _turned(offset: FloatArray, angle: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(N,) coordinates along and across directions (N,)."""
    cos, sin = np.cos(angle), np.sin(angle)
    return offset[:, 0] * cos + offset[:, 1] * sin, offset[:, 1] * cos - offset[:, 0] * sin


def _ends(values: FloatArray, start: IntArray) -> tuple[FloatArray, FloatArray]:
    """(K,) smallest and largest value of each cluster."""
    if not len(start):
        return np.zeros(0), np.zeros(0)
    return np.minimum.reduceat(values, start), np.maximum.reduceat(values, start)
