"""Labelled pictures of public datasets as what image detectors are judged on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detections import Modality
from zoox_prediction.errors import InputError
from zoox_prediction.recording.datasets.hit_uav import PARTS, ThermalClass, ThermalPicture, read_hit_uav, read_split
from zoox_prediction.resources import resource_path
from zoox_prediction.restricted_pickle import load_restricted
from zoox_prediction.scene import AgentClass
from zoox_prediction.sensor_data import CameraModel

FloatArray = NDArray[np.float64]

# Classes that are judged, and what a detector may call them.
_THERMAL = {
    "person": (AgentClass.PEDESTRIAN,),
    "car": (AgentClass.CAR, AgentClass.TRUCK, AgentClass.BUS),
    "bicycle": (AgentClass.CYCLIST, AgentClass.UNKNOWN),
}
_KITTI = {
    "car": ("Car", (AgentClass.CAR,), ("Van", "Truck", "Misc")),
    "pedestrian": ("Pedestrian", (AgentClass.PEDESTRIAN,), ("Person_sitting",)),
    "cyclist": ("Cyclist", (AgentClass.CYCLIST,), ()),
}
_MIN_HEIGHT_PX, _MAX_OCCLUSION, _MAX_TRUNCATION = 25.0, 2.0, 0.5  # KITTI's level "hard"
_HIT_UAV_FOV_RAD = 0.6  # the lens is not stated; a picture's boxes relate to each other in any


@dataclass(frozen=True)
class JudgedClass:
    """A class in one picture: boxes in pixels, left, top, right, bottom."""

    agents: tuple[AgentClass, ...]  # most probable classes of detections that are judged by these labels
    labels: FloatArray  # (M, 4)
    ignored: FloatArray  # (K, 4)


@dataclass(frozen=True)
class LabelledImage:
    """One picture."""

    modality: Modality
    name: str
    read: Callable[[], NDArray]
    camera: CameraModel
    classes: Mapping[str, JudgedClass]


def hit_uav_images(folder: Path, part: str = "test", split: Path | None = None) -> Iterator[LabelledImage]:
    """The pictures of one part of the split (or of all) of a folder of HIT-UAV.

    Raises SourceError for files that are missing or damaged, and InputError when a picture of the split is not there.
    """
    pictures = read_hit_uav(folder)
    names: Sequence[str] = list(pictures)
    if part in PARTS:
        names = read_split(split or resource_path("config/splits/hit_uav.yaml"))[part]
    for name in names:
        if name not in pictures:
            raise InputError(f"{folder}: has no picture {name}, which the split names; fetch all of HIT-UAV")
        yield _thermal(name, pictures[name])


def _thermal(name: str, picture: ThermalPicture) -> LabelledImage:
    image = picture.read()
    classes = {
        key: JudgedClass(agents, picture.boxes[picture.classes == ThermalClass[key.upper()]], picture.ignored)
        for key, agents in _THERMAL.items()
    }
    height, width = image.shape
    return LabelledImage(Modality.THERMAL, name, lambda: image, _pinhole(width, height), classes)


def _pinhole(width: int, height: int) -> CameraModel:
    focal = width / 2.0 / np.tan(_HIT_UAV_FOV_RAD / 2.0)
    matrix = np.array([[focal, 0.0, (width - 1) / 2.0], [0.0, focal, (height - 1) / 2.0], [0.0, 0.0, 1.0]])
    return CameraModel(matrix, np.zeros(0), "plumb_bob", width, height)


def kitti_object_images(folder: Path) -> Iterator[LabelledImage]:
    """The frames below `folder`: image_2/, label_2/ and calib/ of KITTI's object benchmark, or infos of mmdet3d (.pkl).

    Labels beyond the benchmark's level "hard" and neighbouring classes are ignored. Raises InputError when there is no
    such frame, or a file is not what the benchmark has.
    """
    images, infos = sorted(folder.rglob("image_2/*.png")), sorted(folder.rglob("kitti/*.pkl"))
    if not images and not infos:
        raise InputError(f"{folder}: has no image_2/*.png; give a folder of KITTI's object benchmark")
    for path in images:
        base = path.parent.parent
        image = _read_colors(path)
        kinds, numbers = _kitti_labels(base / "label_2" / f"{path.stem}.txt")
        yield _kitti(path.stem, image, _kitti_matrix(base / "calib" / f"{path.stem}.txt"), kinds, numbers)
    for path in infos:
        yield from _mmdet3d_images(path)


def _mmdet3d_images(path: Path) -> Iterator[LabelledImage]:
    """Frames of an info file of mmdet3d (version 1.1), whose pictures lie beside it."""
    kinds_of = {0: "Pedestrian", 1: "Cyclist", 2: "Car", -1: "DontCare"}
    try:
        for frame in load_restricted(path)["data_list"]:
            camera = frame["images"]["CAM2"]
            labels = frame["instances"]
            kinds = np.array([kinds_of[int(each["bbox_label"])] for each in labels], dtype=np.str_)
            numbers = [[each["truncated"], each["occluded"], each["alpha"], *each["bbox"]] for each in labels]
            matrix = np.array(camera["cam2img"], dtype=np.float64)[:3, :3]
            image = _read_colors(path.parent / camera["img_path"])
            yield _kitti(path.stem, image, matrix, kinds, np.array(numbers, dtype=np.float64).reshape(-1, 7))
    except (KeyError, TypeError, IndexError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is no info file of mmdet3d for KITTI ({error!r}); fetch it again") from error


def _kitti(
    name: str, image: NDArray, matrix: FloatArray, kinds: NDArray[np.str_], numbers: FloatArray
) -> LabelledImage:
    camera = CameraModel(matrix, np.zeros(0), "plumb_bob", image.shape[1], image.shape[0])
    return LabelledImage(Modality.CAMERA, name, lambda: image, camera, _kitti_classes(kinds, numbers))


def _read_colors(path: Path) -> NDArray:
    image = cv2.imread(str(path))
    if image is None:
        raise InputError(f"{path}: cannot be read as a picture; fetch the file again")
    return np.asarray(image)


def _kitti_matrix(path: Path) -> FloatArray:
    """(3, 3) of the left colour camera."""
    rows = [line.split() for line in _lines(path) if line.startswith("P2:")]
    try:
        return np.array(rows[0][1:], dtype=np.float64).reshape(3, 4)[:, :3]
    except (IndexError, ValueError) as error:
        raise InputError(f"{path}: has no matrix P2 of 3 x 4 numbers; fetch the file again") from error


def _kitti_labels(path: Path) -> tuple[NDArray[np.str_], FloatArray]:
    """(N,) types and (N, 7) truncation, occlusion, angle and box."""
    rows = [line.split() for line in _lines(path) if line.strip()]
    try:
        return np.array([row[0] for row in rows], dtype=np.str_), np.array(
            [row[1:8] for row in rows], dtype=np.float64
        ).reshape(-1, 7)
    except (IndexError, ValueError) as error:
        raise InputError(f"{path}: is no label file of KITTI's object benchmark; fetch it again") from error


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text; fetch the file again") from error


def _kitti_classes(kinds: NDArray[np.str_], numbers: FloatArray) -> dict[str, JudgedClass]:
    boxes = numbers[:, 3:]
    visible = (boxes[:, 3] - boxes[:, 1] >= _MIN_HEIGHT_PX) & (numbers[:, 1] <= _MAX_OCCLUSION)
    visible &= numbers[:, 0] <= _MAX_TRUNCATION
    classes = {}
    for name, (kind, agents, neighbours) in _KITTI.items():
        is_kind = kinds == kind
        ignored = (is_kind & ~visible) | np.isin(kinds, (*neighbours, "DontCare"))
        classes[name] = JudgedClass(agents, boxes[is_kind & visible], boxes[ignored])
    return classes
