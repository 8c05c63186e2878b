"""Where a sensor sees, as learnt from what it has seen: the probability of detection by direction, range and kind.

Nobody has to tell the tracker of a sensor's field of view: where it never reports anything, that tracks stay unseen
says nothing about them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detections import Modality
from zoox_prediction.scene import AgentClass
from zoox_prediction.tracking.config import ExistenceConfig
from zoox_prediction.tracking.sensor_frame import SensorFrame

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NUM_AZIMUTHS, NUM_RANGES, NUM_KINDS = 24, 10, 2
_RANGE_CELL_M = 12.0
_PRIOR_TRIALS = 4.0
_MOST_TRIALS = 60.0  # of a cell; older ones are forgotten
SMALL_CLASSES = np.array([AgentClass.PEDESTRIAN, AgentClass.ANIMAL, AgentClass.CYCLIST, AgentClass.MOTORCYCLIST])


@dataclass(frozen=True)
class Coverage:
    """What one sensor detected of the tracks that it should have seen."""

    hits: FloatArray  # (24, 10, 2) by azimuth, range, and whether large or small
    trials: FloatArray  # (24, 10, 2)
    seen: NDArray[np.bool_]  # (24,) whether anything was ever detected in this direction

    @classmethod
    def unknown(cls) -> Coverage:
        none = np.zeros((NUM_AZIMUTHS, NUM_RANGES, NUM_KINDS))
        return cls(none, none, np.zeros(NUM_AZIMUTHS, dtype=bool))

    def probability(self, cells: Cells, modality: Modality, config: ExistenceConfig) -> FloatArray:
        """(N,) of detection of agents in these cells while nothing hides them."""
        near = self.seen | np.roll(self.seen, 1) | np.roll(self.seen, -1)
        prior = np.where(near, config.detection_probability[modality], config.unseen_sector_probability)
        hits, trials = self.hits[cells.index], self.trials[cells.index]
        share: FloatArray = (hits + _PRIOR_TRIALS * prior[cells.azimuth]) / (trials + _PRIOR_TRIALS)
        return np.minimum(share, 0.98)

    def updated(self, cells: Cells, detected: NDArray[np.bool_], detections_azimuth: IntArray) -> Coverage:
        """After a frame in which the tracks of these cells were to be seen and were `detected` (N,) or not."""
        seen = self.seen
        if not self.seen[detections_azimuth].all():
            seen = self.seen.copy()
            seen[detections_azimuth] = True
        if not len(detected):
            return replace(self, seen=seen)
        hits, trials = self.hits.copy(), self.trials.copy()
        np.add.at(trials, cells.index, 1.0)
        np.add.at(hits, cells.index, detected.astype(np.float64))
        fade = np.minimum(_MOST_TRIALS / np.maximum(trials, 1.0), 1.0)
        return Coverage(hits * fade, trials * fade, seen)


@dataclass(frozen=True)
class Cells:
    """Cells of N agents in the view of a sensor."""

    azimuth: IntArray  # (N,)
    distance: IntArray  # (N,)
    kind: IntArray  # (N,)

    @property
    def index(self) -> tuple[IntArray, IntArray, IntArray]:
        return self.azimuth, self.distance, self.kind

    def select(self, rows: NDArray) -> Cells:
        return Cells(self.azimuth[rows], self.distance[rows], self.kind[rows])


def cells_of(frame: SensorFrame, position: FloatArray, class_probabilities: FloatArray) -> Cells:
    """Of agents at places (N, 2) of the map."""
    sight = position - frame.origin[:2]
    small = class_probabilities[:, SMALL_CLASSES].sum(axis=1) > 0.5
    return Cells(
        _azimuth_cell(np.arctan2(sight[:, 1], sight[:, 0]) - _heading(frame)),
        np.minimum(np.linalg.norm(sight, axis=1) // _RANGE_CELL_M, NUM_RANGES - 1).astype(np.int64),
        small.astype(np.int64),
    )


def detected_azimuths(frame: SensorFrame) -> IntArray:
    """(J,) cells of the directions of the frame's detections."""
    if frame.modality.is_image:
        box = frame.detections.bearing_box
        assert box is not None
        return _azimuth_cell(0.5 * (box[:, 0] + box[:, 2]))
    sight = frame.center[:, :2] - frame.origin[:2]
    return _azimuth_cell(np.arctan2(sight[:, 1], sight[:, 0]) - _heading(frame))


def _heading(frame: SensorFrame) -> float:
    """Of the sensor's axis: z of an optical frame, x of others."""
    ahead = frame.map_from_sensor[:2, 2 if frame.modality.is_image else 0]
    return float(np.arctan2(ahead[1], ahead[0]))


def _azimuth_cell(azimuth: FloatArray) -> IntArray:
    return np.floor(azimuth / (2.0 * np.pi / NUM_AZIMUTHS)).astype(np.int64) % NUM_AZIMUTHS
