"""The true world as convex solids with flat faces, and as the patches on them; what every sensor looks at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.road_network import rows_of_ids
from zoox_prediction.scene import Attribute, SignalState, TrackedAgents
from zoox_prediction.simulation.sensors.shapes import PARTS, PATCH_CORNERS, PATCHES, Part, Patch
from zoox_prediction.simulation.sensors.surfaces import Surface
from zoox_prediction.simulation.sensors.truth import Light, SensorTruth

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NO_AGENT = -1  # owner of what stands there: signals
EGO = -2  # owner of the ego's own body
# Corners of the six faces (bottom, top, front, rear, left, right), counter-clockwise from outside.
FACES = np.array([[3, 2, 1, 0], [4, 5, 6, 7], [0, 4, 7, 3], [1, 2, 6, 5], [0, 1, 5, 4], [2, 3, 7, 6]])

_BLINK_NS = 666_666_667  # 90 flashes a minute; UN Regulation 6 wants 90 +- 30
# Signals hang over their place; what they hang on is not modelled, for it would stand in the way of traffic.
_SIGNAL_SIZE_M = (0.35, 0.35, 1.0)
_SIGNAL_BOTTOM_M = 4.6
_SIGNAL_LAMPS = (
    (SignalState.RED, 0.8, Surface.SIGNAL_RED),
    (SignalState.YELLOW, 0.5, Surface.SIGNAL_YELLOW),
    (SignalState.GREEN, 0.2, Surface.SIGNAL_GREEN),
)


@dataclass(frozen=True)
class Solids:
    """S convex solids of eight corners in the map frame."""

    corners: FloatArray  # (S, 8, 3) [m]
    surface: IntArray  # (S, 6) Surface of each face
    owner: IntArray  # (S,) row of the agent, NO_AGENT or EGO
    velocity: FloatArray  # (S, 3) [m/s]

    def __len__(self) -> int:
        return len(self.owner)

    @cached_property
    def normal(self) -> FloatArray:
        """(S, 6, 3) outward unit normals of the faces."""
        face = self.corners[:, FACES]
        normal = np.cross(face[:, :, 1] - face[:, :, 0], face[:, :, 2] - face[:, :, 1])
        unit: FloatArray = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
        return unit

    @cached_property
    def offset(self) -> FloatArray:
        """(S, 6): a point p is inside where normal @ p <= offset for all faces [m]."""
        return np.einsum("sfi,sfi->sf", self.normal, self.corners[:, FACES[:, 0]])

    @cached_property
    def bounding_circle(self) -> tuple[FloatArray, FloatArray]:
        """Centres (S, 2) and radii (S,) of circles that hold the corners as seen from above [m]."""
        center = self.corners[..., :2].mean(axis=1)
        return center, np.linalg.norm(self.corners[..., :2] - center[:, None], axis=-1).max(axis=1, initial=0.0)

    def select(self, rows: NDArray) -> Solids:
        return Solids(self.corners[rows], self.surface[rows], self.owner[rows], self.velocity[rows])


@dataclass(frozen=True)
class Polygons:
    """P flat convex polygons in the map frame: faces of solids, and patches on them."""

    corners: FloatArray  # (P, 8, 3) [m]; polygons of fewer corners repeat the last one
    normal: FloatArray  # (P, 3)
    surface: IntArray  # (P,) Surface
    owner: IntArray  # (P,) as in Solids

    def __len__(self) -> int:
        return len(self.owner)


def solids_of(truth: SensorTruth) -> Solids:
    """Agents, signal heads and the ego's own body."""
    agents = truth.agents
    kinds = agents.agent_class
    groups = [_signal_solids(truth), _ego_solid(truth)]
    for kind, parts in PARTS.items():
        rows = np.flatnonzero(kinds == kind)
        for part in parts if len(rows) else ():
            there = rows if not part.needs else rows[agents.attributes[rows] & np.uint32(part.needs) > 0]
            if len(there):
                groups.append(_part_solids(part, agents, there, truth))
    return Solids(
        corners=np.concatenate([group.corners for group in groups]),
        surface=np.concatenate([group.surface for group in groups]),
        owner=np.concatenate([group.owner for group in groups]),
        velocity=np.concatenate([group.velocity for group in groups]),
    )


