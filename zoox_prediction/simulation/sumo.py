"""SUMO in this process: starts it, steps it, reads all vehicles and people as arrays.

The libraries hold one simulation per process; `SumoTraffic` refuses a second one. Nothing in it draws random numbers:
SUMO's own randomness (dawdling, speed deviations, lane-changing noise) is switched off, each agent brings its own.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.road_network import NO_ID
from zoox_prediction.maps.sumo_rules import stable_id
from zoox_prediction.simulation.walker_motion import STEP_S

FloatArray = NDArray[np.float64]

LATERAL_RESOLUTION_M = 0.8
_SAFE_SPEED = 1  # of the speed mode: https://sumo.dlr.de/docs/TraCI/Change_Vehicle_State.html#speed_mode_0xb3
_SEES_LEADER_M, _COMES_BACK_M = 40.0, 6.0
_IMPATIENT_S = 15  # of waiting, after which drivers go before those who would have to brake
EGO = "ego"  # SUMO's name of the ego; those of all other agents are their numbers
_LEFT, _RIGHT, _BRAKE = 2, 1, 8  # bits of SUMO's vehicle signals
_AS_HARD_AS_TOLD = 31 - 4  # speed mode: limits of speed may ask for more than the comfortable deceleration
_KEEP_ROUTE_FREE = 2  # of moveToXY: any place, on the road or off it
_ALONG, _ASIDE_M = 0.7, 0.5  # cosine to the lane, and beyond its edge, that SUMO's driver can still make good


@dataclass(frozen=True)
class SumoVehicles:
    """All vehicles in the road network now, one row each; the ego is not among them."""

    ids: NDArray[np.int64]
    front: FloatArray  # (N, 2) middle of the front bumper [m]
    speed: FloatArray
    yaw: FloatArray
    braking: NDArray[np.bool_]  # lights as SUMO sets them
    left: NDArray[np.bool_]
    right: NDArray[np.bool_]
    lane: NDArray[np.int64]  # id in the road network

    def with_vehicle(self, number: int, front: FloatArray, yaw: float, speed: float) -> SumoVehicles:
        """These and one more, whose lights and lane are nobody's business."""
        off = np.append(self.braking, False), np.append(self.left, False), np.append(self.right, False)
        return SumoVehicles(
            np.append(self.ids, number),
            np.concatenate([self.front, front[None]]),
            np.append(self.speed, speed),
            np.append(self.yaw, yaw),
            *off,
            np.append(self.lane, NO_ID),
        )


@cache
def _lane_id(name: str) -> int:
    """In the road network that is read of SUMO's; NO_ID of none, while a vehicle is beside the road."""
    return stable_id(name) if name else NO_ID


@dataclass(frozen=True)
class SumoWalkers:
    """All people who walk now, one row each."""

    ids: NDArray[np.int64]
    position: FloatArray  # (N, 2) [m]
    speed: FloatArray
    yaw: FloatArray
    edge: tuple[str, ...]
    next_edge: tuple[str, ...]


