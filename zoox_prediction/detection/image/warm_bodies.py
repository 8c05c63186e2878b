"""People and animals by their temperature: what stands out against the background and has a body's size.

By night bodies are warmer than everything around but engines and wheels; on a summer's day they are cooler than the
road. So either contrast counts, and the temperature itself must be one that clothes, fur or skin have. Where the
camera stands is known, the place where a thing meets the (flat) ground tells its distance, and that its height.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.image.bearings import rays
from zoox_prediction.detection.image.boxes import FloatArray
from zoox_prediction.detection.image.coco import Found
from zoox_prediction.detection.image.config import WarmBodyConfig
from zoox_prediction.scene import NUM_CLASSES, AgentClass
from zoox_prediction.sensor_data import CameraModel

# Temperatures within which backgrounds are told apart, in 8 bits: medians over wide squares are only fast in these.
_LOWEST_K, _STEP_K = 245.0, 0.3
_SHRINK = 4  # the background changes slowly
_MIN_MOUNT_M = 0.3  # a camera that is lower is not mounted where the transform says

# Typical height and width [m] and 1 sigma of their logarithms, of a person and an animal.
_TYPICAL_M = np.array([[1.65, 0.55], [0.65, 0.8]])
_LOG_DEVIATION = np.array([[0.22, 0.35], [0.35, 0.45]])
_TALL = 1.5  # height over width from which on a shape of unknown size is a person's
_MAX_MISFIT = 6.0  # squared deviations of height and width together
_MIN_FILL = 0.35  # of its box, that a body covers
_MAX_HOT = 0.05  # of its box, that is hotter than a body: else it is the rim of a wheel, an engine or an exhaust


def background_k(kelvin: NDArray[np.float32], size_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(H, W) median of the square of `size_px` around each pixel, and the deviation of the pixels in it."""
    small = cv2.resize(kelvin, None, fx=1 / _SHRINK, fy=1 / _SHRINK, interpolation=cv2.INTER_AREA)
    size = max(size_px // _SHRINK, 3) | 1
    steps = np.clip((small - _LOWEST_K) / _STEP_K, 0.0, 255.0).astype(np.uint8)
    middle = cv2.medianBlur(steps, size).astype(np.float32) * _STEP_K + _LOWEST_K
    # The median of the distances is not moved by a body in the square; 1.48 of it is a normal deviation. Single pixels
    # are compared: means of many have less noise than what is searched.
    single = cv2.resize(kelvin, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_NEAREST)
    distance = np.clip(np.abs(single - middle) / 0.05, 0.0, 255.0).astype(np.uint8)
    deviation = cv2.medianBlur(distance, size).astype(np.float32) * np.float32(0.05 * 1.48)
    shape = (kelvin.shape[1], kelvin.shape[0])
    return cv2.resize(middle, shape), cv2.resize(deviation, shape)


def warm_bodies(
    kelvin: NDArray[np.float32], camera: CameraModel, base_from_sensor: FloatArray, config: WarmBodyConfig
) -> Found:
    """Persons and animals of a picture (H, W) in kelvin."""
    middle, deviation = background_k(kelvin, config.background_px)
    contrast = kelvin - middle
    needed = np.maximum(np.float32(config.min_contrast_k), np.float32(config.num_deviations) * deviation)
    of_body = (kelvin >= config.min_body_k) & (kelvin <= config.max_body_k)
    parts = [_blobs(of_body & (sign * contrast > needed), np.abs(contrast) / needed) for sign in (1.0, -1.0)]
    boxes, fill, strength = (np.concatenate(each) for each in zip(*parts, strict=True))
    height_px = boxes[:, 3] - boxes[:, 1]
    plausible = (height_px >= config.min_height_px) & (fill >= _MIN_FILL)
    plausible &= ~_touches_border(boxes, kelvin.shape)
    plausible &= _share_in(boxes, kelvin > config.max_body_k) <= _MAX_HOT
    boxes, strength = boxes[plausible], strength[plausible]
    likelihood = _size_likelihood(boxes, camera, base_from_sensor, config.max_range_m)
    best = likelihood.max(axis=1, initial=0.0)
    kept = best > np.exp(-0.5 * _MAX_MISFIT)
    boxes, strength, likelihood, best = boxes[kept], strength[kept], likelihood[kept], best[kept]
    probabilities = np.full((len(boxes), NUM_CLASSES), 0.03)
    probabilities[:, [AgentClass.PEDESTRIAN, AgentClass.ANIMAL]] += likelihood / np.maximum(best, 1e-9)[:, None]
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    # The more it stands out and the better its size fits, the surer.
    existence = config.max_existence * best * (1.0 - np.exp(-strength))
    sure = existence >= config.min_existence
    return Found.of(boxes[sure], probabilities[sure], existence[sure])


def _blobs(mask: NDArray[np.bool_], strength: NDArray[np.float32]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Boxes (N, 4), the share of them that is covered (N,) and mean strength (N,) of the connected parts of a mask."""
    # A person's legs, trunk and head have different temperatures: gaps of a pixel between them are closed.
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 1), dtype=np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    left, top, width, height, pixels = stats[1:].T.astype(np.float64)
    sums = np.bincount(labels.ravel(), weights=np.where(mask, strength, 0.0).ravel(), minlength=count)[1:]
    boxes = np.stack([left, top, left + width, top + height], axis=1)
    return boxes, pixels / (width * height), sums / np.maximum(pixels, 1.0)


def _share_in(boxes: FloatArray, mask: NDArray[np.bool_]) -> FloatArray:
    """(N,) of the pixels of boxes (N, 4) within the picture that are in a mask (H, W)."""
    sums = cv2.integral(mask.astype(np.uint8))
    left, top, right, bottom = boxes.astype(np.int64).T
    count = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return np.asarray(count / np.maximum((right - left) * (bottom - top), 1), dtype=np.float64)


def _touches_border(boxes: FloatArray, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(N,) what goes on beyond the picture has an unknown size."""
    beyond = np.concatenate([boxes[:, :2] <= 0.0, boxes[:, 2:] >= [shape[1], shape[0]]], axis=1)
    return np.asarray(beyond.any(axis=1), dtype=bool)


def _size_likelihood(
    boxes: FloatArray, camera: CameraModel, base_from_sensor: FloatArray, max_range_m: float
) -> FloatArray:
    """(N, 2) 0 to 1: how well the size fits a person and an animal."""
    if base_from_sensor[2, 3] < _MIN_MOUNT_M:  # where the camera stands is not known: by the shape alone
        tallness = (boxes[:, 3] - boxes[:, 1]) / np.maximum(boxes[:, 2] - boxes[:, 0], 1.0)
        person = np.exp(-0.5 * (np.log(np.maximum(tallness, 1e-3) / 3.0) / 0.4) ** 2)
        animal = np.where(tallness < _TALL, np.exp(-0.5 * (np.log(np.maximum(tallness, 1e-3) / 0.8) / 0.4) ** 2), 0.0)
        return np.stack([person, 0.5 * animal], axis=1)
    size_m, distance_m = sizes_on_ground(boxes, camera, base_from_sensor)
    misfit = (np.log(np.maximum(size_m[:, None], 1e-3) / _TYPICAL_M) / _LOG_DEVIATION) ** 2
    fits = np.exp(-0.5 * misfit.sum(axis=-1))
    # Animals are seldom, and have the size of wheels and hoods.
    return np.where((distance_m <= max_range_m)[:, None], fits * [1.0, 0.5], 0.0)


def sizes_on_ground(
    boxes: FloatArray, camera: CameraModel, base_from_sensor: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Height and width (N, 2) and distance (N,) [m] of things that stand on the ground of base_link.

    The distance is infinite where a box ends above the horizon.
    """
    left, top, right, bottom = boxes.T
    x, y = (left + right) / 2.0, (top + bottom) / 2.0
    points = np.stack(
        [np.stack(each, axis=-1) for each in ((x, bottom), (x, top), (left, y), (right, y))], axis=1
    )  # (N, 4, 2)
    direction = rays(points - 0.5, camera) @ base_from_sensor[:3, :3].T
    down = -direction[:, 0, 2]
    level = np.hypot(direction[..., 0], direction[..., 1])
    distance = np.where(down > 1e-3, base_from_sensor[2, 3] * level[:, 0] / np.maximum(down, 1e-3), np.inf)
    near = np.where(np.isfinite(distance), distance, 0.0)
    slope = direction[:, :2, 2] / np.maximum(level[:, :2], 1e-6)
    height = near * (slope[:, 1] - slope[:, 0])
    azimuth = np.arctan2(direction[:, 2:, 1], direction[:, 2:, 0])
    width = near * np.abs(azimuth[:, 0] - azimuth[:, 1])
    return np.stack([height, width], axis=1), distance
