"""The one detector of a sensor: every modality's data goes to its detector, and what cannot be is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from zoox_prediction.detection.config import DetectionConfig
from zoox_prediction.detection.sensor_detector import CameraImage, SensorDetector
from zoox_prediction.detections import Detections, Modality
from zoox_prediction.errors import InputError
from zoox_prediction.recording.messages import (
    camera_model_from_message,
    image_from_message,
    point_cloud_from_message,
)
from zoox_prediction.scene import AgentClass, EgoState, TrackedAgents
from zoox_prediction.sensor_data import CameraModel, Measurement, PointCloud
from zoox_prediction.simulation.sensors.config import LidarConfig, Mount, RadarConfig, SensorConfig, ThermalConfig
from zoox_prediction.simulation.sensors.suite import SensorSuite
from zoox_prediction.simulation.sensors.truth import SensorTruth

rosbags = pytest.importorskip("rosbags", reason="needs rosbags for messages without ROS")
STAMP_NS = 12_000_000_000
PLACES = np.array([[15.0, 2.0, 0.8], [12.0, -3.0, 0.9]])


def sensed(kind: type[SensorConfig]) -> tuple[Measurement, list[Any]]:
    """What the first sensor of the kind, put in the middle of the front, sends of a car and a person."""
    from zoox_prediction.recording.typestore import RosbagsTypes

    suite = SensorSuite.load()
    first = next(each for each in suite.config.sensors if isinstance(each, kind))
    sensor = replace(first, mount=Mount(3.75, 0.0, first.mount.z_m))
    agents = TrackedAgents.from_states(
        STAMP_NS,
        np.array([1, 2]),
        np.array([AgentClass.CAR, AgentClass.PEDESTRIAN]),
        PLACES,
        np.zeros(2),
        np.array([[4.0, 0.0], [0.0, 0.0]]),
    )
    suite = SensorSuite(replace(suite.config, sensors=(sensor,)))
    messages = suite.messages(SensorTruth(agents, EgoState(STAMP_NS, np.zeros(2), 0.0, np.zeros(2))), 1)
    built = [each.build(RosbagsTypes()) for each in messages if each.topic != suite.config.odometry.topic]
    return Measurement(STAMP_NS, sensor.frame_id, "front", sensor.base_from_frame), built


def places(measurement: Measurement, detections: Detections) -> np.ndarray:
    """(N, 2) on base_link."""
    assert detections.center is not None
    pose = measurement.base_from_sensor
    return (detections.center @ pose[:3, :3].T + pose[:3, 3])[:, :2]


@pytest.mark.parametrize(("kind", "modality"), [(LidarConfig, "lidar"), (RadarConfig, "radar")])
def test_clouds_go_to_the_detector_of_their_modality(kind: type[SensorConfig], modality: str) -> None:
    measurement, (message,) = sensed(kind)
    detector = SensorDetector(DetectionConfig(modality=modality))
    detections, problems = detector.detect(measurement, point_cloud_from_message(message))
    assert problems == []
    assert (detections.stamp_ns, detections.sensor_name) == (STAMP_NS, "front")
    assert detections.frame_id == measurement.frame_id and detections.modality.name.lower() == modality
    apart = np.linalg.norm(places(measurement, detections)[:, None] - PLACES[None, :, :2], axis=2)
    assert apart.min(axis=0)[0] < 1.0  # the car
    assert (detections.radial_speed is None) == (modality == "lidar")


def test_images_go_to_the_detector_of_images() -> None:
    measurement, (info, image) = sensed(ThermalConfig)
    data = CameraImage(image_from_message(image), camera_model_from_message(info))
    detections, problems = SensorDetector(DetectionConfig(modality="thermal")).detect(measurement, data)
    assert problems == [] and detections.modality == Modality.THERMAL and detections.stamp_ns == STAMP_NS
    assert detections.bearing_box is not None
    middle = 0.5 * (detections.bearing_box[:, 0] + detections.bearing_box[:, 2])
    away = PLACES[1, :2] - measurement.base_from_sensor[:2, 3]
    assert np.abs(middle - np.arctan2(away[1], away[0])).min() < 0.03  # the person


def test_polar_images_go_to_the_detector_of_scanning_radars() -> None:
    picture = np.zeros((400, 500), dtype=np.uint8)
    picture[100:104, 200:206] = 200
    detector = SensorDetector(DetectionConfig(modality="radar", scanning=True))
    detections, _ = detector.detect(Measurement(STAMP_NS, "radar", "scan"), CameraImage(picture))
    assert detections.modality == Modality.RADAR and len(detections) == 1


def cloud(position: np.ndarray, num_dropped: int = 0) -> PointCloud:
    return PointCloud(position.astype(np.float32), num_dropped=num_dropped)


def test_points_that_are_not_finite_are_counted_and_a_blind_lidar_is_no_empty_road() -> None:
    detector = SensorDetector(DetectionConfig())
    measurement, (message,) = sensed(LidarConfig)
    seen = point_cloud_from_message(message)
    detections, problems = detector.detect(measurement, replace(seen, num_dropped=7))
    assert len(detections) and problems == [f"7 of {len(seen) + 7} points are not finite, left out"]
    with pytest.raises(InputError, match="none of 9 points is finite"):
        detector.detect(measurement, cloud(np.zeros((0, 3)), num_dropped=9))
    with pytest.raises(InputError, match="there are no points"):
        detector.detect(measurement, cloud(np.zeros((0, 3))))
    radar = SensorDetector(DetectionConfig(modality="radar"))
    assert len(radar.detect(measurement, cloud(np.zeros((0, 3))))[0]) == 0  # nothing reflects


def test_more_points_than_are_used_are_told() -> None:
    config = DetectionConfig()
    few = replace(config, lidar=replace(config.lidar, max_points=10_000))
    measurement, (message,) = sensed(LidarConfig)
    seen = point_cloud_from_message(message)
    detections, problems = SensorDetector(few).detect(measurement, seen)
    assert problems == [f"{len(seen)} points, too many, are thinned (max_points is 10000)"]
    apart = np.linalg.norm(places(measurement, detections) - PLACES[0, :2], axis=1)
    assert apart.min() < 1.0


def test_detections_that_are_not_finite_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    measurement, (message,) = sensed(RadarConfig)
    seen = point_cloud_from_message(message)
    detector = SensorDetector(DetectionConfig(modality="radar"))
    whole, _ = detector.detect(measurement, seen)
    assert whole.center is not None and whole.radial_speed is not None and len(whole) > 1
    center, speed = whole.center.copy(), whole.radial_speed.copy()
    center[0, 2], speed[1] = np.nan, np.nan  # a radial speed may be unknown
    broken = replace(whole, center=center, radial_speed=speed)
    monkeypatch.setattr(detector._radar, "detect", lambda *_: broken)
    left, problems = detector.detect(measurement, seen)
    assert len(left) == len(whole) - 1 and problems == ["1 detections were not finite, left out"]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (DetectionConfig(lidar=replace(DetectionConfig().lidar, classifier_file="/no/such.json")), "/no/such.json"),
        (DetectionConfig(lidar=replace(DetectionConfig().lidar, onnx_file="/no/such.onnx")), "/no/such.onnx"),
    ],
)
def test_a_model_that_is_missing_is_told_when_the_detector_is_made(config: DetectionConfig, words: str) -> None:
    with pytest.raises(InputError, match=words):
        SensorDetector(config)


def test_an_image_needs_its_camera() -> None:
    camera = CameraModel(np.eye(3), np.zeros(0), "plumb_bob", 8, 8)
    detector = SensorDetector(DetectionConfig(modality="thermal"))
    with pytest.raises(InputError, match="is none that cameras send"):
        detector.detect(Measurement(STAMP_NS, "t", "t"), CameraImage(np.eye(8, dtype=np.float32), camera))
    with pytest.raises(InputError, match="all pixels are 7; look at the sensor"):
        detector.detect(Measurement(STAMP_NS, "t", "t"), CameraImage(np.full((8, 8), 7, dtype=np.uint8), camera))