class SumoTraffic:
    """The simulation that runs in this process, at steps of STEP_S."""

    _running: ClassVar[bool] = False

    def __init__(self, network: Path, routes: Path, additional: Sequence[Path] = ()) -> None:
        """Raises InputError without SUMO, when a simulation runs already, or when SUMO does not take the files."""
        if SumoTraffic._running:
            raise InputError("a simulation runs in this process already; close it, or use another process")
        self.library = _libsumo()
        options = {
            "net-file": network,
            "route-files": routes,
            "step-length": STEP_S,
            "route-steps": 0,  # all at once: a fork must not go on reading the file of the original
            "ignore-route-errors": "true",
            "lateral-resolution": LATERAL_RESOLUTION_M,
            "time-to-teleport": -1,
            "time-to-impatience": _IMPATIENT_S,
            "collision.action": "none",
            "pedestrian.striping.dawdling": 0,
            "default.speeddev": 0,
            "seed": 1,
        }
        if additional:
            options["additional-files"] = ",".join(str(path) for path in additional)
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        try:
            self.library.start(["sumo", "--no-step-log", "--no-warnings", *words])
        except (self.library.TraCIException, self.library.FatalTraCIError, RuntimeError) as error:
            raise InputError(f"{network}: SUMO does not take it: {' '.join(str(error).split())}") from error
        SumoTraffic._running = True
        self._walkways: dict[str, FloatArray] = {}
        self._vehicle_fields = [
            getattr(self.library, f"VAR_{name}") for name in ("POSITION", "SPEED", "ANGLE", "SIGNALS", "LANE_ID")
        ]
        self._person_fields = [getattr(self.library, f"VAR_{name}") for name in ("POSITION", "SPEED", "ANGLE")]
        self._person_fields += [self.library.VAR_ROAD_ID, self.library.VAR_NEXT_EDGE]

    def close(self) -> None:
        if SumoTraffic._running:
            self.library.close()
            SumoTraffic._running = False

    def step(self) -> None:
        """Moves all traffic on by STEP_S."""
        self.library.simulationStep()
        for name in self.library.simulation.getDepartedIDList():
            self.library.vehicle.subscribe(name, self._vehicle_fields)
            self.library.vehicle.setSpeedMode(name, _AS_HARD_AS_TOLD)
        for name in self.library.simulation.getDepartedPersonIDList():
            self.library.person.subscribe(name, self._person_fields)

    def vehicles(self) -> SumoVehicles:
        found = self.library.vehicle.getAllSubscriptionResults()
        names = [name for name in found if name != EGO]
        position, speed, angle, signals, lane = (
            [found[name][number] for name in names] for number in self._vehicle_fields
        )
        lights = np.array(signals, dtype=np.int64)
        return SumoVehicles(
            ids=np.array(names, dtype=np.int64),
            front=np.array(position, dtype=np.float64).reshape(-1, 2),
            speed=np.array(speed, dtype=np.float64),
            yaw=yaw_of_angle(angle),
            braking=(lights & _BRAKE) != 0,
            left=(lights & _LEFT) != 0,
            right=(lights & _RIGHT) != 0,
            lane=np.array([_lane_id(name) for name in lane], dtype=np.int64),
        )

    def walkers(self) -> SumoWalkers:
        found = self.library.person.getAllSubscriptionResults()
        position, speed, angle, edge, onward = (
            [each[number] for each in found.values()] for number in self._person_fields
        )
        return SumoWalkers(
            ids=np.array(list(found), dtype=np.int64),
            position=np.array(position, dtype=np.float64).reshape(-1, 2),
            speed=np.array(speed, dtype=np.float64),
            yaw=yaw_of_angle(angle),
            edge=tuple(edge),
            next_edge=tuple(onward),
        )

    def ego(self) -> tuple[FloatArray, float, float] | None:
        """Front bumper (2,), heading and speed of the ego; None while it is not in the network."""
        found = self.library.vehicle.getAllSubscriptionResults().get(EGO)
        if found is None:
            return None
        position, speed, angle, *_ = (found[number] for number in self._vehicle_fields)
        if speed <= self.library.INVALID_DOUBLE_VALUE:  # a plan has put it where SUMO finds no lane to drive on
            return None
        return np.array(position), float(yaw_of_angle([angle])[0]), float(speed)

    def ego_lanes(self) -> list[str]:
        """The lanes of the ego's route from where it is, those within junctions included but for a few."""
        vehicle = self.library.vehicle
        lanes = [vehicle.getLaneID(EGO)]
        for link in vehicle.getNextLinks(EGO):
            onward, via = link[0], link[4]
            lanes += [name for name in (via, onward) if name]
        return [name for name in lanes if name]

    def move_ego(self, front: FloatArray, yaw: float, speed: float) -> None:
        """Puts the ego where its plan says; the others see it there in the next step."""
        angle = float(np.degrees(0.5 * np.pi - yaw)) % 360.0
        self.library.vehicle.moveToXY(EGO, "", -1, float(front[0]), float(front[1]), angle, _KEEP_ROUTE_FREE)
        self.library.vehicle.setPreviousSpeed(EGO, max(float(speed), 0.0))

    def ego_can_drive(self) -> bool:
        """Whether SUMO can drive the ego on from where a plan has put it: on a lane, and along it."""
        vehicle, lane = self.library.vehicle, self.library.vehicle.getLaneID(EGO)
        ego = self.ego()
        if ego is None or not lane:
            return False
        edge, _, index = lane.rpartition("_")
        place, length = vehicle.getLanePosition(EGO), self.library.lane.getLength(lane)
        before, here, after = (
            np.array(self.library.simulation.convert2D(edge, min(max(at, 0.0), length), int(index)))
            for at in (place - 1.0, place, place + 1.0)
        )
        front, yaw, _ = ego
        along = (after - before) @ np.array([np.cos(yaw), np.sin(yaw)]) / max(np.linalg.norm(after - before), 1e-9)
        aside = np.linalg.norm(front - here)
        return bool(along > _ALONG and aside < 0.5 * self.library.lane.getWidth(lane) + _ASIDE_M)

    def lead_ego_on(self, ends: Sequence[str]) -> None:
        """An ego whose route a plan has cut short has one to the farthest of these edges again."""
        vehicle, simulation = self.library.vehicle, self.library.simulation
        route = list(vehicle.getRoute(EGO))
        if route[-1] in ends:
            return
        onward = [simulation.findRoute(route[-1], end, vehicle.getTypeID(EGO)) for end in ends]
        farthest = max(onward, key=lambda each: each.length if each.edges else -1.0, default=None)
        if farthest is not None and farthest.edges:
            vehicle.setRoute(EGO, [*route[max(vehicle.getRouteIndex(EGO), 0) :], *farthest.edges[1:]])

    def add_vehicle(self, vehicle: int, edges: Sequence[str], lane: str, position_m: float) -> None:
        """A vehicle that stands beside `lane` wants to go on in it from there, as soon as the gap is large enough."""
        route, index = f"r{vehicle}", lane.rpartition("_")[2]
        self.library.route.add(route, list(edges))
        self.library.vehicle.add(
            str(vehicle), route, f"t{vehicle}", departLane=index, departPos=f"{position_m:.2f}", departSpeed="0"
        )

    def limit_walker(self, walker: int, speed: float) -> None:
        """The walker goes as fast as this from now on."""
        self.library.person.setSpeed(str(walker), speed)

    def walkway(self, edge: str) -> FloatArray:
        """(n, 2) middle of a crosswalk, by its edge."""
        if edge not in self._walkways:
            shape = self.library.lane.getShape(f"{edge}_0")
            self._walkways[edge] = np.array(shape, dtype=np.float64)[:, :2]
        return self._walkways[edge]

    def limit_speed(self, vehicle: int, speed: float | None) -> None:
        """The vehicle goes no faster than this; None ends it."""
        name = str(vehicle) if vehicle else EGO
        self.library.vehicle.setSpeed(name, -1.0 if speed is None else speed)

    def is_behind_ego(self, vehicle: int) -> bool:
        """Whether the ego is the next ahead in the vehicle's lane, with room before it to come back."""
        library, name = self.library.vehicle, str(vehicle)
        lane = library.getLaneID(EGO)
        if not lane or library.getLaneID(name) != lane or lane.startswith(":"):
            return False
        before_m = self.library.lane.getLength(lane) - library.getLanePosition(EGO)
        leader = library.getLeader(name, _SEES_LEADER_M)
        return bool(leader and leader[0] == EGO and before_m > library.getLength(name) + _COMES_BACK_M)

    def heed_leader(self, vehicle: int, heeds: bool) -> None:
        """Whether the vehicle keeps behind the one ahead; who does not must be led by `limit_speed`."""
        self.library.vehicle.setSpeedMode(str(vehicle), _AS_HARD_AS_TOLD if heeds else _AS_HARD_AS_TOLD - _SAFE_SPEED)

    def signal_states(self) -> dict[str, str]:
        """SUMO's state string of every traffic light."""
        lights = self.library.trafficlight
        return {name: lights.getRedYellowGreenState(name) for name in lights.getIDList()}


def yaw_of_angle(degrees: Sequence[float]) -> FloatArray:
    """SUMO's angles, clockwise from north [degrees], as yaw."""
    return wrap_angle(0.5 * np.pi - np.radians(np.array(degrees, dtype=np.float64)))


def _libsumo() -> Any:
    try:
        home = importlib.import_module("sumo").SUMO_HOME
        with contextlib.redirect_stdout(None):  # it warns of pyarrow, whose formats are not used here
            library = importlib.import_module("libsumo")
    except ImportError as error:
        raise InputError("the simulator needs SUMO; pip install 'zoox_prediction[sim]'") from error
    os.environ.setdefault("SUMO_HOME", home)
    return library
