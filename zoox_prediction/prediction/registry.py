"""Predictors by name. A predictor's module is imported when it is asked for, so that one never pays for the others."""

from __future__ import annotations

import difflib
import importlib

from zoox_prediction.errors import InputError
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.predictor import Predictor

_BASELINES = "zoox_prediction.models.baselines"

# Name -> module and class.
PREDICTORS: dict[str, tuple[str, str]] = {
    "constant_velocity": (f"{_BASELINES}.constant_velocity", "ConstantVelocity"),
    "constant_turn_rate_acceleration": (
        f"{_BASELINES}.constant_turn_rate_acceleration",
        "ConstantTurnRateAcceleration",
    ),
    "lane_following": (f"{_BASELINES}.lane_following", "LaneFollowing"),
    "pedestrian": (f"{_BASELINES}.pedestrian", "Pedestrian"),
    "standing_still": (f"{_BASELINES}.standing_still", "StandingStill"),
    "heuristic_mixture": (f"{_BASELINES}.mixture", "HeuristicMixture"),
}


def create_predictor(name: str, config: PredictionConfig | None = None) -> Predictor:
    """The predictor `name` of PREDICTORS, made with its part of `config`.

    Raises InputError that names the nearest known name when there is no such predictor.
    """
    if name not in PREDICTORS:
        nearest = difflib.get_close_matches(name, PREDICTORS, n=1)
        hint = f"did you mean '{nearest[0]}'?" if nearest else f"known are {', '.join(sorted(PREDICTORS))}"
        raise InputError(f"unknown predictor '{name}', {hint}")
    module, class_name = PREDICTORS[name]
    predictor_class = getattr(importlib.import_module(module), class_name)
    predictor: Predictor = predictor_class((config or PredictionConfig()).baselines)
    return predictor
