"""simulation.launch.py predicts a made-up town at its own time, and ends in order."""

from __future__ import annotations

import unittest

import launch_testing
import launch_testing.asserts
import pytest
from launched import ListeningTestCase, description_of

from zoox_prediction.msg import PredictedTrajectoryArray, TrackedAgentArray
from zoox_prediction.recording.messages import stamp_ns
from zoox_prediction.ros.qos import INPUT

pytest.importorskip("sumo", reason="needs SUMO: pip install 'zoox_prediction[sim]'")


@pytest.mark.launch_test
def generate_test_description():
    return description_of("simulation.launch.py", seed="3", rate="2", tracks_range_m="80.0")


class TestSimulation(ListeningTestCase):
    def test_the_town_is_predicted(self):
        tracked: dict[int, list[int]] = {}
        received: list[PredictedTrajectoryArray] = []

        def keep(message):
            tracked[stamp_ns(message.header.stamp)] = sorted(each.id for each in message.agents)

        self.node.create_subscription(TrackedAgentArray, "/tracked_agents", keep, INPUT)
        self.node.create_subscription(PredictedTrajectoryArray, "/predictions", received.append, INPUT)
        self.spin_until(lambda: len(received) >= 20)
        self.assertGreaterEqual(len(received), 20, "fewer than 20 predictions in time")
        known = [message for message in received if stamp_ns(message.header.stamp) in tracked]
        self.assertGreater(len(known), 10)
        for message in known:
            self.assertEqual(sorted(message.id), tracked[stamp_ns(message.header.stamp)])


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):
    def test_exit_codes(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
