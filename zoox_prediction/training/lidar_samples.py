"""Clusters of made-up sweeps with what they truly are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.lidar.classifier import OUTPUTS
from zoox_prediction.detection.lidar.config import LidarDetectorConfig
from zoox_prediction.detection.lidar.features import FEATURES
from zoox_prediction.detection.lidar.segmentation import Segmentation, segment
from zoox_prediction.training.lidar_scenes import LabelledSweep, draw_sweep

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

BACKGROUND = len(OUTPUTS) - 1
WHOLE_IOU, PART_IOU = 0.7, 0.5  # of the points of a cluster and of a road user: from here it is it, below it is not
_MIN_POINTS = 5  # of a road user that is to be found


@dataclass(frozen=True)
class Samples:
    """S clusters."""

    features: FloatArray  # (S, F)
    label: IntArray  # (S,) column of OUTPUTS

    def __len__(self) -> int:
        return len(self.label)


def draw_samples(seed: int, config: LidarDetectorConfig) -> Samples:
    """The clusters of one made-up sweep, without those that are neither whole nor clearly not."""
    sweep = draw_sweep(seed)
    segmentation = segment(sweep.position, sweep.base_from_sensor, config)
    iou, agent = best_match(segmentation, sweep)
    label = np.where(iou >= WHOLE_IOU, sweep.agents.agent_class[agent] if len(sweep.agents) else 0, BACKGROUND)
    clear = (iou >= WHOLE_IOU) | (iou < PART_IOU)
    return Samples(segmentation.clusters.features[clear], label[clear])


def join_samples(parts: list[Samples]) -> Samples:
    return Samples(
        np.concatenate([np.zeros((0, len(FEATURES))), *(part.features for part in parts)]),
        np.concatenate([np.zeros(0, dtype=np.int64), *(part.label for part in parts)]),
    )


def best_match(segmentation: Segmentation, sweep: LabelledSweep) -> tuple[FloatArray, IntArray]:
    """The road user that fits every cluster best: intersection over union of their points (K,), and its row (K,)."""
    num_agents, clusters, cells = max(len(sweep.agents), 1), segmentation.clusters, segmentation.cells
    owner, cell = sweep.owner[segmentation.point], cells.of_point
    of_agent = (owner >= 0) & (cell >= 0)
    shared = np.zeros((len(cells), num_agents))
    np.add.at(shared, (cell[of_agent], owner[of_agent]), 1.0)
    tree = clusters.tree
    if not len(tree):
        return np.zeros(0), np.zeros(0, dtype=np.int64)
    common = np.add.reduceat(shared[tree.member], tree.start, axis=0)
    total = shared.sum(axis=0)
    iou = common / np.maximum(clusters.num_points[:, None] + total - common, 1.0)
    iou[:, total < _MIN_POINTS] = 0.0
    agent = iou.argmax(axis=1)
    return iou[np.arange(len(tree)), agent], agent
