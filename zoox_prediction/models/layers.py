"""Small parts that several of the network's modules are made of."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

BEFORE_RELU = 2.0**0.5  # gain that keeps the scale through a ReLU (He et al. 2015)


def linear(inputs: int, outputs: int, gain: float = 1.0, bias: bool = True) -> nn.Linear:
    """A linear layer whose outputs have `gain` times the scale of its inputs before training."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    _start(layer.weight, layer.bias, gain)
    return layer


def convolution(inputs: int, outputs: int, size: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A convolution before a ReLU; with stride 1 it keeps height and width."""
    padding = dilation * (size // 2) if stride == 1 else 0
    layer = nn.Conv2d(inputs, outputs, size, stride, padding, dilation)
    _start(layer.weight, layer.bias, BEFORE_RELU)
    return layer


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers of these widths with ReLU between them, none after the last."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths[:-1]):
        layers += [linear(inputs, outputs, BEFORE_RELU), nn.ReLU()]
    return nn.Sequential(*layers, linear(widths[-2], widths[-1]))


def _start(weight: Tensor, bias: Tensor | None, gain: float) -> None:
    nn.init.normal_(weight, std=gain / weight[0].numel() ** 0.5)
    if bias is not None:
        nn.init.zeros_(bias)


_MOST = 5.0  # of a scaled column


class ColumnScale(nn.Module):
    """Brings the columns of a feature to the order of 1, bounds them, and cuts those that are not to be seen."""

    scale: Tensor

    def __init__(self, columns: tuple[str, ...], units: Mapping[str, float], hidden: tuple[str, ...] = ()) -> None:
        """`units` are what counts as 1 in the columns of these names, 1 for others; `hidden` are prefixes of names."""
        super().__init__()
        scale = [0.0 if name.startswith(hidden) else 1.0 / units.get(name, 1.0) for name in columns]
        self.register_buffer("scale", torch.tensor(scale), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """(..., columns) to the same shape."""
        return (values * self.scale).clamp(-_MOST, _MOST)


def scatter_sum(values: Tensor, target: Tensor, count: int) -> Tensor:
    """(N, D) sums of the rows `values` (R, D) that go to each `target` row (R,); `count` is N."""
    # Not index_add: its export to ONNX forgets to add (seen up to torch 2.13).
    index = target[:, None].expand(-1, values.shape[1])
    return values.new_zeros(count, values.shape[1]).scatter_add(0, index, values)
