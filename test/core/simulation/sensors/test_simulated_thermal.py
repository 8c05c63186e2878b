"""Longwave-infrared images: what is warmer than what, noise, and the same geometry as the cameras'."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sensor_scenes import agents, silent_thermal, truth

from zoox_prediction.maps.road_network import Ragged, RoadNetwork
from zoox_prediction.scene import AgentClass, Attribute, TrackedAgents
from zoox_prediction.simulation.sensors.config import ThermalConfig
from zoox_prediction.simulation.sensors.rasterizer import GROUND, SKY
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.surfaces import Surface
from zoox_prediction.simulation.sensors.thermal import thermal_image, thermal_picture
from zoox_prediction.simulation.sensors.truth import Light

ROAD = RoadNetwork(drivable_areas=Ragged.points([[[-150.0, -150.0], [150.0, -150.0], [150.0, 150.0], [-150.0, 150.0]]]))


def _image(
    world: TrackedAgents | None, light: Light, config: ThermalConfig | None = None, seed: int = 0, **rest: object
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Kelvin, row of the agent or GROUND or SKY, and Surface (-1: none) of every pixel."""
    config = config or silent_thermal()
    scenery = Scenery(truth(world, road_network=ROAD, light=light, **rest))
    image = thermal_image(config, scenery, np.random.default_rng(seed), np.random.default_rng(99))
    assert image.dtype == np.uint16
    index = thermal_picture(config, scenery).index
    owner = np.where(index >= 0, np.append(scenery.polygons.owner, 0)[np.maximum(index, -1)], index)
    surface = np.where(index >= 0, np.append(scenery.polygons.surface, 0)[np.maximum(index, -1)], -1)
    return image / 100.0, owner, surface


@pytest.mark.parametrize("light", list(Light))
def test_all_is_about_as_warm_as_the_weather(light: Light) -> None:
    kelvin, _, _ = _image(agents([AgentClass.CAR], [(12.0, 0.0)]), light)
    assert kelvin.min() > 230.0 and kelvin.max() < 330.0


@pytest.mark.parametrize(
    "kind", [AgentClass.PEDESTRIAN, AgentClass.CYCLIST, AgentClass.MOTORCYCLIST, AgentClass.ANIMAL]
)
def test_living_things_are_warmer_than_the_road_at_night(kind: AgentClass) -> None:
    kelvin, owner, _ = _image(agents([kind], [(10.0, 0.0)]), Light.NIGHT)
    assert (owner == 0).sum() > 20
    assert kelvin[owner == 0].mean() > kelvin[owner == GROUND].max() + 5.0


def test_skin_is_warmer_than_clothes() -> None:
    person = agents([AgentClass.PEDESTRIAN], [(8.0, 0.0)], [np.pi])
    kelvin, _, surface = _image(person, Light.NIGHT)
    assert kelvin[surface == Surface.SKIN].min() > kelvin[surface == Surface.CLOTH].max()


@pytest.mark.parametrize("light", list(Light))
def test_parked_cars_are_colder_than_cars_at_work(light: Light) -> None:
    attributes = np.array([int(Attribute.PARKED), 0], dtype=np.uint32)
    cars = agents([AgentClass.CAR] * 2, [(14.0, -4.0), (14.0, 4.0)], [np.pi, np.pi], attributes=attributes)
    kelvin, owner, surface = _image(cars, light)
    assert kelvin[owner == 0].mean() < kelvin[owner == 1].mean() - 2.0
    hood = surface == Surface.HOOD
    assert kelvin[hood & (owner == 1)].min() > kelvin[hood & (owner == 0)].max() + 10.0
    working = owner == 1
    assert kelvin[hood & working].mean() > kelvin[working & (surface == Surface.PAINT)].mean() + 5.0
    assert (
        kelvin[working & (surface == Surface.WHEEL)].mean() > kelvin[working & (surface == Surface.PAINT)].mean() + 5.0
    )


def test_the_sky_overhead_is_the_coldest_and_the_road_is_colder_at_night() -> None:
    means = {}
    for light in Light:
        kelvin, owner, _ = _image(agents([AgentClass.CAR], [(12.0, 0.0)]), light)
        assert kelvin.argmin() // kelvin.shape[1] < 40  # rows from above
        assert kelvin[owner == SKY].min() < kelvin[owner != SKY].min()
        means[light] = kelvin[owner == GROUND].mean()
    assert means[Light.NIGHT] < means[Light.DAY] - 10.0


def test_noise_is_new_in_every_image_and_the_pattern_is_not() -> None:
    noisy = silent_thermal(noise_deviation_k=0.3)
    clean, _, _ = _image(None, Light.DAY)
    first, _, _ = _image(None, Light.DAY, noisy, seed=1)
    second, _, _ = _image(None, Light.DAY, noisy, seed=2)
    assert (first - clean).std() == pytest.approx(0.3, rel=0.05)
    assert np.corrcoef((first - clean).ravel(), (second - clean).ravel())[0, 1] == pytest.approx(0.0, abs=0.05)
    striped = silent_thermal(fixed_pattern_deviation_k=0.3)
    one, _, _ = _image(None, Light.DAY, striped, seed=1)
    other, _, _ = _image(None, Light.DAY, striped, seed=2)
    assert (one == other).all()
    assert (one - clean).std() == pytest.approx(0.3 * np.sqrt(2.0), rel=0.2)


def test_blur_softens_edges() -> None:
    person = agents([AgentClass.PEDESTRIAN], [(8.0, 0.0)])
    sharp, _, _ = _image(person, Light.NIGHT)
    soft, _, _ = _image(person, Light.NIGHT, silent_thermal(blur_px=1.5))
    assert np.abs(np.diff(soft, axis=1)).max() < 0.6 * np.abs(np.diff(sharp, axis=1)).max()
    assert soft.mean() == pytest.approx(sharp.mean(), abs=0.02)


def test_steps_round_the_temperatures() -> None:
    kelvin, _, _ = _image(None, Light.DAY, silent_thermal(step_ck=20, noise_deviation_k=1.0))
    assert (np.rint(kelvin * 100).astype(int) % 20 == 0).all()


def test_fog_takes_contrast_of_what_is_far() -> None:
    people = agents([AgentClass.PEDESTRIAN] * 2, [(8.0, -1.0), (60.0, 4.0)])
    contrast = []
    for visibility_m in (20_000.0, 60.0):
        kelvin, owner, _ = _image(people, Light.NIGHT, visibility_m=visibility_m)
        contrast.append([kelvin[owner == row].mean() - 281.0 for row in (0, 1)])
    (near, far), (foggy_near, foggy_far) = contrast
    assert foggy_near > 0.7 * near
    assert foggy_far < 0.5 * far
