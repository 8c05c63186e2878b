"""Whether a track is a real agent: by what detects it, and by what should and does not.

D. Musicki, R. Evans and S. Stankovic, "Integrated probabilistic data association", 1994, for the one detection that
the assignment gives a track; a miss counts by the probability that the sensor would have detected it there, which is
nothing behind other tracks. What sensors of a kind see within a short time has one cause and counts as one look.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.tracking.config import ExistenceConfig
from zoox_prediction.tracking.track_table import TrackTable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MOST_EXISTENCE = 0.999


def visible_share(tracks: TrackTable, position: FloatArray, rows: IntArray, origin: FloatArray) -> FloatArray:
    """(R,) of the tracks `rows`, what is left in sight of a sensor at `origin` (3,) by all other confirmed tracks."""
    hiding = np.flatnonzero(tracks.confirmed & (tracks.existence > 0.5))
    if not len(hiding) or not len(rows):
        return np.ones(len(rows))
    bearing, half, distance, reach = _silhouettes(tracks, position, origin)
    turn = wrap_angle(bearing[hiding][None] - bearing[rows][:, None])
    half_row, half_hiding = half[rows][:, None], half[hiding][None]
    overlap = np.minimum(half_row, turn + half_hiding) - np.maximum(-half_row, turn - half_hiding)
    nearer = distance[hiding][None] + 0.5 * reach[hiding][None] < distance[rows][:, None] - 0.25 * reach[rows][:, None]
    share = np.where(nearer, np.clip(overlap / (2.0 * half_row), 0.0, 1.0), 0.0)
    # Lines of sight to the top and the bottom of the row, where they pass the one that hides.
    ratio = distance[hiding][None] / np.maximum(distance[rows][:, None], 0.1)
    bottom, top = tracks.bottom, tracks.bottom + tracks.size[:, 2]
    low = origin[2] + (bottom[rows][:, None] - origin[2]) * ratio
    high = origin[2] + (top[rows][:, None] - origin[2]) * ratio
    covered = np.clip((top[hiding][None] - low) / np.maximum(high - low, 0.05), 0.0, 1.0)
    hidden: FloatArray = np.clip((share * covered).sum(axis=1), 0.0, 1.0)
    return 1.0 - hidden


def _silhouettes(
    tracks: TrackTable, position: FloatArray, origin: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """(N,) bearing, half the width as an angle, distance, and depth along the line of sight."""
    sight = position - origin[:2]
    distance = np.maximum(np.linalg.norm(sight, axis=1), 0.5)
    bearing = np.arctan2(sight[:, 1], sight[:, 0])
    cos, sin = np.abs(np.cos(tracks.yaw - bearing)), np.abs(np.sin(tracks.yaw - bearing))
    breadth = tracks.size[:, 0] * sin + tracks.size[:, 1] * cos
    depth = tracks.size[:, 0] * cos + tracks.size[:, 1] * sin
    return bearing, np.arctan2(0.5 * breadth, distance), distance, depth


def after_detection(
    existence: FloatArray, log_ratio: FloatArray, detection_probability: FloatArray, weight: FloatArray, most: float
) -> FloatArray:
    """(K,) of tracks that were detected with these log likelihood ratios (K,) against clutter.

    `weight` (K,) is 1 for a look that is independent of those before; a detection counts for at most `most`.
    """
    evidence = log_ratio + np.log(np.maximum(detection_probability, 0.05))
    odds = existence / (1.0 - existence) * np.exp(weight * np.minimum(evidence, most))
    return np.minimum(odds / (1.0 + odds), MOST_EXISTENCE)


def after_miss(existence: FloatArray, detection_probability: FloatArray, weight: FloatArray) -> FloatArray:
    """(K,) of tracks that were not; `weight` as above."""
    missed = existence * (1.0 - detection_probability) ** weight
    share: FloatArray = missed / (1.0 - existence + missed)
    return share


def look_weight(
    tracks: TrackTable, rows: IntArray, last_ns: IntArray, stamp_ns: int, config: ExistenceConfig
) -> FloatArray:
    """(R,) how much a look at the tracks `rows` now is independent of those at `last_ns` (R,)."""
    since_s = (stamp_ns - last_ns) * 1e-9
    time_s = np.where(tracks.confirmed[rows], config.look_time_s, config.tentative_look_time_s)
    return np.clip(since_s / time_s, 0.0, 1.0)


def alive(
    tracks: TrackTable, position_variance: FloatArray, stamp_ns: int, config: ExistenceConfig
) -> NDArray[np.bool_]:
    """(N,) whether tracks go on; `position_variance` (N,) is the larger one of the position."""
    unseen_s = (stamp_ns - tracks.seen_ns) * 1e-9
    kept: NDArray[np.bool_] = (
        (tracks.existence > config.delete_probability)
        & (unseen_s <= config.max_unseen_s)
        & (position_variance <= config.max_deviation_m**2)
    )
    # What nobody confirmed does not wait behind others.
    return kept & (tracks.confirmed | (unseen_s <= 1.0))
