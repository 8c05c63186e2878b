"""What the sensors saw, what was made of it, and what was true, side by side: detections, tracks, pictures."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.image.bearings import pixel_boxes, pixels
from zoox_prediction.detections import Detections, Modality, PlacedDetections
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.tracked_log import true_ids
from zoox_prediction.geometry import rotation_matrix
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.frames import Pose, TransformHistory, read_transforms
from zoox_prediction.recording.log import BASE_FRAME, MAP_FRAME, RecordedLog
from zoox_prediction.recording.messages import camera_model_from_message, image_from_message
from zoox_prediction.recording.recorded_sensors import SensorTopics, find_sensors
from zoox_prediction.recording.tracks import Future
from zoox_prediction.scene import AgentClass, PredictedTrajectories, Scene, TrackedAgents
from zoox_prediction.sensor_data import CameraModel
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.birds_eye import Layer, ViewConfig, draw_scene
from zoox_prediction.visualization.canvas import Canvas
from zoox_prediction.visualization.detection_layer import COLORS, detection_layer, truth_layer
from zoox_prediction.visualization.sensor_picture import false_colors, newest_messages, points_in_map

_WIDTH_M, _VIEW_PX = 80.0, 960  # of the square view from above
_TILE_PX, _LABEL_PX, _GAP_PX = 560, 22, 6  # width of the tiles, height of their labels
_MAX_AGE_NS = 260_000_000  # of detections that are drawn
_SAME_NS = 60_000_000  # of a frame of the truth
_GROUND_M = 0.3  # above base_link's plane; lower points are not drawn
_MAX_TILES = 3
_MAX_PICTURE_PX = _VIEW_PX // _MAX_TILES - _LABEL_PX - _GAP_PX  # height of a tile's picture
_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_NEAREST_M = 1.0  # of a track that is drawn into a picture


class SensingView:
    """Draws the moments of one recording; its ego is in the middle, north is up."""

    def __init__(self, bag: Path, log: RecordedLog, detections: Iterable[Detections]) -> None:
        """`detections` that were made of the recording `bag`, whose log with the truth, if any, is `log`."""
        self._log, self._reader = log, BagReader(bag)
        self._frames = read_transforms(self._reader)
        self._detections: dict[str, list[Detections]] = {}
        for each in sorted(detections, key=lambda each: each.stamp_ns):
            self._detections.setdefault(each.sensor_name, []).append(each)
        sensors = find_sensors(self._reader)
        self._pictures = _facing_ahead(sensors, self._frames)
        self._cameras = {sensor.topic: _camera(self._reader, sensor) for sensor in self._pictures}
        self._clouds = {sensor.topic for sensor in sensors if sensor.modality == Modality.LIDAR}

    def draw(self, scene: Scene, predictions: PredictedTrajectories | None) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB: from above the tracks of the scene, and beside it pictures with boxes."""
        newest = newest_messages(self._reader, scene.stamp_ns, {*self._clouds, *self._cameras})
        placed = self._placed(scene.stamp_ns)
        under: list[Layer] = [self._point_layer(newest, scene)]
        truth = self._truth(scene.stamp_ns)
        if truth is not None:
            under.append(truth_layer(truth))
        seconds = (scene.stamp_ns - self._start_ns) * 1e-9
        velocity = np.zeros(2) if scene.ego is None else scene.ego.velocity
        view = draw_scene(
            scene, predictions, self._future(scene, predictions),
            config=ViewConfig(_WIDTH_M, _VIEW_PX, _VIEW_PX), under=under,
            over=[detection_layer(list(placed.values()), velocity)], title=f"{self._log.name}, {seconds:.1f} s",
        )  # fmt: skip
        tiles = [self._tile(sensor, newest, placed, scene) for sensor in self._pictures]
        return _beside(view, tiles)

    @property
    def _start_ns(self) -> int:
        return int(self._log.stamps_ns[0]) if len(self._log.stamps_ns) else self._reader.start_ns

    def _placed(self, stamp_ns: int) -> dict[str, PlacedDetections]:
        """By sensor, the newest detections of then."""
        found = {}
        for name, every in self._detections.items():
            last = bisect.bisect_right(every, stamp_ns, key=lambda each: each.stamp_ns) - 1
            if last < 0 or stamp_ns - every[last].stamp_ns > _MAX_AGE_NS:
                continue
            pose = self._frames.lookup(MAP_FRAME, every[last].frame_id, every[last].stamp_ns)
            if pose is not None:
                found[name] = PlacedDetections(every[last], pose.matrix)
        return found

    def _truth(self, stamp_ns: int) -> TrackedAgents | None:
        if not self._log.agents:
            return None
        nearest = int(np.abs(self._log.stamps_ns - stamp_ns).argmin())
        return self._log.agents[nearest] if abs(self._log.agents[nearest].stamp_ns - stamp_ns) <= _SAME_NS else None

    def _future(self, scene: Scene, predictions: PredictedTrajectories | None) -> Future | None:
        """What the agents that the tracks are of really did."""
        if predictions is None or not self._log.agents:
            return None
        ids = true_ids(self._log, scene.stamp_ns, scene.agents.position[:, :2], scene.agents.ids)
        return self._log.future(ids, scene.stamp_ns, predictions.time_step_s, predictions.num_steps)

    def _point_layer(self, newest: Mapping[str, Any], scene: Scene) -> Layer:
        clouds = {topic: message for topic, message in newest.items() if topic in self._clouds}
        points, _ = points_in_map(clouds, self._frames, scene.stamp_ns)
        ground_m = scene.ego.z if scene.ego is not None else 0.0
        points = points[points[:, 2] > ground_m + _GROUND_M]

        def draw(canvas: Canvas) -> list[tuple[str, palette.Color]]:
            place = np.round(canvas.to_pixels(points[:, :2])).astype(np.int64)
            inside = ((place >= 0) & (place < [canvas.width_px - 1, canvas.height_px - 1])).all(axis=1)
            for shift in ((0, 0), (0, 1), (1, 0), (1, 1)):  # two pixels wide
                rows, columns = (place[inside] + shift).T[::-1]
                canvas.image[rows, columns] = palette.LIDAR_GROUND
            return [("lidar points above the ground", palette.LIDAR_GROUND)] if self._clouds else []

        return draw

    def _tile(
        self, sensor: SensorTopics, newest: Mapping[str, Any], placed: Mapping[str, PlacedDetections], scene: Scene
    ) -> NDArray[np.uint8]:
        """The newest picture of a camera with the boxes found in it, and the tracks' boxes, each at its own time."""
        camera, message = self._cameras[sensor.topic], newest.get(sensor.topic)
        image = None if message is None else _readable(message)
        if image is None:
            return _labelled(
                np.full((camera.height_px, camera.width_px, 3), 60, np.uint8), f"{sensor.name}: no picture"
            )
        image, scale = _enlarged(image)
        pose = self._frames.lookup(MAP_FRAME, sensor.frame_id, scene.stamp_ns)
        if pose is not None:
            _draw_tracks(image, scene.agents, pose, camera, scale)
        if sensor.name in placed:
            found = placed[sensor.name].detections
            assert found.bearing_box is not None
            _draw_boxes(image, scale * pixel_boxes(found.bearing_box, camera), COLORS[found.modality], 2)
        return _labelled(image, f"{sensor.name}: thick what it saw, thin the tracks")


