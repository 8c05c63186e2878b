"""What stands beside a street and is no road user: poles, trees, bushes, fences, walls, houses, cabinets, kerbs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import box_distance
from zoox_prediction.scene import TrackedAgents
from zoox_prediction.simulation.sensors.solids import Solids
from zoox_prediction.simulation.sensors.surfaces import Surface

FloatArray = NDArray[np.float64]

_NEAR_M = 0.35  # nothing stands nearer to a road user


@dataclass(frozen=True)
class Clutter:
    """S solids, each with an owner of its own, and how far a lidar's pulse goes into each on average (S,)."""

    solids: Solids
    roughness_m: FloatArray


@dataclass(frozen=True)
class _Block:
    """A frustum with a rectangular bottom and a top that is `taper` times as large, in the axes of its thing."""

    x: float
    y: float
    size: tuple[float, float]
    z: tuple[float, float]
    yaw: float = 0.0
    taper: float = 1.0
    roughness_m: float = 0.0


Random = np.random.Generator


def _pole(random: Random) -> list[_Block]:
    width = random.uniform(0.06, 0.4)
    height = random.uniform(0.6, 1.3) if random.random() < 0.5 else random.uniform(1.3, 8.0)
    blocks = [_Block(0.0, 0.0, (width, width * random.uniform(0.5, 1.0)), (0.0, height))]
    if random.random() < 0.3:  # with a sign
        bottom = random.uniform(0.9, 2.3)
        blocks.append(_Block(0.0, 0.0, (0.06, random.uniform(0.5, 1.2)), (bottom, bottom + random.uniform(0.5, 1.0))))
    return blocks


def _shrub(random: Random) -> list[_Block]:
    height, roughness = random.uniform(0.5, 1.9), random.uniform(0.02, 0.2)
    return [
        _leaves(random, 0.15, _pair(random, 0.2, 0.8), (0.0, height * random.uniform(0.6, 1.0)), roughness)
        for _ in range(random.integers(1, 3))
    ]


def _tree(random: Random) -> list[_Block]:
    width, bottom = random.uniform(0.15, 0.7), random.uniform(1.2, 3.5)
    crown = random.uniform(1.5, 6.0)
    blocks = [_Block(0.0, 0.0, (width, width), (0.0, bottom + 1.0), taper=0.8, roughness_m=0.02)]
    for _ in range(3):
        low = bottom + random.uniform(0.0, 1.0)
        size = (crown, crown * random.uniform(0.6, 1.0))
        blocks.append(_leaves(random, 0.3 * crown, size, (low, low + random.uniform(2.0, 5.0)), 0.35))
    return blocks


def _bush(random: Random) -> list[_Block]:
    spread, height, roughness = random.uniform(0.3, 2.0), random.uniform(0.4, 2.4), random.uniform(0.05, 0.3)
    return [
        _leaves(random, 0.8 * spread, _pair(random, 0.2, 0.9), (0.0, height * random.uniform(0.5, 1.0)), roughness)
        for _ in range(random.integers(2, 12))
    ]


def _grove(random: Random) -> list[_Block]:
    """Undergrowth: many small leaves with gaps between, that a lidar looks into."""
    spread, height = random.uniform(1.0, 6.0), random.uniform(0.5, 3.0)
    leaf = random.uniform(0.08, 0.4)
    return [
        _leaves(random, 0.8 * spread, _pair(random, 0.5 * leaf, 2.0 * leaf), (low, low + 2.0 * leaf), 0.15)
        for low in random.uniform(0.0, height, random.integers(15, 80))
    ]


def _hedge(random: Random) -> list[_Block]:
    length, height, depth = random.uniform(2.0, 20.0), random.uniform(0.6, 2.5), random.uniform(0.4, 1.5)
    blocks = []
    for x in np.linspace(-0.5 * length, 0.5 * length, max(int(length / 0.8), 2)):
        size = (1.0, depth * random.uniform(0.7, 1.2))
        part = _leaves(random, 0.1, size, (0.0, height * random.uniform(0.8, 1.1)), 0.12)
        blocks.append(replace(part, x=x, yaw=random.normal(0.0, 0.2)))
    return blocks


