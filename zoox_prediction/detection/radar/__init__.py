"""Objects in the points and images of radars."""

from zoox_prediction.detection.radar.config import RadarDetectorConfig, ScanningRadarConfig
from zoox_prediction.detection.radar.detector import RadarDetector
from zoox_prediction.detection.radar.scanning import ScanningRadarDetector

__all__ = ["RadarDetector", "RadarDetectorConfig", "ScanningRadarConfig", "ScanningRadarDetector"]
