"""All vehicles of the world: those that SUMO drives, those that are parked, and the ego."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.scene import AgentClass, Attribute
from zoox_prediction.simulation.caution import Boxes, conflict_distance, limited_speed, touching_distance
from zoox_prediction.simulation.lights import Indicators, brake_lights
from zoox_prediction.simulation.parked import ParkedCar, Phase
from zoox_prediction.simulation.sumo import SumoTraffic, SumoVehicles
from zoox_prediction.simulation.temperament import Driver
from zoox_prediction.simulation.vehicle_motion import STEP_S, VehicleBodies

EGO_NUMBER = 0  # numbers of the other vehicles begin at 1

FloatArray = NDArray[np.float64]


class Vehicles:
    """Bodies, drivers and lights of all vehicles, one row each."""

    def __init__(self, seed: int, drivers: Mapping[int, Driver], parked: Mapping[int, ParkedCar]) -> None:
        self.bodies = VehicleBodies.empty()
        self.drivers = {**drivers, **{number: car.driver for number, car in parked.items()}}
        self.parked = dict(parked)
        self._indicators = Indicators(seed)
        self._braking: dict[int, bool] = {}
        self._left: dict[int, bool] = {}
        self._right: dict[int, bool] = {}
        self._conflict_s: dict[int, float] = {}  # how long a driver has seen a conflict
        self._limited: set[int] = set()
        for car in self.parked.values():
            self.bodies.add([car.id], [int(car.driver.agent_class)], [car.driver.size], [car.center], [car.yaw], [0.0])

    @property
    def ego_row(self) -> int | None:
        rows = np.flatnonzero(self.bodies.ids == EGO_NUMBER)
        return int(rows[0]) if len(rows) else None

    def boxes(self, rows: NDArray | slice = slice(None)) -> Boxes:
        bodies = self.bodies
        return Boxes(
            bodies.center[rows], bodies.yaw[rows], bodies.velocity[rows], bodies.yaw_rate[rows], bodies.size[rows, :2]
        )

    def look_out(self, traffic: SumoTraffic, others: Boxes, ego_is_driven: bool) -> None:
        """Drivers slow down for what is in their way; `others` are the bodies that SUMO knows nothing of.

        The ego counts among them while a plan moves it.
        """
        bodies = self.bodies
        drives = np.array([number not in self.parked for number in bodies.ids.tolist()], dtype=bool)
        is_ego = bodies.ids == EGO_NUMBER
        if traffic.ego() is None:  # it has come to the end of its route
            drives &= ~is_ego
        if ego_is_driven:
            drives &= ~is_ego
            others = others.joined(self.boxes(is_ego))
        rows = np.flatnonzero(drives)
        drivers = self.boxes(rows)
        hardest = bodies.braking_limit[rows]
        unexpected = limited_speed(bodies.speed[rows], conflict_distance(drivers, others), hardest)
        touching = limited_speed(bodies.speed[rows], touching_distance(drivers), hardest)
        # SUMO takes one call for each vehicle.
        for number, slow, soon in zip(bodies.ids[rows].tolist(), unexpected.tolist(), touching.tolist(), strict=True):
            self._limit(traffic, number, slow, soon)

    def _limit(self, traffic: SumoTraffic, number: int, unexpected: float, touching: float) -> None:
        """What is unexpected is only seen after a while; that two vehicles would touch has been in sight all along."""
        seen_s = self._conflict_s.get(number, 0.0) + STEP_S if np.isfinite(unexpected) else 0.0
        self._conflict_s[number] = seen_s
        limit = min(touching, unexpected if seen_s >= self.drivers[number].reaction_s else np.inf)
        if np.isfinite(limit):
            traffic.limit_speed(number, limit)
            self._limited.add(number)
        elif number in self._limited:
            traffic.limit_speed(number, None)
            self._limited.discard(number)

    def step_parked(self, traffic: SumoTraffic, time_s: float) -> None:
        """Parked cars go on with what they do; those that want to leave ask SUMO for a place."""
        for row, number in enumerate(self.bodies.ids.tolist()):
            car = self.parked.get(number)
            if car is None or not np.isfinite(car.leaves_s):  # most of them stand for good
                continue
            before = car.phase
            if car.step(time_s) == Phase.WAITING and before != Phase.WAITING:
                traffic.add_vehicle(number, car.edges, car.lane, car.lane_position_m)
            angle = np.array([car.wheel_angle(time_s, 0.8 * float(self.bodies.steering_limit[row]))])
            rows = np.array([row])
            if car.phase == Phase.REVERSING:
                self.bodies.roll_back(rows, np.array([car.reverse_speed(time_s)]), angle)
            else:
                self.bodies.drive(rows, np.array([-1.0]), angle)

    def follow(self, found: SumoVehicles) -> None:
        """Bodies come, go, and move after what SUMO has done."""
        here = set(found.ids.tolist())
        gone = [number for number in self.bodies.ids.tolist() if number not in here and self._is_gone(number)]
        for number in gone:
            self._forget(number)
        self.bodies.keep(~np.isin(self.bodies.ids, gone))
        self._start_parked(found)
        self._add_new(found)
        rows = np.searchsorted(self.bodies.ids, found.ids, sorter=np.argsort(self.bodies.ids))
        rows = np.argsort(self.bodies.ids)[rows]
        self.bodies.follow(rows, found.front, found.speed)
        for number, braking, left, right in zip(
            found.ids.tolist(), found.braking.tolist(), found.left.tolist(), found.right.tolist(), strict=True
        ):
            self._braking[number] = braking
            self._left[number] = self._indicators.step(number, self.drivers[number], "left", left)
            self._right[number] = self._indicators.step(number, self.drivers[number], "right", right)

    def attributes(self, time_s: float) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """(N,) Attribute bits that are on, and those that such a vehicle has."""
        bodies = self.bodies
        numbers = bodies.ids.tolist()
        pressed = np.array([self._braking.get(number, False) for number in numbers], dtype=bool)
        lit = brake_lights(pressed, bodies.speed, bodies.acceleration)
        on = []
        for row, number in enumerate(numbers):
            car = self.parked.get(number)
            if car is not None:
                on.append(int(car.attributes(time_s)))
                continue
            bits = Attribute.BRAKE_LIGHT if lit[row] else Attribute(0)
            bits |= Attribute.LEFT_INDICATOR if self._left.get(number) else Attribute(0)
            bits |= Attribute.RIGHT_INDICATOR if self._right.get(number) else Attribute(0)
            on.append(int(bits))
        has = np.where(bodies.agent_class == AgentClass.CYCLIST, int(Attribute.PARKED), _LIGHTS)
        return (np.array(on, dtype=np.uint32) & has).astype(np.uint32), has.astype(np.uint32)

    def _is_gone(self, number: int) -> bool:
        return number not in self.parked and number != EGO_NUMBER

    def _start_parked(self, found: SumoVehicles) -> None:
        """Cars that have got their place in the lane drive from now on."""
        for index, number in enumerate(found.ids.tolist()):
            if number in self.parked:
                row = np.flatnonzero(self.bodies.ids == number)
                self.bodies.begin_way(row, found.front[index : index + 1], found.yaw[index : index + 1])
                self.parked.pop(number).phase = Phase.LEFT

    def _add_new(self, found: SumoVehicles) -> None:
        new = np.flatnonzero(~np.isin(found.ids, self.bodies.ids))
        if not len(new):
            return
        drivers = [self.drivers[number] for number in found.ids[new].tolist()]
        size = np.array([driver.size for driver in drivers])
        yaw = found.yaw[new]
        # Where they were a step ago: from there they follow in this step.
        back_m = 0.5 * size[:, 0] + STEP_S * found.speed[new]
        back = back_m[:, None] * np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
        classes = [int(driver.agent_class) for driver in drivers]
        self.bodies.add(found.ids[new], classes, size, found.front[new] - back, yaw, found.speed[new])

    def _forget(self, number: int) -> None:
        self._indicators.forget(number)
        for table in (self._braking, self._left, self._right, self._conflict_s):
            table.pop(number, None)
        self._limited.discard(number)


_LIGHTS = int(
    Attribute.BRAKE_LIGHT
    | Attribute.LEFT_INDICATOR
    | Attribute.RIGHT_INDICATOR
    | Attribute.REVERSING_LIGHT
    | Attribute.HAZARD
    | Attribute.DOOR_OPEN
    | Attribute.PARKED
    | Attribute.EMERGENCY
)
