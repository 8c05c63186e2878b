"""States at any time between those that were received."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle

_SAME_TIME_S = 1e-6  # stamps are in nanoseconds, seconds of a day keep 1e-11; this only hides the rounding


def interpolate_states(
    frame_times: NDArray[np.float64],
    states: NDArray[np.float64],
    known: NDArray[np.bool_],
    times: NDArray[np.float64],
    *,
    max_gap_s: float,
    max_extrapolation_s: float,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """States (N, P, 5) of N agents at `times` (P,), and where they are valid (N, P).

    frame_times (F,) [s] ascending, states (F, N, 5) of x, y, yaw, vx, vy, known (F, N). Linear between the nearest
    known frames before and after when those are at most `max_gap_s` apart, yaw the short way round; otherwise constant
    velocity from the nearest known frame within `max_extrapolation_s`; otherwise not valid.
    """
    num_frames, num_agents = known.shape
    if num_agents == 0 or num_frames == 0:
        return np.zeros((num_agents, len(times), 5)), np.zeros((num_agents, len(times)), dtype=bool)
    index = np.arange(num_frames)[:, None]
    last_known = np.maximum.accumulate(np.where(known, index, -1), axis=0)
    next_known = np.minimum.accumulate(np.where(known, index, num_frames)[::-1], axis=0)[::-1]
    at_or_before = np.searchsorted(frame_times, times + _SAME_TIME_S, side="right") - 1
    at_or_after = np.searchsorted(frame_times, times - _SAME_TIME_S, side="left")
    before = np.where((at_or_before >= 0)[:, None], last_known[at_or_before], -1).T  # (N, P)
    after = np.where(
        (at_or_after < num_frames)[:, None], next_known[np.minimum(at_or_after, num_frames - 1)], num_frames
    ).T
    has_before, has_after = before >= 0, after < num_frames
    before, after = np.maximum(before, 0), np.minimum(after, num_frames - 1)
    agent = np.arange(num_agents)[:, None]
    first, second = states[before, agent], states[after, agent]  # (N, P, 5)
    since = np.where(has_before, times - frame_times[before], np.inf)
    until = np.where(has_after, frame_times[after] - times, np.inf)

    between = since + until <= max_gap_s + _SAME_TIME_S
    moving = between & (since + until > _SAME_TIME_S)
    weight = np.where(moving, since, 0.0) / np.where(moving, since + until, 1.0)
    weight = weight[..., None]
    result = first + weight * (second - first)
    result[..., 2] = wrap_angle(first[..., 2] + weight[..., 0] * wrap_angle(second[..., 2] - first[..., 2]))

    near = ~between & (np.minimum(since, until) <= max_extrapolation_s + _SAME_TIME_S)
    from_first = since <= until
    nearest = np.where(from_first[..., None], first, second)
    step = np.where(near, np.where(from_first, since, -until), 0.0)[..., None]
    moved = np.concatenate([nearest[..., :2] + step * nearest[..., 3:], nearest[..., 2:]], axis=-1)
    return np.where(near[..., None], moved, result), between | near
