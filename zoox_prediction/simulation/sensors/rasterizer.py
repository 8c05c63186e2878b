"""Flat polygons and the ground in a pinhole's image, with a depth buffer, so that what is nearer hides what is farther.

The inverse depth of a plane is affine in the image: a polygon is filled by OpenCV, and wins the pixels where its
inverse depth is the greatest so far. OpenCV also fills the pixels that the rim runs through, so that shapes come out
half a pixel larger to each side, and none is so small that nothing is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.simulation.sensors.config import ImageConfig
from zoox_prediction.simulation.sensors.ray_casting import map_from_base
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.solids import Polygons

FloatArray = NDArray[np.float64]

GROUND, SKY = -1, -2
SKY_M = 2_000.0  # how far away the sky counts, as to fog
_NEAR_M = 0.1
_FAR_M = 250.0
_SHIFT = 4
# Pixels are clipped here, far enough outside of any image that the bent edge cannot be seen in it, near enough that
# OpenCV's fixed-point sums fit into its integers.
_LIMIT_PX = float(2**18)
_SMALL_PX = 2048  # polygons in boxes of so many pixels are compared all at once: hundreds of far agents' faces
_MIN_EDGE_PX = 0.5  # patches that are smaller are left out; drawn as whole pixels they would cover the face below


@dataclass(frozen=True)
class View:
    """A pinhole in the world at one instant."""

    camera: FloatArray  # (3, 3) K
    optical_from_map: FloatArray  # (4, 4)
    width_px: int
    height_px: int

    @classmethod
    def of(cls, config: ImageConfig, scenery: Scenery) -> View:
        map_from_optical = map_from_base(scenery.truth.ego) @ config.mount.base_from_optical
        optical_from_map = np.asarray(np.linalg.inv(map_from_optical), dtype=np.float64)
        return cls(config.camera_matrix, optical_from_map, config.width_px, config.height_px)

    @property
    def image_from_ground(self) -> FloatArray:
        """(3, 3) homography from (x, y, 1) on the ground of the map to pixels; the third row gives the depth."""
        homography: FloatArray = self.camera @ self.optical_from_map[:3, [0, 1, 3]]
        return homography

    @property
    def position(self) -> FloatArray:
        """(3,) of the pinhole in the map."""
        place: FloatArray = -self.optical_from_map[:3, :3].T @ self.optical_from_map[:3, 3]
        return place

    def seen(self, points: FloatArray) -> FloatArray:
        """(..., 3) points of the map in the optical frame."""
        optical: FloatArray = points.reshape(-1, 3) @ self.optical_from_map[:3, :3].T + self.optical_from_map[:3, 3]
        return optical.reshape(points.shape)

    def distance_m(self, inverse_depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """(H, W) [m] from the pinhole of what has an inverse depth; at most SKY_M, about."""
        distance: NDArray[np.float32] = self._slant / np.maximum(inverse_depth, np.float32(1.0 / SKY_M))
        return distance

    @property
    def rise(self) -> NDArray[np.float32]:
        """(H, W) sine of the elevation of every pixel's ray."""
        return self.cosine_to(np.array([0.0, 0.0, 1.0]))

    def cosine_to(self, direction: FloatArray) -> NDArray[np.float32]:
        """(H, W) cosine of the angle between every pixel's ray and a unit vector (3,) of the map."""
        a, b, c = (self.optical_from_map[:3, :3] @ direction) @ np.linalg.inv(self.camera)
        along = a * np.arange(self.width_px) + (b * np.arange(self.height_px) + c)[:, None]
        cosine: NDArray[np.float32] = along.astype(np.float32) / self._slant
        return cosine

    @property
    def _slant(self) -> NDArray[np.float32]:
        """(H, W) distance from the pinhole per depth."""
        return _slant(*self.camera[[0, 1, 0, 1], [0, 1, 2, 2]].tolist(), self.width_px, self.height_px)

    def inverse_depth_of_plane(self, normal: FloatArray, offset: FloatArray) -> FloatArray:
        """(n, 3) a, b, c with inverse depth a * column + b * row + c, of planes normal @ p = offset of optical points.

        A pixel sees p = depth * K^-1 (column, row, 1), so that 1 / depth = normal @ K^-1 (column, row, 1) / offset.
        """
        plane: FloatArray = (normal @ np.linalg.inv(self.camera)) / offset[:, None]
        return plane


