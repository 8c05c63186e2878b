"""Single frames of public datasets with a lidar sweep, pictures and labelled boxes in space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.footprints import Footprints
from zoox_prediction.recording.datasets.kitti_calibration import LIDAR_FROM_BASE_M, read_calibration
from zoox_prediction.restricted_pickle import load_restricted
from zoox_prediction.sensor_data import CameraModel, PointCloud

FloatArray = NDArray[np.float64]

_NUSCENES_KINDS = (
    "car", "truck", "trailer", "bus", "construction_vehicle", "bicycle", "motorcycle", "pedestrian", "traffic_cone",
    "barrier",
)  # fmt: skip
_KITTI_KINDS = ("pedestrian", "cyclist", "car")


@dataclass(frozen=True)
class SpaceLabels:
    """N boxes in the frame of base_link."""

    kinds: tuple[str, ...]  # (N,) as the dataset names them, in small letters
    center: FloatArray  # (N, 3)
    yaw: FloatArray  # (N,)
    size: FloatArray  # (N, 3) length, width, height [m]
    num_points: NDArray[np.int64]  # (N,) of the lidar on it, -1 where the dataset does not say

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def footprints(self) -> Footprints:
        return Footprints(self.center[:, :2], self.yaw, self.size[:, :2])

    def corners(self) -> FloatArray:
        """(N, 8, 3)."""
        unit = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
        local = unit * self.size[:, None]
        cos, sin = np.cos(self.yaw)[:, None], np.sin(self.yaw)[:, None]
        turned = np.stack(
            [cos * local[..., 0] - sin * local[..., 1], sin * local[..., 0] + cos * local[..., 1], local[..., 2]],
            axis=-1,
        )
        corners: FloatArray = turned + self.center[:, None]
        return corners


@dataclass(frozen=True)
class View:
    """One picture of a frame."""

    name: str
    path: Path
    camera: CameraModel
    base_from_camera: FloatArray  # (4, 4) of the optical frame, where the camera was when the lidar turned

    def read(self) -> NDArray[np.uint8]:
        """(H, W, 3); raises InputError when the file is no picture."""
        return read_colors(self.path)


@dataclass(frozen=True)
class LabelledFrame:
    """One instant."""

    name: str
    cloud: PointCloud
    base_from_lidar: FloatArray  # (4, 4)
    views: tuple[View, ...]
    labels: SpaceLabels


def labelled_frames(folder: Path) -> Iterator[LabelledFrame]:
    """The frames below `folder`: KITTI's object benchmark (velodyne/ beside image_2/), info files of mmdet3d (.pkl).

    Raises InputError when there is none, or a file is not what the dataset has.
    """
    sweeps, infos = sorted(folder.rglob("velodyne/*.bin")), sorted(folder.rglob("*.pkl"))
    if not sweeps and not infos:
        raise InputError(
            f"{folder}: has no velodyne/*.bin and no info file of mmdet3d; give labelled frames with lidar"
        )
    for path in sweeps:
        yield _kitti(path)
    for path in infos:
        yield from mmdet3d_frames(path)


def mmdet3d_frames(path: Path) -> Iterator[LabelledFrame]:
    """The frames of one info file of mmdet3d (version 1.1) of KITTI or nuScenes, whose sensors' files lie beside it."""
    try:
        for info in load_restricted(path)["data_list"]:
            yield _mmdet3d_kitti(path, info) if "CAM2" in info["images"] else _nuscenes(path, info)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is no info file of mmdet3d ({error!r}); fetch it again") from error


