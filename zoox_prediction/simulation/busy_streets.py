"""Where the ego is likely to be, guessed before anybody drives: there people come more often than elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.simulation.places import Places

FloatArray = NDArray[np.float64]

_STARTS_MPS, _EGO_MPS = 7.0, 4.5  # before the recording and in it, with the waiting at signals
_SPREAD_M = 70.0  # of where it really is


class BusyStreets:
    """The streets of the ego's route, and when it comes there."""

    def __init__(self, places: Places, edges: Sequence[str], before_s: float) -> None:
        """`edges` is its route, on which it starts `before_s` before time 0."""
        facing: dict[str, set[str]] = {}
        for site in places.crossing_sites:
            facing.setdefault(site.near.edge, set()).add(site.far.edge)
        self._before_s = before_s
        self._middles_m: dict[str, list[float]] = {}
        begin_m = 0.0
        for edge in edges:
            length_m = places.length_m([edge])
            for beside in {edge, *facing.get(edge, ())}:
                self._middles_m.setdefault(beside, []).append(begin_m + 0.5 * length_m)
            begin_m += length_m

    def nearness(self, edges: Sequence[str], time_s: float) -> FloatArray:
        """(N,) how likely the ego is near each of N edges then: 1 in the middle of where it is expected, to 0."""
        expected_m = _STARTS_MPS * min(self._before_s + time_s, self._before_s) + _EGO_MPS * max(time_s, 0.0)
        return np.array(
            [
                max((_bell((middle - expected_m) / _SPREAD_M) for middle in self._middles_m.get(edge, ())), default=0.0)
                for edge in edges
            ]
        )

    def draw(self, random: np.random.Generator, edges: Sequence[str], time_s: float, share: float) -> int:
        """The number of one of N > 0 edges: with probability `share` one where the ego is likely to be then."""
        if random.random() < share and (near := self.nearness(edges, time_s)).sum() > 0.0:
            return int(random.choice(len(edges), p=near / near.sum()))
        return int(random.integers(len(edges)))


def _bell(deviation: float) -> float:
    return float(np.exp(-0.5 * deviation**2))
