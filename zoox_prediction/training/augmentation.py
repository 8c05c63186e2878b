"""What training takes away from scenes, and the noise that it adds, so that the network does not rely on any one input.

Everything is drawn from the generator that is given, so the same generator gives the same scene.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.config import check_not_negative, check_share
from zoox_prediction.models.scene_features import (
    AGENT_COLUMNS,
    ELEMENT_COLUMNS,
    PATH_COLUMNS,
    PathKind,
    SceneFeatures,
)
from zoox_prediction.raster.channels import ChannelTable
from zoox_prediction.scene import SignalState

_MAP_PATHS = (PathKind.LANE, PathKind.LANE_CHANGE, PathKind.CROSSWALK, PathKind.JOIN)
_OF_SIGNALS = ("signal_red", "signal_yellow", "signal_green", "crosswalk_walk")  # channels; signal_unknown stays
_OF_STATE = ("existence_probability", "time_since_seen")  # channels among the attributes that the tracker always has
_SHORTEST_HISTORY = 2  # steps that stay when the history is cut


@dataclass(frozen=True)
class AugmentationConfig:
    """Shares of scenes, agents or neighbours that lose something, and standard deviations of the noise."""

    without_map: float = 0.08  # of scenes
    without_signals: float = 0.08  # of scenes
    without_attributes: float = 0.1  # of scenes, and of the agents of the others
    short_history: float = 0.15  # of agents: only the newest steps, down to two, stay
    without_neighbor: float = 0.05  # of the neighbours of each agent
    without_ego: float = 0.05  # of scenes
    position_noise_m: float = 0.05  # of where an agent is seen now, and of each step of its history
    speed_noise: float = 0.04  # relative
    speed_noise_mps: float = 0.1  # on top, of agents that move

    def __post_init__(self) -> None:
        check_share(
            self, "without_map", "without_signals", "without_attributes", "short_history", "without_neighbor",
            "without_ego",
        )  # fmt: skip
        check_not_negative(self, "position_noise_m", "speed_noise", "speed_noise_mps")


def augmented(
    features: SceneFeatures, config: AugmentationConfig, table: ChannelTable, random: np.random.Generator
) -> tuple[SceneFeatures, NDArray[np.float32]]:
    """One scene with less and noisier inputs, and how far each agent's origin moved, (N, 2) in its own frame [m]."""
    no_map, no_signals, no_attributes, no_ego = random.uniform(size=4) < [
        config.without_map,
        config.without_signals,
        config.without_attributes,
        config.without_ego,
    ]
    if no_map:
        features = without_map(features, table)
    if no_signals:
        features = without_signals(features, table)
    agents = no_attributes | (random.uniform(size=features.num_agents) < config.without_attributes)
    features = without_attributes(features, agents, table if no_attributes else None)
    if no_ego:
        features = replace(features, ego_valid=np.zeros_like(features.ego_valid))
    lost = random.uniform(size=features.neighbor.shape) < config.without_neighbor
    features = replace(features, neighbor_valid=features.neighbor_valid & ~lost)
    return noisy(shortened(features, config.short_history, random), config, random)


def without_map(features: SceneFeatures, table: ChannelTable) -> SceneFeatures:
    """As if the map were not known: no channel, no element, no path of it where an agent has others."""
    raster = _cleared(features.raster, [table.index(channel.name) for channel in table.groups["map"]])
    of_map = np.isin(features.path_kind, _MAP_PATHS)
    others = np.zeros(features.num_agents, dtype=bool)
    others[features.path_agent[~of_map]] = True
    bare = with_paths(features, ~of_map | ~others[features.path_agent])
    share = bare.path_state[..., PATH_COLUMNS.index("share")]
    state = np.zeros_like(bare.path_state)
    state[..., PATH_COLUMNS.index("share")] = share
    return replace(
        bare,
        raster=raster,
        path_state=state,
        element_scene=features.element_scene[:0],
        element_pose=features.element_pose[:0],
        element_points=features.element_points[:0],
        element_state=features.element_state[:0],
        agent_element=np.zeros_like(features.agent_element),
        agent_element_valid=np.zeros_like(features.agent_element_valid),
    )


