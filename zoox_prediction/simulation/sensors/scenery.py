"""All that the sensors look at in one instant, made once for all of them."""

from __future__ import annotations

from functools import cached_property

from zoox_prediction.simulation.sensors.ground import FAR_PIXEL_M, NEAR_PIXEL_M, Ground, GroundPatch
from zoox_prediction.simulation.sensors.solids import EGO, Polygons, Solids, polygons_of, solids_of
from zoox_prediction.simulation.sensors.truth import SensorTruth


class Scenery:
    """The truth of an instant as solids, polygons and ground."""

    def __init__(self, truth: SensorTruth, ground: Ground | None = None) -> None:
        self.truth = truth
        self._ground = ground or Ground(truth.road_network)

    @cached_property
    def solids(self) -> Solids:
        return solids_of(self.truth)

    @cached_property
    def polygons(self) -> Polygons:
        return polygons_of(self.solids, self.truth)

    @property
    def num_faces(self) -> int:
        """How many of the polygons are faces of solids; they come first, then the patches."""
        return 6 * int((self.solids.owner != EGO).sum())

    @property
    def near_ground(self) -> GroundPatch:
        return self._ground.patch(self.truth.ego.position, NEAR_PIXEL_M)

    @property
    def far_ground(self) -> GroundPatch:
        return self._ground.patch(self.truth.ego.position, FAR_PIXEL_M)
