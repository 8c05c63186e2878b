"""The demo's candidate plans start at the ego, follow its lane and differ as their names say."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.demo.plans import PLAN_NAMES, candidate_plans, hypothetical_ego
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.recording.generated import generated_log
from zoox_prediction.scene import EgoState


def moving_ego(speed: float = 8.0, yaw: float = 0.3) -> EgoState:
    return EgoState(5, np.array([2.0, 1.0]), yaw, speed * np.array([np.cos(yaw), np.sin(yaw)]))


def test_three_plans_straight_ahead_without_a_map():
    ego = moving_ego()
    plans = candidate_plans(ego, RoadNetwork())
    assert len(plans) == len(PLAN_NAMES) == 3 and plans.start_ns == 5
    np.testing.assert_allclose(plans.yaw, 0.3, atol=1e-9)
    moved = np.linalg.norm(plans.position[:, -1] - ego.position, axis=1)
    assert moved[0] == pytest.approx(64.0)
    assert moved[1] == pytest.approx(8.0**2 / (2 * 3.0), abs=0.2)  # braking distance
    assert moved[2] > moved[0]
    assert plans.speed[1, -1] == 0.0


def test_steps_are_continuous_and_agree_with_the_speeds():
    ego = moving_ego()
    plans = candidate_plans(ego, RoadNetwork())
    path = np.concatenate([np.broadcast_to(ego.position, (3, 1, 2)), plans.position], axis=1)
    step = np.linalg.norm(np.diff(path, axis=1), axis=-1) / plans.time_step_s
    np.testing.assert_allclose(step, plans.speed, atol=0.2)


def test_a_standing_ego_is_asked_about_as_if_it_set_off():
    plans = candidate_plans(moving_ego(speed=0.0), RoadNetwork())
    assert np.linalg.norm(plans.position[0, -1] - [2.0, 1.0]) > 10.0


def test_plans_follow_the_lane():
    log = generated_log(seed=0, duration_s=5.0)
    ego = log.ego[0]
    plans = candidate_plans(ego, log.road_network)
    lines = np.concatenate([log.road_network.lanes.centerline[row] for row in range(len(log.road_network.lanes))])
    dense = plans.position[0, 20::10]
    nearest = np.linalg.norm(dense[:, None] - lines, axis=-1).min(axis=1)
    assert nearest.max() < 3.0  # points of centrelines are a few metres apart


def test_a_recording_without_ego_gets_a_vehicle_on_a_lane_before_the_traffic():
    network = generated_log(seed=0, duration_s=5.0).road_network
    ego = hypothetical_ego(7, np.zeros(2), network)
    assert ego is not None and ego.stamp_ns == 7
    assert 10.0 < np.linalg.norm(ego.position) < 40.0
    assert np.dot(ego.velocity, -ego.position) > 0.0  # towards the middle


def test_without_lanes_there_is_nobody_to_ask_about():
    assert hypothetical_ego(0, np.zeros(2), RoadNetwork()) is None
