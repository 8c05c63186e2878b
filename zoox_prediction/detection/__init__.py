"""Detectors: what one sensor sees at one instant, of lidar, radar, camera and thermal camera."""
