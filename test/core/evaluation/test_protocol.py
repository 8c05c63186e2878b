"""Which scenes and agents are scored, and that no predictor is shown the future."""

from dataclasses import replace

import numpy as np
import pytest
from made_up import START_NS, ConstantVelocity, frames

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation import eth_ucy
from zoox_prediction.evaluation.protocol import ProtocolConfig, evaluate_log, scenes, truth_of
from zoox_prediction.evaluation.score_sums import MetricsConfig
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.looking_back import observed_only
from zoox_prediction.scene import EgoState


def _log(duration_s=12.0, step_s=0.1, ego=False, dataset="made-up", **arguments):
    """The made-up recording, with an ego that follows the car at 10 m/s, 20 m behind, when asked for."""
    agents = frames(duration_s, step_s, **arguments)
    stamps = [frame.stamp_ns for frame in agents] if ego else []
    egos = [
        EgoState(stamp, np.array([-20.0 + 1e-8 * (stamp - START_NS), 0.0]), 0.0, np.array([10.0, 0.0]))
        for stamp in stamps
    ]
    return RecordedLog("test", dataset, agents, tuple(egos))


def _rows(sums):
    return {(row["agent_class"], row["k"], row["horizon_s"]): row for row in sums.rows() if row["subset"] is None}


def test_scenes_are_every_second_while_there_is_truth():
    stamps = [(scene.stamp_ns - START_NS) * 1e-9 for scene in scenes(_log(5.0), ProtocolConfig())]
    assert stamps == pytest.approx([1.0, 2.0, 3.0, 4.0])
    stamps = [(s.stamp_ns - START_NS) * 1e-9 for s in scenes(_log(4.0), ProtocolConfig(start_s=0.5, interval_s=1.5))]
    assert stamps == pytest.approx([0.5, 2.0])


def test_a_scene_knows_nothing_later_than_its_stamp():
    log = _log(6.0, ego=True, path=lambda t: 10.0 * t if t <= 3.0 else 30.0)
    for scene in scenes(log, ProtocolConfig()):
        cut = replace(
            log,
            agents=tuple(each for each in log.agents if each.stamp_ns <= scene.stamp_ns),
            ego=tuple(each for each in log.ego if each.stamp_ns <= scene.stamp_ns),
        )
        config = ProtocolConfig(start_s=(scene.stamp_ns - START_NS) * 1e-9, metrics=MetricsConfig(horizons_s=(0.5,)))
        shown = next(iter(scenes(replace(cut, agents=(*cut.agents, log.agents[-1])), config)))
        np.testing.assert_array_equal(shown.past_position, scene.past_position)
        np.testing.assert_array_equal(shown.ego_past, scene.ego_past)


def test_scores_of_a_predictor_that_is_right():
    predictor = ConstantVelocity()
    sums = evaluate_log(_log(12.0), {"right": predictor}, ProtocolConfig())["right"]
    rows = _rows(sums)
    # 12 s: scenes at 1 ... 11 s have a truth at 1 s, those at 1 ... 4 s one at 8 s; two agents in each.
    assert [rows["all", 1, horizon]["n"] for horizon in (1.0, 3.0, 5.0, 8.0)] == [22, 18, 14, 8]
    assert all(row["min_fde_m"] == pytest.approx(0.0, abs=1e-6) for row in rows.values())
    assert all(row["miss_rate"] == 0.0 for row in rows.values())
    assert len(predictor.seen) == 11


def test_a_truth_that_brakes_is_missed_by_the_right_amount():
    # From 3 s on the car stands at x = 30: from 2 s constant velocity is 70 m off after 8 s.
    sums = evaluate_log(
        _log(10.0, path=lambda t: min(10.0 * t, 30.0)), {"cv": ConstantVelocity()}, ProtocolConfig(start_s=2.0)
    )
    row = _rows(sums["cv"])["car", 1, 8.0]
    assert row["n"] == 1
    assert row["min_fde_m"] == pytest.approx(70.0, abs=1e-6)
    assert row["min_ade_m"] == pytest.approx(np.mean(np.maximum(np.arange(1, 81) - 10, 0)), abs=1e-6)


def test_agents_need_a_past_and_a_truth():
    late = _log(12.0, seen=lambda agent, t: agent == 8 or 0.55 < t < 4.05)  # the car from 0.6 to 4.0 s
    rows = _rows(evaluate_log(late, {"cv": ConstantVelocity()}, ProtocolConfig())["cv"])
    assert rows["car", 1, 1.0]["n"] == 2  # from 2 and 3 s: at 1 s its past is too short, from 4 s it has no truth
    assert ("car", 1, 3.0) not in rows


