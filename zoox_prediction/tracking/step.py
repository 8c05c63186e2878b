"""One message into the tracks: predict, associate, update, count misses, begin and end tracks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detections import Modality
from zoox_prediction.tracking.appearance import (
    faded_attributes,
    updated_attributes,
    updated_classes,
    with_attributes_of_tracks,
)
from zoox_prediction.tracking.association import Pairs, assign, box_pairs
from zoox_prediction.tracking.births import born, doubles, unclaimed, unclaimed_in_image
from zoox_prediction.tracking.config import TrackingConfig
from zoox_prediction.tracking.coverage import Coverage, cells_of, detected_azimuths
from zoox_prediction.tracking.existence import after_detection, after_miss, alive, look_weight, visible_share
from zoox_prediction.tracking.extent import usual_size
from zoox_prediction.tracking.heading import follow_motion
from zoox_prediction.tracking.images import ProjectedTracks, image_pairs, project
from zoox_prediction.tracking.measurement import moved_to_boxes, turned_to_image
from zoox_prediction.tracking.motion_models import Motion, predict
from zoox_prediction.tracking.sensor_frame import SensorFrame
from zoox_prediction.tracking.track_table import NEVER, TrackTable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

ACCELERATION_TIME_S = 0.5  # by which the velocity lags that the acceleration is taken against
_SETTLED_S = 1.0  # age of tracks whose velocity is known
_ASSOCIATION_PROBABILITY = 0.3  # least probability of detection in association: sectors may be new
_LOOK_PROBABILITY = 0.3  # a sensor that would have detected the track as probably as this has looked
_CLEAR_VIEW = 0.8
_LEAST_CREDIT_GAIN = 0.06


@dataclass(frozen=True)
class TrackerState:
    """Everything that detections change."""

    tracks: TrackTable = field(default_factory=TrackTable.empty)
    stamp_ns: int = NEVER  # of the tracks
    coverage: Mapping[str, Coverage] = field(default_factory=dict)  # by the sensors' names
    lidar_ns: int = NEVER  # of the last message of a lidar


@dataclass(frozen=True)
class Step:
    """What goes with a message."""

    frame: SensorFrame
    sensor_bit: int
    kin_bits: int  # of all sensors of the modality
    ground_z: float
    config: TrackingConfig
    new_ids: Callable[[SensorFrame, IntArray], IntArray]  # of tracks that begin with these detections
    # Told of every image: its tracks, their ids, and which of them lidar or radar has just seen.
    on_view: Callable[[SensorFrame, ProjectedTracks, IntArray, BoolArray], None] | None = None


def predicted(tracks: TrackTable, dt_s: float, config: TrackingConfig) -> TrackTable:
    """The tracks `dt_s` later; as they are for dt_s <= 0."""
    if dt_s <= 0.0 or not len(tracks):
        return tracks
    mean, covariance = tracks.motion.merged()
    noise = tracks.class_probabilities @ np.array(config.motion.acceleration_noise)
    motion = predict(tracks.motion, dt_s, noise, config.motion)
    settled = ((tracks.seen_ns - tracks.born_ns) > _SETTLED_S * 1e9)[:, None]
    share = np.where(settled, 1.0 - math.exp(-dt_s / ACCELERATION_TIME_S), 1.0)
    turned = follow_motion(tracks, mean, covariance, dt_s, config.appearance)
    return replace(
        turned,
        mean=motion.mean,
        covariance=motion.covariance,
        mode=motion.mode,
        lagged_velocity=tracks.lagged_velocity + share * (mean[:, 2:4] - tracks.lagged_velocity),
        existence=tracks.existence * math.exp(-dt_s / config.existence.survival_s),
        attribute_log_odds=faded_attributes(tracks.attribute_log_odds, dt_s, config.appearance),
    )


def applied(state: TrackerState, step: Step) -> TrackerState:
    """The state after the message."""
    frame, config = step.frame, step.config
    name, modality = frame.detections.sensor_name, frame.modality
    dt_s = (frame.stamp_ns - state.stamp_ns) * 1e-9 if state.stamp_ns != NEVER else 0.0
    tracks = predicted(state.tracks, dt_s, config)
    mean, covariance = tracks.motion.merged()
    coverage = state.coverage.get(name) or Coverage.unknown()
    cells = cells_of(frame, mean[:, :2], tracks.class_probabilities)
    probability = coverage.probability(cells, modality, config.existence)
    visible = np.ones(len(tracks))
    if modality == Modality.RADAR:  # what it tells of from behind others is mostly a mirror image
        visible = visible_share(tracks, mean[:, :2], np.arange(len(tracks)), frame.origin)
    pairs, tracks = _detected(tracks, mean, covariance, probability * visible**2, step)
    detected = np.zeros(len(tracks), dtype=bool)
    detected[pairs.track] = True
    rows = np.flatnonzero(~detected & (probability > 0.05))
    if modality != Modality.RADAR:
        visible[rows] = visible_share(tracks, mean[:, :2], rows, frame.origin)
    tracks = _missed(tracks, rows, probability[rows] * visible[rows] ** 2, frame, config)
    judged = tracks.confirmed & (tracks.existence > 0.9) & (frame.stamp_ns - tracks.seen_ns < 3e8)
    # Only what this kind of sensor can see at all: a mirror image in a radar says nothing about lidars.
    judged &= (tracks.sensors & np.uint64(step.kin_bits)) > 0
    judged &= detected | (visible > _CLEAR_VIEW)
    coverage = coverage.updated(cells.select(judged), detected[judged], detected_azimuths(frame))
    told = frame.detections.of_tracks
    if told is not None:
        log_odds = with_attributes_of_tracks(tracks.attribute_log_odds, tracks.ids, told, config.appearance)
        tracks = replace(tracks, attribute_log_odds=log_odds)
    lidar_ns = frame.stamp_ns if modality == Modality.LIDAR else state.lidar_ns
    tracks = _with_new(tracks, pairs, lidar_ns, step)
    detected = np.concatenate([detected, np.ones(len(tracks) - len(detected), dtype=bool)])
    tracks = _without_ended(tracks, None if modality.is_image else detected, frame.stamp_ns, config)
    return TrackerState(tracks, frame.stamp_ns, {**state.coverage, name: coverage}, lidar_ns)


def _detected(
    tracks: TrackTable, mean: FloatArray, covariance: FloatArray, probability: FloatArray, step: Step
) -> tuple[Pairs, TrackTable]:
    """Which track has which detection, and the tracks after these."""
    frame, config = step.frame, step.config
    likely = np.maximum(probability, _ASSOCIATION_PROBABILITY)
    seen = probability if frame.modality == Modality.RADAR else likely
    if frame.modality.is_image:
        view = project(frame, tracks, mean[:, :2], covariance[:, :2, :2])
        if step.on_view is not None:
            recent = frame.stamp_ns - tracks.ranged_ns[view.rows] < 3e8
            step.on_view(frame, view, tracks.ids[view.rows], tracks.confirmed[view.rows] & recent)
        candidates, found = image_pairs(frame, tracks, view, config.association)
        rows = assign(candidates, tracks.existence, likely)
        pairs, found = candidates.select(rows), found.select(rows)
        motion = turned_to_image(tracks, mean, pairs, found, frame, step.ground_z, config)
    else:
        candidates = box_pairs(frame, tracks, mean, covariance, config.association)
        pairs = candidates.select(assign(candidates, tracks.existence, likely))
        motion, tracks = moved_to_boxes(tracks, pairs, frame, config)
    return pairs, _recognized(tracks, motion, pairs, seen, step)


def _recognized(tracks: TrackTable, motion: Motion, pairs: Pairs, seen: FloatArray, step: Step) -> TrackTable:
    """Motion, class, attributes and existence of the tracks that were detected."""
    frame, config = step.frame, step.config
    rows, of = pairs.track, pairs.detection
    detections, stamp = frame.detections, frame.stamp_ns
    weight = look_weight(tracks, rows, tracks.detected_ns[rows, frame.modality], stamp, config.existence)
    existence = after_detection(
        tracks.existence[rows], pairs.log_ratio, seen[rows], weight, config.existence.most_log_odds[frame.modality]
    )
    hits = tracks.hits[rows] + (tracks.seen_ns[rows] < stamp)
    told_share = np.maximum(1.0 / (hits + 1.0), _LEAST_CREDIT_GAIN)
    credit = tracks.credit[rows] + told_share * (detections.existence_probability[of] - tracks.credit[rows])
    sure = (hits >= config.existence.confirm_hits) & (existence >= config.existence.confirm_probability)
    sure &= credit >= config.existence.confirm_credit
    looked, told = tracks.looked_ns[rows], tracks.detected_ns[rows]
    looked[:, frame.modality] = told[:, frame.modality] = stamp
    class_log = updated_classes(tracks.class_log[rows], detections.class_probabilities[of], config.appearance)
    # What no lidar has measured is as large as its class.
    unmeasured = (told[:, Modality.LIDAR] == NEVER)[:, None]
    size, size_variance = usual_size(np.exp(class_log))
    changed = {
        "mean": motion.mean,
        "covariance": motion.covariance,
        "mode": motion.mode,
        "class_log": class_log,
        "size": np.where(unmeasured, size, tracks.size[rows]),
        "size_variance": np.where(unmeasured, size_variance, tracks.size_variance[rows]),
        "attribute_log_odds": updated_attributes(
            tracks.attribute_log_odds[rows],
            detections.attributes[of],
            detections.attributes_valid[of],
            detections.attribute_confidence[of],
            config.appearance,
        ),
        "existence": existence,
        "credit": credit,
        "confirmed": tracks.confirmed[rows] | sure,
        "hits": hits,
        "seen_ns": np.full(len(rows), stamp),
        "ranged_ns": tracks.ranged_ns[rows] if frame.modality.is_image else np.full(len(rows), stamp),
        "looked_ns": looked,
        "detected_ns": told,
        "sensors": tracks.sensors[rows] | np.uint64(1 << step.sensor_bit),
    }
    return tracks.put(rows, changed)


def _missed(
    tracks: TrackTable, rows: IntArray, missing: FloatArray, frame: SensorFrame, config: TrackingConfig
) -> TrackTable:
    """Existence of the tracks `rows` (R,), which this probability of detection (R,) was not enough for."""
    weight = look_weight(tracks, rows, tracks.looked_ns[rows, frame.modality], frame.stamp_ns, config.existence)
    looked = tracks.looked_ns[rows]
    looked[missing > _LOOK_PROBABILITY, frame.modality] = frame.stamp_ns
    existence = after_miss(tracks.existence[rows], missing, weight)
    return tracks.put(rows, {"existence": existence, "looked_ns": looked})


def _with_new(tracks: TrackTable, pairs: Pairs, lidar_ns: int, step: Step) -> TrackTable:
    """With tracks of the detections that no track has. Images begin tracks only where no lidar works."""
    frame, config = step.frame, step.config
    rows = np.setdiff1d(np.arange(len(frame)), pairs.detection, assume_unique=True)
    if frame.modality.is_image:
        blind = frame.stamp_ns - lidar_ns > config.existence.lidar_timeout_s * 1e9
        rows = unclaimed_in_image(frame, rows, tracks, step.ground_z, config) if blind else rows[:0]
    else:
        detected = np.isin(np.arange(len(tracks)), pairs.track)
        rows = unclaimed(frame, rows, tracks, tracks.position, detected)
    if not len(rows):
        return tracks
    new = born(frame, rows, step.new_ids(frame, rows), step.sensor_bit, step.ground_z, config)
    joined = tracks.joined(new)
    if frame.modality == Modality.RADAR:
        last = np.arange(len(tracks), len(joined))
        visible = visible_share(joined, joined.position, last, frame.origin)
        joined = joined.put(last, {"existence": new.existence * np.maximum(visible**2, 0.1)})
    return joined


def _without_ended(tracks: TrackTable, detected: BoolArray | None, stamp_ns: int, config: TrackingConfig) -> TrackTable:
    """Without dead tracks; after a message that may have begun some, `detected` (N,), without doubles."""
    variance = np.einsum("nm,nmi->ni", tracks.mode, tracks.covariance[:, :, [0, 1], [0, 1]]).max(axis=1, initial=0.0)
    kept = alive(tracks, variance, stamp_ns, config.existence)
    if detected is not None:
        kept &= ~doubles(tracks, tracks.position, detected)
    if kept.sum() > config.max_tracks:
        worth = np.where(kept, tracks.existence + tracks.confirmed, -1.0)
        kept = np.zeros(len(tracks), dtype=bool)
        kept[np.argsort(-worth, kind="stable")[: config.max_tracks]] = True
    return tracks if kept.all() else tracks.select(kept)
