"""Tracks after what was measured of them: motion, headings, sizes, and what stays off whatever is measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detections import Modality
from zoox_prediction.geometry import rotation_matrix, wrap_angle
from zoox_prediction.tracking.association import Pairs, with_radial_speed
from zoox_prediction.tracking.config import TrackingConfig
from zoox_prediction.tracking.extent import (
    HAS_HEADING,
    SQUARE_YAW_VARIANCE,
    AnchoredBoxes,
    anchor_boxes,
    updated_size,
    updated_yaw,
    usual_size,
)
from zoox_prediction.tracking.images import BearingResiduals, sightings
from zoox_prediction.tracking.motion_models import Motion, update
from zoox_prediction.tracking.sensor_frame import SensorFrame
from zoox_prediction.tracking.track_table import TrackTable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_RANGED_S = 1.0  # tracks that lidar or radar has seen within this time keep their range
_BESIDE_LIDAR_M = 0.5  # deviation that radars' places of what a lidar sees have on top: they err alike at every scan
_RADAR_YAW_SHARE = 5.0  # times the variance that a radar tells of a direction, for the same reason
_HEIGHT_GAIN = 0.2
_GROWTH = 0.1  # of what a size lacks of the least that is usual for its class, at every box


def turned_to_image(
    tracks: TrackTable,
    mean: FloatArray,
    pairs: Pairs,
    found: BearingResiduals,
    frame: SensorFrame,
    ground_z: float,
    config: TrackingConfig,
) -> Motion:
    """(K,) motion of the tracks of `pairs` after the directions, and the ranges where nothing tells them better."""
    motion = tracks.motion.select(pairs.track)
    sight = motion.mean[:, :, :2] - frame.origin[:2]
    merged = mean[pairs.track, :2] - frame.origin[:2]
    distance = np.maximum((sight**2).sum(axis=2), 1.0)
    turn = wrap_angle(np.arctan2(sight[..., 1], sight[..., 0]) - np.arctan2(merged[:, 1], merged[:, 0])[:, None])
    innovation = (found.direction[:, :1] - turn)[..., None]
    jacobian = np.zeros((*sight.shape[:2], 1, 5))
    jacobian[..., 0, 0], jacobian[..., 0, 1] = -sight[..., 1] / distance, sight[..., 0] / distance
    moved = update(motion, innovation, jacobian, found.variance[:, :1, None])
    seen = sightings(frame, pairs.detection, ground_z, config.association)
    vague = seen.known & (frame.stamp_ns - tracks.ranged_ns[pairs.track] > _RANGED_S * 1e9)
    innovation = seen.position[:, None] - motion.mean[:, :, :2]
    jacobian = np.broadcast_to(np.eye(5)[:2], (*innovation.shape[:2], 2, 5))
    placed = update(motion, innovation, jacobian, seen.covariance)
    return Motion(
        np.where(vague[:, None, None], placed.mean, moved.mean),
        np.where(vague[:, None, None, None], placed.covariance, moved.covariance),
        np.where(vague[:, None], placed.mode, moved.mode),
    )


def moved_to_boxes(
    tracks: TrackTable, pairs: Pairs, frame: SensorFrame, config: TrackingConfig
) -> tuple[Motion, TrackTable]:
    """(K,) motion of the tracks of `pairs`, and all tracks with the boxes' sizes, headings and heights."""
    rows = pairs.track
    boxes = anchor_boxes(
        frame, pairs.detection, tracks.yaw[rows], tracks.yaw_variance[rows], tracks.size[rows],
        tracks.size_variance[rows], tracks.class_probabilities[rows], config.association,
    )  # fmt: skip
    motion = tracks.motion.select(rows)
    innovation = boxes.center[:, None] - motion.mean[:, :, :2]
    jacobian = np.broadcast_to(np.eye(5)[:2], (*innovation.shape[:2], 2, 5))
    noise = boxes.covariance
    if frame.modality == Modality.RADAR:
        ranged = frame.stamp_ns - tracks.detected_ns[rows, Modality.LIDAR] < _RANGED_S * 1e9
        noise = noise + (_BESIDE_LIDAR_M**2 * ranged)[:, None, None] * np.eye(2)
        innovation, jacobian, noise = with_radial_speed(
            frame, pairs.detection, motion.mean, innovation, jacobian, noise, config.association
        )
        moved = update(motion, innovation, jacobian, noise)
        tracks = _turned(_with_bias(tracks, rows, motion, moved, noise[:, :2, :2], frame, config), pairs, frame)
        return moved, tracks
    moved = update(motion, innovation, jacobian, noise)
    tracks = _with_bias(tracks, rows, motion, moved, noise, frame, config)
    return _reshaped(tracks, moved, pairs, boxes, frame)