def _facing_ahead(sensors: Iterable[SensorTopics], frames: TransformHistory) -> list[SensorTopics]:
    """The image sensors that look ahead most, of each kind at least one where there are some."""
    ranked: list[tuple[float, SensorTopics]] = []
    for sensor in sensors:
        mount = frames.lookup(BASE_FRAME, sensor.frame_id, 0) if sensor.modality.is_image else None
        if mount is not None:
            ranked.append((float(mount.rotation.apply([0.0, 0.0, 1.0])[0]), sensor))
    ranked.sort(key=lambda each: (-each[0], each[1].name))
    chosen: list[SensorTopics] = []
    for kind in (Modality.CAMERA, Modality.THERMAL):
        of_kind = [sensor for _, sensor in ranked if sensor.modality == kind]
        chosen += of_kind[: 2 if kind == Modality.CAMERA else _MAX_TILES - len(chosen)]
    return chosen[:_MAX_TILES]


def _camera(reader: BagReader, sensor: SensorTopics) -> CameraModel:
    return camera_model_from_message(next(iter(reader.messages([sensor.info_topic]))).message)


def _readable(message: Any) -> NDArray[np.uint8] | None:
    """(H, W, 3) uint8 RGB; None for a picture that broke off."""
    try:
        image = image_from_message(message)
    except InputError:
        return None
    if image.dtype == np.uint16:
        return false_colors(image)[0]
    return np.ascontiguousarray(np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image[..., ::-1])


