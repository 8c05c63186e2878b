"""Training samples of the thermal network: cut-outs of labelled pictures, turned, scaled and disturbed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.image.boxes import intersection
from zoox_prediction.detection.image.thermal_input import STRIDE, thermal_input
from zoox_prediction.recording.datasets.hit_uav import ThermalClass, ThermalPicture

_MIN_OVERLAP = 0.5  # of a box with the cut-out, else it is left out
_SPREAD = 0.16  # deviation of the peaks in the heat map, as a share of the box
_NEAR_PEAK = 0.4  # heat from which on a cell learns the box too: the highest cell may be beside the centre
_MAX_PASTED = 5  # things of other pictures in one cut-out
_MAX_CLUTTER = 3  # pieces of other pictures in one cut-out in which nothing is
_CLUTTER_TRIES = 40  # in each picture, of which the pieces with most contrast are kept
_CLUTTER_KEPT = 6


@dataclass(frozen=True)
class Sample:
    """A cut-out and what the network should say about it; cells are of STRIDE pixels."""

    image: NDArray[np.float32]  # (2, S, S)
    heat: NDArray[np.float32]  # (classes, S / STRIDE, S / STRIDE) 1 in the centres
    # (4, S / STRIDE, S / STRIDE) log width, log height, x and y from the cell's corner [cells]
    box: NDArray[np.float32]
    box_weight: NDArray[np.float32]  # (S / STRIDE, S / STRIDE) 1 in the centres, less around them
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
        pairs = list(zip(pictures, self._images, strict=True))
        # By picture, so that one crowd is not most of what is pasted.
        self._things = [list(map(partial(_cut_out, image), each.boxes, each.classes)) for each, image in pairs]
        self._clutter = [clutter(image, each, random) for each, image in pairs]

    @property
    def random(self) -> np.random.Generator:
        """What draws; its state is what a training that goes on needs."""
        return self._random

    def draw(self) -> Sample:
        """One cut-out."""
        index = int(self._random.choice(len(self._pictures), p=self._share))
        picture, image = self._pictures[index], self._images[index]
        matrix = self._placement(picture, image.shape[:2])
        values, boxes, classes = self._pasted(self._disturbed(image), picture, matrix)
        channels = thermal_input(values)
        size = (self._size_px, self._size_px)
        cut = [
            cv2.warpAffine(each, matrix[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            for each in channels
        ]
        noise = self._random.uniform(0.0, 0.08) * self._random.standard_normal((len(cut), *size), dtype=np.float32)
        gain, shift = self._random.uniform(0.75, 1.3), self._random.uniform(-0.15, 0.15)
        boxes, inside = _moved(boxes, matrix, self._size_px)
        ignored, _ = _moved(picture.ignored, matrix, self._size_px)
        targets = heat_map_targets(boxes[inside], classes[inside], self._size_px)
        centers = targets[2] > 0.999
        counts = np.ones(targets[2].shape, dtype=np.float32)
        for left, top, right, bottom in (np.concatenate([ignored, boxes[~inside]]) / STRIDE).clip(0).astype(int):
            counts[top : bottom + 1, left : right + 1] = centers[top : bottom + 1, left : right + 1]
        # What the reflected border shows has no labels.
        cells = (self._size_px // STRIDE, self._size_px // STRIDE)
        seen = cv2.warpAffine(np.ones(image.shape, np.uint8), matrix[:2] / STRIDE, cells, flags=cv2.INTER_NEAREST)
        return Sample((np.stack(cut) * gain + shift + noise).astype(np.float32), *targets, counts * seen)

    def _placement(self, picture: ThermalPicture, shape: tuple[int, int]) -> NDArray[np.float64]:
        """(3, 3) from pixels of the picture to pixels of the cut-out: flipped, turned a little, scaled."""
        center = self._random.uniform([0.0, 0.0], [shape[1], shape[0]])
        if len(picture.boxes) and self._random.uniform() < 0.7:  # most cut-outs show something
            kinds = np.unique(picture.classes)
            rows = np.flatnonzero(picture.classes == self._random.choice(kinds))
            box = picture.boxes[self._random.choice(rows)]
            center = (box[:2] + box[2:]) / 2.0 + self._random.uniform(-0.4, 0.4, 2) * self._size_px
        # Seen from above, things lie in any direction.
        angle = self._random.normal(0.0, np.radians(8.0))
        if self._random.uniform() < 0.12:
            angle = self._random.uniform(-np.pi, np.pi)
        scale = np.exp(self._random.uniform(np.log(0.75), np.log(2.1)))
        stretch = np.exp(self._random.normal(0.0, 0.08))
        flip = self._random.choice([-1.0, 1.0])
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = turn @ np.diag([flip * scale * stretch, scale / stretch])
        matrix = np.eye(3)
        matrix[:2, :2] = linear
        matrix[:2, 2] = self._size_px / 2.0 - linear @ center
        return matrix

    def _disturbed(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        levels = np.linspace(0.0, 1.0, 256) ** np.exp(self._random.normal(0.0, 0.3))
        if self._random.uniform() < 0.06:  # people may be colder than sunlit ground
            levels = 1.0 - levels
        values = np.asarray(cv2.LUT(image, levels.astype(np.float32)), dtype=np.float32)
        if self._random.uniform() < 0.3:
            values = np.asarray(cv2.GaussianBlur(values, (0, 0), self._random.uniform(0.4, 1.2)), dtype=np.float32)
        return values

    def _pasted(
        self, values: NDArray[np.float32], picture: ThermalPicture, matrix: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.int64]]:
        """The picture with things and clutter of others added to its ground, its boxes and classes with theirs."""
        boxes, classes = [*picture.boxes], [*picture.classes]
        pasted = [(self._things, self._random.integers(0, _MAX_PASTED + 1))]
        pasted += [(self._clutter, self._random.integers(0, _MAX_CLUTTER + 1))]
        inverse = np.linalg.inv(matrix)
        for sources, number in pasted:
            for _ in range(number):
                things = sources[self._random.choice(len(sources), p=self._share)]
                place = inverse @ [*self._random.uniform(0.0, self._size_px, 2), 1.0]
                if not things:
                    continue
                thing = things[self._random.integers(len(things))]
                box = self._paste(thing, values, place[:2], np.array(boxes).reshape(-1, 4))
                if box is not None and thing.label is not None:
                    boxes.append(box)
                    classes.append(thing.label)
        return values, np.array(boxes).reshape(-1, 4), np.array(classes, dtype=np.int64)

    def _paste(
        self, thing: _Thing, values: NDArray[np.float32], place: NDArray[np.float64], taken: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Adds a thing with its corner at `place` to `values`; its box (4,), None where it does not fit."""
        zoom = float(np.exp(self._random.uniform(-0.35, 0.35)))
        contrast = cv2.resize(thing.contrast, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_LINEAR)
        if self._random.uniform() < 0.5:
            contrast = contrast[:, ::-1]
        left, top = np.floor(place).astype(int)
        height, width = contrast.shape
        if left < 0 or top < 0 or left + width > values.shape[1] or top + height > values.shape[0]:
            return None
        margin = thing.margin * zoom
        outline = np.array([left, top, left + width, top + height], dtype=np.float64)
        if intersection(outline[None], taken).any():
            return None
        values[top : top + height, left : left + width] += self._random.uniform(0.6, 1.3) * contrast
        return outline + np.array([margin[0], margin[1], -margin[0], -margin[1]])


