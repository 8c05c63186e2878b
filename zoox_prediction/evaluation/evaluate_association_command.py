"""`zoox-prediction evaluate-association`: which lidar box is taken for which camera box, with pictures."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from zoox_prediction.config import load_yaml
from zoox_prediction.detection.image import ImageDetector, ImageDetectorConfig
from zoox_prediction.detection.image.config import CameraNetworkConfig
from zoox_prediction.detection.lidar import LidarDetector
from zoox_prediction.detections import Detections, Modality
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation import tables
from zoox_prediction.evaluation.association_picture import association_picture
from zoox_prediction.evaluation.detection_scores import MatchingRule
from zoox_prediction.evaluation.labelled_frames import LabelledFrame, View, labelled_frames
from zoox_prediction.evaluation.lidar_camera import (
    Association,
    associate,
    label_outlines,
    labels_of_boxes,
    labels_of_lidar,
)
from zoox_prediction.resources import resource_path
from zoox_prediction.sensor_data import Measurement
from zoox_prediction.tracking.config import TrackingConfig
from zoox_prediction.tracking.pipeline import TrackingNodeConfig

_EPILOG = """\
The boxes of one sweep are projected into the pictures and associated with the boxes of the camera's detector by the
tracker's own code, as tracks that begin with this sweep. By the labels a pair is right when both boxes are of one label
(the lidar's as in evaluate-detections, the camera's by an overlap of 0.3 with the label's outline), unjudged when both
are of none, and else wrong. "possible" are labels that both sensors have found.

example: zoox-prediction evaluate-association --frames kitti/training nuscenes/ --draw pairs/
"""
_COLUMNS = ("frame", "picture", "lidar", "camera", "pairs", "right", "wrong", "unjudged", "possible")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "--frames", required=True, type=Path, nargs="+", metavar="FOLDER",
        help="KITTI's object benchmark with velodyne/, or info files of mmdet3d of KITTI or nuScenes",
    )  # fmt: skip
    parser.add_argument("--draw", type=Path, metavar="FOLDER", help="write a picture of the pairs for each picture")
    parser.add_argument("--camera-model", default="", metavar="FILE", help="ONNX network of the YOLO family")
    parser.add_argument("--min-existence", type=float, default=0.3, metavar="P", help="of boxes, default %(default)s")
    parser.add_argument("--tracking-config", type=Path, metavar="FILE", help="instead of config/tracking_node.yaml")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")


def run(arguments: argparse.Namespace) -> int:
    """Prints the table, writes pictures and JSON; raises InputError for what the user can mend."""
    if arguments.json is not None:
        tables.check_writable(arguments.json)
    if not 0.0 <= arguments.min_existence <= 1.0:
        raise InputError(f"--min-existence {arguments.min_existence:g}: must be 0 to 1")
    if arguments.draw is not None:
        arguments.draw.mkdir(parents=True, exist_ok=True)
    path = arguments.tracking_config or resource_path("config/tracking_node.yaml")
    tracking = load_yaml(TrackingNodeConfig, path, "tracking_node").tracker
    config = ImageDetectorConfig(camera=CameraNetworkConfig(model_file=arguments.camera_model))
    lidar_detector, image_detector = LidarDetector(), ImageDetector(config, Modality.CAMERA)
    rows: list[dict[str, object]] = []
    for folder in arguments.frames:
        for frame in labelled_frames(folder):
            swept = lidar_detector.detect(Measurement(0, "lidar", "lidar", frame.base_from_lidar), frame.cloud)
            swept = swept.select(swept.existence_probability >= arguments.min_existence)
            for view in frame.views:
                image = view.read()
                seen = image_detector.detect(
                    Measurement(0, view.name, view.name, view.base_from_camera), image, view.camera
                )
                seen = seen.select(seen.existence_probability >= arguments.min_existence)
                row, association, verdicts = _judged(frame, view, swept, seen, tracking)
                rows.append(row)
                if arguments.draw is not None:
                    picture = association_picture(image, association, verdicts)
                    _write(arguments.draw / f"{_file_name(frame.name)}_{view.name}.png", picture)
    total: dict[str, object] = {name: sum(int(str(row[name])) for row in rows) for name in _COLUMNS[2:]}
    table = Table(*_COLUMNS)
    for row in (*rows, {"frame": "together", "picture": "", **total}):
        table.add_row(*(str(row[name]) for name in _COLUMNS))
    tables.console().print(table)
    if arguments.json is not None:
        tables.write_json(arguments.json, rows)
    return 0


def _judged(
    frame: LabelledFrame, view: View, swept: Detections, seen: Detections, config: TrackingConfig
) -> tuple[dict[str, object], Association, NDArray[np.int64]]:
    """A row of the table, and of the pairs (P,) 1 right, 0 wrong, -1 unjudged."""
    found = associate(swept, frame.base_from_lidar, seen, view, config)
    outlines, inside = label_outlines(frame.labels, view)
    of_camera = labels_of_boxes(outlines, inside, found.camera_px)
    of_lidar = labels_of_lidar(swept, frame.base_from_lidar, frame.labels, MatchingRule())[found.lidar_rows]
    left, right = of_lidar[found.pairs[:, 0]], of_camera[found.pairs[:, 1]]
    verdicts = np.where((left < 0) & (right < 0), -1, (left == right).astype(np.int64))
    row: dict[str, object] = {
        "frame": frame.name,
        "picture": view.name,
        "lidar": len(found.lidar_rows),
        "camera": len(found.camera_px),
        "pairs": len(found.pairs),
        "right": int((verdicts == 1).sum()),
        "wrong": int((verdicts == 0).sum()),
        "unjudged": int((verdicts < 0).sum()),
        "possible": len((set(of_lidar.tolist()) & set(of_camera.tolist())) - {-1}),
    }
    return row, found, verdicts


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def _write(path: Path, picture: NDArray[np.uint8]) -> None:
    if not cv2.imwrite(str(path), picture):
        raise InputError(f"--draw {path}: cannot be written")
