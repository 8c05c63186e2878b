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
        self, measurement: Measurement, polar_image: NDArray, azimuth_rad: NDArray, range_resolution_m: float
    ) -> Detections:
        """The objects of one turn, see `polar_image_points` for the arrays; radial speeds are NaN."""
        cloud = polar_image_points(polar_image, azimuth_rad, range_resolution_m, self.config.cfar)
        return self._detector.detect(measurement, cloud)
