"""The detector of one camera or thermal camera: a picture in, boxes of viewing angles out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.image.bearings import bearing_boxes
from zoox_prediction.detection.image.boxes import overlap, share_of_smaller, without_duplicates
from zoox_prediction.detection.image.coco import COCO_NAMES, AgentMapping, Found
from zoox_prediction.detection.image.config import ImageDetectorConfig
from zoox_prediction.detection.image.heat_map import CLASS_PROBABILITIES, SHIPPED, HeatMapDetector
from zoox_prediction.detection.image.networks import open_coco_darknet, open_onnx
from zoox_prediction.detection.image.radiometry import apparent_temperatures, temperatures
from zoox_prediction.detection.image.warm_bodies import warm_bodies
from zoox_prediction.detection.image.yolo import Yolo
from zoox_prediction.detections import Detections, Modality
from zoox_prediction.errors import InputError
from zoox_prediction.scene import AgentClass
from zoox_prediction.sensor_data import CameraModel, Measurement

# Of what the network and the temperature see of one body: intersection over union, and share of the smaller box.
_MIN_OVERLAP, _MIN_SHARE = 0.15, 0.6
_UNSUPPORTED = 0.5


class ImageDetector:
    """Finds agents in the pictures of one camera; the networks are loaded when it is made."""

    def __init__(self, config: ImageDetectorConfig, modality: Modality) -> None:
        """Raises InputError when a network's file or what runs it is missing, or it is of another kind."""
        if not modality.is_image:
            raise ValueError(f"{modality.name} gives no pictures")
        self._config, self._modality = config, modality
        if modality == Modality.CAMERA:
            self._yolo, self._mapping = _camera_network(config)
        elif config.thermal.use_network:
            path = Path(config.thermal.model_file) if config.thermal.model_file else SHIPPED
            network = open_onnx(path, config.runtime, config.num_threads)
            self._heat_map = HeatMapDetector(network, str(path), config.thermal.zoom)

    def detect(self, measurement: Measurement, image: NDArray, camera: CameraModel) -> Detections:
        """What is in a picture (H, W, 3) uint8 blue, green, red or (H, W) uint8 or uint16.

        Thermal pictures of 16 bits are temperatures by `thermal.radiometry`; warm bodies are looked for in these alone.
        Raises InputError when a network's output is not what it should be, or temperatures make no sense.
        """
        if image.ndim not in (2, 3) or image.dtype not in (np.uint8, np.uint16) or not image.size:
            raise InputError(f"an image {image.shape} of {image.dtype} is none that cameras send; use uint8 or uint16")
        kelvin = None
        if self._modality == Modality.CAMERA:
            boxes, scores = self._yolo.detect(_as_colors(image), self._mapping.min_score)
            found = self._mapping.agents(boxes, scores, self._config.max_overlap)
        else:
            grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
            kelvin = temperatures(grey, self._config.thermal.radiometry)
            found = self._thermal(measurement, grey, kelvin, camera)
        return self._detections(measurement, _most_probable(found, self._config.max_detections), camera, kelvin)

    def _thermal(
        self, measurement: Measurement, grey: NDArray, kelvin: NDArray[np.float32] | None, camera: CameraModel
    ) -> Found:
        config = self._config.thermal
        found = Found.of(np.zeros((0, 4)), CLASS_PROBABILITIES[:0], np.zeros(0))
        if config.use_network:
            boxes, scores, channels = self._heat_map.detect(grey, config.min_score)
            kept = without_duplicates(boxes, scores, channels, self._config.max_overlap)
            found = Found.of(boxes[kept], CLASS_PROBABILITIES[channels[kept]], scores[kept])
        if kelvin is None or not config.warm_bodies.enabled:
            return found
        return merged(found, warm_bodies(kelvin, camera, measurement.base_from_sensor, config.warm_bodies))

    def _detections(
        self, measurement: Measurement, found: Found, camera: CameraModel, kelvin: NDArray[np.float32] | None
    ) -> Detections:
        config = self._config
        angles, variances = bearing_boxes(found.boxes, camera, config.edge_deviation_px, config.edge_deviation_share)
        is_thermal = self._modality == Modality.THERMAL
        return Detections(
            stamp_ns=measurement.stamp_ns,
            frame_id=measurement.frame_id,
            sensor_name=measurement.sensor_name,
            modality=self._modality,
            class_probabilities=found.class_probabilities,
            existence_probability=found.existence,
            attributes=found.attributes,
            attributes_valid=found.attributes_valid,
            attribute_confidence=found.attribute_confidence,
            bearing_box=angles,
            bearing_covariance=variances,
            apparent_temperature=apparent_temperatures(kelvin, found.boxes) if is_thermal else None,
        )


def _camera_network(config: ImageDetectorConfig) -> tuple[Yolo, AgentMapping]:
    camera = config.camera
    if camera.model_file:
        network = open_onnx(Path(camera.model_file), config.runtime, config.num_threads)
        names = camera.class_names or network.class_names or COCO_NAMES
    else:
        network = open_coco_darknet(config.num_threads)
        names = network.class_names
    source = camera.model_file or "the default network of cameras"
    layout = camera.layout if camera.model_file else "darknet"
    mapping = AgentMapping(names, camera)
    if not mapping.knows_agents:
        raise InputError(
            f"{source}: none of its classes ({', '.join(names[:5])}, ...) is one of agents; mend class_names"
        )
    size = camera.input_width_px, camera.input_height_px
    return Yolo(network, layout, names, *size, source, camera.max_enlargement), mapping


def _as_colors(image: NDArray) -> NDArray[np.uint8]:
    narrow = (image >> 8).astype(np.uint8) if image.dtype == np.uint16 else image
    return np.asarray(cv2.cvtColor(narrow, cv2.COLOR_GRAY2BGR) if narrow.ndim == 2 else narrow, dtype=np.uint8)


def merged(found: Found, bodies: Found) -> Found:
    """What the network found and warm bodies, each once.

    A person of the network on a warm body supports it: the body's outline and size were measured, while the network
    knows people from above. A person that no warm body supports is half as probable.
    """
    is_person = found.class_probabilities.argmax(axis=1) == AgentClass.PEDESTRIAN
    pairs = (overlap(found.boxes, bodies.boxes) >= _MIN_OVERLAP) & is_person[:, None]
    pairs &= share_of_smaller(found.boxes, bodies.boxes) >= _MIN_SHARE
    support = np.where(pairs, found.existence[:, None], 0.0).max(axis=0, initial=0.0)
    alone = ~pairs.any(axis=1)
    existence = np.where(is_person, _UNSUPPORTED * found.existence, found.existence)
    return Found.of(
        np.concatenate([bodies.boxes, found.boxes[alone]]),
        np.concatenate([bodies.class_probabilities, found.class_probabilities[alone]]),
        np.concatenate([1.0 - (1.0 - bodies.existence) * (1.0 - support), existence[alone]]),
    )


def _most_probable(found: Found, number: int) -> Found:
    rows = np.argsort(-found.existence, kind="stable")[:number]
    return Found(
        found.boxes[rows],
        found.class_probabilities[rows],
        found.existence[rows],
        found.attributes[rows],
        found.attributes_valid[rows],
        found.attribute_confidence[rows],
    )
