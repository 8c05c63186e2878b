"""The convolutional network over the raster, and what agents and paths see of it around them.

Strided patches make the first map (as in ViT, Dosovitskiy et al. 2021); residual blocks without normalisation start as
the identity (SkipInit, De and Smith 2020), which is as good at this depth and the same in training and afterwards.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoox_prediction.models.layers import convolution, linear
from zoox_prediction.raster.config import RasterConfig

COARSEST_STRIDE = 16
_PATCH = 4  # pixels: side of what becomes one cell of the first map


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside the identity."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = convolution(width, width, 3)
        self.second = convolution(width, width, 3, dilation=dilation)
        nn.init.zeros_(self.second.weight)
        if self.second.bias is not None:
            nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class RasterCnn(nn.Module):
    """From (B, C, H, W) uint8 pixels to maps (B, width, H / stride, W / stride) at strides 4 and 8."""

    mask: Tensor

    def __init__(
        self,
        num_channels: int,
        widths: tuple[int, ...],
        hidden_channels: tuple[int, ...] = (),
        learns_in_bfloat16: bool = True,
    ) -> None:
        """`hidden_channels` are not looked at. Pixels are exact in bfloat16; after training all is float32."""
        super().__init__()
        self.learns_in_bfloat16 = learns_in_bfloat16
        fine, middle, wide = widths
        mask = torch.ones(1, num_channels, 1, 1)
        mask[:, list(hidden_channels)] = 0.0
        self.register_buffer("mask", mask / 255.0, persistent=False)
        self.stem = convolution(num_channels, fine, _PATCH, stride=_PATCH)
        self.fine = Residual(fine)
        self.down = convolution(fine, middle, 2, stride=2)
        self.middle = Residual(middle)
        self.down_again = convolution(middle, wide, 2, stride=2)
        self.wide = Residual(wide, dilation=2)
        self.up = convolution(wide, middle, 1)
        self.join = Residual(middle)

    def forward(self, raster: Tensor) -> tuple[Tensor, Tensor]:
        half = self.training and self.learns_in_bfloat16
        with torch.autocast(raster.device.type, torch.bfloat16, enabled=half):
            fine = self.fine(functional.relu(self._patches(raster, torch.bfloat16 if half else torch.float32)))
            middle = self.middle(functional.relu(self.down(fine)))
            wide = self.wide(functional.relu(self.down_again(middle)))
            above = functional.interpolate(self.up(wide), scale_factor=2.0, mode="nearest")
            middle = self.join(middle + above)
        return fine.float(), middle.float()

    def _patches(self, raster: Tensor, kind: torch.dtype) -> Tensor:
        """(B, D, H / 4, W / 4): a linear map of every patch of 4 x 4 pixels."""
        weight = self.stem.weight * self.mask
        if torch.onnx.is_in_onnx_export():
            return functional.conv2d(raster.to(kind), weight, self.stem.bias, stride=_PATCH)
        # The same, an eighth of the time while it learns: rows of four pixels are moved as one number each.
        batch, channels, height, width = raster.shape
        rows = raster.contiguous().view(torch.int32).reshape(batch, channels, height // _PATCH, _PATCH, width // _PATCH)
        pixels = rows.permute(0, 2, 4, 1, 3).contiguous().view(torch.uint8).flatten(3)
        return functional.linear(pixels.to(kind), weight.flatten(1), self.stem.bias).permute(0, 3, 1, 2)


class RasterSampler(nn.Module):
    """Bilinear samples of the maps at points of the scene frame; 0 outside of the raster."""

    def __init__(self, raster: RasterConfig) -> None:
        super().__init__()
        self.size_px, self.resolution_m = raster.size_px, raster.resolution_m

    def forward(self, feature_map: Tensor, stride: int, scene: Tensor, points: Tensor) -> Tensor:
        """(Q, P, D) of a map (B, D, H, W) at points (Q, P, 2) of the scenes `scene` (Q,)."""
        cells, cell_m = self.size_px // stride, self.resolution_m * stride
        # x ahead is up, y to the left is left: see RasterFrame.
        row_column = (0.5 * cells - 0.5) - points / cell_m
        inside = ((row_column > -1.0) & (row_column < cells)).all(dim=-1)
        index = row_column.long().clamp(0, cells - 2)
        share = (row_column - index).clamp(0.0, 1.0)
        flat = scene[:, None] * (cells * cells) + index[..., 0] * cells + index[..., 1]
        corners = torch.stack([flat, flat + 1, flat + cells, flat + cells + 1], dim=-1)  # (Q, P, 4)
        table = feature_map.permute(0, 2, 3, 1).reshape(-1, feature_map.shape[1])
        down, right = share[..., 0], share[..., 1]
        weight = (
            torch.stack([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right], dim=-1)
            * inside[..., None]
        )
        values = functional.embedding(corners, table)  # (Q, P, 4, D)
        return (values * weight[..., None]).sum(dim=2)


class RasterView(nn.Module):
    """(Q, width) codes of what maps show at P points of each of Q rows."""

    def __init__(self, raster: RasterConfig, stride: int, channels: int, num_points: int, width: int) -> None:
        super().__init__()
        self.stride = stride
        self.sample = RasterSampler(raster)
        self.out = linear(num_points * channels, width)

    def forward(self, feature_map: Tensor, scene: Tensor, points: Tensor) -> Tensor:
        """At `points` (Q, P, 2) in the scene frame of the scenes `scene` (Q,)."""
        return self.out(self.sample(feature_map, self.stride, scene, points).flatten(1))
