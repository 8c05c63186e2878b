"""Detections from a radar's point cloud: clutter and mirror images aside, several reflections to an object."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.radar.boxes import fit_boxes
from zoox_prediction.detection.radar.classes import class_probabilities
from zoox_prediction.detection.radar.clustering import cluster_points
from zoox_prediction.detection.radar.clusters import RadarClusters, summarize
from zoox_prediction.detection.radar.config import ExistenceConfig, RadarAccuracy, RadarDetectorConfig
from zoox_prediction.detection.radar.ego_velocity import estimate_ego_velocity, share_that_stands
from zoox_prediction.detection.radar.multipath import Multipath, find_multipath
from zoox_prediction.detection.radar.points import RadarPoints, radar_points
from zoox_prediction.detections import Detections, Modality
from zoox_prediction.scene import AgentClass
from zoox_prediction.sensor_data import Measurement, PointCloud

FloatArray = NDArray[np.float64]

_MOVING_SIGMAS = 4.0
_MOVING_MPS = 0.7  # over ground; below it a pedestrian's limbs and a standing car's clutter are alike
_RCS_OF_SINGLE_DBSM = -5.0
_MAX_RCS_TERM = 2.5  # tens of dB
_WITH_LIMBS = [AgentClass.CYCLIST, AgentClass.PEDESTRIAN, AgentClass.ANIMAL]
_LIMB_SPEED_MPS = 0.6  # deviation of what swings from what walks


class RadarDetector:
    """Detects objects in the clouds of one radar, which it takes in the order of time."""

    def __init__(self, config: RadarDetectorConfig | None = None) -> None:
        self.config = config or RadarDetectorConfig()
        self._disagreements = 0
        self.problems: tuple[str, ...] = ()  # of the last cloud, in sentences without their full stop

    def detect(self, measurement: Measurement, cloud: PointCloud) -> Detections:
        """The objects of one scan, in the frame of the radar.

        Radial speeds are as measured by the moving sensor, NaN with NaN variance where the cloud has none. Of the own
        motion `measurement.velocity` is used, unless what stands says clearly otherwise: then the radar's own estimate
        is, and when that lasts `problems` says so.
        """
        points = radar_points(measurement, cloud, self.config)
        velocity = self._own_velocity(measurement, points)
        ground_speed = points.ground_speed(velocity)
        label = cluster_points(points, ground_speed, self.config.clusters)
        clusters = summarize(points, ground_speed, label)
        multipath = find_multipath(clusters)
        keep = (
            (clusters.count >= self.config.clusters.min_points)
            & (clusters.extent[:, 0] <= self.config.clusters.max_length_m)
            & ~multipath.own
        )
        existence = _existence(clusters, multipath, self.config)
        rows = np.flatnonzero(keep & (existence >= self.config.min_existence))
        if len(rows) > self.config.max_detections:
            rows = np.sort(rows[np.argsort(-existence[rows], kind="stable")[: self.config.max_detections]])
        return _detections(measurement, clusters.select(rows), existence[rows], self.config.accuracy)

    def _own_velocity(self, measurement: Measurement, points: RadarPoints) -> FloatArray:
        """(3,) of the sensor over ground along its own axes."""
        config = self.config.ego_velocity
        known = measurement.velocity
        self.problems = ()
        if share_that_stands(points, known, config) > config.max_odometry_share:
            self._disagreements = 0
            return known
        estimate = estimate_ego_velocity(points, config)
        if estimate is None:
            return known
        self._disagreements += 1
        if self._disagreements >= config.frames_to_report:
            own, told = np.linalg.norm(estimate.velocity), np.linalg.norm(known[:2])
            self.problems = (
                f"{measurement.sensor_name}: what stands says that the sensor moves at {own:.1f} m/s, odometry says "
                f"{told:.1f} m/s; check odometry and the sensor's mounting",
            )
        return np.array([*estimate.velocity, known[2]])


def is_moving(clusters: RadarClusters, accuracy: RadarAccuracy) -> NDArray[np.bool_]:
    """(K,) whether a cluster moves over ground for certain; never where no speed is measured."""
    deviation = accuracy.radial_speed_mps / np.sqrt(np.maximum(clusters.count, 1))
    moving: NDArray[np.bool_] = np.abs(clusters.ground_speed) > np.maximum(_MOVING_SIGMAS * deviation, _MOVING_MPS)
    return moving


def _existence(clusters: RadarClusters, multipath: Multipath, config: RadarDetectorConfig) -> FloatArray:
    """(K,) probability that something is there."""
    terms: ExistenceConfig = config.existence
    strength = np.nan_to_num(clusters.rcs_dbsm - _RCS_OF_SINGLE_DBSM) / 10.0
    log_odds = (
        terms.single
        + terms.per_doubling * np.minimum(np.log2(np.maximum(clusters.count, 1)), terms.max_doublings)
        + terms.moving * is_moving(clusters, config.accuracy)
        + terms.per_10_db * np.clip(strength, -_MAX_RCS_TERM, _MAX_RCS_TERM)
        + terms.hidden * multipath.hidden
        + terms.reflected * multipath.reflected
    )
    probability: FloatArray = 1.0 / (1.0 + np.exp(-log_odds))
    return probability


def _detections(
    measurement: Measurement, clusters: RadarClusters, existence: FloatArray, accuracy: RadarAccuracy
) -> Detections:
    count = len(clusters)
    probabilities = class_probabilities(clusters)
    boxes = fit_boxes(clusters, probabilities, accuracy)
    bits = np.zeros(count, dtype=np.uint32)
    # Limbs swing; and the middle of the box differs from what was seen of it by as much as the points differ.
    limbs = probabilities[:, _WITH_LIMBS].sum(axis=1) * _LIMB_SPEED_MPS**2
    variance = (accuracy.radial_speed_mps**2 + limbs) / np.maximum(clusters.count, 1) + clusters.speed_spread**2
    return Detections(
        stamp_ns=measurement.stamp_ns,
        frame_id=measurement.frame_id,
        sensor_name=measurement.sensor_name,
        modality=Modality.RADAR,
        class_probabilities=probabilities,
        existence_probability=existence,
        attributes=bits,
        attributes_valid=bits.copy(),
        attribute_confidence=np.zeros(count),
        center=np.column_stack([boxes.center, _height_of_ground(measurement, boxes.center) + 0.5 * boxes.size[:, 2]]),
        yaw=boxes.yaw,
        size=boxes.size,
        covariance=boxes.covariance,
        radial_speed=clusters.radial_speed,
        radial_speed_variance=variance,
    )


def _height_of_ground(measurement: Measurement, center: FloatArray) -> FloatArray:
    """(K,) z of the ground below places (K, 2) in the frame of the sensor; base_link is on the ground."""
    up = measurement.base_from_sensor[2]
    height: FloatArray = -(center @ up[:2] + up[3]) / max(abs(float(up[2])), 0.1)
    return height
