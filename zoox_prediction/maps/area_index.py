"""Where points lie with respect to the polygons of a map: drivable areas, walkways, crosswalks."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.maps.areas import polygon_of
from zoox_prediction.maps.polylines import FloatArray
from zoox_prediction.maps.road_network import Ragged


class AreaIndex:
    """A set of polygons, prepared for questions about many points at once. Rows are those of the polygons."""

    def __init__(self, polygons: Ragged) -> None:
        self.polygons = np.array([polygon_of(polygons[row]) for row in range(len(polygons))], dtype=object)
        self._tree = shapely.STRtree(self.polygons)
        self._union = shapely.union_all(self.polygons) if len(polygons) else shapely.Polygon()
        shapely.prepare(self._union)

    def __len__(self) -> int:
        return len(self.polygons)

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """(...) whether points (..., 2) [m] lie in any of the polygons; False where not finite."""
        at = np.asarray(points, dtype=np.float64)
        inside: NDArray[np.bool_] = shapely.contains_xy(self._union, at[..., 0], at[..., 1])
        return inside

    def containing(self, points: ArrayLike) -> NDArray[np.int64]:
        """(N,) row of the first polygon that holds points (N, 2), -1 where none does."""
        at, finite = _finite(points)
        rows = np.full(len(at), len(self), dtype=np.int64)
        if len(self):
            index, polygon = self._tree.query(shapely.points(at[finite]), predicate="intersects")
            np.minimum.at(rows, finite[index], polygon)
        return np.where(rows < len(self), rows, -1)

    def nearest(self, points: ArrayLike) -> tuple[NDArray[np.int64], FloatArray]:
        """(N,) row of the polygon nearest to points (N, 2) and its distance [m], 0 inside; -1 and inf for none."""
        at, finite = _finite(points)
        rows, distance = np.full(len(at), -1, dtype=np.int64), np.full(len(at), np.inf)
        if len(self) and len(finite):
            (index, polygon), found = self._tree.query_nearest(
                shapely.points(at[finite]), all_matches=False, return_distance=True
            )
            rows[finite[index]], distance[finite[index]] = polygon, found
        return rows, distance

    def ahead(
        self, points: ArrayLike, heading_rad: ArrayLike, max_distance_m: float
    ) -> tuple[NDArray[np.int64], FloatArray]:
        """The first polygon that a straight way from points (N, 2) along headings (N,) meets within max_distance_m.

        Row (N,) and distance along the way (N,) [m], 0 from inside; -1 and inf where it meets none.
        """
        at, _ = _finite(points)
        heading = np.asarray(heading_rad, dtype=np.float64)
        finite = np.flatnonzero(np.isfinite(at).all(axis=1) & np.isfinite(heading))
        rows, distance = np.full(len(at), -1, dtype=np.int64), np.full(len(at), np.inf)
        if len(self) and len(finite):
            away = np.stack([np.cos(heading), np.sin(heading)], axis=1)[finite] * max_distance_m
            start = at[finite]
            rays = shapely.linestrings(np.stack([start, start + away], axis=1))
            index, polygon = self._tree.query(rays, predicate="intersects")
            on_ray = shapely.intersection(rays[index], self.polygons[polygon])
            met = shapely.distance(shapely.points(start[index]), on_ray)
            order = np.lexsort((met, index))
            first = order[np.unique(index[order], return_index=True)[1]]
            rows[finite[index[first]]], distance[finite[index[first]]] = polygon[first], met[first]
        return rows, distance

    def long_axes(self) -> FloatArray:
        """(R, 2, 2) the middles of the short sides of the smallest rectangle around each polygon [m].

        For a crosswalk these are its two ends: it is longer from kerb to kerb than it is wide. NaN where the polygon
        encloses nothing.
        """
        axes = np.full((len(self), 2, 2), np.nan)
        for row, polygon in enumerate(self.polygons):  # once per map
            rectangle = polygon.minimum_rotated_rectangle
            if rectangle.geom_type != "Polygon":
                continue
            corners = np.asarray(rectangle.exterior.coords)[:4]
            middles = 0.5 * (corners + np.roll(corners, -1, axis=0))
            sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
            short = 0 if sides[0] <= sides[1] else 1
            axes[row] = middles[[short, short + 2]]
        return axes


def _finite(points: ArrayLike) -> tuple[FloatArray, NDArray[np.int64]]:
    at = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    return at, np.flatnonzero(np.isfinite(at).all(axis=1))
