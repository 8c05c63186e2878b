"""The prediction node as a process, fed good and bad input over DDS: it always answers and says what is wrong."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import pytest
from prediction_peer import broken, cars

from zoox_prediction.maps.road_network import Lanes, Ragged, RoadNetwork
from zoox_prediction.recording.messages import (
    answer_from_response,
    candidate_plans_to_request,
    odometry_to_message,
    road_network_to_message,
    traffic_signals_to_message,
)
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.scene import (
    AgentClass,
    CandidatePlans,
    EgoState,
    SignalState,
    TrafficSignals,
)

PERIOD_S = 0.1


def test_every_agent_is_predicted_with_neither_odometry_nor_map(peer, predicted, wait_for):
    predictions = predicted(peer, cars(peer.now_ns()))
    assert predictions.position.shape == (3, 6, 80, 2)
    assert predictions.predictor_name == "heuristic_mixture"
    wait_for(lambda: "odometry" in " ".join(peer.statuses))
    assert "no message yet" in peer.statuses["input odometry"].message
    wait_for(lambda: "p99" in peer.statuses["prediction"].message)
    assert peer.statuses["input tracked_agents"].message.startswith("age ")
    assert {each.key for each in peer.statuses["prediction"].values} >= {"p50_ms", "p99_ms"}
    assert peer.statuses["predictor"].message == "heuristic_mixture"


def test_the_last_scene_is_predicted_again_when_the_tracker_falls_silent_and_not_for_ever(peer, predicted, wait_for):
    agents = cars(peer.now_ns())
    predicted(peer, agents)
    wait_for(lambda: len(peer.predictions) >= 3, what="a repeated prediction")
    assert {each.stamp_ns for each in peer.predictions} == {agents.stamp_ns}
    time.sleep(1.5)
    count = len(peer.predictions)
    time.sleep(0.8)
    assert len(peer.predictions) == count
    wait_for(lambda: "old" in peer.statuses["input tracked_agents"].message)


@pytest.mark.parametrize("count", [0, 1, 500])
def test_any_number_of_agents(peer, predicted, count):
    predicted(peer, cars(peer.now_ns(), count))


def test_states_that_are_not_finite(peer, predicted, complains):
    stamp_ns = peer.now_ns()
    predicted(peer, cars(stamp_ns))
    bad = cars(stamp_ns + 100_000_000)
    bad = broken(bad, 0, position=np.nan)
    bad = broken(bad, 1, velocity=np.inf)
    bad = broken(bad, 2, yaw=np.nan)
    predictions = predicted(peer, bad)
    start = predictions.position[predictions.ids == 1][0, 0, 0]
    np.testing.assert_allclose(start, [10.5 + 0.5, 4.0], atol=1.0)  # carried on from where it was last seen
    complains(peer, "tracked_agents", "agent 1")


def test_an_agent_that_never_had_a_place_is_left_out_and_named(peer, predicted, complains):
    predicted(peer, broken(cars(peer.now_ns()), 1, position=np.nan), ids=[1, 3])
    complains(peer, "agent 2")


def test_duplicate_ids(peer, predicted, complains):
    agents = dataclasses.replace(cars(peer.now_ns()), ids=np.array([7, 7, 8]))
    predicted(peer, agents, ids=[7, 8])
    complains(peer, "7")


def test_unknown_classes_and_absurd_sizes_and_speeds(peer, predicted, complains):
    agents = broken(cars(peer.now_ns()), 0, class_probabilities=0.0)
    agents = broken(agents, 1, size=[-3.0, 0.0, np.nan])
    agents = broken(agents, 2, velocity=[900.0, 0.0])
    predictions = predicted(peer, agents)
    assert predictions.agent_class[predictions.ids == 1] == AgentClass.UNKNOWN
    complains(peer, "900")


def test_stamps_that_go_back_a_little_are_dropped_and_a_lot_start_anew(peer, predicted, complains):
    stamp_ns = peer.now_ns()
    predicted(peer, cars(stamp_ns))
    late = cars(stamp_ns - 50_000_000)
    peer.publish(late)
    complains(peer, "out of order")
    assert peer.predictions_of(late) is None
    predicted(peer, cars(stamp_ns - 60_000_000_000))
    complains(peer, "jumps back")
    predicted(peer, cars(stamp_ns - 59_900_000_000))


def test_agents_in_a_frame_without_transform(peer, predicted, complains):
    lost = dataclasses.replace(cars(peer.now_ns()), frame_id="nowhere")
    peer.publish(lost)
    complains(peer, "nowhere")
    assert peer.predictions_of(lost) is None
    predicted(peer, cars(peer.now_ns()))


def test_an_empty_map_a_malformed_one_and_one_with_holes(peer, predicted, complains):
    peer.road_network.publish(road_network_to_message(RoadNetwork(), ROS_TYPES, 0))
    complains(peer, "no lanes")
    predicted(peer, cars(peer.now_ns()))
    malformed = road_network_to_message(straight_road(), ROS_TYPES, 0)
    malformed.lane_type = []
    peer.road_network.publish(malformed)
    complains(peer, "RoadNetwork.lane_type")
    holes = road_network_to_message(straight_road(), ROS_TYPES, 0)
    holes.lane_centerline[3] = float("nan")
    peer.road_network.publish(holes)
    complains(peer, "finite numbers")
    predicted(peer, cars(peer.now_ns()))


def test_stale_and_unknown_signals(peer, predicted, complains):
    peer.road_network.publish(road_network_to_message(straight_road(), ROS_TYPES, 0))
    now = peer.now_ns()
    signals = TrafficSignals(
        now,
        np.array([4, 99]),
        np.array([SignalState.RED, 77], dtype=np.uint8),
        np.array([now - 60_000_000_000, now]),
        np.array([1.0, np.nan]),
    )
    peer.signals.publish(traffic_signals_to_message(signals, ROS_TYPES))
    complains(peer, "traffic_signals", "77")
    predicted(peer, cars(peer.now_ns()))
    complains(peer, "traffic signal 4")


def test_odometry_that_is_not_finite(peer, predicted, complains):
    ego = EgoState(peer.now_ns(), np.array([np.nan, 0.0]), 0.0, np.zeros(2))
    peer.odometry.publish(odometry_to_message(ego, ROS_TYPES))
    complains(peer, "odometry")
    predicted(peer, cars(peer.now_ns()))


def test_candidate_plans_are_answered_while_predictions_go_on(peer, wait_for):
    peer.road_network.publish(road_network_to_message(straight_road(), ROS_TYPES, 0))
    start_ns = peer.now_ns()
    answers = []
    sent = []
    for step in range(15):
        agents = cars(start_ns + step * 100_000_000)
        ego = EgoState(agents.stamp_ns, np.array([-10.0, 0.0]), 0.0, np.array([8.0, 0.0]))
        peer.odometry.publish(odometry_to_message(ego, ROS_TYPES))
        peer.publish(agents)
        sent.append(agents)
        if step >= 3:
            request = candidate_plans_to_request(plans(0), ROS_TYPES)
            peer.query.call_async(request).add_done_callback(lambda done: answers.append(done.result()))
        time.sleep(PERIOD_S)
    wait_for(lambda: len(answers) == 12, timeout_s=60.0, what="the answers")
    wait_for(lambda: all(peer.predictions_of(each) is not None for each in sent), what="every prediction")
    answer = answer_from_response(answers[-1])
    assert answer.yield_probability.shape == (2, 3)
    for array in (answer.yield_probability, answer.collision_probability):
        assert ((array >= 0.0) & (array <= 1.0)).all()
    assert (answer.smallest_gap_m >= 0.0).all() and (answer.shift_m >= 0.0).all()
    wait_for(lambda: "p99" in peer.statuses["query"].message)


def test_predictions_do_not_wait_for_a_question_that_takes_long(peer, predicted, wait_for):
    predicted(peer, cars(peer.now_ns(), 200))
    two = plans(0)
    many = dataclasses.replace(
        two,
        **{name: np.repeat(getattr(two, name), 200, axis=0) for name in ("position", "yaw", "speed", "valid")},
    )
    asked = peer.query.call_async(candidate_plans_to_request(many, ROS_TYPES, np.array([1])))
    for _ in range(3):
        time.sleep(PERIOD_S)
        predicted(peer, cars(peer.now_ns(), 200))
    assert not asked.done()
    wait_for(asked.done, timeout_s=120.0, what="the answer")
    assert asked.result().success and len(asked.result().predictions) == 400


def test_questions_that_cannot_be_answered_say_why(peer, predicted, wait_for):
    def ask(request: Any) -> Any:
        answers: list[Any] = []
        peer.query.call_async(request).add_done_callback(lambda done: answers.append(done.result()))
        wait_for(lambda: answers)
        return answers[0]

    early = ask(candidate_plans_to_request(plans(0), ROS_TYPES))
    assert not early.success and "no tracked agents" in early.message
    predicted(peer, cars(peer.now_ns()))
    broken_plans = dataclasses.replace(plans(0), position=np.full((2, 80, 2), np.nan))
    refused = ask(candidate_plans_to_request(broken_plans, ROS_TYPES))
    assert not refused.success and "plan 0" in refused.message
    unknown = ask(candidate_plans_to_request(plans(0), ROS_TYPES, np.array([1, 4711])))
    assert not unknown.success and "4711" in unknown.message
    some = ask(candidate_plans_to_request(plans(0), ROS_TYPES, np.array([2])))
    assert some.success and list(some.agent_ids) == [2] and len(some.predictions) == 2


def test_a_misspelt_parameter_and_an_unknown_predictor_end_the_node_with_one_sentence(start_process):
    run = ("-m", "zoox_prediction.nodes.prediction_node", "--ros-args", "-p")
    misspelt = start_process(*run, "predictr:=lane_following")
    unknown = start_process(*run, "predictor:=lane_folowing")
    assert misspelt.wait() != 0 and "did you mean 'predictor'" in misspelt.output
    assert unknown.wait() != 0 and "did you mean 'lane_following'" in unknown.output
    assert "Traceback" not in misspelt.output + unknown.output


def test_the_node_ends_in_order(peer, predicted):
    predicted(peer, cars(peer.now_ns()))
    assert peer.process.end() == 0
    assert "Traceback" not in peer.process.output


def straight_road() -> RoadNetwork:
    x = np.linspace(-100.0, 300.0, 41)
    lanes = Lanes(
        ids=np.array([1]),
        type=np.array([0], dtype=np.uint8),
        turn=np.array([0], dtype=np.uint8),
        right_of_way=np.array([0], dtype=np.uint8),
        in_intersection=np.array([False]),
        speed_limit_mps=np.array([13.9]),
        left_neighbor=np.array([-1]),
        right_neighbor=np.array([-1]),
        signal=np.array([4]),
        stop_line=np.array([-1]),
        successors=Ragged.ids([[]]),
        centerline=Ragged.points([np.column_stack([x, 0 * x])]),
        left_boundary=Ragged.points([np.column_stack([x, 0 * x + 2.0])]),
        left_boundary_type=np.array([1], dtype=np.uint8),
        right_boundary=Ragged.points([np.column_stack([x, 0 * x - 2.0])]),
        right_boundary_type=np.array([1], dtype=np.uint8),
    )
    return RoadNetwork(
        source="straight", lanes=lanes, signal_ids=np.array([4]), signal_positions=np.array([[50.0, 3.0]])
    )


def plans(start_ns: int) -> CandidatePlans:
    """Straight on at 8 m/s, and standing."""
    times = np.arange(1, 81) * 0.1
    moving = np.column_stack([-10.0 + 8.0 * times, 0.0 * times])
    standing = np.tile([-10.0, 0.0], (80, 1))
    return CandidatePlans(
        start_ns=start_ns,
        time_step_s=0.1,
        position=np.stack([moving, standing]),
        yaw=np.zeros((2, 80)),
        speed=np.stack([np.full(80, 8.0), np.zeros(80)]),
        valid=np.ones((2, 80), dtype=bool),
    )
