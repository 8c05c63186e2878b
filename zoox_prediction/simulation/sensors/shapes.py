"""What each class of agent looks like: a few convex solids, and flat patches (wheels, lamps, windows) on them.

All numbers are shares of the agent's box: x forward and y left from -0.5 to 0.5, z up from 0 to 1. All sensors see the
same solids; patches have no thickness and only cameras see them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.scene import AgentClass, Attribute
from zoox_prediction.simulation.sensors.surfaces import Surface

PATCH_CORNERS = 8
_NEVER = Attribute(0)
_PROUD_M = 0.01  # patches stand out of their faces by this


@dataclass(frozen=True)
class Part:
    """A frustum: a rectangle at the bottom, one at the top, both x_min, x_max, y_min, y_max, and flat faces between."""

    bottom: tuple[float, float, float, float]
    top: tuple[float, float, float, float]
    height: tuple[float, float]  # z of both
    surface: Surface
    top_surface: Surface | None = None  # of the upper face, if it is another
    front_surface: Surface | None = None
    is_head: bool = False  # turns to the ego when the attribute says so
    needs: Attribute = _NEVER  # only there when this attribute is on

    @property
    def corners(self) -> NDArray[np.float64]:
        """(8, 3): front-left, rear-left, rear-right, front-right of the bottom, then of the top."""
        rings = []
        for (x_min, x_max, y_min, y_max), z in zip((self.bottom, self.top), self.height, strict=True):
            rings += [[x_max, y_max, z], [x_min, y_max, z], [x_min, y_min, z], [x_max, y_min, z]]
        return np.array(rings)

    @property
    def surfaces(self) -> NDArray[np.int64]:
        """(6,) in the order of `solids.FACES`: bottom, top, front, rear, left, right."""
        top = self.surface if self.top_surface is None else self.top_surface
        front = self.surface if self.front_surface is None else self.front_surface
        return np.array([self.surface, top, front, self.surface, self.surface, self.surface], dtype=np.int64)


@dataclass(frozen=True)
class Patch:
    """A convex polygon on the hull of the agent's box, `share` (8, 3) of the box plus `offset_m` (8, 3)."""

    share: NDArray[np.float64]
    offset_m: NDArray[np.float64]
    normal: tuple[float, float, float]
    surface: Surface
    lit_surface: Surface | None = None
    lit_by: Attribute = _NEVER  # any of these lights it
    blinks: bool = False
    night_surface: Surface | None = None  # unlit, by night, when not parked


def _straight(
    x: tuple[float, float],
    y: tuple[float, float],
    z: tuple[float, float],
    surface: Surface,
    top_surface: Surface | None = None,
    front_surface: Surface | None = None,
) -> Part:
    return Part((*x, *y), (*x, *y), z, surface, top_surface, front_surface)


def _wheels(x_shares: Iterable[float], radius_m: float) -> list[Patch]:
    angle = (np.arange(PATCH_CORNERS) + 0.5) * (2.0 * np.pi / PATCH_CORNERS)
    circle = radius_m * np.column_stack([np.cos(angle), np.zeros(PATCH_CORNERS), np.sin(angle)])
    patches = []
    for x in x_shares:
        for side in (1.0, -1.0):
            share = np.tile([x, 0.5 * side, 0.0], (PATCH_CORNERS, 1))
            offset = circle + np.array([0.0, side * _PROUD_M, radius_m])
            patches.append(Patch(share, offset, (0.0, side, 0.0), Surface.WHEEL))
    return patches


def _plate(face: str, across: tuple[float, float], z: tuple[float, float], surface: Surface) -> Patch:
    """A rectangle on the front, rear, left or right of the box; `across` is y on the first two, x on the others."""
    axis, sign = {"front": (0, 1.0), "rear": (0, -1.0), "left": (1, 1.0), "right": (1, -1.0)}[face]
    corners = np.array([[across[0], z[0]], [across[1], z[0]], [across[1], z[1]], [across[0], z[1]]])
    share = np.insert(corners, axis, 0.5 * sign, axis=1)
    share = np.vstack([share, np.tile(share[-1:], (PATCH_CORNERS - 4, 1))])
    normal = (0.0, sign, 0.0) if axis else (sign, 0.0, 0.0)
    offset = np.tile(_PROUD_M * np.array(normal), (PATCH_CORNERS, 1))
    return Patch(share, offset, normal, surface)


