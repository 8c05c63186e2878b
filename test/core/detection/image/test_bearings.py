"""Boxes as viewing angles: directions, lenses, variances."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from zoox_prediction.detection.image.bearings import azimuth_elevation, bearing_boxes, pixel_boxes, pixels, rays
from zoox_prediction.sensor_data import CameraModel

MATRIX = np.array([[500.0, 0.0, 319.5], [0.0, 520.0, 199.5], [0.0, 0.0, 1.0]])
PLAIN = CameraModel(MATRIX, np.zeros(0), "plumb_bob", 640, 400)
LENSES = [
    PLAIN,
    CameraModel(MATRIX, np.array([-0.25, 0.08, 0.001, -0.002, 0.0]), "plumb_bob", 640, 400),
    CameraModel(MATRIX, np.array([0.4, 0.05, 0.001, -0.001, 0.002, 0.7, 0.1, 0.01]), "rational_polynomial", 640, 400),
]


def _directions() -> NDArray[np.float64]:
    x, y = np.meshgrid(np.linspace(-0.55, 0.55, 9), np.linspace(-0.35, 0.35, 7))
    points = np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("camera", LENSES, ids=["no lens", "plumb_bob", "rational"])
def test_rays_are_those_that_the_lens_projects_to_the_pixels(camera: CameraModel) -> None:
    directions = _directions()
    distortion = camera.distortion if len(camera.distortion) else None
    projected = cv2.projectPoints(directions, np.zeros(3), np.zeros(3), camera.matrix, distortion)[0].reshape(-1, 2)
    np.testing.assert_allclose(rays(projected, camera), directions, atol=1e-6)


def test_fisheyes_see_sideways_and_beyond() -> None:
    camera = CameraModel(MATRIX, np.array([0.02, -0.005, 0.001, -0.0002]), "equidistant", 2000, 2000)
    angle = np.radians([0.0, 10.0, 45.0, 80.0, 95.0])
    bent = angle + (camera.distortion * angle[:, None] ** [3.0, 5.0, 7.0, 9.0]).sum(axis=1)
    turn = np.array([0.3, 1.0, 2.0, -1.0, -3.0])
    outward = np.column_stack([np.cos(turn), np.sin(turn)])
    projected = bent[:, None] * outward * [500.0, 520.0] + [319.5, 199.5]
    expected = np.column_stack([outward * np.sin(angle)[:, None], np.cos(angle)])
    np.testing.assert_allclose(rays(projected, camera), expected, atol=1e-9)


def test_azimuth_is_to_the_left_and_elevation_up() -> None:
    azimuth, elevation = azimuth_elevation(np.array([[-1.0, 0.0, 1.0], [0.0, -1.0, 1.0], [1.0, 1.0, 1.0]]))
    np.testing.assert_allclose(azimuth, [np.pi / 4.0, 0.0, -np.pi / 4.0])
    np.testing.assert_allclose(elevation, [0.0, np.pi / 4.0, -np.arctan(1.0 / np.sqrt(2.0))])


def test_a_box_around_the_axis() -> None:
    # Edges are half a pixel outside of the centres of the outermost pixels.
    box = np.array([[320.0 - 50.0, 200.0 - 26.0, 320.0 + 50.0, 200.0 + 26.0]])
    angles, variances = bearing_boxes(box, PLAIN, 2.0, 0.0)
    np.testing.assert_allclose(angles[0], np.arctan([0.1, 0.05, -0.1, -0.05]), atol=1e-9)
    slope = np.array([1.0 / 500.0, 1.0 / 520.0] * 2) / (1.0 + np.array([0.1, 0.05] * 2) ** 2)
    np.testing.assert_allclose(np.sqrt(variances[0]), 2.0 * slope, rtol=1e-3)


def test_large_boxes_and_cut_ones_are_less_certain() -> None:
    boxes = np.array([[300.0, 180.0, 340.0, 220.0], [220.0, 100.0, 420.0, 300.0], [0.0, 100.0, 200.0, 300.0]])
    _, variances = bearing_boxes(boxes, PLAIN, 1.0, 0.1)
    assert (variances[1] > 3.0 * variances[0]).all()
    assert variances[2, 0] > 30.0 * variances[2, 2]  # it goes on beyond the left border
    assert np.isfinite(variances).all() and (variances > 0.0).all()


def test_no_boxes() -> None:
    angles, variances = bearing_boxes(np.zeros((0, 4)), LENSES[1], 1.0, 0.1)
    assert angles.shape == variances.shape == (0, 4)


FISHEYE = CameraModel(MATRIX, np.array([0.02, -0.005, 0.001, -0.0002]), "equidistant", 640, 400)


@pytest.mark.parametrize("camera", [*LENSES, FISHEYE], ids=["no lens", "plumb_bob", "rational", "fisheye"])
def test_pixels_are_where_the_rays_came_from(camera: CameraModel) -> None:
    x, y = np.meshgrid(np.linspace(60.0, 580.0, 9), np.linspace(40.0, 360.0, 7))
    there = np.stack([x, y], axis=-1)
    np.testing.assert_allclose(pixels(rays(there, camera), camera), there, atol=1e-3)


def test_nothing_behind_a_pinhole_has_a_pixel() -> None:
    found = pixels(np.array([[0.0, 0.0, 1.0], [0.1, 0.0, -1.0]]), PLAIN)
    np.testing.assert_allclose(found[0], MATRIX[:2, 2])
    assert np.isnan(found[1]).all()


@pytest.mark.parametrize("camera", [*LENSES, FISHEYE], ids=["no lens", "plumb_bob", "rational", "fisheye"])
def test_boxes_of_pixels_come_back_from_angles(camera: CameraModel) -> None:
    boxes = np.array([[300.0, 180.0, 340.0, 230.0], [60.0, 90.0, 130.0, 260.0], [500.0, 210.0, 620.0, 330.0]])
    angles, _ = bearing_boxes(boxes, camera, 1.0, 0.05)
    np.testing.assert_allclose(pixel_boxes(angles, camera), boxes, atol=2.0)
