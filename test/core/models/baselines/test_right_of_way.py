"""Who gives way where roads cross: by signs, by the map's own rules, and by the gaps that there are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from baseline_scenes import crossing_roads, make_scene, signal_showing

from zoox_prediction.maps.road_network import RightOfWay
from zoox_prediction.models.baselines.lane_following import LaneFollowing
from zoox_prediction.models.baselines.mixture import HeuristicMixture
from zoox_prediction.models.baselines.right_of_way import Rules
from zoox_prediction.scene import SignalState

LINE_Y, HALF_LENGTH_M = -8.0, 2.3
YIELDING = [
    crossing_roads(yields=True),
    crossing_roads(RightOfWay.YIELD),
    crossing_roads(RightOfWay.YIELD, yields=True),
]


def scene_of(road, other=None, minor=(-45.0, 9.0), signals=None):
    """A car on the minor road, `minor` (y, speed); and perhaps one on the major road, `other` (x, speed)."""
    cars = [(0.0, minor[0], np.pi / 2, minor[1])]
    if other is not None:
        cars.append((other[0], 0.0, 0.0, other[1]))
    table = np.array(cars)
    return make_scene(table[:, :2], table[:, 2], table[:, 3], road_network=road, signals=signals)


def waiting_share(scene, predictor=LaneFollowing, at_s=4.5):
    """Probability that the car of the minor road is still before the line after `at_s`, far enough not to block."""
    prediction = predictor().predict(scene)
    front = prediction.position[0, :, round(at_s / 0.1) - 1, 1] + HALF_LENGTH_M
    return prediction.probability[0, front <= LINE_Y + 0.1].sum()


@pytest.mark.parametrize("road", YIELDING, ids=["told by the map", "by its sign", "both"])
def test_a_car_that_has_to_yield_waits_for_who_comes_and_goes_when_nobody_does(road):
    meets, gone, late = (scene_of(road, other) for other in ((-50.0, 12.0), (20.0, 12.0), (-140.0, 8.0)))
    assert waiting_share(meets) > 0.6
    assert waiting_share(scene_of(road)) < 0.05
    assert waiting_share(gone) < 0.05
    assert waiting_share(late) < 0.2


def test_nobody_waits_where_no_rule_says_so():
    assert waiting_share(scene_of(crossing_roads(), (-50.0, 12.0))) < 0.05
    assert waiting_share(scene_of(crossing_roads(RightOfWay.PRIORITY), (-50.0, 12.0))) < 0.05


def test_who_waited_goes_on_when_the_other_has_passed():
    prediction = LaneFollowing().predict(scene_of(YIELDING[0], (-50.0, 12.0)))
    best = prediction.probability[0].argmax()
    front = prediction.position[0, best, :, 1] + HALF_LENGTH_M
    other_gone_s = (50.0 + 2 * 1.9) / 12.0
    assert front[round(other_gone_s / 0.1)] < LINE_Y + 0.1
    assert front[-1] > 0.0
    assert np.diff(front).min() > -1e-9


def test_the_smaller_the_gap_the_likelier_it_waits():
    shares = [waiting_share(scene_of(YIELDING[0], (x, 12.0))) for x in (-60.0, -80.0, -100.0, -120.0)]
    assert np.all(np.diff(shares) < 0.0)
    assert shares[0] > 0.6 and shares[-1] < 0.1


def test_a_stop_sign_stops_even_when_nobody_comes_and_then_the_car_goes_on():
    prediction = LaneFollowing().predict(scene_of(crossing_roads(RightOfWay.STOP)))
    for mode in np.flatnonzero(prediction.probability[0] > 0.0):
        speed, front = prediction.speed[0, mode], prediction.position[0, mode, :, 1] + HALF_LENGTH_M
        stood = int(np.argmin(speed[:-5]))
        assert speed[stood] < 0.6
        assert front[stood] <= LINE_Y + 0.1
        assert front[-1] > front[stood] + 1.0


def test_who_stands_at_the_line_sets_off_only_into_a_gap():
    def sets_off_s(other):
        scene = scene_of(YIELDING[0], other, minor=(LINE_Y - HALF_LENGTH_M - 1.0, 0.0))
        _, _, modes = HeuristicMixture().candidates(scene)
        position = modes.position[(modes.agent == 0) & (modes.kind == 5)][0]  # LANE_FAST
        return 0.1 * np.argmax(position[:, 1] > LINE_Y)

    free, behind_one = sets_off_s(None), sets_off_s((-40.0, 12.0))
    assert free < 2.5
    assert behind_one > 40.0 / 12.0


@pytest.mark.parametrize(("state", "waits"), [(SignalState.GREEN, False), (SignalState.DARK, True)])
def test_a_signal_that_works_overrides_signs(state, waits):
    road = crossing_roads(RightOfWay.STOP)
    road = replace(road, lanes=replace(road.lanes, signal=np.array([7, -1, -1, -1, -1, -1])))
    scene = scene_of(road, (-50.0, 12.0), signals=signal_showing(state))
    assert (waiting_share(scene) > 0.5) == waits


def test_nobody_waits_for_who_is_held_by_a_red_signal():
    road = YIELDING[0]
    road = replace(road, lanes=replace(road.lanes, signal=np.array([-1, -1, -1, 7, -1, -1])))
    free = waiting_share(scene_of(road, (-50.0, 12.0), signals=signal_showing(SignalState.GREEN)))
    held = waiting_share(scene_of(road, (-50.0, 12.0), signals=signal_showing(SignalState.RED)))
    assert free > 0.6 and held < 0.05


def test_the_mixture_keeps_both_ways_where_the_gap_is_doubtful():
    share = waiting_share(scene_of(YIELDING[0], (-85.0, 12.0)), HeuristicMixture)
    assert 0.1 < share < 0.95
    assert waiting_share(scene_of(YIELDING[0], (-50.0, 12.0)), HeuristicMixture) > waiting_share(
        scene_of(crossing_roads(), (-50.0, 12.0)), HeuristicMixture
    )


def test_a_sign_without_a_list_means_the_lanes_that_cross_without_one():
    road = crossing_roads(RightOfWay.YIELD)
    rules = Rules.of(road)
    assert rules.first[0].tolist() == [4]
    assert rules.gives_way.tolist() == [True, False, False, False, False, False]
    np.testing.assert_allclose(rules.lines[0], [0.0, LINE_Y])
    both = np.array([RightOfWay.YIELD, 0, 0, 0, RightOfWay.YIELD, 0], dtype=np.uint8)
    signed = Rules.of(replace(road, lanes=replace(road.lanes, right_of_way=both)))
    assert len(signed.first[0]) == 0, "two with signs owe each other nothing"


def test_a_crowd_at_the_crossing_gets_finite_futures_whatever_the_rule():
    random = np.random.default_rng(3)
    for road in (*YIELDING, crossing_roads(RightOfWay.STOP)):
        minor = np.column_stack([np.zeros(40), random.uniform(-90, 90, 40), np.full(40, np.pi / 2)])
        major = np.column_stack([random.uniform(-140, 140, 40), np.zeros(40), np.zeros(40)])
        table = np.concatenate([minor, major])
        scene = make_scene(table[:, :2], table[:, 2], random.uniform(0.0, 14.0, 80), road_network=road)
        prediction = HeuristicMixture().predict(scene)
        for values in (prediction.position, prediction.probability, prediction.speed, prediction.covariance):
            assert np.isfinite(values).all()
        np.testing.assert_allclose(prediction.probability.sum(axis=1), 1.0)
