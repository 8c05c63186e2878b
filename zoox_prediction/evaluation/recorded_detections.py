"""What the detectors see in a recording's sensors, and the tracks that come of it: the nodes' way, without nodes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.config import DetectionConfig
from zoox_prediction.detection.ego_motion import EgoMotion
from zoox_prediction.detection.sensor_detector import CameraImage, SensorDetector
from zoox_prediction.detections import Detections, Modality
from zoox_prediction.errors import InputError
from zoox_prediction.recording import messages
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.frames import Pose, TransformHistory
from zoox_prediction.recording.log import BASE_FRAME, MAP_FRAME
from zoox_prediction.recording.recorded_sensors import RecordedSensor, find_sensors, sensor_messages
from zoox_prediction.scene import EgoState, TrackedAgents
from zoox_prediction.sensor_data import PointCloud
from zoox_prediction.tracking.pipeline import TrackingNodeConfig, TrackingPipeline

FloatArray = NDArray[np.float64]

_TRANSFORMS, _ODOMETRY = "tf2_msgs/msg/TFMessage", "nav_msgs/msg/Odometry"


@dataclass(frozen=True)
class PlacedDetections:
    """One message of a sensor and where the sensor was."""

    detections: Detections
    map_from_sensor: FloatArray  # (4, 4)
    base_from_sensor: FloatArray  # (4, 4)


@dataclass(frozen=True)
class SensorRun:
    """All detections of a recording in the order of time, and its odometry."""

    detections: tuple[PlacedDetections, ...]
    odometry: tuple[EgoState, ...]
    sensors: tuple[RecordedSensor, ...]
    problems: tuple[str, ...]  # distinct sentences
    lidar_points: dict[int, list[FloatArray]]  # by stamp: (N, 3) of each sweep, in the map


def detect_recording(
    reader: BagReader,
    config: DetectionConfig,
    odometry_topic: str | None = None,
    on_message: Callable[[], None] = lambda: None,
) -> SensorRun:
    """Runs the detector of every sensor; raises InputError when there is no sensor or no model.

    Odometry is read from `odometry_topic`; unless given from /localization/odometry, where a simulation's has noise,
    before /odometry, which is its truth.
    """
    sensors = find_sensors(reader)
    if not sensors:
        raise InputError(f"{reader.path}: has no lidar, radar, camera or thermal topics; make one with --sensors")
    frames, odometry = _frames(reader), _odometry(reader, odometry_topic)
    motion = {sensor.name: EgoMotion() for sensor in sensors}
    detectors = {
        sensor.name: SensorDetector(
            replace(config, modality=sensor.modality.name.lower(), sensor_name=sensor.name, scanning=sensor.scanning)
        )
        for sensor in sensors
    }
    found, problems, clouds, fed = [], dict[str, None](), dict[int, list[FloatArray]](), dict.fromkeys(motion, 0)
    for sensor, message, info in sensor_messages(reader, sensors):
        on_message()
        stamp = messages.stamp_ns(message.header.stamp)
        mount, pose = (
            frames.lookup(BASE_FRAME, sensor.frame_id, stamp),
            frames.lookup(MAP_FRAME, sensor.frame_id, stamp),
        )
        if mount is None or pose is None:
            problems[f"{sensor.name}: no transform from {sensor.frame_id} to the map"] = None
            continue
        while fed[sensor.name] < len(odometry) and odometry[fed[sensor.name]].stamp_ns <= stamp:
            motion[sensor.name].add(odometry[fed[sensor.name]])
            fed[sensor.name] += 1
        base_from_sensor, map_from_sensor = _matrix(mount), _matrix(pose)
        try:
            data = _data(message, info)
            measurement = motion[sensor.name].measurement(stamp, sensor.frame_id, sensor.name, base_from_sensor)
            detections, complaints = detectors[sensor.name].detect(measurement, data)
        except InputError as error:
            complaints, detections = [str(error)], None
        problems |= dict.fromkeys(f"{sensor.name}: {each}" for each in complaints)
        if detections is not None:
            found.append(PlacedDetections(detections, map_from_sensor, base_from_sensor))
        if sensor.modality == Modality.LIDAR and isinstance(data, PointCloud):
            points = data.position @ map_from_sensor[:3, :3].T + map_from_sensor[:3, 3]
            clouds.setdefault(stamp, []).append(points)
    return SensorRun(tuple(found), odometry, sensors, tuple(problems), clouds)


def track_recording(
    run: SensorRun, config: TrackingNodeConfig, stamps_ns: Sequence[int], without: Collection[Modality] = ()
) -> Iterator[TrackedAgents]:
    """Tracks at each of the stamps, of everything that was measured up to it but by sensors of the kinds `without`."""
    pipeline = TrackingPipeline(config)
    used = [each for each in run.detections if each.detections.modality not in without]
    next_ego, next_detections = 0, 0
    for stamp in stamps_ns:
        while next_ego < len(run.odometry) and run.odometry[next_ego].stamp_ns <= stamp:
            pipeline.add_ego(run.odometry[next_ego])
            next_ego += 1
        while next_detections < len(used) and used[next_detections].detections.stamp_ns <= stamp:
            each = used[next_detections]
            pipeline.add_detections(each.detections, each.map_from_sensor, each.base_from_sensor)
            next_detections += 1
        yield pipeline.tracks_at(stamp)


def _data(message: object, info: object | None) -> PointCloud | CameraImage:
    if hasattr(message, "fields"):
        return messages.point_cloud_from_message(message)
    pixels = messages.image_from_message(message)
    if info is None:
        return CameraImage(pixels)
    camera = messages.camera_model_from_message(info)
    messages.check_image_size(pixels, camera)
    return CameraImage(pixels, camera)


def _frames(reader: BagReader) -> TransformHistory:
    history = TransformHistory()
    names = [name for name, topic in reader.topics.items() if topic.type == _TRANSFORMS]
    for recorded in reader.messages(names):
        history.add_message(recorded.message, recorded.topic.endswith("tf_static"))
    return history


def _odometry(reader: BagReader, topic: str | None) -> tuple[EgoState, ...]:
    names = [name for name, each in reader.topics.items() if each.type == _ODOMETRY]
    chosen = topic or next((name for name in ("/localization/odometry", "/odometry", *names) if name in names), None)
    if chosen is None:
        return ()
    return tuple(messages.ego_from_odometry(recorded.message) for recorded in reader.messages([chosen]))


def _matrix(pose: Pose) -> FloatArray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = pose.rotation.as_matrix(), pose.translation
    return matrix
