"""Thermal pictures as temperatures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.image.boxes import FloatArray
from zoox_prediction.detection.image.config import RadiometryConfig
from zoox_prediction.errors import InputError

_COLDEST_K, _HOTTEST_K = 190.0, 400.0  # of the middle of a picture: colder than any sky, hotter than any road


def temperatures(image: NDArray, config: RadiometryConfig) -> NDArray[np.float32] | None:
    """(H, W) kelvin of a picture (H, W) of uint16; None when it does not tell: 8 bits, or not radiometric.

    Raises InputError when the temperatures are not those of this world, so the counts must mean something else.
    """
    if image.dtype != np.uint16 or not config.is_radiometric:
        return None
    kelvin = image.astype(np.float32) * np.float32(config.kelvin_per_count) + np.float32(config.offset_k)
    middle = float(np.median(kelvin[::4, ::4]))
    if not _COLDEST_K < middle < _HOTTEST_K:
        raise InputError(
            f"the middle of the thermal image is {middle:.0f} K at {config.kelvin_per_count:g} K per count; set "
            "thermal.radiometry.kelvin_per_count and offset_k, or is_radiometric to false"
        )
    return kelvin


def apparent_temperatures(kelvin: NDArray[np.float32] | None, boxes: FloatArray) -> FloatArray:
    """(N,) the median of each box (N, 4) [K], without its rim, which is mostly background; NaN without `kelvin`."""
    found = np.full(len(boxes), np.nan)
    if kelvin is None:
        return found
    height, width = kelvin.shape
    rim = 0.2 * np.tile(boxes[:, 2:] - boxes[:, :2], 2) * [1.0, 1.0, -1.0, -1.0]
    inner = np.rint(boxes + rim).astype(np.int64)
    inner[:, :2] = np.clip(inner[:, :2], 0, [width - 1, height - 1])
    # Boxes have different sizes, and there are few.
    for row, (left, top, right, bottom) in enumerate(inner.tolist()):
        found[row] = np.median(kelvin[top : max(bottom, top + 1), left : max(right, left + 1)])
    return found
