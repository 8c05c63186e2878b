"""What the sensors see: the detections of one sensor at one instant, in its own frame; mirrors msg/DetectionArray."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.scene import NUM_CLASSES

FloatArray = NDArray[np.float64]


class Modality(IntEnum):
    """As DetectionArray.MODALITY_*."""

    CAMERA = 0
    THERMAL = 1
    LIDAR = 2
    RADAR = 3

    @property
    def is_image(self) -> bool:
        return self in (Modality.CAMERA, Modality.THERMAL)

    @property
    def label(self) -> str:
        """As files and parameters name it, e.g. `lidar`."""
        return self.name.lower()


MODALITIES: Mapping[str, Modality] = {each.label: each for each in Modality}


@dataclass(frozen=True)
class TrackAttributes:
    """What a camera saw of T tracks that the tracker had told of; a track may have several rows."""

    ids: NDArray[np.int64]  # (T,) of the tracks
    attributes: NDArray[np.uint32]  # (T,) Attribute bits that are on
    attributes_valid: NDArray[np.uint32]  # (T,) Attribute bits that were observed
    confidence: FloatArray  # (T,) of the observed attributes together

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: NDArray) -> TrackAttributes:
        """Those of `rows`, an index or boolean array."""
        return TrackAttributes(
            self.ids[rows], self.attributes[rows], self.attributes_valid[rows], self.confidence[rows]
        )

    @classmethod
    def empty(cls) -> TrackAttributes:
        bits = np.zeros(0, dtype=np.uint32)
        return cls(np.zeros(0, dtype=np.int64), bits, bits, np.zeros(0))


@dataclass(frozen=True)
class Detections:
    """N detections; what the sensor cannot measure is None.

    Lidar and radar give boxes in space, cameras boxes of viewing angles. Where only one side of an object was seen, the
    other sides are those that are usual for its class, and the covariance of the centre along an axis that was not
    measured is that of half the size.
    """

    stamp_ns: int  # of the measurement
    frame_id: str  # of the sensor; the optical frame of a camera
    sensor_name: str
    modality: Modality
    class_probabilities: FloatArray  # (N, 8) in the order of AgentClass
    existence_probability: FloatArray  # (N,)
    attributes: NDArray[np.uint32]  # (N,) Attribute bits that are on
    attributes_valid: NDArray[np.uint32]  # (N,) Attribute bits that were observed
    attribute_confidence: FloatArray  # (N,) of the observed attributes together
    center: FloatArray | None = None  # (N, 3) of the box, sensor frame [m]
    yaw: FloatArray | None = None  # (N,) counter-clockwise from +x of the sensor frame; pi either way is not told apart
    size: FloatArray | None = None  # (N, 3) length, width, height [m]
    covariance: FloatArray | None = None  # (N, 4, 4) of x, y, z, yaw
    bearing_box: FloatArray | None = None  # (N, 4) left, top, right, bottom: azimuth (left is positive), elevation (up)
    bearing_covariance: FloatArray | None = None  # (N, 4) variances of these angles [rad^2]
    # (N,) receding is positive, as measured from the moving sensor [m/s]; NaN where a radar measures no speeds
    radial_speed: FloatArray | None = None
    radial_speed_variance: FloatArray | None = None  # (N,) NaN with the speed
    apparent_temperature: FloatArray | None = None  # (N,) [K], NaN where the camera is not radiometric
    of_tracks: TrackAttributes | None = None  # what it saw of tracks, which is no matter of its detections

    def __len__(self) -> int:
        return len(self.existence_probability)

    def select(self, rows: NDArray) -> Detections:
        """The detections of `rows`, an index or boolean array."""
        kept = {each.name: getattr(self, each.name) for each in fields(self)}
        kept.update({name: value[rows] for name, value in kept.items() if isinstance(value, np.ndarray)})
        return Detections(**kept)

    @classmethod
    def empty(cls, stamp_ns: int, frame_id: str, sensor_name: str, modality: Modality) -> Detections:
        """A sensor that looked and saw nothing."""
        bits = np.zeros(0, dtype=np.uint32)
        shapes: dict[str, tuple[int, ...]]
        if modality.is_image:
            shapes = {"bearing_box": (0, 4), "bearing_covariance": (0, 4)}
        else:
            shapes = {"center": (0, 3), "yaw": (0,), "size": (0, 3), "covariance": (0, 4, 4)}
        if modality == Modality.RADAR:
            shapes |= {"radial_speed": (0,), "radial_speed_variance": (0,)}
        if modality == Modality.THERMAL:
            shapes |= {"apparent_temperature": (0,)}
        measured: dict[str, Any] = {name: np.zeros(shape) for name, shape in shapes.items()}
        return cls(
            stamp_ns, frame_id, sensor_name, modality, np.zeros((0, NUM_CLASSES)), np.zeros(0), bits, bits, np.zeros(0),
            **measured,
        )  # fmt: skip


@dataclass(frozen=True)
class PlacedDetections:
    """One message of a sensor and where the sensor was."""

    detections: Detections
    map_from_sensor: FloatArray  # (4, 4)
    base_from_sensor: FloatArray | None = None  # (4, 4); None: not known, or it is on no vehicle
