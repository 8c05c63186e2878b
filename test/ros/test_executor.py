"""The executor hands each callback to its pool once, tells what callbacks raise, and stops when asked."""

from __future__ import annotations

import threading
import time

import pytest
import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time
from rosgraph_msgs.msg import Clock

from zoox_prediction.ros.executor import PoolExecutor
from zoox_prediction.ros.qos import CLOCK


@pytest.fixture
def errors() -> list[BaseException]:
    return []


@pytest.fixture
def executor(ros, errors):
    """A running executor with two threads."""
    executor = PoolExecutor(2, errors.append)
    stopped = threading.Event()

    def spin() -> None:
        while not stopped.is_set():
            executor.spin_once()

    thread = threading.Thread(target=spin)
    thread.start()
    yield executor
    stopped.set()
    executor.stop()
    thread.join(5.0)
    assert not thread.is_alive()
    executor.finish()
    executor.shutdown()


@pytest.fixture
def node(executor) -> Node:
    node = rclpy.create_node("executed")
    executor.add_node(node)
    yield node
    executor.remove_node(node)
    node.destroy_node()


def test_a_callback_that_waits_for_a_thread_is_in_the_pool_once(executor, node, wait_for):
    release, busy, ran = threading.Event(), [], []

    def block() -> None:
        busy.append(None)
        release.wait(10.0)

    blocking = [node.create_guard_condition(block, MutuallyExclusiveCallbackGroup()) for _ in range(2)]
    waiting = node.create_guard_condition(lambda: ran.append(None), MutuallyExclusiveCallbackGroup())
    for each in blocking:
        each.trigger()
    wait_for(lambda: len(busy) == 2)
    waiting.trigger()
    time.sleep(0.3)
    queued = executor._pool._work_queue.qsize()
    release.set()
    wait_for(lambda: ran)
    assert queued == 1
    assert len(ran) == 1


def test_every_trigger_is_answered(node, wait_for):
    ran = []
    condition = node.create_guard_condition(lambda: ran.append(None))
    for number in range(1, 50):
        condition.trigger()
        wait_for(lambda number=number: len(ran) >= number)
    assert len(ran) == 49


def test_what_a_callback_raises_is_told_and_others_go_on(node, errors, wait_for):
    def fail() -> None:
        raise ValueError("a bad message")

    ran = []
    node.create_guard_condition(fail, MutuallyExclusiveCallbackGroup()).trigger()
    wait_for(lambda: errors)
    assert isinstance(errors[0], ValueError)
    node.create_guard_condition(lambda: ran.append(None), MutuallyExclusiveCallbackGroup()).trigger()
    wait_for(lambda: ran)


def test_stop_ends_the_wait_for_work(ros, errors):
    executor = PoolExecutor(1, errors.append)
    threading.Timer(0.2, executor.stop).start()
    started = time.monotonic()
    executor.spin_once()
    assert time.monotonic() - started < 5.0
    executor.finish()
    executor.shutdown()


def test_simulated_time_does_not_wake_it_and_is_there_when_somebody_looks(ros, errors, wait_for):
    executor = PoolExecutor(2, errors.append)
    sleeper = rclpy.create_node("sleeper", parameter_overrides=[Parameter("use_sim_time", value=True)])
    clock = rclpy.create_node("clock")
    publisher = clock.create_publisher(Clock, "/clock", CLOCK)
    executor.add_node(sleeper)
    wait_for(publisher.get_subscription_count)
    woken, seen = [], []
    looking = sleeper.create_guard_condition(lambda: seen.append(sleeper.get_clock().now().nanoseconds))
    stopped = threading.Event()

    def spin() -> None:
        while not stopped.is_set():
            executor.spin_once()
            woken.append(time.monotonic())

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        for tick in range(1, 101):
            publisher.publish(Clock(clock=Time(nanoseconds=tick).to_msg()))
            time.sleep(0.01)
        assert len(woken) < 20  # some four times a second
        looking.trigger()
        wait_for(lambda: seen == [100], what="the newest time")
    finally:
        stopped.set()
        executor.stop()
        thread.join(5.0)
        executor.finish()
        executor.shutdown()
        sleeper.destroy_node()
        clock.destroy_node()
    assert errors == []
