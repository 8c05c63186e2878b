"""When tracks go out: a moment after detections came, for those of other sensors to be in them, and not too often."""

from __future__ import annotations

# Of the period: where detections come more often than tracks go out, these catch up by so much after a delay.
_CATCH_UP = 0.05
# Periods without detections until tracks go out without any.
_PATIENCE = 1.5


class OutputPace:
    """Tells how long to wait for the next output. Times are steady seconds."""

    def __init__(self, period_s: float, gather_s: float) -> None:
        self._period_s, self._gather_s = period_s, gather_s
        self._due_s = 0.0  # of the next output, at the earliest
        self._is_gathering = False

    def on_news(self, now_s: float) -> float | None:
        """Newer detections came: the wait until the next output from now on; None where that is settled already."""
        if self._is_gathering:
            return None
        self._is_gathering = True
        return max(self._gather_s, self._due_s - now_s)

    def on_output(self, now_s: float) -> float:
        """Something went out: the wait until the next output without news; outputs without news keep the period."""
        earliest_s = now_s + self._period_s - self._gather_s
        self._due_s = max(self._due_s + (1.0 - _CATCH_UP) * self._period_s, earliest_s)
        patience = _PATIENCE if self._is_gathering else 1.0
        self._is_gathering = False
        return patience * self._period_s