def polygons_of(solids: Solids, truth: SensorTruth) -> Polygons:
    """All faces but those of the ego's body, and all patches, lit as the attributes and the time say."""
    seen = solids.select(solids.owner != EGO)
    faces = seen.corners[:, FACES].reshape(-1, 4, 3)
    faces = np.concatenate([faces, np.repeat(faces[:, -1:], PATCH_CORNERS - 4, axis=1)], axis=1)
    surface = seen.surface.reshape(-1).copy()
    if _flash_is_on(truth.stamp_ns):
        surface[surface == Surface.BEACON_OFF] = Surface.BEACON_ON
    groups = [Polygons(faces, seen.normal.reshape(-1, 3), surface, np.repeat(seen.owner, 6)), _signal_lamps(truth)]
    agents = truth.agents
    kinds = agents.agent_class
    for kind, patches in PATCHES.items():
        rows = np.flatnonzero(kinds == kind)
        for patch in patches if len(rows) else ():
            groups.append(_patch_polygons(patch, agents, rows, truth))
    return Polygons(
        corners=np.concatenate([group.corners for group in groups]),
        normal=np.concatenate([group.normal for group in groups]),
        surface=np.concatenate([group.surface for group in groups]),
        owner=np.concatenate([group.owner for group in groups]),
    )


def _part_solids(part: Part, agents: TrackedAgents, rows: IntArray, truth: SensorTruth) -> Solids:
    size, center = agents.size[rows], agents.position[rows]
    local = (part.corners - [0.0, 0.0, 0.5]) * size[:, None, :]
    yaw = np.repeat(agents.yaw[rows, None], 8, axis=1)
    if part.is_head:
        middle = local.mean(axis=1, keepdims=True)
        turned = agents.attributes[rows] & np.uint32(Attribute.HEAD_TURNED_TO_EGO) > 0
        to_ego = truth.ego.position - center[:, :2]
        turn = np.where(turned, wrap_angle(np.arctan2(to_ego[:, 1], to_ego[:, 0]) - agents.yaw[rows]), 0.0)
        local = _turned(local - middle, np.repeat(turn[:, None], 8, axis=1)) + middle
    corners = _turned(local, yaw) + center[:, None, :]
    velocity = np.column_stack([agents.velocity[rows], np.zeros(len(rows))])
    return Solids(corners, np.tile(part.surfaces, (len(rows), 1)), rows, velocity)


def _patch_polygons(patch: Patch, agents: TrackedAgents, rows: IntArray, truth: SensorTruth) -> Polygons:
    local = (patch.share - [0.0, 0.0, 0.5]) * agents.size[rows, None, :] + patch.offset_m
    yaw = agents.yaw[rows]
    corners = _turned(local, np.repeat(yaw[:, None], PATCH_CORNERS, axis=1)) + agents.position[rows, None, :]
    normal = _turned(np.tile(np.array(patch.normal), (len(rows), 1)), yaw)
    surface = np.full(len(rows), patch.surface, dtype=np.int64)
    attributes = agents.attributes[rows]
    if patch.night_surface is not None and truth.light == Light.NIGHT:
        surface[attributes & np.uint32(Attribute.PARKED) == 0] = patch.night_surface
    if patch.lit_surface is not None and (not patch.blinks or _flash_is_on(truth.stamp_ns)):
        surface[attributes & np.uint32(patch.lit_by) > 0] = patch.lit_surface
    return Polygons(corners, normal, surface, rows)


