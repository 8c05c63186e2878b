"""What holds for the motion of every agent at every step, read off the truth alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation import vehicle_motion, walker_motion
from zoox_prediction.simulation.vehicle_motion import STEP_S
from zoox_prediction.simulation.world import Truth


def breaches(frames: Sequence[Truth]) -> list[str]:
    """One sentence for each agent and frame in which it does what its class cannot."""
    found: list[str] = []
    for before, after in pairwise(frames):
        first, second = before.agents, after.agents
        _, rows, onward = np.intersect1d(first.ids, second.ids, assume_unique=True, return_indices=True)
        moved = second.position[onward, :2] - first.position[rows, :2]
        mean = 0.5 * (first.velocity[rows] + second.velocity[onward])
        turn = np.abs(wrap_angle(second.yaw[onward] - first.yaw[rows]))
        change = np.linalg.norm(second.velocity[onward] - first.velocity[rows], axis=-1) / STEP_S
        jump = np.linalg.norm(moved - mean * STEP_S, axis=-1)
        for index, row in enumerate(rows.tolist()):
            number, agent_class = int(first.ids[row]), AgentClass(int(first.agent_class[row]))
            most_change, most_turn = _limits(agent_class, first.size[row, 0], float(np.linalg.norm(moved[index])))
            for name, value, most in (
                ("jumps", jump[index], 0.06),
                ("accelerates by", change[index], most_change),
                ("turns by", turn[index], most_turn),
            ):
                if value > most:
                    found.append(f"{agent_class.name} {number} {name} {value:.2f} of {most:.2f} at {first.stamp_ns}")
    return found


def _limits(agent_class: AgentClass, length_m: float, moved_m: float) -> tuple[float, float]:
    """The largest change of velocity [m/s^2] and of heading [rad] in one step."""
    if agent_class in walker_motion.LIMITS:
        walker = walker_motion.LIMITS[agent_class]
        return walker.acceleration_mps2 + 1e-6, walker.turning_radps * STEP_S + 1e-6
    limits = vehicle_motion.LIMITS[agent_class]
    along = max(limits.acceleration_mps2, limits.braking_mps2)
    wheelbase = limits.wheelbase_share * length_m
    bend = np.tan(limits.steering_rad) / wheelbase
    # The centre lies ahead of the rear axle: steering moves it sideways too, at the rate of the steering.
    ahead = (0.5 - limits.rear_overhang_share) * length_m
    sideways = ahead * (moved_m / STEP_S) * limits.steering_rate_radps / np.cos(limits.steering_rad) ** 2 / wheelbase
    change = np.hypot(along, limits.lateral_mps2) + sideways + 1.0
    return change, bend * moved_m + 1e-3