def _brake_light(across: tuple[float, float], z: tuple[float, float]) -> Patch:
    plate = _plate("rear", across, z, Surface.BRAKE_OFF)
    return replace(plate, lit_surface=Surface.BRAKE_ON, lit_by=Attribute.BRAKE_LIGHT, night_surface=Surface.TAIL_LIGHT)


def _indicator(face: str, across: tuple[float, float], z: tuple[float, float], lamp: Attribute) -> Patch:
    plate = _plate(face, across, z, Surface.INDICATOR_OFF)
    return replace(plate, lit_surface=Surface.INDICATOR_ON, lit_by=lamp | Attribute.HAZARD, blinks=True)


def _lamps(z: tuple[float, float], outer: float = 0.47, inner: float = 0.3) -> list[Patch]:
    """Brake and reversing lights, headlights, and indicators at all four corners."""
    patches = []
    middle = outer - 0.35 * (outer - inner)
    for side, indicator in ((1.0, Attribute.LEFT_INDICATOR), (-1.0, Attribute.RIGHT_INDICATOR)):
        wide = (side * inner, side * middle)
        corner = (side * middle, side * outer)
        low = (z[0] - 0.8 * (z[1] - z[0]), z[0] - 0.1 * (z[1] - z[0]))
        reversing = _plate("rear", wide, low, Surface.REVERSING_OFF)
        headlight = _plate("front", wide, z, Surface.HEADLIGHT_OFF)
        patches += [
            _brake_light(wide, z),
            replace(reversing, lit_surface=Surface.REVERSING_ON, lit_by=Attribute.REVERSING_LIGHT),
            replace(headlight, night_surface=Surface.HEADLIGHT_ON),
            *(_indicator(face, corner, z, indicator) for face in ("front", "rear")),
        ]
    return patches


_ALL = (-0.5, 0.5)
_BEACON = Part(
    (-0.08, -0.02, -0.3, 0.3), (-0.08, -0.02, -0.3, 0.3), (1.0, 1.08), Surface.BEACON_OFF, needs=Attribute.EMERGENCY
)
_PERSON = (
    Part((-0.22, 0.22, -0.32, 0.32), (-0.28, 0.28, -0.36, 0.36), (0.0, 0.48), Surface.TROUSERS),
    Part((-0.28, 0.28, -0.4, 0.4), (-0.28, 0.28, -0.5, 0.5), (0.48, 0.85), Surface.CLOTH),
    Part(
        (-0.2, 0.2, -0.18, 0.18), (-0.2, 0.2, -0.18, 0.18), (0.85, 1.0), Surface.HAIR,
        front_surface=Surface.SKIN, is_head=True,
    ),
    Part(
        (0.36, 0.4, -0.24, -0.08), (0.44, 0.48, -0.24, -0.08), (0.68, 0.76), Surface.PHONE,
        needs=Attribute.HOLDING_PHONE,
    ),
)  # fmt: skip
_RIDER_HEAD = Part(
    (-0.1, 0.06, -0.22, 0.22), (-0.1, 0.06, -0.22, 0.22), (0.86, 1.0), Surface.HAIR,
    front_surface=Surface.SKIN, is_head=True,
)  # fmt: skip

