"""Pictures from messages of every encoding that drivers send, and cameras from CameraInfo."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.recording.messages import camera_model_from_message, check_image_size, image_from_message
from zoox_prediction.recording.sensor_messages import camera_info_message, encoded_image_message, image_message
from zoox_prediction.recording.typestore import RosbagsTypes

TYPES = RosbagsTypes()
MATRIX = np.array([[500.0, 0.0, 320.0], [0.0, 510.0, 200.0], [0.0, 0.0, 1.0]])


def _raw(data: NDArray, encoding: str, shape: tuple[int, int], padding: int = 0, big_endian: bool = False) -> Any:
    """sensor_msgs/Image with these values as they are, its rows ending in padding."""
    message = TYPES.new("sensor_msgs/msg/Image")
    message.height, message.width, message.encoding, message.is_bigendian = *shape, encoding, int(big_endian)
    rows = data.reshape(shape[0], -1)
    message.step = rows.shape[1] * rows.dtype.itemsize + padding
    message.data = np.frombuffer(b"".join(row.tobytes() + b"\xee" * padding for row in rows), dtype=np.uint8)
    return message


def _colors(height: int = 6, width: int = 8) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "order"),
    [
        ("bgr8", [0, 1, 2]),
        ("8UC3", [0, 1, 2]),
        ("rgb8", [2, 1, 0]),
        ("bgra8", [0, 1, 2, 0]),
        ("rgba8", [2, 1, 0, 0]),
    ],
)
def test_colors_come_as_blue_green_red(encoding: str, order: list[int], padding: int) -> None:
    image = _colors()
    np.testing.assert_array_equal(image_from_message(_raw(image[..., order], encoding, (6, 8), padding)), image)


@pytest.mark.parametrize("encoding", ["bgr16", "rgb16"])
def test_colors_of_16_bits_come_as_8(encoding: str) -> None:
    image = _colors()
    wide = image.astype("<u2") * 256 + 77
    message = _raw(wide if encoding == "bgr16" else wide[..., ::-1], encoding, (6, 8))
    np.testing.assert_array_equal(image_from_message(message), image)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize(("encoding", "kind"), [("mono8", "u1"), ("8UC1", "u1"), ("mono16", "u2"), ("16UC1", "u2")])
@pytest.mark.parametrize("padding", [0, 6])
def test_one_channel_keeps_its_depth(encoding: str, kind: str, big_endian: bool, padding: int) -> None:
    expected = np.random.default_rng(2).integers(0, np.iinfo(kind).max, (5, 7)).astype(kind)
    sent = expected.astype((">" if big_endian else "<") + kind)
    image = image_from_message(_raw(sent, encoding, (5, 7), padding, big_endian))
    assert image.dtype == np.dtype(kind)
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer_patterns_give_the_color_of_a_plain_picture(pattern: str, bits: int) -> None:
    color = {"b": 40, "g": 120, "r": 220}
    tile = np.array([color[each] for each in pattern], dtype=np.uint16).reshape(2, 2)
    mosaic = np.tile(tile, (4, 5))
    sent = mosaic.astype(np.uint8) if bits == 8 else (mosaic * 256).astype("<u2")
    image = image_from_message(_raw(sent, f"bayer_{pattern}{bits}", (8, 10)))
    np.testing.assert_array_equal(image, np.broadcast_to(np.array([40, 120, 220], np.uint8), (8, 10, 3)))


@pytest.mark.parametrize(
    ("encoding", "order"), [("yuv422", (1, 0)), ("uyvy", (1, 0)), ("yuv422_yuy2", (0, 1)), ("yuyv", (0, 1))]
)
def test_yuv_with_half_of_the_color(encoding: str, order: tuple[int, int]) -> None:
    blue, green, red = 40.0, 90.0, 200.0  # ITU-R BT.601, studio range
    luma = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    chroma = (128 - 0.148 * red - 0.291 * green + 0.439 * blue, 128 + 0.439 * red - 0.368 * green - 0.071 * blue)
    pixels = np.empty((4, 6, 2))
    pixels[..., order[0]] = luma
    pixels[:, 0::2, order[1]], pixels[:, 1::2, order[1]] = chroma
    image = image_from_message(_raw(np.rint(pixels).astype(np.uint8), encoding, (4, 6)))
    np.testing.assert_allclose(image.astype(float), np.broadcast_to([blue, green, red], (4, 6, 3)), atol=3.0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_png_comes_back_as_it_was(dtype: type, channels: int) -> None:
    shape = (9, 11) if channels == 1 else (9, 11, 3)
    image = np.random.default_rng(3).integers(0, np.iinfo(dtype).max, shape).astype(dtype)
    found = image_from_message(encoded_image_message(image, "png", 1, "camera", TYPES))
    expected = (image >> 8).astype(np.uint8) if channels == 3 and dtype == np.uint16 else image
    np.testing.assert_array_equal(found, expected)


def test_jpeg_of_either_kind_and_with_padding() -> None:
    image = np.full((16, 24, 3), (30, 90, 210), dtype=np.uint8)
    message = encoded_image_message(image, "jpeg", 1, "camera", TYPES)
    message.data = np.concatenate([message.data, np.zeros(500, dtype=np.uint8)])
    np.testing.assert_allclose(image_from_message(message).astype(int), image, atol=4)
    assert image_from_message(encoded_image_message(image[..., 0], "jpeg", 1, "camera", TYPES)).shape == (16, 24)


def test_our_own_raw_messages_come_back() -> None:
    for image in (_colors(), _colors()[..., 0], _colors()[..., 0].astype(np.uint16) * 200):
        np.testing.assert_array_equal(image_from_message(image_message(image, 1, "camera", TYPES)), image)


@pytest.mark.parametrize("kind", ["jpeg", "png"])
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.999])
def test_pictures_that_end_early_are_told(kind: str, kept: float) -> None:
    message = encoded_image_message(_colors(64, 64), kind, 1, "camera", TYPES)
    message.data = message.data[: int(kept * len(message.data))]
    with pytest.raises(InputError, match=r"neither a JPEG nor a PNG|ends amid its"):
        image_from_message(message)


def test_a_damaged_picture_is_told() -> None:
    message = encoded_image_message(_colors(64, 64), "png", 1, "camera", TYPES)
    message.data = message.data.copy()
    message.data[16:24] = 0xFF  # width and height
    with pytest.raises(InputError, match="damaged PNG"):
        image_from_message(message)


def test_raw_images_that_are_wrong_are_told() -> None:
    good = image_message(_colors(), 1, "camera", TYPES)
    for changes, words in (
        ({"encoding": "nv12"}, "'nv12' is not known"),
        ({"step": 10}, "Image.step is 10 bytes"),
        ({"height": 7}, "take 168; mend its sender"),
        ({"width": 0}, "0 x 6 pixels"),
    ):
        message = TYPES.new("sensor_msgs/msg/Image")
        for name in ("height", "width", "encoding", "step", "data", "is_bigendian"):
            setattr(message, name, changes.get(name, getattr(good, name)))
        with pytest.raises(InputError, match=words):
            image_from_message(message)


def _info(**changes: Any) -> Any:
    message = camera_info_message(MATRIX, np.zeros(5), (400, 640), 1, "camera", TYPES)
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def test_a_camera_without_distortion() -> None:
    camera = camera_model_from_message(_info())
    np.testing.assert_array_equal(camera.matrix, MATRIX)
    assert (camera.width_px, camera.height_px, len(camera.distortion)) == (640, 400, 0)


@pytest.mark.parametrize(
    ("model", "size"), [("plumb_bob", 5), ("plumb_bob", 4), ("rational_polynomial", 8), ("equidistant", 4)]
)
def test_distortion_models(model: str, size: int) -> None:
    values = np.linspace(0.01, 0.05, size)
    camera = camera_model_from_message(_info(distortion_model=model, d=values))
    assert camera.distortion_model == model
    np.testing.assert_array_equal(camera.distortion, values)


def test_rectified_pictures_have_the_camera_of_the_projection() -> None:
    projection = np.column_stack([MATRIX * 0.9, [-40.0, 0.0, 0.0]])
    message = _info(d=np.array([0.1, 0.0, 0.0, 0.0, 0.0]), p=projection.reshape(-1))
    camera = camera_model_from_message(message, rectified=True)
    np.testing.assert_allclose(camera.matrix, MATRIX * 0.9)
    assert len(camera.distortion) == 0


def test_region_of_interest_and_binning() -> None:
    region = TYPES.new("sensor_msgs/msg/RegionOfInterest")
    region.x_offset, region.y_offset, region.width, region.height = 100, 40, 400, 300
    camera = camera_model_from_message(_info(roi=region, binning_x=2, binning_y=2))
    np.testing.assert_allclose(camera.matrix, [[250.0, 0.0, 110.0], [0.0, 255.0, 80.0], [0.0, 0.0, 1.0]])
    assert (camera.width_px, camera.height_px) == (200, 150)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"k": np.zeros(9)}, "no focal length; calibrate the camera 'camera'"),
        ({"d": np.ones(5), "distortion_model": "thin_prism"}, "'thin_prism' is not known"),
        ({"d": np.ones(3)}, "has 3 values for the distortion model plumb_bob"),
    ],
)
def test_cameras_that_cannot_be_used_are_told(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        camera_model_from_message(_info(**changes))


def test_an_image_of_another_size_than_its_camera_is_told() -> None:
    camera = camera_model_from_message(_info())
    check_image_size(np.zeros((400, 640, 3), np.uint8), camera)
    with pytest.raises(InputError, match="640 x 401 pixels where CameraInfo says 640 x 400"):
        check_image_size(cv2.resize(np.zeros((400, 640), np.uint8), (640, 401)), camera)
