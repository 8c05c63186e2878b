"""Executes a node's callbacks in a pool of threads, each of them once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rclpy.executors import (
    ConditionReachedException,
    Executor,
    ExternalShutdownException,
    ShutdownException,
    TimeoutException,
)

_PAUSE_S = 0.001


class PoolExecutor(Executor):
    """An executor of `num_threads` threads that never has more to do than there is.

    rclpy's MultiThreadedExecutor hands a callback to its pool anew, in a tight loop, until a thread has begun it. When
    the interpreter is busy with another callback for some milliseconds, that is thousands of copies, which themselves
    keep the interpreter busy: messages then wait for seconds. Here a callback that was handed over is not handed over
    again, and the loop pauses meanwhile.
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

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Hands the next callback that is ready to the pool; returns without one after `timeout_sec` [s] or `stop`."""
        try:
            task, _, _ = self.wait_for_ready_callbacks(timeout_sec, None, self._is_stopped)
        except (TimeoutException, ShutdownException, ExternalShutdownException, ConditionReachedException):
            return
        with self._begun:
            if task in self._handed_over:
                self._begun.wait(_PAUSE_S)
                return
            self._handed_over.add(task)
        self._pool.submit(self._execute, task)

    def finish(self) -> None:
        """Waits for the callbacks that are under way; before `shutdown`, which takes away what they use."""
        self._pool.shutdown(wait=True)

    def stop(self) -> None:
        """Has `spin_once` return at once, now and later; from any thread."""
        self._stopped.set()
        self.wake()

    def _execute(self, task: Any) -> None:
        with self._begun:
            self._begun.notify_all()
        task()
        with self._begun:
            self._handed_over.discard(task)  # one that awaits something may come again
        if task.done() and (error := task.exception()) is not None:
            self._on_error(error)
