"""Where every agent of a recording was at any time, interpolated between the frames of the ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.scene import TrackedAgents

MAX_GAP_S = 0.5  # frames farther apart than this are not interpolated between
_EXACT_NS = 1_000_000  # a time this near to a frame is the frame's: stamps of recordings jitter


@dataclass(frozen=True)
class Future:
    """N agents over T steps, in the map frame; step t is at stamp + (t + 1) * time_step. Zero where not `valid`."""

    position: NDArray[np.float64]  # (N, T, 2) centre of the box [m]
    yaw: NDArray[np.float64]  # (N, T) [rad]
    speed: NDArray[np.float64]  # (N, T) [m/s]
    valid: NDArray[np.bool_]  # (N, T) the agent was seen then


class TrackTable:
    """All states of all agents, one row each, ordered by agent and then by time.

    States that are not finite are left out, and of several of one agent in one frame the first counts.
    """

    def __init__(self, frames: Sequence[TrackedAgents]) -> None:
        """`frames` in the order of time, with different stamps."""
        self.stamps_ns = np.array([frame.stamp_ns for frame in frames], dtype=np.int64)
        counts = [len(frame) for frame in frames]
        frame = np.repeat(np.arange(len(frames)), counts)
        ids = _joined([each.ids for each in frames], 0, np.int64)
        position = _joined([each.position[:, :2] for each in frames], 2)
        states = np.column_stack(
            [position, _joined([each.yaw for each in frames], 0), _joined([each.speed for each in frames], 0)]
        )
        finite = np.isfinite(states).all(axis=1)
        self._ids, agent = np.unique(ids[finite], return_inverse=True)
        # The key of a row orders by agent, then by frame; one search finds an agent at a time.
        self._keys, rows = np.unique(agent * self._stride + frame[finite], return_index=True)
        self._states = states[finite][rows]  # (R, 4) x, y, yaw, speed
        self._frames = frame[finite][rows]

    @property
    def _stride(self) -> int:
        return len(self.stamps_ns) + 1

    def at(self, ids: ArrayLike, times_ns: ArrayLike) -> Future:
        """The agents `ids` (N,) at the times (T,) [ns]; not valid where an agent is unknown or was not seen around."""
        ids, times = np.asarray(ids, dtype=np.int64).reshape(-1), np.asarray(times_ns, dtype=np.int64).reshape(-1)
        if len(self._keys) == 0 or len(ids) == 0 or len(times) == 0:
            empty = np.zeros((len(ids), len(times)))
            return Future(np.zeros((*empty.shape, 2)), empty, empty.copy(), empty.astype(bool))
        agent = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        known = (self._ids[agent] == ids)[:, None]
        frame = np.searchsorted(self.stamps_ns, times + _EXACT_NS, side="right") - 1  # the last one until then
        found = np.searchsorted(self._keys, agent[:, None] * self._stride + frame, side="right") - 1
        before, after = np.maximum(found, 0), np.minimum(found + 1, len(self._keys) - 1)
        has_before = known & (found >= 0) & (self._keys[before] // self._stride == agent[:, None])
        has_after = has_before & (self._keys[after] // self._stride == agent[:, None]) & (after > before)
        earlier, later = self.stamps_ns[self._frames[before]], self.stamps_ns[self._frames[after]]
        gap = np.where(has_after, later - earlier, 1)
        exact = has_before & (times - earlier <= _EXACT_NS)
        valid = exact | (has_after & (gap <= round(MAX_GAP_S * 1e9)))
        share = np.where(has_after & valid, np.clip((times - earlier) / gap, 0.0, 1.0), 0.0)[..., None]
        first, second = self._states[before], self._states[after]
        change = second - first
        change[..., 2] = wrap_angle(change[..., 2])
        states = np.where(valid[..., None], first + share * change, 0.0)
        return Future(states[..., :2], wrap_angle(states[..., 2]), states[..., 3], valid)


def _joined(arrays: list[NDArray], width: int, dtype: type = np.float64) -> NDArray:
    if not arrays:
        return np.zeros((0, width) if width else 0, dtype=dtype)
    return np.concatenate(arrays).astype(dtype, copy=False)
