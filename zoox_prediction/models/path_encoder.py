"""Codes of candidate paths: their shape and rules, and who else is on them or comes across."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from zoox_prediction.models.frames import signed_log
from zoox_prediction.models.layers import BEFORE_RELU, ColumnScale, linear, mlp, scatter_sum
from zoox_prediction.models.scene_features import NUM_PATH_POINTS, PATH_COLUMNS, PathKind

_PATH_UNITS = {"curvature": 0.1, "speed_limit": 15.0}
_LENGTH_M, _SPEED_MPS, _TIME_S = 40.0, 10.0, 8.0  # what counts as 1
_PATCH = 4  # points, and then patches, that are put together
_POINT_COLUMNS = 7 + len(PATH_COLUMNS)
_EVERY = 2  # so many points apart are those that others are projected on
_SPEED_LIMIT = PATH_COLUMNS.index("speed_limit")
_SPEED_LIMIT_KNOWN = PATH_COLUMNS.index("speed_limit_known")


class PathShape(nn.Module):
    """(R, width) codes of paths alone: what lies ahead, in metres and in seconds at today's speed.

    Patches of points and patches of patches: a convolution along the path whose steps are its sizes.
    """

    arc_length: Tensor

    def __init__(self, width: int, use_signals: bool) -> None:
        super().__init__()
        self.scale = ColumnScale(PATH_COLUMNS, _PATH_UNITS, () if use_signals else ("signal_",))
        self.patches = linear(_PATCH * _POINT_COLUMNS, width // 2, BEFORE_RELU)
        self.patches_of_patches = linear(_PATCH * (width // 2), width, BEFORE_RELU)
        self.out = linear(NUM_PATH_POINTS // _PATCH**2 * width, width)
        self.kind = nn.Embedding(len(PathKind), width)
        self.register_buffer("arc_length", torch.arange(NUM_PATH_POINTS, dtype=torch.float32), persistent=False)

    def forward(self, points: Tensor, spacing: Tensor, state: Tensor, start_speed: Tensor, kind: Tensor) -> Tensor:
        arc_length = self.arc_length * spacing[:, None]
        speed = start_speed[:, None]
        ahead_s = (arc_length / (speed + 0.5)).clamp(max=2.0 * _TIME_S)
        reserve = (state[..., _SPEED_LIMIT] - speed) * state[..., _SPEED_LIMIT_KNOWN]
        place = torch.stack([arc_length / _LENGTH_M, ahead_s / _TIME_S, reserve / _SPEED_MPS], dim=-1)
        heading = points[..., 2]
        turned = torch.stack([torch.cos(heading), torch.sin(heading)], dim=-1)
        x = torch.cat([points[..., :2] / _LENGTH_M, turned, place, self.scale(state)], dim=-1)
        x = torch.relu(self.patches(x.reshape(-1, NUM_PATH_POINTS // _PATCH, _PATCH * _POINT_COLUMNS)))
        x = x.reshape(-1, NUM_PATH_POINTS // _PATCH**2, _PATCH * x.shape[-1])
        x = torch.relu(self.patches_of_patches(x))
        return self.out(x.flatten(1)) + self.kind(kind)


class Projection(NamedTuple):
    """Where Q poses lie in the coordinates of R paths, (R, Q) each."""

    along: Tensor  # arc length of the nearest point [m], below 0 behind the start and above the reach beyond the end
    aside: Tensor  # to the left [m]
    cos: Tensor  # of the heading relative to the path's there
    sin: Tensor


def project(points: Tensor, spacing: Tensor, pose: Tensor) -> Projection:
    """Poses (R, Q, 4) in the agent frame on paths (R, 64, 3): on the tangent at the nearest of every second point."""
    points = points[:, ::_EVERY]
    x, y = points[:, None, :, 0], points[:, None, :, 1]
    away_x, away_y = pose[..., 0, None] - x, pose[..., 1, None] - y  # (R, Q, P)
    nearest = torch.argmin(away_x * away_x + away_y * away_y, dim=-1)
    row = torch.arange(points.shape[0], device=points.device)[:, None] * points.shape[1] + nearest
    x, y, heading = nn.functional.embedding(row, points.reshape(-1, 3)).unbind(dim=-1)
    cos, sin = torch.cos(heading), torch.sin(heading)
    away_x, away_y = pose[..., 0] - x, pose[..., 1] - y
    return Projection(
        along=nearest * (_EVERY * spacing[:, None]) + cos * away_x + sin * away_y,
        aside=cos * away_y - sin * away_x,
        cos=pose[..., 2] * cos + pose[..., 3] * sin,
        sin=pose[..., 3] * cos - pose[..., 2] * sin,
    )


class OthersOnPath(nn.Module):
    """(R, width) codes of who is on a path or comes across: leaders, crossing traffic, in the path's own coordinates.

    The strongest message of all others counts, feature by feature (PointNet, Qi et al. 2017).
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.place = linear(10, hidden, bias=False)
        self.other = linear(width, hidden)
        self.path = linear(width, hidden, bias=False)
        self.message = linear(hidden, hidden, BEFORE_RELU)
        self.out = linear(hidden, width)

    def forward(
        self,
        path: Tensor,
        agents: Tensor,
        index: Tensor,
        valid: Tensor,
        on_path: Projection,
        speed: Tensor,
        length: Tensor,
        own_speed: Tensor,
    ) -> Tensor:
        """`path` (R, W); rows `index` (R, K) of `agents` (S, W) where `valid` (R, K).

        `speed` and `length` (R, K) are the others', `own_speed` (R, 1) [m/s] along the path.
        """
        closing = on_path.cos * speed
        # Seconds until both would be at the same place along the path, and until the other would be on it.
        gap_s = on_path.along / (own_speed + 0.5)
        crossing_s = -on_path.aside * torch.sign(on_path.sin * speed) / ((on_path.sin * speed).abs() + 0.5)
        place = torch.stack(
            [
                on_path.along / _LENGTH_M,
                signed_log(on_path.along),
                signed_log(on_path.aside),
                on_path.cos,
                on_path.sin,
                closing / _SPEED_MPS,
                (own_speed - closing) / _SPEED_MPS,
                gap_s.clamp(-_TIME_S, _TIME_S) / _TIME_S,
                crossing_s.clamp(-_TIME_S, _TIME_S) / _TIME_S,
                length / 5.0,
            ],
            dim=-1,
        )
        hidden = self.place(place) + nn.functional.embedding(index, self.other(agents)) + self.path(path)[:, None]
        message = torch.relu(self.message(torch.relu(hidden))) * valid[..., None]
        return self.out(message.amax(dim=1))


class PathMixer(nn.Module):
    """Mixes what is known of a path, its agent and those on it, and compares it with the agent's other paths."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = mlp(width, width, width)
        self.norm = nn.LayerNorm(width)
        self.second = linear(2 * width, width)

    def forward(self, path: Tensor, agent: Tensor, num_paths: Tensor) -> Tensor:
        """(R, W) of sums `path` (R, W), whose agents are `agent` (R,) with `num_paths` (N, 1) each."""
        path = path + self.first(torch.relu(path))
        mean = nn.functional.embedding(agent, scatter_sum(path, agent, num_paths.shape[0]) / num_paths)
        return path + self.second(torch.relu(torch.cat([self.norm(path), self.norm(mean)], dim=1)))
