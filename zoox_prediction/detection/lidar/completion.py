"""Whole boxes of objects that were seen in part, and how sure each side is.

What a lidar sees of an object is its near faces. How far it goes on where nobody looked depends on what it is and on
how it is turned, so all of that is weighed: for every class and for the longer side along either axis of the box around
the points, each axis was seen from end to end, or the object goes on there to a size that is usual for the class and
not less than what was seen. The box is that of the most probable class and turn. Its covariance is about all of them:
large along what was not seen or may be another thing, as small as the lidar's resolution across a side that was seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from zoox_prediction.detection.lidar.visibility import Visibility, ends_seen
from zoox_prediction.geometry import rotation_matrix, wrap_angle
from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# 1 sigma of length and width [m] of agents of each class about DEFAULT_SIZE_M.
_SIZE_DEVIATION_M = np.array(
    [[0.5, 0.15], [2.5, 0.25], [2.5, 0.2], [0.3, 0.2], [0.2, 0.15], [0.2, 0.15], [0.3, 0.12], [1.0, 0.5]]
)
_TURNS = np.array(
    [AgentClass.PEDESTRIAN, AgentClass.ANIMAL, AgentClass.UNKNOWN]
)  # nothing in a shape tells their heading
_MISTAKEN = 0.05  # share of the ends that were not seen although they look as if they were: dark paint, glass, gaps
_TELLING = 0.5  # power of what the extents say of the class, which its probabilities know in part
_RESOLUTION_RAD = 0.005  # between the points of a usual lidar
_NOISE_M = 0.08


@dataclass(frozen=True)
class ObjectBoxes:
    """N boxes on the ground plane, the length along the heading."""

    center: FloatArray  # (N, 2)
    yaw: FloatArray  # (N,)
    size: FloatArray  # (N, 2) length, width
    covariance: FloatArray  # (N, 2, 2) of the centre
    yaw_variance: FloatArray  # (N,)

    def select(self, rows: NDArray) -> ObjectBoxes:
        return ObjectBoxes(
            self.center[rows], self.yaw[rows], self.size[rows], self.covariance[rows], self.yaw_variance[rows]
        )


@dataclass(frozen=True)
class _Extents:
    """N objects of 8 classes, their longer side along the one or the other axis: (N, 8, 2, 2), the axis comes last."""

    log_likelihood: FloatArray  # of what was seen
    size: FloatArray  # mean of the whole extent [m]
    offset: FloatArray  # mean of the centre, from that of what was seen [m]
    variance: FloatArray  # of that


def complete_boxes(
    center: FloatArray,
    yaw: FloatArray,
    size: FloatArray,
    hidden: BoolArray,
    class_probabilities: FloatArray,
    origin: FloatArray,
) -> ObjectBoxes:
    """Whole boxes of what was seen: centres (N, 2), yaws (N,), sizes (N, 2) of the longer and the shorter side.

    `hidden` (N, 2): whether something nearer stands before the left and before the right end of the object, as seen
    from the sensor at `origin` (2,).
    """
    view = ends_seen(center, yaw, size, hidden, origin)
    extents = _extents(size, view)
    log_likelihood = extents.log_likelihood.sum(axis=-1)
    turned = _shares(log_likelihood)  # (N, 8, 2)
    kinds = np.log(class_probabilities + 1e-12) + _TELLING * np.logaddexp.reduce(log_likelihood, axis=-1)
    weight = (_shares(kinds)[:, :, None] * turned)[..., None]
    rows, kind = np.arange(len(yaw)), class_probabilities.argmax(axis=1)
    other = turned[rows, kind].argmax(axis=-1)
    moved, whole = extents.offset[rows, kind, other], extents.size[rows, kind, other]
    off = extents.offset - moved[:, None, None]
    yaw_variance = _yaw_variance(size, view.away)
    spread = np.einsum("nko,nkoi,nkoj->nij", weight[..., 0], off, off)
    # What is added to the box swings with the heading, at most by itself.
    swing = np.minimum(yaw_variance, 1.0)[:, None] * (weight * extents.offset[..., ::-1] ** 2).sum(axis=(1, 2))
    spread += ((weight * extents.variance).sum(axis=(1, 2)) + swing)[:, :, None] * np.eye(2)
    axes = rotation_matrix(yaw)
    heading = np.where(other == 1, yaw + 0.5 * math.pi, yaw)
    return ObjectBoxes(
        center=center + np.einsum("nij,nj->ni", axes, moved),
        yaw=wrap_angle(heading),
        size=np.where(other[:, None] == 1, whole[:, ::-1], whole),
        covariance=axes @ spread @ axes.transpose(0, 2, 1),
        yaw_variance=_heading_variance(yaw_variance, weight[..., 0], other),
    )


def _extents(size: FloatArray, view: Visibility) -> _Extents:
    sides = np.array([[0, 1], [1, 0]])  # which side of the object lies along each axis, by how it is turned
    usual, deviation = (each[:, sides][None] for each in (DEFAULT_SIZE_M[:, :2], _SIZE_DEVIATION_M))
    extent = size[:, None, None, :]
    measured = _NOISE_M**2 + (0.5 * _RESOLUTION_RAD * view.away) ** 2
    measured = measured[:, None, None, None]
    # As long as it looks, or longer: then of the usual size, given that it is not less than what was seen.
    spread = np.sqrt(deviation**2 + 4.0 * measured)
    off = (extent - usual) / spread
    log_whole = -0.5 * off**2 - np.log(spread * math.sqrt(2.0 * math.pi))
    log_part = log_ndtr(-off) - np.log(usual)
    above = np.exp(-0.5 * off**2 - 0.5 * math.log(2.0 * math.pi) - log_ndtr(-off))  # of a normal distribution's tail
    more = usual + spread * above - extent
    more_variance = np.maximum(spread**2 * (1.0 + off * above - above**2), 0.0)
    mistaken = np.log(np.where(view.seen, _MISTAKEN, 1.0 - _MISTAKEN))[:, None, None, :]
    right = np.log(np.where(view.seen, 1.0 - _MISTAKEN, _MISTAKEN))[:, None, None, :]
    log_whole, log_part = log_whole + right, log_part + mistaken
    log_likelihood = np.logaddexp(log_whole, log_part)
    part = np.exp(log_part - log_likelihood)
    beyond = view.beyond[:, None, None, :]
    # Half of what is missing is where the centre goes; where it may be at either end, the centre is between.
    offset = 0.5 * more * beyond
    either = np.where(beyond == 0.0, (more**2 + more_variance) / 12.0, 0.25 * more_variance)
    mean = part * offset
    variance = part * (either + offset**2) - mean**2
    return _Extents(log_likelihood, extent + part * more, mean, variance + measured)


def _shares(log_likelihood: FloatArray) -> FloatArray:
    """Along the last axis they sum to 1."""
    shares = np.exp(log_likelihood - log_likelihood.max(axis=-1, keepdims=True))
    total: FloatArray = shares / shares.sum(axis=-1, keepdims=True)
    return total


def _yaw_variance(size: FloatArray, away: FloatArray) -> FloatArray:
    """(N,) of the axes, by the length that was seen."""
    seen = np.maximum(size.max(axis=1), 0.2)
    variance: FloatArray = np.arctan2(_NOISE_M + _RESOLUTION_RAD * away, seen) ** 2
    return variance


def _heading_variance(yaw_variance: FloatArray, weight: FloatArray, other: NDArray[np.int64]) -> FloatArray:
    """(N,) with what turns, and what may be a right angle off; `weight` (N, 8, 2)."""
    turns = np.isin(np.arange(weight.shape[1]), _TURNS)
    turning = weight[:, turns].sum(axis=(1, 2))
    straight = weight[:, ~turns].sum(axis=1)
    across = straight[np.arange(len(other)), 1 - other]
    variance: FloatArray = (
        turning * (math.pi / 3.0) ** 2 + (straight.sum(axis=1) - across) * yaw_variance + across * (0.5 * math.pi) ** 2
    )
    return variance
