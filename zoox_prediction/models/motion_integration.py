"""From controls at knots to motion that is feasible by construction.

The idea of a kinematic layer (Cui et al., "Deep kinematic models for kinematically feasible vehicle trajectory
predictions", 2020), here relative to a path: without controls an agent follows its path at constant speed.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from zoox_prediction.models.baselines.modes import NUM_STEPS, TIME_STEP_S
from zoox_prediction.models.scene_features import KNOT_STEPS, NUM_PATH_POINTS, NUM_PLAN_KNOTS

NUM_CONTROLS = 4  # acceleration along the path, lateral acceleration away from it, free acceleration x and y [m/s^2]
_TURNING_SPEED_MPS = 3.0  # below it a lateral acceleration means the curvature that it means at this speed
_LEAK = 0.1  # gradient of what a limit cuts off, so that an agent that stands can learn to set off


class PathGeometry(NamedTuple):
    """R paths and the agents on them."""

    heading: Tensor  # (R, 64) unwrapped
    spacing: Tensor  # (R,) [m]
    start_speed: Tensor  # (R,) [m/s] 0 to the maximum
    limits: Tensor  # (R, 4) LIMIT_COLUMNS of the agent
    is_vehicle: Tensor  # (R,)


class Motion(NamedTuple):
    """C motions of R paths, in the frame of the path's agent."""

    x: Tensor  # (R, C, T) [m]
    y: Tensor
    course: Tensor  # (R, C, T) direction of the motion, unwrapped; for others than vehicles without the free part
    cos: Tensor  # of the course in the middle of the step
    sin: Tensor
    speed: Tensor  # (R, C, T) [m/s] >= 0
    travelled: Tensor  # (R, C, T) [m] along the path


def knots_to_steps() -> Tensor:
    """(16, 80): mean of a control in each step, linear between knots, constant before the first."""
    middle = (torch.arange(NUM_STEPS, dtype=torch.float64) + 0.5) / KNOT_STEPS - 1.0  # in knots
    knots = torch.arange(NUM_PLAN_KNOTS, dtype=torch.float64)
    return (1.0 - (middle.clamp(min=0.0) - knots[:, None]).abs()).clamp(min=0.0).float()


def soft_limit(value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """`value` bounded to (-low, high), with slope 1 at 0."""
    bound = torch.where(value < 0.0, low, high)
    return bound * torch.tanh(value / bound)


class MotionIntegration(nn.Module):
    """Integrates controls (R, C, 4, 16) along paths; has no parameters.

    Causal: motion up to a time depends on the knots up to it and on the next one alone, on that only by what lies
    before the time.
    """

    to_steps: Tensor
    cumulate: Tensor
    velocity_of_knots: Tensor

    def __init__(self, max_residual_lateral_mps2: float, max_free_acceleration_mps2: float) -> None:
        super().__init__()
        self.max_residual, self.max_free = max_residual_lateral_mps2, max_free_acceleration_mps2
        # Sums along time are products with triangles: faster than cumsum, forwards and backwards.
        triangle = torch.triu(torch.ones(NUM_STEPS, NUM_STEPS))
        self.register_buffer("to_steps", knots_to_steps(), persistent=False)
        self.register_buffer("cumulate", triangle, persistent=False)
        self.register_buffer("velocity_of_knots", knots_to_steps() @ triangle * TIME_STEP_S, persistent=False)

    def speeds(self, acceleration: Tensor, start: Tensor, limits: Tensor) -> Tensor:
        """(R, C, T) of accelerations at knots (R, C, 16), start speeds (R,) and limits (R, 4) as LIMIT_COLUMNS."""
        top, most, least = (limits[:, None, None, column] for column in (0, 1, 2))
        wanted = start[:, None, None] + soft_limit(acceleration, least, most) @ self.velocity_of_knots
        return self._leak(torch.minimum(wanted.clamp(min=0.0), top), wanted)

    def steps(self, speed: Tensor, start: Tensor) -> Tensor:
        """Lengths (R, C, T) [m] of the steps at speeds (R, C, T) from start speeds (R,)."""
        before = torch.cat([start[:, None, None].expand(-1, speed.shape[1], 1), speed[..., :-1]], dim=-1)
        return (0.5 * TIME_STEP_S) * (before + speed)

    def forward(self, controls: Tensor, path: PathGeometry) -> Motion:
        """Controls (R, C, 4, 16): accelerations along the path and away from it, free ones along x and y [m/s^2]."""
        start = path.start_speed
        speed = self.speeds(controls[:, :, 0], start, path.limits)
        step = self.steps(speed, start)
        travelled = step @ self.cumulate
        turn = self._turns(step, travelled, speed, controls[:, :, 1], path)
        course = path.heading[:, None, :1] + turn @ self.cumulate
        middle = course - 0.5 * turn
        others = (~path.is_vehicle)[:, None, None, None]
        free = soft_limit(controls[:, :, 2:], self.max_free, self.max_free) * others
        drift = free @ self.velocity_of_knots * TIME_STEP_S
        cos, sin = torch.cos(middle), torch.sin(middle)
        step_x, step_y = step * cos + drift[:, :, 0], step * sin + drift[:, :, 1]
        length = torch.sqrt(step_x * step_x + step_y * step_y + 1e-8)
        kept = (path.limits[:, None, None, 0] * TIME_STEP_S / length).clamp(max=1.0)
        return Motion(
            x=(step_x * kept) @ self.cumulate,
            y=(step_y * kept) @ self.cumulate,
            course=course,
            cos=cos,
            sin=sin,
            speed=torch.where(path.is_vehicle[:, None, None], speed, length * kept / TIME_STEP_S),
            travelled=travelled,
        )

    def _turns(self, step: Tensor, travelled: Tensor, speed: Tensor, lateral: Tensor, path: PathGeometry) -> Tensor:
        """(R, C, T) [rad] turned in each step (R, C, T): with the path, away from it, as far as can be steered."""
        on_path = self._heading_at(path, travelled)
        first = path.heading[:, None, :1].expand(-1, step.shape[1], 1)
        aside = soft_limit(lateral, self.max_residual, self.max_residual) @ self.to_steps
        aside = aside * step / speed.clamp(min=_TURNING_SPEED_MPS) ** 2
        turn = on_path - torch.cat([first, on_path[..., :-1]], dim=-1) + aside
        sharpest = path.limits[:, None, None, 3] * step
        return torch.where(
            path.is_vehicle[:, None, None], torch.maximum(torch.minimum(turn, sharpest), -sharpest), turn
        )

    def _heading_at(self, path: PathGeometry, arc_length: Tensor) -> Tensor:
        """Headings (R, C, T) of paths at arc lengths (R, C, T), linear between points and straight beyond the end."""
        heading = path.heading
        place = (arc_length / path.spacing[:, None, None]).clamp(max=NUM_PATH_POINTS - 1.0)
        low = place.detach().long().clamp(0, NUM_PATH_POINTS - 2)
        row = torch.arange(heading.shape[0], device=heading.device)[:, None, None] * (NUM_PATH_POINTS - 1) + low
        slope = heading[:, 1:] - heading[:, :-1]
        table = torch.stack([heading[:, :-1], slope], dim=-1).reshape(-1, 2)
        at, rise = nn.functional.embedding(row, table).unbind(dim=-1)
        return at + rise * (place - low)

    def _leak(self, limited: Tensor, wanted: Tensor) -> Tensor:
        """`limited`, with a little gradient to `wanted` while the network learns."""
        if not self.training:
            return limited
        excess = wanted - limited
        return limited + _LEAK * (excess - excess.detach())
