"""Tracks of a recording against its truth: which true agent a track is of, and logs that know both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.tracks import TrackTable
from zoox_prediction.scene import TrackedAgents

NO_MATCH_M = 2.0  # between the centres of a track and the agent that it is of
_SAME_NS = 100_000_000  # of a frame of the truth whose agents may be there


@dataclass(frozen=True)
class TrackedLog(RecordedLog):
    """`agents` are tracks, with the ids of the true agents that they are of; futures and pasts are those of the truth.

    Without truth the tracker's own later states stand in for it.
    """

    truth: tuple[TrackedAgents, ...] = ()

    @cached_property
    def _tracks(self) -> TrackTable:
        return TrackTable(self.truth or self.agents)


def tracked_log(log: RecordedLog, tracks: Iterable[TrackedAgents]) -> TrackedLog:
    """The log of a recording with the tracks, in the order of time, in place of its true agents."""
    if log.agents:
        tracks = (replace(each, ids=true_ids(log, each.stamp_ns, each.position[:, :2], each.ids)) for each in tracks)
    kept = {each.name: getattr(log, each.name) for each in fields(RecordedLog) if each.name != "agents"}
    return TrackedLog(agents=tuple(tracks), truth=log.agents, **kept)


def true_ids(log: RecordedLog, stamp_ns: int, position: ArrayLike, track_ids: ArrayLike) -> NDArray[np.int64]:
    """(N,) ids of the true agents at places (N, 2) [m] at the stamp; of a track that is of nobody -1 - its own id.

    Pairs are those whose distances are the least together, none above `NO_MATCH_M`.
    """
    position = np.asarray(position, dtype=np.float64).reshape(-1, 2)
    found: NDArray[np.int64] = -1 - np.asarray(track_ids, dtype=np.int64)
    stamps = log.stamps_ns
    first, last = np.searchsorted(stamps, [stamp_ns - _SAME_NS, stamp_ns + _SAME_NS + 1])
    near = [frame.ids for frame in log.agents[first:last]]
    if not near or not len(position):
        return found
    candidates = np.unique(np.concatenate(near))
    now = log.past(candidates, stamp_ns, 1.0, 1)
    candidates, place = candidates[now.valid[:, 0]], now.position[now.valid[:, 0], 0]
    if not len(candidates):
        return found
    distance = cdist(position, place)
    rows, columns = linear_sum_assignment(np.minimum(np.nan_to_num(distance, nan=np.inf), NO_MATCH_M + 1e-3))
    matched = distance[rows, columns] <= NO_MATCH_M
    found[rows[matched]] = candidates[columns[matched]]
    return found


def true_ids_of(log: RecordedLog, tracks: TrackedAgents, ids: ArrayLike) -> NDArray[np.int64]:
    """(M,) ids of the true agents that the tracks `ids` (M,) are of; -1 for one that is not among `tracks`."""
    found = true_ids(log, tracks.stamp_ns, tracks.position[:, :2], tracks.ids)
    names = dict(zip(tracks.ids.tolist(), found.tolist(), strict=True))
    return np.array([names.get(each, -1) for each in np.asarray(ids).tolist()], dtype=np.int64)
