"""Pictures of sensor_msgs/Image and CompressedImage as arrays, and the camera of sensor_msgs/CameraInfo."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.sensor_data import CameraModel

# Encodings of sensor_msgs/image_encodings.hpp: type of a channel, channels, and OpenCV's conversion to grey or BGR.
# OpenCV names a Bayer pattern by the second row's second and third pixel, ROS by the corner.
_ENCODINGS: dict[str, tuple[str, int, int | None]] = {
    "mono8": ("u1", 1, None),
    "8UC1": ("u1", 1, None),
    "mono16": ("u2", 1, None),
    "16UC1": ("u2", 1, None),
    "bgr8": ("u1", 3, None),
    "8UC3": ("u1", 3, None),
    "rgb8": ("u1", 3, cv2.COLOR_RGB2BGR),
    "bgra8": ("u1", 4, cv2.COLOR_BGRA2BGR),
    "8UC4": ("u1", 4, cv2.COLOR_BGRA2BGR),
    "rgba8": ("u1", 4, cv2.COLOR_RGBA2BGR),
    "bgr16": ("u2", 3, None),
    "rgb16": ("u2", 3, cv2.COLOR_RGB2BGR),
    "yuv422": ("u1", 2, cv2.COLOR_YUV2BGR_UYVY),
    "uyvy": ("u1", 2, cv2.COLOR_YUV2BGR_UYVY),
    "yuv422_yuy2": ("u1", 2, cv2.COLOR_YUV2BGR_YUY2),
    "yuyv": ("u1", 2, cv2.COLOR_YUV2BGR_YUY2),
}
_BAYER = {
    "bayer_rggb": cv2.COLOR_BayerBG2BGR,
    "bayer_bggr": cv2.COLOR_BayerRG2BGR,
    "bayer_gbrg": cv2.COLOR_BayerGR2BGR,
    "bayer_grbg": cv2.COLOR_BayerGB2BGR,
}
_ENCODINGS |= {f"{name}8": ("u1", 1, code) for name, code in _BAYER.items()}
_ENCODINGS |= {f"{name}16": ("u2", 1, code) for name, code in _BAYER.items()}

# First and last bytes of whole files.
_FILES = {"jpeg": (b"\xff\xd8\xff", b"\xff\xd9"), "png": (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82")}

_DISTORTION_SIZES = {"plumb_bob": (4, 5), "rational_polynomial": (8,), "equidistant": (4,)}


def image_from_message(message: Any) -> NDArray:
    """(H, W, 3) uint8 blue, green, red, or (H, W) uint8 or uint16 of one channel, of an Image or CompressedImage.

    Raises InputError when the encoding or format is not known, or there is less data than belongs to the picture.
    """
    image = _raw_image(message) if hasattr(message, "encoding") else _decoded_image(message)
    if image.ndim == 3 and image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    return image


def _raw_image(message: Any) -> NDArray:
    height, width, encoding = int(message.height), int(message.width), str(message.encoding)
    if encoding not in _ENCODINGS:
        raise InputError(f"Image.encoding '{encoding}' is not known; send one of {', '.join(sorted(_ENCODINGS))}")
    kind, channels, conversion = _ENCODINGS[encoding]
    dtype = np.dtype((">" if message.is_bigendian else "<") + kind)
    row_bytes = width * channels * dtype.itemsize
    step = int(message.step)
    if height < 1 or width < 1:
        raise InputError(f"Image has {width} x {height} pixels; mend its sender")
    if step < row_bytes:
        raise InputError(f"Image.step is {step} bytes where a row of {width} pixels {encoding} takes {row_bytes}")
    data = _bytes_of(message)
    needed = (height - 1) * step + row_bytes
    if data.nbytes < needed:
        raise InputError(
            f"Image.data has {data.nbytes} bytes where {width} x {height} pixels {encoding} take {needed}; "
            "mend its sender"
        )
    pixels = np.ndarray(
        (height, width, channels), dtype, data, strides=(step, channels * dtype.itemsize, dtype.itemsize)
    )
    image = np.array(pixels, dtype=dtype.newbyteorder("="))
    if channels == 1:
        image = image[..., 0]
    if conversion is None:
        return image
    if channels == 2 and width % 2:
        raise InputError(f"Image of {encoding} has an odd width of {width} pixels; mend its sender")
    if encoding.startswith("bayer") and min(height, width) < 2:
        raise InputError(f"Image of {encoding} has {width} x {height} pixels; a pattern needs 2 x 2")
    return np.asarray(cv2.cvtColor(image, conversion))


def _decoded_image(message: Any) -> NDArray:
    """A whole JPEG or PNG; its first bytes tell which, for drivers write anything into `format`."""
    data = _bytes_of(message)
    kind = next((kind for kind, (first, _) in _FILES.items() if data[: len(first)].tobytes() == first), None)
    if kind is None:
        raise InputError(f"CompressedImage of format '{message.format}' is neither a JPEG nor a PNG picture; send one")
    # Decoders fill up what is missing of a picture that ends early; some drivers pad the end with zeros.
    if not data[-64:].tobytes().rstrip(b"\0").endswith(_FILES[kind][1]) and not _is_zero_padded(data, kind):
        raise InputError(
            f"CompressedImage.data of {data.nbytes} bytes ends amid its {kind.upper()} picture; mend its sender"
        )
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(data, flags)
    except cv2.error:  # a header that promises more pixels than OpenCV takes
        image = None
    if image is None:
        raise InputError(
            f"CompressedImage.data of {data.nbytes} bytes is a damaged {kind.upper()} picture; mend its sender"
        )
    return np.asarray(image)


def _is_zero_padded(data: NDArray[np.uint8], kind: str) -> bool:
    last = np.flatnonzero(data)
    end = int(last[-1]) + 1 if len(last) else 0
    return data[:end].tobytes().endswith(_FILES[kind][1])


def _bytes_of(message: Any) -> NDArray[np.uint8]:
    data = message.data
    array = data if isinstance(data, np.ndarray) else np.frombuffer(data, dtype=np.uint8)
    return np.ascontiguousarray(array, dtype=np.uint8)


def camera_model_from_message(message: Any, rectified: bool = False) -> CameraModel:
    """The camera of a sensor_msgs/CameraInfo, in the pixels that are sent (region of interest, then binning).

    With `rectified` that of pictures whose distortion was taken out: the matrix P, no distortion. Raises InputError
    when the camera is not calibrated, or its distortion model is not plumb_bob, rational_polynomial or equidistant.
    """
    projection = np.array(message.p, dtype=np.float64).reshape(3, 4)[:, :3]
    matrix = projection if rectified else np.array(message.k, dtype=np.float64).reshape(3, 3)
    if not np.isfinite(matrix).all() or matrix[0, 0] <= 0.0 or matrix[1, 1] <= 0.0:
        name = "p" if rectified else "k"
        raise InputError(f"CameraInfo.{name} has no focal length; calibrate the camera '{message.header.frame_id}'")
    model, distortion = _distortion(message)
    if rectified:
        distortion = np.zeros(0)
    region = message.roi
    size = np.array([region.width or message.width, region.height or message.height], dtype=np.int64)
    binning = np.array([max(int(message.binning_x), 1), max(int(message.binning_y), 1)])
    matrix = matrix.copy()
    matrix[:2, 2] -= [region.x_offset, region.y_offset]
    matrix[:2] /= binning[:, None]
    width, height = (size // binning).tolist()
    return CameraModel(matrix, distortion, model, width, height)


def _distortion(message: Any) -> tuple[str, NDArray[np.float64]]:
    model, values = str(message.distortion_model), np.array(message.d, dtype=np.float64)
    if not values.any():
        return model or "plumb_bob", np.zeros(0)
    # Some drivers say fisheye for what the standard calls equidistant.
    model = {"": "plumb_bob", "fisheye": "equidistant"}.get(model, model)
    if model not in _DISTORTION_SIZES:
        raise InputError(
            f"CameraInfo.distortion_model '{model}' is not known; use one of {', '.join(_DISTORTION_SIZES)}"
        )
    if len(values) not in _DISTORTION_SIZES[model] or not np.isfinite(values).all():
        raise InputError(
            f"CameraInfo.d has {len(values)} values for the distortion model {model}; mend the calibration"
        )
    return model, values


def check_image_size(image: NDArray, camera: CameraModel) -> None:
    """Raises InputError when a picture (H, W, ...) is not as large as its camera's."""
    height, width = image.shape[:2]
    if (width, height) != (camera.width_px, camera.height_px):
        raise InputError(
            f"the image has {width} x {height} pixels where CameraInfo says {camera.width_px} x {camera.height_px}; "
            "send them of the same camera and mode"
        )
