"""Writes a film frame by frame: WebM (VP8), which browsers and players open without a codec of their own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.visualization.output import prepare_output


class FilmWriter:
    """A context manager; the file gets its name only when the film is complete."""

    def __init__(self, path: Path, frames_per_s: float):
        """Raises InputError when `path` is no `.webm` or its folder cannot be made."""
        prepare_output(path, ".webm")
        self._path = path
        self._partial = path.with_name(f".{path.stem}.partial.webm")
        self._frames_per_s = frames_per_s
        self._writer: cv2.VideoWriter | None = None

    def write(self, image: NDArray[np.uint8]) -> None:
        """Appends an (H, W, 3) uint8 RGB picture; all have the size of the first. Raises InputError when it cannot."""
        if self._writer is None:
            height, width = image.shape[:2]
            fourcc = cv2.VideoWriter.fourcc(*"VP80")
            with _silent_stderr():
                self._writer = cv2.VideoWriter(str(self._partial), fourcc, self._frames_per_s, (width, height))
            if not self._writer.isOpened():
                raise InputError(f"{self._path}: OpenCV cannot write WebM films here; is the folder writable?")
        self._writer.write(np.ascontiguousarray(image[..., ::-1]))

    def __enter__(self) -> FilmWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.release()
        if kind is None and self._partial.exists():
            self._partial.replace(self._path)
        else:
            self._partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """OpenCV complains past every log level that WebM has no tag for VP8, and uses the right one all the same."""
    stderr = 2
    kept = os.dup(stderr)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), stderr)
        yield
    finally:
        os.dup2(kept, stderr)
        os.close(kept)
