"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parent.parent
_OF_PROCESSES = tuple(_REPOSITORY / "test" / name for name in ("ros", "launch"))
_BOTH_TRIES_S = 600  # limit of a test and of its second try together


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Several processes in real time: where other programs take the processors for a second, discovery, a deadline or a
    # message can fail with nothing being broken. What is broken fails both times, and the summary names what was rerun.
    if config.pluginmanager.hasplugin("rerunfailures"):
        for item in items:
            if any(folder in item.path.parents for folder in _OF_PROCESSES):
                item.add_marker(pytest.mark.flaky(reruns=1))
                item.add_marker(pytest.mark.timeout(_BOTH_TRIES_S))


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings: ZOOX_PREDICTION_DATA, or `shared/data` beside the checkout; skips without."""
    folder = Path(os.environ.get("ZOOX_PREDICTION_DATA", _REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real recordings: {folder} does not exist; set ZOOX_PREDICTION_DATA to their folder")
    return folder
