"""Subscriptions that convert, report what is wrong, and go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile

from zoox_prediction.errors import InputError
from zoox_prediction.ros.diagnostics import Diagnostics


class Inputs:
    """The subscriptions of a node. Each message becomes a core type, its age goes to the diagnostics, and so does
    every problem: a malformed message is dropped with one line that names the topic, and nothing else is lost."""

    def __init__(self, node: Node, diagnostics: Diagnostics, callback_group: CallbackGroup):
        self._node = node
        self._diagnostics = diagnostics
        self._group = callback_group
        self._subscriptions: list[Any] = []

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
    ) -> None:
        """`convert` makes a core type of a message (InputError drops it), `use` takes it and returns problems."""
        self._diagnostics.expect_input(topic, max_age_s, required=required)

        def receive(message: Any) -> None:
            try:
                value = convert(message)
                # Latched things such as the map have no stamp that ages: the time of arrival stands for it.
                stamp_ns = getattr(value, "stamp_ns", None) or self._node.get_clock().now().nanoseconds
                self._diagnostics.received(topic, stamp_ns)
                problems = list(use(value) or ())
            except InputError as error:
                problems = [f"{error}; the message is dropped"]
            for problem in problems:
                self._diagnostics.problem(topic, f"{topic}: {problem}")

        self._subscriptions.append(
            self._node.create_subscription(message_type, topic, receive, qos, callback_group=self._group)
        )

    def close(self) -> None:
        """Ends all subscriptions."""
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())
