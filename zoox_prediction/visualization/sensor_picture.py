"""What the sensors saw at one moment: lidar and radar points from above, images and thermal images beside them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.geometry import box_corners
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.frames import Pose, TransformHistory, read_transforms
from zoox_prediction.recording.messages import image_from_message, point_cloud_from_message
from zoox_prediction.recording.recorded_sensors import IMAGE_TYPES, sensor_name
from zoox_prediction.scene import AgentClass, Scene
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.canvas import Canvas
from zoox_prediction.visualization.map_layer import draw_road_network

_CLOUD = "sensor_msgs/msg/PointCloud2"
_MAX_AGE_S = 0.25  # of a message that is shown

_WIDTH_M = 60.0
_VIEW_PX = 760  # the view from above is square
_COLUMNS, _TILE_WIDTH_PX, _LABEL_PX, _GAP_PX = 2, 480, 24, 8
_GROUND_M = 0.25  # above base_link's plane; what is lower counts as ground
_TEMPERATURE_PERCENTILES = (5.0, 99.9)


def draw_sensors(bag: Path, scene: Scene) -> NDArray[np.uint8] | None:
    """(H, W, 3) uint8 RGB: all clouds over the map and the true boxes, of each kind of camera the two with most to see.

    Of every topic the newest message not later than the scene counts. None where the bag has no points and no images,
    or the scene has no ego. Raises RecordingError when the bag cannot be read.
    """
    with BagReader(bag) as reader:
        newest = newest_messages(reader, scene.stamp_ns)
        if scene.ego is None or not newest:
            return None
        frames = read_transforms(reader, scene.stamp_ns + round(1e9))
    images = _images_by_crowd(scene, newest, frames)
    cameras = [each for each in images if each[1].ndim == 3][:_COLUMNS]
    thermals = [each for each in images if each[1].dtype == np.uint16][:_COLUMNS]
    tiles = [_tile(name, image[..., ::-1]) for name, image in sorted(cameras, key=lambda each: each[0])]
    tiles += [_false_colors_tile(name, image) for name, image in sorted(thermals, key=lambda each: each[0])]
    return _beside(_from_above(scene, newest, frames), tiles)


def newest_messages(reader: BagReader, stamp_ns: int, topics: Collection[str] | None = None) -> dict[str, Any]:
    """By topic the newest message at the stamp; of `topics`, or of all with clouds and images."""
    if topics is None:
        topics = [name for name, topic in reader.topics.items() if topic.type in (_CLOUD, *IMAGE_TYPES)]
    start_ns = stamp_ns - round(_MAX_AGE_S * 1e9)
    newest = {raw.topic: raw for raw in reader.raw(list(topics), start_ns, stamp_ns + 1)} if topics else {}
    return {topic: reader.decode(newest[topic]) for topic in sorted(newest)}


def _from_above(scene: Scene, newest: Mapping[str, Any], frames: TransformHistory) -> NDArray[np.uint8]:
    """(VIEW, VIEW, 3) map, true boxes as outlines, points of lidars over ground and of radars."""
    assert scene.ego is not None
    canvas = Canvas(scene.ego.position, _WIDTH_M, (_VIEW_PX, _VIEW_PX))
    draw_road_network(canvas, scene.road_network, scene.signals)
    agents = scene.agents
    for agent_class in np.unique(agents.agent_class):
        rows = agents.agent_class == agent_class
        boxes = box_corners(agents.position[rows, :2], agents.yaw[rows], agents.size[rows, :2])
        canvas.polylines(list(boxes), palette.AGENT[AgentClass(int(agent_class))], thickness_px=2, closed=True)
    forward = np.array([np.cos(scene.ego.yaw), np.sin(scene.ego.yaw)])
    center = scene.ego.position + scene.ego_center_offset_m * forward
    canvas.polygons([box_corners(center, np.asarray(scene.ego.yaw), scene.ego_size)], palette.EGO)
    lidar, radar = points_in_map(newest, frames, scene.stamp_ns)
    low = lidar[:, 2] < scene.ego.z + _GROUND_M
    canvas.discs(lidar[low, :2], 0.7, palette.LIDAR_GROUND)
    canvas.discs(lidar[~low, :2], 1.2, palette.LIDAR)
    canvas.discs(radar[:, :2], 2.5, palette.RADAR)
    entries = [("lidar, ground", palette.LIDAR_GROUND), ("lidar, above it", palette.LIDAR), ("radar", palette.RADAR)]
    entries.append(("ego", palette.EGO))
    canvas.legend(entries)
    canvas.scale_bar()
    canvas.text_px("points over the true boxes", (12, 26), scale=0.6)
    return canvas.image


def points_in_map(
    newest: Mapping[str, Any], frames: TransformHistory, stamp_ns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(L, 3) points of lidars and (R, 3) of radars, which measure radial speeds; without those of unknown frames."""
    lidar, radar = [np.empty((0, 3))], [np.empty((0, 3))]
    for message in newest.values():
        if message.__msgtype__ != _CLOUD:
            continue
        pose = frames.lookup("map", message.header.frame_id, stamp_ns)
        if pose is not None:
            cloud = point_cloud_from_message(message)
            points = pose.rotation.apply(cloud.position.astype(np.float64)) + pose.translation
            (lidar if cloud.radial_speed is None else radar).append(points)
    return np.concatenate(lidar), np.concatenate(radar)


