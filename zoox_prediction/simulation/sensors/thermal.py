"""Longwave-infrared images: the same solids as apparent temperatures, 16 bit centikelvin.

Bodies, engines, wheels of vehicles at work are warm, parked ones are not; the road is warm by day and cold at night;
the sky is the coldest. All surfaces count as black (emissivity 1). The optics and the detector blur, pixels are noisy,
and rows and columns have offsets that stay the same (fixed-pattern noise). Fog weakens longwave infrared half as much
as visible light here; in fact it depends on the drops. Like the cameras' images these are for projection,
synchronisation and fusion tests, not for the training of detectors.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.scene import Attribute
from zoox_prediction.simulation.sensors.camera import ground_parts, rows_of, warped
from zoox_prediction.simulation.sensors.config import ThermalConfig
from zoox_prediction.simulation.sensors.rasterizer import GROUND, Picture, View, rasterize
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.surfaces import AIR_K, SKY_K, Surface, temperatures_k

_FOG_SHARE = 0.5
_ZENITH_RISE = 0.7  # sine of the elevation from which on the sky is as cold as it gets


def thermal_picture(config: ThermalConfig, scenery: Scenery) -> Picture:
    """Which polygon every pixel shows, and how far away it is."""
    return rasterize(scenery.polygons, scenery.num_faces, View.of(config, scenery))


def thermal_image(
    config: ThermalConfig, scenery: Scenery, random: np.random.Generator, pattern: np.random.Generator
) -> NDArray[np.uint16]:
    """(H, W) centikelvin; `pattern` draws the fixed pattern and is to be the same at every instant."""
    view, picture = View.of(config, scenery), thermal_picture(config, scenery)
    truth = scenery.truth
    kelvin = _sky_k(view, scenery)
    distance = view.distance_m(picture.inverse_depth)
    surfaces = np.arange(len(Surface))
    ground_k = temperatures_k(surfaces, np.zeros(len(surfaces), dtype=bool), truth.light).astype(np.float32)
    for patch, where in ground_parts(picture.index == GROUND, distance, scenery):
        rows = rows_of(where)
        surface = warped(patch.surface, patch, view, cv2.INTER_NEAREST, rows)
        np.copyto(kelvin[rows], ground_k[surface], where=where[rows])
    on_solid = picture.index >= 0
    kelvin[on_solid] = _polygon_k(scenery)[picture.index[on_solid]]
    air = np.float32(AIR_K[truth.light])
    clear = np.exp(np.float32(-_FOG_SHARE * truth.extinction_per_m) * distance)
    kelvin = air + clear * (kelvin - air)
    if config.blur_px > 0.0:
        kelvin = cv2.GaussianBlur(kelvin, (0, 0), config.blur_px)
    kelvin += np.float32(config.noise_deviation_k) * random.standard_normal(kelvin.shape, dtype=np.float32)
    height, width = kelvin.shape
    kelvin += (config.fixed_pattern_deviation_k * pattern.standard_normal(width)).astype(np.float32)
    kelvin += (config.fixed_pattern_deviation_k * pattern.standard_normal(height)).astype(np.float32)[:, None]
    steps = np.rint(kelvin * np.float32(100.0 / config.step_ck))
    return np.clip(steps * config.step_ck, 0, 65535).astype(np.uint16)


def _sky_k(view: View, scenery: Scenery) -> NDArray[np.float32]:
    light = scenery.truth.light
    share = np.clip(view.rise / np.float32(_ZENITH_RISE), 0.0, 1.0)
    return np.float32(AIR_K[light]) - share * np.float32(AIR_K[light] - SKY_K[light])


def _polygon_k(scenery: Scenery) -> NDArray[np.float32]:
    """(P,) of the polygons."""
    polygons, agents = scenery.polygons, scenery.truth.agents
    parked = np.append(agents.attributes & np.uint32(Attribute.PARKED) > 0, False)
    return temperatures_k(polygons.surface, parked[polygons.owner], scenery.truth.light).astype(np.float32)
