"""Lane following on made-up roads: bends, signals, leaders, forks."""

from __future__ import annotations

import numpy as np
import pytest
from baseline_scenes import arc, lane_road, make_scene, red_signal, signal_showing, straight_line, town

from zoox_prediction.models.baselines.config import BaselinesConfig
from zoox_prediction.models.baselines.constant_velocity import ConstantVelocity
from zoox_prediction.models.baselines.lane_following import LaneFollowing
from zoox_prediction.models.baselines.speed_profile import braking_envelope
from zoox_prediction.scene import AgentClass, SignalState

HALF_LENGTH_M = 2.3  # of the made-up cars


def best(prediction, agent=0):
    mode = prediction.probability[agent].argmax()
    return prediction.position[agent, mode], prediction.speed[agent, mode]


def signal_road():
    """A straight road whose second lane, from x = 60 on, is controlled by signal 7 with a stop line at x = 58."""
    return lane_road(
        [straight_line((0, 0), (60, 0)), straight_line((60, 0), (300, 0))],
        [[1], []],
        signal=[-1, 7],
        stop_lines=[[(58, -1.75), (58, 1.75)]],
        stop_line=[-1, 0],
    )


def test_no_mode_leaves_a_straight_lane_or_jumps_at_the_start():
    road = lane_road([straight_line((-50, 0), (400, 0))])
    scene = make_scene([[0.0, 0.8], [30.0, -1.0]], [0.05, -0.03], [15.0, 9.0], road_network=road)
    prediction = LaneFollowing().predict(scene)
    used = prediction.probability > 0
    assert np.abs(prediction.position[used][..., 1]).max() < 1.75
    first = np.hypot(*(prediction.position[:, 0, 0] - scene.agents.position[:, :2]).T)
    np.testing.assert_allclose(first, [1.5, 0.9], atol=0.1)
    assert np.abs(prediction.position[:, 0, -1, 1]).max() < 0.4, "the offset from the centreline fades"


@pytest.mark.parametrize("speed", [5.0, 10.0, 14.0])
def test_stops_before_the_stop_line_of_a_red_signal(speed):
    prediction = LaneFollowing().predict(
        make_scene([[15.0, 0.0]], 0.0, speed, road_network=signal_road(), signals=red_signal())
    )
    position, speeds = best(prediction)
    assert position[:, 0].max() + HALF_LENGTH_M <= 58.0
    assert speeds[-1] < 0.5 or speed == 5.0
    green = LaneFollowing().predict(
        make_scene([[15.0, 0.0]], 0.0, speed, road_network=signal_road(), signals=signal_showing(SignalState.GREEN))
    )
    assert best(green)[0][-1, 0] == pytest.approx(15.0 + 8.0 * speed, rel=0.05)


def test_runs_a_yellow_that_it_cannot_stop_for_and_ignores_a_passed_line():
    yellow = signal_showing(SignalState.YELLOW)
    late = LaneFollowing().predict(make_scene([[46.0, 0.0]], 0.0, 14.0, road_network=signal_road(), signals=yellow))
    assert best(late)[0][-1, 0] > 120.0
    passed = LaneFollowing().predict(
        make_scene([[62.0, 0.0]], 0.0, 8.0, road_network=signal_road(), signals=red_signal())
    )
    assert best(passed)[0][-1, 0] > 110.0


def test_stops_behind_a_standing_leader_and_follows_a_moving_one():
    road = lane_road([straight_line((-50, 0), (400, 0))])
    scene = make_scene([[0.0, 0.0], [50.0, 0.3]], 0.0, [12.0, 0.0], road_network=road)
    position, speed = best(LaneFollowing().predict(scene))
    assert position[:, 0].max() < 50.0 - 2.0 * HALF_LENGTH_M
    assert position[-1, 0] > 35.0 and speed[-1] < 0.8
    scene = make_scene([[0.0, 0.0], [25.0, 0.0]], 0.0, [14.0, 8.0], road_network=road)
    position, speed = best(LaneFollowing().predict(scene))
    assert position[-1, 0] < 25.0 + 64.0 - 2.0 * HALF_LENGTH_M
    assert speed[-1] == pytest.approx(8.0, abs=1.0)


def test_oncoming_crossing_and_roadside_agents_are_no_leaders():
    road = lane_road([straight_line((-50, 0), (400, 0))])
    scene = make_scene(
        [[0.0, 0.0], [60.0, 0.5], [50.0, 1.0], [40.0, 2.6]],
        [0.0, np.pi, np.pi / 2, 0.0],
        [10.0, 8.0, 5.0, 0.0],
        road_network=road,
    )
    assert best(LaneFollowing().predict(scene))[0][-1, 0] == pytest.approx(80.0, abs=2.0)


def test_slows_for_a_bend_before_it_comes():
    radius = 10.0
    bend = arc((60, radius), radius, -np.pi / 2, np.pi / 2)
    road = lane_road([np.concatenate([straight_line((0, 0), (55, 0)), bend, straight_line((55, 20), (-80, 20))])])
    scene = make_scene([[20.0, 0.0]], 0.0, 12.0, road_network=road)
    position, speed = best(LaneFollowing().predict(scene))
    in_bend = position[:, 0] > 62.0
    assert in_bend.any()
    limit = np.sqrt(BaselinesConfig().driving.lateral_acceleration_mps2 * radius)
    assert speed[in_bend].max() < 1.15 * limit
    assert np.diff(speed).min() > -0.1 * 1.6 * BaselinesConfig().driving.deceleration_mps2
    from_center = np.hypot(*(position[in_bend] - [60.0, radius]).T)
    np.testing.assert_allclose(from_center, radius, atol=0.6)


def test_braking_envelope_meets_every_limit_at_the_given_deceleration():
    limit = np.full((1, 101), 20.0)
    limit[0, 50] = 5.0
    envelope = braking_envelope(limit, 1.0, 2.0)[0]
    assert envelope[50] == 5.0 and envelope[51] == 20.0
    np.testing.assert_allclose(envelope[40], np.sqrt(25.0 + 2 * 2.0 * 10.0))
    assert envelope[0] <= 20.0


def test_every_lane_of_a_fork_is_a_mode():
    prediction = LaneFollowing().predict(make_scene([[-45.0, 0.0]], 0.0, 9.0, road_network=town()))
    used = prediction.probability[0] > 0
    ends = prediction.position[0, used, -1]
    assert used.sum() == 2
    assert np.any(np.abs(ends[:, 1]) < 1.0) and np.any(np.abs(ends[:, 0]) < 1.5)
    assert prediction.probability[0, used].min() > 0.05


def test_a_standing_car_on_a_lane_mainly_stands_and_one_off_the_road_does_not_join_it():
    scene = make_scene([[-45.0, 0.0], [-45.0, 30.0]], [0.0, 1.0], [0.0, 6.0], road_network=town())
    prediction = LaneFollowing().predict(scene)
    assert np.abs(best(prediction)[0] - [-45.0, 0.0]).max() == 0.0
    straight = ConstantVelocity().predict(scene)
    np.testing.assert_allclose(best(prediction, 1)[0], best(straight, 1)[0], atol=0.2)


def test_pedestrians_do_not_follow_lanes():
    scene = make_scene([[-45.0, 0.0]], 0.5, 1.4, AgentClass.PEDESTRIAN, road_network=town())
    assert best(LaneFollowing().predict(scene))[0][-1, 1] == pytest.approx(11.2 * np.sin(0.5), abs=0.3)
