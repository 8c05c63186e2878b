"""Where the ground is: a height for every cell of a polar grid around the sensor, followed outwards.

Every sector is followed from the vehicle outwards, as in M. Himmelsbach et al., "Fast segmentation of 3D point clouds
for ground vehicles", IV 2010: the lowest point of a cell is ground where it lies near the height that the slope so far
leads to, within what a kerb and a change of slope allow since the ground was last seen. Cells without ground take the
heights of their neighbours. All sectors are followed at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.lidar.config import GroundConfig

_START_M = 1.0  # nearer than this there is no ground to be seen: the height of the vehicle's wheels holds
_SLOPE_MEMORY = 0.6  # share of the slope so far in the slope of the next cell


@dataclass(frozen=True)
class Ground:
    """Heights [m] of the ground at the middles of the cells of a polar grid around the sensor."""

    height: NDArray[np.float32]  # (S, R) sectors from -pi counter-clockwise, rings outwards
    config: GroundConfig

    def height_at(self, range_m: NDArray, azimuth: NDArray) -> NDArray[np.float32]:
        """(N,) under points at these ranges and azimuths (N,) about the sensor; linear between the rings."""
        sectors, rings = self.height.shape
        position = np.minimum(_ring_position(range_m, self.config) - np.float32(0.5), np.float32(rings - 1.001))
        position = np.maximum(position, np.float32(0.0))
        ring = position.astype(np.int32)
        cell = _sector(azimuth, sectors) * rings + ring
        share = position - ring
        flat = self.height.reshape(-1)
        low: NDArray[np.float32] = flat[cell]
        return low + share * (flat[cell + 1] - low)


def find_ground(
    range_m: NDArray[np.float32],
    azimuth: NDArray[np.float32],
    z: NDArray[np.float32],
    max_range_m: float,
    config: GroundConfig,
) -> Ground:
    """The ground under points (N,) at ranges and azimuths about the sensor, with heights z over base_link."""
    rings = int(_ring_position(np.array(max_range_m), config)) + 2
    ring = np.minimum(_ring_position(range_m, config).astype(np.int32), rings - 1)
    lowest = np.full(config.num_sectors * rings, np.inf, dtype=np.float32)
    np.minimum.at(lowest, _sector(azimuth, config.num_sectors) * rings + ring, z)
    height, seen = _follow(lowest.reshape(config.num_sectors, rings), _ring_middles(rings, config), config)
    return Ground(_smoothed(height, seen), config)


def _follow(
    lowest: NDArray[np.float32], middles: NDArray[np.float32], config: GroundConfig
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Heights (S, R) and whether they were seen, from the lowest points (S, R) of all cells."""
    sectors, rings = lowest.shape
    height = np.empty((sectors, rings), dtype=np.float32)
    seen = np.zeros((sectors, rings), dtype=bool)
    last = np.zeros(sectors, dtype=np.float32)  # height where the ground was last seen
    at = np.full(sectors, _START_M, dtype=np.float32)  # and the range of that place
    slope = np.zeros(sectors, dtype=np.float32)
    for ring in range(rings):  # outwards: a ring depends on those before it
        away = np.maximum(middles[ring] - at, 0.0)
        expected = last + slope * away
        measured = lowest[:, ring]
        off = np.abs(measured - expected)
        good = off <= config.step_m + config.slope_change * away
        good &= np.abs(measured) <= config.max_slope * middles[ring] + config.step_m
        found = np.where(good, measured, last)
        new_slope = np.clip((found - last) / np.maximum(away, config.ring_m), -config.max_slope, config.max_slope)
        slope = np.where(good, _SLOPE_MEMORY * slope + (1.0 - _SLOPE_MEMORY) * new_slope, slope)
        height[:, ring] = np.where(good, measured, expected)
        seen[:, ring] = good
        last, at = found, np.where(good, middles[ring], at)
    return height, seen


def _smoothed(height: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Heights that weigh what was seen against what is around; sectors wrap."""
    weight = np.where(seen, np.float32(1.0), np.float32(0.02))
    margin = 6
    wrapped = [np.concatenate([part[-margin:], part, part[:margin]]) for part in (height * weight, weight)]
    total, share = (cv2.GaussianBlur(part, (0, 0), sigmaX=0.7, sigmaY=1.5) for part in wrapped)
    return np.asarray((total / share)[margin:-margin], dtype=np.float32)


def _ring_position(range_m: NDArray, config: GroundConfig) -> NDArray:
    """In rings of lengths that grow with the range."""
    growth = np.float32(config.ring_growth)
    position: NDArray = np.log1p(range_m * np.float32(config.ring_growth / config.ring_m)) / growth
    return position


def _ring_middles(rings: int, config: GroundConfig) -> NDArray[np.float32]:
    return (config.ring_m / config.ring_growth * np.expm1((np.arange(rings) + 0.5) * config.ring_growth)).astype(
        np.float32
    )


def _sector(azimuth: NDArray, sectors: int) -> NDArray[np.int32]:
    scaled = (azimuth + np.float32(math.pi)) * np.float32(sectors / (2.0 * math.pi))
    return np.minimum(scaled.astype(np.int32), sectors - 1)
