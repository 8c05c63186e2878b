"""The detection node by itself, and what it shares with the tracking node: starting, the life cycle, dropped frames."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rclpy
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from zoox_prediction.nodes.detection_node import DetectionNode
from zoox_prediction.nodes.tracking_node import TrackingNode
from zoox_prediction.resources import resource_path
from zoox_prediction.ros.lifecycle import ManagedNode
from zoox_prediction.ros.sensor_inputs import NewestOnly


@pytest.mark.parametrize(
    ("module", "arguments", "words"),
    [
        ("detection_node", ["lidar.classifier_file:=/no/such.json"], "/no/such.json"),
        ("detection_node", ["modality:=thermal", "image.thermal.model_file:=/no/such.onnx"], "/no/such.onnx"),
        ("detection_node", ["modality:=lydar"], "did you mean 'lidar'?"),
        ("tracking_node", ["tracker.max_track:=5"], "did you mean 'tracker.max_tracks'?"),
    ],
)
def test_what_keeps_a_node_from_starting_is_one_sentence(
    start_process: Callable, module: str, arguments: list[str], words: str
) -> None:
    assignments = [word for each in arguments for word in ("-p", each)]
    process = start_process("-m", f"zoox_prediction.nodes.{module}", "--ros-args", *assignments)
    assert process.wait() == 2
    lines = process.output.strip().splitlines()
    assert len(lines) == 1 and words in lines[0]


@pytest.fixture
def make_node() -> Iterator[Callable[..., ManagedNode]]:
    """make_node(class, *parameters) makes the node; it is inactive."""
    nodes: list[ManagedNode] = []

    def make(node_class: type[ManagedNode], *parameters: str) -> ManagedNode:
        words = [word for each in ("autostart:=false", *parameters) for word in ("-p", each)]
        rclpy.init(args=["--ros-args", *words], signal_handler_options=SignalHandlerOptions.NO)
        nodes.append(node_class())
        return nodes[-1]

    yield make
    for each in nodes:
        each.destroy_node()
    rclpy.try_shutdown()


def entities(node: Node) -> dict[str, int]:
    """How many of each kind the node has."""
    kinds = ("publishers", "subscriptions", "timers", "guards", "services", "clients")
    return {kind: len(list(getattr(node, kind))) for kind in kinds}


@pytest.mark.parametrize(
    ("node_class", "parameters"),
    [
        (DetectionNode, ("modality:=lidar",)),
        (DetectionNode, ("modality:=radar",)),
        (DetectionNode, ("modality:=radar", "scanning:=true")),
        (DetectionNode, ("modality:=thermal", "compressed:=true")),
        (TrackingNode, ()),
    ],
)
def test_the_life_cycle_leaves_nothing_behind(
    make_node: Callable, node_class: type[ManagedNode], parameters: tuple[str, ...]
) -> None:
    node = make_node(node_class, *parameters)
    bare = entities(node)
    for _ in range(2):
        assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        configured = entities(node)
        assert configured["subscriptions"] >= bare["subscriptions"] + 3  # /tf_static, odometry, the sensor
        assert configured["publishers"] == bare["publishers"] + 1
        for transition in (node.trigger_activate, node.trigger_deactivate):
            assert transition() == TransitionCallbackReturn.SUCCESS
            assert entities(node) == configured
        node.reset()
        assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
        assert entities(node) == bare
    assert node.autostart_now()
    assert node.trigger_shutdown() == TransitionCallbackReturn.SUCCESS
    assert entities(node) == bare


def test_frames_that_come_while_one_is_worked_on_are_dropped_but_for_the_newest(wait_for: Callable) -> None:
    begun, go_on, worked_on = threading.Event(), threading.Event(), []

    def work(frame: int) -> None:
        begun.set()
        assert go_on.wait(10.0)
        worked_on.append(frame)

    newest = NewestOnly(work, pytest.fail)
    newest.offer(0)
    assert begun.wait(10.0)
    for frame in (1, 2, 3):
        newest.offer(frame)
    go_on.set()
    wait_for(lambda: worked_on == [0, 3], what="the newest frame")
    assert (newest.received, newest.dropped) == (4, 2)
    newest.close()


def test_after_work_that_failed_the_next_frame_is_worked_on(wait_for: Callable) -> None:
    worked_on, errors = [], []

    def work(frame: int) -> None:
        if frame == 0:
            raise RuntimeError("of no use")
        worked_on.append(frame)

    newest = NewestOnly(work, errors.append)
    newest.offer(0)
    wait_for(lambda: errors, what="the error")
    newest.offer(1)
    wait_for(lambda: worked_on == [1], what="the next frame")
    newest.close()


def test_frames_beyond_the_greatest_rate_are_dropped(wait_for: Callable) -> None:
    worked_on: list[int] = []
    newest = NewestOnly(worked_on.append, pytest.fail, max_rate_hz=0.01)
    for frame in range(5):
        newest.offer(frame)
    wait_for(lambda: worked_on == [0], what="the first frame")
    newest.close()
    assert (newest.received, newest.dropped, worked_on) == (5, 4, [0])


def test_the_parameter_file_holds_for_nodes_that_are_named_after_their_sensors(
    start_process: Callable, tmp_path: Path
) -> None:
    text = resource_path("config/detection_node.yaml").read_text()
    assert text.count("    max_points: 250000") == 1
    path = tmp_path / "detection.yaml"
    path.write_text(text.replace("    max_points: 250000", "    max_pointz: 250000"))
    process = start_process(
        "-m", "zoox_prediction.nodes.detection_node", "--ros-args", "--params-file", str(path),
        "-r", "__node:=roof_detection",
    )  # fmt: skip
    assert process.wait() == 2
    assert "roof_detection: unknown parameter 'lidar.max_pointz', did you mean 'lidar.max_points'?" in process.output
