"""Lidar sweeps, cameras and calibration of Argoverse 2 sensor logs, where a log has them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from zoox_prediction.recording.datasets.source import SensorMessage, SourceError, StaticTransform, read_table
from zoox_prediction.recording.sensor_messages import (
    camera_info_message,
    compressed_image_message,
    point_cloud_message,
)

if TYPE_CHECKING:
    import pandas as pd

    from zoox_prediction.recording.messages import MessageTypes

LIDAR_FRAME = "base_link"  # the data set gives sweeps in the ego frame, moved to the stamp of the sweep

_POINT = ("x", "y", "z", "intensity", "laser_number", "offset_ns")
_EXTRINSICS = ("sensor_name", "qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m")
_INTRINSICS = ("sensor_name", "fx_px", "fy_px", "cx_px", "cy_px", "k1", "k2", "k3", "height_px", "width_px")


def read_sensors(folder: Path) -> tuple[SensorMessage, ...]:
    """The messages of all sweeps and pictures below `folder`/sensors, in order of time."""
    sweeps = sorted((folder / "sensors" / "lidar").glob("*.feather"))
    messages = [SensorMessage("/sensors/lidar/points", _stamp(path), partial(_sweep, path)) for path in sweeps]
    pictures = sorted((folder / "sensors" / "cameras").glob("*/*.jpg"))
    if pictures:
        messages += _camera_messages(pictures, _intrinsics(folder))
    return tuple(sorted(messages, key=lambda message: message.stamp_ns))


def read_static_transforms(folder: Path) -> tuple[StaticTransform, ...]:
    """The mounting of the sensors from calibration/egovehicle_SE3_sensor.feather; none where a log has no such file."""
    import pandas as pd

    path = folder / "calibration" / "egovehicle_SE3_sensor.feather"
    if not path.is_file():
        return ()
    return tuple(_mounting(row) for _, row in read_table(pd.read_feather, path, _EXTRINSICS).iterrows())


def _mounting(row: pd.Series) -> StaticTransform:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat([row.qx, row.qy, row.qz, row.qw]).as_matrix()
    matrix[:3, 3] = row.tx_m, row.ty_m, row.tz_m
    return StaticTransform("base_link", str(row.sensor_name), matrix)


def _stamp(path: Path) -> int:
    if not path.stem.isdigit():
        raise SourceError(f"{path}: the file name must be the time stamp in nanoseconds")
    return int(path.stem)


def _sweep(path: Path, types: MessageTypes) -> Any:
    import pandas as pd

    table = read_table(pd.read_feather, path, _POINT)
    points = np.empty(
        len(table),
        dtype=[("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "<f4"), ("ring", "<u2"), ("time", "<f4")],
    )
    for name, column in zip(points.dtype.names or (), _POINT, strict=True):
        points[name] = table[column].to_numpy()
    points["time"] *= 1e-9
    return point_cloud_message(points, _stamp(path), LIDAR_FRAME, types)


def _intrinsics(folder: Path) -> dict[str, pd.Series]:
    import pandas as pd

    path = folder / "calibration" / "intrinsics.feather"
    return {str(row.sensor_name): row for _, row in read_table(pd.read_feather, path, _INTRINSICS).iterrows()}


def _camera_messages(pictures: list[Path], intrinsics: dict[str, pd.Series]) -> list[SensorMessage]:
    messages = []
    for path in pictures:
        name = path.parent.name
        if name not in intrinsics:
            raise SourceError(f"{path.parent}: calibration/intrinsics.feather has no camera {name}")
        stamp = _stamp(path)
        info = partial(_camera_info, intrinsics[name], stamp)
        picture = partial(compressed_image_message, path, stamp, name)
        messages.append(SensorMessage(f"/sensors/{name}/camera_info", stamp, info))
        messages.append(SensorMessage(f"/sensors/{name}/image/compressed", stamp, picture))
    return messages


def _camera_info(row: pd.Series, stamp_ns: int, types: MessageTypes) -> Any:
    camera: NDArray = np.array([[row.fx_px, 0.0, row.cx_px], [0.0, row.fy_px, row.cy_px], [0.0, 0.0, 1.0]])
    distortion = np.array([row.k1, row.k2, 0.0, 0.0, row.k3])
    return camera_info_message(
        camera, distortion, (int(row.height_px), int(row.width_px)), stamp_ns, str(row.sensor_name), types
    )
