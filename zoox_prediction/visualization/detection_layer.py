"""Detections and true boxes as layers of a picture from above."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detections import Detections, Modality, PlacedDetections
from zoox_prediction.geometry import box_corners
from zoox_prediction.scene import TrackedAgents
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.birds_eye import Entry, Layer
from zoox_prediction.visualization.canvas import Canvas

FloatArray = NDArray[np.float64]

COLORS: dict[Modality, palette.Color] = {
    Modality.LIDAR: palette.LIDAR,
    Modality.RADAR: palette.RADAR,
    Modality.CAMERA: palette.CAMERA,
    Modality.THERMAL: palette.THERMAL,
}
_LABELS = {
    Modality.LIDAR: "lidar detections",
    Modality.RADAR: "radar detections, radial speed",
    Modality.CAMERA: "directions of camera boxes",
    Modality.THERMAL: "directions of thermal boxes",
}
_MIN_EXISTENCE = 0.3  # less probable ones are drawn paler
_BEARING_M = (3.0, 30.0)  # where the lines of a direction begin and end
_SPEED_S = 1.0  # a radial speed is drawn as the way in this time


def detection_layer(placed: Sequence[PlacedDetections], velocity: FloatArray) -> Layer:
    """Boxes of lidars, places and radial speeds over ground of radars, directions of image boxes; each in its colour.

    `velocity` (2,) is that of the vehicle in the map [m/s]; where it turns, that of its sensors is a little different.
    """

    def draw(canvas: Canvas) -> list[Entry]:
        for each in placed:
            _draw(canvas, each, velocity)
        kinds = sorted({each.detections.modality for each in placed if len(each.detections)})
        return [(_LABELS[kind], COLORS[kind]) for kind in kinds]

    return draw


def truth_layer(agents: TrackedAgents) -> Layer:
    """Outlines of the true agents of now."""

    def draw(canvas: Canvas) -> list[Entry]:
        boxes = box_corners(agents.position[:, :2], agents.yaw, agents.size[:, :2])
        canvas.polylines(list(boxes), palette.TRUTH, thickness_px=3, closed=True)
        return [("true box now", palette.TRUTH)]

    return draw


def _draw(canvas: Canvas, placed: PlacedDetections, velocity: FloatArray) -> None:
    found = placed.detections
    likely = found.existence_probability >= _MIN_EXISTENCE
    for rows, alpha in ((~likely, 0.35), (likely, 1.0)):
        if rows.any():
            some = found.select(rows)
            if some.bearing_box is not None:
                _draw_bearings(canvas, some, placed.map_from_sensor, alpha * 0.6)
            elif some.modality == Modality.RADAR:
                _draw_radar(canvas, some, placed.map_from_sensor, velocity, alpha)
            else:
                _draw_boxes(canvas, some, placed.map_from_sensor, alpha)


def _draw_boxes(canvas: Canvas, found: Detections, map_from_sensor: FloatArray, alpha: float) -> None:
    assert found.center is not None and found.yaw is not None and found.size is not None
    rotation = map_from_sensor[:3, :3]
    center = found.center @ rotation.T + map_from_sensor[:3, 3]
    heading = np.column_stack([np.cos(found.yaw), np.sin(found.yaw), np.zeros(len(found))]) @ rotation.T
    corners = box_corners(center[:, :2], np.arctan2(heading[:, 1], heading[:, 0]), found.size[:, :2])
    canvas.polylines(list(corners), COLORS[found.modality], thickness_px=2, alpha=alpha, closed=True)


def _draw_radar(
    canvas: Canvas, found: Detections, map_from_sensor: FloatArray, velocity: FloatArray, alpha: float
) -> None:
    """A disc, and a line of the way that it comes or goes in a second."""
    assert found.center is not None and found.radial_speed is not None
    place = (found.center @ map_from_sensor[:3, :3].T + map_from_sensor[:3, 3])[:, :2]
    sight = place - map_from_sensor[:2, 3]
    sight /= np.maximum(np.linalg.norm(sight, axis=1, keepdims=True), 1e-6)
    speed = np.nan_to_num(found.radial_speed + sight @ velocity)
    ends = place + _SPEED_S * speed[:, None] * sight
    canvas.discs(place, 3.0, COLORS[found.modality], alpha=alpha)
    canvas.polylines(list(np.stack([place, ends], axis=1)), COLORS[found.modality], alpha=alpha)


def _draw_bearings(canvas: Canvas, found: Detections, map_from_sensor: FloatArray, alpha: float) -> None:
    """The left and the right edge of each box, as lines over the ground."""
    assert found.bearing_box is not None
    azimuth = found.bearing_box[:, [0, 2]].reshape(-1)
    ahead = np.column_stack([-np.sin(azimuth), np.zeros(len(azimuth)), np.cos(azimuth)]) @ map_from_sensor[:3, :3].T
    lines = map_from_sensor[:2, 3] + np.multiply.outer(np.array(_BEARING_M), ahead[:, :2]).swapaxes(0, 1)
    canvas.polylines(list(lines), COLORS[found.modality], alpha=alpha)
