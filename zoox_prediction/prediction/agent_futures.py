"""The modes of all agents from now on, as two kinds of drivers, and how they look when they run late."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.models.baselines.classes import group_of
from zoox_prediction.scene import PredictedTrajectories, Scene

_CAUTIOUS, _BOLD = 0.75, 0.25  # quantiles of the two drivers that one mode becomes


@dataclass(frozen=True)
class AgentFutures:
    """N agents x K modes over T + 1 instants from now, without a plan."""

    probability: NDArray[np.float64]  # (N, K)
    quantile: NDArray[np.float64]  # (N, K) of caution
    source: NDArray[np.int64]  # (N, K) column that this one copies
    position: NDArray[np.float64]  # (N, K, T + 1, 2)
    yaw: NDArray[np.float64]  # (N, K, T + 1)
    speed: NDArray[np.float64]  # (N, K, T + 1)
    covariance: NDArray[np.float64]  # (N, K, T + 1, 2, 2)
    low: NDArray[np.float64]  # (N, K, 2) corners of the map-aligned box around `position`
    high: NDArray[np.float64]
    size: NDArray[np.float64]  # (N, 2)
    group: NDArray[np.int64]  # (N,)
    reacts: NDArray[np.bool_]  # (N, K)

    @classmethod
    def of(
        cls, scene: Scene, predictions: PredictedTrajectories, center: NDArray, range_m: float, min_travel_m: float
    ) -> AgentFutures:
        """Of the agents of `scene`; those within `range_m` of `center` (2,) that move over `min_travel_m` react."""
        count, modes = predictions.probability.shape
        now = scene.agents.position[:, None, None, :2]
        position = np.concatenate([np.broadcast_to(now, (count, modes, 1, 2)), predictions.position], axis=2)
        way = np.diff(position, axis=2)
        travel = np.hypot(way[..., 0], way[..., 1])
        in_range = np.linalg.norm(scene.agents.position[:, :2] - center, axis=-1) < range_m
        moves = (travel.sum(axis=2) > min_travel_m) & in_range[:, None]
        source, probability, quantile = _two_drivers(predictions.probability, moves)
        row = np.arange(count)[:, None]

        def each(values: NDArray[np.float64], first: NDArray[np.float64]) -> NDArray[np.float64]:
            chosen = values[row, source]
            return np.concatenate([np.broadcast_to(first, (*chosen.shape[:2], 1, *chosen.shape[3:])), chosen], axis=2)

        speed = np.linalg.norm(scene.agents.velocity, axis=1)[:, None, None]
        # Time to the front: a reduction over the last but one of three axes is several times slower.
        planar = np.ascontiguousarray(np.moveaxis(position, 2, 0))
        return cls(
            probability=probability,
            quantile=quantile,
            source=source,
            position=position[row, source],
            yaw=each(predictions.yaw, scene.agents.yaw[:, None, None]),
            speed=each(predictions.speed, speed),
            covariance=each(predictions.covariance, scene.agents.pose_covariance[:, None, None, :2, :2]),
            low=planar.min(axis=0)[row, source],
            high=planar.max(axis=0)[row, source],
            size=scene.agents.size[:, :2],
            group=group_of(scene.agents.agent_class),
            reacts=moves[row, source],
        )


def _two_drivers(
    probability: NDArray[np.float64], moves: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Column to take (N, K), new probability (N, K), and quantile of caution (N, K): copies of modes in free columns.

    The most probable modes are copied first. Nothing here knows of a plan.
    """
    count, num_modes = probability.shape
    order = np.argsort(-probability, axis=1, kind="stable")
    used = (probability > 0.0).sum(axis=1)[:, None]
    rank = np.arange(num_modes)
    original = np.maximum(rank - used, 0)  # rank `used + i` becomes the copy of rank i
    row = np.arange(count)[:, None]
    copied_column = order[row, original]
    is_copy = (rank >= used) & (original < used) & moves[row, copied_column]
    source = np.tile(rank, (count, 1))
    agent, copy_rank = np.nonzero(is_copy)
    copy, template = order[agent, copy_rank], copied_column[agent, copy_rank]
    source[agent, copy] = template
    split, quantile = probability.copy(), np.full(probability.shape, 0.5)
    split[agent, template] *= 0.5
    split[agent, copy] = split[agent, template]
    quantile[agent, template], quantile[agent, copy] = _BOLD, _CAUTIOUS
    return source, split, quantile


@dataclass(frozen=True)
class Tracks:
    """R modes of agents in the world: (R, T + 1, ...) each."""

    position: NDArray[np.float64]
    yaw: NDArray[np.float64]
    speed: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def of(cls, futures: AgentFutures, agent: NDArray[np.int64], mode: NDArray[np.int64]) -> Tracks:
        return cls(*(getattr(futures, each.name)[agent, mode] for each in fields(cls)))

    def delayed(self, delay: NDArray[np.float64], time_step_s: float) -> Tracks:
        """The same paths travelled `delay` (R, T + 1) [s] late."""
        place = np.arange(delay.shape[1]) - delay / time_step_s
        before = np.clip(place.astype(np.int64), 0, delay.shape[1] - 2)
        part = place - before
        row = np.arange(len(delay))[:, None]

        def sample(array: NDArray[np.float64], *, angle: bool = False) -> NDArray[np.float64]:
            first, change = array[row, before], array[row, before + 1] - array[row, before]
            share = part.reshape(*part.shape, *(1,) * (first.ndim - 2))
            return np.asarray(first + share * (wrap_angle(change) if angle else change))

        rate = 1.0 - np.diff(delay, axis=1, prepend=0.0) / time_step_s
        slowed = sample(self.speed) * np.where(delay > 0.0, rate, 1.0)
        return Tracks(sample(self.position), sample(self.yaw, angle=True), slowed, sample(self.covariance))
