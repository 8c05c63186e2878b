"""Points in the coordinates of paths: arc length along the path and lateral offset from it, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.maps.lane_graph import LanePaths
from zoox_prediction.maps.polylines import FloatArray, Polylines
from zoox_prediction.maps.road_network import Ragged


class PathCoordinates:
    """Arc-length coordinates of R paths, straight on beyond both ends.

    The tangent turns evenly along every segment, from that of the one corner (which halves the angle there) to that of
    the next, and a point belongs to the place on the path whose tangent it is square to: Héry, Xu and Bonnifait,
    "Map-based curvilinear coordinates for autonomous vehicles" (ITSC 2017). Unlike the nearest point of a polyline this
    has no jumps inside of corners and no wedges of one and the same arc length outside, so it can be turned round.
    Going there and back is exact as long as the point is not farther from the path, to the inner side, than about the
    radius of the bend or the length of the segments beside it: farther points have several coordinates.
    """

    def __init__(self, paths: Ragged | ArrayLike) -> None:
        """Paths of any number of points each, or (R, P, 2) [m].

        Raises MapError for a path with a point that is not finite, or without two distinct points.
        """
        if not isinstance(paths, Ragged):
            paths = Ragged.points(np.asarray(paths, dtype=np.float64))
        self.lines = Polylines(paths, what="path")
        self._tangent = _tangents(self.lines)

    @classmethod
    def along(cls, lane_paths: LanePaths) -> PathCoordinates:
        """Of the valid part of lane paths, row for row; one that ends where it starts goes on along its heading."""
        heading = lane_paths.heading[:, :1]
        ahead = lane_paths.points[:, :1] + lane_paths.spacing_m * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
        alone = lane_paths.valid.sum(axis=1, keepdims=True) < 2
        points = np.concatenate([lane_paths.points[:, :1], ahead, lane_paths.points[:, 1:]], axis=1)
        kept = np.concatenate([lane_paths.valid[:, :1], alone, lane_paths.valid[:, 1:]], axis=1)
        return cls(Ragged(points[kept], np.concatenate([[0], np.cumsum(kept.sum(axis=1))])))

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def length_m(self) -> FloatArray:
        """(R,) of each path."""
        return self.lines.length

    def to_path(self, rows: ArrayLike, points: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Arc length (...) and lateral offset (...) [m], positive to the left, of points (..., 2) on the paths rows.

        `rows` are integers of any shape that broadcasts against that of the points: (R, 1) for K points on each of
        R paths. Arc lengths are negative before the start and beyond the length past the end. NaN for points that are
        not finite.
        """
        points = np.asarray(points, dtype=np.float64)
        row = np.asarray(rows, dtype=np.int64)
        shape = np.broadcast_shapes(row.shape, points.shape[:-1])
        row = np.broadcast_to(row, shape).reshape(-1)
        flat = np.broadcast_to(points, (*shape, 2)).reshape(-1, 2)
        flat = np.where(np.isfinite(flat), flat, np.nan)
        start = self._segments(row, flat)
        share, away = self._foot(row, start, flat)
        tangent = self._tangent_at(start, share)
        along = self.lines.arc_length[start] + share * self._span(start)
        return along.reshape(shape), _cross(tangent, away).reshape(shape)

    def from_path(
        self, rows: ArrayLike, arc_length_m: ArrayLike, lateral_offset_m: ArrayLike = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """Points (..., 2) [m] and headings (...) of the paths there, in (-pi, pi]; all arguments broadcast."""
        row, along, lateral = np.broadcast_arrays(
            np.asarray(rows, dtype=np.int64),
            np.asarray(arc_length_m, dtype=np.float64),
            np.asarray(lateral_offset_m, dtype=np.float64),
        )
        shape = row.shape
        row, along, lateral = row.reshape(-1), along.reshape(-1), lateral.reshape(-1)
        start = self.lines.segment(row, along)
        share = (along - self.lines.arc_length[start]) / self._span(start)
        tangent = self._tangent_at(start, share)
        vertices = self.lines.points
        foot = vertices[start] + share[:, None] * (vertices[start + 1] - vertices[start])
        points = foot + lateral[:, None] * np.stack([-tangent[:, 1], tangent[:, 0]], axis=-1)
        return points.reshape(*shape, 2), np.arctan2(tangent[:, 1], tangent[:, 0]).reshape(shape)

    def _segments(self, rows: NDArray[np.int64], points: FloatArray) -> NDArray[np.int64]:
        """(M,) index of the first vertex of the segment between whose corners' tangents each point is.

        It is that of the nearest point on the path, or the one beside it when that is a corner.
        """
        lines = self.lines
        start = lines.segment(rows, lines.locate(rows, points))
        before = _dot(points - lines.points[start], self._tangent[start]) < 0.0
        past = _dot(points - lines.points[start + 1], self._tangent[start + 1]) > 0.0
        moved = start - before + (past & ~before)
        return np.clip(moved, lines.offsets[rows], lines.offsets[rows + 1] - 2)

    def _foot(
        self, rows: NDArray[np.int64], start: NDArray[np.int64], points: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Share (M,) of the segment at which its tangent is square to the point, and the way (M, 2) from there to it.

        With a = point - p0, d = p1 - p0, e = t1 - t0 it solves (a - share d) (t0 + share e) = 0.
        """
        lines = self.lines
        away, step = points - lines.points[start], lines.points[start + 1] - lines.points[start]
        turn = self._tangent[start + 1] - self._tangent[start]
        constant = _dot(away, self._tangent[start])
        linear = _dot(away, turn) - _dot(step, self._tangent[start])
        root = np.sqrt(np.maximum(linear**2 + 4.0 * _dot(step, turn) * constant, 0.0))
        share = np.divide(2.0 * constant, root - linear, out=np.zeros_like(root), where=root - linear > 1e-12)
        share = np.where(np.isnan(constant), np.nan, np.clip(share, 0.0, 1.0))
        along = _dot(away, step) / _dot(step, step)
        first, last = start == lines.offsets[rows], start == lines.offsets[rows + 1] - 2
        share = np.where(first & (along < 0.0), along, share)
        share = np.where(last & (along > 1.0), along, share)
        return share, away - share[:, None] * step

    def _tangent_at(self, start: NDArray[np.int64], share: FloatArray) -> FloatArray:
        """(M, 2) unit tangents, constant beyond the ends of the segment."""
        share = np.clip(share, 0.0, 1.0)[:, None]
        return _unit((1.0 - share) * self._tangent[start] + share * self._tangent[start + 1])

    def _span(self, start: NDArray[np.int64]) -> FloatArray:
        return self.lines.arc_length[start + 1] - self.lines.arc_length[start]


def _tangents(lines: Polylines) -> FloatArray:
    """(V, 2) unit tangent at every vertex: it halves the angle at corners. Where the path turns back it looks left."""
    tangent = np.zeros_like(lines.points)
    if len(lines):
        inside = np.ones(len(lines.points) - 1, dtype=bool)
        inside[lines.offsets[1:-1] - 1] = False  # from the end of one path to the start of the next
        starts = np.flatnonzero(inside)
        direction = _unit(lines.points[starts + 1] - lines.points[starts])
        tangent[starts] += direction
        tangent[starts + 1] += direction
        back = np.flatnonzero(np.linalg.norm(tangent[starts + 1], axis=1) < 1e-6)
        tangent[starts[back] + 1] = np.stack([-direction[back, 1], direction[back, 0]], axis=1)
    return _unit(tangent)


def _unit(vectors: FloatArray) -> FloatArray:
    unit: FloatArray = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return unit


def _dot(first: FloatArray, second: FloatArray) -> FloatArray:
    product: FloatArray = first[..., 0] * second[..., 0] + first[..., 1] * second[..., 1]
    return product


def _cross(first: FloatArray, second: FloatArray) -> FloatArray:
    product: FloatArray = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    return product
