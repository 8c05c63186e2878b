"""All parameters of the prediction as one dataclass; `config/prediction_node.yaml` explains each of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from zoox_prediction.models.baselines.config import BaselinesConfig
from zoox_prediction.prediction.conditional import ConditionalConfig
from zoox_prediction.prediction.consistency import ConsistencyConfig
from zoox_prediction.prediction.guarded import GuardConfig
from zoox_prediction.prediction.learned_config import LearnedConfig
from zoox_prediction.prediction.runtime import RuntimeConfig
from zoox_prediction.prediction.scene_history import EgoConfig, SceneHistoryConfig
from zoox_prediction.raster.config import RasterConfig


@dataclass(frozen=True)
class PredictionConfig:
    """Every part's config under the part's name."""

    predictor: str = "heuristic_mixture"
    history: SceneHistoryConfig = field(default_factory=SceneHistoryConfig)
    ego: EgoConfig = field(default_factory=EgoConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)
    consistency: ConsistencyConfig = field(default_factory=ConsistencyConfig)
    conditional: ConditionalConfig = field(default_factory=ConditionalConfig)
    learned: LearnedConfig = field(default_factory=LearnedConfig)
    baselines: BaselinesConfig = field(default_factory=BaselinesConfig)
    raster: RasterConfig = field(default_factory=RasterConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