def without_signals(features: SceneFeatures, table: ChannelTable) -> SceneFeatures:
    """As if no signal had been observed."""
    known = [table.index(name) for name in _OF_SIGNALS]
    raster = _cleared(features.raster, known)
    lanes = features.raster[:, known[:3]].max(axis=1)
    unknown = table.index("signal_unknown")
    raster[:, unknown] = np.maximum(raster[:, unknown], lanes)
    elements, paths = features.element_state.copy(), features.path_state.copy()
    columns = [ELEMENT_COLUMNS.index(f"signal_{each.name.lower()}") for each in SignalState]
    elements[:, columns] = 0.0
    elements[:, columns[SignalState.UNKNOWN]] = elements[:, ELEMENT_COLUMNS.index("signalled")]
    paths[..., [PATH_COLUMNS.index(f"signal_{name}") for name in ("red", "yellow", "green")]] = 0.0
    return replace(features, raster=raster, element_state=elements, path_state=paths)


def without_attributes(
    features: SceneFeatures, agents: NDArray[np.bool_], table: ChannelTable | None = None
) -> SceneFeatures:
    """As if no attribute of these agents (N,) had been observed; from the raster too where its table is given."""
    columns = [
        row
        for row, name in enumerate(AGENT_COLUMNS)
        if name.startswith(("on_", "known_", "front_wheel_angle")) or name == "parked"
    ]
    state = features.agent_state.copy()
    state[np.flatnonzero(agents)[:, None], columns] = 0.0
    if table is None:
        return replace(features, agent_state=state)
    channels = [table.index(channel.name) for channel in table.groups["attributes"] if channel.name not in _OF_STATE]
    return replace(features, agent_state=state, raster=_cleared(features.raster, channels))


def shortened(features: SceneFeatures, share: float, random: np.random.Generator) -> SceneFeatures:
    """The histories of this share of the agents begin later."""
    steps = features.history.shape[1]
    chosen = random.uniform(size=features.num_agents) < share
    kept = random.integers(min(_SHORTEST_HISTORY, steps), steps + 1, size=features.num_agents)
    first = np.where(chosen, steps - kept, 0)
    stays = np.arange(steps) >= first[:, None]
    return replace(features, history=features.history * stays[..., None].astype(np.float32))


def noisy(
    features: SceneFeatures, config: AugmentationConfig, random: np.random.Generator
) -> tuple[SceneFeatures, NDArray[np.float32]]:
    """Agents seen a little beside where they are, and a little faster or slower; as `augmented`."""
    count, steps = features.history.shape[:2]
    shift = random.normal(0.0, config.position_noise_m, (count, 2)).astype(np.float32)
    jitter = random.normal(0.0, config.position_noise_m, (count, steps, 2)).astype(np.float32)
    moving = features.agent_state[:, AGENT_COLUMNS.index("standing")] < 0.5
    relative = random.normal(0.0, config.speed_noise, count)
    added = random.normal(0.0, config.speed_noise_mps, count)
    cos, sin = features.agent_pose[:, 2], features.agent_pose[:, 3]
    pose = features.agent_pose.copy()
    pose[:, 0] += cos * shift[:, 0] - sin * shift[:, 1]
    pose[:, 1] += sin * shift[:, 0] + cos * shift[:, 1]
    history = features.history.copy()
    seen = history[..., 5:6]
    history[..., :2] += (jitter - shift[:, None]) * seen
    state = features.agent_state.copy()
    column = AGENT_COLUMNS.index("speed")
    changed = np.where(moving, relative * state[:, column] + np.sign(state[:, column]) * added, 0.0)
    changed = np.clip(changed, -0.5 * np.abs(state[:, column]), 0.5 * np.abs(state[:, column]))
    state[:, column] += changed.astype(np.float32)
    faster = np.where(state[:, column] < 0.0, -changed, changed)[features.path_agent]
    start = np.where(features.path_start_speed > 0.0, np.maximum(features.path_start_speed + faster, 0.0), 0.0)
    moved = replace(
        features,
        agent_pose=pose,
        history=history,
        agent_state=state,
        path_start_speed=start.astype(np.float32),
    )
    return moved, shift


def with_paths(features: SceneFeatures, keep: NDArray[np.bool_]) -> SceneFeatures:
    """Only the paths `keep` (R,)."""
    names = ("path_agent", "path_kind", "path_points", "path_spacing", "path_state", "path_start_speed")
    return replace(features, **{name: getattr(features, name)[keep] for name in names})


def _cleared(raster: NDArray[np.uint8], channels: list[int]) -> NDArray[np.uint8]:
    cleared = raster.copy()
    cleared[:, channels] = 0
    return cleared
