"""Executes a node's callbacks in a pool of threads, each of them once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.exceptions import InvalidHandle
from rclpy.executors import (
    ConditionReachedException,
    Executor,
    ExternalShutdownException,
    ShutdownException,
    TimeoutException,
)
from rclpy.node import Node
from rclpy.subscription import Subscription
from rclpy.time_source import TimeSource

_PAUSE_S = 0.001
_CLOCK_PERIOD_S = 0.25  # between two looks at the clock of a node that has nothing else to do


class Unwatched(CallbackGroup):
    """The executor leaves the entities of this group alone; somebody takes their messages at a better time."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        pass


class PoolExecutor(Executor):
    """An executor of `num_threads` threads that never has more to do than there is.

    rclpy's MultiThreadedExecutor hands a callback to its pool anew, in a tight loop, until a thread has begun it. When
    the interpreter is busy with another callback for some milliseconds, that is thousands of copies, which themselves
    keep the interpreter busy: messages then wait for seconds. Here a callback that was handed over is not handed over
    again, and the loop pauses meanwhile.

    Nor does simulated time wake it, which would cost the node of a sensor more than its sensor: the newest tick of
    /clock is taken before every callback, when somebody may look at the time.
    """

    def __init__(self, num_threads: int, on_error: Callable[[BaseException], None]):
        """`on_error` is called, in any thread, with what a callback raised."""
        super().__init__()
        self._pool = ThreadPoolExecutor(num_threads, thread_name_prefix="callback")
        self._on_error = on_error
        self._handed_over: set[Any] = set()  # rclpy tasks that are in the pool
        self._begun = threading.Condition()
        self._stopped = threading.Event()
        self._is_stopped = self._stopped.is_set
        self._clocks: list[Subscription] = []

    def add_node(self, node: Node) -> bool:
        for subscription in node.subscriptions:
            if isinstance(getattr(subscription.callback, "__self__", None), TimeSource):
                _leave_alone(subscription)
                self._clocks.append(subscription)
        return super().add_node(node)

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Hands the next callback that is ready to the pool; returns without one after `timeout_sec` [s] at the latest,
        or `stop`.
        """
        if self._clocks:
            timeout_sec = _CLOCK_PERIOD_S if timeout_sec is None else min(timeout_sec, _CLOCK_PERIOD_S)
        try:
            task, _, _ = self.wait_for_ready_callbacks(timeout_sec, None, self._is_stopped)
        except TimeoutException:
            self._take_time()
            return
        except (ShutdownException, ExternalShutdownException, ConditionReachedException):
            return
        with self._begun:
            if task in self._handed_over:
                self._begun.wait(_PAUSE_S)
                return
            self._handed_over.add(task)
        self._take_time()
        self._pool.submit(self._execute, task)

    def finish(self) -> None:
        """Waits for the callbacks that are under way; before `shutdown`, which takes away what they use."""
        self._pool.shutdown(wait=True)

    def stop(self) -> None:
        """Has `spin_once` return at once, now and later; from any thread."""
        self._stopped.set()
        self.wake()

    def _take_time(self) -> None:
        for clock in self._clocks:
            with contextlib.suppress(InvalidHandle):  # the node no longer uses simulated time
                with clock.handle:
                    taken = clock.handle.take_message(clock.msg_type, clock.raw)
                if taken is not None:
                    clock.callback(taken[0])  # type: ignore[call-arg]  # that of rclpy's time source takes a message

    def _execute(self, task: Any) -> None:
        with self._begun:
            self._begun.notify_all()
        task()
        with self._begun:
            self._handed_over.discard(task)  # one that awaits something may come again
        if task.done() and (error := task.exception()) is not None:
            self._on_error(error)


def _leave_alone(subscription: Subscription) -> None:
    """Takes it off the executor's hands, with the events of its QoS, which would wake it for every message."""
    entities: list[Any] = [subscription, *subscription.event_handlers]
    for entity in entities:
        entity.callback_group = Unwatched()
