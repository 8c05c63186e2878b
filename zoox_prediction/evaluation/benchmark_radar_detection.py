"""What `zoox-prediction benchmark radar_detection` measures: a scan or an image in, detections out."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.radar import RadarDetector, ScanningRadarDetector
from zoox_prediction.evaluation.benchmark import BenchmarkCase
from zoox_prediction.evaluation.benchmark_scenes import scene_on
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.sensor_data import Measurement, PointCloud
from zoox_prediction.simulation.sensors.config import RadarConfig
from zoox_prediction.simulation.sensors.radar import radar_scan
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.suite_file import load_suite_config
from zoox_prediction.simulation.sensors.truth import SensorTruth

_REAL_IMAGE = "radiate_tiny_foggy/Navtech_Polar/000009.png"  # of the recordings for tests
_ROWS, _CELLS = 400, 576
_LARGE_SCAN = 1000  # points, as imaging radars send


def radar_detection_cases(agents: int) -> list[BenchmarkCase]:
    """A scan of the package's first radar in the generated town, one of 1,000 points, and a turn of a scanning radar.

    The image is one of RADIATE where the recordings for tests are, else noise with as many echoes.
    """
    scene = scene_on(town(), agents)
    if scene.ego is None:
        raise AssertionError("scenes for timing have an ego")
    radar = next(each for each in load_suite_config().sensors if isinstance(each, RadarConfig))
    scenery = Scenery(SensorTruth(scene.agents, scene.ego, road_network=town()))
    points, _ = radar_scan(radar, scenery, np.random.default_rng(0))
    position = np.column_stack([points[axis] for axis in "xyz"]).astype(np.float32)
    scan = PointCloud(position, radial_speed=points["radial_speed"].copy(), rcs_dbsm=points["rcs"].copy())
    measurement = Measurement(scene.stamp_ns, radar.frame_id, radar.name, radar.base_from_frame)
    detector, scanning = RadarDetector(), ScanningRadarDetector()
    name, image = _image()
    return [
        BenchmarkCase(f"radar detection: {len(scan)} points", agents, partial(detector.detect, measurement, scan)),
        BenchmarkCase(
            f"radar detection: {_LARGE_SCAN} points", 0, partial(detector.detect, measurement, _large_scan())
        ),
        BenchmarkCase(f"radar detection: {name}, {_ROWS} x {_CELLS}", 0, partial(scanning.detect, measurement, image)),
    ]


def _large_scan() -> PointCloud:
    """Things that stand, seen while standing."""
    random = np.random.default_rng(0)
    azimuth, distance = random.uniform(-1.2, 1.2, _LARGE_SCAN), random.uniform(5.0, 120.0, _LARGE_SCAN)
    position = np.column_stack([distance * np.cos(azimuth), distance * np.sin(azimuth), np.zeros(_LARGE_SCAN)])
    speed, rcs = random.normal(0.0, 0.1, _LARGE_SCAN), random.normal(0.0, 8.0, _LARGE_SCAN)
    return PointCloud(
        position.astype(np.float32), radial_speed=speed.astype(np.float32), rcs_dbsm=rcs.astype(np.float32)
    )


def _image() -> tuple[str, NDArray[np.uint8]]:
    checkout = Path(__file__).resolve().parents[2]
    path = Path(os.environ.get("ZOOX_PREDICTION_DATA", checkout.parent / "shared" / "data")) / _REAL_IMAGE
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
    if image is not None:
        return "an image of RADIATE", np.ascontiguousarray(image.T, dtype=np.uint8)
    random = np.random.default_rng(0)
    noise = random.normal(25.0, 8.0, (_ROWS, _CELLS))
    for row, column in random.integers([0, 20], [_ROWS - 6, _CELLS - 3], (100, 2)):
        noise[row : row + 6, column : column + 3] = 140.0
    return "a made-up image", np.clip(noise, 0.0, 255.0).astype(np.uint8)
