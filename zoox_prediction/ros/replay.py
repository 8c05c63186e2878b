"""Plays a recording into ROS in real time: raw messages with the QoS that they were recorded with, and /clock."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from rclpy.clock import ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time
from rosgraph_msgs.msg import Clock

from zoox_prediction.errors import InputError
from zoox_prediction.recording.bag import BagReader, RawMessage, RecordingError
from zoox_prediction.recording.player import BagPlayer
from zoox_prediction.ros.clock_jump import SETTLE_S, announce_jump
from zoox_prediction.ros.diagnostics import OK, WARN, Diagnostics
from zoox_prediction.ros.qos import CLOCK
from zoox_prediction.ros.recorded_topics import create_publishers

_ACKNOWLEDGE_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class ReplayConfig:
    """Parameters of the replay node."""

    bag: str = ""  # rosbag2 folder, .mcap or .db3 file to play
    rate: float = 1.0  # seconds of the recording per second
    start_offset: float = 0.0  # where to start, from the beginning of the recording [s]
    loop: bool = False  # start again at the end
    paused: bool = False  # start paused, until the service ~/resume
    include_topics: tuple[str, ...] = ()  # play these only; empty: all
    exclude_topics: tuple[str, ...] = ()  # do not play these
    wait_for_subscribers: tuple[str, ...] = ()  # start when each of these topics has its subscribers
    min_subscribers: int = 1  # that each of them waits for
    wait_timeout_s: float = 30.0  # start without them after this time [s]
    settle_s: float = 0.5  # after they are there, for the matching of those that come with them [s]
    clock_rate_hz: float = 100.0  # messages on /clock per second; 0: no /clock but the recording's own
    exit_at_end: bool = True  # end the process when all is played; else stay for ~/seek and late subscribers

    def __post_init__(self) -> None:
        if not self.bag:
            raise ValueError("bag must name the recording to play")
        if not (math.isfinite(self.rate) and self.rate > 0.0):
            raise ValueError(f"rate must be positive, got {self.rate}")
        if self.min_subscribers < 1:
            raise ValueError(f"min_subscribers must be >= 1, got {self.min_subscribers}")
        if not 0.0 <= self.clock_rate_hz <= 1000.0:
            raise ValueError(f"clock_rate_hz must be within 0 to 1000, got {self.clock_rate_hz}")


class Replay:
    """Publishes a recording from a thread of its own; `controls` below may be called from any thread.

    The wall clock is the steady one. Raises InputError when the recording cannot be played at all.
    """

    def __init__(self, node: Node, config: ReplayConfig, on_end: Callable[[], None]) -> None:
        """`on_end` is called once when all is played and acknowledged and `exit_at_end` is set."""
        self._config = config
        self._node = node
        self._logger = node.get_logger()
        self._on_end = on_end
        self._reader = BagReader(config.bag)
        self._diagnostics = Diagnostics(node)
        self._diagnostics.value("recording", "whole", OK)
        self._losses: list[str] = []
        for problem in self._reader.problems:
            self._tell_loss(f"{problem}; playing what there is")
        topics = [topic for name, topic in self._reader.topics.items() if self._is_wanted(name)]
        self._publishers = create_publishers(node, topics, self._reader.duration_s)
        if not self._publishers:
            raise InputError(f"{config.bag}: there is nothing in it that can be played here")
        self._player = BagPlayer(
            self._reader,
            rate=config.rate,
            start_offset_s=config.start_offset,
            loop=config.loop,
            paused=config.paused,
            topics=list(self._publishers),
        )
        self._clock_publisher = node.create_publisher(Clock, "/clock", CLOCK) if config.clock_rate_hz else None
        self._clock_due_s = 0.0
        self._held_ns = 0  # wall time that did not count because messages waited for /clock
        self._until_ns: int | None = None  # play no message after this stamp
        self._jumped = False
        self._ended = False  # all is played; reported and acknowledged
        self._published = 0
        self._changed = threading.Condition(threading.RLock())
        self._closing = False
        self.failed = False  # playing ended by an error
        self._thread = threading.Thread(target=self._run, name="replay")

    def begin(self) -> None:
        """Starts to play, as soon as the awaited subscribers are there."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread and closes the recording."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._reader.close()

    # Controls, as the services of rosbag2_player.

    def set_paused(self, paused: bool) -> None:
        with self._changed:
            (self._player.pause if paused else self._player.resume)(self._wall_ns())
            self._changed.notify_all()

    def toggle_paused(self) -> None:
        with self._changed:
            self._player.toggle_paused(self._wall_ns())
            self._changed.notify_all()

    @property
    def is_paused(self) -> bool:
        return self._player.is_paused

    @property
    def rate(self) -> float:
        return self._player.rate

    def set_rate(self, rate: float) -> bool:
        with self._changed:
            self._changed.notify_all()
            return self._player.set_rate(rate, self._wall_ns())

    def seek(self, stamp_ns: int) -> bool:
        with self._changed:
            before_ns = self._player.clock_ns(self._wall_ns())
            accepted = self._player.seek(stamp_ns, self._wall_ns())
            if accepted:
                self._jumped = stamp_ns < before_ns
                self._ended = False
                self._until_ns = None
                self._changed.notify_all()
            return accepted

    def play(self, begin_ns: int, until_ns: int | None) -> bool:
        """Plays from one stamp to another (None: to the end); False while it plays or outside of the recording."""
        with self._changed:
            if not self._ended or not self.seek(begin_ns):
                return False
            self._until_ns = until_ns
            self._player.resume(self._wall_ns())
            return True

    def burst(self, count: int) -> int:
        """Publishes the next `count` messages (0: all that are left) at once; returns how many; 0 unless paused."""
        with self._changed:
            published = 0
            while count == 0 or published < count:
                message = self._player.play_next(self._wall_ns())
                if message is None:
                    break
                self._publish([message])
                published += 1
            self._changed.notify_all()
            return published

    def stop(self) -> None:
        """Ends playing where it stands."""
        with self._changed:
            self._until_ns = 0
            self._changed.notify_all()

    @property
    def start_ns(self) -> int:
        return self._reader.start_ns

    def _run(self) -> None:
        try:
            self._wait_for_subscribers()
            with self._changed:
                while not self._closing:
                    self._step()
                    self._changed.wait(self._idle_s())
        except Exception as error:  # the thread is all there is to this node; its end must not go unnoticed
            self._logger.error(f"playing ended: {error!r}")
            self.failed = True
            self._on_end()

    def _step(self) -> None:
        """Publishes what is due."""
        loops = self._player.loops
        wall_ns = self._wall_ns()
        messages: list[RawMessage] = []
        ended = self._until_ns is not None and self._player.clock_ns(wall_ns) >= self._until_ns
        if ended:
            self._player.pause(wall_ns)
        else:
            try:
                messages = self._player.due(wall_ns)
            except RecordingError as error:
                self._tell_loss(f"{error}; played as far as it goes")
        if self._jumped or self._player.loops != loops:
            self._jumped = False
            announce_jump(lambda: self._publish_clock(wall_ns))
            self._held_ns += round(SETTLE_S * 1e9)
        self._publish(messages)
        if not messages and time.monotonic() >= self._clock_due_s:
            self._publish_clock(self._wall_ns())
        if (ended or self._player.finished) and not self._ended:
            self._ended = True
            self._finish()

    def _tell_loss(self, text: str) -> None:
        """Something of the recording is lost; stays in the diagnostics, for the recording does not get better."""
        self._logger.warning(text)
        if text not in self._losses:  # a loop meets it again
            self._losses.append(text)
        self._diagnostics.value("recording", "; ".join(self._losses), WARN)

    def _idle_s(self) -> float | None:
        """How long until something is due [s]."""
        due_ns = None if self._ended else self._player.next_due_wall_ns()
        waits = [] if due_ns is None else [(due_ns - self._wall_ns()) * 1e-9]
        if self._clock_publisher is not None:
            waits.append(self._clock_due_s - time.monotonic())
        elif not self._ended:
            waits.append(0.1)  # the end of a loop, or of what ~/play asked for, is no message
        return max(0.0, min(waits)) if waits else None

    def _publish(self, messages: list[RawMessage]) -> None:
        if not messages:
            return
        self._publish_clock(self._wall_ns())  # first, so that no stamp lies in the future of its receiver
        for message in messages:
            self._publishers[message.topic].publish(bytes(message.data))
        self._published += len(messages)

    def _publish_clock(self, wall_ns: int) -> None:
        if self._clock_publisher is not None:
            stamp = Time(nanoseconds=self._player.clock_ns(wall_ns), clock_type=ClockType.ROS_TIME)
            self._clock_publisher.publish(Clock(clock=stamp.to_msg()))
            self._clock_due_s = time.monotonic() + 1.0 / self._config.clock_rate_hz

    def _wall_ns(self) -> int:
        return time.monotonic_ns() - self._held_ns

    def _finish(self) -> None:
        end_s = time.monotonic() + _ACKNOWLEDGE_TIMEOUT_S
        waiting = [
            topic
            for topic, publisher in self._publishers.items()
            if not publisher.wait_for_all_acked(Duration(seconds=max(0.0, end_s - time.monotonic())))
        ]
        if waiting:
            self._logger.warning(f"subscribers of {', '.join(waiting)} have not received all; they are too slow")
        self._logger.info(f"played {self._published} messages")
        if self._config.exit_at_end:
            self._on_end()

    def _wait_for_subscribers(self) -> None:
        unknown = [topic for topic in self._config.wait_for_subscribers if topic not in self._publishers]
        if unknown:
            self._logger.warning(f"wait_for_subscribers: {', '.join(unknown)} is not among what is played")
        end_s = time.monotonic() + self._config.wait_timeout_s
        awaited = [topic for topic in self._config.wait_for_subscribers if topic in self._publishers]
        settled_s = float("inf")
        with self._changed:
            while not self._closing:
                awaited = [topic for topic in awaited if self._lacks_subscribers(topic)]
                if not awaited:
                    settled_s = min(settled_s, time.monotonic() + self._config.settle_s)
                if time.monotonic() >= settled_s or not self._config.wait_for_subscribers:
                    return
                if awaited and time.monotonic() > end_s:
                    self._logger.warning(f"too few subscribe to {', '.join(awaited)}; playing all the same")
                    return
                self._publish_clock(self._wall_ns())
                self._changed.wait(0.02)

    def _lacks_subscribers(self, topic: str) -> bool:
        return self._publishers[topic].get_subscription_count() < self._config.min_subscribers

    def _is_wanted(self, topic: str) -> bool:
        if topic == "/clock" and self._config.clock_rate_hz:
            return False
        if self._config.include_topics and topic not in self._config.include_topics:
            return False
        return topic not in self._config.exclude_topics
