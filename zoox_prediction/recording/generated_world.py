"""All road users of the generated recording at one instant: who is there, where they begin, and how time goes on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.road_network import Turn
from zoox_prediction.recording.datasets.source import START_NS
from zoox_prediction.recording.generated_crossroads import (
    ARM_LENGTH_M,
    ROAD_HALF_WIDTH_M,
    SPEED_LIMIT_MPS,
    STOP_LINE_M,
    WALK,
    rotated,
    route,
    signal_state,
)
from zoox_prediction.recording.generated_traffic import (
    STEP_S,
    STOP_AT_M,
    Path,
    Vehicle,
    Walker,
    smooth_path,
    step_vehicles,
)
from zoox_prediction.scene import AgentClass, Attribute, SignalState, TrackedAgents

EGO_SIZE_M = (4.6, 1.9)
EGO_CENTER_OFFSET_M = 1.4

EAST, NORTH, WEST, SOUTH = 0, 1, 2, 3

# Class, length, width, height [m], greatest acceleration [m/s^2], desired speed as a share of the limit.
_KINDS = {
    "car": (AgentClass.CAR, (4.5, 1.85, 1.5), 1.8, 1.0),
    "truck": (AgentClass.TRUCK, (8.0, 2.5, 3.2), 0.9, 0.85),
    "bus": (AgentClass.BUS, (11.0, 2.5, 3.1), 0.9, 0.85),
    "motorcycle": (AgentClass.MOTORCYCLIST, (2.2, 0.8, 1.5), 2.2, 1.0),
    "bicycle": (AgentClass.CYCLIST, (1.8, 0.6, 1.7), 0.9, 0.4),
}
# Kind, arm, turn, distance of the front from the stop line [m] when the warm-up begins; the ego is first.
_CAST = (
    ("car", WEST, Turn.STRAIGHT, 120.0),
    ("car", WEST, Turn.STRAIGHT, 80.0),
    ("car", WEST, Turn.LEFT, 45.0),
    ("truck", EAST, Turn.STRAIGHT, 70.0),
    ("car", EAST, Turn.RIGHT, 35.0),
    ("car", EAST, Turn.LEFT, 60.0),
    ("car", NORTH, Turn.STRAIGHT, 15.0),
    ("car", NORTH, Turn.RIGHT, 45.0),
    ("bus", NORTH, Turn.STRAIGHT, 95.0),
    ("car", NORTH, Turn.LEFT, 75.0),
    ("bicycle", SOUTH, Turn.STRAIGHT, 8.0),
    ("motorcycle", SOUTH, Turn.RIGHT, 60.0),
    ("car", SOUTH, Turn.LEFT, 25.0),
)
_BICYCLE_RIGHT_M = 1.0
_WARM_UP_S = 4.0  # before the recording, for a natural spacing
_ARRIVAL_INTERVAL_S = 9.0  # mean time between vehicles that enter by one arm
_ENTRY_CLEARANCE_M = 35.0
_ARRIVALS = ("car", "car", "car", "truck", "motorcycle")

# The arm that is crossed, the side that the way begins on, the line on the crosswalk [m] from the middle, and how far
# before the kerb the way begins [m].
_CROSSING = (
    (WEST, 1, 14.4, 3.0),
    (WEST, -1, 16.2, 5.0),
    (EAST, 1, 15.3, 2.0),
    (NORTH, -1, 15.3, 14.0),
    (SOUTH, 1, 15.3, 16.0),
)
# Corner (after which arm), distance from the kerb [m], where along the way it begins [m], speed [m/s]; the last two are
# a person and a dog.
_WALKING = ((SOUTH, 1.55, 60.0, 1.4), (WEST, 2.3, 20.0, 1.2), (EAST, 1.55, 130.0, 1.15), (EAST, 2.4, 131.5, 1.15))
_PERSON_M = (0.6, 0.6, 1.75)
_DOG_M = (0.9, 0.35, 0.6)
_BRAKE_LIGHT_MPS2 = -0.5
_INDICATOR_M = 40.0  # before the stop line


class World:
    """All road users at one instant; `agents` and `ego_state` look at it, `step` moves it on."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._next_number = 0
        self.vehicles: list[Vehicle] = []
        for kind, arm, turn, to_line in _CAST:
            self._add_vehicle(
                kind, arm, turn, STOP_AT_M - to_line - _KINDS[kind][1][0] / 2.0 + random.uniform(-2.0, 2.0)
            )
        self.ego = self.vehicles[0]
        self.ego.parks_at_end = True
        self.walkers = [*self._crossing(), *self._walking()]
        self._next_arrival = random.exponential(_ARRIVAL_INTERVAL_S, 4) + 4.0
        for step in range(round(_WARM_UP_S / STEP_S)):
            self.step(step * STEP_S - _WARM_UP_S)

    def step(self, time_s: float) -> None:
        """From `time_s` to one time step later."""
        step_vehicles(self.vehicles, self.walkers, time_s)
        for walker in self.walkers:
            arm = walker.crossing
            walker.step(SignalState.RED if arm is None else signal_state(arm, WALK, time_s))
        self.vehicles = [vehicle for vehicle in self.vehicles if not vehicle.gone or vehicle is self.ego]
        for due in np.flatnonzero(self._next_arrival <= time_s):
            self._arrive(int(due), time_s)

    def agents(self, time_s: float) -> TrackedAgents:
        movers: list[Vehicle | Walker] = [
            *(vehicle for vehicle in self.vehicles if vehicle is not self.ego),
            *self.walkers,
        ]
        poses = [mover.pose() for mover in movers]
        yaw = np.array([pose[1] for pose in poses])
        speed = np.array([mover.speed for mover in movers])
        turning = speed * np.array([pose[2] for pose in poses])
        ahead = np.column_stack([np.cos(yaw), np.sin(yaw)])
        left = np.column_stack([-ahead[:, 1], ahead[:, 0]])
        slowing = np.array([mover.acceleration for mover in movers])
        attributes = np.array([_attributes(mover) for mover in movers], dtype=np.uint32).reshape(-1, 2)
        return TrackedAgents.from_states(
            START_NS + round(time_s * 1e9),
            np.array([mover.number for mover in movers]),
            np.array([int(mover.agent_class) for mover in movers]),
            np.column_stack([np.array([pose[0] for pose in poses]), [mover.size[2] / 2.0 for mover in movers]]),
            wrap_angle(yaw),
            speed[:, None] * ahead,
            np.array([mover.size for mover in movers]),
            acceleration=slowing[:, None] * ahead + (speed * turning)[:, None] * left,
            yaw_rate=turning,
            attributes=attributes[:, 0],
            attributes_valid=attributes[:, 1],
        )

    def ego_state(self) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
        """Position, yaw and velocity of base_link, which lies behind the centre of the box."""
        center, yaw, curvature = self.ego.pose()
        ahead, left = np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])
        velocity = self.ego.speed * (ahead - curvature * EGO_CENTER_OFFSET_M * left)
        return center - EGO_CENTER_OFFSET_M * ahead, float(wrap_angle(yaw)), velocity

    def _add_vehicle(self, kind: str, arm: int, turn: Turn, distance_m: float) -> None:
        agent_class, size, acceleration, share = _KINDS[kind]
        vehicle = Vehicle(
            number=self._number(),
            agent_class=agent_class,
            size=(*EGO_SIZE_M, 1.6) if not self.vehicles else size,
            arm=arm,
            turn=turn,
            distance_m=distance_m,
            speed=0.0,
            desired_speed=SPEED_LIMIT_MPS * share * self._random.uniform(0.85, 0.95),
            max_acceleration=acceleration,
            right_m=_BICYCLE_RIGHT_M if kind == "bicycle" else 0.0,
        )
        to_line = max(STOP_AT_M - vehicle.front_m - 4.0, 0.0)
        vehicle.speed = min(vehicle.desired_speed, float(np.sqrt(2.0 * 1.2 * to_line)))
        self.vehicles.append(vehicle)

    def _arrive(self, arm: int, time_s: float) -> None:
        """Another vehicle enters by the arm, unless the lane is still taken; then a little later."""
        turn = Turn.LEFT if self._random.random() < 0.25 else self._random.choice([Turn.STRAIGHT, Turn.RIGHT])
        lane = route(arm, Turn(turn))[0]
        taken = any(each.lanes[0] == lane and each.rear_m < _ENTRY_CLEARANCE_M for each in self.vehicles)
        if taken:
            self._next_arrival[arm] = time_s + 1.0
            return
        self._add_vehicle(str(self._random.choice(_ARRIVALS)), arm, Turn(turn), 0.0)
        self._next_arrival[arm] = time_s + 2.0 + self._random.exponential(_ARRIVAL_INTERVAL_S)

    def _crossing(self) -> list[Walker]:
        """People who cross an arm: along its walkway, over the crosswalk, and on along the other walkway."""
        walkers = []
        edge, start, beyond = ROAD_HALF_WIDTH_M + np.array([1.3, 1.6, 0.75])
        for arm, side, line, lead in _CROSSING:
            way = [
                [line + 3.0 + lead, start],
                [line + 2.0, start],
                [line, edge],
                [line, 0.4 - beyond],
                [line + 2.0, -beyond],
            ]
            corners = rotated(np.array([*way, [110.0, -beyond]]) * [1.0, side], arm)
            path = smooth_path(corners, 0.9)
            side_of_kerb = rotated(path.points, -arm)[:, 1] * side
            wait = 0.25 * float(np.argmax(side_of_kerb < edge - 0.4))
            walkers.append(self._walker(path, 0.0, self._random.uniform(1.35, 1.5), crossing=arm, wait_m=wait))
        return walkers

    def _walking(self) -> list[Walker]:
        """People on the walkway around a corner, and a dog beside the last of them."""
        walkers = []
        for index, (corner, from_kerb, start, speed) in enumerate(_WALKING):
            offset = ROAD_HALF_WIDTH_M + from_kerb
            angle = np.linspace(-np.pi / 2.0, -np.pi, 8)
            radius = STOP_LINE_M - offset
            bend = STOP_LINE_M + radius * np.column_stack([np.cos(angle), np.sin(angle)])
            corners = rotated([[ARM_LENGTH_M, offset], *bend, [offset, ARM_LENGTH_M]], corner)
            dog = index == len(_WALKING) - 1
            walker = self._walker(smooth_path(corners), start, speed, dog=dog)
            walkers.append(walker)
        return walkers

    def _walker(
        self,
        path: Path,
        distance_m: float,
        speed: float,
        *,
        crossing: int | None = None,
        wait_m: float = 0.0,
        dog: bool = False,
    ) -> Walker:
        return Walker(
            number=self._number(),
            agent_class=AgentClass.ANIMAL if dog else AgentClass.PEDESTRIAN,
            size=_DOG_M if dog else _PERSON_M,
            path=path,
            distance_m=distance_m,
            desired_speed=speed,
            crossing=crossing,
            wait_m=wait_m,
            sway_m=0.15 if dog else 0.0,
            speed=0.0 if crossing is not None else speed,
        )

    def _number(self) -> int:
        self._next_number += 1
        return self._next_number


def _attributes(mover: Vehicle | Walker) -> tuple[int, int]:
    """Attribute bits that are on and that are known: lights of motor vehicles."""
    if not isinstance(mover, Vehicle) or mover.agent_class == AgentClass.CYCLIST:
        return 0, 0
    known = Attribute.BRAKE_LIGHT | Attribute.LEFT_INDICATOR | Attribute.RIGHT_INDICATOR
    on = Attribute(0)
    if mover.acceleration < _BRAKE_LIGHT_MPS2 or mover.speed < 0.1:
        on |= Attribute.BRAKE_LIGHT
    if -_INDICATOR_M < mover.front_m - STOP_AT_M < _INDICATOR_M:
        on |= {Turn.LEFT: Attribute.LEFT_INDICATOR, Turn.RIGHT: Attribute.RIGHT_INDICATOR}.get(mover.turn, Attribute(0))
    return int(on), int(known)
