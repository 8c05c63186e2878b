"""What happens between the ego's plan and an agent's course: shared ground, distance, probability to collide.

A course is one mode of one agent under one plan; R of them are measured at once. All arrays over time have T + 1
columns, column 0 is now.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from zoox_prediction.geometry import box_distance
from zoox_prediction.prediction.plans import EgoFutures

_NEGLIGIBLE_SIGMA = 4.0  # boxes farther apart than this have an overlap probability below 1e-4
_MIN_SIGMA_M = 1e-3
_GAP_TOLERANCE_M, _GAP_SHARE = 0.01, 0.98  # a far gap may be less exact


@dataclass(frozen=True)
class SharedGround:
    """When the ego and R courses first claim ground that the other one sweeps as well; +inf where nothing is shared."""

    ego_s: NDArray[np.float64]  # (R,) the ego enters what the agent sweeps at any time
    agent_s: NDArray[np.float64]  # (R,) the agent enters what the ego sweeps at any time
    both_s: NDArray[np.float64]  # (R,) the second of the two enters the first ground that both have claimed

    def __getitem__(self, rows: NDArray[np.int64]) -> SharedGround:
        return SharedGround(self.ego_s[rows], self.agent_s[rows], self.both_s[rows])


def shared_ground(
    ego: EgoFutures,
    plan: NDArray[np.int64],
    position: NDArray[np.float64],
    yaw: NDArray[np.float64],
    size: NDArray[np.float64],
    interval_s: float,
) -> SharedGround:
    """When both claim the same ground, for R courses: position (R, T + 1, 2), yaw (R, T + 1), size (R, 2), plan (R,).

    The entry times of both define the post-encroachment time of Allen, Shin & Cooper (TRR 667, 1978). What is swept is
    taken in pieces of `interval_s`, the box grown by the way travelled in it, and compared in the axes of the ego.
    """
    stride = max(round(interval_s / ego.time_step_s), 1)
    ego_center, ego_half, ego_yaw = _pieces(ego.center, ego.yaw, np.broadcast_to(ego.size, (len(ego), 2)), stride)
    ego_valid = ego.valid[:, :-1:stride]
    center, half, heading = _pieces(position, yaw, size, stride)
    times = np.arange(center.shape[1]) * stride * ego.time_step_s
    ego_s, agent_s, both_s = (np.full(len(plan), np.inf) for _ in range(3))
    near = np.flatnonzero(_boxes_near(ego_center, ego_half, center, half, plan))
    later = np.maximum(times[:, None], times[None, :])
    for rows in np.array_split(near, max(len(near) // 512, 1)):  # pieces x pieces of 512 courses fit the cache
        which = plan[rows]
        overlap = _overlap(ego_center[which], ego_half[which], ego_yaw[which], center[rows], half[rows], heading[rows])
        overlap &= ego_valid[which][:, :, None]
        ego_s[rows] = np.where(overlap.any(axis=2), times, np.inf).min(axis=1, initial=np.inf)
        agent_s[rows] = np.where(overlap.any(axis=1), times, np.inf).min(axis=1, initial=np.inf)
        both_s[rows] = np.where(overlap, later, np.inf).min(axis=(1, 2), initial=np.inf)
    return SharedGround(ego_s, agent_s, both_s)


def _pieces(
    position: NDArray[np.float64], yaw: NDArray[np.float64], size: NDArray[np.float64], stride: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Centre (R, S, 2), half length and width (R, S, 2), and yaw (R, S) of boxes over the pieces of a course.

    The way of a piece is taken to be along the yaw.
    """
    ends = position[:, ::stride]
    if (position.shape[1] - 1) % stride:
        ends = np.concatenate([ends, position[:, -1:]], axis=1)
    center = 0.5 * (ends[:, 1:] + ends[:, :-1])
    half = np.repeat(0.5 * size[:, None, :], center.shape[1], axis=1)
    way = np.diff(ends, axis=1)
    half[..., 0] += 0.5 * np.hypot(way[..., 0], way[..., 1])
    return center, half, yaw[:, :-1:stride]


