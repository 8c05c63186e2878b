"""All that is known of N tracks at one instant, as arrays. Nothing is changed in place: old tables stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.scene import NUM_CLASSES
from zoox_prediction.tracking.motion_models import NUM_MODES, NUM_STATES, Motion

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NUM_ATTRIBUTES = 11
NUM_MODALITIES = 4
NEVER = np.iinfo(np.int64).min // 4


@dataclass(frozen=True)
class TrackTable:
    """Row i of every array is track i; the map frame."""

    ids: IntArray  # (N,)
    mean: FloatArray  # (N, 3, 5) see motion_models.Motion
    covariance: FloatArray  # (N, 3, 5, 5)
    mode: FloatArray  # (N, 3)
    bottom: FloatArray  # (N,) height of the lower end of the box [m]
    yaw: FloatArray  # (N,)
    yaw_variance: FloatArray  # (N,)
    travelled: FloatArray  # (N,) lately along the heading, backwards is negative [m]
    bias: FloatArray  # (N, 2) deviation, along length and width, of what is off with the position for long [m]
    size: FloatArray  # (N, 3)
    size_variance: FloatArray  # (N, 3)
    class_log: FloatArray  # (N, 8) log probabilities of the classes
    attribute_log_odds: FloatArray  # (N, 11) by the bits of Attribute, 0 where never observed
    lagged_velocity: FloatArray  # (N, 2) of a while ago, that the acceleration is taken against
    existence: FloatArray  # (N,)
    credit: FloatArray  # (N,) mean over its last detections of the existence that the detectors gave them
    confirmed: NDArray[np.bool_]  # (N,)
    hits: IntArray  # (N,) instants of detection
    born_ns: IntArray  # (N,)
    seen_ns: IntArray  # (N,) when last detected
    ranged_ns: IntArray  # (N,) when last detected by lidar or radar
    looked_ns: IntArray  # (N, 4) when a sensor of each modality could last have seen it
    detected_ns: IntArray  # (N, 4) when one last did
    sensors: NDArray[np.uint64]  # (N,) bits of the sensors that have seen it

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def motion(self) -> Motion:
        return Motion(self.mean, self.covariance, self.mode)

    @cached_property
    def class_probabilities(self) -> FloatArray:
        """(N, 8), rows sum to 1."""
        weight = np.exp(self.class_log - self.class_log.max(axis=1, keepdims=True, initial=-np.inf))
        share: FloatArray = weight / weight.sum(axis=1, keepdims=True)
        return share

    @property
    def position(self) -> FloatArray:
        """(N, 2) of the mixture of the models."""
        return np.einsum("nm,nmi->ni", self.mode, self.mean[:, :, :2])

    def select(self, rows: NDArray) -> TrackTable:
        """The tracks of `rows`, an index or boolean array."""
        return TrackTable(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})

    def put(self, rows: IntArray, values: Mapping[str, NDArray]) -> TrackTable:
        """A table in which `rows` have these values of the fields; this one stays as it is."""
        arrays = {}
        for name, each in values.items():
            arrays[name] = getattr(self, name).copy()
            arrays[name][rows] = each
        return replace(self, **arrays)

    def joined(self, other: TrackTable) -> TrackTable:
        """These tracks, then the other ones."""
        if not len(other):
            return self
        return TrackTable(
            **{
                each.name: np.concatenate([getattr(self, each.name), getattr(other, each.name)])
                for each in fields(self)
            }
        )

    @classmethod
    def empty(cls) -> TrackTable:
        shapes: dict[str, tuple[int, ...]] = {
            "mean": (NUM_MODES, NUM_STATES),
            "covariance": (NUM_MODES, NUM_STATES, NUM_STATES),
            "mode": (NUM_MODES,),
            "bias": (2,),
            "size": (3,),
            "size_variance": (3,),
            "class_log": (NUM_CLASSES,),
            "attribute_log_odds": (NUM_ATTRIBUTES,),
            "lagged_velocity": (2,),
            "looked_ns": (NUM_MODALITIES,),
            "detected_ns": (NUM_MODALITIES,),
        }
        types: dict[str, type] = dict.fromkeys(
            ("ids", "hits", "born_ns", "seen_ns", "ranged_ns", "looked_ns", "detected_ns"), np.int64
        )
        types |= {"confirmed": np.bool_, "sensors": np.uint64}
        return cls(
            **{
                each.name: np.zeros((0, *shapes.get(each.name, ())), dtype=types.get(each.name, np.float64))
                for each in fields(cls)
            }
        )
