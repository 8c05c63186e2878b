"""The losses of the learned predictor: one path and style of each agent is regressed, all of them are classified.

Tensors: `outputs` are those of the network, (R, C, ...) in the frame of the path's agent; `batch` holds the features by
name and the labels `future_position` (N, T, 2), `future_yaw`, `future_speed`, `future_valid` (N, T) in the same frame,
`weight` (N,), 0 for agents that do not count, and `off_road_m` (B, H, W). Every term is a sum over agents, each times
its weight; dividing by `total_weight` makes it a mean, over all processes where there are several.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from zoox_prediction.training.loss_config import LossConfig
from zoox_prediction.training.ragged import segment_argmin, segment_log_softmax, segment_sum
from zoox_prediction.training.scene_losses import off_road_loss, overlap_loss

_PATH_STEP = 5  # every so many steps the truth is compared with the path: 0.5 s
_MIN_VARIANCE_M2 = 0.02**2
_LINEAR_FROM = 25.0  # squared Mahalanobis distance from which on it counts in proportion to the distance


@dataclass(frozen=True)
class Terms:
    """Sums over the agents of a batch, by the names of LossConfig's weights."""

    sums: Mapping[str, Tensor]
    total_weight: Tensor

    def total(self, config: LossConfig, total_weight: Tensor) -> Tensor:
        """The loss: the weighted mean of all terms."""
        weighted = [getattr(config, name) * value for name, value in self.sums.items()]
        return torch.stack(weighted).sum() / total_weight.clamp(min=1e-6)


def loss_terms(
    outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor], config: LossConfig, raster_resolution_m: float
) -> Terms:
    """All terms of a batch; zero, with gradients, where there is no agent to learn from."""
    agent, num_agents = batch["path_agent"], len(batch["weight"])
    has_path = torch.zeros(num_agents, device=agent.device).index_fill(0, agent, 1.0)
    weight = batch["weight"] * has_path * batch["future_valid"].any(dim=1)
    cost = proposal_cost(outputs["position"].detach(), batch, config)
    rows = torch.nonzero(weight > 0.0)[:, 0]
    best = segment_argmin(cost, agent, num_agents)[rows]
    sums = regression_terms(outputs, batch, best, rows, weight[rows], config)
    sums["mode"] = mode_loss(outputs["logits"], cost, batch, weight, config)
    sums["overlap"] = overlap_loss(outputs, batch, weight)
    sums["off_road"] = off_road_loss(outputs, batch, weight, raster_resolution_m)
    return Terms(sums, weight.sum())


def proposal_cost(position: Tensor, batch: Mapping[str, Tensor], config: LossConfig) -> Tensor:
    """(R, C) [m] how far each proposal is from the truth: mean of average and final displacement, and of its path.

    The path's own distance counts as well, and more, so that a proposal on the right way with the wrong speed is
    preferred to one that happens to come close. 0 where nothing of the truth is known.
    """
    agent = batch["path_agent"]
    truth, valid = batch["future_position"][agent], batch["future_valid"][agent]
    error = torch.linalg.vector_norm(position - truth[:, None], dim=-1) * valid[:, None]
    steps = valid.sum(dim=1).clamp(min=1)
    final = error.gather(2, _last_valid(valid)[:, None, None].expand(-1, error.shape[1], 1))[..., 0]
    moved = 0.5 * (error.sum(dim=2) / steps[:, None] + final)
    return moved + config.path_share * path_distance(batch["path_points"], truth, valid)[:, None]


