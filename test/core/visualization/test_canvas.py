"""The canvas draws at the right pixels, whatever it is given."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.visualization.canvas import Canvas

RED = (255, 0, 0)


def canvas() -> Canvas:
    return Canvas(center=[10.0, 20.0], width_m=20.0, size_px=(200, 100), background=(255, 255, 255))


def test_north_is_up_and_the_center_is_in_the_middle():
    pixels = canvas().to_pixels([[10.0, 20.0], [11.0, 20.0], [10.0, 21.0]])
    np.testing.assert_allclose(pixels, [[100.0, 50.0], [110.0, 50.0], [100.0, 40.0]])


def test_bounds_are_what_the_picture_shows():
    assert canvas().bounds_m() == pytest.approx((0.0, 15.0, 20.0, 25.0))


def test_a_polygon_covers_its_own_area():
    picture = canvas()
    picture.polygons([[[8.0, 18.0], [12.0, 18.0], [12.0, 22.0], [8.0, 22.0]]], RED)
    red = (picture.image == RED).all(axis=-1)
    assert red.sum() == pytest.approx(40 * 40, rel=0.06)
    assert red[50, 100] and not red[50, 130]


def test_overlapping_polygons_leave_no_hole_and_one_alpha():
    picture = canvas()
    square = np.array([[8.0, 18.0], [12.0, 18.0], [12.0, 22.0], [8.0, 22.0]])
    picture.polygons([square, np.add(square, [2.0, 0.0])], RED, alpha=0.5)
    np.testing.assert_allclose(picture.image[50, [90, 110, 130]], [[255, 128, 128]] * 3, atol=1)


def test_opacity_mixes_with_what_is_below():
    picture = canvas()
    picture.discs([[10.0, 20.0]], 10.0, (0, 0, 0), alpha=0.25)
    np.testing.assert_allclose(picture.image[50, 100], [191, 191, 191], atol=1)


@pytest.mark.parametrize("far", [1e3, 1e9, np.inf, np.nan])
def test_what_lies_outside_or_nowhere_leaves_the_picture_alone(far):
    picture = canvas()
    picture.polylines([np.full((3, 2), far)], RED)
    picture.discs([[far, far]], 5.0, RED)
    picture.polygons([np.full((4, 2), far)], RED)
    picture.text("nowhere", [far, far])
    assert (picture.image == 255).all()


def test_a_line_that_crosses_the_picture_is_drawn_between_points_far_outside():
    picture = canvas()
    picture.polylines([[[-500.0, 20.0], [500.0, 20.0]]], RED, thickness_px=3)
    assert (picture.image[50] == RED).all()
