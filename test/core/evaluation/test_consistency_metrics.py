"""How far the likeliest mode moves, and when it counts as another one, on modes known by heart."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from made_up import ConstantVelocity, frames, recording

from zoox_prediction.cli import main
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.consistency_metrics import ComparisonConfig, ConsistencySums, top_mode_change
from zoox_prediction.evaluation.consistency_run import measure_log
from zoox_prediction.recording.convert import write_recording
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.scene import PredictedTrajectories

CONFIG = ComparisonConfig(horizon_s=2.0)
FRAME_NS = 100_000_000


def frame(number: int, speeds: list[float], probability: list[float], ids: tuple[int, ...] = (1,)):
    """Modes along x at `speeds` from the place that 10 m/s lead to."""
    times = (np.arange(40) + 1) * 0.1
    x = number + np.asarray(speeds)[:, None] * times
    count, modes = len(ids), len(speeds)
    position = np.broadcast_to(np.stack([x, 0.0 * x], axis=-1), (count, modes, 40, 2)).copy()
    shape = (count, modes, 40)
    return PredictedTrajectories(
        stamp_ns=number * FRAME_NS,
        time_step_s=0.1,
        ids=np.asarray(ids),
        agent_class=np.zeros(count, dtype=np.int64),
        probability=np.tile(probability, (count, 1)),
        position=position,
        yaw=np.zeros(shape),
        speed=np.zeros(shape),
        covariance=np.zeros((*shape, 2, 2)),
        source=np.zeros(count, dtype=np.uint8),
    )


def test_who_goes_on_as_was_said_has_not_moved():
    rows, moved, flipped = top_mode_change(frame(0, [10.0, 0.0], [0.7, 0.3]), frame(1, [10.0, 1.0], [0.7, 0.3]), CONFIG)
    assert rows.tolist() == [0]
    assert moved == pytest.approx([0.0])
    assert not flipped.any()


def test_the_likeliest_mode_moves_by_its_change_of_speed():
    _, moved, flipped = top_mode_change(frame(0, [10.0, 0.0], [0.7, 0.3]), frame(1, [12.0, 0.0], [0.7, 0.3]), CONFIG)
    assert moved == pytest.approx([2.0 * 1.9])  # 1.9 s ahead of the later frame
    assert not flipped.any()  # still the nearest to what it was


def test_another_mode_that_becomes_the_likeliest_is_a_flip_in_whatever_column():
    before = frame(0, [10.0, 0.0], [0.6, 0.4])
    for now in (frame(1, [10.0, -0.5], [0.4, 0.6]), frame(1, [-0.5, 10.0], [0.6, 0.4])):
        _, moved, flipped = top_mode_change(before, now, CONFIG)
        assert flipped.all()
        assert moved == pytest.approx([20.0 - 1.0 + 0.5 * 1.9])
    same, swapped = frame(1, [10.0, 0.0], [0.6, 0.4]), frame(1, [0.0, 10.0], [0.4, 0.6])
    for now in (same, swapped):
        assert not top_mode_change(before, now, CONFIG)[2].any()


def test_modes_a_step_apart_and_modes_not_in_use_are_no_flips():
    near = top_mode_change(frame(0, [10.0, 10.2], [0.6, 0.4]), frame(1, [10.0, 10.2], [0.4, 0.6]), CONFIG)
    assert near[1] == pytest.approx([0.4], abs=0.05) and not near[2].any()
    unused = top_mode_change(frame(0, [10.0, 0.0], [1.0, 0.0]), frame(1, [0.0], [1.0]), CONFIG)
    assert unused[1] == pytest.approx([19.0]) and not unused[2].any()


def test_agents_are_compared_with_themselves_and_only_those_of_both_frames():
    before, now = frame(0, [10.0], [1.0], ids=(5, 3, 9)), frame(1, [10.0], [1.0], ids=(9, 4, 5))
    now.position[2] += 3.0
    rows, moved, _ = top_mode_change(before, now, CONFIG)
    assert dict(zip(now.ids[rows].tolist(), moved.round(6).tolist(), strict=True)) == {
        5: round(np.hypot(3, 3), 6),
        9: 0,
    }


def test_only_frames_an_interval_apart_are_pairs():
    sums = ConsistencySums(CONFIG)
    sums.add_pair(frame(0, [10.0], [1.0]), frame(3, [10.0], [1.0]), np.array([True]))
    assert sums.rows()[0]["pairs"] == 0 and sums.rows()[0]["flip_rate"] is None
    sums.add_pair(frame(0, [10.0], [1.0], ids=(1, 2)), frame(1, [11.0], [1.0], ids=(1, 2)), np.array([True, False]))
    every, moving = sums.rows()
    assert (every["agents"], every["pairs"], moving["pairs"]) == ("all", 2, 1)
    assert every["moved_median_m"] == pytest.approx(1.9)


def test_errors_are_those_at_the_horizon_where_the_truth_is_known():
    sums = ConsistencySums(CONFIG)
    truth, valid = np.array([[18.0, 0.0], [0.0, 0.0]]), np.array([True, False])
    sums.add_truth(frame(0, [10.0, 8.0], [0.6, 0.4], ids=(1, 2)), truth, valid, np.array([True, True]))
    row = sums.rows()[0]
    assert (row["fde_1_m"], row["min_fde_m"]) == pytest.approx((2.0, 2.0))
    sums.add_truth(frame(0, [10.0, 8.0], [0.6, 0.4]), np.array([[16.0, 0.0]]), valid[:1], np.array([True]))
    assert (sums.rows()[0]["fde_1_m"], sums.rows()[0]["min_fde_m"]) == pytest.approx((3.0, 1.0))
    assert sums.rows()[0]["brier_min_fde_m"] == pytest.approx(1.0 + 0.5 * (0.4**2 + 0.6**2))


def test_a_horizon_beyond_the_predictions_is_told():
    with pytest.raises(ValueError, match="say nothing about 6 s"):
        top_mode_change(frame(0, [1.0], [1.0]), frame(1, [1.0], [1.0]), ComparisonConfig(horizon_s=6.0))


def recorded(duration_s: float) -> RecordedLog:
    return RecordedLog("test", "made-up", frames(duration_s=duration_s), ())


class Flickering(ConstantVelocity):
    """Goes straight on or stands, and says the other likelier in every scene."""

    def predict(self, scene):
        one = super().predict(scene)
        now = np.broadcast_to(scene.agents.position[:, None, None, :2], one.position.shape)
        probability = [0.52, 0.48] if len(self.seen) % 2 else [0.48, 0.52]
        return replace(
            one,
            position=np.concatenate([one.position, now], axis=1),
            probability=np.tile(probability, (len(scene), 1)),
            **{name: np.repeat(getattr(one, name), 2, axis=1) for name in ("yaw", "speed", "covariance")},
        )


def test_a_flickering_predictor_is_found_out_and_steadied():
    sums = measure_log(recorded(4.0), {"flickering": Flickering()}, ComparisonConfig(horizon_s=2.0))
    raw, steady = (sums["flickering", smooth].rows()[1] for smooth in (False, True))
    assert raw["pairs"] == steady["pairs"] > 20
    assert raw["flip_rate"] == pytest.approx(1.0)
    assert steady["flip_rate"] == 0.0
    assert steady["min_fde_m"] == pytest.approx(raw["min_fde_m"]) == pytest.approx(0.0, abs=1e-6)


def test_a_predictor_that_is_too_short_is_named():
    with pytest.raises(InputError, match="predictor 'short': predictions of 1 s say nothing about 5 s"):
        measure_log(recorded(3.0), {"short": ConstantVelocity(horizon_s=1.0)})


def test_the_command_prints_and_writes_both(tmp_path, capsys):
    bag, out = tmp_path / "test.bag", tmp_path / "steady.json"
    write_recording(recording(duration_s=7.0), bag)
    command = ["evaluate", "--recordings", str(bag), "--predictor", "constant_velocity", "--consistency"]
    assert main([*command, "--json", str(out)]) == 0
    assert "made consistent" in capsys.readouterr().out
    document = json.loads(out.read_text())
    assert {(row["agents"], row["consistent"]) for row in document["rows"]} == {
        (agents, consistent) for agents in ("all", "moving") for consistent in (False, True)
    }
    for row in document["rows"]:
        assert row["dataset"] == "made-up" and row["pairs"] > 0
        assert row["moved_median_m"] == pytest.approx(0.0, abs=1e-3) and row["flip_rate"] == 0.0
