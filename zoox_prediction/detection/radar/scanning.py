"""Detections from the polar images of a scanning radar, which measures no speed."""

from __future__ import annotations

from numpy.typing import NDArray

from zoox_prediction.detection.radar.cfar import polar_image_points
from zoox_prediction.detection.radar.config import ScanningRadarConfig
from zoox_prediction.detection.radar.detector import RadarDetector
from zoox_prediction.detections import Detections
from zoox_prediction.sensor_data import Measurement


class ScanningRadarDetector:
    """Echoes by CFAR, then as any radar."""

    def __init__(self, config: ScanningRadarConfig | None = None) -> None:
        self.config = config or ScanningRadarConfig()
        self._detector = RadarDetector(self.config.detector)

    @property
    def problems(self) -> tuple[str, ...]:
        """Of the last image."""
        return self._detector.problems

    def detect(
        self,
        measurement: Measurement,
        polar_image: NDArray,
        azimuth_rad: NDArray | None = None,
        range_resolution_m: float | None = None,
        time_s: NDArray | None = None,
    ) -> Detections:
        """The objects of one turn (A, R), a row for every direction; radial speeds are NaN.

        Directions (A,), resolution and the times (A,) of the rows after the stamp are those of the configuration unless
        given; given directions without times were all measured at the stamp. What stands is moved to where it is from
        the sensor's place at the stamp. Raises InputError when the arrays do not fit together.
        """
        image, rows = self.config.image, len(polar_image)
        if azimuth_rad is None:
            azimuth_rad = image.azimuth_rad(rows)
            time_s = image.time_s(rows) if time_s is None else time_s
        resolution = image.range_resolution_m if range_resolution_m is None else range_resolution_m
        cloud = polar_image_points(polar_image, azimuth_rad, resolution, self.config.cfar, time_s)
        return self._detector.detect(measurement, cloud)
