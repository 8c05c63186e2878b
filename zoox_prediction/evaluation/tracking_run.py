"""A recording through the detectors and the tracker: what they would have said at every instant of the ground truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.ego_motion import EgoMotion
from zoox_prediction.detection.lidar import LidarDetector
from zoox_prediction.detection.radar.detector import RadarDetector
from zoox_prediction.detections import Detections, Modality
from zoox_prediction.errors import InputError
from zoox_prediction.geometry import rotation_matrix
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.frames import Pose, TransformHistory
from zoox_prediction.recording.log import BASE_FRAME, MAP_FRAME, RecordedLog, load_log
from zoox_prediction.recording.messages import point_cloud_from_message, stamp_ns
from zoox_prediction.scene import TrackedAgents
from zoox_prediction.sensor_data import Measurement, PointCloud
from zoox_prediction.tracking.config import TrackingConfig
from zoox_prediction.tracking.tracker import Tracker

FloatArray = NDArray[np.float64]
Detect = Callable[[Measurement, PointCloud], Detections]

_CLOUD, _TRANSFORMS = "sensor_msgs/msg/PointCloud2", "tf2_msgs/msg/TFMessage"
_BOX_MARGIN_M = 0.1
_SAME_STAMP_S = 0.06  # of a cloud and the truth that its points are counted in


@dataclass(frozen=True)
class TrackedFrame:
    """The truth of an instant, the tracks of then, and where the lidars have seen the agents."""

    truth: TrackedAgents
    tracks: TrackedAgents
    lidar_points: NDArray[np.int64]  # (N,) within the boxes of the truth, of all lidars; zero without lidars
    ego_position: FloatArray  # (2,)
    ego_yaw: float


def track_recording(
    path: Path | str,
    modalities: frozenset[Modality] = frozenset({Modality.LIDAR, Modality.RADAR}),
    config: TrackingConfig | None = None,
) -> Iterator[TrackedFrame]:
    """Runs the package's detectors on every point cloud and the tracker on those of `modalities`.

    A cloud with radial speeds is that of a radar. Lidars are looked at in any case, for what they see of the truth.
    Raises InputError when the recording has no ground truth, no ego or no point clouds.
    """
    log = load_log(path)
    if not log.agents or not log.ego:
        raise InputError(f"{path}: has no {'ego' if log.agents else 'ground truth'}; give a drive with both")
    tracker = Tracker(config)
    with BagReader(path) as reader:
        clouds = [name for name, topic in reader.topics.items() if topic.type == _CLOUD]
        if not clouds:
            raise InputError(f"{path}: has no point clouds; give a recording with lidar or radar")
        frames, messages = _frames(reader), reader.messages(clouds)
        sensors = _Sensors(log, frames)
        waiting = next(messages, None)
        for truth in log.agents:
            points = np.zeros(len(truth), dtype=np.int64)
            while waiting is not None and stamp_ns(waiting.message.header.stamp) <= truth.stamp_ns:
                seen = sensors.take(waiting.message, modalities, tracker)
                if seen is not None and truth.stamp_ns - stamp_ns(waiting.message.header.stamp) < _SAME_STAMP_S * 1e9:
                    points += points_in_boxes(seen, truth)
                waiting = next(messages, None)
            ego = min(log.ego, key=lambda each: abs(each.stamp_ns - truth.stamp_ns))
            yield TrackedFrame(truth, tracker.tracks_at(truth.stamp_ns, ego), points, ego.position, ego.yaw)


class _Sensors:
    """The detectors of a recording's sensors."""

    def __init__(self, log: RecordedLog, frames: TransformHistory) -> None:
        self._frames = frames
        self._motion = sorted(log.ego, key=lambda ego: ego.stamp_ns)
        self._stamps = np.array([ego.stamp_ns for ego in self._motion])
        self._detectors: dict[str, Detect] = {}

    def take(self, message: object, modalities: frozenset[Modality], tracker: Tracker) -> FloatArray | None:
        """Has the message's detections tracked, and gives the points (N, 3) of a lidar in the map frame."""
        header = message.header  # type: ignore[attr-defined]
        stamp, frame = stamp_ns(header.stamp), str(header.frame_id)
        map_from_sensor = self._frames.lookup(MAP_FRAME, frame, stamp)
        base_from_sensor = self._frames.lookup(BASE_FRAME, frame, stamp)
        if map_from_sensor is None or base_from_sensor is None:
            return None
        cloud = point_cloud_from_message(message)
        modality = Modality.LIDAR if cloud.radial_speed is None else Modality.RADAR
        pose = _matrix(map_from_sensor)
        if modality in modalities:
            measurement = self._measurement(stamp, frame, _matrix(base_from_sensor))
            detections = self._detector(frame, modality)(measurement, cloud)
            tracker.add(detections, pose, pose[:3, :3] @ measurement.velocity)
        return cloud.position @ pose[:3, :3].T + pose[:3, 3] if modality == Modality.LIDAR else None

    def _measurement(self, stamp: int, frame: str, base_from_sensor: FloatArray) -> Measurement:
        motion, nearest = EgoMotion(), int(np.abs(self._stamps - stamp).argmin())
        for ego in self._motion[max(nearest - 1, 0) : nearest + 2]:
            motion.add(ego)
        return motion.measurement(stamp, frame, frame, base_from_sensor)

    def _detector(self, frame: str, modality: Modality) -> Detect:
        if frame not in self._detectors:
            make = LidarDetector if modality == Modality.LIDAR else RadarDetector
            self._detectors[frame] = make().detect
        return self._detectors[frame]


def points_in_boxes(points: FloatArray, agents: TrackedAgents) -> NDArray[np.int64]:
    """(N,) how many of the points (M, 3) are in the box of each agent, both in the map frame."""
    count = np.zeros(len(agents), dtype=np.int64)
    order = np.argsort(points[:, 0])
    x = points[order, 0]
    reach = 0.5 * np.linalg.norm(agents.size[:, :2], axis=1) + _BOX_MARGIN_M
    first, last = (np.searchsorted(x, agents.position[:, 0] + sign * reach) for sign in (-1.0, 1.0))
    for row in range(len(agents)):  # each looks at its own few points
        near = points[order[first[row] : last[row]]] - agents.position[row]
        local = np.column_stack([near[:, :2] @ rotation_matrix(agents.yaw[row]), near[:, 2]])
        count[row] = (np.abs(local) < 0.5 * agents.size[row] + _BOX_MARGIN_M).all(axis=1).sum()
    return count


def _frames(reader: BagReader) -> TransformHistory:
    frames = TransformHistory()
    names = [name for name, topic in reader.topics.items() if topic.type == _TRANSFORMS]
    for message in reader.messages(names):
        frames.add_message(message.message, static=message.topic.endswith("static"))
    return frames


def _matrix(pose: Pose) -> FloatArray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = pose.rotation.as_matrix(), pose.translation
    return matrix
