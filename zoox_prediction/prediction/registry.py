"""Predictors by name. A predictor's module is imported when it is asked for, so that one never pays for the others."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import replace

import numpy as np

from zoox_prediction.errors import InputError
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.network_runtime import weights_file
from zoox_prediction.prediction.predictor import Predictor
from zoox_prediction.scene import PredictedTrajectories, Scene, Source

LEARNED = "learned"  # or learned:WEIGHTS, with the weights that LearnedConfig knows
FALLBACK = "heuristic_mixture"  # what predicts where a learned predictor cannot

_BASELINES = "zoox_prediction.models.baselines"
_LEARNED_MODULE = "zoox_prediction.prediction.learned"

# The heuristics: name -> module and class.
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
    """The predictor `name` of PREDICTORS, LEARNED or LEARNED:WEIGHTS, made with its part of `config`.

    Raises InputError that names the nearest known name when there is no such predictor, and the file when weights
    cannot be used.
    """
    config = config or PredictionConfig()
    predictor: Predictor
    if is_learned(name):
        weights = name.partition(":")[2] or config.learned.weights
        learned = importlib.import_module(_LEARNED_MODULE).LearnedPredictor
        predictor = learned(replace(config, learned=replace(config.learned, weights=weights)))
        return predictor
    if name not in PREDICTORS:
        known = (*PREDICTORS, LEARNED)
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{nearest[0]}'?" if nearest else f"known are {', '.join(sorted(known))}"
        raise InputError(f"unknown predictor '{name}', {hint}")
    module, class_name = PREDICTORS[name]
    predictor = getattr(importlib.import_module(module), class_name)(config.baselines)
    return predictor


def is_learned(name: str) -> bool:
    """Whether `name` asks for weights."""
    return name.partition(":")[0] == LEARNED


def usable_predictors() -> tuple[str, ...]:
    """All names that `create_predictor` knows, the learned one where this version ships its weights."""
    try:
        weights_file(PredictionConfig().learned.weights)
    except InputError:
        return tuple(PREDICTORS)
    return (*PREDICTORS, LEARNED)


class FallbackPredictor:
    """The heuristics in the place of a learned predictor; the source of every answer says so."""

    def __init__(self, config: PredictionConfig | None = None) -> None:
        self._predictor = create_predictor(FALLBACK, config)
        self.name, self.version = self._predictor.name, self._predictor.version

    def predict(self, scene: Scene) -> PredictedTrajectories:
        source = np.full(len(scene), int(Source.HEURISTIC_FALLBACK), dtype=np.uint8)
        return replace(self._predictor.predict(scene), source=source)


def create_usable_predictor(name: str, config: PredictionConfig) -> tuple[Predictor, str]:
    """As `create_predictor`, but with the fallback and one sentence why, else "", where weights cannot be used."""
    try:
        return create_predictor(name, config), ""
    except InputError as error:
        if not is_learned(name):
            raise
        return FallbackPredictor(config), f"{error}; {FALLBACK} predicts instead"
