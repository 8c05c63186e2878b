"""Rasters come out as they are kept here; `make golden` keeps new ones and tells what changed.

OpenCV's versions draw some rims differently: what another one has kept may differ in 0.1 % of the pixels.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from golden_rasters import GENERATED, REAL, draw, stored_rasters, stored_summaries, summary

_SHARE = 0.001


@pytest.mark.parametrize("name", GENERATED)
def test_generated_scenes(name: str) -> None:
    version, rasters = stored_rasters()
    raster = draw(GENERATED[name])
    assert raster.shape == rasters[name].shape
    different = np.mean(raster != rasters[name])
    assert different <= (0.0 if version == cv2.__version__ else _SHARE), "if that is right: make golden"


@pytest.mark.parametrize("name", REAL)
def test_real_scenes(name: str, recordings: Path) -> None:
    golden = REAL[name]
    if not (recordings / golden.path).exists():
        pytest.skip(f"no real recording: {recordings / golden.path} does not exist")
    version, summaries = stored_summaries()
    raster = draw(golden, recordings)
    found, kept = summary(raster), summaries[name]
    assert list(found) == list(kept)
    if version == cv2.__version__:
        assert {channel: found[channel] for channel in kept if found[channel] != kept[channel]} == {}, "see make golden"
    else:
        pixels = np.array([[found[channel][1], kept[channel][1]] for channel in kept])
        assert np.abs(np.diff(pixels)).sum() <= _SHARE * raster.size


def test_the_kept_scenes_show_something() -> None:
    """Golden rasters of nothing would prove nothing."""
    _, rasters = stored_rasters()
    drawn = np.any([[channel.any() for channel in raster] for raster in rasters.values()], axis=0)
    assert drawn.mean() > 0.5
    for raster in rasters.values():
        assert (raster > 0).any(axis=0).mean() > 0.05
