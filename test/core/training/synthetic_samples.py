"""Small made-up samples for training: agents on free ground with three candidate paths each, who really drive one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.classes import LimitsConfig
from zoox_prediction.models.baselines.modes import NUM_STEPS, STEP_TIMES_S
from zoox_prediction.models.scene_features import (
    AGENT_COLUMNS,
    EGO_COLUMNS,
    ELEMENT_COLUMNS,
    NUM_ELEMENT_POINTS,
    NUM_PATH_POINTS,
    NUM_PLAN_KNOTS,
    PATH_COLUMNS,
    FeatureConfig,
    PathKind,
    SceneFeatures,
)
from zoox_prediction.raster.channels import load_channel_table
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.scene import AgentClass
from zoox_prediction.training.mining import MiningConfig
from zoox_prediction.training.samples import SHARDS, Sample, SampleMeta, write_document
from zoox_prediction.training.shards import ShardWriter

RASTER = RasterConfig(size_px=64, resolution_m=3.2)
FEATURES = FeatureConfig()
SPACING_M = 2.0
CURVATURES = np.array([0.0, 0.03, -0.03])  # of the candidate paths of every agent


def circle(curvature: NDArray, length: NDArray) -> tuple[NDArray, NDArray]:
    """Points (..., 2) and headings (...) at arc lengths along circles from the origin along x."""
    heading = curvature * length
    bent = np.where(np.abs(curvature) < 1e-9, 1e-9, curvature)
    return np.stack([np.sin(bent * length) / bent, (1.0 - np.cos(bent * length)) / bent], axis=-1), heading


def synthetic_sample(seed: int, num_agents: int = 3, *, on_road: bool = True) -> Sample:
    """`num_agents` cars at random places; each drives one of its paths, faster or slower every time."""
    random = np.random.default_rng(seed)
    speed = random.uniform(3.0, 10.0, num_agents)
    features = _features(random, num_agents, speed, on_road)
    choice = random.integers(0, len(CURVATURES), num_agents)
    acceleration = random.uniform(-0.3, 0.5, num_agents)[:, None]
    length = speed[:, None] * STEP_TIMES_S + 0.5 * acceleration * STEP_TIMES_S**2
    position, yaw = circle(CURVATURES[choice][:, None], length)
    return Sample(
        features=features,
        future_position=position.astype(np.float32),
        future_yaw=yaw.astype(np.float32),
        future_speed=(speed[:, None] + acceleration * STEP_TIMES_S).astype(np.float32),
        future_valid=np.ones((num_agents, NUM_STEPS), dtype=bool),
        future_size=np.tile(np.float32([4.6, 1.9]), (num_agents, 1)),
        scored=np.ones(num_agents, dtype=bool),
        ego_future=np.zeros((1, NUM_PLAN_KNOTS, 5), dtype=np.float32),
        ego_future_valid=np.zeros((1, NUM_PLAN_KNOTS), dtype=bool),
        meta=SampleMeta("made_up", f"scene_{seed}", "none", 0),
    )


def write_samples(samples: Sequence[Sample], folder: Path) -> None:
    """A folder of these samples, as `zoox-prediction mine` makes it."""
    settings = MiningConfig(features=FEATURES, raster=RASTER).settings()
    folder.mkdir()
    write_document(folder / "index.json", {"settings": settings})
    writer = ShardWriter(folder / SHARDS / "made_up" / "drive-000.tar")
    for sample in samples:
        writer.add(sample.features, sample)
    writer.close({"dataset": "made_up", "recording": "drive", "licence": "none", "last": True}, {})


def _features(random: np.random.Generator, count: int, speed: NDArray, on_road: bool) -> SceneFeatures:
    table = load_channel_table()
    raster = np.zeros((1, len(table), RASTER.size_px, RASTER.size_px), dtype=np.uint8)
    raster[:, table.index("drivable_area")] = 255 if on_road else 0
    yaw = random.uniform(-np.pi, np.pi, count)
    pose = np.column_stack([random.uniform(-40.0, 40.0, (count, 2)), np.cos(yaw), np.sin(yaw)])
    others = np.array([[other for other in range(count) if other != row] for row in range(count)], dtype=np.int64)
    neighbor = np.zeros((count, FEATURES.num_neighbors), dtype=np.int64)
    neighbor_valid = np.zeros(neighbor.shape, dtype=bool)
    if count > 1:
        neighbor[:, : count - 1], neighbor_valid[:, : count - 1] = others, True
    num_elements = 2
    element_state = np.zeros((num_elements, len(ELEMENT_COLUMNS)))
    element_state[:, ELEMENT_COLUMNS.index("kind_lane")] = 1.0
    nearest = np.zeros((count, FEATURES.num_elements), dtype=np.int64)
    nearest[:, 1] = 1
    path_agent = np.repeat(np.arange(count), len(CURVATURES))
    points, heading = circle(
        np.tile(CURVATURES, count)[:, None], np.arange(NUM_PATH_POINTS) * np.full((len(path_agent), 1), SPACING_M)
    )
    kinds = np.tile([PathKind.STRAIGHT, PathKind.LANE, PathKind.LANE], count)
    limits = LimitsConfig()
    floats = {
        "agent_pose": pose,
        "agent_state": _agent_state(count, speed),
        "history": _history(count, speed),
        "ego_pose": np.array([[0.0, 0.0, 1.0, 0.0]]),
        "ego_state": np.zeros((1, len(EGO_COLUMNS))),
        "plan": np.zeros((1, NUM_PLAN_KNOTS, 5)),
        "element_pose": np.array([[5.0, 0.0, 1.0, 0.0], [-5.0, 0.0, 0.0, 1.0]]),
        "element_points": random.normal(0.0, 5.0, (num_elements, NUM_ELEMENT_POINTS, 2)),
        "element_state": element_state,
        "path_points": np.concatenate([points, heading[..., None]], axis=-1),
        "path_spacing": np.full(len(path_agent), SPACING_M),
        "path_state": np.full((len(path_agent), NUM_PATH_POINTS, len(PATH_COLUMNS)), 0.1),
        "path_start_speed": speed[path_agent],
        "limits": np.tile(
            [
                limits.max_speed_mps[AgentClass.CAR],
                limits.max_acceleration_mps2[AgentClass.CAR],
                limits.max_deceleration_mps2[AgentClass.CAR],
                limits.max_curvature_per_m[AgentClass.CAR],
            ],
            (count, 1),
        ),
    }
    return SceneFeatures(
        raster=raster,
        agent_scene=np.zeros(count, dtype=np.int64),
        neighbor=neighbor,
        neighbor_valid=neighbor_valid,
        ego_valid=np.ones(1, dtype=bool),
        plan_valid=np.zeros((1, NUM_PLAN_KNOTS), dtype=bool),
        element_scene=np.zeros(num_elements, dtype=np.int64),
        agent_element=nearest,
        agent_element_valid=np.arange(FEATURES.num_elements) < np.full((count, 1), num_elements),
        path_agent=path_agent,
        path_kind=kinds.astype(np.int64),
        is_vehicle=np.ones(count, dtype=bool),
        frame_center=np.zeros((1, 2)),
        frame_yaw=np.zeros(1),
        stamp_ns=np.zeros(1, dtype=np.int64),
        origin=pose[:, :2].copy(),
        heading=yaw,
        ids=np.arange(count),
        agent_class=np.full(count, AgentClass.CAR, dtype=np.int64),
        **{name: value.astype(np.float32) for name, value in floats.items()},
    )


def _agent_state(count: int, speed: NDArray) -> NDArray:
    state = np.zeros((count, len(AGENT_COLUMNS)))
    values = {"class_car": 1.0, "length": 4.6, "width": 1.9, "height": 1.6, "existence": 1.0, "body_cos": 1.0}
    for name, value in {**values, "known_brake_light": 1.0, "on_brake_light": 1.0}.items():
        state[:, AGENT_COLUMNS.index(name)] = value
    state[:, AGENT_COLUMNS.index("speed")] = speed
    return state


def _history(count: int, speed: NDArray) -> NDArray:
    times = (np.arange(FEATURES.num_history_steps) - FEATURES.num_history_steps + 1) * FEATURES.history_step_s
    history = np.zeros((count, FEATURES.num_history_steps, 6))
    history[..., 0] = speed[:, None] * times
    history[..., 2], history[..., 4], history[..., 5] = 1.0, speed[:, None], 1.0
    return history