def _enlarged(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """As large as it fits on a tile, and by how much."""
    scale = min(_TILE_PX / image.shape[1], _MAX_PICTURE_PX / image.shape[0])
    size = round(scale * image.shape[1]), round(scale * image.shape[0])
    return np.asarray(cv2.resize(image, size), dtype=np.uint8), scale


def _draw_tracks(
    image: NDArray[np.uint8], agents: TrackedAgents, pose: Pose, camera: CameraModel, scale: float
) -> None:
    """The rectangle around each track's box."""
    local = _CORNERS[None] * agents.size[:, None]
    local[:, :, :2] = np.einsum("nij,nkj->nki", rotation_matrix(agents.yaw), local[:, :, :2])
    corners = pose.rotation.inv().apply((local + agents.position[:, None] - pose.translation).reshape(-1, 3))
    corners = corners.reshape(len(agents), 8, 3)
    ahead = (corners[..., 2] > _NEAREST_M).all(axis=1)
    place = scale * pixels(corners[ahead], camera)
    boxes = np.concatenate([place.min(axis=1), place.max(axis=1)], axis=1)
    for box, kind in zip(boxes, agents.agent_class[ahead].tolist(), strict=True):
        _draw_boxes(image, box[None], palette.AGENT[AgentClass(kind)], 1)


def _draw_boxes(image: NDArray[np.uint8], boxes: NDArray[np.float64], color: palette.Color, thickness_px: int) -> None:
    height, width = image.shape[:2]
    seen = (boxes[:, 2] > 0.0) & (boxes[:, 0] < width) & (boxes[:, 3] > 0.0) & (boxes[:, 1] < height)
    for left, top, right, bottom in np.clip(boxes[seen], -1e4, 1e4).round().astype(int).tolist():
        cv2.rectangle(image, (left, top), (right, bottom), color, thickness_px, cv2.LINE_AA)


def _labelled(image: NDArray[np.uint8], label: str) -> NDArray[np.uint8]:
    image, _ = _enlarged(image)
    tile = Canvas((0.0, 0.0), 1.0, (_TILE_PX, image.shape[0] + _LABEL_PX))
    tile.image[_LABEL_PX:, : image.shape[1]] = image
    tile.text_px(label, (2, 16), scale=0.45)
    return tile.image


def _beside(view: NDArray[np.uint8], tiles: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The view, and to its right the tiles one below the other, as many as there is room for."""
    if not tiles:
        return view
    page = np.full((_VIEW_PX, _VIEW_PX + _GAP_PX + _TILE_PX, 3), palette.BACKGROUND, dtype=np.uint8)
    page[:, :_VIEW_PX] = view
    top = 0
    for tile in tiles:
        rows = min(len(tile), _VIEW_PX - top)
        page[top : top + rows, -_TILE_PX:] = tile[:rows]
        top += rows + _GAP_PX
        if top >= _VIEW_PX:
            break
    return page
