"""Two halves of a set of recordings: one to fit to, the other to judge on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from zoox_prediction.recording.log import RecordedLog

HALVES = ("first", "second", "all")
_LONG_S = 60.0  # a recording from this length on is cut in two
_GAP_S = 8.0  # left out after the cut, so that no future of the one half is in the other


class RecordingSplit:
    """Takes the recordings of a set in a fixed order, and gives the part of each that belongs to `half` of HALVES.

    A long recording is cut in the middle; of each dataset's short ones the 1st, 3rd ... are the first half.
    """

    def __init__(self, half: str) -> None:
        if half not in HALVES:
            raise ValueError(f"half must be one of {', '.join(HALVES)}, got {half!r}")
        self.half = half
        self._seen: Counter[str] = Counter()

    def part(self, log: RecordedLog) -> RecordedLog | None:
        """The agents' frames of `log` that belong to the half; None when there are none."""
        if self.half == "all" or not log.agents:
            return log
        start_ns, end_ns = log.agents[0].stamp_ns, log.agents[-1].stamp_ns
        if (end_ns - start_ns) * 1e-9 < _LONG_S:
            number = self._seen[log.dataset]
            self._seen[log.dataset] += 1
            return log if number % 2 == HALVES.index(self.half) else None
        cut_ns = (start_ns + end_ns) // 2
        if self.half == "first":
            return replace(log, agents=tuple(each for each in log.agents if each.stamp_ns <= cut_ns))
        return replace(log, agents=tuple(each for each in log.agents if each.stamp_ns > cut_ns + _GAP_S * 1e9))
