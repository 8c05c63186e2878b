"""Writes a still picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.visualization.output import prepare_output


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """An (H, W, 3) uint8 RGB picture as PNG. Raises InputError when `path` is no `.png` or cannot be written."""
    prepare_output(path, ".png")
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    try:
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}; give another name") from error
