"""How well the lidar detector finds the labelled road users of a recording, sweep by sweep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from zoox_prediction.detection.lidar import LidarDetector
from zoox_prediction.detections import Detections
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.footprints import Footprints, footprint_overlaps
from zoox_prediction.evaluation.points_in_boxes import points_in_boxes
from zoox_prediction.geometry import wrap_angle
from zoox_prediction.recording.datasets.source import SourceRecording
from zoox_prediction.recording.frames import Pose
from zoox_prediction.recording.messages import point_cloud_from_message
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.scene import TrackedAgents
from zoox_prediction.sensor_data import Measurement, PointCloud
from zoox_prediction.transforms import transform_agents

FloatArray = NDArray[np.float64]

LEAST_IOU, MOST_OFF_M = 0.3, 1.0  # a detection is that of a label from this overlap, or up to this distance


@dataclass(frozen=True)
class LabelledSweep:
    """A sweep with the road users around it, all in the frame of the sensor, which stands upright."""

    measurement: Measurement
    cloud: PointCloud
    labels: TrackedAgents  # with z of their centres


@dataclass(frozen=True)
class SweepScore:
    """L labels that count, and the detections that are nobody's."""

    agent_class: NDArray[np.int64]  # (L,) AgentClass of the labels
    found: NDArray[np.bool_]  # (L,)
    center_error_m: FloatArray  # (L,) NaN where not found
    yaw_error_rad: FloatArray  # (L,) up to a right angle: front and rear are not told apart
    normalised_error: FloatArray  # (L,) squared error of the centre by its covariance, 2 on average when that is right
    num_false: int  # detections within the range that match no label, also none that does not count


def labelled_sweeps(recording: SourceRecording, topic: str, every: int = 1) -> Iterator[LabelledSweep]:
    """Every so manieth sweep of a lidar's topic that has labels of the same stamp.

    Raises InputError when the recording has no ego, no such topic, or no pose of that sensor.
    """
    if recording.ego is None:
        raise InputError(f"{recording.name}: has no ego, so that its labels cannot be seen from the lidar")
    labels = {frame.stamp_ns: frame for frame in recording.agents}
    egos = {int(stamp): row for row, stamp in enumerate(recording.ego.stamp_ns)}
    messages = [each for each in recording.sensors if each.topic == topic and {each.stamp_ns} <= labels.keys() & egos]
    if not messages:
        topics = ", ".join(sorted({each.topic for each in recording.sensors})) or "none"
        raise InputError(f"{recording.name}: has no labelled sweeps on {topic}; its topics are {topics}")
    types, mounts = RosbagsTypes(), {each.child: each.matrix for each in recording.static_transforms}
    for each in messages[::every]:
        message = each.build(types)
        frame_id = message.header.frame_id
        if frame_id not in mounts:
            raise InputError(f"{recording.name}: has no pose of {frame_id} on base_link")
        row = egos[each.stamp_ns]
        ego = Pose(Rotation.from_quat(recording.ego.quaternion[row]), recording.ego.position[row])
        map_from_sensor = ego.matrix @ mounts[frame_id]
        yield LabelledSweep(
            Measurement(each.stamp_ns, frame_id, frame_id, mounts[frame_id]),
            point_cloud_from_message(message),
            _seen_from(labels[each.stamp_ns], np.asarray(np.linalg.inv(map_from_sensor), dtype=np.float64), frame_id),
        )


def _seen_from(agents: TrackedAgents, sensor_from_map: FloatArray, frame_id: str) -> TrackedAgents:
    yaw = float(np.arctan2(sensor_from_map[1, 0], sensor_from_map[0, 0]))
    place = agents.position @ sensor_from_map[:3, :3].T + sensor_from_map[:3, 3]
    # The vehicle pitches and stands on slopes, which a pose in the plane does not say.
    return replace(transform_agents(agents, [0.0, 0.0, yaw], frame_id), position=place)


def score_sweep(
    detections: Detections, sweep: LabelledSweep, *, min_points: int = 10, max_range_m: float = 50.0
) -> SweepScore:
    """Labels with `min_points` points within `max_range_m` count; each detection is given to one label at most."""
    labels = sweep.labels
    if detections.center is None or detections.yaw is None or detections.size is None or detections.covariance is None:
        raise ValueError("detections of a lidar have boxes")
    off = np.linalg.norm(detections.center[None, :, :2] - labels.position[:, None, :2], axis=-1)
    overlap = _overlaps(labels, detections)
    fits = (overlap >= LEAST_IOU) | (off <= MOST_OFF_M)
    counts = (points_in_boxes(sweep.cloud.position, labels) >= min_points) & (
        np.linalg.norm(labels.position[:, :2], axis=1) <= max_range_m
    )
    given = _assign(np.where(fits, overlap - 0.01 * off, -np.inf))
    rows = np.flatnonzero(counts)
    found = given[rows] >= 0
    mine, theirs = given[rows[found]], rows[found]
    center, yaw, squared = (np.full(len(rows), np.nan) for _ in range(3))
    error = detections.center[mine, :2] - labels.position[theirs, :2]
    turn = np.abs(wrap_angle(detections.yaw[mine] - labels.yaw[theirs]))
    center[found] = np.linalg.norm(error, axis=1)
    yaw[found] = np.minimum(turn, np.pi - turn)
    squared[found] = np.einsum("ni,nij,nj->n", error, np.linalg.inv(detections.covariance[mine, :2, :2]), error)
    in_range = np.linalg.norm(detections.center[:, :2], axis=1) <= max_range_m
    num_false = int((in_range & ~fits.any(axis=0)).sum())
    return SweepScore(labels.agent_class[rows], found, center, yaw, squared, num_false)


def _overlaps(labels: TrackedAgents, detections: Detections) -> FloatArray:
    """(L, D) intersection over union of the boxes from above."""
    if detections.center is None or detections.yaw is None or detections.size is None:
        raise ValueError("detections of a lidar have boxes")
    return footprint_overlaps(
        Footprints(labels.position[:, :2], labels.yaw, labels.size[:, :2]),
        Footprints(detections.center[:, :2], detections.yaw, detections.size[:, :2]),
    )


def _assign(value: FloatArray) -> NDArray[np.int64]:
    """(L,) the column that each row is given, the best pairs first, -1 for none."""
    given = np.full(len(value), -1, dtype=np.int64)
    left = value.copy()
    while left.size and np.isfinite(left.max()):
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        given[row] = column
        left[row], left[:, column] = -np.inf, -np.inf
    return given


def score_detector(detector: LidarDetector, sweeps: Iterable[LabelledSweep]) -> list[SweepScore]:
    """The scores of all sweeps."""
    return [score_sweep(detector.detect(sweep.measurement, sweep.cloud), sweep) for sweep in sweeps]
