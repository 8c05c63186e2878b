"""Boxes in pixels: left, top, right, bottom."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def intersection(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """(N, M) areas that boxes (N, 4) and others (M, 4) have in common."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common: FloatArray = np.prod(np.maximum(high - low, 0.0), axis=-1)
    return common


def area(boxes: FloatArray) -> FloatArray:
    """(N,) of boxes (N, 4)."""
    size: FloatArray = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=-1)
    return size


def overlap(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """(N, M) intersection over union of boxes (N, 4) and others (M, 4)."""
    common = intersection(boxes, others)
    union = area(boxes)[:, None] + area(others)[None, :] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0.0)


def share_of_smaller(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """(N, M) the intersection as a share of the smaller of boxes (N, 4) and others (M, 4)."""
    common = intersection(boxes, others)
    smaller = np.minimum(area(boxes)[:, None], area(others)[None, :])
    return np.divide(common, smaller, out=np.zeros_like(common), where=smaller > 0.0)


def without_duplicates(
    boxes: FloatArray, scores: FloatArray, groups: NDArray[np.int64], max_overlap: float
) -> NDArray[np.int64]:
    """Rows that are kept of boxes (N, 4), best score first: of two of one group (N,) that overlap more, the better."""
    if not len(boxes):
        return np.zeros(0, dtype=np.int64)
    # Far from each other, boxes of different groups never overlap.
    apart = groups[:, None] * (np.ptp(boxes) + 1.0)
    corners = np.concatenate([boxes[:, :2] + apart, boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), 0.0, max_overlap)
    return np.asarray(kept, dtype=np.int64).reshape(-1)
