"""Small encounters by hand: an ego that drives east along y = 0, and agents that keep their velocity without it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zoox_prediction.prediction.conditional import ConditionalConfig, answer_plans
from zoox_prediction.prediction.guarded import GuardConfig, constant_velocity
from zoox_prediction.scene import (
    AgentClass,
    CandidatePlans,
    ConditionalAnswer,
    EgoState,
    PredictedTrajectories,
    Scene,
    TrackedAgents,
)

START_NS = 1_700_000_000_000_000_000


class Straight:
    """Constant velocity in mode 0, 0.2 m of position deviation that does not grow."""

    name, version = "straight", "1"

    def predict(self, scene: Scene) -> PredictedTrajectories:
        certain = GuardConfig(position_deviation_m=0.2, velocity_deviation_mps=0.0, acceleration_deviation_mps2=0.0)
        predictions = constant_velocity(scene, certain, 6, 80, 0.1)
        return replace(predictions, speed=np.maximum(predictions.speed, 0.0))


def scene_with(*agents: tuple[float, float, float, float, AgentClass], ego_speed: float | None = 8.0) -> Scene:
    """Agents as (x, y, vx, vy, class), boxes along their velocity; the ego's base_link at the origin."""
    count = len(agents)
    table = np.array([agent[:4] for agent in agents], dtype=np.float64).reshape(count, 4)
    velocity = table[:, 2:]
    yaw = np.arctan2(velocity[:, 1], velocity[:, 0])
    states = TrackedAgents.from_states(
        START_NS, np.arange(count) + 10, np.array([int(agent[4]) for agent in agents]), table[:, :2], yaw, velocity
    )
    ego = None
    if ego_speed is not None:
        ego = EgoState(START_NS, np.zeros(2), 0.0, np.array([ego_speed, 0.0]))
    return Scene(
        START_NS, states, table[:, None, :2], yaw[:, None], velocity[:, None], np.ones((count, 1), dtype=bool), ego=ego
    )


def plans_of(*speeds, time_step_s: float = 0.1, lengths=None) -> CandidatePlans:
    """Plans straight east from the origin under speed profiles (T,) [m/s]."""
    speed = np.array(speeds, dtype=np.float64)
    distance = np.cumsum(speed * time_step_s, axis=1)
    valid = np.ones(speed.shape, dtype=bool)
    for plan, length in enumerate(lengths or ()):
        valid[plan, length:] = False
    return CandidatePlans(
        START_NS,
        time_step_s,
        np.stack([distance, np.zeros_like(distance)], axis=-1),
        np.zeros_like(speed),
        speed,
        valid,
    )


def keep(speed: float, steps: int = 80) -> np.ndarray:
    return np.full(steps, speed)


def brake(speed: float, deceleration: float, start_s: float = 0.0, steps: int = 80) -> np.ndarray:
    time = (np.arange(steps) + 1) * 0.1
    return np.clip(speed - deceleration * np.maximum(time - start_s, 0.0), 0.0, None)


def ask(scene: Scene, plans: CandidatePlans, config: ConditionalConfig | None = None) -> ConditionalAnswer:
    return answer_plans(scene, plans, Straight(), config)
