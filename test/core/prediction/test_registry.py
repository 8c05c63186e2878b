"""Predictors by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.benchmark_scenes import scene_on
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.prediction import network_runtime
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.learned_config import LearnedConfig
from zoox_prediction.prediction.registry import (
    LEARNED,
    PREDICTORS,
    create_predictor,
    create_usable_predictor,
    usable_predictors,
)
from zoox_prediction.scene import Source


@pytest.mark.parametrize("name", sorted(PREDICTORS))
def test_every_predictor_is_made_with_its_name_and_a_version(name):
    predictor = create_predictor(name, PredictionConfig())
    assert predictor.name == name
    assert predictor.version


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lane_folowing", "did you mean 'lane_following'?"),
        ("lerned", "did you mean 'learned'?"),
        ("zebra", "known are constant_turn_rate_acceleration, "),
    ],
)
def test_unknown_names_are_answered_with_the_nearest_one(name, words):
    with pytest.raises(InputError) as caught:
        create_predictor(name)
    assert f"unknown predictor '{name}', " in str(caught.value)
    assert words in str(caught.value)


def test_the_registry_itself_imports_no_predictor():
    code = (
        "import sys, zoox_prediction.prediction.registry as registry;"
        "modules = [*(module for module, _ in registry.PREDICTORS.values()), registry._LEARNED_MODULE, 'onnxruntime'];"
        "loaded = [module for module in modules if module in sys.modules];"
        "sys.exit(str(loaded) if loaded else 0)"
    )
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def test_weights_that_cannot_be_used_are_named_and_replaced_by_heuristics(tmp_path):
    missing = PredictionConfig(learned=LearnedConfig(weights=str(tmp_path / "gone.onnx")))
    for name in (LEARNED, f"{LEARNED}:{tmp_path / 'gone.onnx'}"):
        with pytest.raises(InputError, match=r"gone\.onnx: there is no such file"):
            create_predictor(name, missing)
        predictor, problem = create_usable_predictor(name, missing)
        assert predictor.name == "heuristic_mixture"
        assert "gone.onnx" in problem and "heuristic_mixture predicts instead" in problem
        scene = scene_on(RoadNetwork(), 3)
        assert (predictor.predict(scene).source == Source.HEURISTIC_FALLBACK).all()


def test_an_unknown_name_is_not_replaced():
    with pytest.raises(InputError):
        create_usable_predictor("zebra", PredictionConfig())
    assert create_usable_predictor("lane_following", PredictionConfig())[1] == ""


def test_the_learned_predictor_is_usable_where_its_weights_are(tmp_path, monkeypatch):
    monkeypatch.setattr(network_runtime, "_WEIGHTS", tmp_path)
    assert usable_predictors() == tuple(PREDICTORS)
    (tmp_path / "default.onnx").touch()
    assert usable_predictors() == (*PREDICTORS, LEARNED)
