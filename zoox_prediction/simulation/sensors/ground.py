"""The ground as an image of surfaces around the ego, painted from the road network."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from threading import Lock

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.maps.markings import STRIPE_M, dashes, once, segments, stripes
from zoox_prediction.maps.road_network import BoundaryType, LaneType, Ragged, RoadNetwork
from zoox_prediction.simulation.sensors.surfaces import COLOR_BGR, Surface

FloatArray = NDArray[np.float64]

SIDE_PX = 1920
NEAR_PIXEL_M, FAR_PIXEL_M = 0.05, 0.2
# Patches are drawn around the knots of such a grid, so that one serves many instants and what is drawn at an instant
# does not depend on those before. Half the spacing off its middle, a patch still reaches NEAR_RADIUS_M around the ego.
_GRID_M = 32.0
NEAR_RADIUS_M = 0.5 * SIDE_PX * NEAR_PIXEL_M - 0.5 * _GRID_M
_SHIFT = 4
_LINE_M, _STOP_LINE_M, _KERB_M = 0.15, 0.4, 0.25
_LANE_WIDTH_M = {LaneType.BICYCLE: 1.8}  # of lanes whose boundaries the map does not have
_DEFAULT_LANE_WIDTH_M = 3.5
_LANE_SURFACE = {LaneType.BICYCLE: Surface.BICYCLE_LANE, LaneType.PARKING: Surface.PARKING}
_GRAIN = 4.0  # 1 sigma of the brightness of single spots of the ground, of 255
_KEPT_PATCHES = 6


@dataclass(frozen=True)
class GroundPatch:
    """A square of the ground; column and row grow with x and y of the map."""

    origin: FloatArray  # (2,) middle of the pixel (0, 0) in the map [m]
    pixel_m: float
    surface: NDArray[np.uint8]  # (SIDE_PX, SIDE_PX) Surface

    @property
    def map_from_pixel(self) -> FloatArray:
        """(3, 3) from (column, row, 1) to (x, y, 1)."""
        return np.array([[self.pixel_m, 0.0, self.origin[0]], [0.0, self.pixel_m, self.origin[1]], [0.0, 0.0, 1.0]])

    @cached_property
    def color_bgr(self) -> NDArray[np.uint8]:
        """(SIDE_PX, SIDE_PX, 3) unlit, with a grain that stays where it is on the ground."""
        table = np.zeros((256, 1, 3), dtype=np.uint8)
        table[: len(COLOR_BGR), 0] = COLOR_BGR
        image = cv2.LUT(cv2.merge([self.surface] * 3), table)
        return np.asarray(cv2.subtract(image, _grain(self.pixel_m), dst=image), dtype=np.uint8)

    def at(self, points: FloatArray) -> NDArray[np.int64]:
        """(n,) Surface under finite map points (n, 2); grass outside of the patch."""
        column, row = (np.rint((points[:, i] - self.origin[i]) / self.pixel_m).astype(np.int64) for i in range(2))
        inside = (column >= 0) & (column < SIDE_PX) & (row >= 0) & (row < SIDE_PX)
        surface = self.surface.reshape(-1)[np.where(inside, row * SIDE_PX + column, 0)]
        return np.where(inside, surface, np.int64(Surface.GRASS))


@dataclass(frozen=True)
class _Layer:
    """Shapes of one surface; lines are `width_m` wide, areas have none."""

    surface: Surface
    shapes: Ragged  # (n, 2) points [m], all finite, at least two each
    width_m: float = 0.0

    @cached_property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Least and greatest x, y (N, 2) of the shapes."""
        starts = self.shapes.offsets[:-1]
        values = self.shapes.values
        return np.minimum.reduceat(values, starts, axis=0), np.maximum.reduceat(values, starts, axis=0)


class Ground:
    """Patches of the ground of one road network, drawn when they are first asked for. A map of nowhere is asphalt.

    May be asked from several threads.
    """

    def __init__(self, network: RoadNetwork) -> None:
        self.network = network
        self._layers = [layer for layer in _layers(network) if len(layer.shapes)]
        self._patches: OrderedDict[tuple[int, int, float], GroundPatch] = OrderedDict()
        self._lock = Lock()

    def patch(self, position: ArrayLike, pixel_m: float) -> GroundPatch:
        """The patch with pixels of `pixel_m` around a map position (2,) [m]."""
        knot = np.rint(np.asarray(position, dtype=np.float64) / _GRID_M)
        key = (int(knot[0]), int(knot[1]), pixel_m)
        with self._lock:
            if key not in self._patches:
                self._patches[key] = self._draw(np.asarray(knot * _GRID_M, dtype=np.float64), pixel_m)
                while len(self._patches) > _KEPT_PATCHES:
                    self._patches.popitem(last=False)
            self._patches.move_to_end(key)
            return self._patches[key]

    def _draw(self, center: FloatArray, pixel_m: float) -> GroundPatch:
        half = 0.5 * SIDE_PX * pixel_m
        origin = center - half + 0.5 * pixel_m
        background = Surface.GRASS if self._layers else Surface.ASPHALT
        image = np.full((SIDE_PX, SIDE_PX), background, dtype=np.uint8)
        for layer in self._layers:
            low, high = layer.bounds
            for row in np.flatnonzero(((low <= center + half) & (high >= center - half)).all(axis=1)):
                pixel = np.rint((layer.shapes[row] - origin) / pixel_m * 2**_SHIFT).astype(np.int32)
                if layer.width_m:
                    thickness = max(round(layer.width_m / pixel_m), 1)
                    cv2.polylines(image, [pixel], False, int(layer.surface), thickness, cv2.LINE_8, _SHIFT)
                else:
                    cv2.fillPoly(image, [pixel], int(layer.surface), cv2.LINE_8, _SHIFT)
        return GroundPatch(origin, pixel_m, image)


