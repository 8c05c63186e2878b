"""Pictures of the simulator's cameras for detectors: an ego at the origin, agents before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass, Attribute, EgoState, TrackedAgents
from zoox_prediction.sensor_data import CameraModel, Measurement
from zoox_prediction.simulation.sensors.camera import camera_image, camera_picture
from zoox_prediction.simulation.sensors.config import CameraConfig, ImageConfig, Mount, ThermalConfig
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.suite_file import load_suite_config
from zoox_prediction.simulation.sensors.thermal import thermal_image, thermal_picture
from zoox_prediction.simulation.sensors.truth import Light, SensorTruth


def facing_ahead(kind: type[ImageConfig]) -> CameraConfig | ThermalConfig:
    """The package's first camera of the kind, at the front of the ego and level."""
    first = next(each for each in load_suite_config().sensors if isinstance(each, kind))
    assert isinstance(first, CameraConfig | ThermalConfig)
    return replace(first, mount=Mount(3.75, 0.0, first.mount.z_m))


def camera_model(config: CameraConfig | ThermalConfig) -> CameraModel:
    return CameraModel(config.camera_matrix, np.zeros(0), "plumb_bob", config.width_px, config.height_px)


def measurement(config: CameraConfig | ThermalConfig, stamp_ns: int = 1) -> Measurement:
    return Measurement(stamp_ns, config.frame_id, config.frame_id, config.base_from_frame)


def scenery(
    kinds: list[AgentClass],
    places: list[tuple[float, float]],
    yaw: list[float] | None = None,
    attributes: list[Attribute] | None = None,
    light: Light = Light.DAY,
    stamp_ns: int = 12_100_000_000,
) -> Scenery:
    count = len(kinds)
    size = DEFAULT_SIZE_M[np.array(kinds, dtype=int)]
    bits = np.array([int(each) for each in attributes or [Attribute(0)] * count], dtype=np.uint32)
    agents = TrackedAgents.from_states(
        stamp_ns,
        np.arange(count) + 1,
        np.array(kinds, dtype=int),
        np.column_stack([np.array(places, dtype=float).reshape(-1, 2), size[:, 2] / 2.0]),
        np.array(yaw if yaw is not None else np.zeros(count)),
        np.zeros((count, 2)),
        size,
        attributes=bits,
        attributes_valid=np.full(count, 0x7FF, dtype=np.uint32),
    )
    return Scenery(SensorTruth(agents, EgoState(stamp_ns, np.zeros(2), 0.0, np.zeros(2), 0.0), light=light))


def color_image(config: CameraConfig, view: Scenery, seed: int = 0) -> NDArray[np.uint8]:
    return camera_image(config, view, np.random.default_rng(seed))


def kelvin_image(config: ThermalConfig, view: Scenery, seed: int = 0) -> NDArray[np.uint16]:
    return thermal_image(config, view, np.random.default_rng(seed), np.random.default_rng(7))


def true_boxes(config: CameraConfig | ThermalConfig, view: Scenery) -> NDArray[np.float64]:
    """(N, 4) pixels left, top, right, bottom of what is seen of each agent; NaN where nothing is."""
    find = camera_picture if isinstance(config, CameraConfig) else thermal_picture
    index = find(config, view).index
    owner = np.where(index >= 0, np.append(view.polygons.owner, -9)[np.maximum(index, -1)], -9)
    boxes = np.full((len(view.truth.agents), 4), np.nan)
    for row in range(len(boxes)):
        rows, columns = np.nonzero(owner == row)
        if len(rows):
            boxes[row] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return boxes
