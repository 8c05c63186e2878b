"""When the steps of a world that is watched in real time are due."""

from __future__ import annotations

from collections import deque

_WINDOW = 21  # steps that the factor is measured over


class Pace:
    """Steps of `step_s` at `rate` simulated seconds per second; `now_s` is the time on any steady clock.

    What comes too late is not made up for by hurrying: from there on time goes on at its rate.
    """

    def __init__(self, step_s: float, rate: float) -> None:
        self._step_s = step_s
        self._period_s = step_s / rate
        self._done_s: deque[float] = deque(maxlen=_WINDOW)
        self.due_s = 0.0  # when the next step is due

    def begin(self, now_s: float) -> None:
        """Time goes on from here, after a pause of any kind."""
        self._done_s.clear()
        self._done_s.append(now_s)
        self.due_s = now_s + self._period_s

    def done(self, now_s: float) -> bool:
        """A step was taken; returns whether the steps have become too slow for the rate."""
        self._done_s.append(now_s)
        self.due_s += self._period_s
        if now_s < self.due_s + self._period_s:
            return False
        self.due_s = now_s
        return True

    @property
    def factor(self) -> float:
        """Simulated seconds per second of late; NaN before there is something to measure."""
        if len(self._done_s) < 2:
            return float("nan")
        return self._step_s * (len(self._done_s) - 1) / max(self._done_s[-1] - self._done_s[0], 1e-9)
