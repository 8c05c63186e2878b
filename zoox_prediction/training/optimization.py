"""The learning rate over a training, and the average of the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from zoox_prediction.training.train_config import OptimizationConfig


def progress(step: int, elapsed_s: float, config: OptimizationConfig) -> float:
    """Share of the training that is done before `step`, after `elapsed_s` of training; 1 ends it."""
    share = step / config.steps
    if config.max_minutes is not None:
        share = max(share, elapsed_s / (60.0 * config.max_minutes))
    return min(share, 1.0)


def learning_rate(step: int, share: float, config: OptimizationConfig) -> float:
    """Linear warm-up, then half a cosine down to `final_share` (Loshchilov and Hutter, SGDR, ICLR 2017)."""
    warm = min(1.0, (step + 1) / (config.warmup_steps + 1))
    cosine = 0.5 * (1.0 + math.cos(math.pi * share))
    return config.learning_rate * warm * (config.final_share + (1.0 - config.final_share) * cosine)


def make_optimizer(network: nn.Module, config: OptimizationConfig) -> torch.optim.Optimizer:
    """AdamW; biases, scales and single vectors are not pulled towards 0."""
    named = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [each for each in named if each.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [each for each in named if each.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate)


@torch.no_grad()
def update_average(average: Mapping[str, Tensor], weights: Mapping[str, Tensor], step: int, keep: float) -> None:
    """Moves `average` towards `weights` in place, faster at the beginning; `keep` is the share kept per step."""
    share = 1.0 - min(keep, (1.0 + step) / (10.0 + step))
    floating = [name for name, value in average.items() if value.is_floating_point()]
    torch._foreach_lerp_([average[name] for name in floating], [weights[name] for name in floating], share)
    for name in average.keys() - set(floating):
        average[name].copy_(weights[name])
