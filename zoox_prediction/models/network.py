"""The learned network: one pass over a batch of scenes gives every agent's ways ahead, in torch and as ONNX.

The raster is seen once by a convolutional network; agents and paths sample it around themselves. Agents hear of each
other, of the ego and of static elements in rounds of a graph; each candidate path hears of its agent, of those on it
and of its alternatives; a decoder drives each path in several ways (goals from the map as in MTR, Shi et al. 2022).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoox_prediction.models.agent_encoder import AgentEncoder, EgoEncoder
from zoox_prediction.models.frames import out_of, rotate, seen_from
from zoox_prediction.models.interaction_graph import InteractionGraph, surroundings
from zoox_prediction.models.layers import linear, mlp, scatter_sum
from zoox_prediction.models.motion_integration import PathGeometry
from zoox_prediction.models.network_config import NetworkConfig
from zoox_prediction.models.path_encoder import OthersOnPath, PathMixer, PathShape, project
from zoox_prediction.models.raster_cnn import COARSEST_STRIDE, RasterCnn, RasterView
from zoox_prediction.models.scene_features import AGENT_COLUMNS, EGO_COLUMNS, FeatureConfig, PathKind
from zoox_prediction.models.trajectory_decoder import PlanOnPath, TrajectoryDecoder
from zoox_prediction.raster.channels import load_channel_table
from zoox_prediction.raster.config import RasterConfig

NETWORK_OUTPUTS = ("logits", "position", "yaw", "speed", "covariance")

# Where agents look at the raster: x ahead, y to the left in the agent frame [m].
_NEAR_POINTS = ((0, 0), (4, 0), (8, 0), (14, 0), (-5, 0), (0, 3.5), (0, -3.5), (8, 4), (8, -4), (14, 8), (14, -8))
_FAR_POINTS = ((0, 0), (15, 0), (30, 0), (50, 0), (-15, 0), (15, 15), (15, -15), (0, 10), (0, -10))
_ATTRIBUTE_CHANNELS_KEPT = ("existence_probability", "time_since_seen")  # of the group `attributes`
_SIGNAL_CHANNELS = ["signal_red", "signal_yellow", "signal_green", "signal_unknown", "crosswalk_walk"]
_PATH_POINTS = slice(4, None, 8)  # where paths look at it
_SPEED, _LATERAL_SPEED, _LENGTH = (AGENT_COLUMNS.index(name) for name in ("speed", "lateral_speed", "length"))
_EGO_SPEED, _EGO_LENGTH = (EGO_COLUMNS.index(name) for name in ("speed", "length"))


class PredictionNetwork(nn.Module):
    """From the arrays of NETWORK_INPUTS, as tensors, to the proposals of NETWORK_OUTPUTS in the agents' own frames.

    `logits` (R, C); `position` (R, C, 80, 2) [m]; `yaw` (R, C, 80) of the body, unwrapped; `speed` (R, C, 80) [m/s];
    `covariance` (R, C, 80, 3) xx, xy, yy [m^2] of the position.
    """

    near_points: Tensor
    far_points: Tensor

    def __init__(
        self,
        config: NetworkConfig | None = None,
        features: FeatureConfig | None = None,
        raster: RasterConfig | None = None,
    ) -> None:
        super().__init__()
        self.config = config = config or NetworkConfig()
        features, raster = features or FeatureConfig(), raster or RasterConfig()
        if raster.size_px % COARSEST_STRIDE:
            raise ValueError(f"size_px of the raster must be a multiple of {COARSEST_STRIDE}, got {raster.size_px}")
        width, edge = config.width, config.edge_width
        self.agent = AgentEncoder(width, features.num_history_steps, config.use_attributes)
        self.ego = EgoEncoder(width)
        self.path_shape = PathShape(width, config.use_signals)
        self.agent_of_paths = mlp(width, width, width)
        self.path_of_agent = linear(width, width, bias=False)
        if config.use_raster:
            fine, middle, _ = config.raster_widths
            table = load_channel_table()
            self.raster = RasterCnn(
                len(table), config.raster_widths, _hidden_channels(config), config.raster_learns_in_bfloat16
            )
            self.near_view = RasterView(raster, 4, fine, len(_NEAR_POINTS), width)
            self.far_view = RasterView(raster, 8, middle, len(_FAR_POINTS), width)
            self.path_view = RasterView(raster, 4, fine, 8, width)
            self.register_buffer("near_points", torch.tensor(_NEAR_POINTS, dtype=torch.float32), persistent=False)
            self.register_buffer("far_points", torch.tensor(_FAR_POINTS, dtype=torch.float32), persistent=False)
        if config.use_graph:
            self.graph = InteractionGraph(config)
            self.others = OthersOnPath(width, edge)
        self.mixer = PathMixer(width)
        self.decoder = TrajectoryDecoder(config)

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Inputs by their names in NETWORK_INPUTS; see SceneFeatures for their shapes."""
        return self.decode(self.encode(inputs), inputs)

    def encode(self, i: Mapping[str, Tensor]) -> Tensor:
        """(R, W) codes of paths, which know everything but a candidate plan."""
        owner = i["path_agent"]
        paths = self.path_shape(
            i["path_points"], i["path_spacing"], i["path_state"], i["path_start_speed"], i["path_kind"]
        )
        agents = self.agent(i["agent_state"], i["history"])
        if self.config.use_raster:
            seen_by_agents, seen_by_paths = self._look(i)
            agents, paths = agents + seen_by_agents, paths + seen_by_paths
        num_paths = scatter_sum(torch.ones_like(paths[:, :1]), owner, agents.shape[0]).clamp(min=1.0)
        ways = scatter_sum(torch.relu(paths), owner, agents.shape[0]) / num_paths
        agents = agents + self.agent_of_paths(ways)
        if self.config.use_graph:
            agents, message = self._interact(i, agents, paths)
            paths = paths + message
        paths = paths + functional.embedding(owner, self.path_of_agent(agents))
        return self.mixer(paths, owner, num_paths)

    def decode(self, code: Tensor, i: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The outputs for codes (R, W) of paths; of the inputs, only what concerns paths and the plan is looked at."""
        with torch.autocast(code.device.type, enabled=False):  # in 16 bits a way of 100 m is off by half a metre
            return self._decode(code.float(), i)

    def _decode(self, code: Tensor, i: Mapping[str, Tensor]) -> dict[str, Tensor]:
        owner = i["path_agent"]
        limits = i["limits"][owner]
        path = PathGeometry(
            heading=i["path_points"][..., 2],
            spacing=i["path_spacing"],
            start_speed=torch.minimum(i["path_start_speed"].clamp(min=0.0), limits[:, 0]),
            limits=limits,
            is_vehicle=i["is_vehicle"][owner],
        )
        scene = i["agent_scene"]
        plan = seen_from(i["agent_pose"][:, None], i["plan"][scene][..., :4])[owner]
        plan_on_path = PlanOnPath(
            place=project(i["path_points"], i["path_spacing"], plan),
            speed=i["plan"][..., 4][scene][owner],
            valid=i["plan_valid"][scene][owner],
        )
        out = self.decoder(code, path, plan_on_path)
        out["yaw"] = out.pop("course") - torch.pi * (i["path_kind"] == PathKind.REVERSE)[:, None, None]
        return {name: out[name] for name in NETWORK_OUTPUTS}

    def _look(self, i: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What agents (N, W) and paths (R, W) see in the raster."""
        fine, middle = self.raster(i["raster"])
        scene, owner, pose = i["agent_scene"], i["path_agent"], i["agent_pose"][:, None]
        agents = self.near_view(fine, scene, out_of(pose, self.near_points))
        agents = agents + self.far_view(middle, scene, out_of(pose, self.far_points))
        path_points = out_of(pose[owner], i["path_points"][:, _PATH_POINTS, :2])
        return agents, self.path_view(fine, scene[owner], path_points)

    def _interact(self, i: Mapping[str, Tensor], agents: Tensor, paths: Tensor) -> tuple[Tensor, Tensor]:
        """Agents (N, W) after the graph's rounds, and what paths (R, W) hear of the others on them."""
        scene, owner, pose, state = i["agent_scene"], i["path_agent"], i["agent_pose"], i["agent_state"]
        ego, ego_state = self.ego(i["ego_state"]), i["ego_state"]
        # Of the ego and of all agents, in one table.
        speed = torch.cat([ego_state[:, _EGO_SPEED], state[:, _SPEED]])
        length = torch.cat([ego_state[:, _EGO_LENGTH], state[:, _LENGTH]])
        lateral = torch.cat([torch.zeros_like(ego_state[:, 0]), state[:, _LATERAL_SPEED]])
        poses = torch.cat([i["ego_pose"], pose])
        velocities = rotate(poses, torch.stack([speed, lateral], dim=-1))
        num_scenes = i["ego_pose"].shape[0]
        velocity = velocities[num_scenes:]
        index = torch.cat([scene[:, None], i["neighbor"] + num_scenes], dim=1)
        valid = torch.cat([i["ego_valid"][scene][:, None], i["neighbor_valid"]], dim=1)
        index = index * valid
        near = surroundings(pose, velocity, poses, velocities, index, valid)
        element_index = (i["agent_element"] + 1) * i["agent_element_valid"]
        element_pose = torch.cat([pose.new_zeros(1, 4), i["element_pose"]])
        static = surroundings(
            pose, velocity, element_pose, torch.zeros_like(element_pose[:, :2]), element_index, i["agent_element_valid"]
        )
        agents = self.graph(agents, ego, i["element_points"], i["element_state"], near, static)
        on_path = project(i["path_points"], i["path_spacing"], near.pose[owner])
        index = index[owner]
        message = self.others(
            paths,
            torch.cat([ego, agents]),
            index,
            valid[owner],
            on_path,
            speed[index],
            length[index],
            i["path_start_speed"][:, None],
        )
        return agents, message


def _hidden_channels(config: NetworkConfig) -> tuple[int, ...]:
    """Channels of the raster that the switches turn off."""
    table = load_channel_table()
    names: list[str] = []
    if not config.use_attributes:
        attributes = [channel.name for channel in table.groups["attributes"]]
        names += [name for name in attributes if name not in _ATTRIBUTE_CHANNELS_KEPT]
    if not config.use_signals:
        names += _SIGNAL_CHANNELS
    return tuple(table.index(name) for name in names)
