"""Longwave-infrared pictures as the thermal network takes them, in training and in driving alike."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

INPUT_CHANNELS = 2
STRIDE = 4  # pixels of the input per cell of the output
MULTIPLE = 16  # of the input's sides

_AROUND_PX = 65  # what is warm is warm against its surroundings
_LOW, _HIGH = 2.0, 98.0  # percentiles: the range of most pixels
_SAMPLE = 4  # percentiles are taken of every fourth pixel of every fourth row


def thermal_input(image: NDArray) -> NDArray[np.float32]:
    """(2, H, W) of a picture (H, W) of any unit: against all of the picture, and against what is around.

    Both are divided by the range of most pixels, so neither the unit nor the gain of the camera matters.
    """
    values = np.asarray(image, dtype=np.float32)
    around = cv2.blur(values, (_AROUND_PX, _AROUND_PX), borderType=cv2.BORDER_REFLECT)
    return np.stack([_in_range(values), _in_range(values - around)])


def _in_range(values: NDArray[np.float32]) -> NDArray[np.float32]:
    low, middle, high = np.percentile(values[::_SAMPLE, ::_SAMPLE], [_LOW, 50.0, _HIGH])
    scaled = values - np.float32(middle)
    scaled *= np.float32(1.0 / max(high - low, 1e-6))
    return np.asarray(np.clip(scaled, -2.0, 4.0, out=scaled), dtype=np.float32)
