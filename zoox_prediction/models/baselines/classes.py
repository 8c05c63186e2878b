"""Groups of agent classes that move alike, and the physical limits of every class."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.scene import NUM_CLASSES, AgentClass


class Group(IntEnum):
    """Agents that share habits and calibration."""

    VEHICLE = 0
    CYCLIST = 1
    PEDESTRIAN = 2
    OTHER = 3  # animal, unknown


_GROUP_OF_CLASS = np.full(NUM_CLASSES, Group.OTHER, dtype=np.int64)
_GROUP_OF_CLASS[[AgentClass.CAR, AgentClass.TRUCK, AgentClass.BUS, AgentClass.MOTORCYCLIST]] = Group.VEHICLE
_GROUP_OF_CLASS[AgentClass.CYCLIST] = Group.CYCLIST
_GROUP_OF_CLASS[AgentClass.PEDESTRIAN] = Group.PEDESTRIAN


def group_of(agent_class: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) Group of agent classes (N,)."""
    groups: NDArray[np.int64] = _GROUP_OF_CLASS[agent_class]
    return groups


@dataclass(frozen=True)
class LimitsConfig:
    """What an agent of each class can physically do; eight values in the order of AgentClass."""

    max_speed_mps: tuple[float, ...] = (60.0, 35.0, 30.0, 60.0, 15.0, 8.0, 15.0, 40.0)
    max_acceleration_mps2: tuple[float, ...] = (3.5, 2.0, 1.8, 5.0, 2.0, 2.0, 4.0, 3.0)
    max_deceleration_mps2: tuple[float, ...] = (8.0, 6.0, 5.0, 8.0, 5.0, 3.0, 6.0, 6.0)
    max_lateral_acceleration_mps2: tuple[float, ...] = (4.0, 3.0, 2.5, 5.0, 3.0, 3.0, 5.0, 4.0)
    max_curvature_per_m: tuple[float, ...] = (0.2, 0.12, 0.1, 0.4, 0.6, 2.0, 2.0, 0.6)

    def __post_init__(self) -> None:
        for each in fields(self):
            values = getattr(self, each.name)
            if len(values) != NUM_CLASSES or not all(np.isfinite(value) and value > 0 for value in values):
                raise ValueError(f"{each.name} must be {NUM_CLASSES} positive numbers, one per class, got {values}")


@dataclass(frozen=True)
class Limits:
    """The limits of R agents, (R,) each."""

    speed_mps: NDArray[np.float64]
    acceleration_mps2: NDArray[np.float64]
    deceleration_mps2: NDArray[np.float64]
    lateral_acceleration_mps2: NDArray[np.float64]
    curvature_per_m: NDArray[np.float64]

    @classmethod
    def of(cls, agent_class: NDArray[np.int64], config: LimitsConfig) -> Limits:
        """The limits of agent classes (R,)."""
        return cls(*(np.asarray(getattr(config, each.name))[agent_class] for each in fields(config)))
