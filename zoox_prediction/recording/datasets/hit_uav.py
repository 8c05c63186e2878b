"""HIT-UAV: longwave-infrared pictures from a drone with boxes of people, cars and bicycles.

J. Suo et al., "HIT-UAV: A high-altitude infrared thermal dataset for Unmanned Aerial Vehicle-based object detection",
Scientific Data 10, 2023; CC BY 4.0. A picture's name is TIME_HEIGHT_ANGLE_WEATHER_NUMBER: day (0) or night (1), metres
above ground, degrees down from the horizon.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from zoox_prediction.recording.datasets.source import SourceError

PARTS = ("train", "validation", "test")


class ThermalClass(IntEnum):
    """What is told apart in these pictures, and channels of the network that learns from them."""

    PERSON = 0
    CAR = 1  # and other vehicles
    BICYCLE = 2  # mostly parked


# Names of the file's categories; what is in none of the classes is not to be judged.
_CLASS_OF = {
    "Person": ThermalClass.PERSON,
    "Car": ThermalClass.CAR,
    "OtherVehicle": ThermalClass.CAR,
    "Bicycle": ThermalClass.BICYCLE,
}


@dataclass(frozen=True)
class ThermalPicture:
    """One picture and its boxes, pixels left, top, right, bottom."""

    path: Path
    boxes: NDArray[np.float64]  # (N, 4)
    classes: NDArray[np.int64]  # (N,) ThermalClass
    ignored: NDArray[np.float64]  # (M, 4) where something is that was not labelled one by one

    def read(self) -> NDArray[np.uint8]:
        """(H, W) grey; raises SourceError when the file is no picture."""
        image = cv2.imread(str(self.path), cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise SourceError(f"{self.path}: cannot be read as a picture; fetch the file again")
        return np.asarray(image, dtype=np.uint8)


def read_hit_uav(folder: Path) -> dict[str, ThermalPicture]:
    """The pictures of a folder with annotations.json and images/, by name without ending, in the order of names.

    Raises SourceError when the annotations are missing or not those of HIT-UAV.
    """
    path = folder / "annotations.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        kinds = {each["id"]: each["name"] for each in document["categories"]}
        boxes_of: dict[int, list[tuple[str, list[float]]]] = {each["id"]: [] for each in document["images"]}
        for each in document["annotation"]:
            boxes_of[each["image_id"]].append((kinds[each["category_id"]], each["bbox"]))
        names = sorted((str(each["filename"]), int(each["id"])) for each in document["images"])
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}; give the folder of HIT-UAV with annotations.json") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: is not the annotation file of HIT-UAV ({error!r}); fetch it again") from error
    return {Path(name).stem: _picture(folder / "images" / name, boxes_of[number]) for name, number in names}


def _picture(path: Path, labels: Sequence[tuple[str, list[float]]]) -> ThermalPicture:
    corners = np.array([box for _, box in labels], dtype=np.float64).reshape(-1, 4)  # left, top, width, height
    corners[:, 2:] += corners[:, :2]
    known = np.array([name in _CLASS_OF for name, _ in labels], dtype=bool)
    classes = np.array([_CLASS_OF[name] for name, _ in labels if name in _CLASS_OF], dtype=np.int64)
    return ThermalPicture(path, corners[known], classes, corners[~known])


def read_split(path: Path) -> dict[str, tuple[str, ...]]:
    """Names of pictures by part: train, validation, test; raises SourceError when the file is not such a mapping."""
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise SourceError(f"{path}: cannot be read as YAML; give the file of a split") from error
    if not isinstance(document, Mapping) or set(document) != set(PARTS):
        raise SourceError(f"{path}: must have the keys {', '.join(PARTS)}")
    parts = {part: tuple(map(str, document[part])) for part in PARTS}
    everything = [name for names in parts.values() for name in names]
    if len(set(everything)) != len(everything):
        raise SourceError(f"{path}: a picture is in two parts; every picture may be in one only")
    return parts
