"""prediction.launch.py starts nodes that predict what is published, and that end in order."""

from __future__ import annotations

import unittest

import launch_testing
import launch_testing.asserts
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from launched import ListeningTestCase, description_of

from zoox_prediction.msg import PredictedTrajectoryArray, TrackedAgentArray
from zoox_prediction.recording.messages import tracked_agents_to_message
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.qos import INPUT, OUTPUT
from zoox_prediction.scene import AgentClass, TrackedAgents


@pytest.mark.launch_test
def generate_test_description():
    return description_of("prediction.launch.py", map="/no/such.osm")


class TestPredictions(ListeningTestCase):
    def test_agents_are_predicted(self):
        received: list[PredictedTrajectoryArray] = []
        complaints: dict[str, str] = {}

        def diagnose(message):
            for status in message.status:
                complaints[status.name] = status.message

        self.node.create_subscription(PredictedTrajectoryArray, "/predictions", received.append, OUTPUT)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", diagnose, INPUT)
        publisher = self.node.create_publisher(TrackedAgentArray, "/tracked_agents", INPUT)
        reporters = {"map_node: map", "prediction_node: problems", "visualization_node: problems"}

        def publish():
            stamp_ns = self.node.get_clock().now().nanoseconds
            agents = TrackedAgents.from_states(stamp_ns, [7], [AgentClass.CAR], [[1.0, 2.0]], [0.0], [[5.0, 0.0]])
            publisher.publish(tracked_agents_to_message(agents, ROS_TYPES))

        self.spin_until(lambda: received and reporters <= complaints.keys(), publish)
        self.assertTrue(received, "no prediction in time")
        self.assertEqual(list(received[0].id), [7])
        self.assertEqual(received[0].num_steps, 80)
        self.assertLessEqual(reporters, complaints.keys())
        self.assertIn("/no/such.osm", complaints["map_node: map"])  # the argument arrives


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):
    def test_exit_codes(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
