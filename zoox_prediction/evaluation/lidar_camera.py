"""What a lidar and a camera saw of one thing: the tracker's own association on a single sweep and picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.image.bearings import azimuth_elevation, pixel_boxes
from zoox_prediction.detection.image.boxes import overlap
from zoox_prediction.detections import Detections, Modality
from zoox_prediction.evaluation.detection_scores import MatchingRule, pair_values
from zoox_prediction.evaluation.footprints import Footprints
from zoox_prediction.evaluation.labelled_frames import SpaceLabels, View
from zoox_prediction.tracking.association import assign
from zoox_prediction.tracking.births import born
from zoox_prediction.tracking.config import TrackingConfig
from zoox_prediction.tracking.images import image_pairs, project
from zoox_prediction.tracking.sensor_frame import SensorFrame, sensor_frame

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MIN_OVERLAP = 0.3  # of a camera's box with a label's outline in the picture
_WIDEST_RAD = 1.4  # from the optical axis; what goes on beyond is not drawn or judged


@dataclass(frozen=True)
class Association:
    """Of one picture: lidar boxes in its view, and which of them are which camera boxes."""

    lidar_rows: IntArray  # (V,) of the lidar's detections
    lidar_px: FloatArray  # (V, 4) left, top, right, bottom of their outlines
    camera_px: FloatArray  # (C, 4) of all of the camera's detections
    pairs: IntArray  # (P, 2) rows of the two above


def associate(
    lidar: Detections,
    base_from_lidar: FloatArray,
    camera: Detections,
    view: View,
    config: TrackingConfig | None = None,
) -> Association:
    """Lidar detections as the tracks that they would begin, against the detections of a picture."""
    config = config or TrackingConfig()
    swept = _frame(lidar, base_from_lidar)
    count = len(swept)
    tracks = born(swept, np.arange(count), np.arange(count), 0, 0.0, config)
    existence = swept.detections.existence_probability
    mean, covariance = tracks.motion.merged()
    pictured = _frame(camera, view.base_from_camera)
    projected = project(pictured, tracks, mean[:, :2], covariance[:, :2, :2])
    candidates, _ = image_pairs(pictured, tracks, projected, config.association)
    likely = np.full(count, config.existence.detection_probability[Modality.CAMERA])
    pairs = candidates.select(assign(candidates, existence, likely))
    seen = np.flatnonzero((np.abs(projected.box[:, [0, 2]]) < _WIDEST_RAD).all(axis=1))
    outlines = pixel_boxes(projected.box[seen], view.camera)
    limit = [view.camera.width_px, view.camera.height_px]
    inside = np.concatenate([outlines[:, 2:] > 0.0, outlines[:, :2] < limit], axis=1).all(axis=1)
    seen, outlines = seen[inside], outlines[inside]
    rows = projected.rows[seen]
    place = {int(row): index for index, row in enumerate(rows)}
    known = [
        (place[int(track)], int(of)) for track, of in zip(pairs.track, pairs.detection, strict=True) if track in place
    ]
    assert pictured.detections.bearing_box is not None
    return Association(
        rows,
        outlines,
        pixel_boxes(pictured.detections.bearing_box, view.camera),
        np.array(known, dtype=np.int64).reshape(-1, 2),
    )


def _frame(detections: Detections, base_from_sensor: FloatArray) -> SensorFrame:
    frame, _ = sensor_frame(detections, base_from_sensor, np.zeros(3), max(len(detections), 1))
    assert frame is not None  # detectors give what the tracker needs
    return frame


def label_outlines(labels: SpaceLabels, view: View) -> tuple[FloatArray, NDArray[np.bool_]]:
    """(N, 4) boxes around the labels in the picture [px], and which of them (N,) are in it."""
    rotation, origin = view.base_from_camera[:3, :3], view.base_from_camera[:3, 3]
    corners = (labels.corners() - origin) @ rotation
    azimuth, elevation = azimuth_elevation(corners)
    ahead = np.abs(azimuth).max(axis=1, initial=0.0) < _WIDEST_RAD
    angles = np.stack([azimuth.max(axis=1), elevation.max(axis=1), azimuth.min(axis=1), elevation.min(axis=1)], axis=1)
    outlines = np.full((len(labels), 4), -1.0)
    outlines[ahead] = pixel_boxes(angles[ahead], view.camera)
    limit = np.array([view.camera.width_px, view.camera.height_px])
    inside = ahead & (outlines[:, 2:].min(axis=1, initial=np.inf) > 0.0)
    inside &= (outlines[:, 0] < limit[0]) & (outlines[:, 1] < limit[1])
    clipped: FloatArray = np.clip(outlines, 0.0, [*limit, *limit])
    return clipped, inside


def labels_of_boxes(outlines: FloatArray, inside: NDArray[np.bool_], boxes_px: FloatArray) -> IntArray:
    """(C,) the label whose outline covers each box of the picture best, -1 where none does by enough."""
    value = overlap(boxes_px, outlines) * inside
    if not value.size:
        return np.full(len(boxes_px), -1, dtype=np.int64)
    best = value.argmax(axis=1)
    return np.where(value.max(axis=1) >= _MIN_OVERLAP, best, -1)


def labels_of_lidar(
    lidar: Detections, base_from_lidar: FloatArray, labels: SpaceLabels, rule: MatchingRule
) -> IntArray:
    """(D,) the label that each detection of the lidar is of, -1 for none."""
    frame = _frame(lidar, base_from_lidar)
    assert lidar.size is not None
    value = pair_values(Footprints(frame.center[:, :2], frame.yaw, lidar.size[:, :2]), labels.footprints, rule)
    if not value.size:
        return np.full(len(lidar), -1, dtype=np.int64)
    return np.where(np.isfinite(value.max(axis=1)), value.argmax(axis=1), -1)
