"""Which scenes are the best, the median and the worst."""

from __future__ import annotations

import pytest
from made_up import ConstantVelocity, frames

from zoox_prediction.evaluation.evaluation_run import evaluate_recording
from zoox_prediction.evaluation.protocol import ProtocolConfig
from zoox_prediction.evaluation.scene_errors import SceneError, ranked_scenes
from zoox_prediction.evaluation.score_report import scene_rows
from zoox_prediction.recording.log import RecordedLog


def _error(error: float, at_s: float = 1.0, predictor: str = "a") -> SceneError:
    return SceneError(predictor, at_s, error, 4, 7, 2.0 * error)


def test_ranks_and_no_recording_twice_while_others_are_left():
    recordings = [
        ("one", [_error(1.0), _error(9.0, 2.0), _error(8.0, 3.0), _error(0.0, predictor="b")]),
        ("two", [_error(5.0), _error(4.0, 2.0)]),
    ]
    (best, middle, worst) = ranked_scenes(recordings, "a")
    assert [best["min_fde_m"], middle["min_fde_m"], worst["min_fde_m"]] == [1.0, 5.0, 9.0]
    assert worst == {
        "predictor": "a",
        "rank": "worst",
        "recording": "one",
        "at_s": 2.0,
        "min_fde_m": 9.0,
        "num_agents": 4,
        "worst_agent": 7,
        "worst_m": 18.0,
    }
    pairs = ranked_scenes(recordings, "a", count=2)
    assert [each["min_fde_m"] for each in pairs if each["rank"] == "worst"] == [9.0, 5.0]
    assert [each["min_fde_m"] for each in pairs if each["rank"] == "best"] == [1.0, 4.0]
    assert len(ranked_scenes(recordings, "a", count=9)) == 15
    assert ranked_scenes(recordings, "nobody") == []


def _crowd(path):
    """Three cars side by side, which all drive along `path`."""
    found = []
    for frame in frames(12.0, path=path):
        car = frame.select(frame.ids == 7)
        copies = [car, car, car]
        found.append(
            type(car).from_states(
                car.stamp_ns,
                [11, 12, 13],
                [0, 0, 0],
                [each.position[0] + [0.0, 5.0 * index, 0.0] for index, each in enumerate(copies)],
                [0.0, 0.0, 0.0],
                [each.velocity[0] for each in copies],
            )
        )
    return tuple(found)


def test_errors_are_at_the_longest_horizon_of_those_who_move():
    log = RecordedLog("drive", "made-up", _crowd(lambda t: min(10.0 * t, 40.0)), ())
    scores = evaluate_recording(log, {"cv": ConstantVelocity()}, ProtocolConfig())
    # From 3 s on they would move 10 m in truth and are said to move 80; from 4 s on they stand.
    assert [(each.at_s, each.num_agents) for each in scores.scenes] == [(1.0, 3), (2.0, 3), (3.0, 3)]
    assert [each.min_fde_m for each in scores.scenes] == pytest.approx([50.0, 60.0, 70.0], abs=0.2)
    assert [row["at_s"] for row in scene_rows([scores], ["cv"])] == [1.0, 2.0, 3.0]


def test_a_scene_with_few_agents_that_move_is_left_out():
    log = RecordedLog("drive", "made-up", frames(12.0), ())
    assert evaluate_recording(log, {"cv": ConstantVelocity()}, ProtocolConfig()).scenes == ()