def read_colors(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) blue, green, red; raises InputError when the file is no picture."""
    image = cv2.imread(str(path))
    if image is None:
        raise InputError(f"{path}: cannot be read as a picture; fetch the file again")
    return np.asarray(image, dtype=np.uint8)


def _kitti(path: Path) -> LabelledFrame:
    folder, stem = path.parent.parent, path.stem
    calibration = read_calibration(folder / "calib" / f"{stem}.txt")
    label_path, picture = folder / "label_2" / f"{stem}.txt", folder / "image_2" / f"{stem}.png"
    try:
        rows = [line.split() for line in label_path.read_text(encoding="utf-8").splitlines() if line.strip()]
        numbers = np.array([row[8:15] for row in rows if row[0] != "DontCare"], dtype=np.float64).reshape(-1, 7)
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{label_path}: is no label file of KITTI's object benchmark; fetch it again") from error
    labels = _camera_labels(
        [row[0].lower() for row in rows if row[0] != "DontCare"],
        numbers[:, 3:6],
        numbers[:, [2, 1, 0]],
        numbers[:, 6],
        calibration.base_from_lidar @ calibration.lidar_from_rectified,
    )
    view = View(
        "image_2",
        picture,
        _camera(calibration.camera2, picture),
        calibration.base_from_lidar @ calibration.lidar_from_camera2,
    )
    return LabelledFrame(stem, _cloud(path, 4), calibration.base_from_lidar, (view,), labels)


def _mmdet3d_kitti(path: Path, info: Mapping[str, Any]) -> LabelledFrame:
    image = info["images"]["CAM2"]
    base_from_lidar = np.eye(4)
    base_from_lidar[:3, 3] = np.negative(LIDAR_FROM_BASE_M)
    base_from_rectified = base_from_lidar @ np.linalg.inv(_matrix(image["lidar2cam"]))
    projection = _matrix(image["cam2img"])[:3]
    rectified_from_camera = np.eye(4)
    rectified_from_camera[:3, 3] = -np.linalg.solve(projection[:, :3], projection[:, 3])
    known = [each for each in info["instances"] if 0 <= int(each["bbox_label_3d"]) < len(_KITTI_KINDS)]
    boxes = np.array([each["bbox_3d"] for each in known], dtype=np.float64).reshape(-1, 7)
    labels = _camera_labels(
        [_KITTI_KINDS[int(each["bbox_label_3d"])] for each in known],
        boxes[:, :3],
        boxes[:, [3, 5, 4]],
        boxes[:, 6],
        base_from_rectified,
    )
    picture = path.parent / image["img_path"]
    view = View("image_2", picture, _camera(projection[:, :3], picture), base_from_rectified @ rectified_from_camera)
    cloud = _cloud(path.parent / info["lidar_points"]["lidar_path"], int(info["lidar_points"]["num_pts_feats"]))
    return LabelledFrame(path.stem, cloud, base_from_lidar, (view,), labels)


def _nuscenes(path: Path, info: Mapping[str, Any]) -> LabelledFrame:
    # nuScenes' ego frame is on the ground below the rear axle, as base_link.
    base_from_lidar = _matrix(info["lidar_points"]["lidar2ego"])
    views = []
    for name, image in info["images"].items():
        picture = path.parent / image["img_path"]
        camera = _camera(_matrix(image["cam2img"])[:3, :3], picture)
        # This one knows where the vehicle was when the picture was taken, cam2ego does not.
        views.append(View(name.lower(), picture, camera, base_from_lidar @ np.linalg.inv(_matrix(image["lidar2cam"]))))
    known = [each for each in info["instances"] if 0 <= int(each["bbox_label_3d"]) < len(_NUSCENES_KINDS)]
    boxes = np.array([each["bbox_3d"] for each in known], dtype=np.float64).reshape(-1, 7)
    ahead = (
        np.column_stack([np.cos(boxes[:, 6]), np.sin(boxes[:, 6]), np.zeros(len(boxes))]) @ base_from_lidar[:3, :3].T
    )
    labels = SpaceLabels(
        tuple(_NUSCENES_KINDS[int(each["bbox_label_3d"])] for each in known),
        boxes[:, :3] @ base_from_lidar[:3, :3].T + base_from_lidar[:3, 3],
        np.arctan2(ahead[:, 1], ahead[:, 0]),
        boxes[:, 3:6],
        np.array([each["num_lidar_pts"] for each in known], dtype=np.int64),
    )
    cloud = _cloud(path.parent / info["lidar_points"]["lidar_path"], int(info["lidar_points"]["num_pts_feats"]))
    return LabelledFrame(path.stem, cloud, base_from_lidar, tuple(views), labels)


def _camera_labels(
    kinds: Sequence[str], bottom: FloatArray, size: FloatArray, turn: FloatArray, base_from_camera: FloatArray
) -> SpaceLabels:
    """Labels in a camera's frame: bottom centres (N, 3), length, width, height (N, 3), turns (N,) about its y axis."""
    center = bottom - np.array([0.0, 0.5, 0.0]) * size[:, [2, 2, 2]]
    ahead = np.column_stack([np.cos(turn), np.zeros(len(turn)), -np.sin(turn)]) @ base_from_camera[:3, :3].T
    return SpaceLabels(
        tuple(kinds),
        center @ base_from_camera[:3, :3].T + base_from_camera[:3, 3],
        np.arctan2(ahead[:, 1], ahead[:, 0]),
        size,
        np.full(len(kinds), -1, dtype=np.int64),
    )


def _matrix(values: Any) -> FloatArray:
    matrix = np.array(values, dtype=np.float64)
    if matrix.ndim != 2 or min(matrix.shape) < 3 or not np.isfinite(matrix).all():
        raise ValueError(f"a matrix of {matrix.shape}")
    return matrix


def _camera(matrix: FloatArray, picture: Path) -> CameraModel:
    height, width = read_colors(picture).shape[:2]
    return CameraModel(matrix, np.zeros(0), "plumb_bob", width, height)


def _cloud(path: Path, columns: int) -> PointCloud:
    try:
        values = np.fromfile(path, dtype=np.float32).reshape(-1, columns)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is no sweep of {columns} numbers a point; fetch the file again") from error
    values = values[np.isfinite(values[:, :3]).all(axis=1)]
    return PointCloud(values[:, :3].copy(), intensity=values[:, 3].copy())
