"""Starting, resetting and ending nodes: one base class for life-cycle nodes and one way to run any node."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import rclpy
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import ClockChange, JumpHandle, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.exceptions import ParameterException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from zoox_prediction.errors import InputError
from zoox_prediction.ros.diagnostics import RateLimitedLog
from zoox_prediction.ros.executor import PoolExecutor
from zoox_prediction.ros.middleware import use_default_profile

# A clock that goes back by less is jitter between its publishers, not a recording that looped.
_MIN_JUMP_BACK_S = 0.1

# Ctrl-C comes twice at once when a launcher passes on what the terminal sent to all; a person takes longer.
_SECOND_SIGNAL_S = 1.0

_EXIT_USAGE = 2


class ManagedNode(LifecycleNode):
    """A life-cycle node whose transitions report what went wrong, and which is reset when time jumps backwards.

    A subclass overrides `setup`, `start`, `stop`, `teardown` and `reset`. They may raise InputError for what a person
    can mend (one line is logged, the transition fails) or anything else (logged with its traceback, error state).
    rclpy itself swallows exceptions of transitions without a word.
    """

    _jump_handle: JumpHandle | None = None  # a node whose construction failed is destroyed too

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        descriptor = ParameterDescriptor(
            description="Configure and activate at once, without a life-cycle manager.", read_only=True
        )
        self.autostart = bool(self.declare_parameter("autostart", True, descriptor).value)
        threshold = JumpThreshold(
            min_forward=None, min_backward=Duration(nanoseconds=-int(_MIN_JUMP_BACK_S * 1e9)), on_clock_change=True
        )
        self._jump_handle = self.get_clock().create_jump_callback(threshold, post_callback=self._on_time_jump)

    def setup(self) -> None:
        """On configure: create publishers, subscriptions, services; load models."""

    def start(self) -> None:
        """On activate, when the life-cycle publishers are on."""

    def stop(self) -> None:
        """On deactivate, before the life-cycle publishers go silent."""

    def teardown(self) -> None:
        """On cleanup and shutdown (from any state, even when `setup` did not run): undo `setup`."""

    def reset(self) -> None:
        """Time jumped backwards (a recording looped or was rewound): forget all that carries a stamp, keep the map.

        Called from the executor's thread that received /clock, while other callbacks run; must be quick.
        """

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._transition("configure", self.setup, lambda: super(ManagedNode, self).on_configure(state))

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        # The publishers first: `start` may publish.
        result = super().on_activate(state)
        if result != TransitionCallbackReturn.SUCCESS:
            return result
        return self._transition("activate", self.start)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._transition("deactivate", self.stop, lambda: super(ManagedNode, self).on_deactivate(state))

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._transition("clean up", self.teardown, lambda: super(ManagedNode, self).on_cleanup(state))

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._transition("shut down", self.teardown, lambda: super(ManagedNode, self).on_shutdown(state))

    def autostart_now(self) -> bool:
        """Configures and activates; returns whether the node is active."""
        return (
            self.trigger_configure() == TransitionCallbackReturn.SUCCESS
            and self.trigger_activate() == TransitionCallbackReturn.SUCCESS
        )

    def destroy_node(self) -> None:
        if self._jump_handle is not None:
            self._jump_handle.unregister()
        super().destroy_node()

    def _transition(
        self,
        name: str,
        action: Callable[[], None],
        then: Callable[[], TransitionCallbackReturn] = lambda: TransitionCallbackReturn.SUCCESS,
    ) -> TransitionCallbackReturn:
        try:
            action()
        except InputError as error:
            self.get_logger().error(f"cannot {name}: {error}")
            return TransitionCallbackReturn.FAILURE
        except Exception:
            self.get_logger().error(f"cannot {name}: {traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR
        return then()

    def _on_time_jump(self, jump: TimeJump) -> None:
        if jump.clock_change == ClockChange.ROS_TIME_NO_CHANGE:
            self.get_logger().info(f"time jumped back by {-jump.delta.nanoseconds * 1e-9:.1f} s, starting afresh")
        try:
            self.reset()
        except Exception:  # an exception here would keep the jump from the clock's other listeners
            self.get_logger().error(f"cannot reset: {traceback.format_exc()}")


def run_node(
    make_node: Callable[[], Node],
    args: Sequence[str] | None = None,
    *,
    num_threads: int = 4,
    stop: threading.Event | None = None,
) -> int:
    """Runs the node that `make_node` makes until SIGINT, SIGTERM or `stop`; returns the exit code of the process.

    The code is the node's attribute `exit_code` if it has one, 2 when it cannot start, else 0. A ManagedNode with
    `autostart` is configured and activated first. An exception in a callback is logged with its traceback (an
    InputError without) and the node goes on: one bad message must not end it. While the node ends, its context is still
    valid, so that it can publish and wait for acknowledgements. Call from the main thread; `args` defaults to sys.argv.
    """
    stop = stop or threading.Event()
    use_default_profile()
    handler = _signal_handler(stop)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)
    try:
        # rclpy's own handlers would invalidate the context at once, before the node could end in order.
        rclpy.init(args=list(args) if args is not None else None, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # RCLError: a malformed argument or parameter file
        print(f"cannot start: {error}", file=sys.stderr)
        return _EXIT_USAGE
    try:
        return _run(make_node, num_threads, stop)
    except (InputError, ParameterException) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return _EXIT_USAGE
    finally:
        rclpy.try_shutdown()


def _run(make_node: Callable[[], Node], num_threads: int, stop: threading.Event) -> int:
    node = make_node()
    try:
        if isinstance(node, ManagedNode) and node.autostart and not node.autostart_now():
            return _EXIT_USAGE  # what went wrong is logged
        # What start-up made stays for ever: without this, collections in mid-cycle look through all of it again.
        gc.collect()
        gc.freeze()
        # This thread only waits: Python delivers signals to the main thread alone, and not while it is inside rcl.
        with spinning(node, num_threads, stop.set):
            stop.wait()
        if isinstance(node, ManagedNode):
            with contextlib.suppress(RuntimeError):  # a life-cycle manager has finalized it already
                node.trigger_shutdown()
    finally:
        node.destroy_node()
    return int(getattr(node, "exit_code", 0))


@contextlib.contextmanager
def spinning(node: Node, num_threads: int = 4, on_end: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Executes the callbacks of `node` in other threads until the block ends, and returns when the last one is done.

    `on_end` is called when they end by themselves, because the context was shut down elsewhere.
    """
    log = RateLimitedLog(node.get_logger())
    executor = PoolExecutor(num_threads, lambda error: _log_error(error, log))
    executor.add_node(node)
    stopped = threading.Event()
    thread = threading.Thread(target=_spin, args=(executor, stopped, node, on_end, log), name="executor")
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        executor.stop()
        thread.join()
        executor.finish()
        executor.shutdown()


def _spin(
    executor: PoolExecutor, stopped: threading.Event, node: Node, on_end: Callable[[], None], log: RateLimitedLog
) -> None:
    while not stopped.is_set() and node.context.ok():
        try:
            executor.spin_once()
        except Exception as error:
            _log_error(error, log)
            time.sleep(0.01)  # should the executor itself fail, leave the processor to the others
    on_end()


def _log_error(error: BaseException, log: RateLimitedLog) -> None:
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = str(error) if isinstance(error, InputError) else "".join(traceback.format_exception(error))
    log.error(f"{place.filename}:{place.lineno}", f"a callback failed: {text}")


def _signal_handler(stop: threading.Event) -> Callable[[int, Any], None]:
    """The first signal ends the node in order; one that comes `_SECOND_SIGNAL_S` later ends the process at once."""
    first_s: list[float] = []

    def handle(number: int, _frame: Any) -> None:
        if first_s and time.monotonic() - first_s[0] > _SECOND_SIGNAL_S:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        first_s.append(time.monotonic())
        stop.set()

    return handle
