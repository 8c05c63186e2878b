"""How much boxes cover each other, seen from above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.geometry import box_corners

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Footprints:
    """N boxes from above, all in one frame."""

    position: FloatArray  # (N, 2) of the centres [m]
    yaw: FloatArray  # (N,)
    size: FloatArray  # (N, 2) length and width [m]

    def __len__(self) -> int:
        return len(self.yaw)

    def select(self, rows: NDArray) -> Footprints:
        """The boxes of `rows`, an index or boolean array."""
        return Footprints(self.position[rows], self.yaw[rows], self.size[rows])

    def polygons(self) -> NDArray[np.object_]:
        """(N,) polygons of shapely."""
        polygons: NDArray[np.object_] = shapely.polygons(box_corners(self.position, self.yaw, self.size))
        return polygons


def footprint_overlaps(ours: Footprints, theirs: Footprints) -> FloatArray:
    """(N, M) intersection over union."""
    left, right = ours.polygons(), theirs.polygons()
    common = shapely.area(shapely.intersection(left[:, None], right[None, :]))
    shares: FloatArray = common / np.maximum(shapely.area(left)[:, None] + shapely.area(right) - common, 1e-9)
    return shares
