"""Lidar detector: a sweep of any lidar in, boxes of road users out."""

from zoox_prediction.detection.lidar.config import LidarDetectorConfig
from zoox_prediction.detection.lidar.detector import LidarDetector

__all__ = ["LidarDetector", "LidarDetectorConfig"]
