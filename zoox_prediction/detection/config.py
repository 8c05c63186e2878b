"""Settings of a detection node; those of its modality's detector count."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from zoox_prediction.config import check_positive
from zoox_prediction.detection.image.config import ImageDetectorConfig
from zoox_prediction.detection.image.lights import LightConfig
from zoox_prediction.detection.lidar.config import LidarDetectorConfig
from zoox_prediction.detection.radar.config import RadarDetectorConfig, ScanningRadarConfig
from zoox_prediction.detections import MODALITIES, Modality


@dataclass(frozen=True)
class DetectionConfig:
    """Every part's config under the part's name."""

    modality: str = "lidar"  # lidar, radar, camera or thermal
    sensor_name: str = ""  # of the sensor, unique in the vehicle; empty: the name of the node
    base_frame: str = "base_link"  # of the vehicle that carries the sensor (REP-105)
    compressed: bool = False  # images come as CompressedImage
    rectified: bool = False  # lens distortion is taken out of the images already
    scanning: bool = False  # a radar that sends polar images (mono8, one row per direction) on the topic image
    max_rate_hz: float = 1000.0  # of frames that are looked at; those that come sooner are dropped
    max_input_age_s: float = 0.5  # diagnostics report older data, and odometry
    max_latency_s: float = 0.08  # of one detection; diagnostics warn when the 99th percentile is above
    lidar: LidarDetectorConfig = field(default_factory=LidarDetectorConfig)
    radar: RadarDetectorConfig = field(default_factory=RadarDetectorConfig)
    scanning_radar: ScanningRadarConfig = field(default_factory=ScanningRadarConfig)
    image: ImageDetectorConfig = field(default_factory=ImageDetectorConfig)
    lights: LightConfig = field(default_factory=LightConfig)

    def __post_init__(self) -> None:
        if self.modality not in MODALITIES:
            nearest = difflib.get_close_matches(self.modality, MODALITIES, n=1)
            hint = f", did you mean '{nearest[0]}'?" if nearest else ""
            raise ValueError(f"modality must be one of {', '.join(MODALITIES)}, got '{self.modality}'{hint}")
        if self.scanning and self.modality != "radar":
            raise ValueError(f"scanning is for radars, and this is a {self.modality}")
        check_positive(self, "max_rate_hz", "max_input_age_s", "max_latency_s")

    @property
    def sensor_modality(self) -> Modality:
        return MODALITIES[self.modality]

    @property
    def takes_images(self) -> bool:
        return self.scanning or self.sensor_modality.is_image

    @property
    def looks_at_lights(self) -> bool:
        return self.lights.enabled and self.sensor_modality == Modality.CAMERA
