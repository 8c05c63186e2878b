"""What the cameras of a recording see of the lights of its tracks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from zoox_prediction.detection.image.lights import LightConfig
from zoox_prediction.detection.image.track_lights import TrackLights
from zoox_prediction.detections import Modality, PlacedDetections
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.tracking_run import DetectedRecording
from zoox_prediction.recording import messages
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.recorded_sensors import find_sensors, sensor_messages
from zoox_prediction.scene import TrackedAgents
from zoox_prediction.sensor_data import CameraModel
from zoox_prediction.tracking.pipeline import TrackingNodeConfig, TrackingPipeline


def with_lights(
    path: Path | str,
    recording: DetectedRecording,
    tracking: TrackingNodeConfig | None = None,
    lights: LightConfig | None = None,
    without: Collection[Modality] = (),
) -> DetectedRecording:
    """`recording`, which is that of `path`, with what its cameras see of the lights of tracks; without some sensors.

    Every picture is looked at with the tracks of the last output before it, as the detection nodes do. Ids are those of
    a tracker with the settings `tracking`: give the same to `track_recording`.
    """
    pipeline, looks = TrackingPipeline(tracking or TrackingNodeConfig()), dict[str, TrackLights]()
    period_ns = round((tracking or TrackingNodeConfig()).period_s * 1e9)
    found: list[PlacedDetections] = []
    egos, tracks = 0, TrackedAgents.empty(0)
    with BagReader(path) as reader:
        pictures = _pictures(reader)
        ahead = next(pictures, None)
        for before in recording.detections:
            detections = before.detections
            if detections.modality in without:
                continue
            name, stamp = detections.sensor_name, detections.stamp_ns
            while egos < len(recording.odometry) and recording.odometry[egos].stamp_ns <= stamp:
                pipeline.add_ego(recording.odometry[egos])
                egos += 1
            if stamp - tracks.stamp_ns > period_ns:
                tracks = pipeline.tracks_at(stamp - 1)  # without the detections of now
            if detections.modality == Modality.CAMERA:
                while ahead is not None and (ahead[0], ahead[1]) != (name, stamp):
                    ahead = next(pictures, None)
                if ahead is None:
                    raise InputError(f"{path}: is not the recording that these detections come from")
                pixels, camera = messages.image_from_message(ahead[2]), ahead[3]
                look = looks.setdefault(name, TrackLights(lights))
                told = look.look(stamp, pixels, camera, before.map_from_sensor, tracks) if pixels.ndim == 3 else None
                detections = replace(detections, of_tracks=told)
            found.append(replace(before, detections=detections))
            pipeline.add_detections(detections, before.map_from_sensor, before.base_from_sensor)
    return replace(recording, detections=tuple(found))


def _pictures(reader: BagReader) -> Iterator[tuple[str, int, object, CameraModel]]:
    """Of the cameras: name, stamp, message, model."""
    cameras = tuple(each for each in find_sensors(reader) if each.modality == Modality.CAMERA)
    for sensor, message, info in sensor_messages(reader, cameras):
        if info is not None:
            stamp = messages.stamp_ns(message.header.stamp)
            yield sensor.name, stamp, message, messages.camera_model_from_message(info)
