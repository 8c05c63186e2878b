"""Bodies of people and animals: they go after a point, and speed up, slow down and turn as fast as their kind can."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.scene import AgentClass

STEP_S = 0.1

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class WalkerLimits:
    """What walkers of a class can do at most."""

    speed_mps: float
    acceleration_mps2: float  # in any direction
    turning_radps: float


LIMITS = {
    AgentClass.PEDESTRIAN: WalkerLimits(4.0, 3.5, 4.0),
    AgentClass.ANIMAL: WalkerLimits(10.0, 8.0, 6.0),
}
_TRACKING_RATE = 4.0  # [1/s] how fast a body makes good what it is behind its point
_HURRIES_M = 0.3  # who is farther behind hurries no more than for this: 0.6 m/s above the speed of its point
_TURNS_ABOVE_MPS = 0.15  # slower walkers keep their heading
_ELBOW_ROOM_M = 0.15  # between two bodies; where it is less they push each other aside
_PUSH_PER_S2 = 12.0  # for each metre that is missing


@dataclass
class WalkerBodies:
    """One row per walker; rows are added and dropped as walkers come and go."""

    ids: NDArray[np.int64]
    agent_class: NDArray[np.int64]
    size: FloatArray  # (N, 3) length, width, height [m]
    speed_limit: FloatArray
    acceleration_limit: FloatArray
    turning_limit: FloatArray
    center: FloatArray  # (N, 2) [m]
    yaw: FloatArray
    velocity: FloatArray  # (N, 2) [m/s]
    acceleration: FloatArray  # (N, 2) [m/s^2]
    yaw_rate: FloatArray

    @classmethod
    def empty(cls) -> WalkerBodies:
        none, pairs, whole = np.zeros(0), np.zeros((0, 2)), np.zeros(0, dtype=np.int64)
        return cls(whole, whole, np.zeros((0, 3)), none, none, none, pairs, none, pairs, pairs, none)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, ids: ArrayLike, agent_class: ArrayLike, size: ArrayLike, center: ArrayLike, yaw: ArrayLike) -> None:
        """Adds n walkers who stand: ids, classes, sizes (n, 3), centres (n, 2) and headings (n,)."""
        agent_class = np.asarray(agent_class, dtype=np.int64)
        limits = [LIMITS[AgentClass(each)] for each in agent_class.tolist()]
        count = len(agent_class)
        added = WalkerBodies(
            ids=np.asarray(ids, dtype=np.int64),
            agent_class=agent_class,
            size=np.asarray(size, dtype=np.float64).reshape(count, 3),
            speed_limit=np.array([each.speed_mps for each in limits]),
            acceleration_limit=np.array([each.acceleration_mps2 for each in limits]),
            turning_limit=np.array([each.turning_radps for each in limits]),
            center=np.asarray(center, dtype=np.float64).reshape(count, 2),
            yaw=np.asarray(yaw, dtype=np.float64).reshape(count),
            velocity=np.zeros((count, 2)),
            acceleration=np.zeros((count, 2)),
            yaw_rate=np.zeros(count),
        )
        for each in fields(self):
            setattr(self, each.name, np.concatenate([getattr(self, each.name), getattr(added, each.name)]))

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Drops the walkers of the other rows."""
        if not rows.all():
            for each in fields(self):
                setattr(self, each.name, getattr(self, each.name)[rows])

    def follow(self, rows: NDArray[np.int64], target: FloatArray, velocity: FloatArray) -> None:
        """One step after points at `target` (n, 2) that move with `velocity` (n, 2)."""
        now = self.velocity[rows]
        behind = target - self.center[rows] - 0.5 * STEP_S * (now + velocity)  # beyond what this step brings anyway
        behind = _at_most(behind, np.full(len(rows), _HURRIES_M))
        wanted = _TRACKING_RATE**2 * behind + 2.0 * _TRACKING_RATE * (velocity - now)
        wanted += self._push(rows)
        wanted = _at_most(wanted, self.acceleration_limit[rows])
        then = _at_most(now + STEP_S * wanted, self.speed_limit[rows])
        self.center[rows] += 0.5 * STEP_S * (now + then)
        self.acceleration[rows], self.velocity[rows] = (then - now) / STEP_S, then
        moving = np.linalg.norm(then, axis=-1) > _TURNS_ABOVE_MPS
        turn = np.where(moving, wrap_angle(np.arctan2(then[:, 1], then[:, 0]) - self.yaw[rows]), 0.0)
        most = self.turning_limit[rows] * STEP_S
        turn = np.clip(turn, -most, most)
        self.yaw[rows] = wrap_angle(self.yaw[rows] + turn)
        self.yaw_rate[rows] = turn / STEP_S

    def _push(self, rows: NDArray[np.int64]) -> FloatArray:
        """(n, 2) accelerations away from all walkers that are too near."""
        apart = self.center[rows][:, None] - self.center
        distance = np.linalg.norm(apart, axis=-1)
        radius = 0.5 * np.linalg.norm(self.size[:, :2], axis=-1)
        missing = np.maximum(radius[rows][:, None] + radius + _ELBOW_ROOM_M - distance, 0.0)
        missing[np.arange(len(rows)), rows] = 0.0
        # Two in the same place go to the sides that their numbers tell.
        side = np.sign(self.ids[rows][:, None] - self.ids)[..., None] * np.array([0.6, 0.8])
        away = np.where(distance[..., None] > 1e-3, apart / np.maximum(distance, 1e-3)[..., None], side)
        pushed: FloatArray = (_PUSH_PER_S2 * missing[..., None] * away).sum(axis=1)
        return pushed


def _at_most(vectors: FloatArray, length: FloatArray) -> FloatArray:
    """Vectors (n, 2), shortened where they are longer than (n,)."""
    own = np.linalg.norm(vectors, axis=-1)
    shortened: FloatArray = vectors * np.minimum(1.0, length / np.maximum(own, 1e-9))[:, None]
    return shortened
