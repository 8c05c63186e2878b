"""What the tests of the detection and tracking nodes have in common: a clock of their own, and ears for the nodes."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock as NodeClock
from rclpy.clock import ClockType
from rclpy.node import Node
from rosgraph_msgs.msg import Clock

from zoox_prediction.detections import Detections
from zoox_prediction.msg import DetectionArray
from zoox_prediction.recording.messages import detections_from_message, stamp_ns, stamp_to_message
from zoox_prediction.ros.clock_jump import announce_jump
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.qos import CLOCK, MANY_INPUTS

START_NS = 1_000_000_000_000
STEP_NS = 100_000_000
_CLOCK_PERIOD_S = 0.04

# Of a message before it is sent, by a name of the message. None: it is not sent.
Change = Callable[[Any], Any]


class SensorPeer(Node, ABC):
    """Sends what `send_all` makes ten times a second of a clock that is the nodes' too, and hears what they say."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.detections: list[Detections] = []
        self.statuses: dict[str, DiagnosticStatus] = {}
        self.create_subscription(DetectionArray, "detections", self._on_detections, MANY_INPUTS)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 50)
        self._clock = self.create_publisher(Clock, "/clock", CLOCK)
        self._begun_s, self._begun_ns = time.monotonic(), START_NS  # steady time, and the peer's of then
        self._stands_ns: int | None = None
        self.create_timer(_CLOCK_PERIOD_S, self._tick, clock=NodeClock(clock_type=ClockType.STEADY_TIME))
        self._sent_ns = 0

    @abstractmethod
    def send_all(self, stamp_ns: int, changes: Mapping[str, Change], transforms: bool) -> None:
        """Everything of one instant, changed as asked."""

    def _on_detections(self, message: DetectionArray) -> None:
        self.detections.append(detections_from_message(message))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.statuses |= {status.name: status for status in message.status}

    def now_ns(self) -> int:
        if self._stands_ns is not None:
            return self._stands_ns
        return self._begun_ns + round((time.monotonic() - self._begun_s) * 1e9)

    def _tick(self) -> None:
        self._clock.publish(Clock(clock=stamp_to_message(self.now_ns(), ROS_TYPES)))

    def pause(self) -> None:
        self._stands_ns = self.now_ns()

    def resume(self) -> None:
        assert self._stands_ns is not None
        self._begun_s, self._begun_ns, self._stands_ns = time.monotonic(), self._stands_ns, None

    def jump_back(self, seconds: float) -> None:
        """As a recording that is played again: /clock tells first."""
        self._begun_ns -= round(seconds * 1e9)
        self._sent_ns = 0
        announce_jump(self._tick)

    def drive(
        self,
        seconds: float = 0.0,
        until: Callable[[], object] = lambda: True,
        what: str = "the condition",
        timeout_s: float = 60.0,
        transforms: bool = True,
        **changes: Change,
    ) -> None:
        """Sends for some seconds, and on until the condition holds; AssertionError when it never does."""
        begun_s = time.monotonic()
        while (passed_s := time.monotonic() - begun_s) < seconds or not until():
            assert passed_s < timeout_s, f"{what} did not come true within {timeout_s} s; problems: {self.problems()}"
            stamp = self.now_ns() // STEP_NS * STEP_NS
            if stamp > self._sent_ns:
                self._sent_ns = stamp
                self.send_all(stamp, changes, transforms)
            time.sleep(0.005)

    def says(self, node: str, part: str) -> str:
        """A status of the diagnostics."""
        status = self.statuses.get(f"{node}: {part}")
        return "" if status is None else status.message

    def problems(self, node: str = "") -> str:
        """All problems that a node, or any, has told."""
        told = [each for name, each in self.statuses.items() if name.startswith(node) and name.endswith(": problems")]
        return " | ".join(f"{value.key}: {value.value}" for each in told for value in each.values)

    def of_sensor(self, name: str) -> list[Detections]:
        return [each for each in list(self.detections) if each.sensor_name == name]


def nothing(message: object) -> None:
    return None


def in_frame(name: str) -> Change:
    def change(message: Any) -> Any:
        message.header.frame_id = name
        return message

    return change


def shifted(seconds: float) -> Change:
    """Stamped later by so much."""

    def change(message: Any) -> Any:
        stamp = stamp_ns(message.header.stamp) + round(seconds * 1e9)
        message.header.stamp = stamp_to_message(stamp, ROS_TYPES)
        return message

    return change


def truncated(message: Any) -> Any:
    message.data = message.data[: len(message.data) // 2]
    return message


def of_another_size(info: Any) -> Any:
    info.width *= 2
    return info
