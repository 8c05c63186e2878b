"""Codes of agents and of the ego: state, past, and what the raster shows around them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoox_prediction.models.layers import ColumnScale, mlp
from zoox_prediction.models.scene_features import AGENT_COLUMNS, EGO_COLUMNS, HISTORY_COLUMNS

_AGENT_UNITS = {
    "length": 5.0, "width": 2.0, "height": 2.0, "speed": 10.0, "lateral_speed": 2.0, "acceleration": 2.0,
    "lateral_acceleration": 2.0, "yaw_rate": 0.3, "time_since_seen": 5.0, "age": 10.0, "jitter": 0.3,
    "front_wheel_angle": 0.3,
}  # fmt: skip
_EGO_UNITS = {"speed": 10.0, "acceleration": 2.0, "yaw_rate": 0.3, "length": 5.0, "width": 2.0}
_HISTORY_UNITS = {"x": 10.0, "y": 10.0, "speed": 10.0}
_ATTRIBUTES = ("on_", "known_", "parked", "front_wheel_angle")


class AgentEncoder(nn.Module):
    """(N, width) codes of agents by state (N, S) and history (N, H, 6)."""

    def __init__(self, width: int, num_history_steps: int, use_attributes: bool) -> None:
        super().__init__()
        self.state = ColumnScale(AGENT_COLUMNS, _AGENT_UNITS, () if use_attributes else _ATTRIBUTES)
        self.history = ColumnScale(HISTORY_COLUMNS, _HISTORY_UNITS)
        inputs = len(AGENT_COLUMNS) + num_history_steps * len(HISTORY_COLUMNS)
        self.mlp = mlp(inputs, 2 * width, width)

    def forward(self, state: Tensor, history: Tensor) -> Tensor:
        return self.mlp(torch.cat([self.state(state), self.history(history).flatten(1)], dim=1))


class EgoEncoder(nn.Module):
    """(B, width) codes of the ego by its state (B, E)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.state = ColumnScale(EGO_COLUMNS, _EGO_UNITS)
        self.mlp = mlp(len(EGO_COLUMNS), width, width)

    def forward(self, state: Tensor) -> Tensor:
        return self.mlp(self.state(state))
