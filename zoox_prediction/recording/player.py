"""Decides what of a recording is due when: the clock and the queue of a replay, without ROS and without a wall clock.

The operations and their answers are those of rosbag2_player's services.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Iterator

from rosbags.interfaces import QosHistory

from zoox_prediction.errors import InputError
from zoox_prediction.recording.bag import BagReader, RawMessage, RecordingError, Topic


class BagPlayer:
    """Plays a recording against a wall time [ns] that the caller passes in; it need only be monotonic.

    Time stands still until the first call of `due`. Whenever play begins somewhere else than at the beginning, the
    latched messages (map, static transforms) from before that point come first, so that nothing that was published once
    is missed. `topics` limits what is played. Raises InputError for a rate that is not positive or a start outside of
    the recording.
    """

    def __init__(
        self,
        reader: BagReader,
        *,
        rate: float = 1.0,
        start_offset_s: float = 0.0,
        loop: bool = False,
        paused: bool = False,
        topics: Collection[str] | None = None,
    ) -> None:
        if not _is_rate(rate):
            raise InputError(f"rate must be positive, got {rate}")
        if not 0.0 <= start_offset_s <= reader.duration_s:
            raise InputError(
                f"start must be within the {reader.duration_s:.1f} s of {reader.path}, got {start_offset_s} s"
            )
        self.loop = loop
        self.loops = 0  # how often play has jumped back to its start
        self._reader = reader
        self._topics = topics
        self._rate = float(rate)
        self._paused = paused
        self._start_ns = reader.start_ns + round(start_offset_s * 1e9)
        self._last_ns = max(reader.end_ns - 1, self._start_ns)  # stamp of the last message
        self._anchor_wall_ns: int | None = None  # the wall time at which the bag time was `_anchor_ns`
        self._anchor_ns = self._start_ns
        self._latched: deque[RawMessage] = deque()
        self._messages: Iterator[RawMessage] = iter(())
        self._next: RawMessage | None = None
        self._damage: RecordingError | None = None  # met behind the last message, told when that has been played
        self._go_to(self._start_ns)

    @property
    def rate(self) -> float:
        """Seconds of the recording per second of wall time."""
        return self._rate

    @property
    def is_paused(self) -> bool:
        return self._paused

    @property
    def finished(self) -> bool:
        """Whether all has been played and nothing will follow."""
        return not self.loop and self._upcoming() is None and self._damage is None

    def clock_ns(self, wall_ns: int) -> int:
        """The time of the recording [ns], which is what /clock says; it does not run beyond the last message."""
        if self._paused or self._anchor_wall_ns is None:
            return self._anchor_ns
        return min(self._anchor_ns + round((wall_ns - self._anchor_wall_ns) * self._rate), self._last_ns)

    def due(self, wall_ns: int) -> list[RawMessage]:
        """The messages whose time has come since the last call, in order.

        At the end of a loop the clock stays at the end until the next call, which begins anew: the messages of one call
        never span the jump. Raises RecordingError, once, where the recording is damaged: that is then its end.
        """
        if self._anchor_wall_ns is None:
            self._anchor_wall_ns = wall_ns
        if self._paused:
            return []
        if self._upcoming() is None and self._damage is not None:
            damage, self._damage = self._damage, None
            raise damage
        if self._upcoming() is None and self.loop and self.clock_ns(wall_ns) >= self._last_ns:
            self.loops += 1
            self._jump(self._start_ns, wall_ns)
        now_ns = self.clock_ns(wall_ns)
        messages = list(self._latched)
        self._latched.clear()
        while self._next is not None and self._next.stamp_ns <= now_ns:
            messages.append(self._pop())
        return messages

    def next_due_wall_ns(self) -> int | None:
        """The wall time of the next message; None when there is none, play is paused or has not begun."""
        upcoming = self._upcoming()
        if self._paused or upcoming is None or self._anchor_wall_ns is None:
            return None
        ahead_ns = max(0, upcoming.stamp_ns - self._anchor_ns)
        return self._anchor_wall_ns + math.ceil(ahead_ns / self._rate)

    def pause(self, wall_ns: int) -> None:
        """Stops the clock; without effect when paused."""
        self._anchor(self.clock_ns(wall_ns), wall_ns)
        self._paused = True

    def resume(self, wall_ns: int) -> None:
        """Lets the clock run on from where it stands; without effect when running."""
        self._anchor(self.clock_ns(wall_ns), wall_ns)
        self._paused = False

    def toggle_paused(self, wall_ns: int) -> None:
        if self._paused:
            self.resume(wall_ns)
        else:
            self.pause(wall_ns)

    def set_rate(self, rate: float, wall_ns: int) -> bool:
        """Changes the rate from now on; False, and no change, when it is not positive."""
        if not _is_rate(rate):
            return False
        self._anchor(self.clock_ns(wall_ns), wall_ns)
        self._rate = float(rate)
        return True

    def seek(self, stamp_ns: int, wall_ns: int) -> bool:
        """Goes on from a time of the recording [ns]; False, and no change, when that is outside of the recording."""
        if not self._reader.start_ns <= stamp_ns <= self._last_ns:
            return False
        self._jump(stamp_ns, wall_ns)
        return True

    def play_next(self, wall_ns: int) -> RawMessage | None:
        """The next message at once, and the clock at its time; None when not paused or at the end."""
        message = self._upcoming() if self._paused else None
        if message is None:
            return None
        if self._latched:
            return self._latched.popleft()  # from before the point that was sought: the clock stays
        self._anchor(message.stamp_ns, wall_ns)
        return self._pop()

    def burst(self, count: int, wall_ns: int) -> list[RawMessage]:
        """The next `count` messages at once, 0 for all that are left; empty when not paused."""
        messages: list[RawMessage] = []
        while count == 0 or len(messages) < count:
            message = self.play_next(wall_ns)
            if message is None:
                break
            messages.append(message)
        return messages

    def _upcoming(self) -> RawMessage | None:
        return self._latched[0] if self._latched else self._next

    def _pop(self) -> RawMessage:
        message = self._next
        assert message is not None
        self._fetch()
        return message

    def _fetch(self) -> None:
        self._next, self._damage = None, None
        try:
            self._next = next(self._messages, None)
        except RecordingError as error:
            self._damage = error

    def _anchor(self, stamp_ns: int, wall_ns: int) -> None:
        self._anchor_ns, self._anchor_wall_ns = stamp_ns, wall_ns

    def _jump(self, stamp_ns: int, wall_ns: int) -> None:
        self._anchor(stamp_ns, wall_ns)
        self._go_to(stamp_ns)

    def _go_to(self, stamp_ns: int) -> None:
        """Makes the messages from the stamp on the next ones, the latched ones from before it ahead of them."""
        self._latched = deque(self._latched_before(stamp_ns))
        self._messages = self._reader.raw(self._topics, start_ns=stamp_ns)
        self._fetch()

    def _latched_before(self, stamp_ns: int) -> list[RawMessage]:
        """Of every latched topic as many messages before the stamp as its publishers kept, in the order of time."""
        kept: dict[str, deque[RawMessage]] = {
            name: deque(maxlen=_kept_messages(topic))
            for name, topic in self._reader.topics.items()
            if topic.latched and (self._topics is None or name in self._topics)
        }
        if kept and stamp_ns > self._reader.start_ns:
            for message in self._reader.raw(kept, end_ns=stamp_ns):
                kept[message.topic].append(message)
        return sorted((each for messages in kept.values() for each in messages), key=lambda each: each.stamp_ns)


def _kept_messages(topic: Topic) -> int | None:
    """How many messages the publishers of a latched topic keep together; None: all."""
    if any(each.history == QosHistory.KEEP_ALL for each in topic.qos):
        return None
    return sum(max(1, each.depth) for each in topic.qos)


def _is_rate(rate: float) -> bool:
    return math.isfinite(rate) and rate > 0.0
