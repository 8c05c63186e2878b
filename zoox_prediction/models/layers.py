"""Small parts that several of the network's modules are made of."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers of these widths with ReLU between them, none after the last."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class ColumnScale(nn.Module):
    """Brings the columns of a feature to the order of 1, and cuts those that the network must not see."""

    scale: Tensor

    def __init__(self, columns: tuple[str, ...], units: Mapping[str, float], hidden: tuple[str, ...] = ()) -> None:
        """`units` are what counts as 1 in the columns of these names, 1 for others; `hidden` are prefixes of names."""
        super().__init__()
        scale = [0.0 if name.startswith(hidden) else 1.0 / units.get(name, 1.0) for name in columns]
        self.register_buffer("scale", torch.tensor(scale), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """(..., columns) to the same shape."""
        return values * self.scale


def scatter_sum(values: Tensor, target: Tensor, count: int) -> Tensor:
    """(N, D) sums of the rows `values` (R, D) that go to each `target` row (R,); `count` is N."""
    # Not index_add: its export to ONNX forgets to add (seen up to torch 2.13).
    index = target[:, None].expand(-1, values.shape[1])
    return values.new_zeros(count, values.shape[1]).scatter_add(0, index, values)
