"""What things are made of: the colour, the reflectivity and the temperature of every kind of surface.

The numbers are plausible, not measured: pictures made of them serve projection, synchronisation and fusion.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.simulation.sensors.truth import Light


class Surface(IntEnum):
    """Of a face or of a patch on one."""

    ASPHALT = 0
    MARKING = 1
    WALKWAY = 2
    GRASS = 3
    KERB = 4
    PARKING = 5
    BICYCLE_LANE = 6
    PAINT = 7  # of a vehicle, in its own colour
    HOOD = 8  # the same over the engine
    GLASS = 9
    CARGO = 10
    WHEEL = 11
    METAL = 12
    CLOTH = 13  # in the agent's own colour
    TROUSERS = 14
    SKIN = 15
    HAIR = 16
    FUR = 17
    PLAIN = 18
    PHONE = 19
    SIGNAL_HOUSING = 20
    BRAKE_OFF = 21
    BRAKE_ON = 22
    INDICATOR_OFF = 23
    INDICATOR_ON = 24
    REVERSING_OFF = 25
    REVERSING_ON = 26
    HEADLIGHT_OFF = 27
    HEADLIGHT_ON = 28
    BEACON_OFF = 29
    BEACON_ON = 30
    SIGNAL_OFF = 31
    SIGNAL_RED = 32
    SIGNAL_YELLOW = 33
    SIGNAL_GREEN = 34
    TAIL_LIGHT = 35  # the brake light's place by night, not braking
    FRAME = 36  # of a bicycle


# Blue, green, red; reflectivity at 905 nm; kelvin above the air by day and by night, when at work and when parked.
_TABLE: dict[Surface, tuple[tuple[int, int, int], float, tuple[float, float, float, float]]] = {
    Surface.ASPHALT: ((92, 90, 88), 0.12, (14.0, -1.0, 14.0, -1.0)),
    Surface.MARKING: ((225, 228, 228), 0.75, (10.0, -1.5, 10.0, -1.5)),
    Surface.WALKWAY: ((150, 156, 160), 0.28, (11.0, -2.0, 11.0, -2.0)),
    Surface.GRASS: ((70, 112, 86), 0.4, (4.0, -4.0, 4.0, -4.0)),
    Surface.KERB: ((172, 176, 178), 0.35, (12.0, -1.5, 12.0, -1.5)),
    Surface.PARKING: ((106, 100, 98), 0.13, (14.0, -1.0, 14.0, -1.0)),
    Surface.BICYCLE_LANE: ((76, 76, 142), 0.16, (14.0, -1.0, 14.0, -1.0)),
    Surface.PAINT: ((160, 160, 160), 0.4, (8.0, 1.5, 6.0, -3.0)),
    Surface.HOOD: ((160, 160, 160), 0.4, (22.0, 14.0, 7.0, -3.0)),
    Surface.GLASS: ((74, 62, 52), 0.05, (2.0, -2.0, 2.0, -6.0)),
    Surface.CARGO: ((205, 208, 208), 0.5, (6.0, -1.5, 6.0, -3.0)),
    Surface.WHEEL: ((34, 34, 34), 0.06, (24.0, 18.0, 8.0, -2.0)),
    Surface.METAL: ((60, 60, 64), 0.25, (10.0, 12.0, 6.0, -2.0)),
    Surface.CLOTH: ((120, 90, 70), 0.3, (8.0, 14.0, 8.0, 14.0)),
    Surface.TROUSERS: ((72, 58, 50), 0.2, (7.0, 12.0, 7.0, 12.0)),
    Surface.SKIN: ((148, 176, 218), 0.45, (13.0, 24.0, 13.0, 24.0)),
    Surface.HAIR: ((36, 48, 66), 0.15, (10.0, 17.0, 10.0, 17.0)),
    Surface.FUR: ((66, 98, 132), 0.3, (9.0, 13.0, 9.0, 13.0)),
    Surface.PLAIN: ((120, 120, 132), 0.35, (5.0, 0.0, 5.0, -1.0)),
    Surface.PHONE: ((250, 226, 190), 0.3, (14.0, 22.0, 14.0, 22.0)),
    Surface.SIGNAL_HOUSING: ((26, 30, 26), 0.1, (8.0, -2.0, 8.0, -2.0)),
    Surface.BRAKE_OFF: ((28, 22, 96), 0.6, (8.0, 2.0, 6.0, -3.0)),
    Surface.BRAKE_ON: ((70, 60, 255), 0.6, (12.0, 8.0, 12.0, 8.0)),
    Surface.INDICATOR_OFF: ((40, 84, 132), 0.6, (8.0, 2.0, 6.0, -3.0)),
    Surface.INDICATOR_ON: ((40, 176, 255), 0.6, (12.0, 8.0, 12.0, 8.0)),
    Surface.REVERSING_OFF: ((150, 150, 150), 0.6, (8.0, 2.0, 6.0, -3.0)),
    Surface.REVERSING_ON: ((255, 255, 255), 0.6, (12.0, 8.0, 12.0, 8.0)),
    Surface.HEADLIGHT_OFF: ((190, 190, 190), 0.6, (8.0, 2.0, 6.0, -3.0)),
    Surface.HEADLIGHT_ON: ((235, 250, 255), 0.6, (14.0, 16.0, 14.0, 16.0)),
    Surface.BEACON_OFF: ((110, 40, 30), 0.6, (8.0, 2.0, 6.0, -3.0)),
    Surface.BEACON_ON: ((255, 120, 60), 0.6, (12.0, 8.0, 12.0, 8.0)),
    Surface.SIGNAL_OFF: ((22, 26, 30), 0.3, (8.0, -1.0, 8.0, -1.0)),
    Surface.SIGNAL_RED: ((50, 40, 250), 0.3, (12.0, 5.0, 12.0, 5.0)),
    Surface.SIGNAL_YELLOW: ((40, 200, 255), 0.3, (12.0, 5.0, 12.0, 5.0)),
    Surface.SIGNAL_GREEN: ((150, 235, 70), 0.3, (12.0, 5.0, 12.0, 5.0)),
    Surface.TAIL_LIGHT: ((36, 26, 170), 0.6, (10.0, 4.0, 6.0, -3.0)),
    Surface.FRAME: ((52, 50, 50), 0.2, (6.0, -1.0, 6.0, -2.0)),
}
_GLOWING = (
    Surface.PHONE, Surface.BRAKE_ON, Surface.INDICATOR_ON, Surface.REVERSING_ON, Surface.HEADLIGHT_ON,
    Surface.BEACON_ON, Surface.SIGNAL_RED, Surface.SIGNAL_YELLOW, Surface.SIGNAL_GREEN, Surface.TAIL_LIGHT,
)  # fmt: skip

COLOR_BGR = np.array([_TABLE[each][0] for each in Surface], dtype=np.float64)  # (surfaces, 3)
REFLECTIVITY = np.array([_TABLE[each][1] for each in Surface])  # (surfaces,)
GLOWS = np.isin(np.arange(len(Surface)), _GLOWING)  # (surfaces,) shines by itself
_WARMTH_K = np.array([_TABLE[each][2] for each in Surface])  # (surfaces, 4)

AIR_K = {Light.DAY: 291.0, Light.NIGHT: 281.0}
SKY_K = {Light.DAY: 255.0, Light.NIGHT: 238.0}  # overhead; near the horizon it is as warm as the air

_PAINTS = np.array(
    [
        [235, 235, 235], [40, 40, 42], [150, 150, 152], [95, 90, 88], [52, 48, 178],
        [150, 84, 44], [84, 120, 60], [60, 160, 205], [190, 186, 178], [100, 46, 40],
    ],
    dtype=np.float64,
)  # fmt: skip
_CLOTHS = np.array(
    [
        [60, 54, 190], [176, 100, 50], [80, 150, 60], [60, 180, 220], [150, 70, 150],
        [70, 70, 72], [200, 200, 205], [40, 110, 220], [130, 130, 40], [90, 60, 40],
    ],
    dtype=np.float64,
)  # fmt: skip
_HASH = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: neighbouring ids get different colours


def colors_bgr(surface: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n, 3) unlit colours, 0 to 255, of surfaces (n,) on agents with the ids (n,), which keep their colours."""
    colors = COLOR_BGR[surface]
    number = ((ids.astype(np.uint64) * _HASH) >> np.uint64(40)).astype(np.int64)
    painted = (surface == Surface.PAINT) | (surface == Surface.HOOD)
    colors[painted] = _PAINTS[number[painted] % len(_PAINTS)]
    dressed = surface == Surface.CLOTH
    colors[dressed] = _CLOTHS[number[dressed] % len(_CLOTHS)]
    return colors


def temperatures_k(surface: NDArray[np.int64], parked: NDArray[np.bool_], light: Light) -> NDArray[np.float64]:
    """(n,) kelvin of surfaces (n,), of things that are parked (n,) or at work."""
    column = np.where(parked, 2, 0) + (light == Light.NIGHT)
    kelvin: NDArray[np.float64] = AIR_K[light] + _WARMTH_K[surface, column]
    return kelvin
