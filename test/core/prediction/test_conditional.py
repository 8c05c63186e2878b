"""What agents do about the ego's plans, on encounters whose outcome is plain, and that they cannot see the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from encounters import START_NS, Straight, ask, brake, keep, plans_of, scene_with

from zoox_prediction.errors import InputError
from zoox_prediction.prediction.conditional import ConditionalConfig, answer_plans
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.reaction import ReactionConfig
from zoox_prediction.prediction.registry import create_predictor
from zoox_prediction.scene import AgentClass, CandidatePlans

CAR, PEDESTRIAN, CYCLIST = AgentClass.CAR, AgentClass.PEDESTRIAN, AgentClass.CYCLIST


@pytest.mark.parametrize(
    "agent",
    [(30.0, -25.0, 0.0, 8.0, CAR), (30.0, -5.0, 0.0, 1.4, PEDESTRIAN), (30.0, 15.0, 0.0, -4.5, CYCLIST)],
)
def test_who_crosses_yields_to_an_ego_that_goes_and_goes_when_it_stops(agent):
    scene = scene_with(agent)
    answer = ask(scene, plans_of(keep(8.0), brake(8.0, 2.0)))
    assert answer.yield_probability[0, 0] > 0.8
    assert answer.yield_probability[1, 0] < 0.1
    assert (answer.collision_probability < 0.05).all()
    assert answer.shift_m[0, 0] > 3 * answer.shift_m[1, 0]
    side = np.sign(agent[1])
    ego_passed = round((30.0 + 2.3) / 8.0 / 0.1)
    cautious = answer.predictions[0].position[0, answer.predictions[0].probability[0] > 0, ego_passed, 1]
    assert (side * cautious > 1.0).all()  # still on its own side when the ego is through
    assert (side * answer.predictions[0].position[0, :2, -1, 1] < agent[1] * side).all()


def test_without_a_reaction_the_crossing_would_be_a_collision():
    scene = scene_with((30.0, -25.0, 0.0, 8.0, CAR))
    plan = plans_of(keep(8.0))
    reacting = ask(scene, plan)
    blind = ask(scene, plan, ConditionalConfig(inattentive_share=0.999))
    assert reacting.collision_probability[0, 0] < 0.05
    assert blind.collision_probability[0, 0] > 0.3
    assert reacting.time_to_conflict_s[0, 0] == pytest.approx(2.8, abs=0.41)


def test_gap_acceptance_divides_drivers():
    """Between who is clearly first and who clearly is not, bold drivers go and cautious ones wait."""
    split = []
    for y in np.arange(-22.0, -6.0, 1.0):
        answer = ask(scene_with((30.0, y, 0.0, 8.0, CAR)), plans_of(keep(8.0)))
        split.append(answer.yield_probability[0, 0])
    assert split[0] > 0.7
    assert split[-1] < 0.1
    assert any(0.3 < each < 0.7 for each in split)


def test_car_behind_brakes_when_the_ego_brakes():
    scene = scene_with((-15.0, 0.0, 8.0, 0.0, CAR))
    answer = ask(scene, plans_of(keep(8.0), brake(8.0, 3.0), brake(8.0, 6.0)))
    predictions = answer.predictions
    assert (answer.collision_probability < 0.05).all()
    assert (answer.smallest_gap_m > 1.0).all()
    for plan in (1, 2):
        used = predictions[plan].probability[0] > 0
        assert (predictions[plan].speed[0, used, -1] < 0.5).all()
        assert (predictions[0].speed[0, used, -1] > 6.0).all()
    assert answer.yield_probability.min() > 0.8  # following is second on the ego's ground
    accelerations = np.diff(predictions[2].speed[0, 0]) / 0.1
    assert accelerations.min() > -9.0


def test_car_ahead_and_cars_on_other_lanes_do_not_move():
    scene = scene_with(
        (25.0, 0.0, 8.0, 0.0, CAR),  # ahead
        (0.0, 3.5, 8.0, 0.0, CAR),  # beside
        (80.0, 3.5, -8.0, 0.0, CAR),  # oncoming on the next lane
        (0.0, 60.0, 8.0, 0.0, CAR),  # parallel street
        (-300.0, 0.0, 8.0, 0.0, CAR),  # far behind
        (30.0, -300.0, 0.0, 8.0, CAR),  # comes to the crossing after the horizon
        (30.0, 10.0, 0.0, 8.0, CAR),  # leaves the crossing
    )
    answer = ask(scene, plans_of(keep(8.0), brake(8.0, 4.0)))
    assert (answer.shift_m == 0.0).all()
    assert (answer.yield_probability[:, 1:] == 0.0).all()
    assert (answer.yield_probability[:, 0] < 0.1).all()
    assert (answer.collision_probability < 1e-6).all()
    unconditional = Straight().predict(scene)
    for predictions in answer.predictions:
        np.testing.assert_array_equal(predictions.position[:, 0], unconditional.position[:, 0])
        np.testing.assert_array_equal(predictions.covariance, unconditional.covariance)


def test_driving_into_a_standing_car_is_a_collision():
    scene = scene_with((30.0, 0.0, 0.0, 0.0, CAR))
    answer = ask(scene, plans_of(keep(8.0), brake(8.0, 2.0)))
    assert answer.collision_probability[0, 0] > 0.999
    assert answer.smallest_gap_m[0, 0] == 0.0
    assert answer.yield_probability[0, 0] < 0.1
    assert answer.collision_probability[1, 0] < 1e-3
    # base_link at 16 m after the stop, discretised to 15.6; front 3.7 m ahead of it; the car's rear at 27.7 m
    assert answer.smallest_gap_m[1, 0] == pytest.approx(27.7 - 15.6 - 3.7, abs=1e-6)
    assert np.isinf(answer.time_to_conflict_s[1, 0])
    # the front reaches the rear after 24 m
    assert answer.time_to_conflict_s[0, 0] == pytest.approx(3.0, abs=0.41)


def test_oncoming_on_the_same_lane_brakes():
    answer = ask(scene_with((80.0, 0.0, -8.0, 0.0, CAR)), plans_of(brake(8.0, 2.0)))
    assert answer.collision_probability[0, 0] < 0.1
    assert answer.predictions[0].speed[0, 0, -1] < 4.0
    assert answer.smallest_gap_m[0, 0] > 1.0


@pytest.mark.parametrize("agree_s", [1.0, 3.0, 5.5])
def test_plans_that_agree_up_to_a_time_give_equal_predictions_up_to_it(agree_s):
    rng = np.random.default_rng(7)
    table = np.column_stack([rng.uniform(-30, 70, 40), rng.uniform(-40, 40, 40), rng.normal(0, 6, (40, 2))])
    scene = scene_with(*[(*row, AgentClass(i % 8)) for i, row in enumerate(table)])
    steps = round(agree_s / 0.1)
    first, second, third = keep(8.0), keep(8.0), keep(8.0)
    second[steps:] = 0.0
    third[steps:] = 14.0
    answer = ask(scene, plans_of(first, second, third))
    a = answer.predictions[0]
    for b in answer.predictions[1:]:
        for name in ("position", "yaw", "speed", "covariance"):
            np.testing.assert_allclose(getattr(a, name)[:, :, :steps], getattr(b, name)[:, :, :steps], atol=1e-9)
        np.testing.assert_array_equal(a.probability, b.probability)
        assert np.abs(a.position - b.position).max() > 0.05  # and they do differ later
    alone = ask(scene, plans_of(second))
    np.testing.assert_array_equal(alone.predictions[0].position, answer.predictions[1].position)


def test_steering_is_not_seen_before_it_happens():
    scene = scene_with((45.0, 40.0, 0.0, -8.0, CAR), (20.0, 30.0, 0.0, -6.0, CAR))
    straight = plans_of(keep(8.0))
    yaw = np.clip((np.arange(80) - 25) * 0.03, 0.0, np.pi / 2)
    position = np.cumsum(0.8 * np.stack([np.cos(yaw), np.sin(yaw)], axis=-1), axis=0)
    turning = replace(straight, position=position[None], yaw=yaw[None])
    a, b = ask(scene, straight).predictions[0], ask(scene, turning).predictions[0]
    np.testing.assert_allclose(a.position[:, :, :25], b.position[:, :, :25], atol=1e-9)


def test_plans_of_different_lengths_and_steps():
    scene = scene_with((30.0, -25.0, 0.0, 8.0, CAR))
    whole = ask(scene, plans_of(keep(8.0)))
    parts = ask(scene, plans_of(keep(8.0), keep(8.0), lengths=(80, 15)))
    np.testing.assert_array_equal(parts.predictions[0].position, whole.predictions[0].position)
    np.testing.assert_allclose(parts.predictions[1].position[:, :, :15], whole.predictions[0].position[:, :, :15])
    assert np.isinf(parts.time_to_conflict_s[1, 0])  # the plan ends before the crossing
    assert parts.smallest_gap_m[1, 0] > whole.smallest_gap_m[0, 0]
    coarse = ask(scene, plans_of(keep(8.0, steps=16), time_step_s=0.5))
    np.testing.assert_allclose(coarse.predictions[0].position, whole.predictions[0].position, atol=1e-6)


def test_long_plans_are_cut_at_the_horizon():
    scene = scene_with((30.0, -25.0, 0.0, 8.0, CAR))
    whole = ask(scene, plans_of(keep(8.0)))
    longer = ask(scene, plans_of(keep(8.0, steps=200)))
    np.testing.assert_array_equal(longer.predictions[0].position, whole.predictions[0].position)


def test_no_agents():
    answer = ask(scene_with(), plans_of(keep(8.0), keep(4.0)))
    assert len(answer.predictions) == 2
    assert answer.yield_probability.shape == answer.shift_m.shape == (2, 0)


def test_without_an_ego_the_plan_says_where_it_is():
    agent = (30.0, -25.0, 0.0, 8.0, CAR)
    seen = ask(scene_with(agent, ego_speed=8.0), plans_of(keep(8.0)))
    roadside = ask(scene_with(agent, ego_speed=None), plans_of(keep(8.0)))
    np.testing.assert_allclose(roadside.predictions[0].position, seen.predictions[0].position, atol=1e-9)


def spoiled(name, value, steps=slice(None)) -> CandidatePlans:
    plans = plans_of(keep(8.0), keep(8.0))
    array = np.array(getattr(plans, name))
    array[1, steps] = value
    return replace(plans, **{name: array})


@pytest.mark.parametrize(
    ("plans", "words"),
    [
        (spoiled("position", np.nan, slice(5, 6)), "plan 1 is not finite at step 5"),
        (spoiled("yaw", np.inf), "plan 1 is not finite at step 0"),
        (spoiled("speed", 300.0), "plan 1 has a speed of 300"),
        (spoiled("valid", False), "plan 1 has no steps"),
        (spoiled("valid", False, slice(3, 6)), "plan 1 has a hole before step 3"),
        (spoiled("position", 5000.0), "plan 1 starts 7"),
        (replace(plans_of(keep(8.0)), time_step_s=0.0), "time step"),
        (replace(plans_of(keep(8.0)), start_ns=START_NS - 20_000_000_000), "plan 0 is over 12.00 s before"),
        (replace(plans_of(keep(8.0)), start_ns=START_NS + 9_000_000_000), "start 9.10 s after"),
        (None, "no candidate plan"),
    ],
)
def test_plans_that_cannot_be_answered_are_named_in_one_sentence(plans, words):
    if plans is None:
        none = np.zeros((0, 80))
        plans = CandidatePlans(START_NS, 0.1, np.zeros((0, 80, 2)), none, none, none > 0)
    with pytest.raises(InputError) as caught:
        ask(scene_with((30.0, 0.0, 0.0, 0.0, CAR)), plans)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_padding_of_short_plans_may_hold_anything():
    plans = plans_of(keep(8.0), keep(8.0), lengths=(80, 20))
    plans.position[1, 20:] = np.nan
    plans.speed[1, 20:] = np.nan
    answer = ask(scene_with((30.0, -25.0, 0.0, 8.0, CAR)), plans)
    assert np.isfinite(answer.predictions[1].position).all()
    assert np.isfinite(answer.smallest_gap_m).all()


@pytest.mark.parametrize("name", ["heuristic_mixture", "constant_velocity", "lane_following"])
def test_every_answer_on_a_crowd_is_in_range(name):
    rng = np.random.default_rng(11)
    table = np.column_stack([rng.uniform(-60, 90, 64), rng.uniform(-50, 50, 64), rng.normal(0, 5, (64, 2))])
    scene = scene_with(*[(*row, AgentClass(i % 8)) for i, row in enumerate(table)])
    predictor = create_predictor(name, PredictionConfig())
    unconditional = predictor.predict(scene)
    answer = answer_plans(scene, plans_of(keep(8.0), brake(8.0, 2.0), keep(12.0)), predictor)
    for array in (answer.yield_probability, answer.collision_probability):
        assert ((array >= 0.0) & (array <= 1.0)).all()
    assert np.isfinite(answer.smallest_gap_m).all()
    assert (answer.smallest_gap_m >= 0.0).all()
    assert (answer.time_to_conflict_s >= 0.0).all()
    still = answer.shift_m == 0.0
    assert 5 < still[0].sum() < 64
    for plan, predictions in enumerate(answer.predictions):
        np.testing.assert_array_equal(predictions.ids, scene.agents.ids)
        np.testing.assert_allclose(predictions.probability.sum(axis=1), 1.0)
        for field in ("position", "yaw", "speed", "covariance"):
            assert np.isfinite(getattr(predictions, field)).all()
        used = unconditional.probability > 0.0
        rows = np.flatnonzero(still[plan])
        np.testing.assert_array_equal(predictions.position[rows][used[rows]], unconditional.position[rows][used[rows]])
        # what the columns that were free add are copies: the expected future of who does not react is as it was
        mean = (predictions.probability[..., None, None] * predictions.position).sum(axis=1)
        expected = (unconditional.probability[..., None, None] * unconditional.position).sum(axis=1)
        np.testing.assert_allclose(mean[rows], expected[rows], atol=1e-6)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ReactionConfig(time_headway_s=(1.0, 1.0)), "time_headway_s"),
        (lambda: ReactionConfig(max_deceleration_mps2=(1.0, 1.0, 0.0, 1.0)), "max_deceleration_mps2"),
        (lambda: ReactionConfig(lookahead_s=0.0), "lookahead_s"),
        (lambda: ConditionalConfig(inattentive_share=1.0), "inattentive_share"),
        (lambda: ConditionalConfig(interaction_range_m=-1.0), "interaction_range_m"),
    ],
)
def test_config_ranges(make, words):
    with pytest.raises(ValueError, match=words):
        make()
