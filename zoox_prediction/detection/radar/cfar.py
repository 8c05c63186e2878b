"""Echoes in the polar images of a scanning radar, as points.

Cell-averaging CFAR (constant false alarm rate) along every direction: a cell is an echo when it stands out from the
mean of the cells around it by a multiple of their deviation (H. Rohling, "Radar CFAR thresholding in clutter and
multiple target situations", IEEE TAES 1983). Images are in a logarithmic unit, as these radars send them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from zoox_prediction.detection.radar.config import CfarConfig
from zoox_prediction.errors import InputError
from zoox_prediction.sensor_data import PointCloud


def polar_image_points(
    image: NDArray,
    azimuth_rad: NDArray,
    range_resolution_m: float,
    config: CfarConfig | None = None,
    time_s: NDArray | None = None,
) -> PointCloud:
    """The echoes of `image` (A, R) in the plane z = 0 of the sensor, their strength as intensity.

    Row i was measured in the direction `azimuth_rad[i]`, counter-clockwise from +x, `time_s[i]` after the stamp; column
    j at the range (j + 0.5) * range_resolution_m. Raises InputError when the arrays do not fit together or the
    resolution is not above 0.
    """
    config = config or CfarConfig()
    azimuth = np.asarray(azimuth_rad, dtype=np.float64)
    if image.ndim != 2 or azimuth.shape != (len(image),):
        raise InputError(
            f"a polar radar image {image.shape} has {azimuth.size} azimuths; give one for every row, rows first"
        )
    if time_s is not None and np.shape(time_s) != azimuth.shape:
        raise InputError(f"a polar radar image of {len(image)} rows has {np.size(time_s)} times; give one a row")
    if not (np.isfinite(range_resolution_m) and range_resolution_m > 0.0):
        raise InputError(f"the range resolution of a radar image must be above 0, got {range_resolution_m:g}")
    strength = np.nan_to_num(image.astype(np.float32))
    row, column = np.nonzero(_echoes(strength, range_resolution_m, config))
    distance = (column + 0.5) * range_resolution_m
    position = np.column_stack(
        [distance * np.cos(azimuth[row]), distance * np.sin(azimuth[row]), np.zeros(len(row))]
    ).astype(np.float32)
    times = None if time_s is None else np.asarray(time_s, dtype=np.float32)[row]
    return PointCloud(position, intensity=strength[row, column], time_s=times)


def _echoes(strength: NDArray[np.float32], resolution_m: float, config: CfarConfig) -> NDArray[np.bool_]:
    """(A, R) the cells that stand out and are the strongest nearby."""
    guard = 2 * round(config.guard_m / resolution_m) + 1
    window = guard + 2 * max(round(config.training_m / resolution_m), 1)
    cells = window - guard
    mean = _ring_mean(strength, window, guard, cells)
    variance = np.maximum(_ring_mean(strength**2, window, guard, cells) - mean**2, 0.0)
    threshold = mean + np.maximum(config.threshold_deviations * np.sqrt(variance), config.min_contrast)
    peak = maximum_filter1d(strength, 2 * max(round(config.separation_m / resolution_m), 1) + 1, axis=1, mode="nearest")
    echoes: NDArray[np.bool_] = (strength > threshold) & (strength >= peak)
    echoes[:, : round(config.min_range_m / resolution_m)] = False
    return echoes


def _ring_mean(values: NDArray[np.float32], window: int, guard: int, cells: int) -> NDArray[np.float32]:
    """(A, R) mean over the window without the guard cells in its middle."""
    outer = uniform_filter1d(values, window, axis=1, mode="reflect")
    inner = uniform_filter1d(values, guard, axis=1, mode="reflect")
    mean: NDArray[np.float32] = (outer * window - inner * guard) / cells
    return mean
