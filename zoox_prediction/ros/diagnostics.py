"""What a node tells about its health: input ages, latencies, problems; as /diagnostics and as sparing log lines."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.node import Node

from zoox_prediction.ros.qos import DIAGNOSTICS

_RECENT_TEXTS = 5

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


@dataclass(frozen=True)
class DiagnosticsConfig:
    """How health is judged and told."""

    period_s: float = 1.0  # between two messages on /diagnostics [s], wall time
    latency_window_s: float = 10.0  # latencies of this long are judged together [s], wall time
    problem_hold_s: float = 10.0  # a problem that was not seen for this long no longer warns [s], wall time
    log_period_s: float = 5.0  # between two log lines on the same problem [s], wall time

    def __post_init__(self) -> None:
        for name in ("period_s", "latency_window_s", "problem_hold_s", "log_period_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


class RateLimitedLog:
    """One log line per key and period; the next line tells how many were held back. Steady time, any thread."""

    def __init__(
        self, logger: RcutilsLogger, period_s: float = 5.0, steady_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._logger = logger
        self._period_s = period_s
        self._steady_s = steady_s
        self._last: dict[str, tuple[float, int]] = {}  # per key: when a line was written, how many were held back since
        self._lock = threading.Lock()

    def info(self, key: str, text: str) -> None:
        if line := self._line(key, text):
            self._logger.info(line)

    def warning(self, key: str, text: str) -> None:
        if line := self._line(key, text):
            self._logger.warning(line)

    def error(self, key: str, text: str) -> None:
        if line := self._line(key, text):
            self._logger.error(line)

    def _line(self, key: str, text: str) -> str | None:
        now = self._steady_s()
        with self._lock:
            written, held_back = self._last.get(key, (-np.inf, 0))
            if now - written < self._period_s:
                self._last[key] = (written, held_back + 1)
                return None
            self._last[key] = (now, 0)
        return f"{text} ({held_back} more since the last report)" if held_back else text


@dataclass
class _Input:
    max_age_s: float
    required: bool
    stamp_ns: int | None = None
    count: int = 0


@dataclass
class _Latency:
    limit_s: float
    samples: deque[tuple[float, float]]  # steady time of the sample [s], latency [s]


@dataclass
class _Problem:
    seen: float  # steady time [s]
    level: bytes
    recent: deque[str]  # the last few distinct texts, newest last: one message may be wrong in several ways
    count: int = 0


class Diagnostics:
    """Collects the health of `node` and publishes it on /diagnostics; every method may be called from any thread.

    Levels. Input: ERROR when a required one never came or is older than `max_age_s`; WARN when an optional one came and
    is older, or when any lies in the future by more than that. Latency: WARN when its p99 exceeds the limit.
    Problem: its own level until it was not seen for `problem_hold_s`. Ages are in the node's time (they stand still
    when a recording is paused); windows and periods are in steady time, which no recording turns back.
    """

    def __init__(
        self,
        node: Node,
        config: DiagnosticsConfig | None = None,
        *,
        hardware_id: str = "",
        callback_group: CallbackGroup | None = None,
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node = node
        self._config = config or DiagnosticsConfig()
        self._hardware_id = hardware_id
        self._steady_s = steady_s
        self._log = RateLimitedLog(node.get_logger(), self._config.log_period_s, steady_s)
        self._lock = threading.Lock()
        self._inputs: dict[str, _Input] = {}
        self._latencies: dict[str, _Latency] = {}
        self._values: dict[str, tuple[bytes, str, Mapping[str, str]]] = {}
        self._problems: dict[str, _Problem] = {}
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", DIAGNOSTICS)
        # On the steady clock, for a recording that is paused must not silence the diagnostics.
        self._timer = node.create_timer(
            self._config.period_s, self.publish, callback_group, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def expect_input(self, topic: str, max_age_s: float, *, required: bool = True) -> None:
        """Watches `topic`, whose newest stamp should never be older than `max_age_s` (inf for latched topics)."""
        with self._lock:
            self._inputs[topic] = _Input(max_age_s, required)

    def received(self, topic: str, stamp_ns: int) -> None:
        """A message with header stamp `stamp_ns` came on `topic`, which was announced by `expect_input`."""
        with self._lock:
            entry = self._inputs[topic]
            entry.stamp_ns = stamp_ns
            entry.count += 1

    def expect_latency(self, name: str, limit_s: float) -> None:
        """Watches the latency `name`, whose 99th percentile should stay below `limit_s`."""
        with self._lock:
            self._latencies[name] = _Latency(limit_s, deque(maxlen=10_000))

    def latency(self, name: str, seconds: float) -> None:
        """One sample of a latency that was announced by `expect_latency`."""
        with self._lock:
            self._latencies[name].samples.append((self._steady_s(), seconds))

    def value(self, name: str, text: str, level: bytes = OK, details: Mapping[str, str] | None = None) -> None:
        """What `name` (for example the predictor in use) is now; `details` are the status's keys and values."""
        with self._lock:
            self._values[name] = (level, text, details or {})

    def problem(self, key: str, text: str, level: bytes = WARN) -> None:
        """Counts the problem `key` (a topic or a part) and logs `text`, at most one line per key and period."""
        with self._lock:
            entry = self._problems.setdefault(key, _Problem(0.0, level, deque(maxlen=_RECENT_TEXTS)))
            entry.seen, entry.level, entry.count = self._steady_s(), level, entry.count + 1
            if text in entry.recent:
                entry.recent.remove(text)
            entry.recent.append(text)
        (self._log.error if level == ERROR else self._log.warning)(key, text)

    def reset(self) -> None:
        """Forgets stamps and latencies, after time jumped backwards; the counts of problems stay."""
        with self._lock:
            for entry in self._inputs.values():
                entry.stamp_ns = None
            for latency in self._latencies.values():
                latency.samples.clear()

    def publish(self) -> None:
        """Publishes the state now; called by the timer."""
        message = DiagnosticArray()
        now = self._node.get_clock().now()
        message.header.stamp = now.to_msg()
        message.status = self.statuses(now.nanoseconds)
        self._publisher.publish(message)

    def statuses(self, now_ns: int) -> list[DiagnosticStatus]:
        """One status per input, latency and value, and one for all problems, at the node's time `now_ns`."""
        steady = self._steady_s()
        with self._lock:
            return [
                *(self._input_status(topic, entry, now_ns) for topic, entry in self._inputs.items()),
                *(self._latency_status(name, entry, steady) for name, entry in self._latencies.items()),
                *(self._status(name, *value) for name, value in self._values.items()),
                self._problem_status(steady),
            ]

    def _status(self, name: str, level: bytes, message: str, values: Mapping[str, str]) -> DiagnosticStatus:
        return DiagnosticStatus(
            name=f"{self._node.get_name()}: {name}",
            hardware_id=self._hardware_id,
            level=level,
            message=message,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )

    def _input_status(self, topic: str, entry: _Input, now_ns: int) -> DiagnosticStatus:
        if entry.stamp_ns is None:
            level, text = (ERROR, "no message yet") if entry.required else (OK, "no message yet, optional")
            return self._status(f"input {topic}", level, text, {"messages": str(entry.count)})
        age_s = (now_ns - entry.stamp_ns) * 1e-9
        level, text = OK, f"age {age_s:.3f} s"
        if age_s > entry.max_age_s:
            level = ERROR if entry.required else WARN
            text = f"newest message is {age_s:.1f} s old, the limit is {entry.max_age_s:g} s"
        elif -age_s > entry.max_age_s:
            level, text = WARN, f"stamp lies {-age_s:.1f} s in the future; check the clocks and use_sim_time"
        values = {"age_s": f"{age_s:.3f}", "max_age_s": f"{entry.max_age_s:g}", "messages": str(entry.count)}
        return self._status(f"input {topic}", level, text, values)

    def _latency_status(self, name: str, entry: _Latency, steady: float) -> DiagnosticStatus:
        while entry.samples and steady - entry.samples[0][0] > self._config.latency_window_s:
            entry.samples.popleft()
        if not entry.samples:
            return self._status(name, OK, f"nothing in the last {self._config.latency_window_s:g} s", {"samples": "0"})
        p50_ms, p99_ms = 1e3 * np.percentile([seconds for _, seconds in entry.samples], [50, 99])
        limit_ms = 1e3 * entry.limit_s
        level, text = OK, f"p50 {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms"
        if p99_ms > limit_ms:
            level, text = WARN, f"p99 {p99_ms:.1f} ms exceeds {limit_ms:g} ms"
        values = {
            "p50_ms": f"{p50_ms:.2f}",
            "p99_ms": f"{p99_ms:.2f}",
            "limit_ms": f"{limit_ms:g}",
            "samples": str(len(entry.samples)),
        }
        return self._status(name, level, text, values)

    def _problem_status(self, steady: float) -> DiagnosticStatus:
        current = {
            key: problem
            for key, problem in self._problems.items()
            if steady - problem.seen <= self._config.problem_hold_s
        }
        level = max((problem.level for problem in current.values()), default=OK)
        message = "; ".join(problem.recent[-1] for problem in current.values()) or "none"
        values = {
            key: f"{problem.count} times, last: {'; before: '.join(reversed(problem.recent))}"
            for key, problem in self._problems.items()
        }
        return self._status("problems", level, message, values)
