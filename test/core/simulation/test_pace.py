from __future__ import annotations

import math

import pytest

from zoox_prediction.simulation.pace import Pace


def test_steps_come_at_the_rate_whatever_they_take():
    pace = Pace(0.1, rate=2.0)
    pace.begin(7.0)
    assert math.isnan(pace.factor)
    for step in range(30):
        assert pace.due_s == pytest.approx(7.0 + 0.05 * (step + 1))
        assert not pace.done(pace.due_s + 0.04 * (step % 2))
    assert pace.factor == pytest.approx(2.0, rel=0.1)


def test_slow_steps_are_told_of_and_not_made_up_for():
    pace = Pace(0.1, rate=1.0)
    pace.begin(0.0)
    now_s, told = 0.0, []
    for _ in range(10):
        now_s = max(now_s, pace.due_s) + 0.3
        told.append(pace.done(now_s))
    assert any(told) and pace.due_s >= now_s - 0.2
    assert pace.factor == pytest.approx(1.0 / 3.0, rel=0.1)
    now_s = max(now_s, pace.due_s) + 0.01
    pace.done(now_s)
    assert pace.due_s > now_s - 0.2  # no burst of steps afterwards


def test_a_single_late_step_within_its_period_is_no_slowness():
    pace = Pace(0.1, rate=1.0)
    pace.begin(0.0)
    assert not pace.done(0.1 + 0.15)
    assert pace.due_s == pytest.approx(0.2)


def test_a_pause_does_not_count():
    pace = Pace(0.1, rate=1.0)
    pace.begin(0.0)
    pace.done(0.11)
    pace.begin(100.0)
    assert pace.due_s == pytest.approx(100.1) and not pace.done(100.12)
    assert pace.factor == pytest.approx(0.1 / 0.12)
