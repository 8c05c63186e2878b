"""People and animals by temperature, in painted and simulated thermal pictures."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from simulated_views import camera_model, facing_ahead, kelvin_image, measurement, scenery, true_boxes

from zoox_prediction.detection.image.boxes import overlap
from zoox_prediction.detection.image.config import RadiometryConfig, WarmBodyConfig
from zoox_prediction.detection.image.radiometry import apparent_temperatures, temperatures
from zoox_prediction.detection.image.warm_bodies import background_k, sizes_on_ground, warm_bodies
from zoox_prediction.errors import InputError
from zoox_prediction.scene import AgentClass
from zoox_prediction.sensor_data import CameraModel
from zoox_prediction.simulation.sensors.config import ThermalConfig
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.truth import Light

CONFIG = WarmBodyConfig()
UNKNOWN_PLACE = np.eye(4)
CAMERA = CameraModel(
    np.array([[300.0, 0.0, 160.0], [0.0, 300.0, 128.0], [0, 0, 1.0]]), np.zeros(0), "plumb_bob", 320, 256
)


def _thermal() -> ThermalConfig:
    config = facing_ahead(ThermalConfig)
    assert isinstance(config, ThermalConfig)
    return config


def _night(ground_k: float = 278.0) -> NDArray[np.float32]:
    return (ground_k + np.random.default_rng(0).normal(0.0, 0.1, (256, 320))).astype(np.float32)


def _seen(kelvin: NDArray[np.float32]) -> list[AgentClass]:
    found = warm_bodies(kelvin, CAMERA, UNKNOWN_PLACE, CONFIG)
    return [AgentClass(int(each)) for each in found.class_probabilities.argmax(axis=1)]


def test_tall_is_a_person_and_long_an_animal() -> None:
    kelvin = _night()
    kelvin[100:145, 50:65] = 300.0
    kelvin[150:175, 200:232] = 297.0
    found = warm_bodies(kelvin, CAMERA, UNKNOWN_PLACE, CONFIG)
    order = np.argsort(found.boxes[:, 0])
    np.testing.assert_array_equal(found.boxes[order], [[50, 100, 65, 145], [200, 150, 232, 175]])
    assert found.class_probabilities[order].argmax(axis=1).tolist() == [AgentClass.PEDESTRIAN, AgentClass.ANIMAL]
    assert (found.existence <= CONFIG.max_existence).all()
    assert found.existence[order[0]] > found.existence[order[1]] >= CONFIG.min_existence


def test_bodies_are_found_when_they_are_cooler_than_the_ground_too() -> None:
    kelvin = _night(308.0)
    kelvin[100:145, 50:65] = 302.0
    assert _seen(kelvin) == [AgentClass.PEDESTRIAN]


@pytest.mark.parametrize("body_k", [279.0, 284.0, 330.0])
def test_other_temperatures_are_no_bodies(body_k: float) -> None:
    kelvin = _night()
    kelvin[100:145, 50:65] = body_k
    assert _seen(kelvin) == []


def test_no_body_on_a_hot_thing() -> None:
    kelvin = _night()
    kelvin[100:145, 50:65] = 300.0
    kelvin[110:140, 53:62] = 320.0
    assert _seen(kelvin) == []


def test_pipes_walls_and_specks_are_no_bodies() -> None:
    kelvin = _night()
    kelvin[60:66, 20:200] = 300.0
    kelvin[200:203, 200:202] = 300.0
    kelvin[100:256, 100:112] = 300.0  # goes on below
    assert _seen(kelvin) == []


def test_the_unrest_of_the_background_counts() -> None:
    random = np.random.default_rng(1)
    calm, wild = _night(290.0), _night(290.0) + random.normal(0.0, 3.0, (256, 320)).astype(np.float32)
    for kelvin in (calm, wild):
        kelvin[100:145, 50:65] += 6.0
    assert _seen(calm) == [AgentClass.PEDESTRIAN]
    assert _seen(wild) == []


def test_the_background_does_not_see_the_body() -> None:
    kelvin = _night()
    kelvin[100:140, 50:64] = 300.0
    middle, deviation = background_k(kelvin, CONFIG.background_px)
    assert middle.shape == kelvin.shape
    assert np.abs(middle - 278.0).max() < 0.5
    assert deviation.max() < 0.6


def _simulated(light: Light, kinds: list[AgentClass], places: list[tuple[float, float]]) -> Scenery:
    return scenery(kinds, places, yaw=[0.7] * len(kinds), light=light)


def test_sizes_on_the_ground_are_those_of_the_simulation() -> None:
    config = _thermal()
    view = _simulated(Light.NIGHT, [AgentClass.PEDESTRIAN] * 3, [(12.0, 2.0), (18.0, -4.0), (28.0, 3.0)])
    boxes = true_boxes(config, view)
    size, distance = sizes_on_ground(boxes, camera_model(config), measurement(config).base_from_sensor)
    # From the sensor, 3.75 m before base_link, to the near side of the feet.
    np.testing.assert_allclose(distance, np.hypot([8.25, 14.25, 24.25], [2.0, 4.0, 3.0]), rtol=0.12)
    np.testing.assert_allclose(size[:, 0], 1.7, rtol=0.15)
    assert ((size[:, 1] > 0.3) & (size[:, 1] < 1.0)).all()


@pytest.mark.parametrize("light", [Light.DAY, Light.NIGHT])
def test_simulated_people_and_animals_are_found_and_cars_are_not(light: Light) -> None:
    config = _thermal()
    kinds = [AgentClass.PEDESTRIAN, AgentClass.PEDESTRIAN, AgentClass.ANIMAL, AgentClass.CAR]
    view = _simulated(light, kinds, [(10.0, 1.0), (17.0, -4.0), (12.0, -4.0), (22.0, 8.0)])
    kelvin = temperatures(kelvin_image(config, view), RadiometryConfig())
    assert kelvin is not None
    found = warm_bodies(kelvin, camera_model(config), measurement(config).base_from_sensor, CONFIG)
    share = overlap(true_boxes(config, view), found.boxes)
    best = share.argmax(axis=1)
    # By day heads before the sky and legs before the road are two things: half of the box will do.
    assert (share.max(axis=1)[:3] > 0.4).all()
    assert found.class_probabilities[best[:3]].argmax(axis=1).tolist() == [5, 5, 6]
    assert share.max(axis=1)[3] < 0.4
    if light == Light.NIGHT:
        assert (found.existence[best[:2]] > 0.4).all()
        assert (share.max(axis=1)[:3] > 0.7).all()


def test_counts_become_kelvin() -> None:
    counts = np.full((8, 8), 29_815, dtype=np.uint16)
    kelvin = temperatures(counts, RadiometryConfig())
    assert kelvin is not None
    np.testing.assert_allclose(kelvin, 298.15, atol=1e-3)
    coarse = temperatures(np.full((8, 8), 1000, np.uint16), RadiometryConfig(kelvin_per_count=0.04, offset_k=250.0))
    assert coarse is not None and coarse[0, 0] == pytest.approx(290.0)
    assert temperatures(counts.astype(np.uint8), RadiometryConfig()) is None
    assert temperatures(counts, RadiometryConfig(is_radiometric=False)) is None


def test_counts_of_another_scale_are_told() -> None:
    with pytest.raises(InputError, match=r"is 80 K at 0.01 K per count; set thermal.radiometry.kelvin_per_count"):
        temperatures(np.full((8, 8), 8000, dtype=np.uint16), RadiometryConfig())


def test_the_apparent_temperature_is_that_of_the_inside() -> None:
    kelvin = _night()
    kelvin[100:140, 50:70] = 300.0
    boxes = np.array([[45.0, 95.0, 75.0, 145.0], [200.0, 20.0, 210.0, 40.0], [315.0, 250.0, 330.0, 270.0]])
    found = apparent_temperatures(kelvin, boxes)
    np.testing.assert_allclose(found, [300.0, 278.0, 278.0], atol=0.3)
    assert np.isnan(apparent_temperatures(None, boxes)).all()
