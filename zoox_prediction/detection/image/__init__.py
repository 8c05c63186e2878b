"""Detectors of cameras and thermal cameras."""

from zoox_prediction.detection.image.config import ImageDetectorConfig
from zoox_prediction.detection.image.detector import ImageDetector

__all__ = ["ImageDetector", "ImageDetectorConfig"]
