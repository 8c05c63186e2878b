"""Core objects go to messages and over CDR and come back the same; malformed messages are told in one sentence."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import recording_samples as samples
from recording_samples import assert_same
from scipy.spatial.transform import Rotation

from zoox_prediction.errors import InputError
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.recording import messages
from zoox_prediction.recording.typestore import RosbagsTypes, typestore
from zoox_prediction.scene import AgentClass, EgoState, TrackedAgents, TrafficSignals

FLOAT32 = 1e-6
TYPES = RosbagsTypes()


def over_the_wire(message):
    name = message.__msgtype__
    return typestore().deserialize_cdr(typestore().serialize_cdr(message, name), name)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_tracked_agents_come_back(count):
    agents = samples.tracked_agents(count)
    message = over_the_wire(messages.tracked_agents_to_message(agents, TYPES))
    assert_same(messages.tracked_agents_from_message(message), agents, FLOAT32)


def test_tracked_agents_keep_another_frame():
    agents = replace(samples.tracked_agents(2), frame_id="odom")
    message = messages.tracked_agents_to_message(agents, TYPES)
    assert message.header.frame_id == "odom"
    assert messages.tracked_agents_from_message(message).frame_id == "odom"


def test_covariances_stand_where_ros_has_them():
    agents = samples.tracked_agents(1)
    agent = messages.tracked_agents_to_message(agents, TYPES).agents[0]
    pose = np.reshape(agent.pose.covariance, (6, 6))
    twist = np.reshape(agent.twist.covariance, (6, 6))
    np.testing.assert_array_equal(pose[np.ix_([0, 1, 5], [0, 1, 5])], agents.pose_covariance[0])
    np.testing.assert_array_equal(twist[:2, :2], agents.velocity_covariance[0])
    assert not pose[2:5].any() and not twist[2:].any()


def test_every_message_of_an_array_is_its_own():
    message = messages.tracked_agents_to_message(samples.tracked_agents(2), TYPES)
    assert message.agents[0].pose.pose.position is not message.agents[1].pose.pose.position
    assert not np.shares_memory(message.agents[0].pose.covariance, message.agents[1].pose.covariance)


def test_nan_states_pass_and_odd_class_probabilities_become_a_distribution():
    agents = replace(
        samples.tracked_agents(4),
        position=np.full((4, 3), np.nan),
        class_probabilities=np.array([[np.nan] * 8, [0.0] * 8, [-1.0] + [0.0] * 6 + [0.5], [3.0, 1.0] + [0.0] * 6]),
    )
    received = messages.tracked_agents_from_message(messages.tracked_agents_to_message(agents, TYPES))
    assert np.isnan(received.position).all()
    np.testing.assert_array_equal(received.agent_class[:3], AgentClass.UNKNOWN)
    np.testing.assert_allclose(received.class_probabilities[3, :2], [0.75, 0.25])


def test_a_covariance_of_a_wrong_length_is_told():
    message = messages.tracked_agents_to_message(samples.tracked_agents(2), TYPES)
    message.agents[1].pose.covariance = np.zeros(9)
    with pytest.raises(InputError, match=r"TrackedAgentArray.agents: pose.covariance must have 36 values"):
        messages.tracked_agents_from_message(message)


def test_traffic_signals_come_back():
    signals = samples.traffic_signals()
    message = over_the_wire(messages.traffic_signals_to_message(signals, TYPES))
    assert_same(messages.traffic_signals_from_message(message), signals, FLOAT32)
    assert_same(
        messages.traffic_signals_from_message(messages.traffic_signals_to_message(TrafficSignals(), TYPES)),
        TrafficSignals(),
    )


def test_a_signal_state_of_the_future_is_passed_on_and_a_missing_stamp_is_told():
    message = messages.traffic_signals_to_message(samples.traffic_signals(), TYPES)
    message.state = np.array([17, 1], dtype=np.uint8)
    np.testing.assert_array_equal(messages.traffic_signals_from_message(message).state, [17, 1])
    message.stamp = message.stamp[:1]
    with pytest.raises(InputError, match=r"TrafficSignalArray.stamp has 1 values for 2 ids"):
        messages.traffic_signals_from_message(message)


@pytest.mark.parametrize("network", [samples.road_network(), RoadNetwork()], ids=["full", "empty"])
def test_road_networks_come_back(network):
    received = messages.road_network_from_message(over_the_wire(messages.road_network_to_message(network, TYPES)))
    assert_same(received, network, FLOAT32)
    with pytest.raises(ValueError, match="read-only"):
        received.lanes.centerline.values[:] = 0.0


def test_a_road_network_keeps_centimetres_far_from_the_origin():
    network = samples.road_network()
    received = messages.road_network_from_message(over_the_wire(messages.road_network_to_message(network, TYPES)))
    np.testing.assert_array_equal(received.lanes.centerline.values, network.lanes.centerline.values)


def test_a_default_road_network_message_is_an_empty_map():
    received = messages.road_network_from_message(TYPES.new("zoox_prediction/msg/RoadNetwork"))
    assert len(received.lanes) == 0 and len(received.walkways) == 0 and len(received.lanes.successors) == 0


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("lane_type", np.zeros(3, np.uint8), "lane_type has 3 values where 2 belong"),
        ("lane_type", np.array([0, 9], np.uint8), "lane_type has the value 9, known are 0 to 4"),
        ("lane_centerline_offset", np.array([0, 3], np.uint32), "lane_centerline_offset must have 3 values"),
        ("lane_centerline_offset", np.array([0, 7, 5], np.uint32), "must have 3 values that rise from 0 to 5"),
        ("lane_successor_offset", np.array([0, 2, 9], np.uint32), "rise from 0 to 2"),
        ("lane_left_boundary", np.array([0.0, np.nan, 0.0, 0.0]), "pairs of finite numbers"),
        ("walkway", np.zeros(5), "pairs of finite numbers"),
        ("lane_id", np.array([7, 7]), "lane_id has an id twice"),
        ("signal_position", np.zeros(2), r"signal_position has 2 values where 4 belong, as \(2, 2\)"),
    ],
)
def test_malformed_road_networks_are_told(field, value, reason):
    message = messages.road_network_to_message(samples.road_network(), TYPES)
    setattr(message, field, value)
    with pytest.raises(InputError, match=reason):
        messages.road_network_from_message(message)


@pytest.mark.parametrize("shape", [(5, 6, 80), (0, 6, 80), (3, 1, 12)])
def test_predictions_come_back(shape):
    predictions = samples.predictions(*shape)
    message = over_the_wire(messages.predictions_to_message(predictions, TYPES, scene_age_s=0.25))
    assert message.scene_age == 0.25
    assert message.horizon == pytest.approx(shape[2] * 0.1)
    assert_same(messages.predictions_from_message(message), predictions, FLOAT32)


def test_prediction_arrays_of_a_wrong_length_are_told():
    message = messages.predictions_to_message(samples.predictions(2, 3, 4), TYPES)
    message.num_steps = 5
    with pytest.raises(InputError, match=r"PredictedTrajectoryArray.x has 24 values where 30 belong"):
        messages.predictions_from_message(message)


def test_prediction_counts_that_overflow_are_told():
    message = messages.predictions_to_message(samples.predictions(0, 3, 4), TYPES)
    message.id, message.class_id, message.source = np.zeros(1, np.int64), np.zeros(1, np.uint8), np.zeros(1, np.uint8)
    message.num_modes = message.num_steps = 2**32 - 1
    with pytest.raises(InputError, match="has 0 values where"):
        messages.predictions_from_message(message)


def test_full_predictions_convert_within_the_budget():
    predictions = samples.predictions(64, 6, 80)
    message = messages.predictions_to_message(predictions, TYPES)

    def best(action) -> float:
        def once() -> float:
            start = time.perf_counter()
            action()
            return time.perf_counter() - start

        return min(once() for _ in range(10))

    assert best(lambda: messages.predictions_to_message(predictions, TYPES)) < 5e-3
    assert best(lambda: messages.predictions_from_message(message)) < 5e-3


def test_the_ego_comes_back_and_its_twist_is_along_base_link():
    ego = EgoState(samples.STAMP_NS, np.array([10.0, -5.0]), np.pi / 2, np.array([-1.0, 8.0]), 0.25, 2.0)
    message = over_the_wire(messages.odometry_to_message(ego, TYPES))
    assert (message.header.frame_id, message.child_frame_id) == ("map", "base_link")
    assert (message.twist.twist.linear.x, message.twist.twist.linear.y) == pytest.approx((8.0, 1.0))
    assert_same(messages.ego_from_odometry(message), ego, 1e-12)


def test_the_velocity_of_an_ego_on_a_slope_is_that_over_the_map():
    message = messages.odometry_to_message(EgoState(0, np.zeros(2), 0.0, np.array([10.0, 0.0])), TYPES)
    orientation = message.pose.pose.orientation
    orientation.x, orientation.y, orientation.z, orientation.w = Rotation.from_euler("ZY", [30, 60], True).as_quat()
    ego = messages.ego_from_odometry(message)
    assert ego.yaw == pytest.approx(np.deg2rad(30))
    np.testing.assert_allclose(ego.velocity, 5.0 * np.array([np.cos(ego.yaw), np.sin(ego.yaw)]), atol=1e-9)


@pytest.mark.parametrize("w", [0.0, np.nan])
def test_an_odometry_without_an_orientation_is_told(w):
    message = TYPES.new("nav_msgs/msg/Odometry")
    message.pose.pose.orientation.w = w
    with pytest.raises(InputError, match=r"orientation is not a rotation"):
        messages.ego_from_odometry(message)


@pytest.mark.parametrize("stamp", [0, 1, 999_999_999, 1_700_000_000_123_456_789, -1])
def test_stamps_come_back_to_the_nanosecond(stamp):
    assert messages.stamp_ns(messages.stamp_to_message(stamp, TYPES)) == stamp


def test_a_stamp_that_ros_cannot_carry_is_told():
    with pytest.raises(InputError, match="outside of the range of ROS time"):
        messages.stamp_to_message(2**31 * 10**9, TYPES)


def test_candidate_plans_come_back():
    plans = samples.candidate_plans()
    request = over_the_wire(messages.candidate_plans_to_request(plans, TYPES, np.array([3, 2**40])))
    np.testing.assert_array_equal(request.plan_offset, [0, 4, 6])
    np.testing.assert_array_equal(request.agent_ids, [3, 2**40])
    received = messages.candidate_plans_from_request(request, default_start_ns=1)
    np.testing.assert_array_equal(received.valid, plans.valid)
    assert (received.start_ns, received.time_step_s) == (plans.start_ns, 0.5)
    for name in ("position", "yaw", "speed"):
        expected = getattr(plans, name).copy()
        expected[1, 2:] = expected[1, 1]  # where not valid a plan keeps its last state
        np.testing.assert_allclose(getattr(received, name), expected, rtol=FLOAT32, atol=FLOAT32)


def test_plans_without_a_stamp_start_at_the_default():
    request = messages.candidate_plans_to_request(replace(samples.candidate_plans(), start_ns=0), TYPES)
    assert messages.candidate_plans_from_request(request, default_start_ns=42).start_ns == 42


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("plan_offset", np.array([0], np.uint32), "plan_offset must rise from 0 to the number of steps, 6"),
        ("plan_offset", np.array([0, 4, 5], np.uint32), "plan_offset must rise"),
        ("plan_offset", np.array([0, 6, 6], np.uint32), "no plan may be empty"),
        ("yaw", np.zeros(5, np.float32), "yaw has 5 values where 6 belong"),
        ("speed", np.array([0, 0, 0, 0, 0, np.inf], np.float32), "plan 1 has a state that is not finite"),
        ("time_step", 0.0, "time_step must be positive"),
        ("time_step", np.nan, "time_step must be positive"),
    ],
)
def test_malformed_plans_are_told(field, value, reason):
    request = messages.candidate_plans_to_request(samples.candidate_plans(), TYPES)
    setattr(request, field, value)
    with pytest.raises(InputError, match=reason):
        messages.candidate_plans_from_request(request, 0)


def test_a_flood_of_plans_is_refused_before_it_fills_the_memory():
    request = messages.candidate_plans_to_request(samples.candidate_plans(), TYPES)
    steps = 200_000
    for name in ("x", "y", "yaw", "speed"):
        setattr(request, name, np.zeros(steps, np.float32))
    request.plan_offset = np.array([*range(100_001), steps], dtype=np.uint32)
    with pytest.raises(InputError, match="100001 plans of up to 100000 steps are too many"):
        messages.candidate_plans_from_request(request, 0)


def test_plans_in_another_frame_are_refused():
    request = messages.candidate_plans_to_request(samples.candidate_plans(), TYPES)
    request.header.frame_id = "odom"
    with pytest.raises(InputError, match="frame 'map', not 'odom'"):
        messages.candidate_plans_from_request(request, 0)


def test_conditional_answers_come_back():
    answer = samples.conditional_answer()
    response = over_the_wire(messages.answer_to_response(answer, TYPES))
    assert response.success
    assert_same(messages.answer_from_response(response), answer, FLOAT32)


def test_a_failure_gives_its_reason():
    response = over_the_wire(messages.failure_to_response("no scene yet", TYPES))
    with pytest.raises(InputError, match="no scene yet"):
        messages.answer_from_response(response)


def test_an_empty_scene_becomes_an_empty_message():
    message = messages.tracked_agents_to_message(TrackedAgents.empty(5), TYPES)
    assert message.agents == [] and messages.stamp_ns(message.header.stamp) == 5
