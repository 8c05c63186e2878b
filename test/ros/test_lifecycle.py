from __future__ import annotations

import signal
import time

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String

from zoox_prediction.errors import InputError
from zoox_prediction.ros.lifecycle import ManagedNode

NODE = """
import sys
from std_msgs.msg import String
from zoox_prediction.errors import InputError
from zoox_prediction.ros.lifecycle import ManagedNode, run_node

class Talker(ManagedNode):
    def __init__(self):
        super().__init__("talker")
        {constructor}
    def setup(self):
        {setup}
        self.count = 0
        self.publisher = self.create_lifecycle_publisher(String, "/talk", 10)
        self.timer = self.create_timer(0.05, self.talk)
    def talk(self):
        self.count += 1
        if self.count == 3:
            raise ValueError("one bad callback")
        self.publisher.publish(String(data=str(self.count)))
    def teardown(self):
        self.publisher.publish(String(data="0"))  # the context is still valid
        print("torn down", flush=True)

sys.exit(run_node(Talker))
"""


class Recorder(ManagedNode):
    """Keeps the calls of its hooks."""

    def __init__(self, error: Exception | None = None, **kwargs) -> None:
        super().__init__("recorder", **kwargs)
        self.calls: list[str] = []
        self.error = error

    def setup(self) -> None:
        self.calls.append("setup")
        if self.error:
            raise self.error
        self.publisher = self.create_lifecycle_publisher(String, "/recorder", 10)

    def start(self) -> None:
        self.calls.append(f"start {self.publisher.is_activated}")

    def stop(self) -> None:
        self.calls.append(f"stop {self.publisher.is_activated}")

    def teardown(self) -> None:
        self.calls.append("teardown")

    def reset(self) -> None:
        self.calls.append("reset")
        if self.error:
            raise self.error


def test_hooks_run_in_order_with_publishers_on_between_start_and_stop(ros):
    node = Recorder()
    assert node.autostart and node.autostart_now()
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert node.autostart_now()
    assert node.trigger_shutdown() == TransitionCallbackReturn.SUCCESS
    once = ["setup", "start True", "stop True", "teardown"]
    assert node.calls == [*once, "setup", "start True", "teardown"]


@pytest.mark.parametrize(
    ("error", "result"),
    [(InputError("no map"), TransitionCallbackReturn.FAILURE), (KeyError("bug"), TransitionCallbackReturn.ERROR)],
)
def test_a_failed_setup_is_reported_and_can_be_tried_again(ros, capfd, error, result):
    node = Recorder(error)
    assert not node.autostart_now()
    assert node.trigger_configure() == result
    output = capfd.readouterr().err
    assert "cannot configure" in output and str(error) in output
    assert ("Traceback" in output) == isinstance(error, KeyError)
    node.error = None
    assert node.autostart_now()


def test_services_of_the_life_cycle(spin, wait_for):
    node = spin(Recorder(parameter_overrides=[Parameter("autostart", value=False)]))
    assert not node.autostart
    client_node = spin(Node("manager"))
    change = client_node.create_client(ChangeState, "/recorder/change_state")
    state = client_node.create_client(GetState, "/recorder/get_state")
    assert change.wait_for_service(60.0) and state.wait_for_service(60.0)
    for transition, label in (
        (Transition.TRANSITION_CONFIGURE, "inactive"),
        (Transition.TRANSITION_ACTIVATE, "active"),
    ):
        changed = change.call_async(ChangeState.Request(transition=Transition(id=transition)))
        wait_for(changed.done)
        assert changed.result().success
        asked = state.call_async(GetState.Request())
        wait_for(asked.done)
        assert asked.result().current_state.label == label


def test_reset_when_time_jumps_back(spin, wait_for):
    node = spin(Recorder(parameter_overrides=[Parameter("use_sim_time", value=True)]))
    clock = node.create_publisher(Clock, "/clock", 10)

    def set_time(seconds):
        stamp = Time(nanoseconds=round(seconds * 1e9)).to_msg()
        wait_for(lambda: clock.publish(Clock(clock=stamp)) or node.get_clock().now().to_msg() == stamp)

    set_time(100.0)
    set_time(105.0)
    set_time(104.95)  # jitter
    assert node.calls == []
    set_time(100.0)
    wait_for(lambda: node.calls == ["reset"])
    node.error = ValueError("a bug in reset")
    set_time(50.0)
    wait_for(lambda: node.calls == ["reset", "reset"])
    set_time(60.0)  # the clock goes on
    assert len(node.calls) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_node_in_order_and_bad_callbacks_do_not(start_process, spin, wait_for, number):
    heard: list[str] = []
    spin(Node("listener")).create_subscription(String, "/talk", lambda message: heard.append(message.data), 10)
    process = start_process("-c", NODE.format(constructor="pass", setup="pass"))
    wait_for(lambda: any(int(each) > 3 for each in heard))  # after the failure at 3
    assert process.end(number) == 0
    assert "a callback failed" in process.output and "one bad callback" in process.output
    assert process.output.count("Traceback") == 1
    assert "torn down" in process.output


def test_a_signal_that_comes_twice_at_once_is_one_and_a_later_one_ends_at_once(start_process, wait_for):
    code = NODE.format(constructor="pass", setup="pass")
    process = start_process("-c", code)
    wait_for(lambda: "a callback failed" in process.output)
    process.process.send_signal(signal.SIGINT)
    assert process.end(signal.SIGINT) == 0 and "torn down" in process.output
    # A node that does not come to an end.
    process = start_process(
        "-c",
        code.replace('print("torn down"', 'import time; print("stuck", flush=True); time.sleep(60); print("torn down"'),
    )
    wait_for(lambda: "a callback failed" in process.output)
    process.process.send_signal(signal.SIGINT)
    wait_for(lambda: "stuck" in process.output)
    time.sleep(1.2)
    assert process.end(signal.SIGTERM) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("constructor", "setup", "arguments", "message"),
    [
        ("raise InputError('no such bag')", "pass", [], "cannot start: no such bag"),
        ("pass", "raise InputError('no such map')", [], "cannot configure: no such map"),
        ("pass", "pass", ["-p", "autostart:=3"], "expecting type 'BOOL'"),
        ("pass", "pass", ["--params-file", "/none.yaml"], "Error opening YAML file"),
    ],
)
def test_what_keeps_a_node_from_starting_is_one_sentence(start_process, constructor, setup, arguments, message):
    code = NODE.format(constructor=constructor, setup=setup)
    process = start_process("-c", code, *(["--ros-args", *arguments] if arguments else []))
    assert process.wait() == 2
    assert message in process.output and "Traceback" not in process.output
