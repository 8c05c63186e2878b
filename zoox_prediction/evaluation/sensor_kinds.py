"""What each kind of sensors of a recording found at the instants of its labels, alone and together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detections import Modality, PlacedDetections
from zoox_prediction.evaluation.detection_scores import FoundBoxes, JudgedFrame, MatchingRule, union
from zoox_prediction.evaluation.footprints import Footprints
from zoox_prediction.evaluation.tracking_run import DetectedRecording, TrackedFrame, track_recording
from zoox_prediction.scene import TrackedAgents
from zoox_prediction.tracking.pipeline import TrackingNodeConfig

FloatArray = NDArray[np.float64]

_SAME_STAMP_S = 0.06  # of a label and the measurement that it is compared with


@dataclass(frozen=True)
class LabelScope:
    """Which labels count."""

    radius_m: float = 100.0  # around the ego
    min_points: int = 0  # of all lidars


def kinds_of(recording: DetectedRecording) -> tuple[Modality, ...]:
    """Kinds of sensors that found something or looked and found nothing, in the order of their numbers."""
    return tuple(sorted({each.detections.modality for each in recording.detections}))


def groups_of(kinds: Sequence[Modality]) -> dict[str, frozenset[Modality]]:
    """Every kind alone, those that give boxes in space together, and all together, by name."""
    groups = {f"{kind.label} alone": frozenset({kind}) for kind in kinds}
    spatial = [kind for kind in kinds if not kind.is_image]
    for together in (spatial, list(kinds)):
        if len(together) > 1:
            groups[" + ".join(kind.label for kind in together)] = frozenset(together)
    return groups


def detection_frames(
    recording: DetectedRecording, rule: MatchingRule, scope: LabelScope
) -> dict[str, list[JudgedFrame]]:
    """Of the groups of kinds that give boxes in space: frames of the labels at which all of these kinds have looked."""
    kinds = [kind for kind in kinds_of(recording) if not kind.is_image]
    groups = groups_of(kinds)
    frames: dict[str, list[JudgedFrame]] = {name: [] for name in groups}
    by_kind = {kind: [each for each in recording.detections if each.detections.modality == kind] for kind in kinds}
    ego_stamps = np.array([each.stamp_ns for each in recording.log.ego], dtype=np.int64)
    for truth in recording.log.agents:
        looks = {kind: list(_newest(found, truth.stamp_ns)) for kind, found in by_kind.items()}
        if not all(looks.values()):
            continue
        ego = recording.log.ego[int(np.abs(ego_stamps - truth.stamp_ns).argmin())]
        points = recording.lidar_points.get(truth.stamp_ns, np.zeros(len(truth), dtype=np.int64))
        for name, group in groups.items():
            parts = [_boxes(each, truth) for kind in kinds if kind in group for each in looks[kind]]
            frames[name].append(_judged(truth, points, union(parts, rule), ego.position, scope))
    return frames


def track_frames(
    recording: DetectedRecording, config: TrackingNodeConfig, scope: LabelScope
) -> dict[str, list[JudgedFrame]]:
    """Of all groups of kinds: frames of the labels with the tracks that the sensors of the group make alone."""
    kinds = kinds_of(recording)
    return {
        name: [
            _judged(each.truth, each.lidar_points, _tracks(each), each.ego_position, scope)
            for each in track_recording(recording, config, without=set(kinds) - group)
        ]
        for name, group in groups_of(kinds).items()
    }


def _newest(found: Sequence[PlacedDetections], stamp_ns: int) -> Iterator[PlacedDetections]:
    """Of each sensor the message that is nearest to the stamp, where it is near enough."""
    nearest: dict[str, PlacedDetections] = {}
    for each in found:
        off = abs(each.detections.stamp_ns - stamp_ns)
        before = nearest.get(each.detections.sensor_name)
        if off <= _SAME_STAMP_S * 1e9 and (before is None or off < abs(before.detections.stamp_ns - stamp_ns)):
            nearest[each.detections.sensor_name] = each
    yield from nearest.values()


def _boxes(placed: PlacedDetections, truth: TrackedAgents) -> FoundBoxes:
    """Boxes in the map; each is moved to the instant of the labels with the label that is nearest to it."""
    found = placed.detections
    assert found.center is not None and found.yaw is not None and found.size is not None
    rotation, origin = placed.map_from_sensor[:3, :3], placed.map_from_sensor[:3, 3]
    position = (found.center @ rotation.T + origin)[:, :2]
    ahead = np.column_stack([np.cos(found.yaw), np.sin(found.yaw)]) @ rotation[:2, :2].T
    if len(truth):
        seconds = (truth.stamp_ns - found.stamp_ns) * 1e-9
        then = truth.position[:, :2] - seconds * truth.velocity
        apart = np.linalg.norm(position[:, None] - then[None], axis=-1)
        near = apart.argmin(axis=1)
        moved = seconds * truth.velocity[near]
        position = position + np.where((apart.min(axis=1) < 10.0)[:, None], moved, 0.0)
    boxes = Footprints(position, np.arctan2(ahead[:, 1], ahead[:, 0]), found.size[:, :2])
    return FoundBoxes(boxes, found.existence_probability)


def _tracks(frame: TrackedFrame) -> FoundBoxes:
    tracks = frame.tracks
    return FoundBoxes(Footprints(tracks.position[:, :2], tracks.yaw, tracks.size[:, :2]), tracks.existence_probability)


def _judged(
    truth: TrackedAgents, points: NDArray[np.int64], found: FoundBoxes, ego: FloatArray, scope: LabelScope
) -> JudgedFrame:
    near = np.linalg.norm(truth.position[:, :2] - ego[:2], axis=1) <= scope.radius_m
    inside = np.linalg.norm(found.boxes.position - ego[:2], axis=1) <= scope.radius_m
    labels = Footprints(truth.position[:, :2], truth.yaw, truth.size[:, :2])
    return JudgedFrame(labels, near & (points >= scope.min_points), found.select(inside))