def path_distance(path_points: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """(R,) [m] mean distance of the valid truth (R, T, 2) from the paths (R, P, 3), which go on straight."""
    steps = torch.arange(_PATH_STEP - 1, truth.shape[1], _PATH_STEP, device=truth.device)
    points, known = truth[:, steps], valid[:, steps]
    start, along = path_points[:, :-1, :2], path_points[:, 1:, :2] - path_points[:, :-1, :2]
    length = (along * along).sum(dim=-1).clamp(min=1e-9)
    ahead = torch.einsum("rtd,rpd->rtp", points, along) - (start * along).sum(dim=-1)[:, None]
    share = (ahead / length[:, None]).clamp(min=0.0)
    share = torch.cat([share[..., :-1].clamp(max=1.0), share[..., -1:]], dim=-1)
    nearest = start[:, None] + share[..., None] * along[:, None]
    distance = torch.linalg.vector_norm(points[:, :, None] - nearest, dim=-1).amin(dim=-1)
    return (distance * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)


def regression_terms(
    outputs: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
    best: Tensor,
    rows: Tensor,
    weight: Tensor,
    config: LossConfig,
) -> dict[str, Tensor]:
    """Terms of the A agents `rows`, whose nearest proposals are `best` (A,), flat indices, and weights `weight` (A,).

    The other styles of the best path learn a little too: a style that never comes closest would stay where it is.
    """
    num_styles = outputs["logits"].shape[1]
    path, style = best // num_styles, best % num_styles
    share = torch.full((len(best), num_styles), config.other_styles, device=weight.device)
    share = share.scatter(1, style[:, None], 1.0) * weight[:, None]  # (A, C)
    valid = batch["future_valid"][rows]
    per_step = share[..., None] * (valid / valid.sum(dim=1, keepdim=True).clamp(min=1))[:, None]  # (A, C, T)
    truth = batch["future_position"][rows][:, None]
    position = outputs["position"][path]
    scale = config.position_scale_m
    huber = functional.huber_loss(position, truth.expand_as(position), reduction="none", delta=scale).sum(-1) / scale
    last = _last_valid(valid)[:, None, None].expand(-1, num_styles, 1)
    turned = outputs["yaw"][path] - batch["future_yaw"][rows][:, None]
    speed = outputs["speed"][path]
    true_speed = batch["future_speed"][rows][:, None].expand_as(speed).abs()
    speed_error = functional.huber_loss(speed, true_speed, reduction="none", delta=config.speed_scale_mps)
    likelihood = negative_log_likelihood(truth - position.detach(), outputs["covariance"][path])
    return {
        "position": (huber * per_step).sum(),
        "final_position": (huber.gather(2, last)[..., 0] * share).sum(),
        "likelihood": (likelihood * per_step).sum(),
        "yaw": ((1.0 - torch.cos(turned)) * per_step).sum(),
        "speed": (speed_error / config.speed_scale_mps * per_step).sum(),
    }


def negative_log_likelihood(error: Tensor, covariance: Tensor) -> Tensor:
    """(...) of errors (..., 2) under Gaussians with covariances (..., 3) xx, xy, yy, but for the constant.

    Only the covariance learns from it. Beyond five standard deviations it grows in proportion to the distance, so that
    a few large errors do not decide.
    """
    xx, xy, yy = covariance.unbind(dim=-1)
    xx, yy = xx + _MIN_VARIANCE_M2, yy + _MIN_VARIANCE_M2
    determinant = (xx * yy - xy * xy).clamp(min=_MIN_VARIANCE_M2**2)
    x, y = error.unbind(dim=-1)
    square = (yy * x * x - 2.0 * xy * x * y + xx * y * y) / determinant
    linear = 2.0 * torch.sqrt(_LINEAR_FROM * square.clamp(min=_LINEAR_FROM)) - _LINEAR_FROM
    return 0.5 * torch.where(square < _LINEAR_FROM, square, linear) + 0.5 * torch.log(determinant)


def mode_loss(logits: Tensor, cost: Tensor, batch: Mapping[str, Tensor], weight: Tensor, config: LossConfig) -> Tensor:
    """Cross-entropy of the proposals' probabilities with a soft target: all that came close to the truth are right."""
    agent, num_agents = batch["path_agent"], len(weight)
    last = _last_valid(batch["future_valid"])
    travelled = torch.linalg.vector_norm(batch["future_position"][torch.arange(num_agents), last], dim=-1)
    tolerance = (config.tolerance_m + config.tolerance_share * travelled)[agent, None]
    target = segment_log_softmax(-0.5 * (cost / tolerance) ** 2, agent, num_agents).exp()
    entropy = -target * segment_log_softmax(logits, agent, num_agents)
    return (segment_sum(entropy, agent, num_agents) * weight).sum()


def _last_valid(valid: Tensor) -> Tensor:
    """(R,) index of the last valid step of (R, T), 0 where there is none."""
    steps = torch.arange(valid.shape[1], device=valid.device)
    return (valid * steps).amax(dim=1)
