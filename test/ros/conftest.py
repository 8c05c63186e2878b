"""Fixtures for tests with real ROS nodes, in this process and in others, that nothing outside of the test run hears."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from zoox_prediction.demo.processes import private_domain
from zoox_prediction.ros.middleware import use_default_profile

if TYPE_CHECKING:
    from prediction_peer import Peer

    from zoox_prediction.scene import PredictedTrajectories, TrackedAgents

_STOOD_IN_FOR = ("tf2_ros", "message_filters", "tf_transformations")
_REPOSITORY = Path(__file__).resolve().parent.parent.parent

collect_ignore_glob = [] if importlib.util.find_spec("rclpy") else ["*"]

# Before any context is made: a domain that no other run on this machine has, until this process ends.
_domain = private_domain()
os.environ["ROS_DOMAIN_ID"] = str(_domain.__enter__())
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ.pop("ROS_LOCALHOST_ONLY", None)  # the deprecated setting would take precedence
use_default_profile()


def pytest_report_header() -> str:
    if collect_ignore_glob:
        return "test/ros: left out, rclpy cannot be imported"
    real = [name for name in _STOOD_IN_FOR if importlib.util.find_spec(name)]
    return (
        f"test/ros: ROS_DOMAIN_ID {os.environ['ROS_DOMAIN_ID']}, this machine only; "
        f"of {', '.join(_STOOD_IN_FOR)} the real ones found: {', '.join(real) or 'none'}"
    )


class NodeProcess:
    """A running node process and what it has written so far."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._log = log
        environment = {**os.environ, "PYTHONPATH": str(_REPOSITORY), "RCUTILS_LOGGING_BUFFERED_STREAM": "0"}
        with log.open("wb") as stream:
            self.process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment)

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def end(self, number: int = signal.SIGINT, timeout_s: float = 60.0) -> int:
        """Sends a signal and returns the exit code; a process that does not end is killed and fails the test."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = 60.0) -> int:
        """Waits for the end and returns the exit code."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            pytest.fail(f"process {self.process.pid} did not end within {timeout_s} s; it wrote:\n{self.output}")


@pytest.fixture
def start_process(tmp_path: Path) -> Iterator[Callable[..., NodeProcess]]:
    """start_process(*python_arguments) starts a Python process of this environment; all end with the test."""
    yield from _starter(tmp_path)


@pytest.fixture(scope="module")
def start_shared_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., NodeProcess]]:
    """As start_process, but the processes end with the module."""
    yield from _starter(tmp_path_factory.mktemp("processes"))


def _starter(folder: Path) -> Iterator[Callable[..., NodeProcess]]:
    processes: list[NodeProcess] = []

    def start(*arguments: str) -> NodeProcess:
        process = NodeProcess([sys.executable, *arguments], folder / f"process_{len(processes)}.log")
        processes.append(process)
        return process

    yield start
    for each in processes:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()


@pytest.fixture
def ros() -> Iterator[None]:
    """An initialised default context."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    yield
    rclpy.try_shutdown()


@pytest.fixture
def spin(ros: None) -> Iterator[Callable]:
    """spin(node) has a node's callbacks executed in other threads until the test ends; returns the node."""
    from zoox_prediction.ros.lifecycle import spinning

    with contextlib.ExitStack() as stack:

        def add(node):
            stack.callback(node.destroy_node)
            stack.enter_context(spinning(node))
            return node

        yield add


@pytest.fixture
def wait_for() -> Callable[..., None]:
    """wait_for(condition, timeout_s=30) returns as soon as the condition holds, or fails the test."""

    def wait(
        condition: Callable[[], object], timeout_s: float = 30.0, what: str | Callable[[], str] = "the condition"
    ) -> None:
        end = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > end:
                told = what if isinstance(what, str) else what()
                pytest.fail(f"{told} did not come true within {timeout_s} s")
            time.sleep(0.01)

    return wait


@pytest.fixture
def start_node(start_process, spin, wait_for) -> Iterator[Callable[..., Peer]]:
    """start_node(**parameters) starts the prediction node; returns a peer that the node has found."""
    from prediction_peer import Peer

    def start(**parameters: object) -> Peer:
        assignments = [word for key, value in parameters.items() for word in ("-p", f"{key}:={value}")]
        process = start_process("-m", "zoox_prediction.nodes.prediction_node", "--ros-args", *assignments)
        peer = spin(Peer())
        wait_for(
            lambda: (
                all(each.get_subscription_count() for each in peer.inputs)
                and peer.query.service_is_ready()
                and peer.count_publishers("/predictions")
                and "problems" in peer.statuses
            ),
            timeout_s=60.0,
            what=lambda: f"the discovery of the node, which wrote: {process.output}",
        )
        peer.process = process
        return peer

    yield start


@pytest.fixture
def peer(start_node) -> Peer:
    return start_node()


@pytest.fixture
def complains(wait_for) -> Callable[..., None]:
    """complains(peer, *words) waits until the diagnostics name a problem with all the words."""

    def wait(peer: Peer, *words: str) -> None:
        try:
            wait_for(lambda: all(word in peer.problems() for word in words))
        except pytest.fail.Exception:
            pytest.fail(f"the diagnostics do not name {words}; they say: {peer.problems()}")

    return wait


@pytest.fixture
def predicted(wait_for) -> Callable[..., PredictedTrajectories]:
    """predicted(peer, agents) publishes agents and returns their predictions, which must be complete and finite."""

    def publish(peer: Peer, agents: TrackedAgents, ids: object = None) -> PredictedTrajectories:
        peer.publish(agents)
        wait_for(lambda: peer.predictions_of(agents) is not None, what=f"the prediction of {len(agents)} agents")
        predictions = peer.predictions_of(agents)
        assert sorted(predictions.ids) == sorted(agents.ids if ids is None else ids)
        for array in (predictions.position, predictions.yaw, predictions.speed, predictions.covariance):
            assert np.isfinite(array).all()
        np.testing.assert_allclose(predictions.probability.sum(axis=1), 1.0, atol=1e-4)
        return predictions

    return publish
