"""Reads `config/sensor_suite.yaml` strictly: `{sensors: {NAME: {modality: ..., ...}}, odometry: {...}}`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoox_prediction.config import ConfigError, check_known, from_mapping, read_yaml_mapping
from zoox_prediction.detections import MODALITIES, Modality
from zoox_prediction.resources import resource_path
from zoox_prediction.simulation.sensors.config import (
    CameraConfig,
    LidarConfig,
    OdometryConfig,
    RadarConfig,
    SensorConfig,
    SuiteConfig,
    ThermalConfig,
)

SUITE_FILE = "config/sensor_suite.yaml"
_DETECTION = "detection"  # parameters of the sensor's detection node, which are nothing to the simulation

SENSOR_CONFIGS: dict[Modality, type[SensorConfig]] = {
    Modality.LIDAR: LidarConfig,
    Modality.RADAR: RadarConfig,
    Modality.CAMERA: CameraConfig,
    Modality.THERMAL: ThermalConfig,
}


def load_suite_config(path: Path | str | None = None) -> SuiteConfig:
    """The suite of the YAML file at `path`, or the package's own.

    Raises ConfigError that names the file and the key when it cannot be read, has an unknown key (the nearest known one
    is named) or an unusable value.
    """
    path = resource_path(SUITE_FILE) if path is None else Path(path)
    document = read_yaml_mapping(path, "a file of sensors")
    try:
        return suite_config(document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def suite_config(document: Any) -> SuiteConfig:
    """The suite of a mapping `{sensors: {NAME: {modality: ..., ...}}, odometry: {...}}`; raises ConfigError."""
    if not isinstance(document, Mapping) or not isinstance(document.get("sensors"), Mapping):
        raise ConfigError("expected a mapping 'sensors:' of names to sensors")
    check_known(document, ("sensors", "odometry"))
    odometry = document.get("odometry", {})
    if not isinstance(odometry, Mapping):
        raise ConfigError(f"parameter 'odometry' must be a mapping, got {odometry!r}")
    sensors = tuple(_sensor(str(name), values) for name, values in document["sensors"].items())
    try:
        return SuiteConfig(sensors, from_mapping(OdometryConfig, odometry, prefix="odometry."))
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(str(error)) from error


def modality_of(values: Any, prefix: str) -> Modality:
    """That of a sensor's entry, which must be a mapping; raises ConfigError."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"parameter '{prefix[:-1]}' must be a mapping, got {values!r}")
    modality = MODALITIES.get(str(values.get("modality")))
    if modality is None:
        given = values.get("modality")
        raise ConfigError(f"parameter '{prefix}modality' must be one of {', '.join(MODALITIES)}, got {given!r}")
    return modality


def _sensor(name: str, values: Any) -> SensorConfig:
    prefix = f"sensors.{name}."
    modality = modality_of(values, prefix)
    if "name" in values:
        raise ConfigError(f"unknown parameter '{prefix}name'; the sensor's name is the key above it")
    simulated = {key: value for key, value in values.items() if key != _DETECTION}
    try:
        return from_mapping(SENSOR_CONFIGS[modality], {**simulated, "name": name, "modality": modality}, prefix=prefix)
    except TypeError as error:  # dataclasses tell of a missing field in this way
        raise ConfigError(f"parameter '{prefix[:-1]}' is not complete: {str(error).partition(') ')[2]}") from error
