"""Standard sensor and transform messages made from numpy, for any source of message classes (`MessageTypes`)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from zoox_prediction.errors import InputError
from zoox_prediction.recording.messages import MessageTypes, header_to_message, odometry_to_message
from zoox_prediction.scene import EgoState

if TYPE_CHECKING:
    from zoox_prediction.recording.datasets.source import StaticTransform

# sensor_msgs/PointField datatypes by numpy type.
_POINT_FIELD = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 8}


def point_cloud_message(points: NDArray, stamp_ns: int, frame_id: str, types: MessageTypes) -> Any:
    """sensor_msgs/PointCloud2 of a structured array (N,) whose fields name the channels, e.g. x, y, z, intensity."""
    message = types.new("sensor_msgs/msg/PointCloud2")
    message.header = header_to_message(stamp_ns, frame_id, types)
    message.height, message.width = 1, len(points)
    message.fields = [_point_field(name, points.dtype, types) for name in points.dtype.names or ()]
    message.point_step = points.dtype.itemsize
    message.row_step = points.dtype.itemsize * len(points)
    message.data = types.array(np.frombuffer(points.tobytes(), dtype=np.uint8))
    finite = [np.isfinite(points[name]).all() for name in ("x", "y", "z")]
    message.is_dense = bool(all(finite))
    return message


def _point_field(name: str, dtype: np.dtype, types: MessageTypes) -> Any:
    fields = dtype.fields
    if fields is None:
        raise TypeError("points must be a structured array")
    channel, offset = fields[name][:2]
    field = types.new("sensor_msgs/msg/PointField")
    field.name, field.offset, field.count = name, offset, 1
    field.datatype = _POINT_FIELD[channel.str[1:]]
    return field


def camera_info_message(
    camera: NDArray,
    distortion: NDArray,
    height_width: tuple[int, int],
    stamp_ns: int,
    frame_id: str,
    types: MessageTypes,
) -> Any:
    """sensor_msgs/CameraInfo of a monocular camera: `camera` (3, 3) K, `distortion` (5,) k1, k2, p1, p2, k3."""
    message = types.new("sensor_msgs/msg/CameraInfo")
    message.header = header_to_message(stamp_ns, frame_id, types)
    message.height, message.width = height_width
    message.distortion_model = "plumb_bob"
    message.d = types.array(np.asarray(distortion, dtype=np.float64))
    message.k = np.asarray(camera, dtype=np.float64).reshape(-1)
    message.r = np.eye(3).reshape(-1)
    message.p = np.column_stack([camera, np.zeros(3)]).reshape(-1)
    return message


def compressed_image_message(path: Path, stamp_ns: int, frame_id: str, types: MessageTypes) -> Any:
    """sensor_msgs/CompressedImage with the bytes of a JPEG or PNG file; raises InputError when it is neither."""
    data = path.read_bytes()
    kinds = {b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png"}
    kind = next((kind for magic, kind in kinds.items() if data.startswith(magic)), None)
    if kind is None:
        raise InputError(f"{path}: is neither a JPEG nor a PNG picture; fetch the file again")
    message = types.new("sensor_msgs/msg/CompressedImage")
    message.header = header_to_message(stamp_ns, frame_id, types)
    message.format = kind
    message.data = types.array(np.frombuffer(data, dtype=np.uint8))
    return message


def encoded_image_message(
    image: NDArray, kind: str, stamp_ns: int, frame_id: str, types: MessageTypes, *, jpeg_quality: int = 90
) -> Any:
    """sensor_msgs/CompressedImage of (H, W, 3) blue, green, red or (H, W) grey pixels, uint8 or, as png only, uint16.

    `kind` is jpeg or png. The format says what is inside as compressed_image_transport does, e.g.
    'bgr8; jpeg compressed bgr8' or 'mono16; png compressed'.
    """
    import cv2

    encoding = _encoding(image)
    if kind not in ("jpeg", "png") or (kind == "jpeg" and image.dtype != np.uint8):
        raise ValueError(f"a picture of {encoding} cannot be made a {kind}")
    # Weak compression: a fifth of the time for a tenth more bytes.
    options = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality] if kind == "jpeg" else [cv2.IMWRITE_PNG_COMPRESSION, 3]
    _, data = cv2.imencode(".jpg" if kind == "jpeg" else ".png", image, options)
    message = types.new("sensor_msgs/msg/CompressedImage")
    message.header = header_to_message(stamp_ns, frame_id, types)
    message.format = f"{encoding}; {kind} compressed {encoding if image.ndim == 3 else ''}".rstrip()
    message.data = types.array(np.frombuffer(data.tobytes(), dtype=np.uint8))
    return message


def image_message(image: NDArray, stamp_ns: int, frame_id: str, types: MessageTypes) -> Any:
    """sensor_msgs/Image of (H, W, 3) blue, green, red or (H, W) grey pixels, uint8 or uint16, little-endian."""
    message = types.new("sensor_msgs/msg/Image")
    message.header = header_to_message(stamp_ns, frame_id, types)
    message.height, message.width = image.shape[:2]
    message.encoding = _encoding(image)
    message.is_bigendian = 0
    pixels = np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("<"))
    message.step = pixels.strides[0]
    message.data = types.array(np.frombuffer(pixels.tobytes(), dtype=np.uint8))
    return message


def _encoding(image: NDArray) -> str:
    """As sensor_msgs/image_encodings.hpp names it; ValueError for other arrays than those of images."""
    names = {(2, "u1"): "mono8", (2, "u2"): "mono16", (3, "u1"): "bgr8", (3, "u2"): "bgr16"}
    name = names.get((image.ndim, image.dtype.str[1:]))
    if name is None or image.shape[2:] not in ((), (3,)):
        raise ValueError(f"an array {image.shape} of {image.dtype} is no picture")
    return name


def odometry_3d_message(ego: EgoState, quaternion: NDArray, types: MessageTypes) -> Any:
    """nav_msgs/Odometry of the ego with the full orientation `quaternion` (4,) x, y, z, w of base_link in the map."""
    message = odometry_to_message(ego, types)
    _fill_quaternion(message.pose.pose.orientation, quaternion)
    body = Rotation.from_quat(quaternion).inv().apply([*ego.velocity, 0.0])
    linear = message.twist.twist.linear
    linear.x, linear.y, linear.z = body.tolist()
    return message


def ego_transform_message(ego: EgoState, quaternion: NDArray, types: MessageTypes) -> Any:
    """tf2_msgs/TFMessage map -> base_link."""
    translation = np.array([*ego.position, ego.z])
    transform = _transform("map", "base_link", ego.stamp_ns, translation, quaternion, types)
    return types["tf2_msgs/msg/TFMessage"](transforms=[transform])


def static_transforms_message(transforms: Iterable[StaticTransform], stamp_ns: int, types: MessageTypes) -> Any:
    """tf2_msgs/TFMessage of the mounting of the sensors, for /tf_static."""
    messages = [
        _transform(
            each.parent,
            each.child,
            stamp_ns,
            each.matrix[:3, 3],
            Rotation.from_matrix(each.matrix[:3, :3]).as_quat(),
            types,
        )
        for each in transforms
    ]
    return types["tf2_msgs/msg/TFMessage"](transforms=messages)


def _transform(
    parent: str, child: str, stamp_ns: int, translation: NDArray, quaternion: NDArray, types: MessageTypes
) -> Any:
    message = types.new("geometry_msgs/msg/TransformStamped")
    message.header = header_to_message(stamp_ns, parent, types)
    message.child_frame_id = child
    place = message.transform.translation
    place.x, place.y, place.z = np.asarray(translation, dtype=np.float64).tolist()
    _fill_quaternion(message.transform.rotation, quaternion)
    return message


def _fill_quaternion(message: Any, quaternion: NDArray) -> None:
    message.x, message.y, message.z, message.w = np.asarray(quaternion, dtype=np.float64).tolist()
