"""What the conversions share: the source of message classes, stamps, headers, and checked array fields."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from zoox_prediction.errors import InputError

_NS = 1_000_000_000


class MessageTypes(Protocol):
    """Where message classes come from: the `rosbags` package, or the generated classes of rclpy.

    Messages of both have the same field names and take them as keyword arguments.
    """

    def __getitem__(self, name: str) -> Any:
        """The class of a type such as `zoox_prediction/msg/TrackedAgentArray`; a service's has Request and Response."""

    def array(self, values: NDArray) -> Any:
        """What a numeric (or bool) sequence field takes: the values flattened, in the dtype of the field."""

    def new(self, name: str) -> Any:
        """A message with every field at its default, nested messages included."""


def stamp_to_message(stamp_ns: int, types: MessageTypes) -> Any:
    """builtin_interfaces/Time of nanoseconds since the epoch; raises InputError outside of int32 seconds."""
    seconds, nanoseconds = divmod(int(stamp_ns), _NS)
    if not -(2**31) <= seconds < 2**31:
        raise InputError(f"stamp {stamp_ns} ns is outside of the range of ROS time; check the clock of the source")
    return types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)


def stamp_ns(time: Any) -> int:
    """Nanoseconds since the epoch of a builtin_interfaces/Time."""
    return int(time.sec) * _NS + int(time.nanosec)


def header_to_message(nanoseconds: int, frame_id: str, types: MessageTypes) -> Any:
    """std_msgs/Header of a stamp [ns] and a frame."""
    return types["std_msgs/msg/Header"](stamp=stamp_to_message(nanoseconds, types), frame_id=frame_id)


def array_field(message: Any, name: str, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray:
    """A copy of the array field `name` in `dtype` and `shape`; raises InputError when its length does not fit."""
    field = getattr(message, name)
    if isinstance(field, (bytes, bytearray)):  # how some decoders give uint8[]
        field = np.frombuffer(field, dtype=np.uint8)
    values = np.array(field, dtype=dtype)
    expected = math.prod(shape)
    if values.size != expected:
        raise InputError(
            f"{type_name(message)}.{name} has {values.size} values where {expected} belong, as {shape}; mend its sender"
        )
    return values.reshape(shape)


def type_name(message: Any) -> str:
    """The name of a message's type for people, e.g. `TrackedAgentArray`."""
    return type(message).__name__.rpartition("__")[2]
