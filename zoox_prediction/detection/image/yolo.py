"""Networks of the YOLO family: what they take, and what their outputs mean.

| layout | output | boxes | scores |
|---|---|---|---|
| darknet | (N, 5 + C), one or more | centre and size, shares of the input | of classes, times that of an object |
| yolov5 (and v7) | (1, N, 5 + C) | centre and size, pixels | of an object, of classes |
| yolov8 (9, 11, 12) | (1, 4 + C, N) | centre and size, pixels | of classes |
| yolox | (1, N, 5 + C) | offset in the cell and log size, cells of strides 8, 16, 32 | of an object, of classes |
| end_to_end (v10 and others) | (1, N, 6) | left, top, right, bottom, pixels | score, class |
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.image.networks import Network, Outputs
from zoox_prediction.errors import InputError

FloatArray = NDArray[np.float64]

_STRIDES = (8, 16, 32)
_GREY = 114  # around the picture, as in training


@dataclass(frozen=True)
class Letterbox:
    """A picture scaled into the input of a network, in its upper left part or its middle."""

    scale: float
    left_px: int
    top_px: int
    width_px: int  # of the input
    height_px: int

    @classmethod
    def fit(cls, image_size: tuple[int, int], input_size: tuple[int, int], centered: bool) -> Letterbox:
        """For pictures and inputs of width and height."""
        scale = min(input_size[0] / image_size[0], input_size[1] / image_size[1])
        free = [input_size[axis] - round(image_size[axis] * scale) for axis in range(2)]
        left, top = (max(each, 0) // 2 if centered else 0 for each in free)
        return cls(scale, left, top, *input_size)

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(height_px, width_px, 3) of (H, W, 3)."""
        height, width = image.shape[:2]
        size = (max(round(width * self.scale), 1), max(round(height * self.scale), 1))
        # Averages when it gets smaller: small things would flicker otherwise.
        scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA if self.scale < 1.0 else cv2.INTER_LINEAR)
        boxed = np.full((self.height_px, self.width_px, 3), _GREY, dtype=np.uint8)
        boxed[self.top_px : self.top_px + size[1], self.left_px : self.left_px + size[0]] = scaled
        return boxed

    def to_image(self, boxes: FloatArray) -> FloatArray:
        """Boxes (N, 4) in pixels of the picture, of those in pixels of the input."""
        offset = np.array([self.left_px, self.top_px] * 2, dtype=np.float64)
        moved: FloatArray = (boxes - offset) / self.scale
        return moved