def _leaves(
    random: Random, spread_m: float, size: tuple[float, float], z: tuple[float, float], roughness_m: float
) -> _Block:
    """A rough block, turned anyhow, somewhere within `spread_m` of the middle."""
    x, y = random.uniform(-spread_m, spread_m, 2)
    return _Block(x, y, size, z, random.uniform(0.0, np.pi), random.uniform(0.3, 1.3), roughness_m)


def _pair(random: Random, low: float, high: float) -> tuple[float, float]:
    return random.uniform(low, high), random.uniform(low, high)


def _wall(random: Random) -> list[_Block]:
    length, height = random.uniform(1.0, 25.0), random.choice([random.uniform(0.3, 1.2), random.uniform(1.5, 3.0)])
    return [_Block(0.0, 0.0, (length, random.uniform(0.1, 0.5)), (0.0, height))]


def _house(random: Random) -> list[_Block]:
    length, depth = random.uniform(5.0, 30.0), random.uniform(4.0, 12.0)
    blocks = [_Block(0.0, 0.0, (length, depth), (0.0, random.uniform(3.0, 12.0)))]
    for _ in range(random.integers(0, 6)):  # porches, steps, pillars
        x, side = random.uniform(-0.5, 0.5) * length, random.choice([-1.0, 1.0])
        wide = random.uniform(0.3, 3.0)
        blocks.append(_Block(x, side * 0.5 * depth, (wide, random.uniform(0.3, 2.0)), (0.0, random.uniform(0.4, 3.0))))
    return blocks


def _fence(random: Random) -> list[_Block]:
    length, height = random.uniform(2.0, 20.0), random.uniform(0.8, 2.0)
    blocks = [_Block(x, 0.0, (0.1, 0.1), (0.0, height)) for x in np.arange(-0.5 * length, 0.5 * length, 2.0)]
    bars = random.uniform(0.2, 1.0)
    blocks += [
        _Block(x, 0.0, (bars * 0.4, 0.04), (0.1, height - 0.05)) for x in np.arange(-0.5 * length, 0.5 * length, 0.5)
    ]
    return blocks


def _cabinet(random: Random) -> list[_Block]:
    """Bins, letter boxes, cabinets, benches, tables."""
    size = (random.uniform(0.3, 2.0), random.uniform(0.3, 0.9))
    return [_Block(0.0, 0.0, size, (0.0, random.uniform(0.4, 1.6)), taper=random.uniform(0.8, 1.1))]


def _low(random: Random) -> list[_Block]:
    """Kerbs, tufts, steps, guard rails."""
    size = (random.uniform(0.3, 8.0), random.uniform(0.1, 1.0))
    top = random.uniform(0.28, 0.8)
    rail = random.random() < 0.3
    return [_Block(0.0, 0.0, size, (top - 0.3 if rail else 0.0, top), roughness_m=random.choice([0.0, 0.1]))]


def _bank(random: Random) -> list[_Block]:
    """Slopes beside the street."""
    length, depth = random.uniform(5.0, 40.0), random.uniform(3.0, 15.0)
    top = random.uniform(0.3, min(0.5 * depth, 3.0))
    return [_Block(0.0, 0.0, (length, depth), (0.0, top), taper=random.uniform(0.2, 0.8), roughness_m=0.03)]


def _debris(random: Random) -> list[_Block]:
    """Parts of what is hidden otherwise: boards, branches, corners."""
    blocks = []
    for _ in range(random.integers(1, 4)):
        low = random.uniform(0.0, 1.5)
        size = (random.uniform(0.05, 2.0), random.uniform(0.05, 0.5))
        blocks.append(_leaves(random, 1.0, size, (low, low + random.uniform(0.1, 1.5)), random.choice([0.0, 0.1])))
    return blocks


