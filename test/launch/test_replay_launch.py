"""replay.launch.py plays a recording through the nodes: predictions carry the recording's stamps."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import launch_testing
import launch_testing.asserts
import pytest
from launched import ListeningTestCase, description_of

from zoox_prediction.msg import PredictedTrajectoryArray
from zoox_prediction.recording.generated import generate_recording
from zoox_prediction.recording.log import load_log
from zoox_prediction.recording.messages import stamp_ns
from zoox_prediction.ros.qos import INPUT

_FOLDER = tempfile.TemporaryDirectory()  # removed when the interpreter ends
_BAG = Path(_FOLDER.name) / "town"


@pytest.mark.launch_test
def generate_test_description():
    if not _BAG.exists():
        generate_recording(_BAG, seed=1, duration_s=5.0)
    return description_of("replay.launch.py", bag=str(_BAG), loop="true")


class TestReplay(ListeningTestCase):
    def test_the_recording_is_predicted(self):
        recorded = {agents.stamp_ns: agents for agents in load_log(_BAG).agents}
        received: list[PredictedTrajectoryArray] = []
        self.node.create_subscription(PredictedTrajectoryArray, "/predictions", received.append, INPUT)
        self.spin_until(lambda: len(received) >= 20)
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