@dataclass(frozen=True)
class _Thing:
    """What a labelled thing adds to the ground it stands on."""

    contrast: NDArray[np.float32]  # (h, w) against the ground around, fading out in the margin
    margin: NDArray[np.float64]  # (2,) of the patch around the box: to the sides, above and below [px]
    label: int | None  # None: nothing that is looked for


def clutter(image: NDArray[np.uint8], picture: ThermalPicture, random: np.random.Generator) -> list[_Thing]:
    """Pieces of a picture in which nothing is, of the size of its things, and most like a thing by their contrast."""
    if not len(picture.boxes):
        return []
    taken = np.concatenate([picture.boxes, picture.ignored])
    size = np.diff(picture.boxes.reshape(-1, 2, 2), axis=1)[:, 0]
    size = size[random.integers(len(size), size=_CLUTTER_TRIES)] * random.uniform(0.6, 1.4, (_CLUTTER_TRIES, 1))
    corner = random.uniform(0.0, 1.0, size.shape) * (np.array(image.shape[::-1]) - size).clip(1.0)
    boxes = np.concatenate([corner, corner + size], axis=1)
    boxes = boxes[~intersection(boxes, taken).any(axis=1)]
    pieces = [_cut_out(image, box, None) for box in boxes]
    return sorted(pieces, key=lambda piece: -float(np.abs(piece.contrast).max()))[:_CLUTTER_KEPT]


def _cut_out(image: NDArray[np.uint8], box: NDArray[np.float64], label: int | None) -> _Thing:
    margin = np.maximum(0.25 * (box[2:] - box[:2]), 2.0)
    left, top = np.maximum(np.floor(box[:2] - margin), 0.0).astype(int)
    right, bottom = np.ceil(box[2:] + margin).astype(int)
    patch = image[top:bottom, left:right].astype(np.float32) / np.float32(255.0)
    ground = np.median(np.concatenate([patch[0], patch[-1], patch[:, 0], patch[:, -1]]))
    fade = [
        np.clip(np.minimum(np.arange(size) + 0.5, size - np.arange(size) - 0.5) / edge, 0.0, 1.0)
        for size, edge in zip(patch.shape, margin[::-1], strict=True)
    ]
    return _Thing(
        ((patch - ground) * np.outer(*fade)).astype(np.float32), margin, None if label is None else int(label)
    )


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
    """Heat (classes, C, C), box values (4, C, C) and their weight (C, C) of boxes (N, 4); C = size / STRIDE.

    X. Zhou et al., "Objects as Points", 2019, with an ellipse for each peak.
    """
    cells = size_px // STRIDE
    heat = np.zeros((len(ThermalClass), cells, cells), dtype=np.float32)
    box_values = np.zeros((4, cells, cells), dtype=np.float32)
    weight = np.zeros((cells, cells), dtype=np.float32)
    grid = np.arange(cells) + 0.5
    # A picture has a few dozen boxes at most, and each has its own peak.
    for (left, top, right, bottom), label in zip(boxes / STRIDE, classes, strict=True):
        width, height = max(right - left, 0.5), max(bottom - top, 0.5)
        x, y = (left + right) / 2.0, (top + bottom) / 2.0
        column, row = min(int(x), cells - 1), min(int(y), cells - 1)
        spread_x, spread_y = max(_SPREAD * width, 0.5), max(_SPREAD * height, 0.5)
        along_x = np.exp(-((grid - column - 0.5) ** 2) / (2.0 * spread_x**2))
        along_y = np.exp(-((grid - row - 0.5) ** 2) / (2.0 * spread_y**2))
        peak = np.outer(along_y, along_x).astype(np.float32)
        np.maximum(heat[label], peak, out=heat[label])
        rows, columns = np.nonzero((peak >= _NEAR_PEAK) & (peak > weight))
        weight[rows, columns] = peak[rows, columns]
        box_values[:2, rows, columns] = np.log([[width], [height]])
        box_values[2:, rows, columns] = x - columns, y - rows
    return heat, box_values, weight
