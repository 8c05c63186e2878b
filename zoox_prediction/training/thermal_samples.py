"""Training samples of the thermal network: cut-outs of labelled pictures, turned, scaled and disturbed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.image.thermal_input import STRIDE, thermal_input
from zoox_prediction.recording.datasets.hit_uav import ThermalClass, ThermalPicture

_MIN_OVERLAP = 0.5  # of a box with the cut-out, else it is left out
_SPREAD = 0.16  # deviation of the peaks in the heat map, as a share of the box


@dataclass(frozen=True)
class Sample:
    """A cut-out and what the network should say about it; cells are of STRIDE pixels."""

    image: NDArray[np.float32]  # (2, S, S)
    heat: NDArray[np.float32]  # (classes, S / STRIDE, S / STRIDE) 1 in the centres
    box: NDArray[np.float32]  # (4, S / STRIDE, S / STRIDE) log width, log height, offset x, offset y [cells]
    is_center: NDArray[np.float32]  # (S / STRIDE, S / STRIDE)
    counts: NDArray[np.float32]  # (S / STRIDE, S / STRIDE) 0 where the labels do not say what is there


class ThermalSamples:
    """Draws samples from pictures, more often from those with cars and bicycles, which are few."""

    def __init__(self, pictures: Sequence[ThermalPicture], size_px: int, random: np.random.Generator) -> None:
        self._images = [picture.read() for picture in pictures]
        self._pictures = pictures
        self._size_px = size_px
        self._random = random
        variety = np.array([1.0 + len(set(picture.classes.tolist())) for picture in pictures])
        self._share = variety / variety.sum()

    def draw(self) -> Sample:
        """One cut-out."""
        index = int(self._random.choice(len(self._pictures), p=self._share))
        picture, image = self._pictures[index], self._images[index]
        matrix = self._placement(picture, image.shape[:2])
        channels = thermal_input(self._disturbed(image))
        size = (self._size_px, self._size_px)
        cut = [
            cv2.warpAffine(each, matrix[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            for each in channels
        ]
        noise = self._random.uniform(0.0, 0.08) * self._random.standard_normal((len(cut), *size), dtype=np.float32)
        gain, shift = self._random.uniform(0.75, 1.3), self._random.uniform(-0.15, 0.15)
        boxes, inside = _moved(picture.boxes, matrix, self._size_px)
        ignored, _ = _moved(picture.ignored, matrix, self._size_px)
        targets = heat_map_targets(boxes[inside], picture.classes[inside], self._size_px)
        counts = np.ones(targets[2].shape, dtype=np.float32)
        for left, top, right, bottom in (np.concatenate([ignored, boxes[~inside]]) / STRIDE).clip(0).astype(int):
            counts[top : bottom + 1, left : right + 1] = targets[2][top : bottom + 1, left : right + 1]
        # What the reflected border shows has no labels.
        seen = cv2.warpAffine(np.ones(image.shape, np.float32), matrix[:2], size)[::STRIDE, ::STRIDE]
        return Sample((np.stack(cut) * gain + shift + noise).astype(np.float32), *targets, counts * (seen > 0.5))

    def _placement(self, picture: ThermalPicture, shape: tuple[int, int]) -> NDArray[np.float64]:
        """(3, 3) from pixels of the picture to pixels of the cut-out: flipped, turned a little, scaled."""
        center = self._random.uniform([0.0, 0.0], [shape[1], shape[0]])
        if len(picture.boxes) and self._random.uniform() < 0.7:  # most cut-outs show something
            kinds = np.unique(picture.classes)
            rows = np.flatnonzero(picture.classes == self._random.choice(kinds))
            box = picture.boxes[self._random.choice(rows)]
            center = (box[:2] + box[2:]) / 2.0 + self._random.uniform(-0.4, 0.4, 2) * self._size_px
        angle = self._random.normal(0.0, np.radians(8.0))
        scale = np.exp(self._random.uniform(np.log(0.7), np.log(1.6)))
        stretch = np.exp(self._random.normal(0.0, 0.08))
        flip = self._random.choice([-1.0, 1.0])
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = turn @ np.diag([flip * scale * stretch, scale / stretch])
        matrix = np.eye(3)
        matrix[:2, :2] = linear
        matrix[:2, 2] = self._size_px / 2.0 - linear @ center
        return matrix

    def _disturbed(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = image.astype(np.float32) / 255.0
        values = values ** np.float32(np.exp(self._random.normal(0.0, 0.3)))
        if self._random.uniform() < 0.15:  # people may be colder than sunlit ground
            values = 1.0 - values
        if self._random.uniform() < 0.3:
            values = cv2.GaussianBlur(values, (0, 0), self._random.uniform(0.4, 1.2))
        return np.asarray(values, dtype=np.float32)


def _moved(
    boxes: NDArray[np.float64], matrix: NDArray[np.float64], size_px: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Boxes (N, 4) about the moved ones, and which of them (N,) are mostly in the cut-out."""
    corners = boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]] @ matrix[:2, :2].T + matrix[:2, 2]  # (N, 4, 2)
    # A turned box grows; half of the growth is taken back, for things are round rather than rectangular.
    size = (boxes[:, 2:] - boxes[:, :2]) * np.linalg.norm(matrix[:2, :2], axis=0)
    size = (size + np.ptp(corners, axis=1)) / 2.0
    center = corners.mean(axis=1)
    moved = np.concatenate([center - size / 2.0, center + size / 2.0], axis=1)
    seen = np.clip(moved, 0.0, size_px)
    area = np.prod(np.maximum(size, 1e-6), axis=1)
    share = np.prod(seen[:, 2:] - seen[:, :2], axis=1) / area
    return np.where((share > 0.0)[:, None], seen, 0.0), share > _MIN_OVERLAP


def heat_map_targets(
    boxes: NDArray[np.float64], classes: NDArray[np.int64], size_px: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Heat (classes, C, C), box values (4, C, C) and centres (C, C) of boxes in a square picture, C = size / STRIDE.

    X. Zhou et al., "Objects as Points", 2019, with an ellipse for each peak.
    """
    cells = size_px // STRIDE
    heat = np.zeros((len(ThermalClass), cells, cells), dtype=np.float32)
    box_values = np.zeros((4, cells, cells), dtype=np.float32)
    is_center = np.zeros((cells, cells), dtype=np.float32)
    grid = np.arange(cells) + 0.5
    # A picture has a few dozen boxes at most, and each has its own peak.
    for (left, top, right, bottom), label in zip(boxes / STRIDE, classes, strict=True):
        width, height = max(right - left, 0.5), max(bottom - top, 0.5)
        x, y = (left + right) / 2.0, (top + bottom) / 2.0
        column, row = min(int(x), cells - 1), min(int(y), cells - 1)
        spread_x, spread_y = max(_SPREAD * width, 0.5), max(_SPREAD * height, 0.5)
        along_x = np.exp(-((grid - column - 0.5) ** 2) / (2.0 * spread_x**2))
        along_y = np.exp(-((grid - row - 0.5) ** 2) / (2.0 * spread_y**2))
        np.maximum(heat[label], np.outer(along_y, along_x), out=heat[label])
        box_values[:, row, column] = np.log(width), np.log(height), x - column, y - row
        is_center[row, column] = 1.0
    return heat, box_values, is_center
