"""simulation.launch.py predicts a made-up town at its own time, and ends in order."""

from __future__ import annotations

import os
import time
import unittest
from pathlib import Path

import launch
import launch_testing
import launch_testing.actions
import launch_testing.asserts
import pytest
import rclpy
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

from zoox_prediction.msg import PredictedTrajectoryArray, TrackedAgentArray
from zoox_prediction.recording.messages import stamp_ns
from zoox_prediction.ros.qos import INPUT

pytest.importorskip("sumo", reason="needs SUMO: pip install 'zoox_prediction[sim]'")

os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 101)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
_LAUNCH = Path(__file__).resolve().parents[2] / "launch" / "simulation.launch.py"
_START_S = 90.0  # nodes on a busy machine


@pytest.mark.launch_test
def generate_test_description():
    arguments = {"seed": "3", "rate": "2", "tracks_range_m": "80.0"}.items()
    return launch.LaunchDescription(
        [
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(_LAUNCH)), launch_arguments=arguments),
            launch_testing.actions.ReadyToTest(),
        ]
    )


class TestSimulation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rclpy.init()
        cls.node = rclpy.create_node("launch_test")

    @classmethod
    def tearDownClass(cls):
        cls.node.destroy_node()
        rclpy.shutdown()

    def test_the_town_is_predicted(self):
        tracked: dict[int, list[int]] = {}
        received: list[PredictedTrajectoryArray] = []

        def keep(message):
            tracked[stamp_ns(message.header.stamp)] = sorted(each.id for each in message.agents)

        self.node.create_subscription(TrackedAgentArray, "/tracked_agents", keep, INPUT)
        self.node.create_subscription(PredictedTrajectoryArray, "/predictions", received.append, INPUT)
        deadline = time.monotonic() + _START_S
        while len(received) < 20 and time.monotonic() < deadline:
            rclpy.spin_once(self.node, timeout_sec=0.1)
        self.assertGreaterEqual(len(received), 20, "fewer than 20 predictions in time")
        known = [message for message in received if stamp_ns(message.header.stamp) in tracked]
        self.assertGreater(len(known), 10)
        for message in known:
            self.assertEqual(sorted(message.id), tracked[stamp_ns(message.header.stamp)])


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):
    def test_exit_codes(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
