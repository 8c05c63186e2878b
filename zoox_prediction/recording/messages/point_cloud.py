"""Point clouds of sensor_msgs/PointCloud2 as arrays, whatever fields the driver gives its points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.recording.messages.fields import stamp_ns
from zoox_prediction.sensor_data import PointCloud

# numpy types of sensor_msgs/PointField.INT8 to FLOAT64.
_DATATYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}

# How drivers call their channels; the first that is there is taken.
_INTENSITY = ("intensity", "i", "reflectivity", "reflectance")
_TIME = ("t", "time", "timestamp", "time_stamp", "timestamp_offset", "offset_time", "time_offset", "offset_ns")
_RING = ("ring", "channel", "line", "laser_id", "laser_number")
_RADIAL_SPEED = ("radial_speed", "radial_velocity", "doppler", "doppler_velocity", "range_rate", "v_r")
_RCS = ("rcs", "rcs_dbsm", "radar_cross_section")

# Seconds of the units in which drivers count, and how large the time within a sweep gets in each: beyond a second
# the next finer one is meant, for a sweep takes less than a second and more than a millisecond.
_RELATIVE_UNITS = ((1.0, 1.0), (1e3, 1e-3), (1e6, 1e-6), (1e9, 1e-9))
_ABSOLUTE_UNITS = (1.0, 1e-3, 1e-6, 1e-9)
_MAX_AGE_S = 10.0  # of a point against the stamp; what is farther away was counted by another clock
_EARLIEST_S = 1e8  # what is smaller is no time since 1970


def is_radar_cloud(message: Any) -> bool:
    """Whether the points of a sensor_msgs/PointCloud2 have what only radars measure."""
    return any(field.name in (*_RADIAL_SPEED, *_RCS) for field in message.fields)


def point_cloud_from_message(message: Any) -> PointCloud:
    """The points of a sensor_msgs/PointCloud2 that has at least the fields x, y and z.

    Fields may have any datatype, order, offset and byte order, rows may be padded. Points with a coordinate that is not
    finite are left out and counted. The time of points is taken from a field t, time, timestamp, time_stamp,
    timestamp_offset, offset_time, time_offset or offset_ns, absolute or since the stamp, in the unit (s, ms, us, ns)
    that its size tells; times that are far from the stamp in every unit are left out.

    Raises InputError when a field is missing or of no known type, or there is less data than the message promises.
    """
    points = _points(message)
    count = points.size
    position = np.empty((count, 3), dtype=np.float32)
    with np.errstate(over="ignore"):  # float64 may exceed float32: such points are not finite either
        for axis, name in enumerate("xyz"):
            position[:, axis] = points[name].reshape(-1)
    finite = np.isfinite(position).all(axis=1)
    rows = slice(None) if finite.all() else np.flatnonzero(finite)

    def channel(names: tuple[str, ...], dtype: type) -> Any:
        name = next((each for each in names if each in (points.dtype.names or ())), None)
        return None if name is None else points[name].reshape(-1)[rows].astype(dtype)

    return PointCloud(
        position=position[rows],
        intensity=channel(_INTENSITY, np.float32),
        time_s=_seconds_after(channel(_TIME, np.float64), stamp_ns(message.header.stamp)),
        ring=channel(_RING, np.int32),
        radial_speed=channel(_RADIAL_SPEED, np.float32),
        rcs_dbsm=channel(_RCS, np.float32),
        num_dropped=count - int(np.count_nonzero(finite)),
    )


def _points(message: Any) -> NDArray:
    """(height, width) structured array on the bytes of the message, of the channels that are known."""
    height, width = int(message.height), int(message.width)
    dtype = _point_type(message)
    # Drivers of clouds with one row leave row_step at anything.
    row_step = int(message.row_step) if height > 1 else width * dtype.itemsize
    if row_step < width * dtype.itemsize:
        raise InputError(
            f"PointCloud2 has rows of {row_step} bytes for {width} points of {dtype.itemsize}; mend row_step"
        )
    data = message.data if isinstance(message.data, np.ndarray) else np.frombuffer(message.data, dtype=np.uint8)
    needed = (height - 1) * row_step + width * dtype.itemsize if height * width else 0
    if data.nbytes < needed:
        raise InputError(
            f"PointCloud2.data has {data.nbytes} bytes where {height} x {width} points take {needed}; mend its sender"
        )
    if not needed:
        return np.zeros((0, 0), dtype=dtype)
    return np.ndarray((height, width), dtype, np.ascontiguousarray(data), strides=(row_step, dtype.itemsize))


def _point_type(message: Any) -> np.dtype:
    order = ">" if message.is_bigendian else "<"
    known = {"x", "y", "z", *_INTENSITY, *_TIME, *_RING, *_RADIAL_SPEED, *_RCS}
    fields = {field.name: field for field in message.fields if field.name in known}
    step = int(message.point_step)
    missing = [name for name in "xyz" if name not in fields]
    if missing:
        names = ", ".join(field.name for field in message.fields) or "none"
        raise InputError(f"PointCloud2 has no field {missing[0]}, only {names}; a cloud needs x, y and z")
    for field in fields.values():
        if field.datatype not in _DATATYPES:
            raise InputError(f"PointCloud2 field {field.name} has the unknown datatype {field.datatype}; use 1 to 8")
        if field.offset + int(_DATATYPES[field.datatype][1:]) > step:
            raise InputError(
                f"PointCloud2 field {field.name} at byte {field.offset} is outside of a point of {step} bytes; "
                "mend offset or point_step"
            )
    return np.dtype(
        {
            "names": list(fields),
            "formats": [order + _DATATYPES[field.datatype] for field in fields.values()],
            "offsets": [int(field.offset) for field in fields.values()],
            "itemsize": step,
        }
    )


def _seconds_after(times: NDArray[np.float64] | None, stamp: int) -> NDArray[np.float32] | None:
    """(N,) after the stamp [ns] of times as a driver counts them; None when they are of no clock that is known."""
    if times is None or not len(times) or not np.isfinite(times).all():
        return None if times is None or len(times) else np.zeros(0, dtype=np.float32)
    last = float(np.abs(times).max())
    for unit in _ABSOLUTE_UNITS:
        if last * unit >= _EARLIEST_S and abs(last * unit - stamp * 1e-9) <= _MAX_AGE_S:
            return ((times - stamp * 1e-9 / unit) * unit).astype(np.float32)
    for limit, unit in _RELATIVE_UNITS:
        if last <= limit:
            return (times * unit).astype(np.float32)
    return None
