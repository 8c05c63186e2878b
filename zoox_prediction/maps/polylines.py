"""Arc length on many polylines at once: project points, resample, heading and curvature."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.signal import savgol_coeffs

from zoox_prediction.maps.road_network import MapError, Ragged

FloatArray = NDArray[np.float64]

_SAME_POINT_M = 1e-3  # consecutive points closer than this are one point: a direction between them is noise
_AT_END_M = 1e-6  # far above the rounding of arc lengths, also of coordinates in the millions


@dataclass(frozen=True)
class Projection:
    """Where M points fall on M polylines."""

    arc_length_m: FloatArray  # (M,) from the start of the polyline to the nearest point on it
    lateral_offset_m: FloatArray  # (M,) positive to the left of the polyline
    heading_rad: FloatArray  # (M,) of the segment that holds the nearest point
    beyond_m: FloatArray  # (M,) along the heading: negative before the start, positive past the end, else 0


class Polylines:
    """L polylines prepared for vectorised projection.

    Consecutive duplicate points are dropped. Raises MapError, naming the polyline by `names`, when one has a
    coordinate that is not finite or fewer than two distinct points.
    """

    def __init__(self, lines: Ragged, names: ArrayLike | None = None, what: str = "lane") -> None:
        owner = np.repeat(np.arange(len(lines)), np.diff(lines.offsets))
        points = np.asarray(lines.values, dtype=np.float64).reshape(-1, 2)
        labels = np.arange(len(lines)) if names is None else np.asarray(names)
        bad = owner[~np.isfinite(points).all(axis=1)]
        if len(bad):
            raise MapError(f"{what} {labels[bad[0]]}: a point of its centreline is not finite; mend the map")
        keep = np.ones(len(points), dtype=bool)
        keep[1:] = (owner[1:] != owner[:-1]) | (np.linalg.norm(np.diff(points, axis=0), axis=1) > _SAME_POINT_M)
        self.points, owner = points[keep], owner[keep]
        count = np.bincount(owner, minlength=len(lines))
        if np.any(count < 2):
            row = int(np.argmax(count < 2))
            raise MapError(f"{what} {labels[row]}: its centreline has fewer than two distinct points; mend the map")
        self.offsets = np.concatenate([[0], np.cumsum(count)])
        self.lines = shapely.linestrings(self.points, indices=owner) if len(lines) else np.zeros(0, dtype=object)
        step = np.zeros(len(self.points))
        step[1:] = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        step[self.offsets[:-1]] = 0.0
        travelled = np.cumsum(step)
        self.arc_length = travelled - travelled[self.offsets[:-1]][owner]
        self.length = self.arc_length[self.offsets[1:] - 1]
        # One increasing axis for all polylines, one metre apart, so that a single searchsorted finds every segment.
        self._base = np.concatenate([[0.0], np.cumsum(self.length[:-1] + 1.0)]) if len(lines) else np.zeros(0)
        self._axis = self.arc_length + self._base[owner]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def segment(self, rows: NDArray[np.int64], arc_length_m: FloatArray) -> NDArray[np.int64]:
        """(M,) index into `points` of the start of the segment of polyline rows (M,) at arc lengths (M,)."""
        index = np.searchsorted(self._axis, self._base[rows] + arc_length_m, side="right") - 1
        return np.clip(index, self.offsets[rows], self.offsets[rows + 1] - 2)

    def locate(self, rows: NDArray[np.int64], points: FloatArray) -> FloatArray:
        """(M,) arc lengths nearest to points (M, 2) on the polylines rows (M,); NaN for points that are not finite.

        At the ends exactly 0 or the length, although GEOS sums up lengths in another order.
        """
        lines = self.lines[rows]
        lines[~np.isfinite(points).all(axis=1)] = None  # which gives NaN; GEOS refuses points that are not finite
        arc_length: FloatArray = shapely.line_locate_point(lines, shapely.points(points))
        length = self.length[rows]
        arc_length[arc_length < _AT_END_M] = 0.0
        return np.where(arc_length > length - _AT_END_M, length, arc_length)

    def project(self, rows: NDArray[np.int64], points: FloatArray) -> Projection:
        """Points (M, 2) on the polylines rows (M,); NaN for points that are not finite."""
        arc_length = self.locate(rows, points)
        start = self.segment(rows, arc_length)
        direction = self.points[start + 1] - self.points[start]
        span = np.linalg.norm(direction, axis=1)
        direction = direction / span[:, None]
        offset = points - self.points[start] - direction * (arc_length - self.arc_length[start])[:, None]
        cross = direction[:, 0] * offset[:, 1] - direction[:, 1] * offset[:, 0]
        along = np.sum(direction * offset, axis=1)
        beyond = np.where(arc_length <= 0.0, np.minimum(along, 0.0), 0.0)
        beyond = np.where(arc_length >= self.length[rows], np.maximum(along, 0.0), beyond)
        # Outside a bend the nearest point is a vertex, and the offset is not square to the segment: take its length.
        lateral = np.where(beyond == 0.0, np.copysign(np.hypot(cross, along), cross), cross)
        return Projection(arc_length, lateral, np.arctan2(direction[:, 1], direction[:, 0]), beyond)

    def point_at(self, rows: NDArray[np.int64], arc_length_m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Points (M, 2) and headings (M,) of the polylines rows (M,) at arc lengths (M,), clipped to their ends."""
        arc_length_m = np.clip(arc_length_m, 0.0, self.length[rows])
        start = self.segment(rows, arc_length_m)
        direction = self.points[start + 1] - self.points[start]
        direction = direction / np.linalg.norm(direction, axis=1, keepdims=True)
        points = self.points[start] + direction * (arc_length_m - self.arc_length[start])[:, None]
        return points, np.arctan2(direction[:, 1], direction[:, 0])


