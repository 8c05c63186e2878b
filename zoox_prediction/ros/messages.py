"""The generated message classes behind `recording.messages.MessageTypes`, so that one set of conversions serves both
rclpy and the reading and writing of bags."""

from __future__ import annotations

import array
import importlib
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError

# The typecodes that rosidl's setters take without looking at every element.
_TYPECODES = {
    np.dtype(np.float32): "f",
    np.dtype(np.float64): "d",
    np.dtype(np.int8): "b",
    np.dtype(np.uint8): "B",
    np.dtype(np.int16): "h",
    np.dtype(np.uint16): "H",
    np.dtype(np.int32): "i",
    np.dtype(np.uint32): "I",
    np.dtype(np.int64): "q",
    np.dtype(np.uint64): "Q",
}


@cache
def interface_class(name: str) -> type:
    """The generated class of an interface such as `sensor_msgs/msg/PointCloud2` or `rosbag2_interfaces/srv/Pause`.

    `_Request` and `_Response` at the end of a service name its halves. Raises InputError when the package is not
    installed or has no such interface.
    """
    try:
        package, kind, leaf = name.split("/")
        service, _, half = leaf.partition("_")
        found: type = getattr(importlib.import_module(f"{package}.{kind}"), service)
        if half:
            found = getattr(found, half)
    except (ValueError, ImportError, AttributeError) as error:
        raise InputError(f"{name}: no such ROS interface is installed; install the package that defines it") from error
    return found


class RosTypes:
    """`MessageTypes` made of generated messages."""

    def __getitem__(self, name: str) -> type:
        """The class of `package/msg/Name`; raises InputError when it is not installed."""
        return interface_class(name)

    def new(self, name: str) -> Any:
        """A message with every field at its default."""
        return self[name]()

    def array(self, values: NDArray) -> Any:
        """A flat numeric field's value of any-shaped `values`, by one copy of the buffer; bool[] fields take lists.

        The dtype must be the field's own: float32 for float32[] and so on. Raises TypeError for other dtypes.
        """
        values = np.asarray(values)
        if values.dtype == np.bool_:
            return values.ravel().tolist()
        typecode = _TYPECODES.get(values.dtype)
        if typecode is None:
            raise TypeError(f"no numeric message field holds {values.dtype}")
        filled = array.array(typecode)
        if values.size:
            filled.frombytes(np.ascontiguousarray(values).data.cast("B"))
        return filled


ROS_TYPES = RosTypes()
