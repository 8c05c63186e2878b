"""The channels of the ego: its box, the way it came, the way it means to go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.raster.agent_boxes import boxes_in_pixels
from zoox_prediction.raster.channels import ChannelTable
from zoox_prediction.raster.drawing import draw_line, fill_convex
from zoox_prediction.raster.frame import RasterFrame
from zoox_prediction.scene import EgoState, Scene

CHANNELS = ("ego", "ego_past", "route")

_NOW = np.zeros(1, dtype=np.int64)


def draw_ego(scene: Scene, frame: RasterFrame, table: ChannelTable, raster: NDArray[np.uint8]) -> None:
    """Writes the ego's channels of a raster (C, H, W) that is zero; without an ego they stay so, its route included.

    Lines are a pixel wide. The way the ego came is that of base_link, over all of the past that is known.
    """
    if scene.ego is None:
        return
    _draw_box(scene, scene.ego, frame, raster[table.index("ego")])
    if scene.ego_past is not None and scene.ego_past_valid is not None:
        _draw_way(scene.ego_past[scene.ego_past_valid, :2], frame, raster[table.index("ego_past")])
    _draw_way(scene.route, frame, raster[table.index("route")])


def _draw_box(scene: Scene, ego: EgoState, frame: RasterFrame, channel: NDArray[np.uint8]) -> None:
    heading = np.array([np.cos(ego.yaw), np.sin(ego.yaw)])
    center = frame.pixels_from_map([ego.position + scene.ego_center_offset_m * heading])
    half = 0.5 * np.array([scene.ego_size]) / frame.resolution_m
    box = boxes_in_pixels(_NOW, _NOW, center, np.array([ego.yaw - frame.yaw]), half)
    fill_convex(channel, box.corners, [255])


def _draw_way(points: NDArray[np.float64], frame: RasterFrame, channel: NDArray[np.uint8]) -> None:
    """A line through map points (n, 2); those that are not finite are left out."""
    draw_line(channel, frame.pixels_from_map(points[np.isfinite(points).all(axis=1)]), 255)
