"""How the other nodes learn that simulated time goes back, before anything comes from there."""

from __future__ import annotations

import time
from collections.abc import Callable

# /clock goes alone for so long, for it takes another way than the messages and must arrive first; and several times,
# for its subscribers take it best effort.
SETTLE_S = 0.1
_TICKS = 5


def announce_jump(publish_clock: Callable[[], object]) -> None:
    """Has the time after the jump published; returns SETTLE_S later, when messages may follow."""
    for _ in range(_TICKS):
        publish_clock()
        time.sleep(SETTLE_S / _TICKS)
