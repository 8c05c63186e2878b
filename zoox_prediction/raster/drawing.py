"""Drawing on uint8, uint16 and int32 images with sub-pixel precision (OpenCV's fixed-point coordinates).

Points are (column, row) pixels; whole numbers are the centres of pixels. OpenCV also draws the rim of what it fills, so
that a shape comes out half a pixel larger to each side, and none is so small that nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

_SHIFT = 8  # fractional bits of the coordinates
# Coordinates are clipped here: 2^20 pixels leave int32 room for the fraction and for OpenCV's own sums, and are far
# enough outside of any raster (hundreds of kilometres) that the bent edge cannot be seen in it.
_LIMIT_PX = float(2**20)
_APRON_PX = 4


def fixed_point(pixels: NDArray) -> NDArray[np.int32]:
    """Finite pixels (..., 2) as OpenCV takes them."""
    fixed: NDArray[np.int32] = np.rint(np.clip(pixels, -_LIMIT_PX, _LIMIT_PX) * 2**_SHIFT).astype(np.int32)
    return fixed


def fill_polygons(image: NDArray[np.uint8], polygons: Iterable[NDArray], value: int) -> None:
    """Fills polygons of (n, 2) pixels, convex or not."""
    height, width = image.shape
    # Where a polygon leaves the image, OpenCV draws its rim along the side of the image; so it draws in a larger one.
    larger = np.zeros((height + 2 * _APRON_PX, width + 2 * _APRON_PX), dtype=np.uint8)
    for pixels in polygons:  # one by one: OpenCV takes several together as one with holes
        cv2.fillPoly(larger, [fixed_point(pixels + _APRON_PX)], 1, cv2.LINE_8, _SHIFT)
    image[larger[_APRON_PX:-_APRON_PX, _APRON_PX:-_APRON_PX] > 0] = value


def fill_convex(image: NDArray, corners: Iterable[NDArray[np.int32]], values: Iterable[int]) -> None:
    """Fills convex polygons of (n, 2) fixed-point pixels, each with its value, one after the other."""
    for shape, value in zip(corners, values, strict=False):  # OpenCV has no call for many convex polygons
        cv2.fillConvexPoly(image, shape, value, cv2.LINE_8, _SHIFT)


def draw_line(image: NDArray, pixels: NDArray, value: int, thickness_px: int = 1) -> None:
    """Draws a polyline through (n, 2) pixels."""
    if len(pixels) >= 2:
        cv2.polylines(image, [fixed_point(pixels)], False, value, thickness_px, cv2.LINE_8, _SHIFT)


def fill_disc(image: NDArray, center: NDArray, radius_px: float, value: int) -> None:
    """Fills a disc around (2,) pixels."""
    column, row = fixed_point(center).tolist()
    cv2.circle(image, (column, row), round(radius_px * 2**_SHIFT), value, cv2.FILLED, cv2.LINE_8, _SHIFT)
