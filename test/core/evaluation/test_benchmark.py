"""The timing itself, with a clock that the test winds."""

import pytest

from zoox_prediction.evaluation.benchmark import REFERENCE, BenchmarkCase, BenchmarkConfig, measure


class _Clock:
    """Every piece of work between two readings takes what the case asked for; the reference takes 1 ms."""

    def __init__(self, durations_ms):
        self.now_ns, self.pending_ms = 0, None
        self._durations = iter(durations_ms)

    def work(self):
        self.pending_ms = next(self._durations)

    def __call__(self):
        self.now_ns += int(1e6 * (1.0 if self.pending_ms is None else self.pending_ms))
        self.pending_ms = None
        return self.now_ns


def test_percentiles_and_ratio():
    durations = [7.0] * 2 + [4.0] * 49 + [100.0]  # two warm-ups, which do not count
    clock = _Clock(durations)
    config = BenchmarkConfig(repeats=50, warm_ups=2)
    calls = []
    row = measure(BenchmarkCase("thing", 64, clock.work), config, clock, lambda: calls.append(1))
    assert row["name"] == "thing"
    assert row["agents"] == 64
    assert row["p50_ms"] == pytest.approx(4.0)
    assert row["p99_ms"] == pytest.approx(4.0 + 0.51 * 96.0)  # at 48.51 of the 50 in order, counted from 0
    assert row["ratio"] == pytest.approx(4.0)
    assert row["ratio_to"] == REFERENCE
    assert row["repeats"] == len(calls) == 50


def test_a_slow_case_ends_early_but_not_before_enough_repeats():
    clock = _Clock([5000.0] * 100)
    config = BenchmarkConfig(repeats=100, warm_ups=0, max_seconds=1.0, min_repeats=5)
    assert measure(BenchmarkCase("slow", 0, clock.work), config, clock)["repeats"] == 5


def test_work_that_takes_seconds_runs_as_often_as_it_says_and_is_not_warmed_up():
    clock = _Clock([5000.0] * 3)
    row = measure(BenchmarkCase("slow", 0, clock.work, most_repeats=3), BenchmarkConfig(repeats=100), clock)
    assert row["repeats"] == 3
    assert row["p50_ms"] == pytest.approx(5000.0)
    assert measure(BenchmarkCase("slow", 0, lambda: None, most_repeats=3), BenchmarkConfig(repeats=2))["repeats"] == 2


def test_real_work_takes_real_time():
    row = measure(BenchmarkCase("sum", 0, lambda: sum(range(20_000))), BenchmarkConfig(repeats=5))
    assert 0.0 < row["p50_ms"] <= row["p99_ms"]
    assert row["ratio"] > 0.0


def test_config_refuses():
    with pytest.raises(ValueError, match="repeats"):
        BenchmarkConfig(repeats=0)
