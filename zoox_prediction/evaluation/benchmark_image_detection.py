"""What `zoox-prediction benchmark image_detection` measures: a picture in, detections out, one thread per network."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from itertools import count

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.image import ImageDetector, ImageDetectorConfig
from zoox_prediction.detection.image.lights import LightTracker
from zoox_prediction.detections import Modality
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.benchmark import BenchmarkCase
from zoox_prediction.evaluation.benchmark_scenes import scene_on
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.sensor_data import CameraModel, Measurement
from zoox_prediction.simulation.sensors.camera import camera_image
from zoox_prediction.simulation.sensors.config import CameraConfig, ImageConfig, ThermalConfig
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.suite_file import load_suite_config
from zoox_prediction.simulation.sensors.thermal import thermal_image
from zoox_prediction.simulation.sensors.truth import SensorTruth

_VEHICLES = 20


def image_detection_cases(agents: int) -> list[BenchmarkCase]:
    """The detectors of the package's first camera and thermal camera in the generated town, and lights of 20 vehicles.

    The camera is left out, with a sentence on stderr, where its default network is not installed.
    """
    scene = scene_on(town(), agents)
    if scene.ego is None:
        raise AssertionError("scenes for timing have an ego")
    scenery = Scenery(SensorTruth(scene.agents, scene.ego, road_network=town()))
    sensors = load_suite_config().sensors
    camera = next(each for each in sensors if isinstance(each, CameraConfig))
    thermal = next(each for each in sensors if isinstance(each, ThermalConfig))
    color = camera_image(camera, scenery, np.random.default_rng(0))
    counts = thermal_image(thermal, scenery, np.random.default_rng(0), np.random.default_rng(1))
    pairs: list[tuple[ImageConfig, NDArray, Modality]] = [(camera, color, Modality.CAMERA)]
    cases = [BenchmarkCase(f"image detection: lights of {_VEHICLES} vehicles", _VEHICLES, _lights(color))]
    for config, image, modality in (*pairs, (thermal, counts, Modality.THERMAL)):
        try:
            detector = ImageDetector(ImageDetectorConfig(), modality)
        except InputError as error:
            print(f"the {modality.name.lower()} detector is not measured: {error}", file=sys.stderr)
            continue
        model = CameraModel(config.camera_matrix, np.zeros(0), "plumb_bob", config.width_px, config.height_px)
        measurement = Measurement(scene.stamp_ns, config.frame_id, config.frame_id, config.base_from_frame)
        name = f"image detection: {modality.name.lower()}, {config.width_px} x {config.height_px}"
        cases.append(BenchmarkCase(name, agents, partial(detector.detect, measurement, image, model)))
    return cases


def _lights(image: NDArray[np.uint8]) -> Callable[[], object]:
    """An update of vehicles that have been watched for as long as they are remembered; time goes on with every call."""
    tracker, ids = LightTracker(), np.arange(_VEHICLES)
    random = np.random.default_rng(0)
    corner = random.uniform([0.0, 0.0], [image.shape[1] - 90.0, image.shape[0] - 70.0], (_VEHICLES, 2))
    boxes = np.concatenate([corner, corner + np.array([80.0, 60.0])], axis=1)
    stamps = count(1_000_000_000, 100_000_000)

    def update() -> object:
        return tracker.update(next(stamps), image, ids, boxes, np.ones(_VEHICLES, dtype=bool))

    for _ in range(30):
        update()
    return update
