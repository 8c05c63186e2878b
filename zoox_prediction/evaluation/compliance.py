"""Whether predicted paths are possible at all: do vehicles stay on the road, do agents drive through each other."""

from __future__ import annotations

import numpy as np
import shapely

from zoox_prediction.evaluation.metrics import BoolArray, FloatArray
from zoox_prediction.geometry import box_corners
from zoox_prediction.maps.areas import union_of
from zoox_prediction.maps.road_network import RoadNetwork

# Neighbouring lanes of a map share a border only to the precision of its points; this closes the slits in between.
_GAP_M = 0.1
# Arms of a junction are mapped to different lengths, so the convex hull of the map reaches somewhat beyond their ends.
_RIM_M = 5.0


class DrivableArea:
    """Where vehicles may be: the map's drivable areas and the areas of its lanes, which complement each other.

    Outside of the map's convex hull nothing is known: where the map ends, the road does not. Who leaves the road on the
    way there has been off it already.
    """

    def __init__(self, road_network: RoadNetwork) -> None:
        lanes = road_network.lanes
        borders = zip(lanes.left_boundary, lanes.right_boundary, strict=True)
        outlines = [np.concatenate([left, right[::-1]]) for left, right in borders if len(left) and len(right)]
        self._area = union_of([*road_network.drivable_areas, *outlines], grown_m=_GAP_M)
        self._mapped = shapely.buffer(shapely.convex_hull(self._area), -_RIM_M)
        shapely.prepare([self._area, self._mapped])

    @property
    def known(self) -> bool:
        """Whether the map has any area at all; without one nothing can be said about leaving the road."""
        return not self._area.is_empty

    def is_on(self, points: FloatArray) -> BoolArray:
        """(...) whether points (..., 2) [m] of the map frame are on it; False for non-finite points."""
        inside: BoolArray = shapely.contains_xy(self._area, points[..., 0], points[..., 1])
        return inside

    def is_off(self, points: FloatArray) -> BoolArray:
        """(...) whether points (..., 2) [m] are within what the map covers, but not on it."""
        mapped: BoolArray = shapely.contains_xy(self._mapped, points[..., 0], points[..., 1])
        return mapped & ~self.is_on(points)


def leaves_area(position: FloatArray, area: DrivableArea) -> BoolArray:
    """(N, K, T) whether each mode (N, K, T, 2) [m] has left the area at any step so far."""
    left: BoolArray = np.logical_or.accumulate(area.is_off(position), axis=2)
    return left


def weighted_share(flags: FloatArray, probability: FloatArray) -> FloatArray:
    """(N,) the probability of the modes with a flag, by flags (N, K) of 0 or 1 and probabilities (N, K).

    Of modes that leave the drivable area, it is the off-road rate of nuScenes (the share of the modes that are not
    entirely inside; Phan-Minh et al., CVPR 2020), the complement of Argoverse's drivable area compliance (Chang et al.,
    CVPR 2019), with every mode weighted by its probability. NaN where a flag is NaN.
    """
    share: FloatArray = (flags * probability).sum(axis=1) / probability.sum(axis=1)
    return share


def boxes_overlap(
    center_a: FloatArray,
    yaw_a: FloatArray,
    size_a: FloatArray,
    center_b: FloatArray,
    yaw_b: FloatArray,
    size_b: FloatArray,
) -> BoolArray:
    """(P,) whether the pairs of boxes share more than their borders: centres (P, 2), yaws (P,), (length, width) (P, 2).

    Separating axes (Gottschalk et al., SIGGRAPH 1996): rectangles are apart when they are along a side of either.
    """
    corners_a = box_corners(center_a, yaw_a, size_a)
    corners_b = box_corners(center_b, yaw_b, size_b)
    angles = np.stack([yaw_a, yaw_a + np.pi / 2, yaw_b, yaw_b + np.pi / 2], axis=-1)
    axes = np.stack([np.cos(angles), np.sin(angles)], axis=-2)  # (P, 2, 4)
    along_a, along_b = corners_a @ axes, corners_b @ axes  # (P, 4 corners, 4 axes)
    meet = (along_a.min(axis=1) < along_b.max(axis=1)) & (along_b.min(axis=1) < along_a.max(axis=1))
    together: BoolArray = meet.all(axis=1)
    return together


def overlaps_another(
    position: FloatArray,
    yaw: FloatArray,
    size: FloatArray,
    other_position: FloatArray,
    other_yaw: FloatArray,
    other_size: FloatArray,
    other_valid: BoolArray,
    in_the_way: BoolArray,
) -> BoolArray:
    """(N, T) whether each agent's predicted box has overlapped another's true box at any step so far.

    position (N, T, 2), yaw (N, T), size (N, 2) of the most likely mode; other_* (M, T, 2), (M, T), (M, 2), (M, T) of
    everybody's truth, the ego's included; in_the_way (N, M) who counts for whom, nobody for themselves. This is the
    overlap of the Waymo Open Motion Dataset: the most likely mode against the true boxes of the other objects.
    """
    reach = 0.5 * (np.hypot(*size.T)[:, None] + np.hypot(*other_size.T)[None])  # (N, M)
    # In squares and by coordinate: N x M x T distances are the bulk of the work.
    dx = position[:, None, :, 0] - other_position[None, :, :, 0]
    dy = position[:, None, :, 1] - other_position[None, :, :, 1]
    near = (dx * dx + dy * dy < (reach * reach)[:, :, None]) & other_valid[None]
    near &= in_the_way[:, :, None]
    agent, other, step = np.nonzero(near)
    hit = boxes_overlap(
        position[agent, step],
        yaw[agent, step],
        size[agent],
        other_position[other, step],
        other_yaw[other, step],
        other_size[other],
    )
    overlapping = np.zeros(position.shape[:2], dtype=bool)
    overlapping[agent[hit], step[hit]] = True
    overlapped: BoolArray = np.logical_or.accumulate(overlapping, axis=1)
    return overlapped
