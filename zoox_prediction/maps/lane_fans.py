"""The lane sequences that start on a lane, sampled once and kept: what makes path queries cheap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.lane_sequences import LaneSequence, LaneSuccession
from zoox_prediction.maps.polylines import FloatArray, Polylines, heading_and_curvature

_SHORTEST_FAN_M = 32.0
_MAX_SAMPLES = 2_000_000  # of all fans together, about 90 MB; beyond it the cache starts afresh


@dataclass(frozen=True)
class PathTable:
    """All paths of all cached fans, one after the other."""

    first_sample: NDArray[np.int64]  # per path
    num_samples: NDArray[np.int64]
    probability: FloatArray  # within its fan
    length_m: FloatArray  # from the start of its first lane to the end of its last
    first_path: NDArray[np.int64]  # per fan: the paths of fan f are first_path[f] .. first_path[f + 1] - 1
    node_lane: NDArray[np.int64]  # per node: row of the lane


class LaneFans:
    """Cache of the paths from each lane to a distance, evenly sampled. Distances are rounded up to powers of two."""

    def __init__(
        self,
        lines: Polylines,
        succession: LaneSuccession,
        spacing_m: float,
        window_m: float,
        max_sequences: int,
        max_lanes: int,
    ) -> None:
        self.spacing_m = spacing_m
        self._lines, self._succession = lines, succession
        self._window_m, self._max_sequences, self._max_lanes = window_m, max_sequences, max_lanes
        self._clear()

    def _clear(self) -> None:
        self._fan: dict[int, int] = {}  # by lane * 64 + exponent of the distance
        # Of every sample: x, y [m], heading unwrapped along the path [rad], curvature [1/m]; and its node, -1 where
        # the path has ended. Channels first, because a gather from one contiguous channel is several times faster.
        self.values = np.zeros((4, 4096))
        self.node = np.zeros(4096, dtype=np.int64)
        self._used = 0
        self._num_fans = self._num_nodes = 0
        none, index = np.zeros(0), np.zeros(0, dtype=np.int64)
        self._table = PathTable(index, index, none, none, np.zeros(1, dtype=np.int64), index)
        # What was added since the table was last built.
        self._new_paths: list[tuple[int, int, float, float]] = []
        self._new_counts: list[int] = []
        self._new_node_lane: list[int] = []

    def fans(self, lanes: NDArray[np.int64], distance_m: FloatArray) -> NDArray[np.int64]:
        """(M,) fan number of the paths that start with lanes (M,) and reach distances (M,) from the lanes' starts."""
        exponent = np.ceil(np.log2(np.maximum(distance_m / _SHORTEST_FAN_M, 1.0))).astype(np.int64)
        keys, inverse = np.unique(lanes * 64 + exponent, return_inverse=True)
        wanted = keys.tolist()
        if self._used > _MAX_SAMPLES:
            self._clear()
        # One step per distinct start lane, and only the ones never asked for before cost more than a look-up.
        numbers = [self._fan.get(key, -1) for key in wanted]
        numbers = [self._add(key) if number < 0 else number for key, number in zip(wanted, numbers, strict=True)]
        return np.array(numbers, dtype=np.int64)[inverse.reshape(-1)]

    def paths(self, fans: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All paths of fans (M,): the index into `fans` and the path number, (R,) each."""
        first = self.table().first_path
        count = first[fans + 1] - first[fans]
        owner = np.repeat(np.arange(len(fans)), count)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        return owner, first[fans][owner] + within

    def table(self) -> PathTable:
        """Of all fans so far; what is new since the last call is appended."""
        if self._new_counts:
            old = self._table
            first_sample, num_samples, probability, length = zip(*self._new_paths, strict=True)
            first_path = old.first_path[-1] + np.cumsum(self._new_counts)
            self._table = PathTable(
                np.concatenate([old.first_sample, first_sample]),
                np.concatenate([old.num_samples, num_samples]),
                np.concatenate([old.probability, probability]),
                np.concatenate([old.length_m, length]),
                np.concatenate([old.first_path, first_path]),
                np.concatenate([old.node_lane, self._new_node_lane]),
            )
            self._new_paths, self._new_counts, self._new_node_lane = [], [], []
        return self._table

    def _add(self, key: int) -> int:
        lane, distance_m = key // 64, _SHORTEST_FAN_M * 2.0 ** (key % 64)
        count = int(np.ceil(distance_m / self.spacing_m)) + 2
        sequences, _ = self._succession.sequences(lane, distance_m, self._max_sequences, self._max_lanes)
        self._reserve(count * len(sequences))
        total = sum(sequence.probability for sequence in sequences)
        first_node = self._num_nodes
        lane_of: dict[int, int] = {}
        for sequence in sequences:
            values, node, length = self._sample(sequence, count)
            rows = slice(self._used, self._used + count)
            self.values[:, rows] = values
            self.node[rows] = np.where(node >= 0, node + first_node, -1)
            self._new_paths.append((self._used, count, sequence.probability / total, length))
            self._used += count
            lane_of.update(zip(sequence.nodes, sequence.lanes, strict=True))
        nodes = [lane_of.get(node, -1) for node in range(max(lane_of) + 1)]
        self._new_node_lane += nodes
        self._new_counts.append(len(sequences))
        self._fan[key] = self._num_fans
        self._num_fans += 1
        self._num_nodes += len(nodes)
        return self._fan[key]

    def _sample(self, sequence: LaneSequence, count: int) -> tuple[FloatArray, NDArray[np.int64], float]:
        """(4, count) values, (count,) nodes and length of one sequence; beyond its end it goes straight on, node -1."""
        lines = self._lines
        pieces = [lines.points[lines.offsets[lane] : lines.offsets[lane + 1]] for lane in sequence.lanes]
        line = np.concatenate(pieces)
        step = np.diff(line, axis=0)
        travelled = np.concatenate([[0.0], np.cumsum(np.hypot(step[:, 0], step[:, 1]))])
        lane_start = travelled[np.cumsum([0] + [len(piece) for piece in pieces[:-1]])]
        at = np.arange(count) * self.spacing_m
        sampled = np.column_stack([np.interp(at, travelled, line[:, 0]), np.interp(at, travelled, line[:, 1])])
        past = at - travelled[-1]
        inside = past <= 1e-9
        away = line[-1] - line[-2]
        away = away / np.linalg.norm(away)
        sampled[~inside] = line[-1] + past[~inside, None] * away
        heading, curvature = heading_and_curvature(sampled, self.spacing_m, self._window_m)
        node = np.asarray(sequence.nodes)[np.searchsorted(lane_start, at + 1e-9, side="right") - 1]
        return np.stack([*sampled.T, heading, curvature]), np.where(inside, node, -1), float(travelled[-1])

    def _reserve(self, count: int) -> None:
        capacity = len(self.node)
        if self._used + count <= capacity:
            return
        grown = max(2 * capacity, self._used + count)
        values, node = np.zeros((4, grown)), np.zeros(grown, dtype=np.int64)
        values[:, : self._used] = self.values[:, : self._used]
        node[: self._used] = self.node[: self._used]
        self.values, self.node = values, node
