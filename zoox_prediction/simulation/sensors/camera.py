"""Camera images: shaded solids, painted ground and sky through a pinhole, by day, at night and in fog.

The images serve projection, synchronisation and fusion tests, not the training of image detectors: flat colours,
one sun, no shadows, no textures, no lens. The ego's own body is not in them.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.simulation.sensors.config import CameraConfig
from zoox_prediction.simulation.sensors.ground import NEAR_RADIUS_M, GroundPatch
from zoox_prediction.simulation.sensors.rasterizer import GROUND, SKY, Picture, View, rasterize
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.surfaces import GLOWS, colors_bgr
from zoox_prediction.simulation.sensors.truth import Light

FloatArray = NDArray[np.float64]
Image = NDArray[np.uint8]

_TO_SUN = np.array([0.35, 0.5, 0.79])  # about a unit vector, in the map
_SKY_BGR = {Light.DAY: ((235, 218, 200), (214, 160, 104)), Light.NIGHT: ((38, 30, 26), (22, 15, 12))}  # horizon, up
_FOG_BGR = {Light.DAY: (208, 206, 204), Light.NIGHT: (40, 38, 36)}
_NIGHT_GLOW = 0.22  # share of the colour that street lights show
_HEADLIGHT, _HEADLIGHT_REACH_M = 0.75, 28.0  # share that the ego's headlights add, falling off over this distance
_NEAR_GROUND_M = NEAR_RADIUS_M - 6.0  # sensors are not at base_link


def camera_picture(config: CameraConfig, scenery: Scenery) -> Picture:
    """Which polygon every pixel shows, and how far away it is."""
    return rasterize(scenery.polygons, scenery.num_faces, View.of(config, scenery))


def camera_image(config: CameraConfig, scenery: Scenery, random: np.random.Generator) -> Image:
    """(H, W, 3) blue, green, red."""
    view, picture = View.of(config, scenery), camera_picture(config, scenery)
    truth = scenery.truth
    distance = view.distance_m(picture.inverse_depth)
    image = _sky(view, truth.light)
    on_ground = picture.index == GROUND
    _paint_ground(image, on_ground, distance, scenery, view)
    on_solid = np.flatnonzero(picture.index.reshape(-1) >= 0)
    shown = picture.index.reshape(-1)[on_solid]
    image.reshape(-1, 3)[on_solid] = _shaded(scenery)[shown]
    if truth.light == Light.NIGHT:
        _darken(image, picture, distance, scenery, view)
    _add_fog(image, distance, truth.extinction_per_m, _FOG_BGR[truth.light])
    return _with_noise(image, config.noise_deviation, random)


def _sky(view: View, light: Light) -> Image:
    """(H, W, 3) everywhere; lighter towards the horizon."""
    horizon, up = (np.array(color, dtype=np.float64) for color in _SKY_BGR[light])
    table = horizon + np.linspace(0.0, 1.0, 256)[:, None] * (up - horizon)
    share = np.clip(view.rise * np.float32(510.0), 0.0, 255.0).astype(np.uint8)
    return np.asarray(cv2.LUT(cv2.merge([share] * 3), table[:, None].astype(np.uint8)), dtype=np.uint8)


def _paint_ground(
    image: Image, on_ground: NDArray[np.bool_], distance: NDArray[np.float32], scenery: Scenery, view: View
) -> None:
    for patch, where in ground_parts(on_ground, distance, scenery):
        rows = rows_of(where)
        cv2.copyTo(
            warped(patch.color_bgr, patch, view, cv2.INTER_LINEAR, rows), where[rows].view(np.uint8), image[rows]
        )


def ground_parts(
    on_ground: NDArray[np.bool_], distance: NDArray[np.float32], scenery: Scenery
) -> Iterator[tuple[GroundPatch, NDArray[np.bool_]]]:
    """The fine patch of the ground and the pixels (H, W) near the ego, then the coarse one and those farther away."""
    near = on_ground & (distance < _NEAR_GROUND_M)
    if near.any():
        yield scenery.near_ground, near
    far = on_ground & ~near
    if far.any():
        yield scenery.far_ground, far


def rows_of(where: NDArray[np.bool_]) -> slice:
    """The rows of an image (H, W) that hold all true pixels, of which there is one at least."""
    rows = np.flatnonzero(where.any(axis=1))
    return slice(int(rows[0]), int(rows[-1]) + 1)


def warped(
    values: NDArray[np.uint8], patch: GroundPatch, view: View, interpolation: int, rows: slice
) -> NDArray[np.uint8]:
    """(rows, W, ...) the values of a patch's pixels as some rows of the view see them; outside of the patch its rim.

    Above the horizon, where no ground is, are values of mirrored places.
    """
    homography = view.image_from_ground @ patch.map_from_pixel
    homography[1] -= rows.start * homography[2]
    size = (view.width_px, rows.stop - rows.start)
    seen = cv2.warpPerspective(values, homography, size, flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, dtype=np.uint8)


def _shaded(scenery: Scenery) -> Image:
    """(P, 3) colours of the polygons in the light of the instant."""
    polygons, agents = scenery.polygons, scenery.truth.agents
    ids = np.append(agents.ids, 0)[np.maximum(polygons.owner, -1)]
    colors = colors_bgr(polygons.surface, ids)
    glows = GLOWS[polygons.surface]
    brightness = 0.55 + 0.45 * np.maximum(polygons.normal @ _TO_SUN, 0.0) + 0.08 * polygons.normal[:, 2]
    colors *= np.where(glows, 1.0, brightness)[:, None]
    return np.clip(colors, 0.0, 255.0).astype(np.uint8)


def _darken(image: Image, picture: Picture, distance: NDArray[np.float32], scenery: Scenery, view: View) -> None:
    """Night: a little light everywhere, the ego's headlights before it, and what shines by itself."""
    ego = scenery.truth.ego
    ahead = np.array([np.cos(ego.yaw), np.sin(ego.yaw), 0.0])
    # The cosine between the ray and the ego's heading tells what lies in the beam of its headlights.
    in_beam = np.clip((view.cosine_to(ahead) - 0.6) / 0.4, 0.0, 1.0)
    light = _NIGHT_GLOW + _HEADLIGHT * in_beam * np.exp(-distance / _HEADLIGHT_REACH_M)
    glows = np.append(GLOWS[scenery.polygons.surface], [True, False])  # SKY is -2, GROUND is -1
    light[glows[picture.index]] = 1.0
    light[picture.index == SKY] = 1.0
    np.copyto(image, (image * cv2.merge([light] * 3)).astype(np.uint8))


def _add_fog(image: Image, distance: NDArray[np.float32], extinction_per_m: float, fog: tuple[int, int, int]) -> None:
    """Air light takes the place of what the air swallows (Koschmieder, 1924)."""
    clear = np.exp(np.float32(-extinction_per_m) * distance)
    color = np.tile(np.array(fog, dtype=np.float32), (image.shape[1], 1))  # long rows are fast
    blended = image - color
    blended *= cv2.merge([clear] * 3)
    blended += color
    np.copyto(image, blended.astype(np.uint8))


def _with_noise(image: Image, deviation: float, random: np.random.Generator) -> Image:
    """The same noise on all channels: of the brightness."""
    if deviation == 0.0:
        return image
    noise = random.standard_normal(image.shape[:2], dtype=np.float32) * np.float32(deviation)
    return np.asarray(cv2.add(image, cv2.merge([noise] * 3), dtype=cv2.CV_8U), dtype=np.uint8)