@dataclass(frozen=True)
class Picture:
    """What every pixel shows."""

    index: NDArray[np.int32]  # (H, W) row of the polygon, GROUND or SKY
    inverse_depth: NDArray[np.float32]  # (H, W) [1/m] along the optical axis, 0 of the sky


def rasterize(polygons: Polygons, num_faces: int, view: View) -> Picture:
    """The first `num_faces` polygons are faces of solids, the others are patches on them."""
    inverse_depth = _ground_inverse_depth(view)
    index = np.where(inverse_depth > 0.0, GROUND, SKY).astype(np.int32)
    normal = polygons.normal @ view.optical_from_map[:3, :3].T
    offset = np.einsum("pi,pi->p", normal, view.seen(polygons.corners[:, 0]))
    rows = np.flatnonzero(offset < -1e-9)  # the others show their back
    corners = view.seen(polygons.corners[rows].swapaxes(0, 1))  # corners first: long rows are fast
    least, most = corners[..., 2].min(axis=0), corners[..., 2].max(axis=0)
    in_depth = (most > _NEAR_M) & (least < _FAR_M)
    rows, corners, least = rows[in_depth], corners[:, in_depth], least[in_depth]
    planes = view.inverse_depth_of_plane(normal[rows], offset[rows])
    nearest = 1.0 / np.maximum(least, _NEAR_M)
    whole = least >= _NEAR_M
    pixels = _projected(corners, view.camera)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    size = np.array([view.width_px, view.height_px])
    seen = ((high > -1.0) & (low < size)).all(axis=1) & ((rows < num_faces) | ((high - low) > _MIN_EDGE_PX).all(axis=1))
    boxes, fixed = _boxes(low, high, size), _fixed_point(pixels).swapaxes(0, 1)
    small = whole & ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) <= _SMALL_PX)
    for each in np.flatnonzero((seen | ~whole) & ~small):  # OpenCV fills polygons one by one
        outline, box = fixed[each], boxes[each]
        if not whole[each]:
            part = _projected(_before_near_plane(corners[:, each]), view.camera)
            outline, box = _fixed_point(part), _boxes(part.min(axis=0), part.max(axis=0), size)
        _draw(index, inverse_depth, outline, box, planes[each], nearest[each], int(rows[each]))
    few = np.flatnonzero(seen & small)
    _draw_small(index, inverse_depth, fixed[few], boxes[few], planes[few], nearest[few], rows[few])
    return Picture(index, inverse_depth)


@lru_cache(maxsize=8)  # cameras of the same make share it, from instant to instant
def _slant(
    focal_x: float, focal_y: float, center_x: float, center_y: float, width_px: int, height_px: int
) -> NDArray[np.float32]:
    column, row = (np.arange(width_px) - center_x) / focal_x, (np.arange(height_px) - center_y) / focal_y
    slant: NDArray[np.float32] = np.sqrt(1.0 + column**2 + row[:, None] ** 2).astype(np.float32)
    return slant


def _ground_inverse_depth(view: View) -> NDArray[np.float32]:
    normal = view.optical_from_map[:3, 2]
    offset = -view.position[2]  # of the plane z = 0: normal @ (p - pinhole) = -height
    a, b, c = view.inverse_depth_of_plane(normal[None], np.array([offset]))[0]
    inverse = np.add.outer(b * np.arange(view.height_px) + c, a * np.arange(view.width_px))
    return np.maximum(inverse, 0.0, out=inverse).astype(np.float32)


def _projected(points: FloatArray, camera: FloatArray) -> FloatArray:
    """(..., 2) pixels of optical points (..., 3); meaningless behind the near plane."""
    depth = np.maximum(points[..., 2:], _NEAR_M)
    pixels: FloatArray = points[..., :2] / depth * camera[[0, 1], [0, 1]] + camera[:2, 2]
    return pixels


def _before_near_plane(corners: FloatArray) -> FloatArray:
    """The part of a convex polygon (n, 3) that is not nearer than the near plane (Sutherland and Hodgman, 1974)."""
    kept = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        before = start[2] >= _NEAR_M
        if before:
            kept.append(start)
        if before != (end[2] >= _NEAR_M):
            kept.append(start + (_NEAR_M - start[2]) / (end[2] - start[2]) * (end - start))
    return np.array(kept).reshape(-1, 3)


