"""A parked car tells before it moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zoox_prediction.scene import AgentClass, Attribute
from zoox_prediction.simulation.parked import ParkedCar, Phase
from zoox_prediction.simulation.temperament import Stream, draw_driver, generator

CAR = ParkedCar(
    id=5,
    driver=draw_driver(generator(0, Stream.CHARACTER, 5), AgentClass.CAR),
    center=np.zeros(2),
    yaw=0.0,
    road_side=1.0,
    leaves_s=10.0,
    reverses=False,
    forgets_indicator=False,
    door_s=1.0,
)
TIMES = np.arange(0.0, 12.0, 0.1)


def seen(car: ParkedCar) -> list[tuple[Phase, Attribute, float, float]]:
    return [(car.step(t), car.attributes(t), car.wheel_angle(t, 0.5), car.reverse_speed(t)) for t in TIMES.tolist()]


def first(flags: list[bool]) -> float:
    assert any(flags)
    return float(TIMES[flags.index(True)])


def test_indicator_then_wheels_then_it_asks_for_its_place():
    states = seen(replace(CAR))
    indicator = first([Attribute.LEFT_INDICATOR in on for _, on, _, _ in states])
    wheels = first([angle > 0.0 for _, _, angle, _ in states])
    asks = first([phase == Phase.WAITING for phase, _, _, _ in states])
    assert 2.0 < asks - indicator < 4.0 and 1.0 < asks - wheels < 2.5 and abs(asks - 10.0) < 0.15
    assert all((Attribute.PARKED in on) == (phase == Phase.PARKED) for phase, on, _, _ in states)
    doors = [Attribute.DOOR_OPEN in on for _, on, _, _ in states]
    assert abs(first(doors) - 1.0) < 0.15 and 35 <= sum(doors) <= 45


def test_wheels_and_indicator_point_to_the_road():
    states = seen(replace(CAR, road_side=-1.0))
    assert min(angle for _, _, angle, _ in states) == -0.5
    assert any(Attribute.RIGHT_INDICATOR in on for _, on, _, _ in states)
    assert not any(Attribute.LEFT_INDICATOR in on for _, on, _, _ in states)


def test_a_forgetful_driver_does_not_indicate():
    assert not any(Attribute.LEFT_INDICATOR in on for _, on, _, _ in seen(replace(CAR, forgets_indicator=True)))


def test_rolling_back_lights_the_reversing_light_and_goes_about_a_car_length_share():
    states = seen(replace(CAR, reverses=True))
    backwards = np.array([speed for _, _, _, speed in states])
    lit = np.array([Attribute.REVERSING_LIGHT in on for _, on, _, _ in states])
    assert 0.4 < backwards.sum() * 0.1 < 1.0
    assert np.all(lit[backwards > 0.0]) and lit.sum() < 30
    assert states[-1][0] == Phase.WAITING


def test_most_stay():
    states = seen(replace(CAR, leaves_s=np.inf, door_s=np.inf))
    assert {phase for phase, _, _, _ in states} == {Phase.PARKED}
    assert {on for _, on, _, _ in states} == {Attribute.PARKED}
    assert {angle for _, _, angle, _ in states} == {0.0}
