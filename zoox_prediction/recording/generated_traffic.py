"""How the road users of the generated recording move: followers on lanes, and walkers on fixed paths.

Vehicles follow the intelligent driver model (M. Treiber, A. Hennecke, D. Helbing, "Congested traffic states in
empirical observations and microscopic simulations", Physical Review E 62, 2000) behind the nearest of: the vehicle
ahead, a stop line that is closed, a crosswalk with somebody on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from zoox_prediction.maps.road_network import Turn
from zoox_prediction.recording.generated_crossroads import (
    ARM_LENGTH_M,
    CROSSWALK_M,
    LEFT,
    ROAD_HALF_WIDTH_M,
    SPEED_LIMIT_MPS,
    STOP_LINE_M,
    THROUGH,
    crossroads,
    exit_arm,
    route,
    signal_state,
)
from zoox_prediction.scene import AgentClass, SignalState

STEP_S = 0.1
SPACING_M = 0.25
LATERAL_ACCELERATION_MPS2 = 2.2  # that drivers accept in curves
COMFORTABLE_BRAKING_MPS2 = 1.8
HARDEST_BRAKING_MPS2 = 6.0
YELLOW_BRAKING_MPS2 = 3.0  # who would have to brake harder than this goes on at yellow
STANDSTILL_GAP_M = 2.0
HEADWAY_S = 1.3
_SMOOTHING_M = 1.5  # turns straight-to-arc corners into easements, as drivers do; moves the path by some 5 cm
_FREE = 1e6
STEP_ON_M = 2.5  # a walker this near to the kerb will not stop any more, drivers think
CROSSING_M = 2.0 * ROAD_HALF_WIDTH_M + 2.5  # from waiting at one kerb to the walkway beyond the other


@dataclass(frozen=True)
class Path:
    """A path sampled every SPACING_M: points (P, 2), heading (P,), curvature (P,) [1/m]."""

    points: NDArray[np.float64]
    heading: NDArray[np.float64]
    curvature: NDArray[np.float64]

    @property
    def length_m(self) -> float:
        return SPACING_M * (len(self.points) - 1)

    def at(self, distance_m: float) -> tuple[NDArray[np.float64], float, float]:
        """Position, heading and curvature at a distance from the beginning."""
        place = np.clip(distance_m / SPACING_M, 0.0, len(self.points) - 1.001)
        index, part = int(place), place - int(place)
        point = (1.0 - part) * self.points[index] + part * self.points[index + 1]
        heading = (1.0 - part) * self.heading[index] + part * self.heading[index + 1]
        return point, float(heading), float(self.curvature[index])


def smooth_path(corners: NDArray[np.float64], smoothing_m: float = _SMOOTHING_M) -> Path:
    """The path along a polyline (n, 2), its corners rounded."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
    even = np.arange(0.0, along[-1], SPACING_M)
    points = np.column_stack([np.interp(even, along, column) for column in corners.T])
    # Padding by the end's direction keeps the ends where they are.
    count = round(6.0 * smoothing_m / SPACING_M)
    steps = np.arange(1, count + 1)[:, None]
    before = points[0] - steps[::-1] * (points[1] - points[0])
    after = points[-1] + steps * (points[-1] - points[-2])
    padded = gaussian_filter1d(np.concatenate([before, points, after]), smoothing_m / SPACING_M, axis=0)
    points = padded[count:-count]
    tangent = np.gradient(points, axis=0)
    heading = np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0]))
    curvature = np.gradient(heading) / np.linalg.norm(tangent, axis=1)
    return Path(points, heading, curvature)


