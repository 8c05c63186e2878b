"""replay.launch.py plays a recording through the nodes: predictions carry the recording's stamps."""

from __future__ import annotations

import os
import tempfile
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

from zoox_prediction.msg import PredictedTrajectoryArray
from zoox_prediction.recording.generated import generate_recording
from zoox_prediction.recording.log import load_log
from zoox_prediction.recording.messages import stamp_ns
from zoox_prediction.ros.qos import INPUT

os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 101)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
_LAUNCH = Path(__file__).resolve().parents[2] / "launch" / "replay.launch.py"
_FOLDER = tempfile.TemporaryDirectory()  # removed when the interpreter ends
_BAG = Path(_FOLDER.name) / "town"
_START_S = 90.0  # nodes on a busy machine


@pytest.mark.launch_test
def generate_test_description():
    if not _BAG.exists():
        generate_recording(_BAG, seed=1, duration_s=5.0)
    arguments = {"bag": str(_BAG), "loop": "true"}.items()
    return launch.LaunchDescription(
        [
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(_LAUNCH)), launch_arguments=arguments),
            launch_testing.actions.ReadyToTest(),
        ]
    )


class TestReplay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rclpy.init()
        cls.node = rclpy.create_node("launch_test")

    @classmethod
    def tearDownClass(cls):
        cls.node.destroy_node()
        rclpy.shutdown()

    def test_the_recording_is_predicted(self):
        recorded = {agents.stamp_ns: agents for agents in load_log(_BAG).agents}
        received: list[PredictedTrajectoryArray] = []
        self.node.create_subscription(PredictedTrajectoryArray, "/predictions", received.append, INPUT)
        deadline = time.monotonic() + _START_S
        while len(received) < 20 and time.monotonic() < deadline:
            rclpy.spin_once(self.node, timeout_sec=0.1)
        self.assertGreaterEqual(len(received), 20, "fewer than 20 predictions in time")
        start_ns = min(recorded)
        self.assertLess(
            stamp_ns(received[0].header.stamp) - start_ns, 1_500_000_000, "the beginning was not waited for"
        )
        for message in received:
            agents = recorded[stamp_ns(message.header.stamp)]
            self.assertEqual(sorted(message.id), sorted(agents.ids.tolist()))


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):
    def test_exit_codes(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
