"""All vehicles of the world: those that SUMO drives, those that are parked, and the ego."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import NO_ID
from zoox_prediction.scene import AgentClass, Attribute
from zoox_prediction.simulation.caution import Boxes, conflict_distance, limited_speed, touching_distance
from zoox_prediction.simulation.lights import Indicators, brake_lights
from zoox_prediction.simulation.parked import DOOR_S, ParkedCar, Phase
from zoox_prediction.simulation.sumo import SumoTraffic, SumoVehicles
from zoox_prediction.simulation.swerve import swerve
from zoox_prediction.simulation.temperament import Driver
from zoox_prediction.simulation.vehicle_motion import STEP_S, VehicleBodies

EGO_NUMBER = 0  # numbers of the other vehicles begin at 1

_LATE_S, _CALM_MPS2 = 0.6, 3.0  # braking is no harder than this for who is touched later
_BRAKES_ON_S = 0.4
_CREEPS_MPS = 1.0  # an ego that is slower can be passed
_NOTICES_VEHICLE_M, _NOTICES_PERSON_M = 30.0, 12.0  # ahead, of what stands there
_SQUEEZES_MPS, _TOO_NEAR_M = 1.5, 0.5  # how fast drivers go past what they are not yet clear of, and how near
_WAITS_BEHIND_M, _PASSES_MPS = 5.0, 4.0  # how far behind an ego that stands, to be able to pull out, and how fast past
_DOOR_M = 0.9  # that an open door sticks out

FloatArray = NDArray[np.float64]


class Vehicles:
    """Bodies, drivers and lights of all vehicles, one row each."""

    def __init__(
        self, seed: int, drivers: Mapping[int, Driver], parked: Mapping[int, ParkedCar], left_hand: bool = False
    ) -> None:
        self._left_hand = left_hand
        self.bodies = VehicleBodies.empty()
        self.drivers = {**drivers, **{number: car.driver for number, car in parked.items()}}
        self.parked = dict(parked)
        self._indicators = Indicators(seed)
        self._braking: dict[int, bool] = {}
        self._left: dict[int, bool] = {}
        self._right: dict[int, bool] = {}
        self._lane: dict[int, int] = {}
        self._conflict_s: dict[int, float] = {}  # how long a driver has seen a conflict
        self._brakes_on_s: dict[int, float] = {}  # how long a driver who braked does not speed up
        self._limited: set[int] = set()
        self._passing: set[int] = set()  # an ego that stands
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

    def look_out(
        self, traffic: SumoTraffic, others: Boxes, beside_road: Boxes, time_s: float, ego_is_driven: bool
    ) -> None:
        """Drivers slow down for what is in their way, and move aside for what stands at its edge.

        `others` are the bodies on the road that SUMO knows nothing of; the ego counts among them while a plan moves it.
        `beside_road` are people who may stand where a wide vehicle passes.
        """
        bodies = self.bodies
        drives = np.array([number not in self.parked for number in bodies.ids.tolist()], dtype=bool)
        is_ego = bodies.ids == EGO_NUMBER
        if traffic.ego() is None:  # it has come to the end of its route
            drives &= ~is_ego
        stopped = np.zeros(len(bodies), dtype=bool)
        if ego_is_driven:
            drives &= ~is_ego
            stopped = is_ego & (bodies.speed < _CREEPS_MPS)
            others = others.joined(self.boxes(is_ego & ~stopped))
        rows = np.flatnonzero(drives)
        drivers = self.boxes(rows)
        hardest = bodies.braking_limit[rows]
        unexpected = limited_speed(bodies.speed[rows], conflict_distance(drivers, others), hardest)
        aside = self._move_aside(traffic, rows, stopped, beside_road, time_s)
        unexpected = np.minimum(unexpected, aside)
        touching_m = touching_distance(drivers)
        in_time = touching_m > _LATE_S * bodies.speed[rows]  # the other mostly drives on too
        touching = limited_speed(bodies.speed[rows], touching_m, np.where(in_time, _CALM_MPS2, hardest))
        # SUMO takes one call for each vehicle.
        columns = bodies.ids[rows], bodies.speed[rows], unexpected, touching
        for number, speed, slow, soon in zip(*(each.tolist() for each in columns), strict=True):
            self._limit(traffic, number, speed, slow, soon)

    def _move_aside(
        self,
        traffic: SumoTraffic,
        rows: NDArray[np.int64],
        stopped: NDArray[np.bool_],
        people: Boxes,
        time_s: float,
    ) -> FloatArray:
        """(n,) the most that the drivers of these rows go, who move aside where that helps; inf: as they like."""
        bodies = self.bodies
        parked = np.array([number in self.parked for number in bodies.ids.tolist()], dtype=bool)
        vehicles = self.boxes(parked | stopped).joined(self._open_doors(time_s))
        still = replace(people, velocity=np.zeros_like(people.velocity))
        noticed = np.repeat([_NOTICES_VEHICLE_M, _NOTICES_PERSON_M], [len(vehicles), len(still)])
        driven = np.flatnonzero(~parked & ~stopped)
        own = np.full(len(bodies), -1)
        own[rows] = np.arange(len(rows))
        plan = swerve(
            bodies.courses(rows),
            bodies.beside_m[rows],
            vehicles.joined(still),
            noticed,
            self.boxes(driven),
            own[driven],
            self._left_hand,
        )
        bodies.move_aside(rows, plan.aside_m)
        self._pass_ego(traffic, rows[plan.passes & (plan.aside_m != 0.0)] if stopped.any() else rows[:0])
        behind_m = _WAITS_BEHIND_M * (plan.possible & stopped.any())
        room = np.maximum(plan.blocked_m - behind_m, 0.0)
        limit = limited_speed(bodies.speed[rows], room, bodies.braking_limit[rows])
        squeezes = plan.passes & (plan.blocked_m > _TOO_NEAR_M)
        unlimited: FloatArray = np.where(squeezes, np.maximum(limit, _SQUEEZES_MPS), limit)
        return unlimited

    def _pass_ego(self, traffic: SumoTraffic, rows: NDArray[np.int64]) -> None:
        """The drivers of these rows have the room to pass an ego that SUMO has them wait behind."""
        wanted = set(self.bodies.ids[rows].tolist())
        for number in sorted(self._passing - wanted):
            traffic.heed_leader(number, True)
        self._passing &= wanted
        for number in sorted(wanted - self._passing):
            if traffic.is_behind_ego(number):
                traffic.heed_leader(number, False)
                self._passing.add(number)

    def _open_doors(self, time_s: float) -> Boxes:
        """Doors of parked cars on the side of the road."""
        cars = [car for car in self.parked.values() if car.door_s <= time_s < car.door_s + DOOR_S]
        yaw = np.array([car.yaw for car in cars])
        left = np.stack([-np.sin(yaw), np.cos(yaw)], axis=-1).reshape(-1, 2)
        aside = [car.road_side * 0.5 * (car.driver.size[1] + _DOOR_M) for car in cars]
        center = np.array([car.center for car in cars]).reshape(-1, 2) + np.array(aside).reshape(-1, 1) * left
        zero = np.zeros(len(cars))
        return Boxes(center, yaw, np.zeros((len(cars), 2)), zero, np.full((len(cars), 2), _DOOR_M))

    def _limit(self, traffic: SumoTraffic, number: int, speed: float, unexpected: float, touching: float) -> None:
        """What is unexpected is only seen after a while; that two vehicles would touch has been in sight all along."""
        seen_s = self._conflict_s.get(number, 0.0) + STEP_S if np.isfinite(unexpected) else 0.0
        self._conflict_s[number] = seen_s
        limit = min(touching, unexpected if seen_s >= self.drivers[number].reaction_s else np.inf)
        limit = min(limit, _PASSES_MPS) if number in self._passing else limit
        if limit < speed:
            self._brakes_on_s[number] = _BRAKES_ON_S
        elif self._brakes_on_s.get(number, 0.0) > 0.0:  # who has braked does not speed up again at once
            self._brakes_on_s[number] -= STEP_S
            limit = min(limit, max(speed, _SQUEEZES_MPS))
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
        columns = found.ids, found.braking, found.left, found.right, found.lane
        for number, braking, left, right, lane in zip(*(each.tolist() for each in columns), strict=True):
            self._braking[number], self._lane[number] = braking, lane
            self._left[number] = self._indicators.step(number, self.drivers[number], "left", left)
            self._right[number] = self._indicators.step(number, self.drivers[number], "right", right)

    @property
    def lanes(self) -> NDArray[np.int64]:
        """(N,) id of the lane of the road network that each drives in; NO_ID of those that are parked."""
        return np.array([self._lane.get(number, NO_ID) for number in self.bodies.ids.tolist()], dtype=np.int64)

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
        for table in (self._braking, self._lane, self._left, self._right, self._conflict_s, self._brakes_on_s):
            table.pop(number, None)
        self._limited.discard(number)
        self._passing.discard(number)


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
