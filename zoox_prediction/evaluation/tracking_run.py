"""A recording through the detectors and the tracker: what they would have said at every instant of the ground truth.

The way is the nodes' own, without nodes: `SensorDetector` for each sensor, `TrackingPipeline` for all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.config import DetectionConfig
from zoox_prediction.detection.ego_motion import EgoMotion
from zoox_prediction.detection.sensor_detector import CameraImage, SensorDetector
from zoox_prediction.detections import Modality, PlacedDetections
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.points_in_boxes import points_in_boxes
from zoox_prediction.recording import messages
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.frames import read_transforms
from zoox_prediction.recording.log import BASE_FRAME, MAP_FRAME, RecordedLog, load_log
from zoox_prediction.recording.recorded_sensors import SensorTopics, find_odometry, find_sensors, sensor_messages
from zoox_prediction.scene import EgoState, TrackedAgents
from zoox_prediction.sensor_data import PointCloud
from zoox_prediction.tracking.pipeline import TrackingNodeConfig, TrackingPipeline

FloatArray = NDArray[np.float64]

_SAME_STAMP_S = 0.06  # of a cloud and the truth that its points are counted in


@dataclass(frozen=True)
class TrackedFrame:
    """The truth of an instant, the tracks of then, and where the lidars have seen the agents."""

    truth: TrackedAgents
    tracks: TrackedAgents
    lidar_points: NDArray[np.int64]  # (N,) within the boxes of the truth, of all lidars; zero without lidars
    ego_position: FloatArray  # (2,)
    ego_yaw: float


@dataclass(frozen=True)
class DetectedRecording:
    """All that the sensors of a recording saw, in the order of time."""

    log: RecordedLog
    detections: tuple[PlacedDetections, ...]
    odometry: tuple[EgoState, ...]
    has_lidar: bool
    lidar_points: Mapping[int, NDArray[np.int64]]  # by stamp of the truth: (N,) points of all lidars on each agent
    problems: tuple[str, ...]  # distinct sentences


def detect_recording(
    path: Path | str, config: DetectionConfig | None = None, without: Collection[Modality] = ()
) -> DetectedRecording:
    """Runs the detector of every sensor of the recording but those of the kinds `without`.

    Raises InputError when it has no ground truth, no ego or no sensors, or a detector's model is missing.
    """
    log = load_log(path)
    if not log.agents or not log.ego:
        raise InputError(f"{path}: has no {'ego' if log.agents else 'ground truth'}; give a drive with both")
    with BagReader(path) as reader:
        sensors = tuple(each for each in find_sensors(reader) if each.modality not in without)
        if not sensors:
            raise InputError(f"{path}: has no lidar, radar, camera or thermal topics; give a drive with sensors")
        run = _Run(reader, sensors, log, config or DetectionConfig())
        for sensor, message, info in sensor_messages(reader, sensors):
            run.take(sensor, message, info)
    has_lidar = any(sensor.modality == Modality.LIDAR for sensor in sensors)
    return DetectedRecording(
        log, tuple(run.found), run.odometry, has_lidar, run.lidar_points, (*log.problems, *run.problems)
    )


def track_recording(
    recording: DetectedRecording, config: TrackingNodeConfig | None = None, without: Collection[Modality] = ()
) -> Iterator[TrackedFrame]:
    """Tracks at every stamp of the truth that a lidar has measured at (without lidars at all), of what came up to it.

    Sensors of the kinds `without` are not listened to. Whether agents are in sight of the lidars counts all the same.
    """
    pipeline = TrackingPipeline(config or TrackingNodeConfig())
    used = [each for each in recording.detections if each.detections.modality not in without]
    egos, taken = 0, 0
    for truth in recording.log.agents:
        points = recording.lidar_points.get(truth.stamp_ns)
        if recording.has_lidar and points is None:
            continue
        while egos < len(recording.odometry) and recording.odometry[egos].stamp_ns <= truth.stamp_ns:
            pipeline.add_ego(recording.odometry[egos])
            egos += 1
        while taken < len(used) and used[taken].detections.stamp_ns <= truth.stamp_ns:
            pipeline.add_detections(used[taken].detections, used[taken].map_from_sensor, used[taken].base_from_sensor)
            taken += 1
        tracks = pipeline.tracks_at(truth.stamp_ns)
        ego = min(recording.log.ego, key=lambda each: abs(each.stamp_ns - truth.stamp_ns))
        count = np.zeros(len(truth), dtype=np.int64) if points is None else points
        yield TrackedFrame(truth, tracks, count, ego.position, ego.yaw)


class _Run:
    """The detectors of a recording's sensors, and what they found."""

    def __init__(
        self, reader: BagReader, sensors: Sequence[SensorTopics], log: RecordedLog, config: DetectionConfig
    ) -> None:
        self.found: list[PlacedDetections] = []
        self.lidar_points: dict[int, NDArray[np.int64]] = {}
        self.problems: dict[str, None] = {}
        self.odometry = _odometry(reader)
        self._frames, self._log = read_transforms(reader), log
        self._truth_stamps = np.array([agents.stamp_ns for agents in log.agents], dtype=np.int64)
        self._motion, self._next_ego = EgoMotion(), 0
        self._detectors = {
            each.name: SensorDetector(
                replace(config, modality=each.modality.label, sensor_name=each.name, scanning=each.scanning)
            )
            for each in sensors
        }

    def take(self, sensor: SensorTopics, message: Any, info: Any | None) -> None:
        """Has one message looked at; what cannot be used is a problem."""
        stamp = messages.stamp_ns(message.header.stamp)
        mount = self._frames.lookup(BASE_FRAME, sensor.frame_id, stamp)
        pose = self._frames.lookup(MAP_FRAME, sensor.frame_id, stamp)
        if mount is None or pose is None:
            self.problems[f"{sensor.name}: no transform from {sensor.frame_id} to the map"] = None
            return
        base_from_sensor, map_from_sensor = mount.matrix, pose.matrix
        while self._next_ego < len(self.odometry) and self.odometry[self._next_ego].stamp_ns <= stamp:
            self._motion.add(self.odometry[self._next_ego])
            self._next_ego += 1
        measurement = self._motion.measurement(stamp, sensor.frame_id, sensor.name, base_from_sensor)
        try:
            data = _data(message, info)
            detections, complaints = self._detectors[sensor.name].detect(measurement, data)
        except InputError as error:
            self.problems[f"{sensor.name}: {error}"] = None
            return
        self.problems |= dict.fromkeys(f"{sensor.name}: {each}" for each in complaints)
        self.found.append(PlacedDetections(detections, map_from_sensor, base_from_sensor))
        if sensor.modality == Modality.LIDAR and isinstance(data, PointCloud):
            self._count(stamp, data.position @ map_from_sensor[:3, :3].T + map_from_sensor[:3, 3])

    def _count(self, stamp: int, points: FloatArray) -> None:
        nearest = int(np.abs(self._truth_stamps - stamp).argmin())
        truth = self._log.agents[nearest]
        if abs(truth.stamp_ns - stamp) <= _SAME_STAMP_S * 1e9:
            before = self.lidar_points.get(truth.stamp_ns, np.zeros(len(truth), dtype=np.int64))
            self.lidar_points[truth.stamp_ns] = before + points_in_boxes(points, truth)


def _data(message: Any, info: Any | None) -> PointCloud | CameraImage:
    if hasattr(message, "fields"):
        return messages.point_cloud_from_message(message)
    pixels = messages.image_from_message(message)
    if info is None:
        return CameraImage(pixels)
    camera = messages.camera_model_from_message(info)
    messages.check_image_size(pixels, camera)
    return CameraImage(pixels, camera)


def _odometry(reader: BagReader) -> tuple[EgoState, ...]:
    topic = find_odometry(reader)
    if topic is None:
        return ()
    return tuple(messages.ego_from_odometry(recorded.message) for recorded in reader.messages([topic]))
