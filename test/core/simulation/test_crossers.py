"""People without a crosswalk wait for a gap, or step out; animals dart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation.caution import Boxes
from zoox_prediction.simulation.crossers import Crosser, Crossers
from zoox_prediction.simulation.walker_motion import STEP_S

WAY = np.array([[-10.0, 0.0], [0.0, 0.0], [0.0, 10.0], [10.0, 10.0]])  # the road lies between y = 1 and y = 9
CROSSER = Crosser(
    id=1,
    agent_class=AgentClass.PEDESTRIAN,
    size=(0.5, 0.5, 1.7),
    way=WAY,
    kerb_m=11.0,
    far_m=19.0,
    start_s=0.0,
    walking_mps=1.4,
    crossing_mps=1.5,
    margin_s=1.0,
    looks=True,
    waits_s=0.0,
)
NOBODY = Boxes(np.zeros((0, 2)), np.zeros(0), np.zeros((0, 2)), np.zeros(0), np.zeros((0, 2)))


def car(x: float, speed: float, y: float = 3.0) -> Boxes:
    return Boxes(np.array([[x, y]]), np.zeros(1), np.array([[speed, 0.0]]), np.zeros(1), np.array([[4.5, 1.8]]))


def walk(crosser: Crosser, seconds: float, vehicles=lambda time_s: NOBODY, ego: int | None = None) -> np.ndarray:
    places = []
    for step in range(round(seconds / STEP_S)):
        crosser.step(vehicles(step * STEP_S), ego)
        places.append(crosser.place_m)
    return np.array(places)


def test_with_nobody_there_it_crosses_without_stopping():
    crosser = replace(CROSSER)
    places = walk(crosser, 22.0)
    assert crosser.gone
    assert np.diff(places)[20:150].min() > 0.5 * STEP_S


def test_it_waits_at_the_kerb_until_the_car_has_passed():
    crosser = replace(CROSSER, place_m=9.5)
    places = walk(crosser, 6.0, lambda time_s: car(-30.0 + 10.0 * time_s, 10.0))
    passed = int((30.0 + 2.25 + 1.0) / 10.0 / STEP_S)
    assert places[: passed - 2].max() < 11.0
    assert places[-1] > 11.5


def test_it_looks_at_the_ego_that_it_waits_for():
    crosser = replace(CROSSER, place_m=10.0)
    walk(crosser, 1.0, lambda time_s: car(-20.0 + 8.0 * time_s, 8.0), ego=0)
    assert crosser.sees_ego
    other = replace(CROSSER, place_m=10.0)
    walk(other, 1.0, lambda time_s: car(-20.0 + 8.0 * time_s, 8.0), ego=None)
    assert not other.sees_ego


def test_who_does_not_look_steps_out():
    crosser = replace(CROSSER, place_m=9.5, looks=False)
    places = walk(crosser, 2.5, lambda time_s: car(-20.0 + 8.0 * time_s, 8.0))
    assert places[-1] > 11.5


def test_who_is_late_waits_even_with_nobody_there():
    prompt, late = replace(CROSSER, place_m=9.5), replace(CROSSER, place_m=9.5, waits_s=2.0)
    start, later = (int(np.argmax(walk(each, 6.0) > 11.2)) for each in (prompt, late))
    assert 1.7 < (later - start) * STEP_S < 3.5


def test_hesitating_is_a_stop_on_the_road():
    crosser = replace(CROSSER, place_m=9.5, hesitates_m=13.0, hesitates_s=1.0)
    speed = np.diff(walk(crosser, 8.0)) / STEP_S
    place = np.cumsum(speed) * STEP_S + 9.5
    stopped = (speed < 0.05) & (place > 12.0)
    assert 3 <= stopped.sum() <= 15
    assert crosser.place_m > 15.0


def test_a_standing_car_across_the_way_is_waited_for_and_one_that_waits_is_not():
    crosser = replace(CROSSER, place_m=10.9)
    assert crosser.blocked_by(car(0.5, 0.0)).all()
    assert not crosser.blocked_by(car(-6.0, 0.0)).any()
    assert not crosser.blocked_by(car(-15.0, 3.0, y=-8.0)).any()  # on another road


def test_they_come_when_their_time_is_and_go_at_the_end():
    all_of_them = Crossers([replace(CROSSER, id=2, start_s=1.0), replace(CROSSER, id=1, start_s=0.0)])
    assert [each.id for each in all_of_them.step(0.0, NOBODY, None)] == [1]
    assert [each.id for each in all_of_them.step(1.0, NOBODY, None)] == [2]
    for step in range(400):
        all_of_them.step(1.0 + step * STEP_S, NOBODY, None)
    assert all_of_them.present == []


def test_it_stops_before_the_way_of_a_car_that_comes_after_all_and_hurries_out_of_it():
    beside, within = (replace(CROSSER, place_m=place, crossing=True, speed=1.5) for place in (14.3, 16.0))
    places = walk(beside, 2.5, lambda time_s: car(-12.0 + 8.0 * time_s, 8.0, y=7.0))
    passed = places[: round(1.6 / STEP_S)]
    assert passed.max() < 10.0 + 7.0 - 0.9 - 0.25
    hurrying = np.diff(walk(within, 1.0, lambda time_s: car(-12.0 + 8.0 * time_s, 8.0, y=7.0)))
    assert hurrying.max() > 1.2 * CROSSER.crossing_mps * STEP_S


def test_who_is_late_does_not_look_again():
    def places(crosser: Crosser) -> np.ndarray:
        # Nobody comes while it decides; then a car is there that it would have waited for.
        return walk(crosser, 4.5, lambda time_s: NOBODY if time_s < 0.95 else car(-36.0 + 8.0 * time_s, 8.0))

    late = places(replace(CROSSER, place_m=10.0, late_s=2.0, phone=True))
    assert late[round(2.0 / STEP_S)] < 11.0
    assert late[-1] > 11.5
    assert places(replace(CROSSER, place_m=10.0, waits_s=2.0)).max() < 11.0


def test_an_ego_far_away_is_not_looked_at():
    crosser = replace(CROSSER, place_m=10.0, waits_s=5.0)
    walk(crosser, 1.0, lambda time_s: car(-80.0, 0.0), ego=0)
    assert not crosser.sees_ego
    walk(crosser, 1.0, lambda time_s: car(-50.0, 0.0), ego=0)
    assert crosser.sees_ego
    patient = replace(CROSSER, place_m=10.6, margin_s=3.0)
    walk(patient, 1.0, lambda time_s: car(-90.0 + 14.0 * time_s, 14.0, y=7.0), ego=0)
    assert not patient.crossing and not patient.sees_ego
    walk(patient, 1.0, lambda time_s: car(-60.0 + 14.0 * time_s, 14.0, y=7.0), ego=0)
    assert not patient.crossing and patient.sees_ego
