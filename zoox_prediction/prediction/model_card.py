"""What a file of weights says about itself: what it was made for, from and with, and how its answers are calibrated.

The same JSON is in an ONNX file under the metadata key `zoox_prediction` and in a checkpoint under `card`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from zoox_prediction.config import ConfigError, from_mapping
from zoox_prediction.errors import InputError
from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.scene_features import (
    AGENT_COLUMNS,
    EGO_COLUMNS,
    ELEMENT_COLUMNS,
    FEATURE_VERSION,
    HISTORY_COLUMNS,
    LIMIT_COLUMNS,
    NUM_ELEMENT_POINTS,
    NUM_PATH_POINTS,
    NUM_PLAN_KNOTS,
    PATH_COLUMNS,
    PLAN_COLUMNS,
    FeatureConfig,
)
from zoox_prediction.prediction.calibration import MixtureCalibration
from zoox_prediction.raster.channels import load_channel_table
from zoox_prediction.raster.config import RasterConfig

METADATA_KEY = "zoox_prediction"  # of ONNX's metadata_props

_RASTER_KEYS = ("size_px", "resolution_m", "oversampling")  # what of the raster's config changes its pixels


@dataclass(frozen=True)
class ModelCard:
    """Of one file of weights. `network`, `training_data` and `metrics` are for who trained them, and for people."""

    version: str  # of the weights; goes into every message
    features: FeatureConfig = field(default_factory=FeatureConfig)
    raster: RasterConfig = field(default_factory=RasterConfig)  # only what changes pixels is kept
    feature_version: int = FEATURE_VERSION
    channel_digest: str = field(default_factory=lambda: load_channel_table().digest)
    package_version: str = ""
    licence: str = ""  # of the weights
    training_data: tuple[Mapping[str, Any], ...] = ()  # name, licence and amount of each dataset
    network: Mapping[str, Any] = field(default_factory=dict)  # NetworkConfig
    metrics: Mapping[str, Any] = field(default_factory=dict)  # on the validation recordings
    calibration: MixtureCalibration | None = None
    conformal_radius_m: Mapping[str, Any] = field(default_factory=dict)  # by group: level -> radius at each horizon

    def to_json(self) -> str:
        """The text for METADATA_KEY; `from_json` reads it."""
        values: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["features"] = asdict(self.features)
        values["raster"] = {key: getattr(self.raster, key) for key in _RASTER_KEYS}
        values["calibration"] = None if self.calibration is None else _calibration_mapping(self.calibration)
        return json.dumps(values, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, source: str) -> ModelCard:
        """The card of the file `source`.

        Raises InputError, naming the file and the key, for what is not a card or is one of another layout of inputs.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise InputError(f"{source}: its metadata is not JSON ({error}); export the network again") from error
        return cls.from_mapping(values, source)

    @classmethod
    def from_mapping(cls, values: Any, source: str) -> ModelCard:
        """As `from_json`, of JSON that was read already."""
        if not isinstance(values, Mapping):
            raise InputError(f"{source}: its metadata is no mapping; export the network again")
        missing = [
            key for key in ("version", "features", "raster", "feature_version", "channel_digest") if key not in values
        ]
        if missing:
            raise InputError(f"{source}: its metadata has no '{missing[0]}'; export the network again")
        _check_same(source, "feature_version", values["feature_version"], FEATURE_VERSION)
        _check_same(source, "channel_digest", values["channel_digest"], load_channel_table().digest)
        known = {key: value for key, value in values.items() if key in cls.__dataclass_fields__}
        try:
            known["features"] = from_mapping(FeatureConfig, values["features"], "features.")
            known["raster"] = from_mapping(RasterConfig, values["raster"], "raster.")
            if values.get("calibration") is not None:
                known["calibration"] = _calibration(values["calibration"])
        except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{source}: its metadata cannot be used ({error}); export the network again") from error
        known["version"] = str(values["version"])
        known["training_data"] = tuple(values.get("training_data") or ())
        return cls(**known)

    def check_raster(self, raster: RasterConfig, source: str) -> None:
        """Raises InputError naming both values when the node draws another raster than the network was trained on."""
        for key in _RASTER_KEYS:
            _check_same(source, f"raster.{key}", getattr(self.raster, key), getattr(raster, key))

    def input_shapes(self) -> dict[str, tuple[int | None, ...]]:
        """Shape of every input of the network by name; None where it depends on the scene."""
        features, size = self.features, self.raster.size_px
        return {
            "raster": (None, len(load_channel_table()), size, size),
            "agent_scene": (None,),
            "agent_pose": (None, 4),
            "agent_state": (None, len(AGENT_COLUMNS)),
            "history": (None, features.num_history_steps, len(HISTORY_COLUMNS)),
            "neighbor": (None, features.num_neighbors),
            "neighbor_valid": (None, features.num_neighbors),
            "ego_pose": (None, 4),
            "ego_state": (None, len(EGO_COLUMNS)),
            "ego_valid": (None,),
            "plan": (None, NUM_PLAN_KNOTS, len(PLAN_COLUMNS)),
            "plan_valid": (None, NUM_PLAN_KNOTS),
            "element_scene": (None,),
            "element_pose": (None, 4),
            "element_points": (None, NUM_ELEMENT_POINTS, 2),
            "element_state": (None, len(ELEMENT_COLUMNS)),
            "agent_element": (None, features.num_elements),
            "agent_element_valid": (None, features.num_elements),
            "path_agent": (None,),
            "path_kind": (None,),
            "path_points": (None, NUM_PATH_POINTS, 3),
            "path_spacing": (None,),
            "path_state": (None, NUM_PATH_POINTS, len(PATH_COLUMNS)),
            "path_start_speed": (None,),
            "limits": (None, len(LIMIT_COLUMNS)),
            "is_vehicle": (None,),
        }


def _check_same(source: str, key: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise InputError(
            f"{source}: was made for {key} {found}, this version has {expected}; "
            "take weights of this version or train them anew"
        )


def _calibration_mapping(calibration: MixtureCalibration) -> dict[str, Any]:
    names = [each.name.lower() for each in Group]
    return {
        "temperature": dict(zip(names, calibration.temperature.tolist(), strict=True)),
        "knots_s": calibration.knots_s.tolist(),
        "covariance_scale": dict(zip(names, calibration.covariance_scale.tolist(), strict=True)),
    }


def _calibration(values: Mapping[str, Any]) -> MixtureCalibration:
    names = [each.name.lower() for each in Group]
    return MixtureCalibration(
        np.array([values["temperature"][name] for name in names], dtype=np.float64),
        np.array(values["knots_s"], dtype=np.float64),
        np.array([values["covariance_scale"][name] for name in names], dtype=np.float64),
    )
