"""Where the centre of a track's box is, given a box of which perhaps only the near side was seen; size and heading.

The side that faces the sensor is seen well, the far one often not. When the size is known from earlier, the centre
follows from the near side (the anchor) and half of that size, however much of the object is in sight now.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detections import Modality
from zoox_prediction.geometry import rotation_matrix, wrap_angle
from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass
from zoox_prediction.tracking.config import AssociationConfig
from zoox_prediction.tracking.sensor_frame import SensorFrame

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# 1 sigma of length, width, height [m] of agents of a class about DEFAULT_SIZE_M.
SIZE_DEVIATION_M = np.array(
    [
        [0.5, 0.15, 0.2],
        [2.5, 0.25, 0.6],
        [2.5, 0.2, 0.3],
        [0.3, 0.2, 0.2],
        [0.2, 0.15, 0.2],
        [0.2, 0.15, 0.2],
        [0.3, 0.12, 0.2],
        [1.0, 0.5, 0.6],
    ]
)
HAS_HEADING = np.ones(len(AgentClass), dtype=bool)  # whose box tells where they head
HAS_HEADING[[AgentClass.PEDESTRIAN, AgentClass.ANIMAL, AgentClass.UNKNOWN]] = False
_TRUSTED_YAW_VARIANCE = 0.3**2
SQUARE_YAW_VARIANCE = 0.7  # of boxes without a direction
_REFLECTION_SHARE = 0.1  # 1 sigma, of the depth, of where the nearest reflection lies
_NEAR_END_SHARE = 0.06  # of the depth: how far behind the near end that is on average
_FLANK_SHARE, _FLANK_ASPECT_RAD = 1.3, 0.6
_RANGE_BLUR = 0.003  # of the sides of a box, per metre of range
# What is so much smaller than the track, and than what is usual for its class, is a part of it.
_PART_SIGMAS, _LEAST_PART_M, _SMALL_SIGMAS = 1.5, 0.7, 2.0
_PART_SHARE = 0.4  # 1 sigma, of what is missing, of where in the whole a part lies
_LEAST_SIZE_VARIANCE = 0.05**2
_SIZE_NOISE_M = 0.12


@dataclass(frozen=True)
class AnchoredBoxes:
    """P boxes as measurements of their tracks' centres. The axes are length and width of the track."""

    center: FloatArray  # (P, 2)
    covariance: FloatArray  # (P, 2, 2)
    extent: FloatArray  # (P, 2) of the detection along the axes
    extent_variance: FloatArray  # (P, 2)
    measured: NDArray[np.bool_]  # (P, 2) whether both ends were seen
    away: FloatArray  # (P, 2) 1 or -1: where along the axes the far side is, 0 beside the object


