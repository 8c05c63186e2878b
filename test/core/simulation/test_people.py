"""What people on foot do by themselves, beyond what SUMO has them do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoox_prediction.scene import AgentClass, Attribute
from zoox_prediction.simulation.caution import Boxes
from zoox_prediction.simulation.crossers import Crosser
from zoox_prediction.simulation.people import People
from zoox_prediction.simulation.sumo import SumoWalkers
from zoox_prediction.simulation.temperament import Stream, Walker, draw_walker, generator
from zoox_prediction.simulation.walker_motion import STEP_S

NUMBER = 100_001
CROSSWALK, CORNER, SIDEWALK = ":n11_c0", ":n11_w0", "n11_n12"
WALKER = Walker((0.55, 0.55, 1.7), 1.4, child=False, phone=False, hesitant=False, late_s=0.5, attentive=1.0)
NOBODY = Boxes(np.zeros((0, 2)), np.zeros(0), np.zeros((0, 2)), np.zeros(0), np.zeros((0, 2)))


def car(x: float, y: float, speed: float, yaw: float = 0.0) -> Boxes:
    ahead = np.array([[np.cos(yaw), np.sin(yaw)]])
    return Boxes(np.array([[x, y]]), np.array([yaw]), speed * ahead, np.zeros(1), np.array([[4.5, 1.8]]))


class Traffic:
    """Instead of SUMO: walkers go along y at the speed that they were given last, as SUMO has them."""

    def __init__(self, people: People, edge: str = CROSSWALK, onward: str = CROSSWALK, start: float = 0.0) -> None:
        self.people, self.edge, self.onward = people, edge, onward
        self.numbers = sorted(people.walkers)
        self.y = np.full(len(self.numbers), start)
        self.limit = {number: people.walkers[number].speed_mps for number in self.numbers}
        self.goes = dict.fromkeys(self.numbers, True)  # False: SUMO has it wait, as at a red light

    def limit_walker(self, walker: int, speed: float) -> None:
        self.limit[walker] = speed

    def walkway(self, edge: str) -> np.ndarray:
        """All begin at y = 0."""
        assert edge == CROSSWALK
        return np.array([[0.0, 0.0], [0.0, 10.0]])

    def step(self, vehicles: Boxes = NOBODY, ego: int | None = None) -> None:
        speed = np.array([self.limit[each] if self.goes[each] else 0.0 for each in self.numbers])
        self.y = self.y + STEP_S * speed
        count = len(self.numbers)
        found = SumoWalkers(
            np.array(self.numbers, dtype=np.int64),
            np.column_stack([3.0 * np.arange(count), self.y]),
            speed,
            np.full(count, 0.5 * np.pi),
            (self.edge,) * count,
            (self.onward,) * count,
        )
        self.people.follow(found, self, vehicles, ego)


def people_of(*walkers: Walker, seed: int = 0) -> People:
    return People(seed, dict(enumerate(walkers, start=NUMBER)), ())


def looks(people: People) -> bool:
    on, _ = people.attributes()
    return bool(Attribute.HEAD_TURNED_TO_EGO in Attribute(int(on[0])))


@pytest.mark.parametrize("phone", [False, True])
def test_who_has_waited_starts_late_by_his_own_time(phone):
    walker = replace(WALKER, phone=phone, late_s=2.0 if phone else 0.4)
    traffic = Traffic(people_of(walker))
    traffic.goes[NUMBER] = False
    for _ in range(12):
        traffic.step()
    traffic.goes[NUMBER] = True
    places = []
    for _ in range(40):
        traffic.step()
        places.append(float(traffic.y[0]))
    left_s = STEP_S * int(np.argmax(np.array(places) > 0.3))
    assert walker.late_s <= left_s <= walker.late_s + 0.6
    assert traffic.limit[NUMBER] == walker.speed_mps


def test_who_has_not_waited_goes_on_at_once():
    traffic = Traffic(people_of(replace(WALKER, late_s=2.0)))
    for _ in range(10):
        traffic.step()
    assert traffic.y[0] == pytest.approx(10 * STEP_S * WALKER.speed_mps)


def test_a_hesitant_walker_stops_once_on_the_crosswalk_when_a_vehicle_comes_near():
    hesitant = [replace(WALKER, hesitant=True)] * 12

    def stops(vehicles: Boxes) -> np.ndarray:
        traffic = Traffic(people_of(*hesitant))
        held = np.zeros((12, 101), dtype=bool)
        for step in range(1, 101):
            traffic.step(vehicles)
            held[:, step] = [traffic.limit[each] < 0.1 for each in traffic.numbers]
        return (np.diff(held.astype(int), axis=1) == 1).sum(axis=1)

    near = stops(car(16.0, -9.0, 5.0))
    assert set(near.tolist()) == {0, 1} and 4 <= near.sum() <= 11  # six of ten do
    assert stops(car(16.0, -9.0, 0.0)).sum() == 0  # it stands
    assert stops(car(16.0, -39.0, 5.0)).sum() == 0


def test_nobody_walks_into_a_vehicle_that_stands_in_the_way():
    traffic = Traffic(people_of(WALKER))
    for _ in range(60):
        traffic.step(car(0.0, 4.0, 0.0))
    assert 1.0 < traffic.people.bodies.center[0, 1] < 4.0 - 0.9 - 0.25
    for _ in range(30):
        traffic.step(car(20.0, 4.0, 0.0))
    assert traffic.people.bodies.center[0, 1] > 4.0


def test_who_stands_at_the_kerb_steps_back_from_what_passes_and_comes_forward_again():
    traffic = Traffic(people_of(WALKER), edge=CORNER)
    traffic.goes[NUMBER] = False
    nearest = np.inf
    for step in range(60):
        passes = car(-20.0 + 8.0 * STEP_S * step, 1.0, 8.0)  # its side is 0.1 m from where SUMO has him stand
        traffic.step(passes)
        if abs(passes.center[0, 0]) < 2.25 + 0.3:
            nearest = min(nearest, 0.1 - float(traffic.people.bodies.center[0, 1]))
    assert nearest > 0.275 + 0.1
    for _ in range(30):
        traffic.step()
    np.testing.assert_allclose(traffic.people.bodies.center[0], [0.0, 0.0], atol=0.05)


def test_the_head_turns_to_an_ego_that_comes_near_and_away_again():
    people = people_of(WALKER)
    traffic = Traffic(people, edge=CORNER)
    traffic.goes[NUMBER] = False
    for vehicles, expected in (
        (car(-20.0, 2.0, 6.0), True),
        (car(-50.0, 2.0, 6.0), False),  # too far
        (car(20.0, 2.0, 6.0), False),  # it has passed
        (car(10.0, 2.0, 0.0), True),  # it waits
    ):
        traffic.step(vehicles, ego=0)
        assert looks(people) == expected
        traffic.step(vehicles, ego=None)  # the same car is not the ego
        assert not looks(people)
    traffic.edge = traffic.onward = SIDEWALK
    traffic.step(car(-20.0, 2.0, 6.0), ego=0)
    assert not looks(people)


def test_who_looks_waits_at_the_kerb_for_who_comes_fast_and_others_do_not():
    def walks_m(attentive: float, vehicle: Boxes, seconds: float = 1.0, start: float = -0.5) -> float:
        traffic = Traffic(people_of(replace(WALKER, attentive=attentive)), edge=CORNER, start=start)
        for _ in range(round(10 * seconds)):
            traffic.step(vehicle)
        return float(traffic.y[0]) - start

    comes = car(-20.0, 5.0, 8.0)
    assert walks_m(1.0, comes) < 0.3 * walks_m(0.0, comes)
    for vehicle in (
        car(-20.0, 5.0, 0.5),  # waits
        car(-45.0, 5.0, 8.0),  # takes longer
        car(-20.0, 12.0, 8.0),  # passes beyond the crosswalk
        car(20.0, 5.0, 8.0),  # has passed
    ):
        assert walks_m(1.0, vehicle) == walks_m(0.0, vehicle)
    assert walks_m(1.0, comes, start=-4.0) == walks_m(0.0, comes, start=-4.0)  # not at the kerb yet
    assert walks_m(1.0, comes, 7.0) < 0.5
    assert walks_m(1.0, comes, 12.0) > 2.0  # not for ever


def test_attentive_people_look_more_often():
    def share(attentive: float) -> float:
        people = people_of(*[replace(WALKER, attentive=attentive)] * 60)
        traffic = Traffic(people, edge=CORNER)
        for number in traffic.numbers:
            traffic.goes[number] = False
        everybody = np.zeros(60, dtype=bool)
        for x in np.arange(0.0, 180.0, 10.0).tolist():
            traffic.step(car(x, -2.0, 0.0), ego=0)
            on, _ = people.attributes()
            everybody |= (on & int(Attribute.HEAD_TURNED_TO_EGO)) != 0
        return float(everybody.mean())

    assert share(0.0) == 0.0 and share(1.0) == 1.0
    assert 0.25 < share(0.5) < 0.75


def test_bits_are_those_of_the_person_and_animals_have_none():
    crosser = Crosser(
        300_000, AgentClass.PEDESTRIAN, (0.5, 0.5, 1.7), np.array([[0.0, 50.0], [0.0, 90.0]]), 10.0, 20.0, 0.0,
        1.3, 1.4, 1.0, looks=True, waits_s=0.0, phone=True,
    )  # fmt: skip
    dog = replace(crosser, id=400_000, agent_class=AgentClass.ANIMAL, phone=True, way=crosser.way + 20.0)
    walkers = {NUMBER: replace(WALKER, phone=True), NUMBER + 1: replace(WALKER, child=True), NUMBER + 2: WALKER}
    people = People(0, walkers, [crosser, dog])
    traffic = Traffic(people)
    people.step_crossers(0.0, NOBODY, None)
    traffic.step()
    on, has = people.attributes()
    bits = dict(zip(people.bodies.ids.tolist(), on.tolist(), strict=True))
    assert bits == {
        NUMBER: Attribute.HOLDING_PHONE,
        NUMBER + 1: Attribute.CHILD,
        NUMBER + 2: 0,
        300_000: Attribute.HOLDING_PHONE,
        400_000: 0,
    }
    known = dict(zip(people.bodies.ids.tolist(), has.tolist(), strict=True))
    everything = Attribute.HOLDING_PHONE | Attribute.CHILD | Attribute.HEAD_TURNED_TO_EGO
    assert known == {**dict.fromkeys([NUMBER, NUMBER + 1, NUMBER + 2, 300_000], int(everything)), 400_000: 0}


def test_on_the_road_are_those_on_crosswalks_and_crossers_between_the_kerbs():
    crosser = Crosser(
        300_000, AgentClass.PEDESTRIAN, (0.5, 0.5, 1.7), np.array([[50.0, 0.0], [50.0, 40.0]]), 3.0, 9.0, 0.0,
        1.5, 1.5, 1.0, looks=True, waits_s=0.0,
    )  # fmt: skip
    people = People(0, {NUMBER: WALKER}, [crosser])
    traffic = Traffic(people, edge=CORNER)
    on_road = []
    for step in range(100):
        people.step_crossers(STEP_S * step, NOBODY, None)
        traffic.edge = CROSSWALK if 20 <= step < 50 else CORNER
        traffic.step()
        found = people.on_road()
        assert len(found) == len(found.center) == len(found.size)
        on_road.append({round(x) // 50 for x in found.center[:, 0].tolist()})
        if 1 in on_road[-1]:
            assert 2.0 < float(found.center[found.center[:, 0] > 25.0][0, 1]) < 9.6
    assert all((0 in each) == (20 <= step < 50) for step, each in enumerate(on_road))
    assert 30 < sum(1 in each for each in on_road) < 60


def test_who_leaves_is_forgotten_and_numbers_stay_with_their_bodies():
    walkers = {NUMBER + each: replace(WALKER, speed_mps=1.0 + 0.1 * each) for each in range(5)}
    people = People(0, walkers, ())
    traffic = Traffic(people)
    for _ in range(30):
        traffic.step()
    assert people.bodies.ids.tolist() == list(walkers)
    center = dict(zip(people.bodies.ids.tolist(), people.bodies.center.tolist(), strict=True))
    kept = [NUMBER + 1, NUMBER + 3]
    traffic.numbers, traffic.y = kept, traffic.y[[1, 3]]
    found = SumoWalkers(
        np.array(kept), np.array([center[each] for each in kept]), np.zeros(2), np.zeros(2), (CORNER,) * 2,
        (CORNER,) * 2,
    )  # fmt: skip
    people.follow(found, traffic, NOBODY, None)
    assert people.bodies.ids.tolist() == kept
    for number, place in zip(kept, people.bodies.center, strict=True):
        np.testing.assert_allclose(place, center[number], atol=0.15)
    assert len(people.on_road()) == 0
    assert np.isfinite(people.bodies.center).all() and np.isfinite(people.bodies.velocity).all()


def test_nobody_at_all():
    people = People(0, {}, ())
    traffic = Traffic(people)
    traffic.step(car(0.0, 0.0, 5.0), ego=0)
    people.step_crossers(0.0, car(0.0, 0.0, 5.0), 0)
    on, has = people.attributes()
    assert len(on) == len(has) == len(people.on_road()) == 0


def test_phones_make_people_slower_later_and_less_attentive():
    drawn = [draw_walker(generator(3, Stream.CHARACTER, number)) for number in range(400)]
    phone, other = ([each for each in drawn if not each.child and each.phone == has] for has in (True, False))
    assert 0.1 < len(phone) / 400 < 0.3
    for name, least in (("speed_mps", -0.15), ("late_s", 1.0), ("attentive", -0.3)):
        apart = np.mean([getattr(each, name) for each in phone]) - np.mean([getattr(each, name) for each in other])
        assert apart * np.sign(least) > abs(least), name
    assert not any(each.child and each.phone for each in drawn)
