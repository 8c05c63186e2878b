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


@dataclass(frozen=True)
class SharedGround:
    """When the ego and R courses first claim ground that the other one sweeps as well; +inf where nothing is shared."""

    ego_s: NDArray[np.float64]  # (R,) the ego enters what the agent sweeps at any time
    agent_s: NDArray[np.float64]  # (R,) the agent enters what the ego sweeps at any time
    both_s: NDArray[np.float64]  # (R,) the second of the two enters the first ground that both have claimed


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
    half[..., 0] += 0.5 * np.linalg.norm(np.diff(ends, axis=1), axis=-1)
    return center, half, yaw[:, :-1:stride]


def _boxes_near(
    ego_center: NDArray, ego_half: NDArray, center: NDArray, half: NDArray, plan: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(R,) whether the axis-parallel boxes around both courses meet."""
    ego_reach = np.linalg.norm(ego_half, axis=-1, keepdims=True)
    reach = np.linalg.norm(half, axis=-1, keepdims=True)
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


def smallest_gap(
    ego: EgoFutures,
    plan: NDArray[np.int64],
    position: NDArray[np.float64],
    yaw: NDArray[np.float64],
    size: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(R,) [m] smallest distance between the boxes at one time, over the steps of the plan; 0 where they overlap.

    Exact distances are only taken at steps where, by the circles in and around the boxes, the smallest one can be.
    """
    distance = np.linalg.norm(position - ego.center[plan], axis=-1)
    distance = np.where(ego.valid[plan], distance, np.inf)
    outer = 0.5 * (np.linalg.norm(size, axis=1) + np.linalg.norm(ego.size))
    inner = 0.5 * (size.min(axis=1) + ego.size.min())
    bound = np.maximum(distance.min(axis=1) - inner, 0.0)
    row, step = np.nonzero(distance - outer[:, None] <= bound[:, None])
    gaps = box_distance(
        ego.center[plan[row], step], ego.yaw[plan[row], step], ego.size, position[row, step], yaw[row, step], size[row]
    )
    smallest = np.full(len(plan), np.inf)
    np.minimum.at(smallest, row, gaps)
    return smallest


def collision_probability(
    ego: EgoFutures,
    plan: NDArray[np.int64],
    position: NDArray[np.float64],
    yaw: NDArray[np.float64],
    size: NDArray[np.float64],
    covariance: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(R,) probability that the boxes overlap at some step of the plan; covariance (R, T + 1, 2, 2) [m^2] of positions.

    At one step: the Gaussian of the agent's centre over the rectangle in the axes of the ego's box in which the boxes
    overlap (its own plus the agent's half extents along them), without the correlation between them. Over time: the
    largest of the steps, since the position error of one mode hardly changes from step to step; that is a lower bound
    of the union (cf. Lambert, Gruyer, Saint Pierre, ITSC 2008).
    """
    relative = position - ego.center[plan]
    ego_cos, ego_sin = np.cos(ego.yaw)[plan], np.sin(ego.yaw)[plan]
    along = ego_cos * relative[..., 0] + ego_sin * relative[..., 1]
    across = ego_cos * relative[..., 1] - ego_sin * relative[..., 0]
    outer = 0.5 * (np.linalg.norm(size, axis=1) + np.linalg.norm(ego.size))[:, None]
    sigma = np.sqrt(np.maximum(covariance[..., 0, 0] + covariance[..., 1, 1], 0.0))  # at least that of any axis
    reach = outer + _NEGLIGIBLE_SIGMA * sigma
    row, step = np.nonzero(ego.valid[plan] & (np.abs(along) < reach) & (np.abs(across) < reach))

    cos, sin = ego_cos[row, step], ego_sin[row, step]
    xx, xy, yy = (covariance[row, step, i, j] for i, j in ((0, 0), (0, 1), (1, 1)))
    sigma_x = np.sqrt(np.maximum(cos**2 * xx + 2.0 * cos * sin * xy + sin**2 * yy, _MIN_SIGMA_M**2))
    sigma_y = np.sqrt(np.maximum(sin**2 * xx - 2.0 * cos * sin * xy + cos**2 * yy, _MIN_SIGMA_M**2))
    turn = yaw[row, step] - ego.yaw[plan[row], step]
    turn_cos, turn_sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    half_x = 0.5 * (ego.size[0] + size[row, 0] * turn_cos + size[row, 1] * turn_sin)
    half_y = 0.5 * (ego.size[1] + size[row, 0] * turn_sin + size[row, 1] * turn_cos)
    x, y = along[row, step], across[row, step]
    overlap = (ndtr((half_x - x) / sigma_x) - ndtr((-half_x - x) / sigma_x)) * (
        ndtr((half_y - y) / sigma_y) - ndtr((-half_y - y) / sigma_y)
    )
    probability = np.zeros(len(plan))
    np.maximum.at(probability, row, overlap)
    return probability