def _boxes(low: FloatArray, high: FloatArray, size: NDArray[np.int64]) -> NDArray[np.int64]:
    """(..., 4) left, upper, right, lower (beyond the last) of masks around outlines from low to high (..., 2).

    Masks reach beyond the image by a pixel: where a polygon leaves it, OpenCV draws along the mask's side.
    """
    first = np.floor(np.clip(low, -1.0, size)) - 1.0
    last = np.ceil(np.clip(high, -1.0, size)) + 2.0
    return np.concatenate([first, last], axis=-1).astype(np.int64)


def _fixed_point(pixels: FloatArray) -> NDArray[np.int32]:
    fixed: NDArray[np.int32] = np.rint(np.clip(pixels, -_LIMIT_PX, _LIMIT_PX) * 2**_SHIFT).astype(np.int32)
    return fixed


def _draw(
    index: NDArray[np.int32],
    inverse_depth: NDArray[np.float32],
    outline: NDArray[np.int32],
    box: NDArray[np.int64],
    plane: FloatArray,
    nearest: float,
    number: int,
) -> None:
    height, width = index.shape
    left, upper, right, lower = box.tolist()
    x0, x1, y0, y1 = max(left, 0), min(right, width), max(upper, 0), min(lower, height)
    if x0 >= x1 or y0 >= y1:
        return
    mask = np.zeros((lower - upper, right - left), dtype=np.uint8)
    cv2.fillConvexPoly(mask, outline - (box[:2] << _SHIFT).astype(np.int32), 1, cv2.LINE_8, _SHIFT)
    across = (plane[0] * np.arange(x0, x1)).astype(np.float32)
    down = (plane[1] * np.arange(y0, y1) + plane[2]).astype(np.float32)
    # On the rim the plane goes on beyond the polygon, steeply where it is seen at a grazing angle.
    nearness = np.minimum(across + down[:, None], np.float32(nearest))
    best = inverse_depth[y0:y1, x0:x1]
    wins = (nearness > best) & mask[y0 - upper : y1 - upper, x0 - left : x1 - left].view(np.bool_)
    np.copyto(best, nearness, where=wins)
    np.copyto(index[y0:y1, x0:x1], number, where=wins)


def _draw_small(
    index: NDArray[np.int32],
    inverse_depth: NDArray[np.float32],
    outlines: NDArray[np.int32],
    boxes: NDArray[np.int64],
    planes: FloatArray,
    nearest: FloatArray,
    numbers: NDArray[np.int64],
) -> None:
    """What `_draw` does, for n polygons at once; the first of equally near ones wins, and before all the background."""
    size = boxes[:, 2:] - boxes[:, :2]
    area = size.prod(axis=1)
    end = np.cumsum(area)
    masks = np.zeros(int(area.sum()), dtype=np.uint8)
    local = outlines - (boxes[:, None, :2] << _SHIFT).astype(np.int32)
    for outline, stop, (width, height) in zip(local, end.tolist(), size.tolist(), strict=True):
        mask = masks[stop - width * height : stop].reshape(height, width)
        cv2.fillConvexPoly(mask, outline, 1, cv2.LINE_8, _SHIFT)  # one by one, as above
    filled = np.flatnonzero(masks)
    each = np.searchsorted(end, filled, side="right")
    row, column = np.divmod(filled - (end - area)[each], size[each, 0])
    column, row = column + boxes[each, 0], row + boxes[each, 1]
    height, width = index.shape
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    each, column, row = each[inside], column[inside], row[inside]
    across = (planes[each, 0] * column).astype(np.float32)
    down = (planes[each, 1] * row + planes[each, 2]).astype(np.float32)
    nearness = np.minimum(across + down, nearest[each].astype(np.float32))
    pixel, number = row * width + column, numbers[each]
    best, shown = inverse_depth.reshape(-1), index.reshape(-1)
    before = best[pixel]
    np.maximum.at(best, pixel, nearness)
    wins = (nearness == best[pixel]) & ((nearness > before) | (number < shown[pixel]))
    shown[pixel[wins][::-1]] = number[wins][::-1]  # of several values for a pixel the last one stays
