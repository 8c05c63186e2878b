"""What every heuristic predictor promises, whatever the scene: shapes, finiteness, probabilities, covariances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from baseline_scenes import make_scene, town

from zoox_prediction.models.baselines.calibrate import PREDICTORS
from zoox_prediction.models.baselines.mixture import HeuristicMixture
from zoox_prediction.scene import NUM_CLASSES, Scene


def crowd(count: int, seed: int = 0, road=None) -> Scene:
    random = np.random.default_rng(seed)
    return make_scene(
        np.stack([random.uniform(-100, 100, count), random.normal(0.0, 4.0, count)], axis=1),
        random.uniform(-np.pi, np.pi, count) * (random.random(count) < 0.5),
        random.uniform(0.0, 15.0, count) * (random.random(count) < 0.6),
        random.integers(0, NUM_CLASSES, count),
        turn_rate=random.normal(0.0, 0.1, count),
        road_network=town() if road is None else road,
    )


def permuted(scene: Scene, order) -> Scene:
    rows = {name: getattr(scene, name)[order] for name in ("past_position", "past_yaw", "past_velocity", "past_valid")}
    return replace(scene, agents=scene.agents.select(order), **rows)


def assert_sound(prediction, scene):
    count = len(scene)
    assert prediction.position.shape == (count, 6, 80, 2)
    assert prediction.covariance.shape == (count, 6, 80, 2, 2)
    for name in ("probability", "position", "yaw", "speed", "covariance"):
        assert np.isfinite(getattr(prediction, name)).all(), name
    np.testing.assert_allclose(prediction.probability.sum(axis=1), 1.0, rtol=0, atol=1e-12)
    assert (prediction.probability >= 0.0).all() and (prediction.speed >= 0.0).all()
    assert (np.abs(prediction.yaw) <= np.pi + 1e-9).all()
    np.testing.assert_array_equal(prediction.ids, scene.agents.ids)


@pytest.mark.parametrize("predictor", PREDICTORS, ids=lambda each: each.name)
@pytest.mark.parametrize("count", [0, 1, 40])
def test_every_agent_of_every_class_gets_a_sound_prediction(predictor, count):
    scene = crowd(count)
    assert_sound(predictor().predict(scene), scene)


@pytest.mark.parametrize("predictor", PREDICTORS, ids=lambda each: each.name)
def test_hostile_agents_get_a_sound_prediction(predictor):
    scene = crowd(8)
    agents = scene.agents
    agents.velocity[0] = 200.0
    agents.velocity[1] = np.nan
    agents.size[2] = 0.0
    agents.yaw[3] = np.nan
    agents.position[4] = 1e12
    scene.past_position[5, :-1] = np.inf
    scene.past_valid[6, :-1] = False
    agents.size[7] = np.nan
    assert_sound(predictor().predict(scene), scene)


def test_five_hundred_agents_in_one_spot_get_sound_predictions():
    scene = crowd(500)
    assert_sound(HeuristicMixture().predict(scene), scene)


def test_a_past_of_one_step_is_enough():
    scene = crowd(10)
    last = {name: getattr(scene, name)[:, -1:] for name in ("past_position", "past_yaw", "past_velocity", "past_valid")}
    scene = replace(scene, **last)
    assert_sound(HeuristicMixture().predict(scene), scene)


def test_covariances_are_positive_definite_and_grow_with_the_horizon():
    prediction = HeuristicMixture().predict(crowd(60))
    smallest = np.linalg.eigvalsh(prediction.covariance)[..., 0]
    assert smallest.min() >= 0.99e-4
    trace = np.trace(prediction.covariance, axis1=-2, axis2=-1)
    assert (trace[..., -1] > trace[..., 0]).all()


def test_the_covariance_is_longest_along_a_cars_way():
    prediction = HeuristicMixture().predict(make_scene([[-80.0, 0.0]], 0.0, 10.0, road_network=town()))
    best = prediction.probability[0].argmax()
    covariance = prediction.covariance[0, best, 40]
    assert covariance[0, 0] > 2.0 * covariance[1, 1]


@pytest.mark.parametrize("predictor", PREDICTORS, ids=lambda each: each.name)
def test_the_order_of_the_agents_does_not_matter(predictor):
    scene = crowd(30, seed=3)
    order = np.random.default_rng(5).permutation(30)
    one = predictor().predict(scene)
    other = predictor().predict(permuted(scene, order))
    np.testing.assert_array_equal(other.ids, one.ids[order])
    np.testing.assert_allclose(other.position, one.position[order], atol=1e-6)
    np.testing.assert_allclose(other.probability, one.probability[order], atol=1e-9)


def test_modes_differ_and_cover_turning_slowing_and_stopping():
    prediction = HeuristicMixture().predict(make_scene([[-45.0, 0.0]], 0.0, 9.0, road_network=town()))
    used = prediction.probability[0] > 0.0
    ends = prediction.position[0, used, -1]
    assert used.sum() >= 5
    apart = np.hypot(*(ends[:, None] - ends[None]).transpose(2, 0, 1))[~np.eye(len(ends), dtype=bool)]
    middles = prediction.position[0, used, 29]
    apart_before = np.hypot(*(middles[:, None] - middles[None]).transpose(2, 0, 1))[~np.eye(len(ends), dtype=bool)]
    assert np.maximum(apart, apart_before).min() > 1.5
    assert np.any(ends[:, 1] > 10.0), "one mode turns left"


def test_a_parked_car_mostly_stands():
    prediction = HeuristicMixture().predict(make_scene([[-45.0, 9.0]], 0.0, 0.0, road_network=town()))
    still = np.hypot(*(prediction.position[0, :, -1] - [-45.0, 9.0]).T) < 0.5
    assert prediction.probability[0, still].sum() > 0.8
