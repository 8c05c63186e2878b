"""What `zoox-prediction benchmark lidar_detection` measures: a sweep in, detections out."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.lidar import LidarDetector
from zoox_prediction.evaluation.benchmark import BenchmarkCase
from zoox_prediction.sensor_data import Measurement, PointCloud
from zoox_prediction.training.lidar_scenes import draw_sweep

_REAL_SWEEP = "kitti_tracking_0000/velodyne/000000.npz"  # of the recordings for tests
_POINTS = 120_000
_MANY = 10


def lidar_detection_cases(agents: int) -> list[BenchmarkCase]:
    """A sweep of KITTI where the recordings for tests are, else a made-up one of as many points; and ten times that.

    The number of agents is that of what there is to see, whatever is asked for.
    """
    name, position, base_from_sensor = _sweep()
    detector = LidarDetector()
    measurement = Measurement(0, "lidar", "lidar", base_from_sensor)
    random = np.random.default_rng(0)
    many = np.tile(position, (_MANY, 1)) + random.normal(0.0, 0.02, (_MANY * len(position), 3)).astype(np.float32)
    return [
        BenchmarkCase(
            f"lidar detection: {name}, {len(points)} points",
            0,
            partial(detector.detect, measurement, PointCloud(points)),
            most_repeats=most,
        )
        for points, most in ((position, None), (many, 20))
    ]


def _sweep() -> tuple[str, NDArray[np.float32], NDArray[np.float64]]:
    """Name, points (N, 3) and the mounting of the lidar."""
    checkout = Path(__file__).resolve().parents[2]
    path = Path(os.environ.get("ZOOX_PREDICTION_DATA", checkout.parent / "shared" / "data")) / _REAL_SWEEP
    if path.is_file():
        with np.load(path) as compact:
            position = np.cumsum(compact["dxyz_cm"].astype(np.int64), axis=1).T * 0.01
        mount = np.eye(4)
        mount[:3, 3] = 0.76, 0.0, 1.73
        return "a KITTI sweep", position.astype(np.float32), mount
    made_up = draw_sweep(1)
    copies = -(-_POINTS // len(made_up.position))
    return "a made-up sweep", np.tile(made_up.position, (copies, 1))[:_POINTS], made_up.base_from_sensor
