"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings: ZOOX_PREDICTION_DATA, or `shared/data` beside the checkout; skips without."""
    folder = Path(os.environ.get("ZOOX_PREDICTION_DATA", _REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real recordings: {folder} does not exist; set ZOOX_PREDICTION_DATA to their folder")
    return folder
