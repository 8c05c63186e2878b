"""Pictures of nuScenes, whose labels are boxes in space, as what image detectors are judged on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from zoox_prediction.detections import Modality
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.labelled_frames import SpaceLabels, View, mmdet3d_frames
from zoox_prediction.evaluation.labelled_images import JudgedClass, LabelledImage
from zoox_prediction.evaluation.lidar_camera import label_outlines
from zoox_prediction.scene import AgentClass

# Classes that are judged, what a detector may call them, and kinds that are neither right nor wrong for them.
_CLASSES: Mapping[str, tuple[str, tuple[AgentClass, ...], tuple[str, ...]]] = {
    "car": ("car", (AgentClass.CAR,), ("truck", "bus", "trailer", "construction_vehicle")),
    "truck": ("truck", (AgentClass.TRUCK, AgentClass.BUS), ("car", "bus", "trailer", "construction_vehicle")),
    "pedestrian": ("pedestrian", (AgentClass.PEDESTRIAN,), ("bicycle", "motorcycle")),
}
_MIN_HEIGHT_PX = 25.0  # as KITTI's level "hard"
_MIN_POINTS = 5  # of the lidar on it: what has less is hidden or far away


def nuscenes_images(folder: Path) -> Iterator[LabelledImage]:
    """All pictures of the frames of mmdet3d's info files below `folder`; raises InputError when there is none.

    Outlines of the boxes in space stand for boxes in the picture, which are somewhat larger than the things.
    """
    infos = sorted(path for path in folder.rglob("*.pkl") if "kitti" not in path.parts)
    if not infos:
        raise InputError(f"{folder}: has no info file of mmdet3d for nuScenes (.pkl); give a folder that has")
    for path in infos:
        for frame in mmdet3d_frames(path):
            for view in frame.views:
                yield LabelledImage(
                    Modality.CAMERA, f"{frame.name} {view.name}", view.read, view.camera, _classes(frame.labels, view)
                )


def _classes(labels: SpaceLabels, view: View) -> dict[str, JudgedClass]:
    outlines, inside = label_outlines(labels, view)
    kinds = np.array(labels.kinds, dtype=np.str_)
    clear = inside & (outlines[:, 3] - outlines[:, 1] >= _MIN_HEIGHT_PX) & (labels.num_points >= _MIN_POINTS)
    return {
        name: JudgedClass(
            agents,
            outlines[(kinds == kind) & clear],
            outlines[inside & (((kinds == kind) & ~clear) | np.isin(kinds, neighbours))],
        )
        for name, (kind, agents, neighbours) in _CLASSES.items()
    }
