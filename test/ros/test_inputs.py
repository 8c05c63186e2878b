"""Subscriptions that convert: decoded with rosbags or without it, fast topics gathered, bad messages reported."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from nav_msgs.msg import Odometry
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.serialization import serialize_message
from std_msgs.msg import Bool

from zoox_prediction.evaluation.benchmark_scenes import observations
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.msg import TrackedAgentArray
from zoox_prediction.recording.messages import (
    ego_from_odometry,
    odometry_to_message,
    tracked_agents_from_message,
    tracked_agents_to_message,
)
from zoox_prediction.ros import inputs as inputs_module
from zoox_prediction.ros.diagnostics import Diagnostics
from zoox_prediction.ros.inputs import Inputs
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.qos import INPUT, MANY_INPUTS
from zoox_prediction.scene import EgoState

AGENTS = observations(RoadNetwork(), 7)[-1]


def ego(number: int) -> EgoState:
    return EgoState(1_000_000_000 + number, np.array([float(number), 2.0]), 0.5, np.array([3.0, 4.0]))


class Receiver(Node):
    """Keeps what its inputs give, in the order in which they give it."""

    def __init__(self) -> None:
        super().__init__("receiver")
        self.received: list = []
        self.diagnostics = Diagnostics(self)
        group = MutuallyExclusiveCallbackGroup()
        self.inputs = Inputs(self, self.diagnostics, group)
        self.inputs.subscribe(Odometry, "odometry", ego_from_odometry, self.received.append, INPUT, gathered=True)
        self.inputs.subscribe(
            TrackedAgentArray, "tracked_agents", tracked_agents_from_message, self.received.append, INPUT
        )

    def problems(self) -> str:
        (status,) = [each for each in self.diagnostics.statuses(0) if each.name.endswith("problems")]
        return " ".join(each.value for each in status.values)


class Sender(Node):
    def __init__(self) -> None:
        super().__init__("sender")
        self.odometry = self.create_publisher(Odometry, "odometry", INPUT)
        self.agents = self.create_publisher(TrackedAgentArray, "tracked_agents", INPUT)


@pytest.fixture(params=["rosbags", "rclpy"])
def receiver(request, spin, wait_for, monkeypatch):
    if request.param == "rclpy":
        monkeypatch.setattr(inputs_module, "RosbagsTypes", None)
    node, sender = spin(Receiver()), spin(Sender())
    both = (sender.odometry, sender.agents)
    wait_for(lambda: all(each.get_subscription_count() for each in both), what="the discovery")
    node.sender = sender
    return node


def test_messages_become_core_types(receiver, wait_for):
    receiver.sender.agents.publish(tracked_agents_to_message(AGENTS, ROS_TYPES))
    wait_for(lambda: receiver.received)
    (agents,) = receiver.received
    assert agents.stamp_ns == AGENTS.stamp_ns
    np.testing.assert_array_equal(agents.ids, AGENTS.ids)
    np.testing.assert_allclose(agents.position, AGENTS.position)
    np.testing.assert_allclose(agents.class_probabilities, AGENTS.class_probabilities, atol=1e-6)


def test_a_burst_of_a_gathered_topic_is_complete_and_in_order(receiver, wait_for):
    for number in range(40):
        receiver.sender.odometry.publish(odometry_to_message(ego(number), ROS_TYPES))
    wait_for(lambda: len(receiver.received) == 40, what="all odometry without any other message")
    assert [each.position[0] for each in receiver.received] == list(range(40))
    np.testing.assert_allclose(receiver.received[0].velocity, [3.0, 4.0])


def test_gathered_messages_come_before_the_one_that_follows_them(receiver, wait_for, monkeypatch):
    receiver.inputs._timer.cancel()
    for number in range(5):
        receiver.sender.odometry.publish(odometry_to_message(ego(number), ROS_TYPES))
    time.sleep(0.3)
    assert receiver.received == []
    receiver.sender.agents.publish(tracked_agents_to_message(AGENTS, ROS_TYPES))
    wait_for(lambda: len(receiver.received) == 6)
    assert [type(each).__name__ for each in receiver.received] == ["EgoState"] * 5 + ["TrackedAgents"]


def test_a_bad_message_is_named_and_the_next_one_used(receiver, wait_for):
    bad = odometry_to_message(ego(1), ROS_TYPES)
    bad.pose.pose.orientation.w = bad.pose.pose.orientation.z = 0.0
    receiver.sender.odometry.publish(bad)
    receiver.sender.odometry.publish(odometry_to_message(ego(2), ROS_TYPES))
    wait_for(lambda: receiver.received)
    assert receiver.received[0].position[0] == 2.0
    assert "odometry: Odometry.pose.pose.orientation is not a rotation" in receiver.problems()
    assert "the message is dropped" in receiver.problems()


def test_bytes_of_another_type_are_reported(spin, wait_for):
    node, sender = spin(Receiver()), spin(Sender())
    wait_for(sender.agents.get_subscription_count, what="the discovery")
    sender.agents.publish(serialize_message(Bool(data=True)))
    wait_for(lambda: "received bytes are no zoox_prediction/msg/TrackedAgentArray" in node.problems())
    sender.agents.publish(tracked_agents_to_message(AGENTS, ROS_TYPES))
    wait_for(lambda: node.received)


def test_after_the_end_nothing_comes(receiver):
    receiver.inputs.close()
    receiver.sender.odometry.publish(odometry_to_message(ego(1), ROS_TYPES))
    receiver.sender.agents.publish(tracked_agents_to_message(AGENTS, ROS_TYPES))
    time.sleep(0.3)
    assert receiver.received == []


def test_a_node_that_fell_behind_takes_all_that_waits_at_once(spin, wait_for, monkeypatch):
    wakings, received, go_on = [], [], threading.Event()
    take_all = inputs_module._take_all
    monkeypatch.setattr(inputs_module, "_take_all", lambda *each: (wakings.append(None), take_all(*each)))

    def use(agents) -> None:
        assert go_on.wait(10.0)
        received.append(agents.stamp_ns)

    node = Node("slow")
    inputs = Inputs(node, Diagnostics(node), MutuallyExclusiveCallbackGroup())
    inputs.subscribe(TrackedAgentArray, "tracked_agents", tracked_agents_from_message, use, MANY_INPUTS, drained=True)
    sender = spin(Sender())
    spin(node)
    wait_for(sender.agents.get_subscription_count)
    for stamp in range(1, 41):
        agents = replace(AGENTS, stamp_ns=stamp)
        sender.agents.publish(tracked_agents_to_message(agents, ROS_TYPES))
    time.sleep(0.3)
    go_on.set()
    wait_for(lambda: len(received) == 40, what="all messages")
    assert received == list(range(1, 41)) and len(wakings) <= 3
