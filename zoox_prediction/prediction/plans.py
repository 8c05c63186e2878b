"""Candidate plans of the ego as they came, checked and put on the time grid of the predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.geometry import wrap_angle
from zoox_prediction.scene import CandidatePlans, Scene

_MAX_SPEED_MPS = 100.0
_MAX_START_OFFSET_M = 20.0  # between the ego and a plan that starts now: localisation, not another place


@dataclass(frozen=True)
class EgoFutures:
    """The ego's box under C plans at T + 1 instants: column 0 is the stamp of the scene, column t + 1 is step t."""

    center: NDArray[np.float64]  # (C, T + 1, 2) [m] map frame
    yaw: NDArray[np.float64]  # (C, T + 1)
    speed: NDArray[np.float64]  # (C, T + 1) [m/s] along the yaw
    valid: NDArray[np.bool_]  # (C, T + 1) false beyond the end of a plan, where it goes on with constant velocity
    size: NDArray[np.float64]  # (2,) length, width [m]
    time_step_s: float

    def __len__(self) -> int:
        return len(self.center)

    def every(self, stride: int) -> EgoFutures:
        """Only one of `stride` instants, from now on."""
        return EgoFutures(
            center=self.center[:, ::stride],
            yaw=self.yaw[:, ::stride],
            speed=self.speed[:, ::stride],
            valid=self.valid[:, ::stride],
            size=self.size,
            time_step_s=self.time_step_s * stride,
        )


def check_plans(plans: CandidatePlans) -> None:
    """Raises InputError in one sentence that names the first plan that cannot be answered."""
    if len(plans) == 0:
        raise InputError("there is no candidate plan; send at least one")
    if not (np.isfinite(plans.time_step_s) and plans.time_step_s > 0.0):
        raise InputError(f"the time step of the plans must be > 0 s, got {plans.time_step_s}")
    states = np.concatenate([plans.position, plans.yaw[..., None], plans.speed[..., None]], axis=-1)
    finite = np.isfinite(states).all(axis=-1)
    for plan in range(len(plans)):  # a handful of plans
        valid = plans.valid[plan]
        steps = int(valid.sum())
        if steps == 0:
            raise InputError(f"plan {plan} has no steps; give it at least one or leave it out")
        if not valid[:steps].all():
            raise InputError(f"plan {plan} has a hole before step {int(np.argmin(valid))}; only its end may be missing")
        if not finite[plan, :steps].all():
            raise InputError(f"plan {plan} is not finite at step {int(np.argmin(finite[plan, :steps]))}; mend the plan")
        fastest = float(np.abs(plans.speed[plan, :steps]).max())
        if fastest > _MAX_SPEED_MPS:
            raise InputError(
                f"plan {plan} has a speed of {fastest:.4g} m/s; speeds are in m/s, up to {_MAX_SPEED_MPS:g}"
            )


def ego_futures(scene: Scene, plans: CandidatePlans, num_steps: int, time_step_s: float) -> EgoFutures:
    """The plans on the grid of the predictions, linear between their steps, from the ego of the scene on if known.

    Raises InputError as `check_plans`, and when the plans are over before the scene, start after the horizon, or do not
    start where the ego is.
    """
    check_plans(plans)
    width = plans.valid.shape[1]
    times = (plans.start_ns - scene.stamp_ns) * 1e-9 + (np.arange(width) + 1) * plans.time_step_s
    ends = times[plans.valid.sum(axis=1) - 1]  # (C,)
    if ends.min() <= 0.0:
        raise InputError(
            f"plan {int(np.argmin(ends))} is over {-ends.min():.2f} s before the newest scene; start it at the scene"
        )
    if times[0] > num_steps * time_step_s:
        raise InputError(
            f"the plans start {times[0]:.2f} s after the newest scene, beyond the horizon of the predictions"
        )
    heading = np.stack([np.cos(plans.yaw), np.sin(plans.yaw)], axis=-1)
    states = np.concatenate(
        [plans.position + scene.ego_center_offset_m * heading, plans.yaw[..., None], plans.speed[..., None]], axis=-1
    )
    if times[0] > 0.0:
        states = np.concatenate([_states_now(scene, states[:, 0], times[0])[:, None], states], axis=1)
        times = np.concatenate([[0.0], times])
    grid = np.arange(num_steps + 1) * time_step_s
    sampled = _sample(states, times, ends, grid)
    return EgoFutures(
        center=sampled[..., :2],
        yaw=wrap_angle(sampled[..., 2]),
        speed=sampled[..., 3],
        valid=grid <= ends[:, None] + 1e-6,
        size=np.array(scene.ego_size, dtype=np.float64),
        time_step_s=time_step_s,
    )


def _states_now(scene: Scene, first: NDArray[np.float64], time_s: float) -> NDArray[np.float64]:
    """(C, 4) centre, yaw and speed at the scene: of its ego, else back from the first step (C, 4) of each plan."""
    if scene.ego is None:
        back = first.copy()
        back[:, 0] -= first[:, 3] * np.cos(first[:, 2]) * time_s
        back[:, 1] -= first[:, 3] * np.sin(first[:, 2]) * time_s
        return back
    heading = np.array([np.cos(scene.ego.yaw), np.sin(scene.ego.yaw)])
    center = scene.ego.position + scene.ego_center_offset_m * heading
    away = np.linalg.norm(first[:, :2] - center, axis=1)
    reach = _MAX_START_OFFSET_M + _MAX_SPEED_MPS * time_s
    if (away > reach).any():
        plan = int(np.argmax(away))
        raise InputError(
            f"plan {plan} starts {away[plan]:.1f} m from the ego; plans are in the frame of the scene (map)"
        )
    now = np.array([*center, scene.ego.yaw, scene.ego.velocity @ heading])
    return np.repeat(now[None], len(first), axis=0)


def _sample(states: NDArray[np.float64], times: NDArray, ends: NDArray, grid: NDArray) -> NDArray[np.float64]:
    """States (C, S, 4) of x, y, yaw, speed at times (S,), at `grid` (G,); constant velocity beyond `ends` (C,)."""
    last = np.searchsorted(times, ends - 1e-9)  # (C,) index of the last step of each plan
    before = np.clip(np.searchsorted(times, grid + 1e-9, side="right") - 1, 0, len(times) - 1)  # (G,)
    before = np.minimum(before[None], last[:, None])  # (C, G)
    after = np.minimum(before + 1, last[:, None])
    span = times[after] - times[before]
    past_end = grid[None] > ends[:, None]
    weight = np.where(
        (span > 0.0) & ~past_end, np.clip((grid - times[before]) / np.where(span > 0, span, 1.0), 0, 1), 0.0
    )
    row = np.arange(len(states))[:, None]
    first, second = states[row, before], states[row, after]
    sampled = first + weight[..., None] * (second - first)
    sampled[..., 2] = first[..., 2] + weight * wrap_angle(second[..., 2] - first[..., 2])
    travel = np.where(past_end, (grid - ends[:, None]) * first[..., 3], 0.0)
    sampled[..., 0] += travel * np.cos(first[..., 2])
    sampled[..., 1] += travel * np.sin(first[..., 2])
    return sampled
