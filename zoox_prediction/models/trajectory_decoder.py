"""From the code of a path to the ways it may be driven: controls, uncertainty, how likely; and the answer to a plan."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from zoox_prediction.models.baselines.modes import STEP_TIMES_S
from zoox_prediction.models.frames import signed_log
from zoox_prediction.models.layers import mlp
from zoox_prediction.models.motion_integration import NUM_CONTROLS, Motion, MotionIntegration, PathGeometry
from zoox_prediction.models.network_config import NetworkConfig
from zoox_prediction.models.path_encoder import Projection
from zoox_prediction.models.scene_features import KNOT_STEPS, NUM_PLAN_KNOTS

_SLOWEST_STYLE_MPS2, _FASTEST_STYLE_MPS2 = -1.0, 0.8  # of the styles before training
_MIN_SIGMA_M = 0.05
_MAX_LOG = 2.5  # by which the network may change the standard deviations of the start
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
        self.place = nn.Linear(6, width, bias=False)
        self.gap = nn.Linear(3, width, bias=False)
        self.style = nn.Linear(style_width, 2 * width)
        self.memory = nn.Parameter(torch.full((NUM_PLAN_KNOTS, NUM_PLAN_KNOTS), 1.0 / NUM_PLAN_KNOTS))
        self.register_buffer("earlier", torch.ones(NUM_PLAN_KNOTS, NUM_PLAN_KNOTS).tril(-1), persistent=False)
        self.hidden = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, NUM_CONTROLS)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, style: Tensor, plan: PlanOnPath, speed: Tensor, arc_length: Tensor) -> Tensor:
        """Codes `style` (R, C, H); `speed`, `arc_length` (R, C, 16) of the agent at the knots if there were no plan."""
        along, aside, cos, sin = plan.place
        place = [along / 40.0, signed_log(along), signed_log(aside), cos, sin, plan.speed / 10.0]
        gap = along[:, None] - arc_length
        closing = (plan.place.cos * plan.speed)[:, None] - speed
        of_style, of_answer = self.style(style)[:, :, None].chunk(2, dim=-1)
        token = self.place(torch.stack(place, dim=-1))[:, None] + of_style
        token = token + self.gap(torch.stack([gap / 20.0, signed_log(gap), closing / 10.0], dim=-1))
        token = torch.relu(token) * plan.valid[:, None, :, None]
        heard = (self.memory * self.earlier) @ token
        answer = self.out(torch.relu(self.hidden(heard) + of_answer))
        known = (plan.valid.to(answer.dtype) @ self.earlier.T > 0.0)[:, None, :, None]
        return (answer * known).transpose(2, 3)


class TrajectoryDecoder(nn.Module):
    """C proposals for each of R paths."""

    sigma: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        hidden, styles = config.decoder_width, config.num_styles
        self.path = nn.Linear(config.width, hidden)
        self.style = nn.Parameter(torch.randn(styles, hidden) * 0.5)
        self.mlp = mlp(hidden, hidden, hidden)
        self.out = nn.Linear(hidden, (NUM_CONTROLS + 3) * NUM_PLAN_KNOTS + 1)
        self.habit = nn.Parameter(torch.zeros(styles, NUM_CONTROLS, 1))
        self.plan = PlanResponse(config.plan_width, hidden)
        self.integrate = MotionIntegration(config.max_residual_lateral_mps2, config.max_free_acceleration_mps2)
        with torch.no_grad():
            self.out.weight *= 0.1
            self.out.bias.zero_()
            if styles > 1:
                self.habit[:, 0, 0] = torch.linspace(_SLOWEST_STYLE_MPS2, _FASTEST_STYLE_MPS2, styles)
        time = torch.tensor(STEP_TIMES_S, dtype=torch.float32)
        along, across = 0.1 + 0.2 * time + 0.05 * time**2, 0.1 + 0.08 * time + 0.01 * time**2
        self.register_buffer("sigma", torch.stack([along, across]), persistent=False)

    def forward(self, code: Tensor, path: PathGeometry, plan: PlanOnPath) -> dict[str, Tensor]:
        """Codes of paths (R, W) to logits (R, C), position (R, C, T, 2), course, speed (R, C, T), covariance."""
        style = torch.relu(self.path(code)[:, None] + self.style)
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
        sigma = self.sigma * torch.exp(_MAX_LOG * torch.tanh(spread[:, :, :2] / _MAX_LOG)) + _MIN_SIGMA_M
        along, across = sigma[:, :, 0], sigma[:, :, 1]
        both = _MAX_CORRELATION * torch.tanh(spread[:, :, 2]) * along * across
        cos, sin = torch.cos(motion.course), torch.sin(motion.course)
        along, across = along * along, across * across
        xx = cos * cos * along - 2.0 * cos * sin * both + sin * sin * across
        yy = sin * sin * along + 2.0 * cos * sin * both + cos * cos * across
        xy = cos * sin * (along - across) + (cos * cos - sin * sin) * both
        return torch.stack([xx, xy, yy], dim=-1)
