"""A picture with the boxes of camera and lidar, and which of them belong together."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.evaluation.lidar_camera import Association

FloatArray = NDArray[np.float64]

_GREY = (150, 150, 150)
_VERDICTS = {1: "", 0: " wrong", -1: " ?"}


def association_picture(image: NDArray[np.uint8], found: Association, verdicts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """`image` (H, W, 3) with thick boxes of the camera and thin ones of the lidar.

    A pair has a colour, a number, a line between its middles, and a word where it is wrong (0) or unjudged (-1) by
    `verdicts` (P,). Boxes without a partner are grey.
    """
    picture = np.ascontiguousarray(image)
    alone = np.setdiff1d(np.arange(len(found.lidar_px)), found.pairs[:, 0])
    for box in found.lidar_px[alone]:
        _rectangle(picture, box, _GREY, 1)
    for box in found.camera_px[np.setdiff1d(np.arange(len(found.camera_px)), found.pairs[:, 1])]:
        _rectangle(picture, box, _GREY, 3)
    for number, ((lidar, camera), verdict) in enumerate(zip(found.pairs, verdicts, strict=True), start=1):
        color = _color(number)
        ours, theirs = found.lidar_px[lidar], found.camera_px[camera]
        _rectangle(picture, theirs, color, 3)
        _rectangle(picture, ours, color, 1)
        middles = [tuple(np.round((box[:2] + box[2:]) / 2.0).astype(int).tolist()) for box in (ours, theirs)]
        cv2.line(picture, middles[0], middles[1], color, 2, cv2.LINE_AA)
        for middle in middles:
            cv2.circle(picture, middle, 3, color, -1, cv2.LINE_AA)
        corner = (max(int(theirs[0]), 0), max(int(theirs[1]) - 5, 14))
        text = f"{number}{_VERDICTS[int(verdict)]}"
        cv2.putText(picture, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 4, cv2.LINE_AA)
        cv2.putText(picture, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.6, color, 2, cv2.LINE_AA)
    return np.asarray(picture, dtype=np.uint8)


def _rectangle(picture: NDArray, box: FloatArray, color: tuple[int, int, int], width: int) -> None:
    left, top, right, bottom = np.clip(np.round(box), -10_000, 10_000).astype(int).tolist()
    cv2.rectangle(picture, (left, top), (right, bottom), color, width, cv2.LINE_AA)


def _color(number: int) -> tuple[int, int, int]:
    """Neighbouring numbers have colours that are far apart."""
    red, green, blue = colorsys.hsv_to_rgb((number * 0.618034) % 1.0, 0.85, 1.0)
    return int(255 * blue), int(255 * green), int(255 * red)
