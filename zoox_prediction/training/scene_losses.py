"""Losses on what a set of predictions looks like together: agents do not overlap, and vehicles stay on the road."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from zoox_prediction.models.scene_features import AGENT_COLUMNS
from zoox_prediction.training.ragged import segment_argmin, segment_log_softmax, segment_sum

_HORIZON_STEPS = (9, 19, 29, 39, 59, 79)  # 1, 2, 3, 4, 6, 8 s
_DISCS = 3  # along the body
_ON_ROAD_M = 0.5  # a truth that strays no farther from the road counts as staying on it


def overlap_loss(outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor], weight: Tensor) -> Tensor:
    """How deep the likeliest futures of neighbouring agents are in each other [m], summed over neighbours.

    Bodies are discs along their length. Steps at which the true bodies overlap too, or are not known, do not count.
    """
    agent, logits = batch["path_agent"], outputs["logits"]
    num_styles = logits.shape[1]
    chosen = segment_argmin(-logits.detach(), agent, len(weight))
    has_path = chosen < logits.numel()
    steps = [step for step in _HORIZON_STEPS if step < outputs["position"].shape[2]]
    rows = torch.nonzero(has_path)[:, 0]
    path, style = chosen[rows] // num_styles, chosen[rows] % num_styles
    shape = (len(weight), len(steps))
    position = weight.new_zeros(*shape, 2).index_copy(0, rows, outputs["position"][path, style][:, steps])
    yaw = weight.new_zeros(shape).index_copy(0, rows, outputs["yaw"][path, style][:, steps])
    predicted = _depth(position, yaw, batch)
    truth = _depth(batch["future_position"][:, steps], batch["future_yaw"][:, steps], batch)
    known = batch["future_valid"][:, steps] & has_path[:, None]
    both = known[:, None] & known[batch["neighbor"]] & batch["neighbor_valid"][..., None]
    counts = both & (truth <= 0.0)
    depth = (predicted.clamp(min=0.0) * counts).sum(dim=(1, 2)) / len(steps)
    return (depth * weight).sum()


def _depth(position: Tensor, yaw: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """(N, 16, H) [m] of agents at (N, H, 2), `yaw` (N, H) in their own frames, in their neighbours; negative apart."""
    pose = batch["agent_pose"]
    size = batch["agent_state"][:, [AGENT_COLUMNS.index("length"), AGENT_COLUMNS.index("width")]]
    radius = 0.5 * size.amin(dim=1)
    reach = (0.5 * size[:, 0] - radius).clamp(min=0.0)
    offset = reach[:, None] * torch.linspace(-1.0, 1.0, _DISCS, device=pose.device)  # (N, D)
    along = torch.stack([torch.cos(yaw), torch.sin(yaw)], dim=-1)
    discs = position[:, :, None] + offset[:, None, :, None] * along[:, :, None]  # (N, H, D, 2)
    discs = in_scene_frame(discs, pose)
    other = discs[batch["neighbor"]]  # (N, 16, H, D, 2)
    square = ((discs[:, None, :, :, None] - other[:, :, :, None]) ** 2).sum(dim=-1)
    distance = torch.sqrt(square.flatten(3).amin(dim=-1) + 1e-6)
    return (radius[:, None] + radius[batch["neighbor"]])[..., None] - distance


def off_road_loss(
    outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor], weight: Tensor, resolution_m: float
) -> Tensor:
    """Expected distance from the drivable area [m] of vehicles that begin, and really stay, on it."""
    agent, num_agents = batch["path_agent"], len(weight)
    steps = [step for step in _HORIZON_STEPS if step < outputs["position"].shape[2]]
    scene = batch["agent_scene"]
    start = in_scene_frame(weight.new_zeros(num_agents, 1, 2), batch["agent_pose"])
    truth = in_scene_frame(batch["future_position"], batch["agent_pose"])
    strays = sampled(batch["off_road_m"], scene, truth, resolution_m) * batch["future_valid"]
    on_road = batch["is_vehicle"] & (strays.amax(dim=1) < _ON_ROAD_M)
    on_road &= sampled(batch["off_road_m"], scene, start, resolution_m)[:, 0] < _ON_ROAD_M
    rows = torch.nonzero((on_road & (weight > 0.0))[agent])[:, 0]
    points = outputs["position"][rows][:, :, steps]
    points = in_scene_frame(points, batch["agent_pose"][agent[rows]])
    away = sampled(batch["off_road_m"], scene[agent[rows]], points, resolution_m).mean(dim=-1)
    probability = segment_log_softmax(outputs["logits"], agent, num_agents).exp()[rows]
    return (segment_sum(probability * away, agent[rows], num_agents) * weight).sum()


def in_scene_frame(points: Tensor, pose: Tensor) -> Tensor:
    """Points (N, ..., 2) of the frames `pose` (N, 4) x, y, cos, sin, in the scene's frame."""
    x, y, cos, sin = (each.reshape(-1, *[1] * (points.dim() - 2)) for each in pose.unbind(dim=-1))
    return torch.stack(
        [x + cos * points[..., 0] - sin * points[..., 1], y + sin * points[..., 0] + cos * points[..., 1]], dim=-1
    )


def sampled(maps: Tensor, scene: Tensor, points: Tensor, resolution_m: float) -> Tensor:
    """(N, ...) values of the maps (B, H, W), of rows `scene` (N,), at points (N, ..., 2) of the scene frame.

    Linear between the pixels, whose places are those of RasterFrame; 0 outside.
    """
    _, height, width = maps.shape
    row = 0.5 * height - 0.5 - points[..., 0] / resolution_m
    column = 0.5 * width - 0.5 - points[..., 1] / resolution_m
    inside = (row >= 0.0) & (row <= height - 1.0) & (column >= 0.0) & (column <= width - 1.0)
    row, column = row.clamp(0.0, height - 1.001), column.clamp(0.0, width - 1.001)
    top, left = row.detach().floor(), column.detach().floor()
    first = (scene * height * width).reshape(-1, *[1] * (points.dim() - 2)) + (top * width + left).long()
    flat = maps.reshape(-1)
    down, right = row - top, column - left
    upper = flat[first] * (1.0 - right) + flat[first + 1] * right
    lower = flat[first + width] * (1.0 - right) + flat[first + width + 1] * right
    return (upper * (1.0 - down) + lower * down) * inside
