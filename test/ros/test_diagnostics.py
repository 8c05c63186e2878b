from __future__ import annotations

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.parameter import Parameter

from zoox_prediction.ros.diagnostics import ERROR, OK, WARN, Diagnostics, DiagnosticsConfig, RateLimitedLog


class SteadyClock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class LogLines:
    """In place of a logger."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def info(self, text: str) -> None:
        self.lines.append(("info", text))

    def warning(self, text: str) -> None:
        self.lines.append(("warning", text))

    def error(self, text: str) -> None:
        self.lines.append(("error", text))


@pytest.fixture
def steady():
    return SteadyClock()


@pytest.fixture
def diagnostics(ros, steady):
    node = Node("probe")
    yield Diagnostics(node, steady_s=steady)
    node.destroy_node()


def status(diagnostics, name, now_ns=0):
    return next(each for each in diagnostics.statuses(now_ns) if each.name == f"probe: {name}")


def test_one_line_per_key_and_period_with_the_count_held_back(steady):
    log = LogLines()
    limited = RateLimitedLog(log, 5.0, steady)
    for _ in range(4):
        limited.warning("a", "bad a")
    limited.error("b", "bad b")
    assert log.lines == [("warning", "bad a"), ("error", "bad b")]
    steady.now_s += 5.0
    limited.warning("a", "worse a")
    limited.warning("a", "worse a")
    assert log.lines[2:] == [("warning", "worse a (3 more since the last report)")]
    steady.now_s += 5.0
    limited.info("a", "good a")
    assert log.lines[-1] == ("info", "good a (1 more since the last report)")


def test_age_of_inputs(diagnostics):
    second = 1_000_000_000
    diagnostics.expect_input("/agents", 0.5)
    diagnostics.expect_input("/signals", 2.0, required=False)
    assert status(diagnostics, "input /agents").level == ERROR
    assert status(diagnostics, "input /signals").level == OK
    for topic in ("/agents", "/signals"):
        diagnostics.received(topic, 10 * second)
    fresh = status(diagnostics, "input /agents", 10 * second + 200_000_000)
    assert (fresh.level, fresh.message) == (OK, "age 0.200 s")
    assert {each.key: each.value for each in fresh.values} == {"age_s": "0.200", "max_age_s": "0.5", "messages": "1"}
    assert status(diagnostics, "input /agents", 11 * second).level == ERROR
    assert status(diagnostics, "input /signals", 11 * second).level == OK
    late = status(diagnostics, "input /signals", 13 * second)
    assert late.level == WARN and "3.0 s old, the limit is 2 s" in late.message
    assert status(diagnostics, "input /agents", 9 * second).level == WARN
    assert "future" in status(diagnostics, "input /agents", 9 * second).message
    diagnostics.reset()
    assert status(diagnostics, "input /agents", 9 * second).message == "no message yet"


def test_latched_inputs_never_grow_old(diagnostics):
    diagnostics.expect_input("/map", float("inf"))
    diagnostics.received("/map", 0)
    assert status(diagnostics, "input /map", 10**18).level == OK


def test_latency_over_a_sliding_window(diagnostics, steady):
    diagnostics.expect_latency("prediction", 0.06)
    assert status(diagnostics, "prediction").level == OK
    for milliseconds in range(1, 101):
        diagnostics.latency("prediction", 1e-3 * milliseconds)
    slow = status(diagnostics, "prediction")
    assert slow.level == WARN and slow.message == "p99 99.0 ms exceeds 60 ms"
    values = {each.key: float(each.value) for each in slow.values}
    assert values == {"p50_ms": 50.5, "p99_ms": 99.01, "limit_ms": 60.0, "samples": 100.0}
    steady.now_s += 6.0
    for _ in range(5):
        diagnostics.latency("prediction", 0.03)
    steady.now_s += 5.0  # the first hundred are 11 s old
    fast = status(diagnostics, "prediction")
    assert (fast.level, fast.message) == (OK, "p50 30.0 ms, p99 30.0 ms")


def test_problems_are_counted_and_fade(diagnostics, steady):
    assert status(diagnostics, "problems").level == OK
    diagnostics.problem("/agents", "/agents: id 7 twice")
    diagnostics.problem("/agents", "/agents: id 8 twice")
    steady.now_s += 5.0
    diagnostics.problem("model", "model: missing", ERROR)
    both = status(diagnostics, "problems")
    assert both.level == ERROR and both.message == "/agents: id 8 twice; model: missing"
    values = {each.key: each.value for each in both.values}
    assert values["/agents"] == "2 times, last: /agents: id 8 twice; before: /agents: id 7 twice"
    steady.now_s += 5.5
    assert status(diagnostics, "problems").message == "model: missing"
    steady.now_s += 10.0
    calm = status(diagnostics, "problems")
    assert calm.level == OK and calm.message == "none" and len(calm.values) == 2


def test_values(diagnostics):
    diagnostics.value("predictor", "heuristic_mixture")
    assert status(diagnostics, "predictor").message == "heuristic_mixture"
    diagnostics.value("predictor", "constant_velocity", WARN)
    assert status(diagnostics, "predictor").level == WARN


def test_published_though_simulated_time_stands_still(spin, wait_for):
    node = spin(Node("probe", parameter_overrides=[Parameter("use_sim_time", value=True)]))
    heard: list[DiagnosticArray] = []
    node.create_subscription(DiagnosticArray, "/diagnostics", heard.append, 10)
    diagnostics = Diagnostics(node, DiagnosticsConfig(period_s=0.1))
    diagnostics.expect_input("/agents", 0.5)
    wait_for(lambda: len(heard) >= 3)
    assert [each.name for each in heard[0].status] == ["probe: input /agents", "probe: problems"]


def test_configuration_is_checked():
    with pytest.raises(ValueError, match="period_s"):
        DiagnosticsConfig(period_s=0.0)
