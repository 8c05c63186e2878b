"""Bounds the work for sweeps with more points than a lidar's surfaces have places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TABLE_BITS, _AXIS_BITS = 22, 21
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # D. E. Knuth, The Art of Computer Programming 3, 6.4: multiplicative hashing


def thin(position: NDArray[np.float32], voxel_m: float, max_points: int) -> NDArray[np.int64]:
    """Rows of points (N, 3), one of each voxel, in their order; of more than `max_points` voxels evenly many are left.

    Where two voxels share a place of the hash table, the points of one of them all stay.
    """
    farthest = 2 ** (_AXIS_BITS - 1) - 1
    voxel = np.floor(np.ascontiguousarray(position.T) * np.float32(1.0 / voxel_m))
    x, y, z = (np.clip(voxel, -farthest, farthest).astype(np.int64) + farthest).astype(np.uint64)
    key = (x << np.uint64(2 * _AXIS_BITS)) | (y << np.uint64(_AXIS_BITS)) | z
    place = (key * _GOLDEN) >> np.uint64(64 - _TABLE_BITS)
    table = np.empty(1 << _TABLE_BITS, dtype=np.int32)
    number = np.arange(len(key), dtype=np.int32)
    table[place] = number  # the last one of a place stays
    winner = table[place]
    rows = np.flatnonzero((winner == number) | (key[winner] != key))
    return rows[:: -(-len(rows) // max_points)] if len(rows) > max_points else rows
