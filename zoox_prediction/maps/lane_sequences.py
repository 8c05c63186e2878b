"""Which lanes follow which, and all the sequences of them that are reachable in a distance."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.polylines import FloatArray, Polylines
from zoox_prediction.maps.road_network import Ragged


@dataclass(frozen=True)
class LaneSequence:
    """Lanes that follow one another."""

    lanes: tuple[int, ...]  # rows
    nodes: tuple[int, ...]  # one per lane; equal between sequences of a fan as long as they are the same so far
    probability: float


@dataclass(frozen=True)
class ReachableLanes:
    """The S lane sequences reachable from M places, sorted by place, then by falling probability."""

    query: NDArray[np.int64]  # (S,) row of the place in the query
    lanes: Ragged  # S sequences of lane rows, the start lane first
    probability: FloatArray  # (S,) of turning that way at every fork; sums to 1 over a place's sequences when complete
    complete: NDArray[np.bool_]  # (M,) these are all sequences of the place; False where a bound cut the search short

    def __len__(self) -> int:
        return len(self.query)


class LaneSuccession:
    """Which lanes follow a lane, how likely each is, and the sequences of a given length."""

    def __init__(self, lines: Polylines, successors: Ragged, join_sigma_rad: float, turn_sigma_rad: float) -> None:
        """`successors` are rows. A fork splits by exp(-(kink/join_sigma)^2/2 - (turn/turn_sigma)^2/2), kink being the
        change of heading where the successor joins and turn the change of heading along it."""
        self.length = lines.length
        self._successors = successors
        rows = np.arange(len(lines))
        first = lines.points[lines.offsets[:-1] + 1] - lines.points[lines.offsets[:-1]]
        last = lines.points[lines.offsets[1:] - 1] - lines.points[lines.offsets[1:] - 2]
        start, end = np.arctan2(first[:, 1], first[:, 0]), np.arctan2(last[:, 1], last[:, 0])
        owner = np.repeat(rows, np.diff(successors.offsets))
        kink = wrap_angle(start[successors.values] - end[owner])
        turn = wrap_angle(end - start)[successors.values]
        weight = np.exp(-0.5 * (kink / join_sigma_rad) ** 2 - 0.5 * (turn / turn_sigma_rad) ** 2) + 1e-9
        total = np.bincount(owner, weights=weight, minlength=len(lines))
        self._probability = weight / total[owner] if len(weight) else weight

    def sequences(
        self, lane: int, distance_m: float, max_sequences: float, max_lanes: int
    ) -> tuple[list[LaneSequence], bool]:
        """The most probable sequences from the start of `lane` that are `distance_m` long or end with the map.

        Best first, so the cost grows with the number kept and not with the number that exist. `max_lanes` bounds the
        lanes visited in all (rings of tiny lanes never get anywhere); what was found so far is then kept as it is.
        Also returns whether these are all there are, and each of them whole.
        """
        heap: list[tuple[float, int, float, tuple[int, ...], tuple[int, ...]]] = [
            (-1.0, 0, float(self.length[lane]), (lane,), (0,))
        ]
        found: list[LaneSequence] = []
        node, whole = 0, True
        while heap and len(found) < max_sequences:
            negative, _, travelled, lanes, nodes = heapq.heappop(heap)
            low, high = self._successors.offsets[lanes[-1]], self._successors.offsets[lanes[-1] + 1]
            arrived = travelled >= distance_m or low == high
            if arrived or node >= max_lanes:
                whole &= arrived
                found.append(LaneSequence(lanes, nodes, -negative))
                continue
            for successor, share in zip(
                self._successors.values[low:high].tolist(), self._probability[low:high].tolist(), strict=True
            ):
                node += 1
                entry = (negative * share, node, travelled + float(self.length[successor]))
                heapq.heappush(heap, (*entry, (*lanes, successor), (*nodes, node)))
        return found, bool(whole) and not heap

    def reachable(
        self, lanes: ArrayLike, distance_m: ArrayLike, max_sequences: int | None, max_lanes: int
    ) -> ReachableLanes:
        """All sequences from lane rows (M,) that are distance_m (scalar or (M,)) long or end with the map.

        See LaneGraph.reachable, which is this with the bounds of its configuration.
        """
        lane = np.asarray(lanes, dtype=np.int64).reshape(-1)
        distance = np.broadcast_to(np.asarray(distance_m, dtype=np.float64), lane.shape)
        if np.any(np.isnan(distance)):
            raise ValueError("distance_m must not be NaN")
        limit = np.inf if max_sequences is None else max_sequences
        known: dict[tuple[int, float], tuple[list[LaneSequence], bool]] = {}
        query, found, complete = [], [], np.ones(len(lane), dtype=bool)
        # A search per distinct lane and distance: the sequences branch differently from every lane.
        for row, key in enumerate(zip(lane.tolist(), distance.tolist(), strict=True)):
            if key[0] < 0:
                continue
            if key not in known:
                known[key] = self.sequences(*key, limit, max_lanes)
            sequences, complete[row] = known[key]
            found += sequences
            query += [row] * len(sequences)
        return ReachableLanes(
            np.array(query, dtype=np.int64),
            Ragged.ids(sequence.lanes for sequence in found),
            np.array([sequence.probability for sequence in found], dtype=np.float64),
            complete,
        )