def _ego_solid(truth: SensorTruth) -> Solids:
    """The box of the ego; what is mounted on it does not see through it."""
    (length, width), height, ego = truth.ego_size, truth.ego_height_m, truth.ego
    box = Part((-0.5, 0.5, -0.5, 0.5), (-0.5, 0.5, -0.5, 0.5), (0.0, 1.0), Surface.PAINT)
    local = box.corners * [length, width, height] + [truth.ego_center_offset_m, 0.0, 0.0]
    corners = _turned(local, np.full(8, ego.yaw)) + np.array([*ego.position, 0.0])
    velocity = np.array([[*ego.velocity, 0.0]])
    return Solids(corners[None], box.surfaces[None], np.array([EGO]), velocity)


def _signal_solids(truth: SensorTruth) -> Solids:
    places = _signal_places(truth)
    box = Part((-0.5, 0.5, -0.5, 0.5), (-0.5, 0.5, -0.5, 0.5), (0.0, 1.0), Surface.SIGNAL_HOUSING)
    corners = box.corners * _SIGNAL_SIZE_M + [0.0, 0.0, _SIGNAL_BOTTOM_M] + places[:, None, :]
    count = len(places)
    owner = np.full(count, NO_AGENT, dtype=np.int64)
    return Solids(corners.reshape(-1, 8, 3), np.tile(box.surfaces, (count, 1)), owner, np.zeros((count, 3)))


def _signal_lamps(truth: SensorTruth) -> Polygons:
    """Three lamps on each of the four sides of every head: maps do not tell where a signal faces."""
    network, signals = truth.road_network, truth.signals
    places = _signal_places(truth)
    known = rows_of_ids(signals.ids, network.signal_ids)[np.isfinite(network.signal_positions).all(axis=1)]
    state = np.where(known >= 0, np.append(signals.state, SignalState.UNKNOWN)[known], SignalState.UNKNOWN)
    angle = (np.arange(PATCH_CORNERS) + 0.5) * (2.0 * np.pi / PATCH_CORNERS)
    circle = 0.13 * np.column_stack([np.zeros(PATCH_CORNERS), np.cos(angle), np.sin(angle)])
    corners, normals, surfaces = [np.zeros((0, PATCH_CORNERS, 3))], [np.zeros((0, 3))], [np.zeros(0, dtype=np.int64)]
    for side in range(4):
        yaw = side * np.pi / 2.0
        normal = np.array([np.cos(yaw), np.sin(yaw), 0.0])
        for lamp, height, lit in _SIGNAL_LAMPS:
            center = normal * (0.5 * _SIGNAL_SIZE_M[0] + 0.01) + [0.0, 0.0, _SIGNAL_BOTTOM_M + height]
            corners.append(places[:, None, :] + _turned(circle, np.full(PATCH_CORNERS, yaw)) + center)
            normals.append(np.tile(normal, (len(places), 1)))
            flashing = (state == SignalState.FLASHING) & (lamp == SignalState.YELLOW) & _flash_is_on(truth.stamp_ns)
            surfaces.append(np.where((state == lamp) | flashing, lit, Surface.SIGNAL_OFF))
    surface = np.concatenate(surfaces)
    owner = np.full(len(surface), NO_AGENT, dtype=np.int64)
    return Polygons(np.concatenate(corners), np.concatenate(normals), surface, owner)


def _signal_places(truth: SensorTruth) -> FloatArray:
    """(n, 3) on the ground."""
    places = truth.road_network.signal_positions.reshape(-1, 2)
    places = places[np.isfinite(places).all(axis=1)]
    return np.column_stack([places, np.zeros(len(places))])


def _flash_is_on(stamp_ns: int) -> bool:
    return stamp_ns % _BLINK_NS < _BLINK_NS // 2


def _turned(points: FloatArray, yaw: FloatArray) -> FloatArray:
    """Points (..., 3) turned about z by yaw (...)."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    x, y = points[..., 0], points[..., 1]
    return np.stack([cos * x - sin * y, sin * x + cos * y, points[..., 2]], axis=-1)
