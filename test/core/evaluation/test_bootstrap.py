"""Intervals over recordings, and comparisons on the same draws."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.evaluation.bootstrap import BootstrapConfig, rows_of_dataset
from zoox_prediction.evaluation.score_sums import MetricsConfig, ScoreSums, groups_of

METRICS = MetricsConfig(horizons_s=(1.0,), num_modes=(1,))


def _sums(*errors: float, agent_class: int = 0) -> ScoreSums:
    """A recording with agents of these final errors."""
    sums = ScoreSums(METRICS)
    groups = groups_of(np.full(len(errors), agent_class), None)
    sums.add(0, 0, groups, {"min_fde_m": np.array(errors), "min_ade_m": 0.5 * np.array(errors)})
    return sums


def _rows(predictors, **arguments):
    rows = rows_of_dataset(predictors, **arguments)
    return {(row["predictor"], row["agent_class"]): row for row in rows if row["subset"] is None}


def test_one_recording_has_no_interval_and_equal_ones_an_empty_one():
    row = _rows({"a": [_sums(1.0, 3.0)]}, heuristics=())["a", "all"]
    assert row["min_fde_m"] == 2.0
    assert row["interval"]["min_fde_m"] is None
    row = _rows({"a": [_sums(1.0, 3.0), _sums(2.0)]}, heuristics=())["a", "car"]
    assert row["recordings"] == 2
    assert row["interval"]["min_fde_m"] == [2.0, 2.0]
    assert row["interval"]["ece"] is None


def test_interval_of_many_recordings_is_that_of_the_mean():
    errors = np.random.default_rng(1).normal(10.0, 2.0, 100)
    row = _rows({"a": [_sums(each) for each in errors]}, heuristics=())["a", "all"]
    low, high = row["interval"]["min_fde_m"]
    half = 1.96 * errors.std() / 10.0
    assert low == pytest.approx(errors.mean() - half, abs=0.1)
    assert high == pytest.approx(errors.mean() + half, abs=0.1)
    narrower = _rows({"a": [_sums(e) for e in errors]}, heuristics=(), config=BootstrapConfig(confidence=0.5))
    assert narrower["a", "all"]["interval"]["min_fde_m"][0] > low


def test_agents_weigh_alike_unless_recordings_shall():
    sums = [_sums(1.0, 1.0, 1.0), _sums(5.0)]
    assert _rows({"a": sums}, heuristics=())["a", "all"]["min_fde_m"] == 2.0
    alike = _rows({"a": sums}, heuristics=(), each_alike=True)["a", "all"]
    assert alike["min_fde_m"] == 3.0
    assert alike["interval"]["min_fde_m"] == [1.0, 5.0]
    assert alike["n"] == 4
    other = _rows({"a": [_sums(1.0), _sums(5.0, agent_class=5)]}, heuristics=(), each_alike=True)
    assert other["a", "car"]["min_fde_m"] == 1.0, "a recording without a car says nothing about cars"


def test_comparison_is_paired_and_with_the_best_heuristic_there():
    hard = np.array([1.0, 10.0, 2.0, 30.0])
    predictors = {
        "learned": [_sums(0.5 * each) for each in hard],
        "good": [_sums(each) for each in hard],
        "bad": [_sums(each + 1.0) for each in hard],
    }
    rows = _rows(predictors, heuristics=("good", "bad"))
    found = rows["learned", "all"]["against_best"]["min_fde_m"]
    assert found["best"] == "good"
    assert found["ratio"] == pytest.approx([0.5, 0.5, 0.5])  # in every draw, however hard
    assert found["difference"][0] == pytest.approx(-0.5 * hard.mean())
    assert found["difference"][1] < found["difference"][0] < found["difference"][2] < 0.0
    assert rows["learned", "all"]["against_best"]["miss_rate"] is None
    assert "against_best" not in rows["good", "all"]


def test_the_same_seed_gives_the_same_rows():
    sums = [_sums(1.0), _sums(2.0), _sums(7.0)]
    first, second = (list(rows_of_dataset({"a": sums}, (), BootstrapConfig(seed=3))) for _ in range(2))
    assert first == second
    assert first != list(rows_of_dataset({"a": sums}, (), BootstrapConfig(seed=4, num_draws=7)))


@pytest.mark.parametrize("bad", [{"num_draws": 0}, {"confidence": 1.0}])
def test_config_refuses(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        BootstrapConfig(**bad)
