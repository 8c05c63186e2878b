"""Random features of scenes with the shapes that the network takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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

_LIMITS = np.array([[60.0, 3.5, 8.0, 0.2], [8.0, 2.0, 3.0, 2.0]])  # of a car, of a pedestrian


def made_up_features(
    seed: int = 0,
    num_agents: int = 5,
    paths_per_agent: int = 3,
    num_elements: int = 12,
    size_px: int = 64,
    with_plan: bool = False,
) -> SceneFeatures:
    """One scene; agents are cars and pedestrians in turn. Without agents there are no paths either."""
    random = np.random.default_rng(seed)
    config = FeatureConfig()
    num_paths = num_agents * paths_per_agent
    walks = np.arange(num_agents) % 2
    speed = random.uniform(0.0, 12.0, num_agents) * np.where(walks, 0.15, 1.0)
    state = random.normal(size=(num_agents, len(AGENT_COLUMNS)))
    state[:, AGENT_COLUMNS.index("speed")] = speed
    path_agent = np.repeat(np.arange(num_agents), paths_per_agent)
    spacing = random.uniform(0.5, 2.0, num_paths)
    neighbor, neighbor_valid = _nearest(random, num_agents, num_agents, config.num_neighbors)
    element, element_valid = _nearest(random, num_agents, num_elements, config.num_elements)
    return SceneFeatures(
        raster=random.integers(0, 256, (1, len(load_channel_table()), size_px, size_px)).astype(np.uint8),
        agent_scene=np.zeros(num_agents, dtype=np.int64),
        agent_pose=_poses(random, num_agents),
        agent_state=state.astype(np.float32),
        history=random.normal(size=(num_agents, config.num_history_steps, 6)).astype(np.float32),
        neighbor=neighbor,
        neighbor_valid=neighbor_valid,
        ego_pose=_poses(random, 1),
        ego_state=random.uniform(1.0, 5.0, (1, len(EGO_COLUMNS))).astype(np.float32),
        ego_valid=np.ones(1, dtype=bool),
        plan=np.concatenate([_poses(random, NUM_PLAN_KNOTS), np.full((NUM_PLAN_KNOTS, 1), 5.0)], axis=1)[None].astype(
            np.float32
        ),
        plan_valid=np.full((1, NUM_PLAN_KNOTS), with_plan),
        element_scene=np.zeros(num_elements, dtype=np.int64),
        element_pose=_poses(random, num_elements),
        element_points=random.normal(0.0, 8.0, (num_elements, NUM_ELEMENT_POINTS, 2)).astype(np.float32),
        element_state=random.uniform(size=(num_elements, len(ELEMENT_COLUMNS))).astype(np.float32),
        agent_element=element,
        agent_element_valid=element_valid,
        path_agent=path_agent,
        path_kind=random.integers(0, len(PathKind), num_paths),
        path_points=_paths(random, spacing),
        path_spacing=spacing.astype(np.float32),
        path_state=random.uniform(size=(num_paths, NUM_PATH_POINTS, len(PATH_COLUMNS))).astype(np.float32),
        path_start_speed=speed[path_agent].astype(np.float32),
        limits=_LIMITS[walks].astype(np.float32),
        is_vehicle=walks == 0,
        frame_center=np.zeros((1, 2)),
        frame_yaw=np.zeros(1),
        stamp_ns=np.zeros(1, dtype=np.int64),
        origin=np.zeros((num_agents, 2)),
        heading=np.zeros(num_agents),
        ids=np.arange(num_agents),
        agent_class=np.where(walks, 5, 0),
    )


def _nearest(random: np.random.Generator, rows: int, others: int, count: int) -> tuple[NDArray, NDArray]:
    valid = random.uniform(size=(rows, count)) < (0.7 if others else 0.0)
    return np.where(valid, random.integers(0, max(others, 1), (rows, count)), 0), valid


def _poses(random: np.random.Generator, count: int) -> NDArray[np.float32]:
    yaw = random.uniform(-np.pi, np.pi, count)
    return np.column_stack([random.uniform(-20.0, 20.0, (count, 2)), np.cos(yaw), np.sin(yaw)]).astype(np.float32)


def _paths(random: np.random.Generator, spacing: NDArray) -> NDArray[np.float32]:
    """(R, 64, 3) arcs of random curvature from the origin ahead."""
    curvature = random.uniform(-0.05, 0.05, (len(spacing), 1))
    heading = curvature * spacing[:, None] * np.arange(NUM_PATH_POINTS)
    middle = 0.5 * (heading[:, 1:] + heading[:, :-1])
    steps = spacing[:, None, None] * np.stack([np.cos(middle), np.sin(middle)], axis=-1)
    points = np.concatenate([np.zeros((len(spacing), 1, 2)), np.cumsum(steps, axis=1)], axis=1)
    return np.concatenate([points, heading[..., None]], axis=-1).astype(np.float32)
