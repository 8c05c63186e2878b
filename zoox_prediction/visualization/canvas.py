"""A picture in metres: OpenCV drawing with sub-pixel precision in the map frame, north up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.visualization.palette import BACKGROUND, TEXT, Color

_SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates
_LIMIT_PX = 30_000  # OpenCV overflows on coordinates much larger than a picture
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class Canvas:
    """An (H, W, 3) uint8 RGB picture of the square or rectangle around `center` (x, y) [m]."""

    def __init__(self, center: ArrayLike, width_m: float, size_px: tuple[int, int], background: Color = BACKGROUND):
        """`size_px` is (width, height); `width_m` is what the width shows."""
        self.center = np.asarray(center, dtype=np.float64)
        self.width_px, self.height_px = size_px
        self.pixels_per_m = self.width_px / width_m
        self.image: NDArray[np.uint8] = np.full((self.height_px, self.width_px, 3), background, dtype=np.uint8)

    def to_pixels(self, points: ArrayLike) -> NDArray[np.float64]:
        """Pixel coordinates (..., 2), x right and y down, of map points (..., 2) [m]."""
        offset = (np.asarray(points, dtype=np.float64) - self.center) * self.pixels_per_m
        return offset * [1.0, -1.0] + [self.width_px / 2.0, self.height_px / 2.0]

    def bounds_m(self, margin_m: float = 0.0) -> tuple[float, float, float, float]:
        """min x, min y, max x, max y [m] of what the picture shows."""
        half = 0.5 * np.array([self.width_px, self.height_px]) / self.pixels_per_m + margin_m
        low, high = self.center - half, self.center + half
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    def polygons(self, polygons: Iterable[ArrayLike], color: Color, alpha: float = 1.0) -> None:
        """Fills polygons of (n, 2) points [m]; several at once keep one alpha where they overlap."""
        fixed = self._fixed_all(polygons, 3)

        def fill(image: NDArray[np.uint8], shapes: list[NDArray[np.int32]]) -> None:
            for shape in shapes:  # one call each: cv2.fillPoly would punch holes where polygons overlap
                cv2.fillPoly(image, [shape], color, cv2.LINE_AA, _SHIFT)

        self._blend(fixed, alpha, margin_px=2, draw=fill)

    def polylines(
        self,
        lines: Iterable[ArrayLike],
        color: Color,
        thickness_px: int = 1,
        alpha: float = 1.0,
        closed: bool = False,
    ) -> None:
        """Draws lines through (n, 2) points [m]."""
        fixed = self._fixed_all(lines, 2)

        def stroke(image: NDArray[np.uint8], shapes: list[NDArray[np.int32]]) -> None:
            cv2.polylines(image, shapes, closed, color, thickness_px, cv2.LINE_AA, _SHIFT)

        self._blend(fixed, alpha, margin_px=thickness_px + 2, draw=stroke)

    def discs(self, centers: ArrayLike, radius_px: float, color: Color, alpha: float = 1.0) -> None:
        """Fills circles of one radius around (n, 2) points [m]."""
        fixed = self._fixed(np.asarray(centers, dtype=np.float64).reshape(-1, 2))

        def fill(image: NDArray[np.uint8], shapes: list[NDArray[np.int32]]) -> None:
            for x, y in shapes[0].tolist():
                cv2.circle(image, (x, y), round(radius_px * 2**_SHIFT), color, -1, cv2.LINE_AA, _SHIFT)

        self._blend([fixed], alpha, margin_px=round(radius_px) + 2, draw=fill)

    def text(self, text: str, at_m: ArrayLike, color: Color = TEXT, scale: float = 0.4) -> None:
        """Writes at a map point, its lower left corner, with a pale rim that keeps it legible on any ground."""
        if np.all(np.isfinite(at_m)):
            x, y = np.clip(self.to_pixels(at_m), -_LIMIT_PX, _LIMIT_PX)
            self.text_px(text, (round(x), round(y)), color, scale)

    def text_px(self, text: str, at_px: tuple[int, int], color: Color = TEXT, scale: float = 0.45) -> None:
        """Writes at a pixel, the text's lower left corner."""
        for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):  # a thicker stroke would have wider letters in OpenCV 5
            cv2.putText(self.image, text, (at_px[0] + dx, at_px[1] + dy), _FONT, scale, BACKGROUND, 1, cv2.LINE_AA)
        cv2.putText(self.image, text, at_px, _FONT, scale, color, 1, cv2.LINE_AA)

    def legend(self, entries: Sequence[tuple[str, Color]], scale: float = 0.42) -> None:
        """A key of colours on a pale ground in the lower left corner."""
        line = 18
        top = self.height_px - 12 - line * len(entries)
        right = 42 + max((cv2.getTextSize(label, _FONT, scale, 1)[0][0] for label, _ in entries), default=0)
        ground = self.image[max(top - 7, 0) : self.height_px - 5, 5:right]
        ground[:] = cv2.addWeighted(ground, 0.3, np.full_like(ground, BACKGROUND), 0.7, 0.0)
        for row, (label, color) in enumerate(entries):
            y = top + line * row
            cv2.rectangle(self.image, (12, y), (26, y + 11), color, -1, cv2.LINE_AA)
            self.text_px(label, (34, y + 11), TEXT, scale)

    def scale_bar(self) -> None:
        """A bar of a round number of metres in the lower right corner."""
        target_m = 0.18 * self.width_px / self.pixels_per_m
        power = 10.0 ** np.floor(np.log10(target_m))
        length_m = max(step * power for step in (1.0, 2.0, 5.0) if step * power <= target_m)
        right, y = self.width_px - 16, self.height_px - 16
        left = right - round(length_m * self.pixels_per_m)
        cv2.line(self.image, (left, y), (right, y), TEXT, 2, cv2.LINE_AA)
        self.text_px(f"{length_m:g} m", (left, y - 7), TEXT)

    def _fixed_all(self, shapes: Iterable[ArrayLike], min_points: int) -> list[NDArray[np.int32]]:
        """Fixed-point pixels of shapes (n, 2) [m] of at least `min_points`, by one computation for all."""
        arrays = [array for array in map(np.asarray, shapes) if len(array) >= min_points]
        if not arrays:
            return []
        pixels = self.to_pixels(np.concatenate(arrays))
        finite = np.isfinite(pixels).all(axis=-1)
        ends = np.cumsum([len(array) for array in arrays])
        ends = np.cumsum(finite)[ends - 1]
        fixed = np.round(np.clip(pixels[finite], -_LIMIT_PX, _LIMIT_PX) * 2**_SHIFT).astype(np.int32)
        return np.split(fixed, ends[:-1])

    def _fixed(self, points: ArrayLike) -> NDArray[np.int32]:
        """Fixed-point pixels (n, 2) of the finite points of (n, 2) [m]."""
        pixels = self.to_pixels(points)
        pixels = pixels[np.isfinite(pixels).all(axis=-1)]
        fixed: NDArray[np.int32] = np.round(np.clip(pixels, -_LIMIT_PX, _LIMIT_PX) * 2**_SHIFT).astype(np.int32)
        return fixed

    def _blend(
        self,
        shapes: list[NDArray[np.int32]],
        alpha: float,
        margin_px: int,
        draw: Callable[[NDArray[np.uint8], list[NDArray[np.int32]]], None],
    ) -> None:
        """Draws shapes of fixed-point pixels with opacity `alpha`, touching only the part of the picture they cover."""
        shapes = [shape for shape in shapes if len(shape)]
        if not shapes:
            return
        corners = np.concatenate(shapes) / 2**_SHIFT
        low = np.clip(np.floor(corners.min(axis=0)).astype(int) - margin_px, 0, [self.width_px, self.height_px])
        high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + margin_px, 0, [self.width_px, self.height_px])
        if np.any(high <= low):
            return
        part = self.image[low[1] : high[1], low[0] : high[0]]
        drawn = part if alpha >= 1.0 else part.copy()
        draw(drawn, [shape - (low * 2**_SHIFT).astype(np.int32) for shape in shapes])
        if alpha < 1.0:
            part[:] = cv2.addWeighted(drawn, alpha, part, 1.0 - alpha, 0.0)