# Things, and how many there are at most of each.
_THINGS: Sequence[tuple[Callable[[Random], list[_Block]], int]] = (
    (_pole, 60), (_tree, 20), (_shrub, 40), (_bush, 25), (_grove, 15), (_hedge, 8), (_wall, 8), (_house, 8),
    (_fence, 5), (_cabinet, 15), (_low, 15), (_bank, 5), (_debris, 35),
)  # fmt: skip


def draw_clutter(random: Random, agents: TrackedAgents, reach_m: float, free_m: float, first_owner: int) -> Clutter:
    """Things around the ego within `reach_m`, none of them nearer than `free_m` or in anybody's way."""
    corners, roughness = [np.zeros((0, 8, 3))], []
    for thing, most in _THINGS:
        for _ in range(random.integers(0, most + 1)):
            blocks = thing(random)
            away, angle = random.uniform(free_m, reach_m), random.uniform(-np.pi, np.pi)
            place = away * np.array([np.cos(angle), np.sin(angle)])
            yaw = angle + np.pi / 2.0 * random.integers(4) + random.normal(0.0, 0.2)
            made = np.stack([_corners(block, place, yaw) for block in blocks])
            if _is_free(made, agents, free_m):
                corners.append(made)
                roughness += [block.roughness_m for block in blocks]
    solids = np.concatenate(corners)
    count = len(solids)
    return Clutter(
        Solids(
            corners=solids,
            surface=np.full((count, 6), int(Surface.PLAIN)),
            owner=first_owner + np.arange(count),
            velocity=np.zeros((count, 3)),
        ),
        np.array(roughness),
    )


def join_solids(groups: Sequence[Solids]) -> Solids:
    """All solids of the groups."""
    return Solids(
        corners=np.concatenate([group.corners for group in groups]),
        surface=np.concatenate([group.surface for group in groups]),
        owner=np.concatenate([group.owner for group in groups]),
        velocity=np.concatenate([group.velocity for group in groups]),
    )


def _corners(block: _Block, place: FloatArray, yaw: float) -> FloatArray:
    """(8, 3) as those of `simulation.sensors.shapes.Part`."""
    corners = []
    for scale, z in zip((1.0, block.taper), block.z, strict=True):
        half_x, half_y = 0.5 * scale * block.size[0], 0.5 * scale * block.size[1]
        corners += [[half_x, half_y, z], [-half_x, half_y, z], [-half_x, -half_y, z], [half_x, -half_y, z]]
    local = _turned(np.array(corners), block.yaw) + np.array([block.x, block.y, 0.0])
    return _turned(local, yaw) + np.array([*place, 0.0])


def _turned(points: FloatArray, yaw: float) -> FloatArray:
    cos, sin = np.cos(yaw), np.sin(yaw)
    return points @ np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _is_free(corners: FloatArray, agents: TrackedAgents, free_m: float) -> bool:
    """Whether the low ones (S, 8, 3) keep away from the ego and from everybody; crowns may hang over them."""
    low = corners[corners[:, 0, 2] < 2.2]
    if not len(low):
        return True
    edge = low[:, 0, :2] - low[:, 1, :2]
    yaw = np.arctan2(edge[:, 1], edge[:, 0])
    wide = np.maximum(np.linalg.norm(low[:, 0] - low[:, 1], axis=1), np.linalg.norm(low[:, 4] - low[:, 5], axis=1))
    deep = np.maximum(np.linalg.norm(low[:, 1] - low[:, 2], axis=1), np.linalg.norm(low[:, 5] - low[:, 6], axis=1))
    center, size = low[..., :2].mean(axis=1), np.column_stack([wide, deep])
    if (box_distance(center, yaw, size, np.zeros(2), 0.0, np.full(2, free_m)) <= free_m).any():
        return False
    if not len(agents):
        return True
    away = box_distance(
        center[:, None],
        yaw[:, None],
        size[:, None],
        agents.position[None, :, :2],
        agents.yaw[None],
        agents.size[None, :, :2],
    )
    return bool((away > _NEAR_M).all())
