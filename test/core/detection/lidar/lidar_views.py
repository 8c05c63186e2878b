"""Road users on flat or sloping ground as the simulated lidars see them, and what the detector makes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.lidar import LidarDetector, LidarDetectorConfig
from zoox_prediction.detections import Detections
from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass, EgoState, TrackedAgents
from zoox_prediction.sensor_data import Measurement, PointCloud
from zoox_prediction.simulation.sensors.config import LidarConfig, Modality, Mount
from zoox_prediction.simulation.sensors.lidar import lidar_sweep
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.truth import SensorTruth

STAMP_NS = 12_100_000_000
CAR, PEDESTRIAN, CYCLIST, BUS = AgentClass.CAR, AgentClass.PEDESTRIAN, AgentClass.CYCLIST, AgentClass.BUS

ROOF = LidarConfig(
    name="roof",
    modality=Modality.LIDAR,
    topic="/points",
    frame_id="roof",
    mount=Mount(1.4, 0.0, 1.9),
    horizontal_fov_rad=2.0 * np.pi,
    elevations_rad=tuple(np.linspace(-0.43, 0.05, 64).tolist()),
    num_azimuths=1800,
    max_range_m=120.0,
)
MEASUREMENT = Measurement(STAMP_NS, "roof", "lidar_roof", ROOF.mount.base_from_sensor)


def road_users(
    kinds: list[AgentClass], places: list[tuple[float, float]], yaw: list[float] | None = None
) -> TrackedAgents:
    """Of the usual sizes, standing on the ground at places x, y on base_link."""
    size = DEFAULT_SIZE_M[[int(kind) for kind in kinds]]
    return TrackedAgents.from_states(
        STAMP_NS,
        np.arange(len(kinds)),
        np.array(kinds),
        np.column_stack([np.array(places).reshape(-1, 2), 0.5 * size[:, 2]]),
        np.zeros(len(kinds)) if yaw is None else np.array(yaw),
        np.zeros((len(kinds), 2)),
        size,
    )


def sweep(agents: TrackedAgents, config: LidarConfig = ROOF, ego: EgoState | None = None) -> PointCloud:
    """What the lidar sees, with the time of every point."""
    ego = ego or EgoState(STAMP_NS, np.zeros(2), 0.0, np.zeros(2))
    points, _ = lidar_sweep(config, Scenery(SensorTruth(agents, ego, ego_height_m=0.8)), np.random.default_rng(0))
    position = np.column_stack([points[name] for name in "xyz"])
    return PointCloud(position, intensity=points["intensity"].copy(), time_s=points["time"].copy())


def detect(
    agents: TrackedAgents, config: LidarDetectorConfig | None = None, measurement: Measurement = MEASUREMENT
) -> Detections:
    return LidarDetector(config).detect(measurement, sweep(agents))


def on_base(detections: Detections, measurement: Measurement = MEASUREMENT) -> NDArray[np.float64]:
    """Centres (N, 3) on base_link."""
    assert detections.center is not None
    matrix = measurement.base_from_sensor
    return detections.center @ matrix[:3, :3].T + matrix[:3, 3]


def found(detections: Detections, agents: TrackedAgents, within_m: float = 0.6, existence: float = 0.2) -> list[int]:
    """For every agent the row of the detection nearest to its centre, -1 where there is none within the distance."""
    sure = np.flatnonzero(detections.existence_probability >= existence)
    rows = []
    for place in agents.position[:, :2]:
        away = np.linalg.norm(on_base(detections)[sure, :2] - place, axis=1)
        rows.append(int(sure[away.argmin()]) if len(away) and away.min() <= within_m else -1)
    return rows


def tilted(cloud: PointCloud, slope: float, heading: float) -> PointCloud:
    """The same on ground that rises by `slope` in a direction, from 6 m before the sensor on."""
    away = cloud.position[:, 0] * np.cos(heading) + cloud.position[:, 1] * np.sin(heading)
    position = cloud.position.copy()
    position[:, 2] += (slope * np.maximum(away - 6.0, 0.0)).astype(np.float32)
    return replace(cloud, position=position)