def resample(points: FloatArray, count: int) -> FloatArray:
    """A polyline (n, 2) as `count` points (count, 2) at equal arc lengths, both ends kept."""
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at = np.linspace(0.0, travelled[-1], count)
    return np.column_stack([np.interp(at, travelled, points[:, 0]), np.interp(at, travelled, points[:, 1])])


@lru_cache(maxsize=16)
def _derivative_filters(half: int, spacing_m: float) -> tuple[FloatArray, FloatArray]:
    window = 2 * half + 1
    return savgol_coeffs(window, 3, deriv=1, delta=spacing_m), savgol_coeffs(window, 3, deriv=2, delta=spacing_m)


def heading_and_curvature(points: FloatArray, spacing_m: float, window_m: float) -> tuple[FloatArray, FloatArray]:
    """Unwrapped heading (n,) [rad] and signed curvature (n,) [1/m], positive to the left, of an even polyline (n, 2).

    From a cubic fitted to the points within half of `window_m` before and behind (Savitzky and Golay, 1964), so that
    digitising noise of some centimetres and the corners of a coarse polyline do not read as sharp bends.
    """
    half = max(2, round(0.5 * window_m / spacing_m))
    # The line goes on straight beyond its ends, so that the ends are fitted like the middle.
    steps = np.arange(1, half + 1)[:, None]
    head = points[0] - (points[min(1, len(points) - 1)] - points[0]) * steps[::-1]
    tail = points[-1] + (points[-1] - points[max(len(points) - 2, 0)]) * steps
    padded = np.concatenate([head, points, tail])
    first, second = _derivative_filters(half, spacing_m)
    dx, dy = (np.convolve(padded[:, axis], first, mode="valid") for axis in (0, 1))
    ddx, ddy = (np.convolve(padded[:, axis], second, mode="valid") for axis in (0, 1))
    speed = np.maximum(np.hypot(dx, dy), 1e-6)
    curvature: FloatArray = (dx * ddy - dy * ddx) / speed**3
    heading = np.arctan2(dy, dx)
    heading[1:] -= 2.0 * np.pi * np.cumsum(np.rint(np.diff(heading) / (2.0 * np.pi)))  # unwrapped
    return heading, curvature