@dataclass
class Vehicle:
    """A vehicle on its way through the junction; `distance_m` is that of its centre along the path."""

    number: int
    agent_class: AgentClass
    size: tuple[float, float, float]
    arm: int
    turn: Turn
    distance_m: float
    speed: float
    desired_speed: float
    max_acceleration: float
    right_m: float = 0.0  # how far to the right of the lane's middle
    parks_at_end: bool = False
    acceleration: float = 0.0
    lanes: tuple[int, int, int] = field(init=False)
    path: Path = field(init=False)
    limit: NDArray[np.float64] = field(init=False)  # (P,) the speed that curves ahead allow

    def __post_init__(self) -> None:
        self.lanes = route(self.arm, self.turn)
        self.path = vehicle_path(self.arm, self.turn)
        curve = np.sqrt(LATERAL_ACCELERATION_MPS2 / np.maximum(np.abs(self.path.curvature), 1e-4))
        limit = np.minimum(curve, self.desired_speed)
        for index in range(len(limit) - 2, -1, -1):  # v^2 = v_next^2 + 2 b ds, from the end back
            limit[index] = min(
                limit[index], np.sqrt(limit[index + 1] ** 2 + 2.0 * COMFORTABLE_BRAKING_MPS2 * SPACING_M)
            )
        self.limit = limit

    @property
    def front_m(self) -> float:
        return self.distance_m + self.size[0] / 2.0

    @property
    def rear_m(self) -> float:
        return self.distance_m - self.size[0] / 2.0

    @property
    def gone(self) -> bool:
        return self.front_m >= self.path.length_m

    def pose(self) -> tuple[NDArray[np.float64], float, float]:
        """Centre, heading and the curvature of the path."""
        point, heading, curvature = self.path.at(self.distance_m)
        right = np.array([np.sin(heading), -np.cos(heading)])
        return point + self.right_m * right, heading, curvature


STOP_AT_M = ARM_LENGTH_M - STOP_LINE_M  # along every path


@cache
def vehicle_path(arm: int, turn: Turn) -> Path:
    """From the end of an arm, through the junction, to the end of another."""
    lanes = crossroads().lanes
    rows = lanes.rows(route(arm, turn))
    corners = np.concatenate([lanes.centerline[rows[0]], *(lanes.centerline[row][1:] for row in rows[1:])])
    return smooth_path(corners)


@dataclass
class Walker:
    """A pedestrian or an animal on a fixed path; it may wait at `wait_m` for the walk light of `crossing`."""

    number: int
    agent_class: AgentClass
    size: tuple[float, float, float]
    path: Path
    distance_m: float
    desired_speed: float
    crossing: int | None = None  # arm
    wait_m: float = 0.0
    sway_m: float = 0.0  # how far it strays to either side
    speed: float = 0.0
    acceleration: float = 0.0
    may_cross: bool = False  # the light lets it, or it is on its way already

    def pose(self) -> tuple[NDArray[np.float64], float, float]:
        point, heading, curvature = self.path.at(self.distance_m)
        left = np.array([-np.sin(heading), np.cos(heading)])
        return point + self.sway_m * np.sin(0.4 * self.distance_m) * left, heading, curvature

    def step(self, walk: SignalState) -> None:
        """One time step; the speed changes by at most 1 m/s^2."""
        self.may_cross = self.distance_m > self.wait_m or walk == SignalState.GREEN
        stop_m = self.path.length_m if self.may_cross or self.crossing is None else self.wait_m
        rest = float(np.sqrt(2.0 * 0.5 * max(stop_m - self.distance_m, 0.0)))  # comes to rest there at 0.5 m/s^2
        target = min(self.desired_speed, rest)
        change = np.clip(target - self.speed, -STEP_S, STEP_S)
        self.acceleration = float(change) / STEP_S
        self.speed = max(0.0, self.speed + float(change))
        self.distance_m = min(self.distance_m + self.speed * STEP_S, stop_m)


def step_vehicles(vehicles: list[Vehicle], walkers: list[Walker], time_s: float) -> None:
    """One time step of all vehicles, from the same state of the world."""
    gaps = [_gap(vehicle, vehicles, walkers, time_s) for vehicle in vehicles]
    for vehicle, (gap, lead_speed) in zip(vehicles, gaps, strict=True):
        vehicle.acceleration = _idm(vehicle, gap, lead_speed)
        before = vehicle.speed
        vehicle.speed = max(0.0, before + vehicle.acceleration * STEP_S)
        vehicle.acceleration = (vehicle.speed - before) / STEP_S
        vehicle.distance_m += 0.5 * (before + vehicle.speed) * STEP_S


def _idm(vehicle: Vehicle, gap: float, lead_speed: float) -> float:
    allowed = max(float(vehicle.limit[min(int(vehicle.distance_m / SPACING_M), len(vehicle.limit) - 1)]), 0.1)
    closing = vehicle.speed * (vehicle.speed - lead_speed)
    braking = 2.0 * np.sqrt(vehicle.max_acceleration * COMFORTABLE_BRAKING_MPS2)
    wanted = STANDSTILL_GAP_M + max(0.0, vehicle.speed * HEADWAY_S + closing / braking)
    free = 1.0 - (vehicle.speed / allowed) ** 4
    acceleration = vehicle.max_acceleration * (free - (wanted / max(gap, 0.1)) ** 2)
    return float(np.clip(acceleration, -HARDEST_BRAKING_MPS2, vehicle.max_acceleration))


