"""Pixels lie where they are said to lie, at any place of the earth."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.raster.frame import RasterFrame


def test_forward_is_up_and_left_is_left() -> None:
    frame = RasterFrame(np.array([10.0, 20.0]), np.pi / 2.0, 256, 0.8)
    column, row = frame.pixels_from_map([10.0, 20.0])
    assert (column, row) == (127.5, 127.5)
    ahead = frame.pixels_from_map([10.0, 28.0])  # +y of the map is forward here
    np.testing.assert_allclose(ahead, [127.5, 117.5])
    left = frame.pixels_from_map([2.0, 20.0])
    np.testing.assert_allclose(left, [117.5, 127.5])


def test_centres_of_pixels() -> None:
    frame = RasterFrame(np.zeros(2), 0.0, 4, 0.5)
    np.testing.assert_allclose(
        frame.map_from_pixels([[0, 0], [3, 0], [1, 2]]), [[0.75, 0.75], [0.75, -0.75], [-0.25, 0.25]]
    )
    odd = RasterFrame(np.zeros(2), 0.0, 5, 0.5)
    np.testing.assert_allclose(odd.map_from_pixels([2, 2]), [0.0, 0.0])


@pytest.mark.parametrize("center", [[0.0, 0.0], [458_321.123456, 5_428_765.654321], [-9.9e6, 9.9e6]])
def test_there_and_back_far_from_the_origin(center: list[float]) -> None:
    frame = RasterFrame(np.array(center), 2.1, 256, 0.8)
    near = RasterFrame(np.zeros(2), 2.1, 256, 0.8)
    points = np.random.default_rng(0).uniform(-100.0, 100.0, (50, 2))
    pixels = frame.pixels_from_map(points + center)
    np.testing.assert_allclose(pixels, near.pixels_from_map(points), atol=1e-7)  # far below a centimetre
    np.testing.assert_allclose(frame.map_from_pixels(pixels), points + center, rtol=0.0, atol=1e-8)


def test_radius_reaches_the_corners() -> None:
    frame = RasterFrame(np.array([3.0, 4.0]), 0.3, 100, 0.5)
    corner = frame.map_from_pixels([-0.5, -0.5])
    assert np.hypot(*(corner - frame.center)) == pytest.approx(frame.radius_m)
