"""Boxes in pixels as viewing angles, through the lens of the camera."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.sensor_data import CameraModel

FloatArray = NDArray[np.float64]

_UNDISTORT_STEPS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-9)
_FISHEYE_STEPS = 20
_BORDER_PX = 2.0  # a box that comes nearer to the border goes on beyond it


def rays(pixels: FloatArray, camera: CameraModel) -> FloatArray:
    """(..., 3) unit vectors in the optical frame (x right, y down, z ahead) of pixels (..., 2)."""
    flat = np.ascontiguousarray(pixels, dtype=np.float64).reshape(-1, 2)
    if not len(flat):
        return np.zeros((*pixels.shape[:-1], 3))
    if camera.distortion_model == "equidistant" and len(camera.distortion):
        found = _fisheye_rays(flat, camera)
    else:
        distortion = camera.distortion if len(camera.distortion) else np.zeros(4)
        same = np.eye(3)
        points = cv2.undistortPointsIter(flat[:, None], camera.matrix, distortion, same, same, _UNDISTORT_STEPS)
        found = np.column_stack([points.reshape(-1, 2), np.ones(len(flat))])
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found.reshape(*pixels.shape[:-1], 3)


def _fisheye_rays(pixels: FloatArray, camera: CameraModel) -> FloatArray:
    """(N, 3) of lenses that see sideways, which cv2.fisheye.undistortPoints cannot give.

    J. Kannala and S. Brandt, "A generic camera model", PAMI 2006: r = a (1 + k1 a^2 + k2 a^4 + k3 a^6 + k4 a^8), with
    a the angle from the axis; solved by Newton's method.
    """
    y = (pixels[:, 1] - camera.matrix[1, 2]) / camera.matrix[1, 1]
    x = (pixels[:, 0] - camera.matrix[0, 2] - camera.matrix[0, 1] * y) / camera.matrix[0, 0]
    radius = np.hypot(x, y)
    powers = np.array([3.0, 5.0, 7.0, 9.0])
    angle = np.clip(radius, 0.0, np.pi / 2.0)
    for _ in range(_FISHEYE_STEPS):
        error = angle + (camera.distortion * angle[:, None] ** powers).sum(axis=1) - radius
        slope = 1.0 + (camera.distortion * powers * angle[:, None] ** (powers - 1.0)).sum(axis=1)
        angle = np.clip(angle - error / np.where(np.abs(slope) > 1e-6, slope, 1e-6), 0.0, np.pi)
    outward = np.column_stack([x, y]) / np.maximum(radius, 1e-12)[:, None]
    return np.column_stack([outward * np.sin(angle)[:, None], np.cos(angle)])


def azimuth_elevation(directions: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(...,) azimuth (positive left) and elevation (positive up) of directions (..., 3) in the optical frame [rad]."""
    azimuth = np.arctan2(-directions[..., 0], directions[..., 2])
    elevation = np.arctan2(-directions[..., 1], np.hypot(directions[..., 0], directions[..., 2]))
    return azimuth, elevation


def bearing_boxes(
    boxes: FloatArray, camera: CameraModel, edge_deviation_px: float, edge_deviation_share: float
) -> tuple[FloatArray, FloatArray]:
    """(N, 4) angles left, top, right, bottom of boxes (N, 4) in pixels, and their variances (N, 4) [rad^2].

    The angles are those of the middles of the edges. An edge's deviation is `edge_deviation_px` and a share of the
    box's side together; that of an edge at the border of the picture is the whole side, for the thing goes on.
    """
    side = np.tile(boxes[:, 2:] - boxes[:, :2], 2)  # (N, 4) width, height, width, height
    deviation_px = np.hypot(edge_deviation_px, edge_deviation_share * side)
    limit = np.array([0.0, 0.0, camera.width_px, camera.height_px])
    is_cut = np.abs(boxes - limit) < _BORDER_PX
    deviation_px = np.where(is_cut, np.maximum(side, deviation_px), deviation_px)
    angles = _edge_angles(boxes, camera)
    moved = np.stack([_edge_angles(boxes + step, camera) for step in (-0.5, 0.5)])
    per_pixel = np.abs(moved[1] - moved[0])
    return angles, np.maximum(per_pixel * deviation_px, 1e-6) ** 2


def _edge_angles(boxes: FloatArray, camera: CameraModel) -> FloatArray:
    """(N, 4) azimuth of the left and right, elevation of the top and bottom edges' middles."""
    left, top, right, bottom = boxes.T
    x, y = (left + right) / 2.0, (top + bottom) / 2.0
    middles = np.stack([np.stack(each, axis=-1) for each in ((left, y), (x, top), (right, y), (x, bottom))], axis=1)
    # Pixels are areas: the centre of the first one has the coordinate 0, its edge -0.5.
    azimuth, elevation = azimuth_elevation(rays(middles - 0.5, camera))
    return np.stack([azimuth[:, 0], elevation[:, 1], azimuth[:, 2], elevation[:, 3]], axis=1)


def pixels(directions: FloatArray, camera: CameraModel) -> FloatArray:
    """(..., 2) pixels of directions (..., 3) in the optical frame; NaN behind a pinhole. The inverse of `rays`."""
    flat = np.ascontiguousarray(directions, dtype=np.float64).reshape(-1, 3)
    found = np.full((len(flat), 2), np.nan)
    is_fisheye = camera.distortion_model == "equidistant" and len(camera.distortion) > 0
    ahead = np.ones(len(flat), dtype=bool) if is_fisheye else flat[:, 2] > 1e-6
    if is_fisheye:
        found[:] = _fisheye_pixels(flat, camera)
    elif ahead.any():
        distortion = camera.distortion if len(camera.distortion) else np.zeros(4)
        projected, _ = cv2.projectPoints(flat[ahead], np.zeros(3), np.zeros(3), camera.matrix, distortion)
        found[ahead] = projected.reshape(-1, 2)
    return found.reshape(*directions.shape[:-1], 2)


def _fisheye_pixels(directions: FloatArray, camera: CameraModel) -> FloatArray:
    """(N, 2) of lenses that see sideways, see `_fisheye_rays`."""
    across = np.hypot(directions[:, 0], directions[:, 1])
    angle = np.arctan2(across, directions[:, 2])
    powers = np.array([3.0, 5.0, 7.0, 9.0])
    radius = angle + (camera.distortion * angle[:, None] ** powers).sum(axis=1)
    outward = directions[:, :2] / np.maximum(across, 1e-12)[:, None]
    homogeneous = np.column_stack([outward * radius[:, None], np.ones(len(directions))])
    return (homogeneous @ camera.matrix.T)[:, :2]


def pixel_boxes(angles: FloatArray, camera: CameraModel) -> FloatArray:
    """(N, 4) left, top, right, bottom in pixels of bearing boxes (N, 4) [rad]; the inverse of `bearing_boxes`."""
    left, top, right, bottom = angles.T
    azimuth, elevation = (left + right) / 2.0, (top + bottom) / 2.0
    edges = np.stack(
        [np.stack(each) for each in ((left, elevation), (azimuth, top), (right, elevation), (azimuth, bottom))]
    )
    ahead = np.cos(edges[:, 1])  # (4, 2, N): edge, azimuth or elevation, box
    directions = np.stack([-ahead * np.sin(edges[:, 0]), -np.sin(edges[:, 1]), ahead * np.cos(edges[:, 0])], axis=-1)
    middles = pixels(directions, camera) + 0.5
    return np.stack([middles[0, :, 0], middles[1, :, 1], middles[2, :, 0], middles[3, :, 1]], axis=1)
