"""New tracks of detections that belong to none, and the end of tracks that are another one's double."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detections import Modality
from zoox_prediction.geometry import rotation_matrix
from zoox_prediction.tracking.appearance import updated_attributes, updated_classes
from zoox_prediction.tracking.association import near_pairs
from zoox_prediction.tracking.config import TrackingConfig
from zoox_prediction.tracking.coverage import SMALL_CLASSES
from zoox_prediction.tracking.extent import usual_size
from zoox_prediction.tracking.images import sightings
from zoox_prediction.tracking.motion_models import new_motion
from zoox_prediction.tracking.sensor_frame import SensorFrame
from zoox_prediction.tracking.track_table import NEVER, NUM_ATTRIBUTES, NUM_MODALITIES, TrackTable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_PART_MARGIN_M = 0.4  # around a track's box, within which a further detection is a part of it
_BESIDE_M = 0.25  # within a vehicle's box: the error of its side
_MAYBE_SIGMAS = 2.0  # of the place that an image tells, within which a track may be what it shows
_MOST_YAW_VARIANCE = (np.pi / 3.0) ** 2


def unclaimed(
    frame: SensorFrame, rows: IntArray, tracks: TrackTable, position: FloatArray, detected: NDArray[np.bool_]
) -> IntArray:
    """Those of the detections `rows` that are not parts of confirmed tracks.

    A person beside a car is none of it, nor one beside another that the same message has `detected` (N,).
    """
    standing = np.flatnonzero(tracks.confirmed)
    center = frame.center[rows, :2]
    track, detection = near_pairs(
        position[standing], 0.5 * np.linalg.norm(tracks.size[standing, :2], axis=1) + 1.0, center, np.zeros(len(rows))
    )
    track = standing[track]
    small = frame.detections.class_probabilities[rows][:, SMALL_CLASSES].sum(axis=1) > 0.5
    large = tracks.class_probabilities[:, SMALL_CLASSES].sum(axis=1) <= 0.5
    separate = small[detection] & (large | detected)[track]
    margin = np.where(separate, 0.0, _PART_MARGIN_M)
    inside = inside_box(tracks, position, track, center[detection], margin)
    return np.delete(rows, np.unique(detection[inside]))


def unclaimed_in_image(
    frame: SensorFrame, rows: IntArray, tracks: TrackTable, ground_z: float, config: TrackingConfig
) -> IntArray:
    """Those of an image's detections `rows` whose range can be told, and that no track might be."""
    seen = sightings(frame, rows, ground_z, config.association)
    apart = np.linalg.norm(seen.position[:, None] - tracks.position[None], axis=2)
    reach = _MAYBE_SIGMAS * np.sqrt(np.trace(seen.covariance, axis1=1, axis2=2))
    kept: IntArray = rows[seen.known & ~(apart < reach[:, None]).any(axis=1)]
    return kept


def inside_box(
    tracks: TrackTable, position: FloatArray, rows: IntArray, points: FloatArray, margin: FloatArray | float
) -> NDArray[np.bool_]:
    """(P,) whether points (P, 2) are in the boxes of the tracks `rows` (P,), widened by a margin."""
    local = np.einsum("nji,nj->ni", rotation_matrix(tracks.yaw[rows]), points - position[rows])
    half = 0.5 * tracks.size[rows, :2] + np.asarray(margin)[..., None]
    inside: NDArray[np.bool_] = (np.abs(local) < half).all(axis=1)
    return inside


