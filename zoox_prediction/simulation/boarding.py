"""People who get into parked cars, or out of them: they come and go behind the car, on the side of their door."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.geometry import box_corners
from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation.caution import Boxes
from zoox_prediction.simulation.crossers import Crosser
from zoox_prediction.simulation.parked import ParkedCar
from zoox_prediction.simulation.places import Places, Sidewalk
from zoox_prediction.simulation.step_aside import comes_near
from zoox_prediction.simulation.temperament import Stream, draw_walker, generator
from zoox_prediction.simulation.walker_motion import STEP_S

FloatArray = NDArray[np.float64]

FIRST_BOARDER, _FIRST_PARKED = 500_000, 200_000

_DOOR_AHEAD_M, _BESIDE_M = -0.1, 0.35  # of who stands at the door, from the car's middle and its side
_BEHIND_M = 0.6  # of the car, where people pass
_HIDDEN_M = 0.4  # between the line of the cars' sides and who waits behind it
_WALKS_M = (8.0, 25.0)  # along the sidewalk
_EARLY_S, _SITS_DOWN_S = 2.0, 1.8
_APPEARS_S, _SHUTS_S = 1.2, 2.6  # after the door has opened, and from there until one walks off
_LOOKS_S, _ROOM_M = 3.0, 0.9  # of vehicles that would come near the door
_FIRST_DOOR_S = 8.0  # earlier ones open without anybody outside
_BETWEEN_CARS_M = 0.4
_STANDS_MPS = 0.3
_PAYS_HEED = 0.85


@dataclass(kw_only=True)
class Boarder(Crosser):
    """One who gets into `car` at the end of the way, or has got out of it at the beginning."""

    car: ParkedCar
    gets_in: bool
    sat_s: float = 0.0

    @property
    def gone(self) -> bool:
        return self.sat_s >= _SITS_DOWN_S if self.gets_in else super().gone

    @property
    def _is_there(self) -> bool:
        return self.place_m >= self.length_m - 0.15

    def can_appear(self, vehicles: Boxes) -> bool:
        """Who gets out lets vehicles pass first, with the door open."""
        if self.gets_in or not self._is_unsafe(vehicles):
            return True
        self.car.door_open_s += STEP_S
        return False

    def step(self, vehicles: Boxes, ego: int | None) -> None:
        """One step among `vehicles`; the car's door waits for who gets in."""
        self.sees_ego = False
        if self.gets_in:
            wanted = self._towards_door(vehicles)
        else:
            self.waited_s += STEP_S
            self.crossing = self.car.door_to_road and self.place_m < self.far_m
            wanted = self.walking_mps if self.waited_s > self.waits_s else 0.0
        self._walk(self._beside(vehicles.select(np.flatnonzero(vehicles.speed > _STANDS_MPS)), wanted))

    def _towards_door(self, vehicles: Boxes) -> float:
        self.crossing = self.car.door_to_road and self.place_m > self.kerb_m
        if self._is_there:
            self.sat_s += STEP_S
            return 0.0
        if self.time_s + STEP_S > self.car.door_s:
            self.car.postpone(STEP_S)
        rest_m = self.length_m - self.place_m
        stop = float(np.sqrt(max(2.0 * (rest_m - 0.05), 0.0)))
        if self.crossing or self.place_m < self.kerb_m - 0.8:
            return min(self.walking_mps, stop)
        waits = self.time_s < self.car.door_s - rest_m / self.walking_mps - 0.5 or self._is_unsafe(vehicles)
        return 0.0 if waits else self.walking_mps

    def _is_unsafe(self, vehicles: Boxes) -> bool:
        if not (self.looks and self.car.door_to_road):
            return False
        door = self.at(self.length_m if self.gets_in else 0.0)
        return bool(comes_near(door[None], _ROOM_M, vehicles, _LOOKS_S)[0])


def draw_boarders(places: Places, parked: Iterable[ParkedCar], seed: int) -> list[Boarder]:
    """One person for each door that opens, where there is room behind the car; drivers for cars that leave."""
    cars = list(parked)
    boxes = [box_corners(car.center, car.yaw, np.array(car.driver.size[:2])) for car in cars]
    tree = shapely.STRtree(shapely.polygons(np.array(boxes).reshape(-1, 4, 2)))
    sidewalks = {each.edge: each for each in places.sidewalks}
    boarders = []
    for row, car in enumerate(cars):
        sidewalk = sidewalks.get(car.lane.rpartition("_")[0])
        if sidewalk is None or not _FIRST_DOOR_S <= car.door_s < np.inf:
            continue
        boarder = _boarder(car, sidewalk, seed)
        near = tree.query(shapely.LineString(boarder.way), predicate="dwithin", distance=_BETWEEN_CARS_M)
        if set(near.tolist()) <= {row}:
            boarders.append(boarder)
    return boarders


def _boarder(car: ParkedCar, sidewalk: Sidewalk, seed: int) -> Boarder:
    number = FIRST_BOARDER + car.id - _FIRST_PARKED
    own = generator(seed, Stream.CROSSER, number)
    walker = replace(draw_walker(own), child=False)
    walks_m = float(own.uniform(*_WALKS_M)) * (1.0 if own.random() < 0.5 else -1.0)
    gets_in = bool(np.isfinite(car.leaves_s))
    way, to_edge_m = _way_to_door(car, sidewalk, walks_m)
    lengths = np.linalg.norm(np.diff(way, axis=0), axis=-1)
    total_m = float(lengths.sum())
    start_s = car.door_s - total_m / walker.speed_mps - _EARLY_S if gets_in else car.door_s + _APPEARS_S
    return Boarder(
        id=number,
        agent_class=AgentClass.PEDESTRIAN,
        size=walker.size,
        way=way if gets_in else way[::-1].copy(),
        kerb_m=to_edge_m,
        far_m=total_m - to_edge_m,
        start_s=start_s,
        walking_mps=walker.speed_mps,
        crossing_mps=walker.speed_mps,
        margin_s=0.0,
        looks=bool(own.random() < _PAYS_HEED),
        waits_s=_SHUTS_S,
        phone=walker.phone,
        car=car,
        gets_in=gets_in,
    )


def _way_to_door(car: ParkedCar, sidewalk: Sidewalk, walks_m: float) -> tuple[FloatArray, float]:
    """Points (n, 2) from the sidewalk to the door, and how far along them one comes out from behind the car."""
    ahead = np.array([np.cos(car.yaw), np.sin(car.yaw)])
    length, width = car.driver.size[:2]
    side = (1.0 if car.door_to_road else -1.0) * car.road_side
    left = np.array([-ahead[1], ahead[0]])
    aside = side * (0.5 * width + _BESIDE_M) * left
    door = car.center + _DOOR_AHEAD_M * ahead + aside
    corner = car.center - (0.5 * length + _BEHIND_M) * ahead + aside
    line = shapely.LineString(sidewalk.line)
    turn_m = float(line.project(shapely.Point(*(corner if car.door_to_road else door))))
    places = np.clip([turn_m + walks_m, turn_m], 0.5, line.length - 0.5)
    on_foot = shapely.get_coordinates(line.interpolate(places))
    points = [*on_foot, corner, door] if car.door_to_road else [*on_foot, door]
    way = np.array(points)
    steps = np.linalg.norm(np.diff(way, axis=0), axis=-1)
    to_edge_m = float(steps[:2].sum()) - _BESIDE_M - _HIDDEN_M
    return way, to_edge_m
