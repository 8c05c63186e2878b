"""From the code of a path to the ways it may be driven: controls, uncertainty, how likely; and the answer to a plan."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from zoox_prediction.models.baselines.modes import STEP_TIMES_S
from zoox_prediction.models.frames import signed_log
from zoox_prediction.models.layers import BEFORE_RELU, linear, mlp
from zoox_prediction.models.motion_integration import NUM_CONTROLS, Motion, MotionIntegration, PathGeometry, soft_limit
from zoox_prediction.models.network_config import NetworkConfig
from zoox_prediction.models.path_encoder import Projection
from zoox_prediction.models.scene_features import KNOT_STEPS, NUM_PLAN_KNOTS

_SLOWEST_STYLE_MPS2, _FASTEST_STYLE_MPS2 = -1.0, 0.8  # of the styles before training
# Standard deviations before training, along and across the course: now, and how they grow.
_SIGMA_M, _SIGMA_PER_S, _SIGMA_PER_M = 0.1, (0.1, 0.05), (0.06, 0.01)
_MIN_SIGMA_M = 0.05
_MIN_SHARE_ACROSS = 0.02  # of that along, so that rounding leaves covariances positive definite
_MAX_LOG = 2.5  # by which the network may change them
_MAX_CORRELATION = 0.95


class PlanOnPath(NamedTuple):
    """A candidate plan of the ego seen from R paths, at the 16 knots."""

    place: Projection  # (R, 16)
    speed: Tensor  # (R, 16) [m/s]
    valid: Tensor  # (R, 16)


class PlanResponse(nn.Module):
    """What is added to the controls (R, C, 4, 16) because of a plan: exactly nothing without one.

    A knot hears of the plan before it only; it is the first whose control counts from there on.
    """

    earlier: Tensor

    def __init__(self, width: int, style_width: int) -> None:
        super().__init__()
        self.place = linear(6, width, BEFORE_RELU)
        self.memory = nn.Parameter(torch.full((NUM_PLAN_KNOTS, NUM_PLAN_KNOTS), 1.0 / NUM_PLAN_KNOTS))
        self.heard = linear(width, width, bias=False)
        self.gap = linear(4, width, bias=False)
        self.style = linear(style_width, width)
        self.out = linear(width, NUM_CONTROLS)
        self.register_buffer("earlier", torch.ones(NUM_PLAN_KNOTS, NUM_PLAN_KNOTS).tril(-1), persistent=False)
        nn.init.zeros_(self.out.weight)

    def forward(self, style: Tensor, plan: PlanOnPath, speed: Tensor, arc_length: Tensor) -> Tensor:
        """Codes `style` (R, C, H); `speed`, `arc_length` (R, C, 16) of the agent at the knots if there were no plan."""
        along, aside, cos, sin = plan.place
        valid = plan.valid.to(style.dtype)
        place = [along / 40.0, signed_log(along), signed_log(aside), cos, sin, plan.speed / 10.0]
        token = torch.relu(self.place(torch.stack(place, dim=-1))) * valid[..., None]
        heard = self.heard((self.memory * self.earlier) @ token)  # (R, 16, P)
        ahead = along[:, None] - arc_length
        closing = (cos * plan.speed)[:, None] - speed
        near = torch.exp(-0.25 * aside.abs())[:, None].expand_as(ahead)
        gap = torch.stack([(ahead / 20.0).clamp(-4.0, 4.0), 0.5 * signed_log(ahead), closing / 10.0, near], dim=-1)
        gap = gap * valid[:, None, :, None]
        latest = torch.cat([torch.zeros_like(gap[:, :, :1]), gap[:, :, :-1]], dim=2)
        answer = self.out(torch.relu(heard[:, None] + self.gap(latest) + self.style(style)[:, :, None]))
        known = valid @ self.earlier.T > 0.0
        return (answer * known[:, None, :, None]).transpose(2, 3)


class TrajectoryDecoder(nn.Module):
    """C proposals for each of R paths."""

    sigma: Tensor
    sigma_per_m: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        hidden, styles = config.decoder_width, config.num_styles
        self.norm = nn.LayerNorm(config.width)
        self.path = linear(config.width, hidden)
        self.style = nn.Parameter(torch.randn(styles, hidden) * 0.5)
        self.mlp = mlp(hidden, hidden, hidden)
        self.out = linear(hidden, (NUM_CONTROLS + 3) * NUM_PLAN_KNOTS + 1)
        self.habit = nn.Parameter(torch.zeros(styles, NUM_CONTROLS, 1))
        self.plan = PlanResponse(config.plan_width, hidden)
        self.integrate = MotionIntegration(config.max_residual_lateral_mps2, config.max_free_acceleration_mps2)
        with torch.no_grad():
            self.out.weight *= 0.02
            if styles > 1:
                self.habit[:, 0, 0] = torch.linspace(_SLOWEST_STYLE_MPS2, _FASTEST_STYLE_MPS2, styles)
        growth = torch.tensor(STEP_TIMES_S) * torch.tensor(_SIGMA_PER_S)[:, None]
        self.register_buffer("sigma", (_SIGMA_M + growth).float(), persistent=False)
        self.register_buffer("sigma_per_m", torch.tensor(_SIGMA_PER_M)[:, None], persistent=False)

    def forward(self, code: Tensor, path: PathGeometry, plan: PlanOnPath) -> dict[str, Tensor]:
        """Codes of paths (R, W) to logits (R, C), position (R, C, T, 2), course, speed (R, C, T), covariance."""
        style = torch.relu(self.path(self.norm(code))[:, None] + self.style)
        style = torch.relu(style + self.mlp(style))
        out = self.out(style)
        split = NUM_CONTROLS * NUM_PLAN_KNOTS
        styles = style.shape[1]
        controls = out[..., :split].reshape(-1, styles, NUM_CONTROLS, NUM_PLAN_KNOTS) + self.habit
        spread = out[..., split:-1].reshape(-1, styles, 3, NUM_PLAN_KNOTS)
        controls = controls + self._answer(style, controls, path, plan)
        motion = self.integrate(controls, path)
        return {
            "logits": out[..., -1],
            "position": torch.stack([motion.x, motion.y], dim=-1),
            "course": motion.course,
            "speed": motion.speed,
            "covariance": self._covariance(spread, motion),
        }

    def _answer(self, style: Tensor, controls: Tensor, path: PathGeometry, plan: PlanOnPath) -> Tensor:
        speed = self.integrate.speeds(controls[:, :, 0].detach(), path.start_speed, path.limits)
        arc_length = self.integrate.steps(speed, path.start_speed) @ self.integrate.cumulate
        at_knots = slice(KNOT_STEPS - 1, None, KNOT_STEPS)
        return self.plan(style, plan, speed[..., at_knots], arc_length[..., at_knots])

    def _covariance(self, spread: Tensor, motion: Motion) -> Tensor:
        """(R, C, T, 3) xx, xy, yy [m^2] of log scales along and across the course, and correlation (R, C, 3, 16)."""
        spread = spread @ self.integrate.to_steps
        scale = torch.exp(soft_limit(spread[:, :, :2], _MAX_LOG, _MAX_LOG))
        travelled = motion.travelled.detach()[:, :, None]
        sigma = (self.sigma + self.sigma_per_m * travelled) * scale + _MIN_SIGMA_M
        along = sigma[:, :, 0]
        across = torch.maximum(sigma[:, :, 1], _MIN_SHARE_ACROSS * along)
        both = _MAX_CORRELATION * torch.tanh(spread[:, :, 2]) * along * across
        cos, sin = motion.cos, motion.sin
        along, across = along * along, across * across
        xx = cos * cos * along - 2.0 * cos * sin * both + sin * sin * across
        yy = sin * sin * along + 2.0 * cos * sin * both + cos * cos * across
        xy = cos * sin * (along - across) + (cos * cos - sin * sin) * both
        return torch.stack([xx, xy, yy], dim=-1)
