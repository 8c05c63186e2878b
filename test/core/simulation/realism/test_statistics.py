"""Statistics of traffic, on recordings with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_courses import Course, log, speeding, straight, two_lanes

from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation.realism.courses import EGO_ID, courses_of
from zoox_prediction.simulation.realism.crossings import accepted_gaps, crossings
from zoox_prediction.simulation.realism.following import following
from zoox_prediction.simulation.realism.statistics import (
    described,
    distance,
    hard_braking_share,
    merge,
    samples_of,
)

PEDESTRIAN = AgentClass.PEDESTRIAN
CAR_M = 4.6


def test_speeds_and_rates():
    samples = samples_of(courses_of(log([Course(speeding(0.0, 2.0, 1.5)), Course(speeding(500.0, 20.0, -2.5))])), None)
    speed = samples["speed_mps", "car"]
    assert speed.max() == 20.0 and speed.min() < 1.0 and np.isclose(speed, 2.0).any()
    np.testing.assert_allclose(samples["acceleration_mps2", "car"], 1.5)
    braking = samples["braking_mps2", "car"]
    assert np.median(braking) == pytest.approx(2.5) and braking.max() == pytest.approx(2.5)
    # The second car stands in the last 2 of 10 s.
    assert samples["standing", "car"].mean() == pytest.approx(0.1, abs=0.01)
    assert len(samples["speed_mps", "cyclist"]) == 0


def test_parked_cars_do_not_count_but_waiting_ones_do():
    parked = Course(lambda time_s: (0.0, 20.0, 0.0, 0.0))
    waiting = Course(lambda time_s: (max(time_s - 5.0, 0.0) * 2.0, 0.0, 0.0, 2.0 if time_s > 5.0 else 0.0))
    samples = samples_of(courses_of(log([parked, waiting])), None)
    assert samples["standing", "car"].mean() == pytest.approx(0.5, abs=0.01)


def test_lateral_acceleration_of_a_circle():
    radius, speed = 20.0, 8.0

    def circle(time_s: float) -> tuple[float, float, float, float]:
        turned = speed / radius * time_s
        return radius * np.sin(turned), radius * (1.0 - np.cos(turned)), turned, speed

    lateral = samples_of(courses_of(log([Course(circle)], seconds=20.0)), None)["lateral_mps2", "car"]
    assert len(lateral) > 150
    np.testing.assert_allclose(lateral, speed**2 / radius, rtol=1e-6)


def test_walking_speed_is_displacement():
    # Steps to and fro are no walking; standing does not count.
    there = Course(lambda time_s: (1.2 * time_s + 0.05 * (-1) ** round(10 * time_s), 0.0, 0.0, 2.2), PEDESTRIAN)
    stands = Course(straight(0.0, 5.0, 0.0, 0.0), PEDESTRIAN)
    walking = samples_of(courses_of(log([there, stands])), None)["walking_mps", "pedestrian"]
    np.testing.assert_allclose(walking, 1.2, atol=1e-9)


@pytest.mark.parametrize("lanes", [None, LaneGraph(two_lanes())])
def test_the_vehicle_ahead_is_the_nearest_in_the_lane(lanes):
    courses = courses_of(
        log(
            {
                1: Course(straight(-100.0, 0.0, 0.0, 10.0)),
                2: Course(straight(-70.0, 0.3, 0.0, 10.0)),
                3: Course(straight(-50.0, 0.0, 0.0, 10.0)),
                4: Course(straight(-85.0, 4.0, 0.0, 10.0)),  # in the other lane
                5: Course(straight(-80.0, 0.0, np.pi, 10.0)),  # comes towards them
                6: Course(lambda time_s: (-80.0, 0.5, 0.0, 0.0)),  # parked
            },
            seconds=1.0,
        )
    )
    found = following(courses, lanes)
    pairs = {
        (int(courses.ids[row]), int(courses.ids[leader])) for row, leader in zip(found.row, found.leader, strict=True)
    }
    assert pairs == {(1, 2), (2, 3)}
    own = courses.ids[found.row] == 1
    np.testing.assert_allclose(found.gap_m[own], 30.0 - CAR_M, atol=0.01)
    np.testing.assert_allclose(found.time_gap(courses)[own], (30.0 - CAR_M) / 10.0, atol=0.01)


def test_a_bend_is_followed_along_the_lanes_only():
    angles = np.linspace(0.0, np.pi, 40)
    network = two_lanes()
    from zoox_prediction.maps.road_network import Lanes, Ragged, RoadNetwork

    bend = np.column_stack([30.0 * np.sin(angles), 30.0 * (1.0 - np.cos(angles))])
    network = RoadNetwork(lanes=Lanes(ids=np.array([1]), centerline=Ragged.points([bend])))

    def at(start: float):
        def course(time_s: float) -> tuple[float, float, float, float]:
            turned = start + 5.0 / 30.0 * time_s
            return 30.0 * np.sin(turned), 30.0 * (1.0 - np.cos(turned)), turned, 5.0

        return course

    courses = courses_of(log([Course(at(0.1)), Course(at(1.1))], seconds=2.0))
    by_lane = following(courses, LaneGraph(network))
    assert set(courses.ids[by_lane.row].tolist()) == {1}
    np.testing.assert_allclose(by_lane.gap_m, 30.0 - CAR_M, atol=0.2)
    assert len(following(courses, None).row) == 0


def test_queue_gaps():
    def halting(x: float):
        return lambda time_s: (x + min(time_s, 3.0) * 3.0, 0.0, 0.0, 3.0 if time_s < 3.0 else 0.0)

    samples = samples_of(courses_of(log([Course(halting(0.0)), Course(halting(CAR_M + 2.0))])), None)
    gaps = samples["queue_gap_m", "car"]
    assert len(gaps) >= 6
    np.testing.assert_allclose(gaps, 2.0, atol=1e-6)


def test_the_gap_before_which_a_person_crosses():
    # The person is at (0, 0) after 5 s; cars come along x at 2 s, 9 s and 12 s.
    person = Course(straight(0.0, -5.0, np.pi / 2, 1.0), PEDESTRIAN)
    along = Course(straight(-10.0, -0.9, 0.1, 1.2), PEDESTRIAN)  # along the road, and slowly over its middle
    cars = [Course(straight(-10.0 * when, 0.0, 0.0, 10.0)) for when in (2.0, 9.0, 12.0)]
    courses = courses_of(log([person, *cars], seconds=15.0))
    found = crossings(courses)
    np.testing.assert_allclose(np.sort(found.margin_s), [-3.0, 4.0, 7.0], atol=0.01)
    gaps = accepted_gaps(found)
    np.testing.assert_allclose(gaps.gap_s, [4.0], atol=0.01)
    np.testing.assert_allclose(gaps.start_s, [5.0], atol=0.01)
    assert len(crossings(courses_of(log([along, cars[0]], seconds=15.0))).walker) == 0


def test_nobody_comes_after():
    person = Course(straight(0.0, -5.0, np.pi / 2, 1.0), PEDESTRIAN)
    earlier = Course(straight(-20.0, 0.0, 0.0, 10.0))
    gaps = accepted_gaps(crossings(courses_of(log([person, earlier]))))
    assert gaps.gap_s.tolist() == [np.inf]
    samples = samples_of(courses_of(log([person, earlier])), None)
    assert len(samples["crossing_gap_s", "pedestrian"]) == 0


def test_two_roads_are_two_crossings():
    person = Course(straight(0.0, -5.0, np.pi / 2, 1.0), PEDESTRIAN)
    cars = [Course(straight(-80.0, 0.0, 0.0, 10.0)), Course(straight(-140.0, 8.0, 0.0, 10.0))]
    gaps = accepted_gaps(crossings(courses_of(log([person, *cars], seconds=20.0))))
    np.testing.assert_allclose(gaps.gap_s, [3.0, 1.0], atol=0.01)


def test_the_ego_is_one_of_the_vehicles():
    courses = courses_of(log([Course(straight(20.0, 0.0, 0.0, 5.0))], ego=straight(0.0, 0.0, 0.0, 5.0)))
    assert EGO_ID in courses.ids.tolist()
    found = following(courses, None)
    assert set(courses.ids[found.row].tolist()) == {EGO_ID}
    np.testing.assert_allclose(found.gap_m, 20.0 - CAR_M, atol=1e-6)


def test_hard_braking_by_the_recordings_own_accelerations():
    courses = courses_of(log([Course(straight(0.0, 0.0, 0.0, 10.0))], seconds=1.0))
    courses.acceleration[:, :3] = -5.0
    courses.acceleration[:, 3:5] = -3.0
    assert hard_braking_share(courses, 4.0) == (3, 11)


def test_distances_between_distributions():
    first, second = np.linspace(0.0, 1.0, 100), np.linspace(0.5, 1.5, 100)
    apart = distance(first, second)
    assert apart is not None
    assert apart.wasserstein == pytest.approx(0.5) and apart.kolmogorov_smirnov == pytest.approx(0.5, abs=0.01)
    assert distance(first, second[:4]) is None
    assert distance(first, first).wasserstein == 0.0
    assert dict(described(first))["upper_quartile"] == pytest.approx(0.75)
    assert np.isnan(dict(described(first[:0]))["median"])


def test_samples_of_recordings_join():
    one = {("speed_mps", "car"): np.array([1.0])}
    two = {("speed_mps", "car"): np.array([2.0]), ("speed_mps", "cyclist"): np.array([3.0])}
    merged = merge([one, two])
    assert merged["speed_mps", "car"].tolist() == [1.0, 2.0] and merged["speed_mps", "cyclist"].tolist() == [3.0]


def test_an_empty_recording_has_no_samples():
    courses = courses_of(log([], seconds=1.0))
    assert all(len(values) == 0 for values in samples_of(courses, None).values())