def _with_bias(
    tracks: TrackTable,
    rows: IntArray,
    before: Motion,
    after: Motion,
    noise: FloatArray,
    frame: SensorFrame,
    config: TrackingConfig,
) -> TrackTable:
    """With how far the positions of `rows` (K,) may be off for long, after measurements with this noise (K, 2, 2).

    Boxes of the same side of an agent err in the same way scan after scan: what they have in common comes into the
    estimate by the gain, as any error does, and no number of them averages it out.
    """
    axes = rotation_matrix(tracks.yaw[rows])
    variances = [
        np.einsum("nm,nmij,nia,nja->na", each.mode, each.covariance[:, :, :2, :2], axes, axes)
        for each in (before, after)
    ]
    gain = np.clip(1.0 - variances[1] / variances[0], 0.0, 1.0)
    distance = np.linalg.norm(tracks.position[rows] - frame.origin[:2], axis=1)[:, None]
    told = np.einsum("nij,nia,nja->na", noise, axes, axes)
    share, blur = config.association.lasting_share[frame.modality], config.association.lasting_blur[frame.modality]
    lasting = np.sqrt(share**2 * told + (0.5 * blur * distance * tracks.size[rows, :2]) ** 2)
    return tracks.put(rows, {"bias": tracks.bias[rows] + gain * (lasting - tracks.bias[rows])})


def _turned(tracks: TrackTable, pairs: Pairs, frame: SensorFrame) -> TrackTable:
    """Headings of vehicles after a radar's boxes, where reflections extend enough to tell one."""
    rows = pairs.track
    told_variance = frame.yaw_variance[pairs.detection]
    yaw, variance = updated_yaw(
        tracks.yaw[rows], tracks.yaw_variance[rows], frame.yaw[pairs.detection], _RADAR_YAW_SHARE * told_variance
    )
    use = (told_variance < SQUARE_YAW_VARIANCE) & HAS_HEADING[tracks.class_log[rows].argmax(axis=1)]
    return tracks.put(
        rows,
        {
            "yaw": np.where(use, yaw, tracks.yaw[rows]),
            "yaw_variance": np.where(use, variance, tracks.yaw_variance[rows]),
        },
    )


def _reshaped(
    tracks: TrackTable, motion: Motion, pairs: Pairs, boxes: AnchoredBoxes, frame: SensorFrame
) -> tuple[Motion, TrackTable]:
    """Sizes, headings and heights after a lidar's boxes; where a box has grown its near side stays."""
    assert frame.detections.size is not None
    rows = pairs.track
    height = frame.detections.size[pairs.detection, 2]
    size, size_variance = updated_size(tracks.size[rows], tracks.size_variance[rows], boxes, height)
    growth = 0.5 * (size - tracks.size[rows])[:, :2] * boxes.away * ~boxes.measured
    usual, spread = usual_size(tracks.class_probabilities[rows])
    lacking = _GROWTH * np.maximum((usual - 2.0 * np.sqrt(spread) - size)[:, :2], 0.0)
    size[:, :2] += lacking
    growth += 0.5 * lacking * boxes.away
    shift = np.einsum("pia,pa->pi", rotation_matrix(tracks.yaw[rows]), growth)
    mean = motion.mean.copy()
    mean[:, :, :2] += shift[:, None]
    told = HAS_HEADING[tracks.class_log[rows].argmax(axis=1)]
    yaw, variance = updated_yaw(
        tracks.yaw[rows], tracks.yaw_variance[rows], frame.yaw[pairs.detection], frame.yaw_variance[pairs.detection]
    )
    bottom = frame.center[pairs.detection, 2] - 0.5 * height
    changed = {
        "size": size,
        "size_variance": size_variance,
        "yaw": np.where(told, yaw, tracks.yaw[rows]),
        "yaw_variance": np.where(told, variance, tracks.yaw_variance[rows]),
        "bottom": tracks.bottom[rows] + _HEIGHT_GAIN * (bottom - tracks.bottom[rows]),
    }
    return Motion(mean, motion.covariance, motion.mode), tracks.put(rows, changed)