def input_size_for(image_size: tuple[int, int], width_px: int, height_px: int) -> tuple[int, int]:
    """Multiples of 32 for a network that takes any size: `height_px`, or as the picture's proportions ask when 0."""
    largest = _STRIDES[-1]
    height = height_px or round(width_px * image_size[1] / image_size[0])
    return (-(-width_px // largest) * largest, max(-(-height // largest), 1) * largest)


class Yolo:
    """A network of the family on pictures."""

    def __init__(
        self,
        network: Network,
        layout: str,
        class_names: Sequence[str],
        width_px: int,
        height_px: int,
        source: str,
        max_enlargement: float = math.inf,
    ) -> None:
        """`layout` as above or auto; without `class_names` those of the network count; `source` is for errors.

        Of a network that takes any size, pictures are not enlarged more than `max_enlargement` to be `width_px` wide.

        Raises InputError when nothing names the classes.
        """
        self.class_names = tuple(class_names) or network.class_names
        if not self.class_names:
            raise InputError(f"{source}: does not name its classes; give camera.class_names")
        self._network, self._layout, self._source = network, layout, source
        self._free_size, self._max_enlargement = (width_px, height_px), max_enlargement

    def detect(self, image: NDArray[np.uint8], min_score: float) -> tuple[FloatArray, FloatArray]:
        """Boxes (N, 4) in pixels of the picture (H, W, 3) and scores (N, classes), where any is `min_score` or more."""
        image_size = (image.shape[1], image.shape[0])
        width_px, height_px = self._free_size
        width_px = math.ceil(min(width_px, self._max_enlargement * image_size[0])) if height_px == 0 else width_px
        size = self._network.input_size or input_size_for(image_size, width_px, height_px)
        letterbox = Letterbox.fit(image_size, size, centered=self._layout != "yolox")
        outputs = self._network.run(self._blob(letterbox.apply(image)))
        if self._layout == "auto":
            self._layout = self._found_layout(outputs, size)
            if self._layout == "yolox":  # it takes another input
                return self.detect(image, min_score)
        boxes, scores = self._decoded(outputs, size)
        kept = scores.max(axis=1, initial=0.0) >= min_score
        found = letterbox.to_image(boxes[kept].astype(np.float64))
        # A box beyond the picture shows what is in the picture.
        return np.clip(found, 0.0, [*image_size, *image_size]), scores[kept].astype(np.float64)

    def _blob(self, boxed: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self._layout == "yolox":  # blue, green, red as they are
            return np.ascontiguousarray(boxed.transpose(2, 0, 1)[None], dtype=np.float32)
        return np.ascontiguousarray(boxed[..., ::-1].transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255.0)

    def _found_layout(self, outputs: Outputs, size: tuple[int, int]) -> str:
        """By the shape of the first output; raises InputError when it is that of none."""
        shape, classes = outputs[0].shape, len(self.class_names)
        cells = sum((size[0] // stride) * (size[1] // stride) for stride in _STRIDES)
        if len(shape) == 2 and shape[1] == 5 + classes:
            return "darknet"
        if len(shape) == 3 and shape[1] == 4 + classes:
            return "yolov8"
        if len(shape) == 3 and shape[2] == 5 + classes:
            return "yolox" if shape[1] == cells else "yolov5"
        if len(shape) == 3 and shape[2] == 6:
            return "end_to_end"
        raise InputError(
            f"{self._source}: its output {shape} is that of no network of the YOLO family with {classes} classes; "
            "give camera.class_names and camera.layout"
        )

    def _decoded(self, outputs: Outputs, size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes (N, 4) in pixels of the input and scores (N, classes)."""
        try:
            if self._layout == "darknet":
                rows = np.concatenate([each.reshape(-1, each.shape[-1]) for each in outputs])
                return _corners(rows[:, :4] * np.array([*size, *size], np.float32)), rows[:, 5:]
            rows = outputs[0][0]
            if self._layout == "yolov8":
                return _corners(rows[:4].T), rows[4:].T
            if self._layout == "end_to_end":
                return self._end_to_end(rows)
            centers = _of_cells(rows[:, :4], size) if self._layout == "yolox" else rows[:, :4]
            return _corners(centers), rows[:, 5:] * rows[:, 4:5]
        except (IndexError, ValueError) as error:
            raise InputError(
                f"{self._source}: its output {outputs[0].shape} is not that of the layout {self._layout}; "
                "give another camera.layout"
            ) from error

    def _end_to_end(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        scores = np.zeros((len(rows), len(self.class_names)), dtype=np.float32)
        scores[np.arange(len(rows)), rows[:, 5].astype(np.int64)] = rows[:, 4]
        return rows[:, :4], scores


def _corners(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Left, top, right, bottom of centre and size."""
    half = boxes[:, 2:] / 2.0
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def _of_cells(boxes: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Centre and size in pixels of YOLOX's offsets and log sizes; Z. Ge et al., "YOLOX", 2021."""
    places, strides = [], []
    for stride in _STRIDES:
        rows, columns = np.mgrid[: size[1] // stride, : size[0] // stride].reshape(2, -1)
        places.append(np.column_stack([columns, rows]))
        strides.append(np.full((len(rows), 1), stride))
    place, stride_px = np.concatenate(places), np.concatenate(strides)
    centers = (boxes[:, :2] + place) * stride_px
    return np.concatenate([centers, np.exp(boxes[:, 2:]) * stride_px], axis=1).astype(np.float32)