@cache
def _grain(pixel_m: float) -> NDArray[np.uint8]:
    """(SIDE_PX, SIDE_PX, 3) what single spots are darker, repeated from knot to knot so that all patches agree."""
    period = round(_GRID_M / pixel_m)
    spots = np.abs(np.random.default_rng(0).normal(0.0, _GRAIN, (period, period))).astype(np.uint8)
    return np.asarray(cv2.merge([np.tile(spots, (SIDE_PX // period, SIDE_PX // period))] * 3), dtype=np.uint8)


def _layers(network: RoadNetwork) -> Iterable[_Layer]:
    """From below to above."""
    yield _Layer(Surface.WALKWAY, _clean(network.walkways))
    yield _Layer(Surface.ASPHALT, _clean(network.drivable_areas))
    yield from _lane_layers(network)
    yield _Layer(Surface.ASPHALT, _clean(network.intersections))
    yield _Layer(Surface.PARKING, _clean(network.parking_areas))
    lanes = network.lanes
    sides = [*lanes.left_boundary, *lanes.right_boundary]
    types = np.concatenate([lanes.left_boundary_type, lanes.right_boundary_type])

    def of(kind: BoundaryType) -> Ragged:
        return once(list(_clean([sides[row] for row in np.flatnonzero(types == kind)])))

    edges = _clean(network.road_edges) if len(network.road_edges) else of(BoundaryType.ROAD_EDGE)
    yield _Layer(Surface.KERB, edges, _KERB_M)
    yield _Layer(Surface.MARKING, of(BoundaryType.SOLID), _LINE_M)
    yield _Layer(Surface.MARKING, _bars(dashes(of(BoundaryType.DASHED)), _LINE_M))
    yield _Layer(Surface.MARKING, _bars(stripes(network.crosswalks), STRIPE_M, longer_m=STRIPE_M))
    yield _Layer(Surface.MARKING, _bars(_clean(network.stop_lines), _STOP_LINE_M))


def _lane_layers(network: RoadNetwork) -> Iterable[_Layer]:
    lanes = network.lanes
    bounded = (np.diff(lanes.left_boundary.offsets) > 1) & (np.diff(lanes.right_boundary.offsets) > 1)
    for kind in (LaneType.VEHICLE, LaneType.BUS, LaneType.RESTRICTED, LaneType.PARKING, LaneType.BICYCLE):
        surface = _LANE_SURFACE.get(kind, Surface.ASPHALT)
        rows = np.flatnonzero((lanes.type == kind) & bounded)
        rings = [np.concatenate([lanes.left_boundary[row], lanes.right_boundary[row][::-1]]) for row in rows]
        yield _Layer(surface, _clean(rings))
        bare = [lanes.centerline[row] for row in np.flatnonzero((lanes.type == kind) & ~bounded)]
        yield _Layer(surface, _clean(bare), _LANE_WIDTH_M.get(kind, _DEFAULT_LANE_WIDTH_M))


def _bars(lines: Ragged, width_m: float, longer_m: float = 0.0) -> Ragged:
    """A rectangle per segment of the lines, for OpenCV rounds the ends of what it draws with a width."""
    start, end, _ = segments(lines)
    along = end - start
    length = np.linalg.norm(along, axis=1)
    real = np.isfinite(length) & (length > 0.0)
    start, end, along = start[real], end[real], along[real] / length[real, None]
    beyond = 0.5 * longer_m * along
    side = 0.5 * width_m * np.column_stack([-along[:, 1], along[:, 0]])
    start, end = start - beyond, end + beyond
    corners = np.stack([start + side, end + side, end - side, start - side], axis=1)
    return Ragged(corners.reshape(-1, 2), 4 * np.arange(len(corners) + 1))


def _clean(shapes: Iterable[NDArray]) -> Ragged:
    """The shapes without points that are not finite, then without those of fewer than two points."""
    finite = (shape[np.isfinite(shape).all(axis=1)] for shape in shapes)
    return Ragged.points(shape for shape in finite if len(shape) > 1)
