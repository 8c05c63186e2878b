"""Candidate paths of all agents as curves in the agents' frames, whatever they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.scene_features import NUM_PATH_POINTS, FeatureConfig
from zoox_prediction.prediction.feature_agents import drives

FloatArray = NDArray[np.float64]

MAX_REACH_M = 400.0  # of a path, as far as the lanes are looked up


@dataclass(frozen=True)
class CandidatePaths:
    """R paths of 64 points each, evenly spaced, in the frames of their agents; in any order."""

    agent: NDArray[np.int64]  # (R,) row of the agent
    kind: NDArray[np.int64]  # (R,) PathKind
    share: FloatArray  # (R,) among those of the kind
    points: NDArray[np.float32]  # (R, 64, 3) x, y, heading (unwrapped); the first one is (0, 0)
    spacing_m: FloatArray  # (R,)
    lane: NDArray[np.int64]  # (R, 64) row of the lane, -1 on none
    crosswalk: NDArray[np.int64]  # (R,) row of the crosswalk that is crossed, -1 for none

    def __len__(self) -> int:
        return len(self.agent)

    @classmethod
    def off_lanes(
        cls,
        agent: NDArray[np.int64],
        kind: NDArray[np.int64],
        points: NDArray[np.float32],
        spacing_m: FloatArray,
        share: FloatArray,
        crosswalk: NDArray[np.int64] | None = None,
    ) -> CandidatePaths:
        """Paths that follow no lane."""
        lane = np.full((len(agent), NUM_PATH_POINTS), -1)
        return cls(
            agent, kind, share, points, spacing_m, lane, np.full(len(agent), -1) if crosswalk is None else crosswalk
        )

    @classmethod
    def sorted(cls, parts: Sequence[CandidatePaths]) -> CandidatePaths:
        """All of `parts` by agent; those of an agent stay in the order in which they are given."""
        joined = {each.name: np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls)}
        order = np.argsort(joined["agent"], kind="stable")
        return cls(**{name: values[order] for name, values in joined.items()})


def reaches(motion: Motion, config: FeatureConfig) -> FloatArray:
    """(N,) how long the paths of every agent are [m]."""
    wheels = drives(motion)
    reserve = np.where(wheels, config.speed_reserve_mps, config.walking_reserve_mps)
    least = np.where(wheels, config.min_reach_m, config.min_walking_reach_m)
    return np.clip((motion.speed + reserve) * config.path_horizon_s, least, MAX_REACH_M)


def even_points(
    points: NDArray[np.float32], heading: NDArray[np.float32], spacing_m: FloatArray
) -> tuple[NDArray[np.float32], FloatArray]:
    """R curves through points (R, K, 2) with headings (R, K), unwrapped, at 64 even arc lengths from the start.

    Returns points and headings (R, 64, 3), and where among the K these are (R, 64), as fractions of an index. Arc
    lengths are those of the chords; a curve that is too short goes on straight.
    """
    count, dense = heading.shape
    length = np.zeros((count, dense))
    step = np.diff(points, axis=1)
    np.cumsum(np.hypot(step[..., 0], step[..., 1]), axis=1, dtype=np.float64, out=length[:, 1:])
    wanted = np.arange(NUM_PATH_POINTS) * spacing_m[:, None]
    held = np.minimum(wanted, length[:, -1:])
    # One rising axis for all curves, a metre apart, so that they are all interpolated at once.
    base = np.zeros((count, 1))
    np.cumsum(length[:-1, -1] + 1.0, out=base[1:, 0])
    first = np.arange(count)[:, None] * np.float64(dense)
    place = np.interp((held + base).ravel(), (length + base).ravel(), np.arange(count * dense, dtype=np.float64))
    place = np.clip(place.reshape(count, NUM_PATH_POINTS) - first, 0.0, dense - 1.0)
    low = np.minimum(place.astype(np.int64), dense - 2)
    share = (place - low).astype(np.float32)
    index = low + np.arange(count)[:, None] * dense
    channels = np.concatenate([points, heading[..., None]], axis=-1).reshape(-1, 3)
    even = channels.take(index, axis=0)
    change = channels.take(index + 1, axis=0)
    change -= even
    change *= share[..., None]
    even += change
    beyond = (wanted - held).astype(np.float32)
    if beyond.any():
        even[..., 0] += beyond * np.cos(even[..., 2])
        even[..., 1] += beyond * np.sin(even[..., 2])
    return even, place


def unwrapped(heading: NDArray[np.floating]) -> NDArray:
    """Headings (R, P) without jumps of whole turns, the first one in (-pi, pi]."""
    turns = np.rint(np.diff(heading, axis=1) / (2.0 * np.pi))
    out = heading - 2.0 * np.pi * np.rint(heading[:, :1] / (2.0 * np.pi))
    if turns.any():
        out[:, 1:] -= 2.0 * np.pi * np.cumsum(turns, axis=1)
    return out
