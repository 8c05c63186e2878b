"""Where pictures and films are written to."""

from __future__ import annotations

from pathlib import Path

from zoox_prediction.errors import InputError


def prepare_output(path: Path, suffix: str) -> None:
    """Makes the folder of `path`. Raises InputError when that cannot be, or `path` does not end in `suffix`."""
    if path.suffix != suffix:
        raise InputError(f"{path}: is written as {suffix[1:].upper()}; give a name that ends in {suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {path.parent}: {error.strerror}; give another name") from error