def _images_by_crowd(scene: Scene, newest: Mapping[str, Any], frames: TransformHistory) -> list[tuple[str, NDArray]]:
    """Name of the sensor and pixels, (H, W, 3) blue, green, red or (H, W), of what can be read; first where most is."""
    found: list[tuple[float, str, NDArray]] = []
    for topic, message in newest.items():
        if message.__msgtype__ == _CLOUD:
            continue
        try:
            image = image_from_message(message)
        except InputError:  # a picture that broke off is not shown
            continue
        pose = frames.lookup("map", message.header.frame_id, scene.stamp_ns)
        crowd = 0.0 if pose is None else _crowd(scene, pose)
        found.append((-crowd, sensor_name(topic), image))
    return [(name, image) for _, name, image in sorted(found, key=lambda each: each[:2])]


def _crowd(scene: Scene, pose: Pose) -> float:
    """How much a camera has before it: agents within 45 degrees of its axis, by how large they are seen."""
    offset = scene.agents.position[:, :2] - pose.translation[:2]
    distance = np.maximum(np.linalg.norm(offset, axis=1), 1.0)
    axis = pose.rotation.apply([0.0, 0.0, 1.0])[:2]
    before = offset @ axis > np.sqrt(0.5) * distance
    return float((scene.agents.size[:, 2] / distance)[before].sum())


def _false_colors_tile(name: str, image: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """With the range of temperatures in the label."""
    colors, low, high = false_colors(image)
    return _tile(f"{name}, {low / 100.0 - 273.15:.0f} to {high / 100.0 - 273.15:.0f} C", colors)


def false_colors(image: NDArray[np.uint16]) -> tuple[NDArray[np.uint8], float, float]:
    """(H, W, 3) RGB from the coldest to the warmest of a thermal image (H, W) in centikelvin, and these two [cK]."""
    low, high = np.percentile(image, _TEMPERATURE_PERCENTILES)
    share = np.clip((image - low) / max(high - low, 1.0), 0.0, 1.0)
    colors = cv2.applyColorMap(np.round(255.0 * share).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return np.ascontiguousarray(colors[..., ::-1]), float(low), float(high)


def _tile(label: str, image: NDArray) -> NDArray[np.uint8]:
    """An RGB image at the width of a tile, with a label above it."""
    height_px = round(_TILE_WIDTH_PX * image.shape[0] / image.shape[1])
    tile = Canvas((0.0, 0.0), 1.0, (_TILE_WIDTH_PX, height_px + _LABEL_PX))
    size = (_TILE_WIDTH_PX, height_px)
    tile.image[_LABEL_PX:] = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_LINEAR)
    tile.text_px(label, (2, 17), scale=0.5)
    return tile.image


def _beside(view: NDArray[np.uint8], tiles: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The view and to its right the tiles, row by row."""
    rows = [tiles[first : first + _COLUMNS] for first in range(0, len(tiles), _COLUMNS)]
    heights = [max(len(tile) for tile in row) + _GAP_PX for row in rows]
    width = _VIEW_PX + (_COLUMNS * (_TILE_WIDTH_PX + _GAP_PX) if tiles else 0)
    page = np.full((max(_VIEW_PX, sum(heights)), width, 3), palette.BACKGROUND, dtype=np.uint8)
    page[:_VIEW_PX, :_VIEW_PX] = view
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            left = _VIEW_PX + _GAP_PX + column * (_TILE_WIDTH_PX + _GAP_PX)
            page[top : top + len(tile), left : left + _TILE_WIDTH_PX] = tile
        top += height
    return page
