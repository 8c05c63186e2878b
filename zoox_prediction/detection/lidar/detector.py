"""The lidar detector: a sweep in, boxes of road users out, in the sensor's frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.lidar.classifier import load_classifier
from zoox_prediction.detection.lidar.completion import ObjectBoxes, complete_boxes
from zoox_prediction.detection.lidar.config import LidarDetectorConfig
from zoox_prediction.detection.lidar.learned import LearnedDetector
from zoox_prediction.detection.lidar.plausibility import plausibility
from zoox_prediction.detection.lidar.segmentation import Segmentation, segment
from zoox_prediction.detection.lidar.selection import is_fragment, select_clusters
from zoox_prediction.detection.lidar.thinning import thin
from zoox_prediction.detection.lidar.visibility import hidden_ends
from zoox_prediction.detection.motion import compensate_motion, is_compensated
from zoox_prediction.detections import Detections, Modality
from zoox_prediction.geometry import wrap_angle
from zoox_prediction.sensor_data import Measurement, PointCloud

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_HEIGHT_DEVIATION_M = 0.15  # 1 sigma of the centre's, of clusters
_VOXEL_M = 0.1  # of what is thinned
_LEARNED_DEVIATION_M, _LEARNED_GROWTH, _LEARNED_DEVIATION_RAD = 0.15, 0.005, 0.15  # 1 sigma, per metre of range


@dataclass(frozen=True)
class _Objects:
    """N road users on base_link."""

    center: FloatArray  # (N, 3)
    size: FloatArray  # (N, 3)
    yaw: FloatArray  # (N,)
    covariance: FloatArray  # (N, 3, 3) of the centre
    yaw_variance: FloatArray  # (N,)
    classes: FloatArray  # (N, 8)
    existence: FloatArray  # (N,)


class LidarDetector:
    """Keeps nothing from sweep to sweep.

    Raises InputError when the classifier's file or the learned detector's model cannot be used.
    """

    def __init__(self, config: LidarDetectorConfig | None = None) -> None:
        self.config = config or LidarDetectorConfig()
        self._learned = LearnedDetector(self.config.onnx_file) if self.config.onnx_file else None
        self._classifier = load_classifier(self.config.classifier_file or None)

    def detect(self, measurement: Measurement, cloud: PointCloud) -> Detections:
        """Road users in the sweep, the most probable first.

        Boxes stand on the ground. Where an object was seen from one side only, the other sides are those that are usual
        for its class, and the covariance says so, see `completion`. Raises InputError when a learned model fails.
        """
        position, time_s, intensity = cloud.position, cloud.time_s, cloud.intensity
        if len(position) > self.config.max_points:
            rows = thin(position, _VOXEL_M, self.config.max_points)
            position, time_s, intensity = position[rows], _rows_of(time_s, rows), _rows_of(intensity, rows)
        if self.config.compensate_ego_motion and time_s is not None:
            velocity, turning = measurement.velocity, measurement.angular_velocity
            if not is_compensated(position, time_s, velocity):
                position = compensate_motion(position, time_s, velocity, turning)
        base_from_sensor = np.asarray(measurement.base_from_sensor, dtype=np.float64)
        if self._learned is not None:
            objects = _learned_objects(self._learned, position, intensity, base_from_sensor)
        else:
            objects = self._clustered_objects(position, base_from_sensor)
        likely = np.flatnonzero(objects.existence >= self.config.min_existence)
        likely = likely[np.argsort(-objects.existence[likely], kind="stable")[: self.config.max_detections]]
        return _detections(measurement, objects, likely)

    def _clustered_objects(self, position: NDArray[np.float32], base_from_sensor: FloatArray) -> _Objects:
        found = segment(position, base_from_sensor, self.config)
        plausible = plausibility(found.clusters, found.away, found.ceiling)
        classes, existence = self._classifier.classify(found.clusters.features, plausible)
        rows = select_clusters(found.clusters.tree, existence)
        rows = rows[existence[rows] >= self.config.min_existence]
        boxes = _boxes(found, rows, classes[rows])
        whole = ~is_fragment(boxes.center, boxes.yaw, boxes.size, existence[rows])
        rows, boxes = rows[whole], boxes.select(whole)
        top = found.clusters.top[rows]
        away = boxes.center - found.origin
        floor = found.ground.height_at(np.linalg.norm(away, axis=1), np.arctan2(away[:, 1], away[:, 0]))
        covariance = np.zeros((len(rows), 3, 3))
        covariance[:, :2, :2] = boxes.covariance
        covariance[:, 2, 2] = _HEIGHT_DEVIATION_M**2
        return _Objects(
            center=np.column_stack([boxes.center, floor + 0.5 * top]),
            size=np.column_stack([boxes.size, top]),
            yaw=boxes.yaw,
            covariance=covariance,
            yaw_variance=boxes.yaw_variance,
            classes=classes[rows],
            existence=existence[rows],
        )


def _rows_of(values: NDArray[np.float32] | None, rows: IntArray) -> NDArray[np.float32] | None:
    return None if values is None else values[rows]


def _learned_objects(
    learned: LearnedDetector,
    position: NDArray[np.float32],
    intensity: NDArray[np.float32] | None,
    base_from_sensor: FloatArray,
) -> _Objects:
    """Those of a learned model, which tells nothing of its errors: they are taken to grow with the range."""
    points = np.zeros((len(position), 4), dtype=np.float32)
    points[:, :3] = position @ base_from_sensor[:3, :3].T.astype(np.float32) + base_from_sensor[:3, 3]
    if intensity is not None:
        points[:, 3] = intensity
    boxes = learned.detect(points)
    away = np.linalg.norm(boxes.center[:, :2] - base_from_sensor[:2, 3], axis=1)
    deviation = _LEARNED_DEVIATION_M + _LEARNED_GROWTH * away
    return _Objects(
        center=boxes.center,
        size=boxes.size,
        yaw=boxes.yaw,
        covariance=deviation[:, None, None] ** 2 * np.eye(3),
        yaw_variance=np.full(len(away), _LEARNED_DEVIATION_RAD**2),
        classes=boxes.class_probabilities,
        existence=boxes.existence_probability,
    )


def _boxes(found: Segmentation, rows: IntArray, classes: FloatArray) -> ObjectBoxes:
    """Whole boxes of the clusters `rows` (N,)."""
    clusters, cells = found.clusters, found.cells
    count = np.diff(clusters.tree.start, append=len(clusters.tree.member))[rows]
    start = np.cumsum(count) - count
    offset = np.repeat(clusters.tree.start[rows] - start, count)
    member = clusters.tree.member[offset + np.arange(len(offset))]
    object_of_cell = np.full(len(cells), -1, dtype=np.int64)
    object_of_cell[member] = np.repeat(np.arange(len(rows)), count)
    object_of_cell[~cells.is_low] = -1
    boxes = clusters.boxes
    center, size = _tight(found, object_of_cell, boxes.center[rows], boxes.yaw[rows])
    turned = size[:, 1] > size[:, 0]
    yaw = np.where(turned, wrap_angle(boxes.yaw[rows] + 0.5 * np.pi), boxes.yaw[rows])
    size = np.where(turned[:, None], size[:, ::-1], size)
    hidden = hidden_ends(cells, found.looked, member, start)
    return complete_boxes(center, yaw, size, hidden, classes, found.origin)


def _tight(
    found: Segmentation, object_of_cell: IntArray, center: FloatArray, yaw: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Centres and sizes (N, 2) around the points themselves, which reach farther than the means of their cells."""
    cell = found.cells.of_point
    of_point = np.where(cell >= 0, object_of_cell[cell], -1) if len(object_of_cell) else cell
    points = np.flatnonzero(of_point >= 0)
    owner = of_point[points]
    local = found.xy[points] - center[owner]
    cos, sin = np.cos(yaw), np.sin(yaw)
    sides = (
        local[:, 0] * cos[owner] + local[:, 1] * sin[owner],
        local[:, 1] * cos[owner] - local[:, 0] * sin[owner],
    )
    low, high = np.full((2, len(yaw)), np.inf), np.full((2, len(yaw)), -np.inf)
    for axis, side in enumerate(sides):
        np.minimum.at(low[axis], owner, side)
        np.maximum.at(high[axis], owner, side)
    x, y = 0.5 * (low + high)
    return center + np.column_stack([cos * x - sin * y, sin * x + cos * y]), (high - low).T


def _detections(measurement: Measurement, objects: _Objects, rows: IntArray) -> Detections:
    """The objects `rows` in the frame of the sensor."""
    rotation, place = measurement.base_from_sensor[:3, :3], measurement.base_from_sensor[:3, 3]
    yaw = objects.yaw[rows]
    heading = np.column_stack([np.cos(yaw), np.sin(yaw), np.zeros(len(rows))]) @ rotation
    covariance = np.zeros((len(rows), 4, 4))
    covariance[:, :3, :3] = rotation.T @ objects.covariance[rows] @ rotation
    covariance[:, 3, 3] = objects.yaw_variance[rows]
    bits = np.zeros(len(rows), dtype=np.uint32)
    return Detections(
        stamp_ns=measurement.stamp_ns,
        frame_id=measurement.frame_id,
        sensor_name=measurement.sensor_name,
        modality=Modality.LIDAR,
        class_probabilities=objects.classes[rows],
        existence_probability=objects.existence[rows],
        attributes=bits,
        attributes_valid=bits,
        attribute_confidence=np.zeros(len(rows)),
        center=(objects.center[rows] - place) @ rotation,
        yaw=np.arctan2(heading[:, 1], heading[:, 0]),
        size=objects.size[rows],
        covariance=covariance,
    )
