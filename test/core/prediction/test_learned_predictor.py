"""The learned predictor around a tiny network: features in, chosen and calibrated modes out, in the map frame."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_network import LOGITS, SPEED_SHARES, VARIANCES, write_network

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.benchmark_scenes import scene_on
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.prediction.calibration import MixtureCalibration
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.guarded import GuardConfig, GuardedPredictor
from zoox_prediction.prediction.learned import LearnedPredictor
from zoox_prediction.prediction.learned_config import LearnedConfig
from zoox_prediction.prediction.model_card import ModelCard
from zoox_prediction.prediction.registry import create_predictor
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.scene import AgentClass, Scene, Source, TrackedAgents

pytest.importorskip("onnxruntime")


def config(path: Path) -> PredictionConfig:
    return PredictionConfig(learned=LearnedConfig(weights=str(path)))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_network(tmp_path_factory.mktemp("weights") / "tiny.onnx")


@pytest.fixture(scope="module")
def predictor(weights: Path) -> LearnedPredictor:
    return LearnedPredictor(config(weights))


def one_car(yaw: float, speed: float = 10.0) -> Scene:
    """A car far from the map's origin, on no road, with a past."""
    times = np.arange(-20, 1) * 0.1
    ahead = np.array([np.cos(yaw), np.sin(yaw)])
    past = np.array([5e5, -3e5]) + speed * times[:, None] * ahead
    agents = TrackedAgents.from_states(
        7, np.array([3]), np.array([AgentClass.CAR]), past[-1:], np.array([yaw]), (speed * ahead)[None]
    )
    shape = (1, len(times))
    velocity = np.broadcast_to(speed * ahead, (*shape, 2))
    return Scene(7, agents, past[None], np.full(shape, yaw), velocity, np.ones(shape, dtype=bool))


@pytest.mark.parametrize("yaw", [0.0, 2.5, -1.2])
def test_modes_are_turned_into_the_map(predictor, yaw):
    scene = one_car(yaw)
    predictions = predictor.predict(scene)
    ahead, left = np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])
    assert predictions.ids.tolist() == [3] and predictions.stamp_ns == 7
    way = predictions.position[0, 0, -1] - scene.agents.position[0, :2]
    assert way @ ahead == pytest.approx(80.0, abs=0.1)
    assert way @ left == pytest.approx(0.0, abs=0.1)
    np.testing.assert_allclose(predictions.yaw[0, 0], yaw, atol=1e-4)
    np.testing.assert_allclose(predictions.speed[0, 0], 10.0, atol=1e-2)
    covariance = predictions.covariance[0, 0, 0]
    seen = [ahead @ covariance @ ahead, ahead @ covariance @ left, left @ covariance @ left]
    np.testing.assert_allclose(seen, VARIANCES, atol=1e-3)
    np.testing.assert_array_equal(covariance, covariance.T)


def test_styles_are_modes_with_the_network_s_probabilities(predictor):
    predictions = predictor.predict(one_car(0.3))
    used = predictions.probability[0] > 0.0
    expected = np.exp(LOGITS) / np.exp(LOGITS).sum()
    np.testing.assert_allclose(predictions.probability[0, used], expected, rtol=1e-5)
    np.testing.assert_allclose(predictions.speed[0, used, 0] / predictions.speed[0, 0, 0], SPEED_SHARES, rtol=1e-5)


def test_every_agent_of_a_town_is_answered(predictor):
    scene = scene_on(town(), 40)
    predictions = predictor.predict(scene)
    np.testing.assert_array_equal(predictions.ids, scene.agents.ids)
    assert predictions.position.shape == (40, 6, 80, 2)
    np.testing.assert_allclose(predictions.probability.sum(axis=1), 1.0)
    assert (predictions.source == Source.LEARNED).all()
    assert (predictions.predictor_name, predictions.predictor_version) == ("learned", "tiny-1")
    guarded = GuardedPredictor(predictor, GuardConfig(deadline_s=0.0))
    assert (guarded.predict(scene).source == Source.LEARNED).all()
    assert guarded.problems == ()


def test_nobody_is_no_prediction(predictor):
    scene = scene_on(RoadNetwork(), 1)
    nobody = replace(
        scene,
        agents=TrackedAgents.empty(5),
        **{name: getattr(scene, name)[:0] for name in ("past_position", "past_yaw", "past_velocity", "past_valid")},
    )
    predictions = GuardedPredictor(predictor, GuardConfig(deadline_s=0.0)).predict(nobody)
    assert predictions.position.shape == (0, 6, 80, 2)


def test_the_calibration_of_the_weights_is_applied(tmp_path, predictor):
    groups = len(Group)
    calibration = MixtureCalibration(np.full(groups, 2.0), np.array([0.1, 8.0]), np.full((groups, 2), 9.0))
    calibrated = LearnedPredictor(
        config(write_network(tmp_path / "calibrated.onnx", ModelCard(version="2", calibration=calibration)))
    )
    before, after = predictor.predict(one_car(0.0)), calibrated.predict(one_car(0.0))
    np.testing.assert_allclose(after.covariance, 9.0 * before.covariance)
    flatter = np.sqrt(before.probability)
    np.testing.assert_allclose(after.probability, flatter / flatter.sum(axis=1, keepdims=True), atol=1e-6)


def test_a_network_that_is_not_finite_is_replaced_by_the_guard(tmp_path):
    broken = LearnedPredictor(config(write_network(tmp_path / "nan.onnx", logits=(np.nan, 0.0, 0.0))))
    guarded = GuardedPredictor(broken, GuardConfig(deadline_s=0.0), create_predictor("heuristic_mixture"))
    predictions = guarded.predict(one_car(0.0))
    assert (predictions.source == Source.HEURISTIC_FALLBACK).all()
    assert "heuristic mixture stands in" in guarded.problems[0]


def test_another_raster_than_the_weights_were_trained_on_is_refused(weights):
    other = replace(config(weights), raster=RasterConfig(size_px=128))
    with pytest.raises(InputError, match=r"weights .*tiny\.onnx: .*raster\.size_px 256, this version has 128"):
        LearnedPredictor(other)


def test_a_name_may_carry_the_weights(weights):
    assert create_predictor(f"learned:{weights}").version == "tiny-1"


def test_two_maps_predictors_answer_at_the_same_time(weights):
    scenes = [scene_on(town(1), 20), scene_on(town(2), 30)]
    expected = [LearnedPredictor(config(weights)).predict(scene).position for scene in scenes]
    found: dict[int, list[np.ndarray]] = {0: [], 1: []}

    def work(index: int) -> None:
        mine = LearnedPredictor(config(weights))
        found[index] = [mine.predict(scenes[index]).position for _ in range(5)]

    threads = [threading.Thread(target=work, args=(index,)) for index in found]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for index, answers in found.items():
        assert len(answers) == 5
        for answer in answers:
            np.testing.assert_array_equal(answer, expected[index])
