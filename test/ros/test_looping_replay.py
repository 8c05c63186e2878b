"""A recording played in a loop: prediction and visualization start anew with it, again and again."""

from __future__ import annotations

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from visualization_msgs.msg import MarkerArray

from zoox_prediction.msg import PredictedTrajectoryArray
from zoox_prediction.recording.generated import generate_recording
from zoox_prediction.recording.log import load_log
from zoox_prediction.recording.messages import stamp_ns
from zoox_prediction.ros.qos import INPUT

DURATION_S = 4.0


class Observer(Node):
    """Keeps stamps of predictions and markers, and the newest diagnostics."""

    def __init__(self) -> None:
        super().__init__("observer")
        self.predicted_ns: list[int] = []
        self.predicted_ids: list[set[int]] = []
        self.drawn_ns: list[int] = []
        self.reports: list[dict[str, DiagnosticStatus]] = []
        self.create_subscription(PredictedTrajectoryArray, "/predictions", self._on_predictions, INPUT)
        self.create_subscription(MarkerArray, "/visualization_node/markers", self._on_markers, INPUT)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, INPUT)

    def _on_predictions(self, message: PredictedTrajectoryArray) -> None:
        self.predicted_ns.append(stamp_ns(message.header.stamp))
        self.predicted_ids.append(set(message.id))

    def _on_markers(self, message: MarkerArray) -> None:
        self.drawn_ns.append(stamp_ns(message.markers[0].header.stamp))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        statuses = {each.name: each for each in message.status}
        if "prediction_node: problems" in statuses:
            self.reports.append(statuses)


def loops(stamps_ns: list[int]) -> np.ndarray:
    """Where stamps go back."""
    return np.flatnonzero(np.diff(np.array(stamps_ns, dtype=np.int64)) < 0)


@pytest.fixture
def play(start_process, spin, tmp_path):
    """play() starts both nodes on simulated time, and the replay in a loop; returns observer, processes, log."""

    def start():
        bag = tmp_path / "crossroads"
        generate_recording(bag, seed=1, duration_s=DURATION_S)
        observer = spin(Observer())
        simulated = ["--ros-args", "-p", "use_sim_time:=true", "-r", "tracked_agents:=/ground_truth/agents"]
        replay = ["--ros-args", "-p", f"bag:={bag}", "-p", "loop:=true"]
        replay += ["-p", "wait_for_subscribers:=[/ground_truth/agents, /odometry]"]
        processes = [
            start_process("-m", "zoox_prediction.nodes.prediction_node", *simulated),
            start_process("-m", "zoox_prediction.nodes.visualization_node", *simulated, "-p", f"recording:={bag}"),
            start_process("-m", "zoox_prediction.nodes.replay_node", *replay),
        ]
        return observer, processes, load_log(bag)

    return start


def test_predictions_and_markers_go_on_from_the_start(play, wait_for):
    observer, processes, log = play()
    outputs = "; ".join(each.output for each in processes)
    wait_for(lambda: len(loops(observer.predicted_ns)) >= 2, timeout_s=90.0, what=f"the second loop ({outputs})")
    wait_for(lambda: len(loops(observer.drawn_ns)) >= 1, timeout_s=60.0, what="a loop of the markers")
    reports = len(observer.reports)
    wait_for(lambda: len(observer.reports) >= reports + 2, what="diagnostics after the loop")
    assert all(each.process.poll() is None for each in processes)

    recorded = {agents.stamp_ns: set(agents.ids.tolist()) for agents in log.agents}
    assert all(ids == recorded[stamp] for stamp, ids in zip(observer.predicted_ns, observer.predicted_ids, strict=True))
    assert set(observer.drawn_ns) <= recorded.keys()
    for stamps, slack_s in ((observer.predicted_ns, 0.5), (observer.drawn_ns, 1.0)):
        for last in loops(stamps):
            assert stamps[last] > log.stamps_ns[-1] - slack_s * 1e9
            assert stamps[last + 1] < log.stamps_ns[0] + slack_s * 1e9
    first, second = loops(observer.predicted_ns)[:2]
    assert len(set(observer.predicted_ns[first + 1 : second + 1])) >= 0.8 * len(recorded)

    for report in observer.reports[-2:]:
        failing = {name: status.message for name, status in report.items() if status.level == DiagnosticStatus.ERROR}
        assert not failing
    for process in processes:
        assert process.end() == 0
        assert "Traceback" not in process.output and "ERROR" not in process.output
    for process in processes[:2]:
        assert "starting afresh" in process.output
