"""The one detector of a sensor, whatever its modality: messages' arrays in, detections and problems out."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.config import DetectionConfig
from zoox_prediction.detections import Detections, Modality
from zoox_prediction.errors import InputError
from zoox_prediction.scene import TrackedAgents
from zoox_prediction.sensor_data import CameraModel, Measurement, PointCloud


@dataclass(frozen=True)
class CameraImage:
    """A picture and the camera that took it; of a scanning radar, which has none, the polar image."""

    pixels: NDArray  # (H, W, 3) uint8 blue, green, red, or (H, W) uint8 or uint16
    camera: CameraModel | None = None


class SensorDetector:
    """Detects in what one sensor sends, in the order of time. Networks are loaded and warm when it is made."""

    def __init__(self, config: DetectionConfig) -> None:
        """Raises InputError for a model that cannot be used."""
        self._config, self._modality = config, config.sensor_modality
        # Detectors bring large libraries with them, and a node needs one of them.
        if self._modality == Modality.LIDAR:
            from zoox_prediction.detection.lidar.detector import LidarDetector

            self._lidar = LidarDetector(config.lidar)
        elif self._modality.is_image:
            from zoox_prediction.detection.image.detector import ImageDetector
            from zoox_prediction.detection.image.track_lights import TrackLights

            self._image = ImageDetector(config.image, self._modality)
            self._lights = TrackLights(config.lights)
        else:
            from zoox_prediction.detection.radar.detector import RadarDetector
            from zoox_prediction.detection.radar.scanning import ScanningRadarDetector

            self._radar, self._scanning = RadarDetector(config.radar), ScanningRadarDetector(config.scanning_radar)

    def detect(self, measurement: Measurement, data: PointCloud | CameraImage) -> tuple[Detections, list[str]]:
        """What is in the data, and what is wrong with it, in one sentence each.

        Raises InputError when nothing can be made of it.
        """
        problems = []
        if isinstance(data, CameraImage):
            detections = self._in_image(measurement, data)
        else:
            problems += self._in_doubt(data)
            detector = self._lidar if self._modality == Modality.LIDAR else self._radar
            detections = detector.detect(measurement, data)
        if self._modality == Modality.RADAR:
            problems += [*self._radar.problems, *self._scanning.problems]
        finite = _finite_rows(detections)
        if not finite.all():
            problems.append(f"{np.count_nonzero(~finite)} detections were not finite, left out")
            detections = detections.select(finite)
        return detections, problems

    def with_lights(
        self, detections: Detections, image: CameraImage, tracks: TrackedAgents, tracks_from_camera: NDArray[np.float64]
    ) -> Detections:
        """The detections of an image of a camera with what the vehicles among the tracks show in it.

        tracks_from_camera (4, 4) is the pose of the camera's optical frame in the frame of the tracks at the stamp.
        """
        if image.pixels.ndim != 3 or image.camera is None:  # lamps have colours
            return detections
        lights = self._lights.look(detections.stamp_ns, image.pixels, image.camera, tracks_from_camera, tracks)
        return replace(detections, of_tracks=lights)

    def _in_doubt(self, cloud: PointCloud) -> list[str]:
        """What is wrong with a cloud; raises InputError when its sensor cannot have looked at all."""
        count = len(cloud) + cloud.num_dropped
        if not len(cloud) and (count or self._modality == Modality.LIDAR):
            what = f"none of {count} points is finite" if count else "there are no points"
            raise InputError(f"{what}; look at the sensor and its driver")
        problems = []
        if cloud.num_dropped:
            problems.append(f"{cloud.num_dropped} of {count} points are not finite, left out")
        is_lidar = self._modality == Modality.LIDAR
        most = self._config.lidar.max_points if is_lidar else self._config.radar.max_points
        if len(cloud) > most:
            problems.append(f"{len(cloud)} points, too many, are thinned (max_points is {most})")
        return problems

    def _in_image(self, measurement: Measurement, data: CameraImage) -> Detections:
        if data.pixels.size and data.pixels.min() == (only := data.pixels.max()):
            raise InputError(f"all pixels are {only}; look at the sensor and its driver")
        if self._modality == Modality.RADAR:
            return self._scanning.detect(measurement, data.pixels)
        assert data.camera is not None
        return self._image.detect(measurement, data.pixels, data.camera)


_MAY_BE_NAN = ("radial_speed", "radial_speed_variance", "apparent_temperature")


def _finite_rows(detections: Detections) -> NDArray[np.bool_]:
    """(N,) rows of which every measured number is finite, but for those that say by NaN that there is none."""
    finite = np.ones(len(detections), dtype=bool)
    for each in fields(detections):
        value = getattr(detections, each.name)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and each.name not in _MAY_BE_NAN:
            finite &= np.isfinite(value).all(axis=tuple(range(1, value.ndim)))
    return finite
