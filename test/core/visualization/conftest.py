"""The drive that comes with the package, and a moment of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoox_prediction.recording.log import load_log
from zoox_prediction.recording.sources import find_one_recording
from zoox_prediction.resources import resource_path
from zoox_prediction.scene import Scene
from zoox_prediction.visualization.recorded import scene_at


@pytest.fixture(scope="module")
def bag() -> Path:
    return find_one_recording(resource_path("recordings")).path


@pytest.fixture(scope="module")
def scene(bag: Path) -> Scene:
    return scene_at(load_log(bag), 6.0)
