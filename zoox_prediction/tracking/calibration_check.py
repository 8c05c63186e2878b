"""Whether an image sensor looks where its mounting says: where the boxes of its images lie against the tracks.

Every box votes for its offset from every track near it that looks about as large. Wrong pairs vote for anything, right
ones for the error of the mounting, however large it is, so that their votes pile up there. No track has enough votes to
decide alone: of an agent that keeps its place before the vehicle the same wrong pair comes again and again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.tracking.config import CalibrationCheckConfig
from zoox_prediction.tracking.images import ProjectedTracks
from zoox_prediction.tracking.sensor_frame import SensorFrame

FloatArray = NDArray[np.float64]

_REACH_RAD, _BINS = 0.21, 42  # 12 degrees either way, 0.57 degrees a bin
_MOST_SIZE_RATIO = 1.5
_FADE = 0.998  # per image
_MOST_OF_TRACK = 0.7  # of the votes that it takes
_CLEAR = 3.0  # times as many votes as on average make a peak
_MORE = 1.5  # times as many votes as where they should be make another place credible
_MOST_VARIANCE_RAD2 = 0.02**2  # of a track's own direction, to be compared with


@dataclass(frozen=True)
class BearingOffset:
    """Where an image sensor's boxes lie against the tracks."""

    azimuth_rad: float  # positive: the boxes are to the left
    elevation_rad: float  # positive: the boxes are above
    boxes: int  # that agree on it, fading

    @property
    def degrees(self) -> tuple[float, float]:
        return math.degrees(self.azimuth_rad), math.degrees(self.elevation_rad)


class CalibrationCheck:
    """Votes of one image sensor."""

    def __init__(self, config: CalibrationCheckConfig) -> None:
        self._config = config
        self._votes = np.zeros((_BINS, _BINS))  # azimuth, elevation
        middles = (np.arange(_BINS) + 0.5) * (2.0 * _REACH_RAD / _BINS) - _REACH_RAD
        off_rad = np.hypot(middles[:, None], middles)
        self._tolerated = off_rad <= config.tolerance_rad  # cells of offsets that are none
        self._given: dict[int, float] = {}  # of these votes, by the ids of the tracks

    def add(self, frame: SensorFrame, view: ProjectedTracks, ids: NDArray[np.int64], ranged: NDArray[np.bool_]) -> None:
        """`ids` (V,) and `ranged` (V,): tracks of the view, and whether lidar or radar has just seen their place."""
        told = frame.detections.bearing_box
        noise = frame.detections.bearing_covariance
        assert told is not None and noise is not None
        self._fade()
        most = _MOST_OF_TRACK * self._config.min_boxes
        silent = [track for track, given in self._given.items() if given >= most]
        sure = ranged & (view.variance[:, 0] < _MOST_VARIANCE_RAD2) & ~np.isin(ids, silent)
        box = view.box[sure]
        whole = (noise.max(axis=1) < 0.03**2)[None]  # not cut off by the border
        offset = 0.5 * (told[:, :2] + told[:, 2:])[None] - 0.5 * (box[:, :2] + box[:, 2:])[:, None]
        ratio = np.log(
            np.maximum(np.abs(told[:, :2] - told[:, 2:]), 1e-3)[None]
            / np.maximum(np.abs(box[:, :2] - box[:, 2:]), 1e-3)[:, None]
        )
        alike = whole & (np.abs(ratio).max(axis=2) < math.log(_MOST_SIZE_RATIO))
        alike &= np.abs(offset).max(axis=2) < _REACH_RAD
        cell = ((offset[alike] + _REACH_RAD) / (2.0 * _REACH_RAD) * _BINS).astype(np.int64)
        weight = np.where(alike, frame.detections.existence_probability, 0.0)  # detectors tell what is probably nothing
        np.add.at(self._votes, (cell[:, 0], cell[:, 1]), weight[alike])
        for track, given in zip(ids[sure].tolist(), weight.sum(axis=1).tolist(), strict=True):  # a few in the view
            self._given[track] = self._given.get(track, 0.0) + given

    def _fade(self) -> None:
        self._votes *= _FADE
        self._given = {track: _FADE * given for track, given in self._given.items() if given > 0.5}

    def offset(self) -> BearingOffset | None:
        """None while too few boxes agree."""
        padded = np.pad(self._votes, 1)
        windows = sum(padded[1 + i : 1 + i + _BINS, 1 + j : 1 + j + _BINS] for i in (-1, 0, 1) for j in (-1, 0, 1))
        assert isinstance(windows, np.ndarray)
        # People in a row are alike: they pair with their neighbours about as often as with themselves.
        expected = np.where(self._tolerated, windows, 0.0)
        chosen = expected if windows.max() < _MORE * expected.max() else windows
        row, column = np.unravel_index(int(chosen.argmax()), windows.shape)
        count = float(windows[row, column])
        elsewhere = (self._votes.sum() - count) / (_BINS * _BINS - 9) * 9.0
        if count < self._config.min_boxes or count < _CLEAR * elsewhere:
            return None
        patch = padded[row : row + 3, column : column + 3]
        width = 2.0 * _REACH_RAD / _BINS
        steps = np.array([-1.0, 0.0, 1.0])
        azimuth = (row + 0.5 + steps @ patch.sum(axis=1) / count) * width - _REACH_RAD
        elevation = (column + 0.5 + steps @ patch.sum(axis=0) / count) * width - _REACH_RAD
        return BearingOffset(float(azimuth), float(elevation), int(count))

    def problem(self, name: str) -> str | None:
        """A sentence when the offset is more than is tolerated."""
        offset = self.offset()
        if offset is None or math.hypot(offset.azimuth_rad, offset.elevation_rad) <= self._config.tolerance_rad:
            return None
        side = "left" if offset.azimuth_rad > 0.0 else "right"
        above = "above" if offset.elevation_rad > 0.0 else "below"
        return (
            f"{name}: its boxes lie {abs(math.degrees(offset.azimuth_rad)):.1f} degrees {side} of and "
            f"{abs(math.degrees(offset.elevation_rad)):.1f} degrees {above} the tracks; check its calibration"
        )
