"""The visualization node as a process: what RViz gets on its topics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from visualization_msgs.msg import Marker, MarkerArray

from zoox_prediction.msg import PredictedTrajectoryArray, TrackedAgentArray, TrafficSignalArray
from zoox_prediction.msg import RoadNetwork as RoadNetworkMessage
from zoox_prediction.recording.generated import generate_recording
from zoox_prediction.recording.log import load_log
from zoox_prediction.recording.messages import (
    predictions_to_message,
    road_network_to_message,
    stamp_ns,
    tracked_agents_to_message,
    traffic_signals_to_message,
)
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.qos import INPUT, LATCHED
from zoox_prediction.scene import PredictedTrajectories, SignalState, TrackedAgents, TrafficSignals
from zoox_prediction.visualization import palette

STEPS = 80


class Viewer(Node):
    """Publishes what the node draws and looks at the result."""

    def __init__(self) -> None:
        super().__init__("viewer")
        self.seen: dict[str, list[MarkerArray]] = {"markers": [], "signals": [], "map": []}
        self.problems = ""
        self.agents = self.create_publisher(TrackedAgentArray, "/tracked_agents", INPUT)
        self.predictions = self.create_publisher(PredictedTrajectoryArray, "/predictions", INPUT)
        self.signals = self.create_publisher(TrafficSignalArray, "/traffic_signals", INPUT)
        self.road_network = self.create_publisher(RoadNetworkMessage, "/road_network", LATCHED)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, INPUT)

    def look_at(self, *names: str) -> None:
        for name in names:
            qos = LATCHED if name == "map" else INPUT
            self.create_subscription(MarkerArray, f"/visualization_node/{name}", self.seen[name].append, qos)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.problems = next(each.message for each in message.status if each.name.endswith("problems"))


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "crossroads"
    generate_recording(path, seed=1, duration_s=10.0)
    return path


@pytest.fixture
def start_viewer(start_process, spin, wait_for):
    """start_viewer(*names, **parameters) starts the node; the viewer looks at the topics of these names."""

    def start(*names, **parameters):
        assignments = [word for key, value in parameters.items() for word in ("-p", f"{key}:={value}")]
        process = start_process("-m", "zoox_prediction.nodes.visualization_node", "--ros-args", *assignments)
        viewer = spin(Viewer())
        viewer.look_at(*names)
        inputs = (viewer.agents, viewer.predictions, viewer.signals, viewer.road_network)
        wait_for(
            lambda: (
                all(each.get_subscription_count() for each in inputs)
                and all(viewer.count_publishers(f"/visualization_node/{name}") for name in viewer.seen)
                and viewer.problems
            ),
            timeout_s=60.0,
            what=f"the discovery of the node, which wrote: {process.output}",
        )
        viewer.process = process
        return viewer

    return start


def predictions_for(agents: TrackedAgents) -> PredictedTrajectories:
    """Two modes, 80 and 20 %, to the east and to the north at 5 m/s."""
    count = len(agents)
    way_m = 0.5 * np.arange(1, STEPS + 1)
    position = np.tile(agents.position[:, None, None, :2], (1, 2, STEPS, 1))
    position[:, 0, :, 0] += way_m
    position[:, 1, :, 1] += way_m
    return PredictedTrajectories(
        stamp_ns=agents.stamp_ns,
        time_step_s=0.1,
        ids=agents.ids,
        agent_class=agents.agent_class,
        probability=np.tile([0.8, 0.2], (count, 1)),
        position=position,
        yaw=np.zeros((count, 2, STEPS)),
        speed=np.full((count, 2, STEPS), 5.0),
        covariance=np.tile(np.eye(2), (count, 2, STEPS, 1, 1)),
        source=np.ones(count, dtype=np.uint8),
        predictor_name="test",
        predictor_version="1",
    )


def show(viewer: Viewer, wait_for, agents: TrackedAgents) -> MarkerArray:
    """Publishes agents and their predictions until the markers of their stamp come; returns these."""
    message = predictions_to_message(predictions_for(agents), ROS_TYPES, 0.0)

    def shown() -> bool:
        viewer.agents.publish(tracked_agents_to_message(agents, ROS_TYPES))
        viewer.predictions.publish(message)
        stamps = [stamp_ns(each.markers[0].header.stamp) for each in viewer.seen["markers"]]
        return agents.stamp_ns in stamps

    wait_for(shown, what="markers")
    return viewer.seen["markers"][-1]


def of(array: MarkerArray, namespace: str) -> list[Marker]:
    return [each for each in array.markers if each.ns == namespace]


def color(marker: Marker) -> tuple[int, ...]:
    return tuple(round(255 * value) for value in (marker.color.r, marker.color.g, marker.color.b))


def test_predicted_paths_are_green_and_what_really_happened_is_blue(start_viewer, recording, wait_for):
    log = load_log(recording)
    agents = log.agents[10]
    viewer = start_viewer("markers", recording=recording)
    array = show(viewer, wait_for, agents)
    assert array.markers[0].action == Marker.DELETEALL
    assert {each.header.frame_id for each in array.markers} == {"map"}
    assert len({each.id for each in array.markers}) == len(array.markers)
    assert len(of(array, "agents")) == len(agents)
    paths = of(array, "predicted_paths")
    assert len(paths) == 2 * len(agents)
    assert {each.type for each in paths} == {Marker.LINE_STRIP}
    assert {color(each) for each in paths} == {palette.PREDICTION}
    assert paths[0].color.g > max(paths[0].color.r, paths[0].color.b)
    assert paths[0].color.a > paths[1].color.a  # the likelier one is clearer
    x, y = agents.position[0, :2]
    np.testing.assert_allclose([paths[0].points[0].x, paths[0].points[0].y], [x + 0.5, y], atol=1e-5)
    truth = of(array, "truth")
    future = log.future(agents.ids, agents.stamp_ns, 0.1, STEPS)
    assert len(truth) == sum(np.count_nonzero(valid[::4]) >= 2 for valid in future.valid)
    assert truth[0].color.b > max(truth[0].color.r, truth[0].color.g)
    first = future.position[np.flatnonzero(future.valid.any(axis=1))[0]][0]
    np.testing.assert_allclose([truth[0].points[0].x, truth[0].points[0].y], first, atol=1e-5)


def test_what_really_happened_is_found_by_place_when_a_tracker_gave_the_ids(start_viewer, recording, wait_for):
    log = load_log(recording)
    agents = log.agents[10]
    viewer = start_viewer("markers", recording=recording)
    future = log.future(agents.ids, agents.stamp_ns, 0.1, STEPS)
    known = np.flatnonzero([np.count_nonzero(valid[::4]) >= 2 for valid in future.valid])
    truth = of(show(viewer, wait_for, replace(agents, ids=agents.ids + 1000)), "truth")
    first = sorted(future.position[row][np.flatnonzero(future.valid[row])[0]].tolist() for row in known)
    np.testing.assert_allclose(sorted([each.points[0].x, each.points[0].y] for each in truth), first, atol=1e-5)
    starts = {tuple(place) for place in np.round(agents.position[:, :2]).tolist()}
    assert len(starts) == len(agents)  # or places would not tell them apart


def test_nothing_is_blue_without_a_recording(start_viewer, recording, wait_for):
    array = show(start_viewer("markers"), wait_for, load_log(recording).agents[10])
    assert of(array, "predicted_paths") and not of(array, "truth")


def test_the_map_is_latched_and_signals_have_their_color(start_viewer, recording, wait_for):
    network = load_log(recording).road_network
    viewer = start_viewer("signals")
    viewer.road_network.publish(road_network_to_message(network, ROS_TYPES, 0))
    identifier = int(network.signal_ids[0])
    now_ns = 7_000_000_000
    state = np.array([SignalState.RED])
    signals = TrafficSignals(now_ns, np.array([identifier]), state, np.array([now_ns]), np.ones(1))

    def spheres() -> list[Marker]:
        viewer.signals.publish(traffic_signals_to_message(signals, ROS_TYPES))
        return [marker for array in viewer.seen["signals"] for marker in of(array, "signals")]

    wait_for(spheres, what="the signals")
    assert {color(each) for each in spheres()} == {palette.SIGNAL[SignalState.RED]}
    viewer.look_at("map")  # long after it was published
    wait_for(lambda: viewer.seen["map"], what="the map")
    (centerlines,) = of(viewer.seen["map"][-1], "centerlines")
    assert centerlines.type == Marker.LINE_LIST
    ends = {(point.x, point.y) for point in centerlines.points}
    assert {tuple(line[side]) for line in network.lanes.centerline for side in (0, -1)} <= ends
    assert of(viewer.seen["map"][-1], "stop_lines")


def test_malformed_input_is_one_line_and_the_next_is_drawn(start_viewer, recording, wait_for):
    agents = load_log(recording).agents[10]
    viewer = start_viewer("markers")
    broken = predictions_to_message(predictions_for(agents), ROS_TYPES, 0.0)
    broken.x = broken.x[:-1]
    viewer.agents.publish(tracked_agents_to_message(agents, ROS_TYPES))
    viewer.predictions.publish(broken)
    wait_for(lambda: "predictions: " in viewer.problems)
    show(viewer, wait_for, agents)
    assert viewer.process.end() == 0
    assert "Traceback" not in viewer.process.output
