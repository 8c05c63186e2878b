"""What attributes announce, on recordings where it is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_courses import Course, log, speeding, straight, two_lanes

from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.road_network import Ragged
from zoox_prediction.scene import AgentClass, Attribute
from zoox_prediction.simulation.realism.attribute_effects import attribute_effects, effect_rows, merge_effects
from zoox_prediction.simulation.realism.courses import courses_of
from zoox_prediction.simulation.realism.effect_size import difference_of_means, difference_of_shares
from zoox_prediction.simulation.realism.ego_way import encounters
from zoox_prediction.simulation.realism.lane_changes import lane_changes
from zoox_prediction.simulation.realism.observations import Observations

PEDESTRIAN = AgentClass.PEDESTRIAN


def effects_of(recording, lanes=None):
    return attribute_effects(courses_of(recording), lanes)


def observed(effects, attribute: str, words: str) -> Observations:
    found = [each for (name, outcome), each in effects.items() if name == attribute and words in outcome]
    assert len(found) == 1, f"{attribute}: {words}"
    return found[0]


def on_from(start_s: float, attribute: Attribute, end_s: float = np.inf):
    return lambda time_s: attribute if start_s <= time_s < end_s else 0


def test_the_brake_light_announces_slowing():
    def braking(time_s: float) -> tuple[float, float, float, float]:
        late = max(time_s - 5.0, 0.0)
        return 10.0 * time_s - late**2, 0.0, 0.0, 10.0 - 2.0 * late

    brakes = Course(braking, attributes=on_from(4.8, Attribute.BRAKE_LIGHT))
    nervous = Course(straight(0.0, 50.0, 0.0, 10.0), attributes=on_from(5.0, Attribute.BRAKE_LIGHT, 5.5))
    steady = Course(straight(0.0, 99.0, 0.0, 10.0))
    found = observed(effects_of(log([brakes, nervous, steady])), "brake light", "slows down")
    assert sorted(found.with_it.tolist()) == [False, True]
    assert 5 <= len(found.without) <= 8 and found.without.sum() <= 1


@pytest.mark.parametrize(
    ("side", "attribute", "name"), [(1, Attribute.LEFT_INDICATOR, "left"), (-1, Attribute.RIGHT_INDICATOR, "right")]
)
def test_indicators_announce_turns(side, attribute, name):
    def turning(time_s: float) -> tuple[float, float, float, float]:
        turned = side * 0.3 * max(time_s - 6.0, 0.0)
        return 3.0 * time_s, 0.0, turned, 3.0

    turns = Course(turning, attributes=on_from(4.0, attribute))
    goes_on = Course(straight(0.0, 50.0, 0.0, 8.0), attributes=on_from(4.0, attribute, 5.0))
    effects = effects_of(log([turns, goes_on], seconds=16.0))
    assert sorted(observed(effects, f"{name} indicator", "within 5 s").with_it.tolist()) == [False, True]
    # Who goes straight on has not turned to any side.
    assert observed(effects, f"{name} indicator", "of the first turn").with_it.tolist() == [True]
    other = "right" if name == "left" else "left"
    assert len(observed(effects, f"{other} indicator", "within 5 s").with_it) == 0


def test_an_indicator_that_lies():
    def turning(time_s: float) -> tuple[float, float, float, float]:
        return 3.0 * time_s, 0.0, -0.3 * max(time_s - 6.0, 0.0), 3.0

    lies = Course(turning, attributes=on_from(4.0, Attribute.LEFT_INDICATOR))
    effects = effects_of(log([lies, Course(turning)], seconds=16.0))
    found = observed(effects, "left indicator", "of the first turn")
    assert found.with_it.tolist() == [False] and len(found.without) >= 1 and not found.without.any()


def test_indicators_announce_lane_changes_where_lanes_are_known():
    def changing(time_s: float) -> tuple[float, float, float, float]:
        return -100.0 + 10.0 * time_s, 4.0 * np.clip((time_s - 5.0) / 2.0, 0.0, 1.0), 0.0, 10.0

    changes = Course(changing, attributes=on_from(4.0, Attribute.LEFT_INDICATOR))
    graph = LaneGraph(two_lanes())
    recording = log([changes], seconds=16.0)
    found = lane_changes(courses_of(recording), graph)
    assert found.sum() == 1 and 55 <= int(np.argmax(found[0])) <= 65
    assert observed(effects_of(recording, graph), "left indicator", "within 5 s").with_it.tolist() == [True]
    assert observed(effects_of(recording), "left indicator", "within 5 s").with_it.tolist() == [False]


def test_parked_cars_announce_their_departure():
    def pulls_out(time_s: float) -> tuple[float, float, float, float]:
        lasts = max(time_s - 5.0, 0.0)
        return 0.5 * lasts**2, 0.0, 0.0, lasts

    parked = on_from(-1.0, Attribute.PARKED, 5.0)
    leaves = Course(pulls_out, attributes=parked, wheels=lambda time_s: 0.4 if time_s > 3.5 else 0.0)
    stays = Course(lambda time_s: (50.0, 0.0, 0.0, 0.0), attributes=on_from(-1.0, Attribute.PARKED))
    effects = effects_of(log([leaves, stays], seconds=14.0))
    soon = observed(effects, "front wheels turned, parked", "within 3 s")
    assert soon.with_it.tolist() == [True]
    assert not soon.without.any() and len(soon.without) >= 4


def test_the_reversing_light_and_open_doors():
    def rolls_back(time_s: float) -> tuple[float, float, float, float]:
        lasts = float(np.clip(time_s - 4.0, 0.0, 2.0))
        return -0.4 * lasts, 0.0, 0.0, 0.4 if 0.0 < lasts < 2.0 else 0.0

    backs = Course(
        rolls_back,
        attributes=lambda time_s: Attribute.PARKED if time_s < 3.9 else Attribute.REVERSING_LIGHT,
    )
    door = Course(
        lambda time_s: (max(time_s - 10.0, 0.0), 9.0, 0.0, 0.0),
        attributes=lambda time_s: Attribute.PARKED | (Attribute.DOOR_OPEN if 2.0 <= time_s < 6.0 else 0),
    )
    effects = effects_of(log([backs, door], seconds=20.0))
    assert observed(effects, "reversing light", "backwards").with_it.tolist() == [True]
    assert observed(effects, "door open, parked", "within 3 s").with_it.tolist() == [False]
    assert observed(effects, "door open, parked", "within 15 s").with_it.tolist() == [True]


def test_phones_slow_down_and_take_short_gaps():
    def person(x: float, speed: float, attribute: int) -> Course:
        return Course(straight(x, -5.0, np.pi / 2, speed), PEDESTRIAN, attributes=lambda time_s: attribute)

    # Both are at y = 0 (after 5 and 4 s) when the car is 2 and 8 s away.
    with_phone, without = person(0.0, 1.0, Attribute.HOLDING_PHONE), person(50.0, 1.25, 0)
    car = Course(straight(-70.0, 0.0, 0.0, 10.0))
    effects = effects_of(log([with_phone, without, car], seconds=15.0))
    speeds = observed(effects, "phone", "walking speed")
    assert speeds.with_it == pytest.approx([1.0]) and speeds.without == pytest.approx([1.25])
    gaps = observed(effects, "phone", "had that not braked")
    assert gaps.with_it.tolist() == [True] and gaps.without.tolist() == [False]
    gaps = observed(effects, "phone", "of those with one within 10 s")
    assert gaps.with_it.tolist() == [True] and gaps.without.tolist() == [False]
    assert len(observed(effects, "child", "walking speed").with_it) == 0


def test_who_looks_at_the_ego_and_stays_out_of_its_way():
    ego = straight(0.0, 0.0, 0.0, 5.0)
    waits = Course(
        straight(40.0, -4.0, np.pi / 2, 0.0), PEDESTRIAN, attributes=on_from(3.0, Attribute.HEAD_TURNED_TO_EGO)
    )
    steps_out = Course(
        lambda time_s: (34.0, -5.0 + 1.2 * max(time_s - 2.0, 0.0), np.pi / 2, 1.2 if time_s > 2.0 else 0.0), PEDESTRIAN
    )
    effects = effects_of(log([waits, steps_out], ego=ego, seconds=12.0))
    found = observed(effects, "head turned to ego", "stays out")
    assert found.with_it.tolist() == [True]
    assert len(found.without) >= 1 and not found.without.all()
    assert observed(effects, "head turned to ego", "stands").with_it.tolist() == [True]


def test_a_gap_that_is_long_because_the_vehicle_brakes():
    phone = Course(straight(0.0, -5.0, np.pi / 2, 1.0), PEDESTRIAN, attributes=lambda time_s: Attribute.HOLDING_PHONE)

    def brakes(time_s: float) -> tuple[float, float, float, float]:
        """At 10 m/s it would be there 2 s after the person, who is there after 5 s."""
        lasts = float(np.clip(time_s - 4.0, 0.0, 2.25))
        x = -70.0 + 10.0 * min(time_s, 4.0) + 10.0 * lasts - 2.0 * lasts**2 + max(time_s - 6.25, 0.0)
        return x, 0.0, 0.0, 10.0 - 4.0 * lasts if time_s < 6.25 else 1.0

    effects = effects_of(log([phone, Course(brakes)], seconds=30.0))
    assert observed(effects, "phone", "had that not braked").with_it.tolist() == [True]
    assert not observed(effects, "phone", "of those with one within 10 s").with_it.any()


def test_gaps_at_crosswalks_do_not_count_where_those_are_known():
    phone = {"agent_class": PEDESTRIAN, "attributes": lambda time_s: Attribute.HOLDING_PHONE}
    people = [Course(straight(x, -5.0, np.pi / 2, 1.0), **phone) for x in (0.0, 12.0)]
    stripes = Ragged.points([[[-2.0, -2.0], [2.0, -2.0], [2.0, 6.0], [-2.0, 6.0]]])
    network = replace(two_lanes(), crosswalk_ids=np.array([7]), crosswalks=stripes, crosswalk_signal=np.array([-1]))
    recording = log([*people, Course(straight(-70.0, 0.0, 0.0, 10.0))], seconds=15.0)
    for lanes, count in ((LaneGraph(network), 1), (LaneGraph(two_lanes()), 2), (None, 2)):
        assert len(observed(effects_of(recording, lanes), "phone", "had that not braked").with_it) == count


def test_who_has_looked_at_the_ego_and_lets_it_go_first():
    ego = straight(-40.0, 0.0, 0.0, 5.0)  # at 0 after 8 s
    looks = on_from(6.0, Attribute.HEAD_TURNED_TO_EGO, 6.5)

    def person(x: float, at_s: float, attributes) -> Course:
        return Course(straight(x, -1.2 * at_s, np.pi / 2, 1.2), PEDESTRIAN, attributes=attributes)

    people = [
        person(0.0, 10.0, looks),
        person(0.3, 6.0, lambda time_s: 0),
        person(0.6, 9.0, on_from(1.0, looks(6.0), 2.0)),
    ]
    found = observed(effects_of(log(people, ego=ego, seconds=14.0)), "head turned to ego", "lets the ego go first")
    assert found.with_it.tolist() == [True] and found.without.tolist() == [False, True]


def test_people_whom_the_ego_meets_count_once_each():
    def person(x: float, y: float, yaw: float, speed: float) -> Course:
        return Course(straight(x, y, yaw, speed), PEDESTRIAN)

    people = {
        1: person(30.0, -4.0, 0.0, 0.0),  # stands beside
        2: person(40.0, 5.0, 0.0, 1.0),  # walks along the road
        3: person(20.0, -6.0, np.pi / 2, 0.8),  # comes, and is on the way when the ego is past
        4: person(45.0, -6.0, np.pi / 2, 1.2),  # likewise, but the ego is still to come
        5: person(0.0, 300.0, 0.0, 0.0),  # far away
    }
    met = encounters(courses_of(log(people, ego=straight(0.0, 0.0, 0.0, 5.0), seconds=12.0)))
    assert met.minutes == pytest.approx(0.2, abs=0.01)
    assert (met.near, met.beside, met.on_way) == (4, 3, 1)
    assert (met + met).near == 8
    assert encounters(courses_of(log(people))).minutes == 0.0


def test_who_walks_while_the_ego_waits_is_on_its_way():
    def waits(time_s: float) -> tuple[float, float, float, float]:
        driven = min(time_s, 2.0) + max(time_s - 10.0, 0.0)
        return 5.0 * driven, 0.0, 0.0, 5.0 if time_s < 2.0 or time_s > 10.0 else 0.0

    person = Course(straight(14.0, -6.0, np.pi / 2, 1.2), PEDESTRIAN)
    met = encounters(courses_of(log([person], ego=waits, seconds=14.0)))
    assert (met.beside, met.on_way) == (1, 1)


def test_rows_say_how_much_and_how_sure():
    flags = Observations(np.array([True] * 8 + [False] * 2), np.array([True] * 2 + [False] * 8))
    means = Observations(np.array([1.0, 1.2, 1.1]), np.array([1.4, 1.5, 1.6]))
    rows = effect_rows(merge_effects([{("a", "b"): flags}, {("a", "b"): flags, ("c", "d"): means}]))
    assert (
        rows[0]["with_n"] == 20 and rows[0]["with"] == pytest.approx(0.8) and rows[0]["without"] == pytest.approx(0.2)
    )
    assert 0.0 < rows[0]["low"] < 0.6 < rows[0]["high"] < 1.0
    assert rows[1]["difference"] == pytest.approx(-0.4) and rows[1]["high"] < 0.0
    empty = Observations(np.zeros(0, dtype=bool), np.array([True]))
    assert np.isnan(effect_rows({("a", "b"): empty})[0]["difference"])


def test_intervals_of_published_examples():
    # R. G. Newcombe (1998), table II, (a): 56/70 - 48/80, method 10.
    found = difference_of_shares(np.arange(70) < 56, np.arange(80) < 48)
    assert (found.difference, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    # Equal variances and sizes: Welch's interval is Student's.
    means = difference_of_means(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0]))
    assert (means.low, means.high) == pytest.approx(
        (-1.0 - 2.776445 * np.sqrt(2 / 3), -1.0 + 2.776445 * np.sqrt(2 / 3))
    )


def test_speeding_up_is_not_slowing_down():
    course = Course(speeding(0.0, 5.0, 1.0), attributes=on_from(3.0, Attribute.BRAKE_LIGHT))
    assert observed(effects_of(log([course])), "brake light", "slows").with_it.tolist() == [False]
