"""From mined samples to batches of tensors: what the network is given, what really happened, and what counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoox_prediction.models.scene_features import AGENT_COLUMNS, SceneFeatures, concatenate
from zoox_prediction.raster.channels import ChannelTable, load_channel_table
from zoox_prediction.training.augmentation import AugmentationConfig, augmented
from zoox_prediction.training.balance import BalanceConfig, agent_weights, drawn
from zoox_prediction.training.samples import Sample
from zoox_prediction.training.sampling import SampleOrder

_LABELS = ("future_position", "future_yaw", "future_speed", "future_valid")
_MAX_OFF_ROAD_M = 25.0


@dataclass(frozen=True)
class Example:
    """One scene to learn from."""

    features: SceneFeatures
    labels: dict[str, NDArray]  # as `loss_terms` wants them; and `decoded` (R,), paths of which proposals are wanted


@dataclass(frozen=True)
class ExampleSettings:
    """What becomes of a sample in training."""

    augmentation: AugmentationConfig
    balance: BalanceConfig
    raster_resolution_m: float


class ExampleDataset(torch.utils.data.Dataset):
    """Samples as examples; its keys are the (position, sample) of a SampleOrder."""

    def __init__(self, samples: Sequence[Sample], settings: ExampleSettings, order: SampleOrder) -> None:
        self._samples, self._settings, self._order = samples, settings, order
        self._table = load_channel_table()

    def __getitem__(self, key: tuple[int, int]) -> Example:
        position, sample = key
        cv2.setNumThreads(1)  # in the worker that this runs in: there is a worker per core
        return training_example(self._samples[sample], self._settings, self._table, self._order.random(position))


def training_example(
    sample: Sample, settings: ExampleSettings, table: ChannelTable, random: np.random.Generator
) -> Example:
    """A sample as it is learnt from this time: less of it is known, and only some of the standing agents count."""
    features: SceneFeatures = sample.features
    drivable = features.raster[:, table.index("drivable_area")]
    labels = {name: getattr(sample, name) for name in _LABELS}
    speed = features.agent_state[:, AGENT_COLUMNS.index("speed")]
    weight = agent_weights(
        features.agent_class, speed, labels["future_position"], labels["future_yaw"], labels["future_speed"],
        labels["future_valid"], sample.scored, settings.balance,
    )  # fmt: skip
    labels["weight"] = drawn(weight, random).astype(np.float32)
    labels["off_road_m"] = off_road_distance_m(drivable, settings.raster_resolution_m)
    features, shift = augmented(features, settings.augmentation, table, random)
    labels["future_position"] = labels["future_position"] - shift[:, None]
    labels["decoded"] = labels["weight"][features.path_agent] > 0.0
    return Example(features, labels)


def off_road_distance_m(drivable: NDArray[np.uint8], resolution_m: float) -> NDArray[np.float32]:
    """(B, H, W) [m] of every pixel from the drivable area of the rasters (B, H, W), at most 25; 0 without any."""
    distance = np.zeros(drivable.shape, dtype=np.float32)
    for row, mask in enumerate(drivable):  # OpenCV takes one picture at a time
        if mask.any():
            away = cv2.distanceTransform((mask < 128).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
            distance[row] = np.minimum(np.maximum(away - 0.5, 0.0) * resolution_m, _MAX_OFF_ROAD_M)
    return distance


def collate(examples: Sequence[Example]) -> dict[str, Tensor]:
    """One batch: the network's inputs and the labels by name."""
    features = concatenate([example.features for example in examples])
    arrays: dict[str, NDArray] = features.network_inputs()
    for name in examples[0].labels:
        arrays[name] = np.concatenate([example.labels[name] for example in examples])
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def without_augmentation(settings: ExampleSettings) -> ExampleSettings:
    """Settings that leave scenes as they are."""
    quiet = AugmentationConfig(**dict.fromkeys(AugmentationConfig.__dataclass_fields__, 0.0))
    return replace(settings, augmentation=quiet)
