"""What tests of launched nodes share: a launch file on a ROS domain of their own, and a node that listens.

A module imports this before anything of it makes a context.
"""

from __future__ import annotations

import os
import time
import unittest
from collections.abc import Callable
from pathlib import Path

import launch_testing.actions
import rclpy
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 101)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
_FOLDER = Path(__file__).resolve().parents[2] / "launch"
_START_S = 90.0  # nodes on a busy machine


def description_of(name: str, **arguments: str) -> LaunchDescription:
    """A file of the folder `launch`, started with these arguments, and the tests at once."""
    source = PythonLaunchDescriptionSource(str(_FOLDER / name))
    included = IncludeLaunchDescription(source, launch_arguments=arguments.items())
    return LaunchDescription([included, launch_testing.actions.ReadyToTest()])


class ListeningTestCase(unittest.TestCase):
    """Tests with `node`, which is there for all of them."""

    node: rclpy.node.Node

    @classmethod
    def setUpClass(cls):
        rclpy.init()
        cls.node = rclpy.create_node("launch_test")

    @classmethod
    def tearDownClass(cls):
        cls.node.destroy_node()
        rclpy.shutdown()

    def spin_until(self, done: Callable[[], object], each_time: Callable[[], object] = lambda: None) -> None:
        """Until `done`, or for as long as nodes may take to start; the test is to look which."""
        deadline = time.monotonic() + _START_S
        while not done() and time.monotonic() < deadline:
            each_time()
            rclpy.spin_once(self.node, timeout_sec=0.1)