PARTS: dict[AgentClass, tuple[Part, ...]] = {
    AgentClass.CAR: (
        _straight((0.2, 0.5), _ALL, (0.13, 0.56), Surface.PAINT, top_surface=Surface.HOOD, front_surface=Surface.HOOD),
        _straight((-0.5, 0.2), _ALL, (0.13, 0.6), Surface.PAINT),
        Part(
            (-0.44, 0.26, -0.48, 0.48), (-0.34, 0.08, -0.38, 0.38), (0.6, 1.0), Surface.GLASS, top_surface=Surface.PAINT
        ),
        _BEACON,
        Part(
            (0.1, 0.12, 0.5, 0.92), (0.1, 0.12, 0.5, 0.92), (0.18, 0.95), Surface.PAINT, needs=Attribute.DOOR_OPEN
        ),
    ),
    AgentClass.TRUCK: (
        _straight((0.28, 0.5), _ALL, (0.12, 0.8), Surface.PAINT, front_surface=Surface.HOOD),
        _straight((-0.5, 0.26), _ALL, (0.26, 1.0), Surface.CARGO),
        _straight((-0.48, 0.26), (-0.4, 0.4), (0.12, 0.26), Surface.METAL),
        _BEACON,
    ),
    AgentClass.BUS: (_straight(_ALL, _ALL, (0.1, 1.0), Surface.PAINT),),
    AgentClass.MOTORCYCLIST: (
        _straight((-0.5, -0.2), (-0.1, 0.1), (0.0, 0.4), Surface.WHEEL),
        _straight((0.2, 0.5), (-0.1, 0.1), (0.0, 0.4), Surface.WHEEL),
        Part((-0.36, 0.36, -0.18, 0.18), (-0.5, 0.5, -0.18, 0.18), (0.12, 0.5), Surface.METAL),
        Part((-0.3, 0.02, -0.4, 0.4), (-0.18, 0.1, -0.5, 0.5), (0.48, 0.86), Surface.CLOTH),
        _RIDER_HEAD,
    ),
    AgentClass.CYCLIST: (
        _straight((-0.5, -0.14), (-0.05, 0.05), (0.0, 0.38), Surface.FRAME),
        _straight((0.14, 0.5), (-0.05, 0.05), (0.0, 0.38), Surface.FRAME),
        _straight((-0.3, 0.3), (-0.06, 0.06), (0.3, 0.42), Surface.FRAME),
        Part((-0.06, 0.1, -0.3, 0.3), (-0.22, 0.02, -0.3, 0.3), (0.14, 0.52), Surface.TROUSERS),
        Part((-0.22, 0.0, -0.36, 0.36), (-0.12, 0.14, -0.5, 0.5), (0.52, 0.86), Surface.CLOTH),
        _RIDER_HEAD,
    ),
    AgentClass.PEDESTRIAN: _PERSON,
    AgentClass.ANIMAL: (
        _straight((-0.42, 0.3), (-0.4, 0.4), (0.4, 0.86), Surface.FUR),
        _straight((0.3, 0.5), (-0.28, 0.28), (0.58, 1.0), Surface.FUR),
        _straight((0.14, 0.28), (-0.38, 0.38), (0.0, 0.4), Surface.FUR),
        _straight((-0.4, -0.26), (-0.38, 0.38), (0.0, 0.4), Surface.FUR),
    ),
    AgentClass.UNKNOWN: (_straight(_ALL, _ALL, (0.0, 1.0), Surface.PLAIN),),
}  # fmt: skip

PATCHES: dict[AgentClass, tuple[Patch, ...]] = {
    AgentClass.CAR: (*_wheels((0.31, -0.31), 0.33), *_lamps((0.4, 0.5))),
    AgentClass.TRUCK: (
        *_wheels((0.36, -0.24, -0.37), 0.5),
        *_lamps((0.28, 0.33)),
        _plate("front", (-0.42, 0.42), (0.5, 0.75), Surface.GLASS),
        *(_plate(face, (0.36, 0.48), (0.5, 0.74), Surface.GLASS) for face in ("left", "right")),
    ),
    AgentClass.BUS: (
        *_wheels((0.3, -0.26), 0.48),
        *_lamps((0.2, 0.26)),
        _plate("front", (-0.45, 0.45), (0.36, 0.84), Surface.GLASS),
        _plate("rear", (-0.4, 0.4), (0.52, 0.8), Surface.GLASS),
        _plate("rear", (-0.3, 0.3), (0.3, 0.48), Surface.HOOD),
        *(_plate(face, (-0.46, 0.46), (0.45, 0.8), Surface.GLASS) for face in ("left", "right")),
    ),
    AgentClass.MOTORCYCLIST: (
        _brake_light((-0.12, 0.12), (0.4, 0.48)),
        _plate("front", (-0.12, 0.12), (0.4, 0.5), Surface.HEADLIGHT_ON),
        *(
            _indicator(face, (0.12 * side, 0.18 * side), (0.36, 0.44), lamp)
            for face in ("front", "rear")
            for side, lamp in ((1.0, Attribute.LEFT_INDICATOR), (-1.0, Attribute.RIGHT_INDICATOR))
        ),
    ),
    AgentClass.CYCLIST: (),
    AgentClass.PEDESTRIAN: (),
    AgentClass.ANIMAL: (),
    AgentClass.UNKNOWN: (),
}  # fmt: skip
