"""`zoox-prediction evaluate-images`: precision and recall of the image detectors on labelled pictures."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from rich.table import Table

from zoox_prediction.detection.image import ImageDetector, ImageDetectorConfig
from zoox_prediction.detection.image.bearings import bearing_boxes
from zoox_prediction.detection.image.config import CameraNetworkConfig, ThermalConfig
from zoox_prediction.detections import Detections
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation import tables
from zoox_prediction.evaluation.image_scores import FloatArray, LabelledDetections, score_images
from zoox_prediction.evaluation.labelled_images import LabelledImage, hit_uav_images, kitti_object_images
from zoox_prediction.evaluation.nuscenes_images import nuscenes_images
from zoox_prediction.recording.datasets.hit_uav import PARTS
from zoox_prediction.sensor_data import Measurement

_EPILOG = """\
A label counts as found when a box of its class overlaps it by half (intersection over union; --min-overlap). Precision
and recall are those of all that the detectors give with an existence probability of --min-existence or more; AP is the
average precision over all probabilities. KITTI is judged at its level "hard", nuScenes by the outlines of its boxes in
space that are 25 pixels high and have 5 points of the lidar; of HIT-UAV the pictures are judged that the shipped
network was not trained on (config/splits/hit_uav.yaml).

example: zoox-prediction evaluate-images --hit-uav hit_uav/ --kitti-object kitti/training/
"""

_COLUMNS = ("dataset", "pictures", "class", "labels", "existence", "precision", "recall", "AP")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("--hit-uav", type=Path, metavar="FOLDER", help="thermal pictures with annotations.json")
    parser.add_argument(
        "--part", choices=(*PARTS, "all"), default="test", help="of HIT-UAV's split, default %(default)s"
    )
    parser.add_argument(
        "--kitti-object", type=Path, nargs="+", metavar="FOLDER", help="with image_2/, label_2/ and calib/"
    )
    parser.add_argument(
        "--nuscenes", type=Path, nargs="+", metavar="FOLDER", help="with info files of mmdet3d (.pkl) and the pictures"
    )
    parser.add_argument(
        "--camera-model", default="", metavar="FILE", help="ONNX network of the YOLO family for cameras"
    )
    parser.add_argument(
        "--camera-width", type=int, default=CameraNetworkConfig().input_width_px, metavar="PX",
        help="of what the camera network gets, default %(default)s",
    )  # fmt: skip
    parser.add_argument("--thermal-model", default="", metavar="FILE", help="network that 'train-thermal' wrote")
    parser.add_argument("--min-overlap", type=float, default=0.5, metavar="IOU", help="default %(default)s")
    parser.add_argument(
        "--min-existence", type=float, nargs="+", default=[0.3], metavar="P", help="a row for each, default 0.3"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")


def run(arguments: argparse.Namespace) -> int:
    """Prints the table and writes the JSON; raises InputError for what the user can mend."""
    if arguments.json is not None:
        tables.check_writable(arguments.json)
    for name, values in (("overlap", [arguments.min_overlap]), ("existence", arguments.min_existence)):
        for value in values:
            if not 0.0 < value <= 1.0:
                raise InputError(f"--min-{name} {value:g}: must be above 0, at most 1")
    if not 32 <= arguments.camera_width <= 4096:
        raise InputError(f"--camera-width {arguments.camera_width}: must be 32 to 4096")
    if not arguments.hit_uav and not arguments.kitti_object and not arguments.nuscenes:
        raise InputError("nothing to evaluate; give --hit-uav, --kitti-object or --nuscenes")
    rows: list[dict[str, object]] = []
    config = ImageDetectorConfig(
        camera=CameraNetworkConfig(model_file=arguments.camera_model, input_width_px=arguments.camera_width),
        thermal=ThermalConfig(model_file=arguments.thermal_model),
    )
    judge = partial(score_rows, config=config, min_overlap=arguments.min_overlap, min_existence=arguments.min_existence)
    if arguments.hit_uav:
        rows += judge(f"HIT-UAV {arguments.part}", hit_uav_images(arguments.hit_uav, arguments.part))
    if arguments.kitti_object:
        rows += judge("KITTI object", chain.from_iterable(map(kitti_object_images, arguments.kitti_object)))
    if arguments.nuscenes:
        rows += judge("nuScenes", chain.from_iterable(map(nuscenes_images, arguments.nuscenes)))
    table = Table(*_COLUMNS)
    for row in rows:
        table.add_row(*(_text(row[name]) for name in _COLUMNS))
    tables.console().print(table)
    if arguments.json is not None:
        tables.write_json(arguments.json, rows)
    return 0


def _text(value: object) -> str:
    if isinstance(value, float):
        return "-" if np.isnan(value) else f"{value:.2f}"
    return str(value)


def score_rows(
    dataset: str,
    images: Iterable[LabelledImage],
    config: ImageDetectorConfig,
    min_overlap: float,
    min_existence: Sequence[float],
) -> list[dict[str, object]]:
    """A row for each class and least existence of what the detector of the pictures' kind finds in them."""
    detect = _detector(config)
    by_class: dict[str, list[LabelledDetections]] = {}
    for image in images:
        found = detect(image)
        for name, pair in _judged(image, found):
            by_class.setdefault(name, []).append(pair)
    rows: list[dict[str, object]] = []
    for name, pictures in by_class.items():
        for least in min_existence:
            scores = score_images(pictures, min_overlap, least)
            rows.append(
                {
                    "dataset": dataset,
                    "pictures": len(pictures),
                    "class": name,
                    "labels": scores.num_labels,
                    "existence": least,
                    "precision": scores.precision,
                    "recall": scores.recall,
                    "AP": scores.average_precision,
                }
            )
    return rows


def _detector(config: ImageDetectorConfig) -> Callable[[LabelledImage], Detections]:
    """Detects in pictures of any kind; the detector of a kind is made when it is needed."""
    made: dict[int, ImageDetector] = {}

    def detect(image: LabelledImage) -> Detections:
        if image.modality not in made:
            made[image.modality] = ImageDetector(config, image.modality)
        return made[image.modality].detect(Measurement(0, "camera", "camera"), image.read(), image.camera)

    return detect


def _judged(image: LabelledImage, found: Detections) -> Iterator[tuple[str, LabelledDetections]]:
    """Boxes are compared as viewing angles, which is what the detectors give."""
    most_probable = found.class_probabilities.argmax(axis=1)
    for name, judged in image.classes.items():
        rows = np.isin(most_probable, judged.agents)
        boxes = np.zeros((0, 4)) if found.bearing_box is None else found.bearing_box
        labels, ignored = (_angles(image, each) for each in (judged.labels, judged.ignored))
        yield name, LabelledDetections(-boxes[rows], found.existence_probability[rows], labels, ignored)


def _angles(image: LabelledImage, boxes: FloatArray) -> FloatArray:
    """(N, 4) with rising coordinates: angles to the left and up are positive, pixels run right and down."""
    return -bearing_boxes(boxes, image.camera, 1.0, 0.0)[0]