def _gap(vehicle: Vehicle, vehicles: list[Vehicle], walkers: list[Walker], time_s: float) -> tuple[float, float]:
    """Distance [m] from the front to what is nearest ahead, and its speed."""
    ahead = [(_FREE, SPEED_LIMIT_MPS)]
    for other in vehicles:
        if other is vehicle:
            continue
        distance = _distance_ahead(vehicle, other)
        if distance is not None and distance > vehicle.distance_m:
            ahead.append((distance - other.size[0] / 2.0 - vehicle.front_m, other.speed))
    if vehicle.parks_at_end:
        ahead.append((vehicle.path.length_m - vehicle.front_m, 0.0))
    to_line = STOP_AT_M - vehicle.front_m
    if to_line > 0.0 and _must_stop(vehicle, vehicles, walkers, to_line, time_s):
        ahead.append((to_line + STANDSTILL_GAP_M / 2.0, 0.0))
    to_crosswalk = _exit_crosswalk_m(vehicle) - vehicle.front_m
    if to_crosswalk > 0.0 and _on_crosswalk(walkers, exit_arm(vehicle.arm, vehicle.turn), vehicle):
        ahead.append((to_crosswalk, 0.0))
    return min(ahead)


def _distance_ahead(vehicle: Vehicle, other: Vehicle) -> float | None:
    """Where along the vehicle's path the other one is; None where their ways have nothing in common there."""
    mine, others = vehicle.lanes, other.lanes
    if mine[0] == others[0] and (mine == others or other.rear_m < STOP_AT_M + 4.0):
        return other.distance_m
    to_end = other.path.length_m - other.distance_m
    if mine[2] == others[2] and to_end < ARM_LENGTH_M - STOP_LINE_M:
        return vehicle.path.length_m - to_end
    return None


def _must_stop(vehicle: Vehicle, vehicles: list[Vehicle], walkers: list[Walker], to_line: float, time_s: float) -> bool:
    kind = LEFT if vehicle.turn == Turn.LEFT else THROUGH
    state = signal_state(vehicle.arm, kind, time_s)
    if state == SignalState.RED:
        return True
    if state == SignalState.YELLOW:
        return vehicle.speed**2 < 2.0 * YELLOW_BRAKING_MPS2 * to_line
    crossing = any(
        other.arm != vehicle.arm
        and other.rear_m < other.path.length_m - STOP_AT_M
        and other.front_m > STOP_AT_M
        and signal_state(other.arm, LEFT if other.turn == Turn.LEFT else THROUGH, time_s) != SignalState.GREEN
        for other in vehicles
    )
    walking = any(_is_on_crosswalk(walker, vehicle.arm) for walker in walkers)
    return crossing or walking


def _exit_crosswalk_m(vehicle: Vehicle) -> float:
    """Where the crosswalk of the arm of exit begins along the path."""
    return vehicle.path.length_m - (ARM_LENGTH_M - CROSSWALK_M[0]) - 0.8


def _on_crosswalk(walkers: list[Walker], arm: int, vehicle: Vehicle) -> bool:
    """Whether somebody is on an arm's crosswalk and has not passed the vehicle's way yet."""
    way = vehicle.path.at(_exit_crosswalk_m(vehicle) + 2.0)[0]
    for walker in walkers:
        if _is_on_crosswalk(walker, arm):
            offset = way - walker.pose()[0]
            heading = walker.pose()[1]
            if offset @ np.array([np.cos(heading), np.sin(heading)]) > -2.5:
                return True
    return False


def _is_on_crosswalk(walker: Walker, arm: int) -> bool:
    """Whether the walker crosses the arm: it is between the kerbs, or a few steps from them and not waiting."""
    if walker.crossing != arm:
        return False
    steps_on = walker.wait_m - STEP_ON_M if walker.may_cross and walker.speed > 0.3 else walker.wait_m + 0.05
    return steps_on < walker.distance_m < walker.wait_m + CROSSING_M
