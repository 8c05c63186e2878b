"""Scores of the thermal network as probabilities: fitted on pictures that it has not learnt from."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from zoox_prediction.detection.image.boxes import area, intersection, overlap, without_duplicates
from zoox_prediction.detection.image.heat_map import HeatMapDetector
from zoox_prediction.detection.image.networks import Network
from zoox_prediction.recording.datasets.hit_uav import ThermalPicture

FloatArray = NDArray[np.float64]

_MIN_SCORE = 0.1
_MIN_OVERLAP = 0.5  # intersection over union with a label, of a box that is right
_MAX_OVERLAP = 0.45  # of boxes that are two things
_PRIOR = 0.5  # weight of leaving the scores as they are


def calibrate_scores(network: Any, pictures: Sequence[ThermalPicture], zoom: float) -> Any:
    """A copy of the network in torch whose heat at a peak is the probability that its box is right.

    Logistic calibration (J. Platt, 1999) of all classes together, of which some are few; it goes into the weights of
    the last layer.
    """
    import torch

    def run(batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        with torch.no_grad():
            return [network(torch.from_numpy(np.ascontiguousarray(batch))).numpy()]

    scores, right = judged_peaks(HeatMapDetector(Network(run), "the trained network", zoom).detect, pictures)
    calibrated = copy.deepcopy(network)
    layer = calibrated.heat[-1]
    slope, offset = fitted(scores, right)
    with torch.no_grad():
        layer.weight *= slope
        layer.bias.mul_(slope).add_(offset)
    return calibrated


def judged_peaks(
    detect: Callable[[NDArray, float], tuple[FloatArray, FloatArray, NDArray[np.int64]]],
    pictures: Sequence[ThermalPicture],
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Scores (N,) of all that is found in the pictures, and whether its box and class are right (N,)."""
    found = []
    for picture in pictures:
        boxes, scores, classes = detect(picture.read(), _MIN_SCORE)
        kept = without_duplicates(boxes, scores, classes, _MAX_OVERLAP)
        boxes, scores, classes = boxes[kept], scores[kept], classes[kept]
        value = overlap(boxes, picture.boxes) * (classes[:, None] == picture.classes[None, :])
        right = np.zeros(len(boxes), dtype=bool)
        # A label is of the best-scoring box: one after the other by its nature.
        for row in np.argsort(-scores, kind="stable"):
            if value.shape[1] and value[row].max() >= _MIN_OVERLAP:
                right[row] = True
                value[:, int(value[row].argmax())] = 0.0
        inside = intersection(boxes, picture.ignored).max(axis=1, initial=0.0) > 0.5 * area(boxes)
        judged = right | ~inside
        found.append((scores[judged], right[judged]))
    return np.concatenate([scores for scores, _ in found]), np.concatenate([right for _, right in found])


def fitted(scores: FloatArray, right: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of the log odds of `scores` (N,) that tell best which are `right` (N,)."""
    odds = np.log(np.clip(scores, 1e-6, 1.0 - 1e-6) / np.clip(1.0 - scores, 1e-6, 1.0))
    sign = np.where(right, 1.0, -1.0)

    def loss(values: FloatArray) -> float:
        misfit = np.logaddexp(0.0, -sign * (values[0] * odds + values[1])).sum()
        return float(misfit + _PRIOR * ((values[0] - 1.0) ** 2 + values[1] ** 2))

    slope, offset = minimize(loss, np.array([1.0, 0.0])).x
    return max(float(slope), 0.1), float(offset)