def _boxes_near(
    ego_center: NDArray, ego_half: NDArray, center: NDArray, half: NDArray, plan: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(R,) whether the axis-parallel boxes around both courses meet."""
    ego_reach = ego_half.sum(axis=-1, keepdims=True)  # over the half diagonal
    reach = half.sum(axis=-1, keepdims=True)
    ego_low, ego_high = (ego_center - ego_reach).min(axis=1)[plan], (ego_center + ego_reach).max(axis=1)[plan]
    near: NDArray[np.bool_] = (
        ((center - reach).min(axis=1) <= ego_high) & ((center + reach).max(axis=1) >= ego_low)
    ).all(axis=1)
    return near


def _overlap(
    ego_center: NDArray, ego_half: NDArray, ego_yaw: NDArray, center: NDArray, half: NDArray, yaw: NDArray
) -> NDArray[np.bool_]:
    """(R, E, S) whether piece e of the ego and piece s of the course overlap, tested on the axes of the ego's box."""
    relative = (center[:, None] - ego_center[:, :, None]).astype(np.float32)
    ego_cos, ego_sin = (each(ego_yaw)[:, :, None].astype(np.float32) for each in (np.cos, np.sin))
    cos, sin = (each(yaw)[:, None, :].astype(np.float32) for each in (np.cos, np.sin))
    along = np.abs(ego_cos * relative[..., 0] + ego_sin * relative[..., 1])
    across = np.abs(ego_cos * relative[..., 1] - ego_sin * relative[..., 0])
    turn_cos = np.abs(cos * ego_cos + sin * ego_sin)
    turn_sin = np.abs(sin * ego_cos - cos * ego_sin)
    length, width = (half[:, None, :, axis].astype(np.float32) for axis in (0, 1))
    reach_x = ego_half[:, :, None, 0].astype(np.float32) + length * turn_cos + width * turn_sin
    reach_y = ego_half[:, :, None, 1].astype(np.float32) + length * turn_sin + width * turn_cos
    overlap: NDArray[np.bool_] = (along < reach_x) & (across < reach_y)
    return overlap


@dataclass(frozen=True)
class Separation:
    """Where R courses are to the ego, in the axes of its box, at every instant of its plan (R, T + 1).

    In float32: distances from the ego, not coordinates of the map.
    """

    along: NDArray  # [m] from the ego's centre to the agent's
    across: NDArray
    half_x: NDArray  # sum of the half extents of both boxes along the ego
    half_y: NDArray  # and across
    valid: NDArray[np.bool_]  # within the plan

    @classmethod
    def of(
        cls,
        ego: EgoFutures,
        plan: NDArray[np.int64],
        position: NDArray[np.float64],
        yaw: NDArray[np.float64],
        size: NDArray[np.float64],
    ) -> Separation:
        """Of courses with position (R, T + 1, 2), yaw (R, T + 1) and size (R, 2) under the plans `plan` (R,)."""
        x = (position[..., 0] - ego.center[plan, :, 0]).astype(np.float32)
        y = (position[..., 1] - ego.center[plan, :, 1]).astype(np.float32)
        ego_yaw = ego.yaw.astype(np.float32)
        turn = yaw.astype(np.float32) - ego_yaw[plan]
        cos, sin = np.cos(ego_yaw)[plan], np.sin(ego_yaw)[plan]  # (R, T + 1)
        turn_cos, turn_sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
        half = (0.5 * size).astype(np.float32)
        length, width = half[:, :1], half[:, 1:]
        return cls(
            along=cos * x + sin * y,
            across=cos * y - sin * x,
            half_x=0.5 * ego.size[0] + length * turn_cos + width * turn_sin,
            half_y=0.5 * ego.size[1] + length * turn_sin + width * turn_cos,
            valid=ego.valid[plan],
        )


def smallest_gap(
    ego: EgoFutures,
    plan: NDArray[np.int64],
    position: NDArray[np.float64],
    yaw: NDArray[np.float64],
    size: NDArray[np.float64],
    separation: Separation | None = None,
) -> NDArray[np.float64]:
    """(R,) [m] smallest distance between the boxes at one time, over the steps of the plan; 0 where they overlap.

    Correct to 1 cm plus 2 %: the distance of the bounding boxes along the ego's axes is a lower bound, and exact
    ones are only taken where the bound is below the exact one of the most promising step.
    """
    separation = separation or Separation.of(ego, plan, position, yaw, size)
    beside = np.maximum(np.abs(separation.along) - separation.half_x, 0.0)
    before = np.maximum(np.abs(separation.across) - separation.half_y, 0.0)
    bound = np.where(separation.valid, np.hypot(beside, before), np.inf)

    def exact(row: NDArray[np.int64], step: NDArray[np.int64]) -> NDArray[np.float64]:
        which = plan[row]
        return box_distance(
            ego.center[which, step], ego.yaw[which, step], ego.size, position[row, step], yaw[row, step], size[row]
        )

    row = np.arange(len(plan))
    smallest = exact(row, np.argmin(bound, axis=1))
    row, step = np.nonzero(bound < _GAP_SHARE * smallest[:, None] - _GAP_TOLERANCE_M)
    np.minimum.at(smallest, row, exact(row, step))
    return smallest


def collision_probability(
    separation: Separation,
    ego: EgoFutures,
    plan: NDArray[np.int64],
    yaw: NDArray[np.float64],
    size: NDArray[np.float64],
    covariance: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(R,) probability that the boxes overlap at some step of the plan; covariance (R, T + 1, 2, 2) [m^2] of positions.

    At one step the boxes overlap where the agent's centre is within the half extents of both, along the axes of the
    ego's box and along those of its own (separating axis theorem). The probability of each of these two rectangles is
    taken as the product of its sides', without their correlation, and the smaller one counts: an upper estimate. Over
    time the largest of the steps counts, since the position error of one mode hardly changes from step to step: a lower
    bound of the union (cf. Lambert, Gruyer, Saint Pierre, ITSC 2008).
    """
    xx, xy, yy = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    largest = 0.5 * (xx + yy + np.sqrt((xx - yy) ** 2 + 4.0 * xy**2))  # eigenvalue: no axis has a larger variance
    reach = _NEGLIGIBLE_SIGMA * np.sqrt(np.maximum(largest, _MIN_SIGMA_M**2))
    row, step = np.nonzero(
        separation.valid
        & (np.abs(separation.along) < separation.half_x + reach)
        & (np.abs(separation.across) < separation.half_y + reach)
    )
    along, across = separation.along[row, step], separation.across[row, step]
    ego_yaw, agent_yaw, sigma = ego.yaw[plan[row], step], yaw[row, step], covariance[row, step]
    in_ego_axes = _inside(along, across, separation.half_x[row, step], separation.half_y[row, step], sigma, ego_yaw)
    cos, sin = np.cos(agent_yaw - ego_yaw), np.sin(agent_yaw - ego_yaw)
    half_length = 0.5 * (size[row, 0] + ego.size[0] * np.abs(cos) + ego.size[1] * np.abs(sin))
    half_width = 0.5 * (size[row, 1] + ego.size[0] * np.abs(sin) + ego.size[1] * np.abs(cos))
    in_own_axes = _inside(
        cos * along + sin * across, cos * across - sin * along, half_length, half_width, sigma, agent_yaw
    )
    probability = np.zeros(len(plan))
    np.maximum.at(probability, row, np.minimum(in_ego_axes, in_own_axes))
    return probability


def _inside(x: NDArray, y: NDArray, half_x: NDArray, half_y: NDArray, covariance: NDArray, yaw: NDArray) -> NDArray:
    """(Q,) probability that a Gaussian about (x, y) is inside the rectangle, in axes turned by `yaw` to the map."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    xx, xy, yy = covariance[:, 0, 0], covariance[:, 0, 1], covariance[:, 1, 1]
    sigma_x = np.sqrt(np.maximum(cos**2 * xx + 2.0 * cos * sin * xy + sin**2 * yy, _MIN_SIGMA_M**2))
    sigma_y = np.sqrt(np.maximum(sin**2 * xx - 2.0 * cos * sin * xy + cos**2 * yy, _MIN_SIGMA_M**2))
    along = ndtr((half_x - x) / sigma_x) - ndtr((-half_x - x) / sigma_x)
    across = ndtr((half_y - y) / sigma_y) - ndtr((-half_y - y) / sigma_y)
    return np.asarray(along * across)
