"""The thermal network: a heat map of centres and the boxes around them; weights/README.md tells what it learnt from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.image.boxes import FloatArray
from zoox_prediction.detection.image.networks import Network
from zoox_prediction.detection.image.thermal_input import MULTIPLE, STRIDE, thermal_input
from zoox_prediction.errors import InputError
from zoox_prediction.scene import NUM_CLASSES, AgentClass

SHIPPED = Path(__file__).parent / "weights" / "thermal_hit_uav.onnx"

# Channels of the network: person, car (any large vehicle), bicycle; in the order of AgentClass.
CLASS_PROBABILITIES = np.full((3, NUM_CLASSES), 0.02)
CLASS_PROBABILITIES[0, [AgentClass.PEDESTRIAN, AgentClass.CYCLIST]] = 0.76, 0.12
CLASS_PROBABILITIES[1, [AgentClass.CAR, AgentClass.TRUCK, AgentClass.BUS]] = 0.74, 0.1, 0.06
CLASS_PROBABILITIES[2, [AgentClass.CYCLIST, AgentClass.UNKNOWN]] = 0.28, 0.6  # most bicycles it knows are parked
CLASS_PROBABILITIES /= CLASS_PROBABILITIES.sum(axis=1, keepdims=True)

_MAX_PEAKS = 300
_PEAK_CELLS = 3  # a peak is the highest in a square of so many cells


class HeatMapDetector:
    """The network on pictures of one channel."""

    def __init__(self, network: Network, source: str, zoom: float = 1.0) -> None:
        """The network gets pictures enlarged by `zoom`."""
        self._network, self._source, self._zoom = network, source, zoom

    def detect(self, image: NDArray, min_score: float) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
        """Boxes (N, 4) in pixels of a picture (H, W) of any unit, scores (N,) and channels (N,) of the network."""
        pixels = np.asarray(image, np.float32)
        if self._zoom != 1.0:
            pixels = np.asarray(cv2.resize(pixels, None, fx=self._zoom, fy=self._zoom, interpolation=cv2.INTER_LINEAR))
        height, width = pixels.shape
        below, right = -height % MULTIPLE, -width % MULTIPLE
        padded = cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_REPLICATE)
        output = self._network.run(thermal_input(padded)[None])[0]
        num_classes = len(CLASS_PROBABILITIES)
        if output.ndim != 4 or output.shape[1] != num_classes + 4 or output.shape[2] * STRIDE != height + below:
            raise InputError(
                f"{self._source}: its output {output.shape} is not that of a thermal network; train it anew"
            )
        boxes, scores, channels = peaks(output[0, :num_classes], output[0, num_classes:], min_score)
        return np.clip(boxes, 0.0, [width, height, width, height]) / self._zoom, scores, channels


def peaks(
    heat: NDArray[np.float32], box: NDArray[np.float32], min_score: float
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """Boxes (N, 4) in pixels, scores and classes (N,) of heat (classes, R, C) and box values (4, R, C), best first.

    Box values are log width, log height, and the centre's offset from the cell's corner, all in cells.
    """
    square = np.ones((_PEAK_CELLS, _PEAK_CELLS), dtype=np.uint8)
    highest = np.stack([cv2.dilate(each, square) for each in heat])
    classes, rows, columns = np.nonzero((heat >= highest) & (heat >= min_score))
    scores = heat[classes, rows, columns].astype(np.float64)
    best = np.argsort(-scores, kind="stable")[:_MAX_PEAKS]
    classes, rows, columns, scores = classes[best], rows[best], columns[best], scores[best]
    log_width, log_height, x, y = box[:, rows, columns].astype(np.float64)
    center = np.stack([columns + x, rows + y], axis=1)
    half = np.exp(np.clip(np.stack([log_width, log_height], axis=1), -3.0, 6.0)) / 2.0
    return np.concatenate([center - half, center + half], axis=1) * STRIDE, scores, classes
