"""Reductions over the proposals of each agent: rows of a ragged table, as torch tensors."""

from __future__ import annotations

import torch
from torch import Tensor


def segment_max(values: Tensor, agent: Tensor, num_agents: int) -> Tensor:
    """(N,) the largest of the values (R, C) in the rows of each agent, `agent` (R,); -inf for agents without a row."""
    index = agent[:, None].expand_as(values).reshape(-1)
    empty = values.new_full((num_agents,), -torch.inf)
    return empty.scatter_reduce(0, index, values.reshape(-1), "amax", include_self=True)


def segment_sum(values: Tensor, agent: Tensor, num_agents: int) -> Tensor:
    """(N,) the sum of the values (R, C) in the rows of each agent."""
    return values.new_zeros(num_agents).index_add(0, agent, values.sum(dim=1))


def segment_argmin(values: Tensor, agent: Tensor, num_agents: int) -> Tensor:
    """(N,) flat index r * C + c of the smallest of the values (R, C) of each agent, the first of equals.

    R * C for agents without a row.
    """
    least = -segment_max(-values, agent, num_agents)
    flat = torch.arange(values.numel(), device=values.device).reshape(values.shape)
    candidates = torch.where(values == least[agent, None], flat, values.numel())
    index = agent[:, None].expand_as(values).reshape(-1)
    none = torch.full((num_agents,), values.numel(), dtype=torch.int64, device=values.device)
    return none.scatter_reduce(0, index, candidates.reshape(-1), "amin", include_self=True)


def segment_log_softmax(logits: Tensor, agent: Tensor, num_agents: int) -> Tensor:
    """(R, C) logarithms of probabilities that sum to 1 over all the proposals (R, C) of each agent."""
    largest = segment_max(logits.detach(), agent, num_agents)
    shifted = logits - largest[agent, None]
    return shifted - torch.log(segment_sum(shifted.exp(), agent, num_agents))[agent, None]
