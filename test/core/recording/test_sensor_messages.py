"""Image messages from arrays, raw and encoded."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from zoox_prediction.recording.sensor_messages import encoded_image_message, image_message
from zoox_prediction.recording.typestore import RosbagsTypes

TYPES = RosbagsTypes()


def _picture(dtype: str, channels: int) -> NDArray:
    random = np.random.default_rng(0)
    shape = (24, 32) if channels == 1 else (24, 32, channels)
    return random.integers(0, np.iinfo(dtype).max, shape).astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "channels", "encoding", "text"),
    [
        ("uint8", 1, "mono8", "mono8; png compressed"),
        ("uint8", 3, "bgr8", "bgr8; png compressed bgr8"),
        ("uint16", 1, "mono16", "mono16; png compressed"),
        ("uint16", 3, "bgr16", "bgr16; png compressed bgr16"),
    ],
)
def test_pictures_come_back_as_they_were(dtype: str, channels: int, encoding: str, text: str) -> None:
    picture = _picture(dtype, channels)
    packed = encoded_image_message(picture, "png", 5_000_000_001, "camera", TYPES)
    assert (cv2.imdecode(np.asarray(packed.data), cv2.IMREAD_UNCHANGED) == picture).all()
    assert packed.format == text
    raw = image_message(picture, 5_000_000_001, "camera", TYPES)
    assert (raw.height, raw.width, raw.encoding, raw.is_bigendian) == (24, 32, encoding, 0)
    assert raw.step == 32 * channels * picture.itemsize
    assert (np.asarray(raw.data).view(f"<u{picture.itemsize}").reshape(picture.shape) == picture).all()
    for message in (packed, raw):
        assert message.header.frame_id == "camera"
        assert (message.header.stamp.sec, message.header.stamp.nanosec) == (5, 1)
        assert TYPES.deserialize(TYPES.serialize(message), message.__msgtype__).header == message.header


def test_jpeg_is_smaller_and_close() -> None:
    smooth = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[:, None], 64, axis=1)
    picture = cv2.merge([smooth, smooth, smooth])
    sizes = []
    for quality in (95, 30):
        message = encoded_image_message(picture, "jpeg", 0, "camera", TYPES, jpeg_quality=quality)
        assert message.format == "bgr8; jpeg compressed bgr8"
        back = cv2.imdecode(np.asarray(message.data), cv2.IMREAD_COLOR)
        assert np.abs(back.astype(int) - picture).max() <= 10
        sizes.append(len(message.data))
    assert sizes[1] < sizes[0]


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="is no picture"):
        image_message(np.zeros((4, 4), dtype=np.float32), 0, "camera", TYPES)
    with pytest.raises(ValueError, match="is no picture"):
        image_message(np.zeros((4, 4, 2), dtype=np.uint8), 0, "camera", TYPES)
    with pytest.raises(ValueError, match="cannot be made a jpeg"):
        encoded_image_message(np.zeros((4, 4), dtype=np.uint16), "jpeg", 0, "camera", TYPES)
