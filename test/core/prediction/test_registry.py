"""Predictors by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from zoox_prediction.errors import InputError
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.registry import PREDICTORS, create_predictor


@pytest.mark.parametrize("name", sorted(PREDICTORS))
def test_every_predictor_is_made_with_its_name_and_a_version(name):
    predictor = create_predictor(name, PredictionConfig())
    assert predictor.name == name
    assert predictor.version


@pytest.mark.parametrize(
    ("name", "words"),
    [("lane_folowing", "did you mean 'lane_following'?"), ("zebra", "known are constant_turn_rate_acceleration, ")],
)
def test_unknown_names_are_answered_with_the_nearest_one(name, words):
    with pytest.raises(InputError) as caught:
        create_predictor(name)
    assert f"unknown predictor '{name}', " in str(caught.value)
    assert words in str(caught.value)


def test_the_registry_itself_imports_no_predictor():
    code = (
        "import sys, zoox_prediction.prediction.registry as registry;"
        "loaded = [module for module, _ in registry.PREDICTORS.values() if module in sys.modules];"
        "sys.exit(str(loaded) if loaded else 0)"
    )
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
