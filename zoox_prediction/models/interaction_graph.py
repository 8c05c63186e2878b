"""Messages between agents, the ego and the static elements near them, with relative poses on the edges.

Everything is seen from the receiver (as in QCNet, Zhou et al. 2023), so that moving or turning the whole scene changes
nothing. Receivers attend to their nearest neighbours (Scene Transformer, Ngiam et al. 2022), static elements are small
polylines (VectorNet, Gao et al. 2020).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoox_prediction.models.frames import rotate_back, seen_from
from zoox_prediction.models.layers import ColumnScale, linear, mlp
from zoox_prediction.models.network_config import NetworkConfig
from zoox_prediction.models.scene_features import ELEMENT_COLUMNS, NUM_ELEMENT_POINTS

_ELEMENT_UNITS = {"speed_limit": 15.0, "length": 20.0, "width": 4.0}
_EDGE_COLUMNS = 9
_DISTANCE_M, _SPEED_MPS = 20.0, 10.0  # what counts as 1


class ElementEncoder(nn.Module):
    """(M, width) codes of static elements from their points (M, 10, 2), in their own frames, and state (M, F)."""

    def __init__(self, width: int, use_signals: bool) -> None:
        super().__init__()
        self.scale = ColumnScale(ELEMENT_COLUMNS, _ELEMENT_UNITS, () if use_signals else ("signal_",))
        self.mlp = mlp(2 * NUM_ELEMENT_POINTS + len(ELEMENT_COLUMNS), width, width)

    def forward(self, points: Tensor, state: Tensor) -> Tensor:
        flat = torch.cat([points.flatten(1) / _DISTANCE_M, self.scale(state)], dim=1)
        return torch.relu(self.mlp(flat))


class Surroundings(NamedTuple):
    """Whom N receivers see: K others each, as rows of a table, where they are valid, and how they lie and move."""

    rows: Tensor  # (N, K)
    valid: Tensor  # (N, K)
    pose: Tensor  # (N, K, 4) in the receiver's frame
    velocity: Tensor  # (N, K, 2) relative to the receiver's, in its frame [m/s]

    def edges(self) -> Tensor:
        """(N, K, 9) of the order of 1."""
        place = self.pose[..., :2]
        distance = torch.sqrt((place * place).sum(dim=-1, keepdim=True) + 1e-6)
        near, toward = torch.log1p(distance) - 2.0, place / (distance + 1.0)
        return torch.cat([place / _DISTANCE_M, toward, near, self.pose[..., 2:], self.velocity / _SPEED_MPS], dim=-1)


def surroundings(
    pose: Tensor, velocity: Tensor, others: Tensor, others_velocity: Tensor, index: Tensor, valid: Tensor
) -> Surroundings:
    """What receivers at `pose` (N, 4) see of rows `index` (N, K) of `others` (S, 4); velocities in the scene frame."""
    pose, velocity = pose[:, None], velocity[:, None]
    away = functional.embedding(index, others_velocity) - velocity
    return Surroundings(index, valid, seen_from(pose, functional.embedding(index, others)), rotate_back(pose, away))


class EdgeAttention(nn.Module):
    """Multi-head attention of N receivers to K others each, whose keys and values know the edge between the two."""

    def __init__(self, width: int, source_width: int, edge_width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.LayerNorm(width)
        self.query = linear(width, width)
        self.source = linear(source_width, 2 * width)
        self.edge = linear(edge_width, 2 * width, bias=False)
        self.out = linear(width, width)

    def forward(self, receiver: Tensor, source: Tensor, around: Surroundings, edge: Tensor) -> Tensor:
        """What is added to `receiver` (N, W), from the rows of `source` (S, ...) around it, over edges (N, K, E)."""
        count, width = edge.shape[1], receiver.shape[1]
        heads, depth = self.num_heads, width // self.num_heads
        query = self.query(self.norm(receiver)).reshape(-1, 1, heads, depth)
        both = functional.embedding(around.rows, self.source(source)) + self.edge(edge)  # (N, K, 2 W)
        key, value = both.reshape(-1, count, 2 * heads, depth).chunk(2, dim=2)
        score = (query * key).sum(dim=-1) * depth**-0.5  # (N, K, heads)
        # Receivers without any valid neighbour spread over invalid ones, which are cut afterwards.
        valid = around.valid[..., None]
        share = torch.softmax(score.masked_fill(~valid, -1e4), dim=1) * valid
        mixed = (share[..., None] * value).sum(dim=1)
        return self.out(mixed.reshape(-1, width))


class Round(nn.Module):
    """One round of messages to the agents: from agents and ego, from static elements, then each for itself."""

    def __init__(self, width: int, edge_width: int, num_heads: int) -> None:
        super().__init__()
        self.agents = EdgeAttention(width, width, edge_width, num_heads)
        self.elements = EdgeAttention(width, edge_width, edge_width, num_heads)
        self.norm = nn.LayerNorm(width)
        self.mlp = mlp(width, 2 * width, width)

    def forward(
        self,
        agents: Tensor,
        ego: Tensor,
        elements: Tensor,
        near: Surroundings,
        static: Surroundings,
        edges: tuple[Tensor, Tensor],
    ) -> Tensor:
        """(N, W) agents after the round; ego (B, W), elements (M + 1, E), edges of both kinds (N, K, E)."""
        agents = agents + self.agents(agents, torch.cat([ego, agents]), near, edges[0])
        agents = agents + self.elements(agents, elements, static, edges[1])
        return agents + self.mlp(self.norm(agents))


class InteractionGraph(nn.Module):
    """The rounds, with what all of them share."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width, edge = config.width, config.edge_width
        self.element = ElementEncoder(edge, config.use_signals)
        self.agent_edge = mlp(_EDGE_COLUMNS, edge)
        self.element_edge = mlp(_EDGE_COLUMNS, edge)
        self.rounds = nn.ModuleList(Round(width, edge, config.num_heads) for _ in range(config.num_rounds))

    def forward(
        self,
        agents: Tensor,
        ego: Tensor,
        element_points: Tensor,
        element_state: Tensor,
        near: Surroundings,
        static: Surroundings,
    ) -> Tensor:
        """(N, W) agents after all rounds. Row 0 of what `static` refers to is nothing, the elements follow."""
        elements = self.element(element_points, element_state)
        elements = torch.cat([elements.new_zeros(1, elements.shape[1]), elements])
        edges = torch.relu(self.agent_edge(near.edges())), torch.relu(self.element_edge(static.edges()))
        for each in self.rounds:
            agents = each(agents, ego, elements, near, static, edges)
        return agents
