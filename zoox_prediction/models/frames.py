"""Planar poses (..., 4) as x, y, cos, sin, and what is seen from them."""

from __future__ import annotations

import torch
from torch import Tensor


def rotate(pose: Tensor, vector: Tensor) -> Tensor:
    """Directions (..., 2) in the frames `pose` (..., 4) as the outer frame sees them."""
    cos, sin = pose[..., 2], pose[..., 3]
    x, y = vector[..., 0], vector[..., 1]
    return torch.stack([cos * x - sin * y, sin * x + cos * y], dim=-1)


def rotate_back(pose: Tensor, vector: Tensor) -> Tensor:
    """Directions (..., 2) of the outer frame as the frames `pose` (..., 4) see them."""
    cos, sin = pose[..., 2], pose[..., 3]
    x, y = vector[..., 0], vector[..., 1]
    return torch.stack([cos * x + sin * y, cos * y - sin * x], dim=-1)


def seen_from(pose: Tensor, other: Tensor) -> Tensor:
    """Poses `other` (..., 4) of the outer frame as the frames `pose` (..., 4) see them."""
    return torch.cat([rotate_back(pose, other[..., :2] - pose[..., :2]), rotate_back(pose, other[..., 2:])], dim=-1)


def out_of(pose: Tensor, points: Tensor) -> Tensor:
    """Points (..., 2) in the frames `pose` (..., 4) as the outer frame sees them."""
    return rotate(pose, points) + pose[..., :2]


def signed_log(distance: Tensor) -> Tensor:
    """Lengths [m] squeezed so that near differences count more than far ones, with their sign."""
    return torch.sign(distance) * torch.log1p(distance.abs())
