"""What we use of message_filters: subscribers and synchronizers by header stamp."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time


class SimpleFilter:
    """Passes what it puts out to the registered callbacks, in the order of registration."""

    def __init__(self) -> None:
        self.callbacks: dict[int, tuple[Callable, tuple]] = {}

    def registerCallback(self, cb: Callable, *args: Any) -> int:  # noqa: N802  # the real name
        """Calls `cb(*messages, *args)` at every output; returns a number of the connection."""
        number = len(self.callbacks)
        self.callbacks[number] = (cb, args)
        return number

    def signalMessage(self, *msg: Any) -> None:  # noqa: N802  # the real name
        for callback, arguments in list(self.callbacks.values()):
            callback(*msg, *arguments)


class Subscriber(SimpleFilter):
    """A subscription as the source of filters: Subscriber(node, msg_type, topic, qos_profile=..., ...)."""

    def __init__(self, node: Node, msg_type: type, topic: str, **kwargs: Any) -> None:
        super().__init__()
        kwargs.setdefault("qos_profile", 10)
        self.node = node
        self.topic = topic
        self.sub = node.create_subscription(msg_type, topic, self.signalMessage, **kwargs)

    def getTopic(self) -> str:  # noqa: N802  # the real name
        return self.topic


class TimeSynchronizer(SimpleFilter):
    """Puts out one message of each filter of `fs` as soon as all have one with the same stamp.

    Of each filter the `queue_size` newest messages by stamp wait for their partners.
    """

    def __init__(self, fs: Sequence[SimpleFilter], queue_size: int) -> None:
        super().__init__()
        self.queue_size = queue_size
        self.lock = threading.Lock()
        self.queues: list[dict[int, Any]] = [{} for _ in fs]  # per filter: stamp [ns] to message
        for index, source in enumerate(fs):
            source.registerCallback(self._receive, index)

    def _receive(self, message: Any, index: int) -> None:
        stamp_ns = Time.from_msg(message.header.stamp).nanoseconds
        queue = self.queues[index]
        with self.lock:
            queue[stamp_ns] = message
            while len(queue) > self.queue_size:
                del queue[min(queue)]
            chosen = self._match(stamp_ns, index)
            if chosen is not None:
                self.signalMessage(*(each.pop(stamp) for each, stamp in zip(self.queues, chosen, strict=True)))

    def _match(self, stamp_ns: int, _index: int) -> Sequence[int] | None:
        """The stamps, one per queue, that go out together now that `stamp_ns` came to queue `_index`."""
        return [stamp_ns] * len(self.queues) if all(stamp_ns in queue for queue in self.queues) else None


class ApproximateTimeSynchronizer(TimeSynchronizer):
    """Puts out one message of each filter when their stamps lie less than `slop` seconds apart, nearest first."""

    def __init__(self, fs: Sequence[SimpleFilter], queue_size: int, slop: float) -> None:
        super().__init__(fs, queue_size)
        self.slop = Duration(seconds=slop)

    def _match(self, stamp_ns: int, index: int) -> Sequence[int] | None:
        slop_ns = self.slop.nanoseconds
        if stamp_ns not in self.queues[index]:  # older than a full queue
            return None
        candidates = [
            sorted((s for s in queue if abs(s - stamp_ns) <= slop_ns), key=lambda s: abs(s - stamp_ns))
            for queue in self.queues
        ]
        candidates[index] = [stamp_ns]
        return next((c for c in itertools.product(*candidates) if max(c) - min(c) < slop_ns), None)
