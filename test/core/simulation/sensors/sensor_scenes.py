"""Small true worlds with the ego at the origin, and the package's sensors without noise."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass, EgoState, TrackedAgents
from zoox_prediction.simulation.sensors.config import (
    CameraConfig,
    LidarConfig,
    LidarNoise,
    Mount,
    RadarConfig,
    RadarNoise,
    SensorConfig,
    SuiteConfig,
    ThermalConfig,
)
from zoox_prediction.simulation.sensors.suite_file import load_suite_config
from zoox_prediction.simulation.sensors.truth import SensorTruth

STAMP_NS = 12_100_000_000  # when indicators that blink are on
Config = TypeVar("Config", bound=SensorConfig)

SILENT_LIDAR = LidarNoise(0.0, 0.0, 0.0, 0.0, 0.0)
SILENT_RADAR = RadarNoise(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def agents(
    kinds: list[AgentClass],
    places: list[tuple[float, float]],
    yaw: list[float] | None = None,
    velocity: list[tuple[float, float]] | None = None,
    size: NDArray | None = None,
    **optional: NDArray,
) -> TrackedAgents:
    """Agents that stand on the ground at places x, y."""
    count = len(kinds)
    size = DEFAULT_SIZE_M[np.array(kinds, dtype=int)] if size is None else np.asarray(size, dtype=float)
    position = np.column_stack([np.array(places, dtype=float).reshape(-1, 2), size[:, 2] / 2.0])
    return TrackedAgents.from_states(
        STAMP_NS,
        np.arange(count) + 1,
        np.array(kinds, dtype=int),
        position,
        np.array(yaw if yaw is not None else np.zeros(count)),
        np.array(velocity if velocity is not None else np.zeros((count, 2)), dtype=float),
        size,
        **optional,
    )


def ego(velocity: tuple[float, float] = (0.0, 0.0), yaw: float = 0.0, yaw_rate: float = 0.0) -> EgoState:
    return EgoState(STAMP_NS, np.zeros(2), yaw, np.array(velocity), yaw_rate)


def truth(these: TrackedAgents | None = None, state: EgoState | None = None, **rest: Any) -> SensorTruth:
    these = TrackedAgents.empty(STAMP_NS) if these is None else these
    return SensorTruth(these, state or ego(), **rest)


@cache
def _own_suite() -> SuiteConfig:
    return load_suite_config()


def sensor(kind: type[Config], **changes: Any) -> Config:
    """The package's first sensor of the kind, facing ahead from the front of the ego, with changes."""
    first = next(each for each in _own_suite().sensors if isinstance(each, kind))
    facing = Mount(3.75, 0.0, first.mount.z_m)
    return replace(first, **{"mount": facing, **changes})


def silent_lidar(**changes: Any) -> LidarConfig:
    return sensor(LidarConfig, **{"noise": SILENT_LIDAR, "sweep_s": 0.0, **changes})


def silent_radar(**changes: Any) -> RadarConfig:
    """Hears everything that is in sight."""
    return sensor(RadarConfig, **{"noise": SILENT_RADAR, "detection_threshold_db": -200.0, **changes})


def silent_camera(**changes: Any) -> CameraConfig:
    return sensor(CameraConfig, **{"noise_deviation": 0.0, **changes})


def silent_thermal(**changes: Any) -> ThermalConfig:
    quiet = {"noise_deviation_k": 0.0, "fixed_pattern_deviation_k": 0.0, "blur_px": 0.0, "step_ck": 1}
    return sensor(ThermalConfig, **{**quiet, **changes})


def points_in_map(config: SensorConfig, points: NDArray) -> NDArray[np.float64]:
    """(N, 3) of points of a sensor of an ego at the origin with yaw 0."""
    local = np.column_stack([points[axis].astype(float) for axis in "xyz"])
    pose = config.base_from_frame
    return local @ pose[:3, :3].T + pose[:3, 3]
