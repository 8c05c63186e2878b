"""Boxes of other detectors, vision_msgs/Detection3DArray."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from zoox_prediction.detections import Detections, Modality
from zoox_prediction.errors import InputError
from zoox_prediction.recording.messages.fields import stamp_ns
from zoox_prediction.scene import NUM_CLASSES, AgentClass

# Names of classes as detectors trained on COCO, KITTI, nuScenes, Waymo or Argoverse 2 give them, in lower case.
CLASS_NAMES: dict[str, AgentClass] = {
    **dict.fromkeys(("car", "van", "vehicle", "regular_vehicle", "suv", "taxi"), AgentClass.CAR),
    **dict.fromkeys(("truck", "trailer", "construction_vehicle", "large_vehicle", "box_truck"), AgentClass.TRUCK),
    **dict.fromkeys(("bus", "tram", "school_bus", "articulated_bus"), AgentClass.BUS),
    **dict.fromkeys(("motorcycle", "motorbike", "motorcyclist"), AgentClass.MOTORCYCLIST),
    **dict.fromkeys(("bicycle", "cyclist", "bicyclist", "bike"), AgentClass.CYCLIST),
    **dict.fromkeys(("pedestrian", "person", "person_sitting", "child", "adult"), AgentClass.PEDESTRIAN),
    **dict.fromkeys(("animal", "dog", "cat", "horse", "cow", "sheep", "bird"), AgentClass.ANIMAL),
}
_DEVIATIONS = np.array([0.3, 0.3, 0.3, 0.15])  # of x, y, z [m] and yaw [rad], where the detector tells none
_MAX_TILT_RAD = 0.5
_XYZ_YAW = np.ix_([0, 1, 2, 5], [0, 1, 2, 5])


def detections_from_vision(message: Any) -> Detections:
    """The detections of a Detection3DArray, as those of a lidar that is named after the frame of the message.

    Scores are existence probabilities: those of one box together, at most 1. Raises InputError for boxes that do not
    stand upright in the frame, for the frame of their heading must then be another one.
    """
    found = list(message.detections)
    rotation = _rotations(found)
    up = rotation.apply([0.0, 0.0, 1.0])[:, 2] if found else np.zeros(0)
    if (np.abs(up) < np.cos(_MAX_TILT_RAD)).any():
        frame = message.header.frame_id
        raise InputError(f"a box does not stand upright in '{frame}'; publish boxes in a frame whose z axis points up")
    heading = rotation.apply([1.0, 0.0, 0.0]) if found else np.zeros((0, 3))
    scores = np.array([_scores(each) for each in found]).reshape(-1, NUM_CLASSES)
    total = scores.sum(axis=1, keepdims=True)
    unknown = np.eye(NUM_CLASSES)[AgentClass.UNKNOWN]
    boxes = [each.bbox for each in found]
    bits = np.zeros(len(found), dtype=np.uint32)
    return Detections(
        stamp_ns=stamp_ns(message.header.stamp),
        frame_id=message.header.frame_id,
        sensor_name=message.header.frame_id,
        modality=Modality.LIDAR,
        class_probabilities=np.where(total > 0.0, scores / np.where(total > 0.0, total, 1.0), unknown),
        existence_probability=np.clip(total[:, 0], 0.0, 1.0),
        attributes=bits,
        attributes_valid=bits.copy(),
        attribute_confidence=np.zeros(len(found)),
        center=_table([(box.center.position.x, box.center.position.y, box.center.position.z) for box in boxes]),
        yaw=np.arctan2(heading[:, 1], heading[:, 0]),
        size=_table([(box.size.x, box.size.y, box.size.z) for box in boxes]),
        covariance=np.array([_covariance(each) for each in found]).reshape(-1, 4, 4),
    )


def _table(rows: list[tuple[float, float, float]]) -> NDArray[np.float64]:
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _rotations(found: list[Any]) -> Rotation:
    """Of the boxes; quaternions that are not set are no rotation."""
    table = [(q.x, q.y, q.z, q.w) for q in (each.bbox.center.orientation for each in found)]
    quaternions = np.array(table, dtype=np.float64).reshape(-1, 4)
    unset = ~(np.linalg.norm(quaternions, axis=1) > 1e-6)
    quaternions[unset] = [0.0, 0.0, 0.0, 1.0]
    return Rotation.from_quat(quaternions if len(quaternions) else [[0.0, 0.0, 0.0, 1.0]])


def _scores(detection: Any) -> NDArray[np.float64]:
    """(8,) scores by class."""
    scores = np.zeros(NUM_CLASSES)
    for result in detection.results:
        name = result.hypothesis.class_id.strip().lower().replace(" ", "_").rpartition(".")[2]
        scores[CLASS_NAMES.get(name, AgentClass.UNKNOWN)] += max(float(result.hypothesis.score), 0.0)
    return scores


def _covariance(detection: Any) -> NDArray[np.float64]:
    """(4, 4) of x, y, z, yaw by the likeliest hypothesis, where it tells one."""
    likeliest = max(detection.results, key=lambda each: each.hypothesis.score, default=None)
    if likeliest is not None:
        told = np.array(likeliest.pose.covariance, dtype=np.float64).reshape(6, 6)[_XYZ_YAW]
        if np.isfinite(told).all() and (np.diag(told) > 0.0).all():
            return told
    return np.diag(_DEVIATIONS**2)
