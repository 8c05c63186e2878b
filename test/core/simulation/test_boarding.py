"""People get into parked cars and out of them beside their doors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoox_prediction.scene import AgentClass, Attribute
from zoox_prediction.simulation.boarding import Boarder, draw_boarders
from zoox_prediction.simulation.caution import Boxes
from zoox_prediction.simulation.crossers import Crossers
from zoox_prediction.simulation.parked import ParkedCar
from zoox_prediction.simulation.places import Sidewalk
from zoox_prediction.simulation.temperament import Stream, draw_driver, generator

NOBODY = Boxes(np.zeros((0, 2)), np.zeros(0), np.zeros((0, 2)), np.zeros(0), np.zeros((0, 2)))
SIDEWALK = Sidewalk("street", np.array([[-60.0, 0.0], [60.0, 0.0]]), 2.4)  # cars are at y = 2.3, the lane is beyond
CAR = ParkedCar(
    id=200_007,
    driver=draw_driver(generator(0, Stream.CHARACTER, 5), AgentClass.CAR),
    center=np.array([0.0, 2.3]),
    yaw=0.0,
    road_side=1.0,
    leaves_s=26.0,
    reverses=False,
    forgets_indicator=False,
    door_s=20.0,
    lane="street_2",
)
LENGTH, WIDTH = CAR.driver.size[:2]


class Street:
    """Instead of the places of a town."""

    sidewalks = (SIDEWALK,)


def boarder_of(car: ParkedCar, seed: int = 0, looks: bool = True) -> Boarder:
    (boarder,) = draw_boarders(Street(), [car], seed)
    boarder.looks = looks
    return boarder


def follow(boarder: Boarder, seconds: float, vehicles=lambda time_s: NOBODY) -> dict[float, np.ndarray]:
    """Where it is at the times at which it is there."""
    crossers, places = Crossers([boarder]), {}
    for step in range(round(seconds * 10)):
        time_s = 0.1 * step
        crossers.step(time_s, vehicles(time_s), None)
        if crossers.present:
            places[time_s] = boarder.position
    return places


def passing(speed: float, starts_s: float, ends_s: float):
    """In the lane a car is about to come, all the time until then."""

    def at(time_s: float) -> Boxes:
        if not starts_s <= time_s < ends_s:
            return NOBODY
        x = -16.0 + speed * ((time_s - starts_s) % 1.0)
        return Boxes(np.array([[x, 5.0]]), np.zeros(1), np.array([[speed, 0.0]]), np.zeros(1), np.array([[4.5, 1.8]]))

    return at


@pytest.mark.parametrize("seed", range(4))
def test_a_driver_comes_along_the_sidewalk_and_gets_in_when_the_door_opens(seed):
    car = replace(CAR, door_s=40.0, leaves_s=46.0)
    boarder = boarder_of(car, seed)
    places = follow(boarder, 50.0)
    times = list(places)
    assert boarder.gone and abs(places[times[0]][1]) < 0.1 and abs(places[times[0]][0]) > 5.0
    door = np.array([-0.1, 2.3 + 0.5 * WIDTH + 0.35])
    assert np.linalg.norm(places[times[-1]] - door) < 0.25
    assert car.door_s <= times[-1] <= car.door_s + 3.0
    assert car.leaves_s - car.door_s == pytest.approx(6.0) and car.leaves_s < 47.0
    for time_s, place in places.items():  # around the car, not through it
        inside = np.abs(place - car.center) < [0.5 * LENGTH + 0.2, 0.5 * WIDTH + 0.2]
        assert not inside.all(), time_s


def test_the_car_waits_for_a_driver_whom_traffic_keeps_from_the_door():
    car = replace(CAR)
    boarder = boarder_of(car)
    places = follow(boarder, 45.0, passing(8.0, 10.0, 30.0))
    waited = np.array([place for time_s, place in places.items() if 20.0 < time_s < 29.0])
    assert np.ptp(waited, axis=0).max() < 0.1
    assert waited[0, 1] < 2.3 + 0.5 * WIDTH  # behind the car, out of the lane
    assert boarder.gone and 30.0 < car.door_s < 34.5 and car.leaves_s == pytest.approx(car.door_s + 6.0)
    heedless = replace(CAR)
    follow(boarder_of(heedless, looks=False), 45.0, passing(8.0, 10.0, 30.0))
    assert heedless.door_s < 22.0


def test_who_gets_out_stands_at_the_door_and_walks_to_the_sidewalk():
    car = replace(CAR, leaves_s=np.inf)
    boarder = boarder_of(car)
    places = follow(boarder, 60.0)
    times = list(places)
    assert car.door_s + 1.0 < times[0] < car.door_s + 1.5
    np.testing.assert_allclose(places[times[0]], [-0.1, 2.3 + 0.5 * WIDTH + 0.35], atol=0.1)
    np.testing.assert_allclose(places[times[20]], places[times[0]], atol=0.05)
    assert abs(places[times[-1]][1]) < 0.5
    assert not boarder.crossing


def test_who_gets_out_lets_traffic_pass_with_the_door_open():
    car = replace(CAR, leaves_s=np.inf)
    places = follow(boarder_of(car), 40.0, passing(8.0, 10.0, 28.0))
    assert 27.9 < min(places) < 30.5
    assert Attribute.DOOR_OPEN in car.attributes(28.0) and Attribute.DOOR_OPEN not in car.attributes(34.0)


def test_drivers_see_who_stands_in_the_lane_and_only_those():
    car, kerb = replace(CAR, leaves_s=np.inf), replace(CAR, leaves_s=np.inf, door_to_road=False)
    for each, expected in ((car, True), (kerb, False)):
        boarder = boarder_of(each)
        crossers, on_road = Crossers([boarder]), []
        for step in range(400):
            crossers.step(0.1 * step, NOBODY, None)
            if crossers.present:
                on_road.append((boarder.crossing, float(boarder.position[1])))
        assert any(crossing for crossing, _ in on_road[1:]) == expected
        beyond = 2.3 + 0.5 * WIDTH
        assert all(crossing for crossing, y in on_road[1:] if y > beyond)
        assert not any(crossing for crossing, y in on_road if y < beyond - 0.6)
        assert expected or max(y for _, y in on_road) < 2.3 - 0.5 * WIDTH


def test_left_hand_traffic_is_a_mirror():
    right = boarder_of(replace(CAR))
    mirrored = replace(CAR, center=np.array([0.0, -2.3]), road_side=-1.0)
    left = boarder_of(mirrored)
    np.testing.assert_allclose(left.way, right.way * [1.0, -1.0], atol=1e-9)


def test_nobody_comes_where_there_is_no_room_behind_the_car_or_no_door():
    behind = replace(CAR, id=200_006, center=np.array([-LENGTH - 0.6, 2.3]), door_s=np.inf, leaves_s=np.inf)
    assert draw_boarders(Street(), [CAR, behind], 0) == []
    farther = replace(behind, center=np.array([-LENGTH - 1.9, 2.3]))
    assert [each.id for each in draw_boarders(Street(), [CAR, farther], 0)] == [500_007]
    assert draw_boarders(Street(), [replace(CAR, lane="elsewhere_1")], 0) == []