def usual_size(class_probabilities: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(N, 3) mean and variance of the size of agents of such classes (law of total variance)."""
    mean = class_probabilities @ DEFAULT_SIZE_M
    second = class_probabilities @ (DEFAULT_SIZE_M**2 + SIZE_DEVIATION_M**2)
    return mean, second - mean**2


def anchor_boxes(
    frame: SensorFrame,
    rows: IntArray,
    yaw: FloatArray,
    yaw_variance: FloatArray,
    size: FloatArray,
    size_variance: FloatArray,
    class_probabilities: FloatArray,
    config: AssociationConfig,
) -> AnchoredBoxes:
    """Detections `rows` (P,) against tracks of these yaws (P,), sizes (P, 3) and classes (P, 8)."""
    assert frame.detections.size is not None
    center, covariance = frame.center[rows, :2], frame.covariance[rows, :2, :2]
    axes = rotation_matrix(yaw)  # (P, 2, 2), columns are the axes
    sight = center - frame.origin[:2]
    extent = _extent_along(frame.yaw[rows] - yaw, frame.detections.size[rows])
    direct = np.einsum("pia,pij,pja->pa", axes, covariance, axes)
    along = np.einsum("pia,pi->pa", axes, sight)
    edge = config.edge_deviation_m**2 + (_RANGE_BLUR**2 * (sight**2).sum(axis=1))[:, None]
    away = np.where(np.abs(along) > 0.5 * size[:, :2], np.sign(along), 0.0)
    trusted = (yaw_variance < _TRUSTED_YAW_VARIANCE)[:, None]
    missing = size[:, :2] - extent
    if frame.modality == Modality.RADAR:
        shifted, spread = _behind_reflections(frame, rows, yaw, size, size_variance, trusted[:, 0])
        noise = _radar_noise(covariance, sight, spread, config)
        measured = np.zeros_like(extent, dtype=bool)
        return AnchoredBoxes(shifted, noise, extent, 4.0 * direct + 1.0, measured, away)
    anchored = edge + 0.25 * size_variance[:, :2] + np.where(away == 0.0, 0.25 * missing**2, 0.0)
    part = _is_part(extent, missing, size_variance[:, :2] + edge, class_probabilities)
    use = trusted & ((anchored < direct) | part)
    # A part that is told to be the whole need not be the near one.
    anchored = anchored + np.where(part & (direct <= edge), (_PART_SHARE * missing) ** 2, 0.0)
    # What is off with a box is off in the next sweep too: no side is better than the deviation of a near one.
    variance = np.maximum(np.where(use, anchored, direct), edge)
    shift = np.where(use, 0.5 * missing * away, 0.0)
    noise = np.einsum("pia,pa,pja->pij", axes, variance, axes)
    noise = np.where(trusted[:, :, None], noise, covariance + edge[:, :, None] * np.eye(2))
    measured = trusted & (direct <= edge) & ~part
    extent_variance = np.where(measured, edge + _SIZE_NOISE_M**2, 4.0 * direct)
    return AnchoredBoxes(
        center + np.einsum("pia,pa->pi", axes, shift), noise, extent, extent_variance, measured, np.where(use, away, 0)
    )


def _is_part(
    extent: FloatArray, missing: FloatArray, variance: FloatArray, class_probabilities: FloatArray
) -> NDArray[np.bool_]:
    """(P, 2) whether boxes are a part of their tracks along an axis, whatever they say of themselves."""
    usual, spread = usual_size(class_probabilities)
    small = extent < (usual - _SMALL_SIGMAS * np.sqrt(spread))[:, :2]
    part: NDArray[np.bool_] = small & (missing > np.maximum(_PART_SIGMAS * np.sqrt(variance), _LEAST_PART_M))
    return part


def _extent_along(turn: FloatArray, size: FloatArray) -> FloatArray:
    """(P, 2) extents, along axes turned by -turn (P,), of boxes of this size (P, >=2)."""
    cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    # Within 10 degrees a box is taken to be parallel: its heading is noise then.
    cos, sin = (
        np.where(sin < 0.17, 1.0, np.where(cos < 0.17, 0.0, cos)),
        np.where(sin < 0.17, 0.0, np.where(cos < 0.17, 1.0, sin)),
    )
    return np.column_stack([cos * size[:, 0] + sin * size[:, 1], sin * size[:, 0] + cos * size[:, 1]])


def _behind_reflections(
    frame: SensorFrame,
    rows: IntArray,
    yaw: FloatArray,
    size: FloatArray,
    size_variance: FloatArray,
    trusted: NDArray[np.bool_],
) -> tuple[FloatArray, FloatArray]:
    """(P, 2) centres of tracks as deep along the line of sight as these are, and the variance (P,) of that.

    A radar's box lies behind the nearest reflection by half the depth of its classes; the track's is known better.
    """
    sight = frame.center[rows, :2] - frame.origin[:2]
    bearing = np.arctan2(sight[:, 1], sight[:, 0])
    told = (frame.detections.class_probabilities[rows] * _radar_depths(frame, rows, bearing)).sum(axis=1)
    cos, sin = np.abs(np.cos(yaw - bearing)), np.abs(np.sin(yaw - bearing))
    # Of a heading that is not known the depth is anywhere between width and length.
    cos, sin = np.where(trusted, cos, 0.5), np.where(trusted, sin, 0.5)
    depth = size[:, 0] * cos + size[:, 1] * sin
    turning = np.where(trusted, 0.0, (size[:, 0] - size[:, 1]) ** 2 / 12.0)
    variance = cos**2 * size_variance[:, 0] + sin**2 * size_variance[:, 1] + turning
    shift = (0.5 - _NEAR_END_SHARE) * depth - 0.5 * told
    unit = np.column_stack([np.cos(bearing), np.sin(bearing)])
    center = frame.center[rows, :2] + shift[:, None] * unit + trusted[:, None] * _behind_flanks(sight, yaw, size)
    return center, 0.25 * variance + (_REFLECTION_SHARE * depth) ** 2


def _behind_flanks(sight: FloatArray, yaw: FloatArray, size: FloatArray) -> FloatArray:
    """(P, 2) from where the reflections of vehicles seen along their sides are to the middle: away from the sensor.

    Reflections lie on that side then; the end is small, and hidden in a row of parked cars. Shares as found with
    simulated vehicles.
    """
    normal = np.column_stack([-np.sin(yaw), np.cos(yaw)])
    aside = (sight * normal).sum(axis=1)  # of the vehicle, seen from the sensor
    aspect = np.arcsin(np.clip(np.abs(aside) / np.maximum(np.linalg.norm(sight, axis=1), 0.1), 0.0, 1.0))
    width = size[:, 1]
    slender = 1.0 - width / np.maximum(size[:, 0], width)
    visible = np.clip((np.abs(aside) - 0.25 * width) / (0.5 * width), 0.0, 1.0)
    share = _FLANK_SHARE * slender * visible * np.maximum(1.0 - aspect / _FLANK_ASPECT_RAD, 0.0)
    return (0.5 * share * width * np.sign(aside))[:, None] * normal


def _radar_noise(
    covariance: FloatArray, sight: FloatArray, depth_variance: FloatArray, config: AssociationConfig
) -> FloatArray:
    """(P, 2, 2): what the box's own depth made unsure along the line of sight gives way to that of the track's."""
    unit = sight / np.maximum(np.linalg.norm(sight, axis=1, keepdims=True), 0.1)
    across = np.column_stack([-unit[:, 1], unit[:, 0]])
    told = np.einsum("pi,pij,pj->p", across, covariance, across)
    axes = np.stack([unit, across], axis=-1)
    variance = np.column_stack([depth_variance, told]) + config.radar_deviation_m**2
    noise: FloatArray = np.einsum("pia,pa,pja->pij", axes, variance, axes)
    return noise


def _radar_depths(frame: SensorFrame, rows: IntArray, bearing: FloatArray) -> FloatArray:
    """(P, 8) depths of agents of each class along the line of sight, as the radar's boxes are made with."""
    length, width = DEFAULT_SIZE_M[:, 0], DEFAULT_SIZE_M[:, 1]
    turn = frame.yaw[rows] - bearing
    cos, sin = np.abs(np.cos(turn))[:, None], np.abs(np.sin(turn))[:, None]
    shaped = frame.yaw_variance[rows] < SQUARE_YAW_VARIANCE
    depths: FloatArray = np.where(shaped[:, None], length * cos + width * sin, 0.5 * (length + width))
    return depths


def updated_size(
    size: FloatArray, variance: FloatArray, boxes: AnchoredBoxes, height: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Sizes (P, 3) and their variances after the boxes; height (P,) NaN where it was not measured.

    What was seen of an axis in part only bounds it from below: it lets a box grow and never shrink.
    """
    told = np.column_stack([boxes.extent, np.where(np.isfinite(height), height, size[:, 2])])
    noise = np.column_stack([boxes.extent_variance, np.full(len(size), 0.3**2)])
    measured = np.column_stack([boxes.measured, np.isfinite(height)])
    change = told - size
    noise = noise + (0.3 * change) ** 2  # two objects seen as one must not make one large track
    gain = variance / (variance + noise)
    gain = np.where(measured | (change > 0.0), gain, 0.0)
    return size + gain * change, np.maximum((1.0 - gain) * variance, _LEAST_SIZE_VARIANCE)


def updated_yaw(
    yaw: FloatArray, variance: FloatArray, told: FloatArray, told_variance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Headings (P,) after those of boxes, of which the turn by pi nearest to the heading counts.

    A box may also be a right angle off, when one side alone was seen; such boxes say nothing.
    """
    turn = wrap_angle(2.0 * (told - yaw)) / 2.0
    gain = variance / (variance + told_variance)
    off = (np.abs(turn) > 0.8) & (variance < _TRUSTED_YAW_VARIANCE)
    gain = np.where(off, 0.0, gain)
    return wrap_angle(yaw + gain * turn), (1.0 - gain) * variance