def test_progress_ends_at_1():
    told = []
    evaluate_log(_log(4.0), {}, ProtocolConfig(), told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert evaluate_log(replace(_log(4.0), agents=()), {"cv": ConstantVelocity()})["cv"].count.sum() == 0


def test_the_ego_is_in_the_way_but_not_scored():
    config = ProtocolConfig()
    log = _log(12.0, ego=True)
    scene = next(iter(scenes(log, config)))
    truth = truth_of(log, scene, np.arange(2), config)
    assert len(truth.position) == 2
    assert len(truth.other_position) == 3
    # The box's centre is ahead of base_link; 1 s + 0.1 s after the start base_link is at x = -9.
    np.testing.assert_allclose(truth.other_position[2, 0], [-9.0 + log.ego_center_offset_m, 0.0], atol=1e-9)
    assert truth.other_valid[2].all()
    # The ego, 20 m behind, overlaps a car that is predicted to stand but truly drives on at its speed.
    still = ConstantVelocity()
    still_predict = still.predict
    still.predict = lambda scene: replace(
        still_predict(replace(scene, agents=replace(scene.agents, velocity=0.0 * scene.agents.velocity)))
    )
    rows = _rows(evaluate_log(log, {"still": still}, config)["still"])
    assert rows["car", 1, 3.0]["overlap_rate"] == 1.0
    assert rows["car", 1, 1.0]["overlap_rate"] == 0.0
    assert rows["pedestrian", 1, 8.0]["overlap_rate"] == 0.0


@pytest.mark.parametrize(
    ("predictor", "says"),
    [
        (ConstantVelocity(horizon_s=6.0), "predicts 6 s"),
        (ConstantVelocity(time_step_s=0.25), "steps of 0.25 s"),
        (ConstantVelocity(spoil=1), "not finite for agent 8"),
    ],
)
def test_an_answer_that_cannot_be_scored_is_named(predictor, says):
    with pytest.raises(InputError, match=f"predictor 'odd'.*{says}"):
        evaluate_log(_log(12.0), {"odd": predictor}, ProtocolConfig())


def test_a_predictor_must_answer_for_everybody():
    predictor = ConstantVelocity()
    answer = predictor.predict
    predictor.predict = lambda scene: replace(answer(scene), ids=scene.agents.ids[::-1])
    with pytest.raises(InputError, match="did not answer for the agents"):
        evaluate_log(_log(12.0), {"odd": predictor}, ProtocolConfig())


@pytest.mark.parametrize("bad", [{"interval_s": 0.0}, {"min_past_s": 9.0}, {"time_step_s": 0.3}])
def test_config_refuses(bad):
    with pytest.raises(ValueError, match=r"interval_s|min_past_s|multiple"):
        ProtocolConfig(**bad)


def test_eth_ucy_takes_every_window_of_20_steps():
    # 25 steps of 0.4 s: windows start at steps 0 ... 5. The car is missing in step 10, so it has no whole window.
    log = _log(24 * 0.4, 0.4, seen=lambda agent, t: agent == 8 or abs(t - 4.0) > 0.1, dataset="eth-ucy")
    config = eth_ucy.protocol_config()
    rows = _rows(evaluate_log(observed_only(log), {"cv": ConstantVelocity()}, config)["cv"])
    assert rows["all", 1, 4.8]["n"] == 6
    assert rows["pedestrian", 6, 4.8]["min_ade_m"] == pytest.approx(0.0, abs=1e-6)


def test_eth_ucy_velocity_is_the_last_observed_displacement():
    # The car turns from 10 m/s to standing at 4.0 s; the recorded velocity there already knows about it.
    log = _log(24 * 0.4, 0.4, path=lambda t: 10.0 * min(t, 4.0), dataset="eth-ucy")
    frame = observed_only(log).agents[10]
    np.testing.assert_allclose(frame.velocity[0], [10.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(log.agents[10].velocity[0], [5.0, 0.0], atol=1e-6)
    assert frame.yaw[1] == pytest.approx(np.pi / 2)


def test_eth_ucy_velocity_of_who_has_just_come_is_none():
    log = _log(8 * 0.4, 0.4, path=lambda t: 10.0 * t, dataset="eth-ucy")
    frames = list(log.agents)
    frames[3] = frames[3].select(np.array([1]))  # the first agent is away for a frame
    looked_back = observed_only(replace(log, agents=tuple(frames))).agents
    np.testing.assert_array_equal(looked_back[0].velocity, 0.0)
    np.testing.assert_array_equal(looked_back[4].velocity[0], 0.0)
    np.testing.assert_allclose(looked_back[5].velocity[0], [10.0, 0.0], atol=1e-9)
