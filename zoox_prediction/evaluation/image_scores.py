"""How well detections of pictures fit labelled boxes: precision, recall and average precision of a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.image.boxes import area, intersection, overlap

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class LabelledDetections:
    """What was found of one class in one picture, and what is there; boxes have rising coordinates in any unit."""

    found: FloatArray  # (N, 4)
    scores: FloatArray  # (N,)
    labels: FloatArray  # (M, 4)
    ignored: FloatArray  # (K, 4) where neither finding something nor finding nothing counts


@dataclass(frozen=True)
class ImageScores:
    """Of one class over pictures; NaN where nothing is there to be found, or nothing was found."""

    num_labels: int
    precision: float  # of what scores at least the threshold
    recall: float
    average_precision: float  # over all scores: area under the curve of precision over recall, made monotone


def score_images(pictures: Sequence[LabelledDetections], min_overlap: float, min_score: float) -> ImageScores:
    """The scores of pictures; a label is found by the best-scoring box that overlaps it by `min_overlap` (IoU).

    Everything that finds no label of its own is a false alarm, unless half of it lies in an ignored region. Every
    picture counts by its labels and detections.
    """
    number = sum(len(each.labels) for each in pictures)
    scores = np.concatenate([each.scores for each in pictures] or [np.zeros(0)])
    outcomes = np.concatenate([_outcomes(each, min_overlap) for each in pictures] or [np.zeros(0, dtype=np.int64)])
    counted = outcomes >= 0
    scores, hits = scores[counted], outcomes[counted] == 1
    taken = scores >= min_score
    return ImageScores(
        num_labels=number,
        precision=float(hits[taken].mean()) if taken.any() else float("nan"),
        recall=float(hits[taken].sum() / number) if number else float("nan"),
        average_precision=_average_precision(scores, hits, number),
    )


def _outcomes(picture: LabelledDetections, min_overlap: float) -> NDArray[np.int64]:
    """(N,) 1 a hit, 0 a false alarm, -1 not to be judged."""
    outcomes = np.zeros(len(picture.found), dtype=np.int64)
    ious = overlap(picture.found, picture.labels)
    free = np.ones(len(picture.labels), dtype=bool)
    # Whoever scores higher chooses first: one after the other by its nature.
    for row in np.argsort(-picture.scores, kind="stable"):
        candidates = np.where(free, ious[row], 0.0)
        if candidates.size and candidates.max() >= min_overlap:
            free[int(candidates.argmax())] = False
            outcomes[row] = 1
    inside = intersection(picture.found, picture.ignored).max(axis=1, initial=0.0)
    outcomes[(outcomes == 0) & (inside > 0.5 * area(picture.found))] = -1
    return outcomes


def _average_precision(scores: FloatArray, hits: NDArray[np.bool_], number: int) -> float:
    if not number:
        return float("nan")
    sorted_hits = hits[np.argsort(-scores, kind="stable")]
    true = np.cumsum(sorted_hits)
    precision = true / np.arange(1, len(true) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((envelope * sorted_hits).sum() / number)