def born(
    frame: SensorFrame, rows: IntArray, ids: IntArray, sensor_bit: int, ground_z: float, config: TrackingConfig
) -> TrackTable:
    """Tracks of the detections `rows` (R,)."""
    detections, count = frame.detections, len(rows)
    classes = detections.class_probabilities[rows]
    size, size_variance = usual_size(classes)
    yaw, yaw_variance = np.zeros(count), np.full(count, _MOST_YAW_VARIANCE)
    if frame.modality.is_image:
        seen = sightings(frame, rows, ground_z, config.association)
        center, covariance, bottom = seen.position, seen.covariance, seen.bottom
    else:
        assert detections.size is not None
        size = np.maximum(detections.size[rows], 0.2)
        center, covariance = frame.center[rows, :2], frame.covariance[rows, :2, :2]
        bottom = frame.center[rows, 2] - 0.5 * size[:, 2]
        yaw, yaw_variance = frame.yaw[rows], np.minimum(frame.yaw_variance[rows], _MOST_YAW_VARIANCE)
    velocity, spread = _velocity(frame, rows, center, classes, config)
    motion = new_motion(center, covariance, velocity, spread, config.motion)
    stamp = np.full(count, frame.stamp_ns)
    looked = np.full((count, NUM_MODALITIES), NEVER)
    looked[:, frame.modality] = frame.stamp_ns
    none = np.zeros((count, NUM_ATTRIBUTES))
    return TrackTable(
        ids=ids, mean=motion.mean, covariance=motion.covariance, mode=motion.mode, bottom=bottom, yaw=yaw,
        yaw_variance=yaw_variance, travelled=np.zeros(count), bias=np.zeros((count, 2)),
        size=size, size_variance=np.maximum(size_variance, 0.01),
        class_log=updated_classes(np.zeros_like(classes), classes, config.appearance),
        attribute_log_odds=updated_attributes(
            none, detections.attributes[rows], detections.attributes_valid[rows], detections.attribute_confidence[rows],
            config.appearance,
        ),
        lagged_velocity=velocity,
        existence=config.existence.birth_share[frame.modality] * detections.existence_probability[rows],
        credit=detections.existence_probability[rows],
        confirmed=np.zeros(count, dtype=bool), hits=np.ones(count, dtype=np.int64), born_ns=stamp, seen_ns=stamp,
        ranged_ns=np.full(count, NEVER) if frame.modality.is_image else stamp,
        looked_ns=looked, detected_ns=looked.copy(),
        sensors=np.full(count, 1 << sensor_bit, dtype=np.uint64),
    )  # fmt: skip


def _velocity(
    frame: SensorFrame, rows: IntArray, center: FloatArray, classes: FloatArray, config: TrackingConfig
) -> tuple[FloatArray, FloatArray]:
    """(R, 2) and (R, 2, 2): nothing is known but what a radar measures along the line of sight."""
    deviation = classes @ np.array(config.motion.birth_speed_deviation_mps)
    velocity = np.zeros((len(rows), 2))
    covariance = deviation[:, None, None] ** 2 * np.eye(2)
    if frame.modality != Modality.RADAR:
        return velocity, covariance
    told, variance = frame.detections.radial_speed, frame.detections.radial_speed_variance
    assert told is not None and variance is not None
    sight = center - frame.origin[:2]
    unit = sight / np.maximum(np.linalg.norm(sight, axis=1, keepdims=True), 0.1)
    radial = told[rows] + unit @ frame.sensor_velocity[:2]
    noise = variance[rows] + config.association.radial_speed_deviation_mps**2
    gain = deviation**2 / (deviation**2 + noise)
    line = unit[:, :, None] * unit[:, None, :]
    return (gain * radial)[:, None] * unit, covariance - (gain * deviation**2)[:, None, None] * line


def doubles(tracks: TrackTable, position: FloatArray, detected: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) tracks whose middle lies in the box of a better one: confirmed before others, then the older one.

    Of two people or cyclists that the same message has `detected` (N,) both stay, and one of them at the side of a
    vehicle stays too: things that small come near to others, and are not seen in pieces.
    """
    first, second = near_pairs(
        position, 0.5 * np.linalg.norm(tracks.size[:, :2], axis=1), position, np.zeros(len(tracks))
    )
    apart = first != second
    first, second = first[apart], second[apart]
    inside = inside_box(tracks, position, first, position[second], 0.0)
    first, second = first[inside], second[inside]
    small = tracks.class_probabilities[:, SMALL_CLASSES].sum(axis=1) > 0.5
    both = detected[first] & detected[second]
    beside = (small[first] != small[second]) & ~inside_box(tracks, position, first, position[second], -_BESIDE_M)
    separate = both & ((small[first] & small[second]) | beside)
    order = np.lexsort((tracks.ids, tracks.born_ns, ~tracks.confirmed))
    rank = np.empty(len(tracks), dtype=np.int64)
    rank[order] = np.arange(len(tracks))
    worse = np.maximum(rank[first], rank[second])[~separate]
    ends = np.zeros(len(tracks), dtype=bool)
    ends[order[worse]] = True
    return ends
