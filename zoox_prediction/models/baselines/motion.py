"""How every agent moves now: velocity, acceleration and turn rate, estimated from its past.

A recorded or tracked velocity may be noisy, late or plainly wrong, so it is one measurement among the past positions:
x(t) = x0 + v t + a t^2 / 2 is fitted per agent by weighted least squares with a zero-mean prior on the acceleration
(Bar-Shalom, Li, Kirubarajan, "Estimation with Applications to Tracking and Navigation", section 3.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.models.baselines.classes import Group, Limits, LimitsConfig, group_of
from zoox_prediction.scene import Attribute, Scene

MAX_COORDINATE_M = 1e7  # farther than any map; beyond it float64 loses the millimetres


@dataclass(frozen=True)
class MotionConfig:
    """Weights of the fit and the thresholds between standing, slow or turning, and moving."""

    memory_s: float = 0.5  # the weight of a past step falls by e every so often
    position_noise_m: float = 0.08
    velocity_noise_mps: float = 0.5  # of the tracked velocity, unless its covariance says more
    velocity_gate_mps: float = 1.0  # a tracked velocity that differs by more from the past positions is not used
    acceleration_prior_mps2: tuple[float, ...] = (1.2, 1.0, 0.6, 1.0)  # in the order of Group
    standing_speed_mps: tuple[float, ...] = (0.7, 0.4, 0.25, 0.4)  # in the order of Group
    slow_speed_mps: float = 3.0
    turning_rate_radps: float = 0.08
    reversing_max_speed_mps: float = 3.0
    max_gap_s: float = 3.0  # steps older than this are ignored
    new_agent_jitter_m: float = 0.15  # assumed of an agent without a past
    new_agent_steps: float = 1.0  # past steps that this assumption counts as

    def __post_init__(self) -> None:
        for name in ("acceleration_prior_mps2", "standing_speed_mps"):
            values = getattr(self, name)
            if len(values) != len(Group) or not all(value > 0 for value in values):
                raise ValueError(f"{name} must be {len(Group)} positive numbers, one per group, got {values}")
        for name in ("memory_s", "position_noise_m", "velocity_noise_mps", "velocity_gate_mps", "max_gap_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(frozen=True)
class Motion:
    """The motion of N agents now."""

    agent_class: NDArray[np.int64]  # (N,)
    group: NDArray[np.int64]  # (N,) Group
    position: NDArray[np.float64]  # (N, 2) [m]
    yaw: NDArray[np.float64]  # (N,) of the body
    course: NDArray[np.float64]  # (N,) direction of motion; of the body when standing
    speed: NDArray[np.float64]  # (N,) [m/s] >= 0
    acceleration: NDArray[np.float64]  # (N,) [m/s^2] along the course
    turn_rate: NDArray[np.float64]  # (N,) [rad/s] of the course
    standing: NDArray[np.bool_]  # (N,)
    parked: NDArray[np.bool_]  # (N,) known to be parked
    reversing: NDArray[np.bool_]  # (N,) moves against its yaw
    jitter_m: NDArray[
        np.float64
    ]  # (N,) how far the past strays from a smooth motion, or a standing agent from where it is
    size: NDArray[np.float64]  # (N, 2) length, width [m]
    limits: Limits  # of N agents

    def __len__(self) -> int:
        return len(self.position)


def estimate_motion(scene: Scene, config: MotionConfig, limits_config: LimitsConfig) -> Motion:
    """The motion of all N agents of `scene`; finite and within the limits of their classes whatever the scene holds."""
    agents = scene.agents
    agent_class = np.asarray(agents.agent_class)
    group = group_of(agent_class)
    limits = Limits.of(agent_class, limits_config)
    position = np.clip(np.nan_to_num(agents.position[:, :2]), -MAX_COORDINATE_M, MAX_COORDINATE_M)
    yaw = wrap_angle(np.nan_to_num(agents.yaw, posinf=0.0, neginf=0.0))
    velocity, acceleration, jitter, wander = _fit(scene, position, group, config)
    speed = np.minimum(np.hypot(velocity[:, 0], velocity[:, 1]), limits.speed_mps)
    parked = (agents.attributes & agents.attributes_valid & np.uint32(Attribute.PARKED)) > 0
    standing = parked | (speed < np.asarray(config.standing_speed_mps)[group])
    course = np.where(standing, yaw, np.arctan2(velocity[:, 1], velocity[:, 0]))
    away = np.abs(wrap_angle(course - yaw))
    legged = group == Group.PEDESTRIAN
    reversing = ~standing & ~legged & (away > 0.75 * np.pi) & (speed < config.reversing_max_speed_mps)
    tangent = np.stack([np.cos(course), np.sin(course)], axis=1)
    along = np.clip(np.sum(acceleration * tangent, axis=1), -limits.deceleration_mps2, limits.acceleration_mps2)
    turn_rate = _turn_rate(scene, course, tangent, speed, acceleration, reversing, config)
    most = np.minimum(limits.lateral_acceleration_mps2 / np.maximum(speed, 0.1), limits.curvature_per_m * speed)
    return Motion(
        agent_class=agent_class,
        group=group,
        position=position,
        yaw=yaw,
        course=course,
        speed=np.where(standing, 0.0, speed),
        acceleration=np.where(standing, 0.0, along),
        turn_rate=np.where(standing, 0.0, np.clip(turn_rate, -most, most)),
        standing=standing,
        parked=parked,
        reversing=reversing,
        jitter_m=np.where(standing, wander, jitter),
        size=np.clip(np.nan_to_num(agents.size[:, :2]), 0.1, 40.0),
        limits=limits,
    )


def _past(scene: Scene, config: MotionConfig) -> tuple[NDArray, NDArray, NDArray]:
    """Times (P,) [s] <= 0, weights (N, P) of the usable past steps, and which steps are valid (N, P)."""
    steps = scene.past_position.shape[1]
    times = (np.arange(steps) - (steps - 1)) * scene.time_step_s
    finite = (np.abs(scene.past_position) < MAX_COORDINATE_M).all(axis=2)  # false for NaN too
    valid = scene.past_valid & finite & (times > -config.max_gap_s)
    return times, valid * np.exp(times / config.memory_s), valid


def _fit(scene: Scene, position: NDArray, group: NDArray, config: MotionConfig) -> tuple[NDArray, ...]:
    """Velocity and acceleration (N, 2) of the fit; rms of the past (N,) around the fit, and around the present."""
    times, weight, valid = _past(scene, config)
    offset = np.where(valid[..., None], scene.past_position - position[:, None, :], 0.0)
    design = np.stack([np.ones_like(times), times, 0.5 * times**2], axis=1)  # (P, 3)
    precision = weight / config.position_noise_m**2
    outer = (design[:, :, None] * design[:, None, :]).reshape(len(times), 9)
    information = (precision @ outer).reshape(-1, 3, 3)
    vector = np.einsum("npc,pi->nic", precision[..., None] * offset, design)
    information[:, 2, 2] += 1.0 / np.asarray(config.acceleration_prior_mps2)[group] ** 2
    information[:, 0, 0] += 1.0 / config.position_noise_m**2
    information[:, 1, 1] += 1e-6
    from_positions = np.linalg.solve(information, vector)
    velocity, noise = _tracked_velocity(scene, config)
    differs = np.linalg.norm(velocity - from_positions[:, 1], axis=1)
    spread = np.sqrt(np.linalg.inv(information)[:, 1, 1])  # an agent seen once knows nothing from its positions
    gate = np.maximum(config.velocity_gate_mps, 3.0 * spread)
    trust = np.where(np.isfinite(noise) & (differs < gate), 1.0 / noise**2, 0.0)
    information[:, 1, 1] += trust
    vector[:, 1] += trust[:, None] * velocity
    state = np.linalg.solve(information, vector)
    residual = np.where(valid[..., None], offset - np.einsum("pi,nic->npc", design, state), 0.0)
    return state[:, 1], state[:, 2], _jitter(residual, valid, config), _jitter(offset, valid, config)


def _jitter(residual: NDArray, valid: NDArray, config: MotionConfig) -> NDArray:
    """(N,) rms per axis of residuals (N, P, 2); an agent with a short past counts as restless."""
    known = np.maximum(valid.sum(axis=1) - 1.0, 0.0)  # the present is where it is
    assumed = config.new_agent_steps * config.new_agent_jitter_m**2 * np.exp(-known / 3.0)
    mean = (0.5 * (residual**2).sum(axis=(1, 2)) + assumed) / (known + config.new_agent_steps)
    return np.minimum(np.sqrt(mean), 1.0)


def _tracked_velocity(scene: Scene, config: MotionConfig) -> tuple[NDArray, NDArray]:
    """The tracker's velocity (N, 2) and its standard deviation (N,), infinite where it is not finite."""
    velocity = scene.agents.velocity
    variance = 0.5 * np.trace(scene.agents.velocity_covariance, axis1=1, axis2=2)
    variance = np.where(np.isfinite(variance), np.maximum(variance, 0.0), 0.0)
    finite = np.asarray(np.isfinite(velocity).all(axis=1))
    noise = np.where(finite, np.maximum(np.sqrt(variance), config.velocity_noise_mps), np.inf)
    return np.where(finite[:, None], np.clip(velocity, -100.0, 100.0), 0.0), noise


def _turn_rate(
    scene: Scene,
    course: NDArray,
    tangent: NDArray,
    speed: NDArray,
    acceleration: NDArray,
    reversing: NDArray,
    config: MotionConfig,
) -> NDArray:
    """Turn rate (N,) [rad/s]: the slope of the past yaw where that points along the motion, else v x a / v^2."""
    times, weight, valid = _past(scene, config)
    lateral = tangent[:, 0] * acceleration[:, 1] - tangent[:, 1] * acceleration[:, 0]
    from_positions = lateral / np.maximum(speed, 1.0)
    facing = np.where(reversing, wrap_angle(scene.agents.yaw + np.pi), scene.agents.yaw)
    turned = wrap_angle(np.nan_to_num(scene.past_yaw - scene.agents.yaw[:, None]))
    turned = np.where(valid, turned, 0.0)
    spread = (weight * times**2).sum(axis=1)
    slope = (weight * times * turned).sum(axis=1) / (spread + 0.05)  # the constant shrinks what a short past claims
    aligned = (np.abs(wrap_angle(course - facing)) < 0.2) & (valid.sum(axis=1) >= 3)
    rate: NDArray = np.where(aligned, slope, from_positions)
    return np.nan_to_num(rate)
