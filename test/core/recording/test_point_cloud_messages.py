"""Point clouds from messages of every layout that drivers send."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.recording.messages import point_cloud_from_message
from zoox_prediction.recording.sensor_messages import point_cloud_message
from zoox_prediction.recording.typestore import RosbagsTypes

TYPES = RosbagsTypes()
STAMP_NS = 1_764_000_000_123_456_789
_DATATYPE = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 8}


def _message(points: NDArray, rows: int = 1, padding: int = 0, stamp_ns: int = STAMP_NS) -> Any:
    """PointCloud2 of a structured array of any byte order, offsets and item size; rows of it end in padding bytes."""
    dtype = points.dtype
    message = point_cloud_message(np.zeros(0, dtype=[(name, "<f4") for name in "xyz"]), stamp_ns, "lidar", TYPES)
    fields = []
    for name in dtype.names or ():
        channel, offset = dtype.fields[name][:2]
        field = TYPES.new("sensor_msgs/msg/PointField")
        field.name, field.offset, field.datatype, field.count = name, offset, _DATATYPE[channel.str[1:]], 1
        fields.append(field)
    grid = points.reshape(rows, -1)
    message.fields, message.height, message.width = fields, rows, grid.shape[1]
    message.point_step, message.row_step = dtype.itemsize, grid.shape[1] * dtype.itemsize + padding
    message.is_bigendian = any(channel.byteorder == ">" for channel, *_ in (dtype.fields or {}).values())
    data = b"".join(row.tobytes() + b"\xff" * padding for row in grid)
    message.data = np.frombuffer(data, dtype=np.uint8)
    return message


def _cloud(fields: list[tuple[str, str]], **columns: Any) -> NDArray:
    length = len(columns["x"])
    points = np.zeros(length, dtype=fields)
    for name, values in columns.items():
        points[name] = values
    return points


def _xyz(kind: str = "<f4") -> list[tuple[str, str]]:
    return [(name, kind) for name in "xyz"]


@pytest.mark.parametrize("kind", ["f4", "f8", "i4", "i2", "i1"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("rows", "padding"), [(1, 0), (3, 0), (3, 7)])
def test_any_type_byte_order_and_rows(kind: str, order: str, rows: int, padding: int) -> None:
    expected = np.arange(36).reshape(12, 3) - 9
    points = _cloud(_xyz(order + kind), x=expected[:, 0], y=expected[:, 1], z=expected[:, 2])
    cloud = point_cloud_from_message(_message(points, rows, padding))
    assert cloud.position.dtype == np.float32
    np.testing.assert_array_equal(cloud.position, expected)
    assert cloud.num_dropped == 0
    assert cloud.intensity is cloud.time_s is cloud.ring is cloud.radial_speed is cloud.rcs_dbsm is None


def test_fields_anywhere_in_the_point_and_fields_that_are_not_known() -> None:
    layout = np.dtype(
        {
            "names": ["z", "rgb", "x", "ring", "y", "intensity"],
            "formats": ["<f4", "<f4", "<f8", "<u2", "<f4", "u1"],
            "offsets": [1, 5, 9, 20, 23, 31],
            "itemsize": 40,
        }
    )
    points = np.zeros(2, dtype=layout)
    points["x"], points["y"], points["z"] = [1.5, 4.0], [2.5, 5.0], [3.5, 6.0]
    points["ring"], points["intensity"], points["rgb"] = [7, 65535], [0, 255], np.nan
    cloud = point_cloud_from_message(_message(points))
    np.testing.assert_array_equal(cloud.position, [[1.5, 2.5, 3.5], [4.0, 5.0, 6.0]])
    assert cloud.ring is not None and cloud.intensity is not None
    assert cloud.ring.tolist() == [7, 65535]
    assert cloud.intensity.tolist() == [0.0, 255.0]


def test_points_that_are_not_finite_are_dropped_and_counted_with_all_their_channels() -> None:
    x = [1.0, np.nan, 3.0, 4.0, 1e300]
    points = _cloud(
        [*_xyz("<f8"), ("intensity", "<f4")], x=x, y=0.0, z=[0.0, 0.0, np.inf, 0.0, 0.0], intensity=range(5)
    )
    cloud = point_cloud_from_message(_message(points))
    assert cloud.position[:, 0].tolist() == [1.0, 4.0]
    assert cloud.intensity is not None and cloud.intensity.tolist() == [0.0, 3.0]
    assert cloud.num_dropped == 3


@pytest.mark.parametrize("rows", [0, 1])
def test_an_empty_cloud_is_normal(rows: int) -> None:
    message = _message(_cloud([*_xyz(), ("time", "<f4")], x=[]))
    message.height = rows
    cloud = point_cloud_from_message(message)
    assert len(cloud) == 0
    assert cloud.time_s is not None and len(cloud.time_s) == 0


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        ("t", "<u4", [0, 25_000_000, 100_000_000]),  # Ouster: ns
        ("time", "<f4", [0.0, 0.025, 0.1]),  # Velodyne: s
        ("timestamp", "<f8", [1_764_000_000.123457, 1_764_000_000.148457, 1_764_000_000.223457]),  # Hesai: s, absolute
        ("timestamp", "<f8", [STAMP_NS, STAMP_NS + 25_000_000, STAMP_NS + 100_000_000]),  # Livox: ns, absolute
        ("time_stamp", "<u4", [0, 25_000_000, 100_000_000]),  # Autoware: ns
        ("timestamp_offset", "<u4", [0, 25_000, 100_000]),  # us
        ("time_offset", "<f4", [0.0, 25.0, 100.0]),  # ms
    ],
)
def test_times_of_common_drivers(name: str, kind: str, values: list[float]) -> None:
    points = _cloud([*_xyz(), (name, kind)], x=[1.0, 2.0, 3.0], **{name: values})
    cloud = point_cloud_from_message(_message(points))
    assert cloud.time_s is not None
    np.testing.assert_allclose(cloud.time_s, [0.0, 0.025, 0.1], atol=2e-6)


def test_times_before_the_stamp_are_negative() -> None:
    points = _cloud([*_xyz(), ("time", "<f4")], x=[1.0, 2.0], time=[-0.1, 0.0])
    cloud = point_cloud_from_message(_message(points))
    assert cloud.time_s is not None
    np.testing.assert_allclose(cloud.time_s, [-0.1, 0.0])


@pytest.mark.parametrize("values", [[1.5e9, 1.5e9 + 0.1], [np.nan, 0.0], [9e12, 9e12 + 1e8]])
def test_times_of_another_clock_are_not_used(values: list[float]) -> None:
    points = _cloud([*_xyz(), ("timestamp", "<f8")], x=[1.0, 2.0], timestamp=values)
    assert point_cloud_from_message(_message(points)).time_s is None


def test_radar_channels() -> None:
    points = _cloud([*_xyz(), ("radial_speed", "<f4"), ("rcs", "<f4")], x=[1.0], radial_speed=[-3.0], rcs=[10.0])
    cloud = point_cloud_from_message(_message(points))
    assert cloud.radial_speed is not None and cloud.rcs_dbsm is not None
    assert (cloud.radial_speed.tolist(), cloud.rcs_dbsm.tolist()) == ([-3.0], [10.0])


def test_what_cannot_be_read_is_one_sentence() -> None:
    with pytest.raises(InputError, match="no field z, only x, y"):
        point_cloud_from_message(_message(_cloud([("x", "<f4"), ("y", "<f4")], x=[1.0])))
    whole = _message(_cloud(_xyz(), x=[1.0, 2.0, 3.0]))
    whole.data = whole.data[:-1]
    with pytest.raises(InputError, match="35 bytes where 1 x 3 points take 36"):
        point_cloud_from_message(whole)
    rows = _message(_cloud(_xyz(), x=[1.0, 2.0]), rows=2)
    rows.row_step = 8
    with pytest.raises(InputError, match="rows of 8 bytes"):
        point_cloud_from_message(rows)
    unknown = _message(_cloud(_xyz(), x=[1.0]))
    unknown.fields[1].datatype = 42
    with pytest.raises(InputError, match="field y has the unknown datatype 42"):
        point_cloud_from_message(unknown)
    outside = _message(_cloud(_xyz(), x=[1.0]))
    outside.fields[2].offset = 9
    with pytest.raises(InputError, match="field z at byte 9 is outside"):
        point_cloud_from_message(outside)


@pytest.mark.parametrize("container", [bytes, bytearray])
def test_data_as_decoders_give_it(container: type) -> None:
    message = _message(_cloud(_xyz(), x=[1.0, 2.0]))
    message.data = container(message.data.tobytes())
    assert point_cloud_from_message(message).position[:, 0].tolist() == [1.0, 2.0]
