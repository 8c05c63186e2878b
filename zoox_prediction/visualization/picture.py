"""Writes a still picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """An (H, W, 3) uint8 RGB picture as PNG. Raises InputError when the file cannot be written."""
    ok, encoded = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    try:
        if not ok:
            raise OSError("the picture cannot be encoded")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise InputError(f"{path}: cannot write the picture: {error}") from error
