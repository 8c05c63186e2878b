"""Subscriptions that convert, report what is wrong, and go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidHandle
from rclpy.node import Node
from rclpy.qos import QoSProfile

from zoox_prediction.errors import InputError
from zoox_prediction.ros.diagnostics import Diagnostics
from zoox_prediction.ros.executor import Unwatched

try:
    from zoox_prediction.recording.typestore import RosbagsTypes
except ImportError:  # no rosbags: rclpy decodes, more slowly
    RosbagsTypes = None  # type: ignore[assignment,misc]


_GATHER_PERIOD_S = 0.25
_GATHER_DEPTH = 100  # messages of a gathered topic that may come meanwhile


class Inputs:
    """The subscriptions of a node. Each message becomes a core type, its age goes to the diagnostics, and so does
    every problem: a malformed message is dropped with one line that names the topic, and nothing else is lost."""

    def __init__(self, node: Node, diagnostics: Diagnostics, callback_group: CallbackGroup):
        self._node = node
        self._diagnostics = diagnostics
        self._group = callback_group
        self._subscriptions: list[Any] = []
        self._gathered: list[tuple[Any, Callable[[Any], None]]] = []
        self._gathering = threading.Lock()  # so that messages are used in their order
        self._timer: Any = None

    def subscribe(
        self,
        message_type: type,
        topic: str,
        convert: Callable[[Any], Any],
        use: Callable[[Any], Iterable[str] | None],
        qos: QoSProfile,
        *,
        max_age_s: float = float("inf"),
        required: bool = False,
        gathered: bool = False,
        drained: bool = False,
        callback_group: CallbackGroup | None = None,
    ) -> None:
        """`convert` makes a core type of a message (InputError drops it), `use` takes it and returns problems.

        Messages are decoded by rosbags where it is installed: for 200 agents in a third of the time of rclpy. A topic
        that is `gathered` does not wake the executor: what came is taken before the next message of another topic, by
        `gather`, and at least four times a second. For fast topics, because every waking costs rclpy about as much as
        ten messages. Of one that is `drained`, every waking takes all that has come: a node that has fallen behind, for
        the machine was busy, catches up.
        """
        self._diagnostics.expect_input(topic, max_age_s, required=required)
        decode = _decoder(message_type)

        def receive(message: Any) -> None:
            try:
                value = convert(message if decode is None else decode(message))
                # Latched things such as the map have no stamp that ages: the time of arrival stands for it.
                stamp_ns = getattr(value, "stamp_ns", None) or self._node.get_clock().now().nanoseconds
                self._diagnostics.received(topic, stamp_ns)
                problems = list(use(value) or ())
            except InputError as error:
                problems = [f"{error}; the message is dropped"]
            for problem in problems:
                self._diagnostics.problem(topic, f"{topic}: {problem}")

        def receive_after_gathered(message: Any) -> None:
            self.gather()
            receive(message)

        group, callback = callback_group or self._group, receive
        if gathered:
            group, qos = Unwatched(), _deeper(qos)
            if self._timer is None:
                steady = Clock(clock_type=ClockType.STEADY_TIME)
                self._timer = self._node.create_timer(_GATHER_PERIOD_S, self.gather, self._group, clock=steady)
        elif group is self._group:
            callback = receive_after_gathered

        def receive_all(message: Any) -> None:
            callback(message)
            _take_all(subscription, callback)

        subscription = self._node.create_subscription(
            message_type, topic, receive_all if drained else callback, qos, callback_group=group, raw=decode is not None
        )
        self._subscriptions.append(subscription)
        if gathered:
            self._gathered.append((subscription, receive))

    def gather(self) -> None:
        """Takes what came on the gathered topics; from any thread."""
        with self._gathering:
            for subscription, receive in self._gathered:
                _take_all(subscription, receive)

    def close(self) -> None:
        """Ends all subscriptions."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
        self._timer, self._gathered = None, []
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())


def _take_all(subscription: Any, receive: Callable[[Any], None]) -> None:
    """What has come by now, in its order."""
    for _ in range(_GATHER_DEPTH):
        try:
            with subscription.handle:
                taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
        except InvalidHandle:  # the subscription has just ended
            return
        if taken is None:
            return
        receive(taken[0])


def _deeper(qos: QoSProfile) -> QoSProfile:
    """`qos` that keeps what comes between two gatherings."""
    return QoSProfile(history=qos.history, depth=_GATHER_DEPTH, reliability=qos.reliability, durability=qos.durability)


def _decoder(message_type: type) -> Callable[[bytes], Any] | None:
    """What makes a message of received bytes; None where rosbags is not installed or does not know the type."""
    if RosbagsTypes is None:
        return None
    types = RosbagsTypes()
    name = f"{message_type.__module__.partition('.')[0]}/msg/{message_type.__name__}"
    try:
        data = types.serialize(types.new(name))
    except KeyError:
        return None
    types.deserialize(data, name)  # compiles the decoder now rather than at the first message
    return partial(types.deserialize, name=name)
