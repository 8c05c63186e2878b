"""Bodies of vehicles: kinematic bicycles that are steered along the ways of the traffic simulation's front bumpers.

SUMO moves points along polylines; its headings jump at their corners and a lane change is a step sideways. A body has
mass and wheels: its speed, heading and steering angle change only as fast as its class can (`MotionLimits`), whatever
the point does. The steering law is that of Stanley (S. Thrun et al., "Stanley: The robot that won the DARPA Grand
Challenge", Journal of Field Robotics, 2006), for a point between the axles.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation.caution import Boxes
from zoox_prediction.simulation.way import SPACING_M, Ways

STEP_S = 0.1

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class MotionLimits:
    """What the vehicles of a class can do at most."""

    acceleration_mps2: float
    braking_mps2: float
    lateral_mps2: float
    steering_rad: float  # of the front wheels
    steering_rate_radps: float
    wheelbase_share: float  # of the length
    rear_overhang_share: float  # of the length, behind the rear axle


LIMITS = {
    AgentClass.CAR: MotionLimits(4.5, 9.0, 7.0, 0.62, 0.9, 0.6, 0.2),
    AgentClass.TRUCK: MotionLimits(2.5, 7.5, 4.0, 0.75, 0.6, 0.55, 0.22),
    AgentClass.BUS: MotionLimits(2.0, 7.0, 4.0, 0.85, 0.6, 0.5, 0.27),
    AgentClass.MOTORCYCLIST: MotionLimits(6.0, 9.0, 7.0, 0.6, 1.5, 0.64, 0.18),
    AgentClass.CYCLIST: MotionLimits(2.0, 6.0, 5.0, 0.8, 2.0, 0.6, 0.2),
}
_CONTROL_SHARE = 0.7  # of the wheelbase: where between the axles the point lies that keeps to the way
_TRACKING_RATE = 3.0  # [1/s] how fast a body makes good what it is behind its point on the way
_FORESEEN = 0.7  # of the point's own acceleration
_CROSS_TRACK_GAIN = 1.2  # [1/s] of the steering law
_CREEP_MPS = 1.0  # keeps the steering law soft at low speed
_STEEPEST_RAD = 0.45  # at which a body comes back to its way
_PREVIEW_S = 0.3  # the front wheels turn ahead of a bend, for they take time
_PREVIEW_SHARE = 0.25  # of the way to the control point; farther ahead the steering would swing
_ASIDE_MPS, _ASIDE_SHARE = 0.8, 0.8  # how fast a body goes aside, at most, and of its speed
_BEND_SHARE = 0.4  # of a newly seen bend that is believed at once
_HELD_M = 0.05  # a standing body that is this near to its place stays


@dataclass
class VehicleBodies:
    """One row per vehicle; rows are added and dropped as vehicles come and go."""

    ids: NDArray[np.int64]
    agent_class: NDArray[np.int64]
    size: FloatArray  # (N, 3) length, width, height [m]
    wheelbase_m: FloatArray
    rear_axle_m: FloatArray  # from the rear axle back to the rear bumper
    acceleration_limit: FloatArray
    braking_limit: FloatArray
    lateral_limit: FloatArray
    steering_limit: FloatArray
    steering_rate: FloatArray
    rear: FloatArray  # (N, 2) middle of the rear axle [m]
    yaw: FloatArray
    speed: FloatArray
    acceleration: FloatArray  # along the heading [m/s^2]
    yaw_rate: FloatArray
    steering: FloatArray  # front-wheel angle [rad]
    point_speed: FloatArray  # of the point that it follows, a step ago
    aside_m: FloatArray  # to the left of its way, that it is steered to
    beside_m: FloatArray  # where it is, to the left of its way
    course: FloatArray  # (N,) heading of its way there
    bend: FloatArray  # (N,) curvature of the way from there to its front [1/m]
    ways: Ways

    @classmethod
    def empty(cls) -> VehicleBodies:
        columns: dict[str, Any] = {each.name: np.zeros(0) for each in fields(cls)}
        whole = np.zeros(0, dtype=np.int64)
        columns |= {"ids": whole, "agent_class": whole, "size": np.zeros((0, 3)), "rear": np.zeros((0, 2))}
        return cls(**{**columns, "ways": Ways.empty()})

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def heading(self) -> FloatArray:
        """(N, 2) unit vectors."""
        return np.stack([np.cos(self.yaw), np.sin(self.yaw)], axis=-1)

    @property
    def front_m(self) -> FloatArray:
        """(N,) from the rear axle to the front bumper."""
        return self.size[:, 0] - self.rear_axle_m

    @property
    def center_m(self) -> FloatArray:
        """(N,) from the rear axle forward to the centre of the box."""
        return 0.5 * self.size[:, 0] - self.rear_axle_m

    @property
    def center(self) -> FloatArray:
        """(N, 2) centres of the boxes [m]."""
        return self.rear + self.center_m[:, None] * self.heading

    @property
    def front(self) -> FloatArray:
        """(N, 2) middles of the front bumpers [m]."""
        return self.rear + self.front_m[:, None] * self.heading

    @property
    def velocity(self) -> FloatArray:
        """(N, 2) of the centres: in a turn they also move sideways, since they lie ahead of the rear axle."""
        ahead = self.heading
        left = np.stack([-ahead[:, 1], ahead[:, 0]], axis=-1)
        return self.speed[:, None] * ahead + (self.yaw_rate * self.center_m)[:, None] * left

    def courses(self, rows: NDArray[np.int64]) -> Boxes:
        """Where these vehicles would be, and whither they would go, if they had not moved aside of their ways."""
        yaw = self.course[rows]
        ahead = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
        left = np.stack([-ahead[:, 1], ahead[:, 0]], axis=-1)
        control_m = _CONTROL_SHARE * self.wheelbase_m[rows]
        control = self.rear[rows] + control_m[:, None] * self.heading[rows] - self.beside_m[rows][:, None] * left
        center = control + (self.center_m[rows] - control_m)[:, None] * ahead
        speed = self.speed[rows]
        return Boxes(center, yaw, speed[:, None] * ahead, self.bend[rows] * speed, self.size[rows, :2])

    def add(
        self,
        ids: ArrayLike,
        agent_class: ArrayLike,
        size: ArrayLike,
        center: ArrayLike,
        yaw: ArrayLike,
        speed: ArrayLike,
    ) -> None:
        """Adds n vehicles: ids, classes, sizes (n, 3), centres (n, 2), headings and speeds."""
        agent_class, size = np.asarray(agent_class, dtype=np.int64), np.asarray(size, dtype=np.float64)
        center, yaw = np.asarray(center, dtype=np.float64), np.asarray(yaw, dtype=np.float64)
        limits = [LIMITS[AgentClass(each)] for each in agent_class.tolist()]
        length = size[:, 0]

        def of(name: str) -> FloatArray:
            return np.array([getattr(each, name) for each in limits], dtype=np.float64)

        rear_axle = of("rear_overhang_share") * length
        ahead = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
        zero = np.zeros(len(length))
        added = VehicleBodies(
            ids=np.asarray(ids, dtype=np.int64),
            agent_class=agent_class,
            size=size,
            wheelbase_m=of("wheelbase_share") * length,
            rear_axle_m=rear_axle,
            acceleration_limit=of("acceleration_mps2"),
            braking_limit=of("braking_mps2"),
            lateral_limit=of("lateral_mps2"),
            steering_limit=of("steering_rad"),
            steering_rate=of("steering_rate_radps"),
            rear=center - (0.5 * length - rear_axle)[:, None] * ahead,
            yaw=wrap_angle(yaw),
            speed=np.asarray(speed, dtype=np.float64),
            acceleration=zero,
            yaw_rate=zero,
            steering=zero,
            point_speed=np.asarray(speed, dtype=np.float64),
            aside_m=zero,
            beside_m=zero,
            course=wrap_angle(yaw),
            bend=zero,
            ways=Ways.straight(center + (0.5 * length)[:, None] * ahead, yaw),
        )
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(added, each.name)
            joined = mine.joined(theirs) if isinstance(mine, Ways) else np.concatenate([mine, theirs])
            setattr(self, each.name, joined)

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Drops the vehicles of the other rows."""
        if rows.all():
            return
        for each in fields(self):
            mine = getattr(self, each.name)
            setattr(self, each.name, mine.select(rows) if isinstance(mine, Ways) else mine[rows])

    def begin_way(self, rows: NDArray[np.int64], front: FloatArray, yaw: FloatArray) -> None:
        """From now on these vehicles go along ways that come straight to `front` (n, 2) at the headings (n,)."""
        self.ways.restart(rows, front, yaw)
        self.aside_m[rows] = self.beside_m[rows] = self.bend[rows] = 0.0
        self.course[rows] = yaw

    def move_aside(self, rows: NDArray[np.int64], wanted_m: FloatArray) -> None:
        """These vehicles go as far to the left of their ways as is wanted (n,), as fast as rolling allows."""
        most = STEP_S * np.minimum(_ASIDE_MPS, _ASIDE_SHARE * self.speed[rows])
        self.aside_m[rows] += np.clip(wanted_m - self.aside_m[rows], -most, most)

    def follow(self, rows: NDArray[np.int64], front: FloatArray, speed: FloatArray) -> None:
        """One step: the points have come to `front` (n, 2) at `speed` (n,), the bodies go after them."""
        self.ways.extend(rows, front)
        axle, yaw, now = self.wheelbase_m[rows], self.yaw[rows], self.speed[rows]
        control_m = _CONTROL_SHARE * axle
        place = self.ways.length_m[rows] - (self.front_m[rows] - control_m)
        target, tangent = self.ways.at(rows, place)
        ahead = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
        error = target - (self.rear[rows] + control_m[:, None] * ahead)
        along = (error * tangent).sum(axis=-1) - 0.5 * STEP_S * (now + speed)  # beyond what this step brings anyway
        left = tangent[:, 0] * error[:, 1] - tangent[:, 1] * error[:, 0]
        self._note_course(rows, -left, tangent, control_m)
        left = left + self.aside_m[rows]
        wanted = _TRACKING_RATE**2 * along + 2.0 * _TRACKING_RATE * (speed - now)
        wanted += _FORESEEN * (speed - self.point_speed[rows]) / STEP_S
        self.point_speed[rows] = speed
        wanted = np.where((now == 0.0) & (speed == 0.0) & (np.abs(along) < _HELD_M), 0.0, wanted)
        soon_s = np.minimum(_PREVIEW_S, _PREVIEW_SHARE * control_m / np.maximum(now, 0.1))
        coming = self.ways.at(rows, place + soon_s * now)[1]
        turn = wrap_angle(np.arctan2(coming[:, 1], coming[:, 0]) - yaw - soon_s * self.yaw_rate[rows])
        back = np.clip(np.arctan(_CROSS_TRACK_GAIN * left / (now + _CREEP_MPS)), -_STEEPEST_RAD, _STEEPEST_RAD)
        motion = np.clip(turn + back, -1.3, 1.3)
        self.drive(rows, wanted, np.arctan(axle / control_m * np.tan(motion)))

    def _note_course(
        self, rows: NDArray[np.int64], beside: FloatArray, tangent: FloatArray, control_m: FloatArray
    ) -> None:
        ahead_m = self.front_m[rows] - control_m
        onward = self.ways.at(rows, self.ways.length_m[rows] - SPACING_M)[1]
        self.beside_m[rows] = beside
        self.course[rows] = np.arctan2(tangent[:, 1], tangent[:, 0])
        turn = tangent[:, 0] * onward[:, 1] - tangent[:, 1] * onward[:, 0]
        sharpest = np.tan(self.steering_limit[rows]) / self.wheelbase_m[rows]
        self.bend[rows] += _BEND_SHARE * (np.clip(turn / ahead_m, -sharpest, sharpest) - self.bend[rows])

    def drive(self, rows: NDArray[np.int64], acceleration: FloatArray, steering: FloatArray) -> None:
        """One step with the wanted accelerations (n,) and front-wheel angles (n,), as far as the classes can."""
        now, axle = self.speed[rows], self.wheelbase_m[rows]
        limited = np.clip(acceleration, -self.braking_limit[rows], self.acceleration_limit[rows])
        then = np.maximum(now + limited * STEP_S, 0.0)
        middle = 0.5 * (now + then)
        grip = np.arctan(self.lateral_limit[rows] * axle / np.maximum(middle, 0.5) ** 2)
        most = np.minimum(self.steering_limit[rows], grip)
        turned = self.steering_rate[rows] * STEP_S
        wheel = np.clip(self.steering[rows] + np.clip(steering - self.steering[rows], -turned, turned), -most, most)
        self._roll(rows, middle, wheel)
        self.acceleration[rows] = (then - now) / STEP_S
        self.speed[rows] = then

    def roll_back(self, rows: NDArray[np.int64], speed: FloatArray, steering: FloatArray) -> None:
        """One step backwards, at `speed` (n,) >= 0."""
        turned = self.steering_rate[rows] * STEP_S
        wheel = self.steering[rows] + np.clip(steering - self.steering[rows], -turned, turned)
        self._roll(rows, -0.5 * (speed - self.speed[rows]), wheel)
        self.acceleration[rows] = -(speed + self.speed[rows]) / STEP_S
        self.speed[rows] = -speed

    def place(self, rows: NDArray[np.int64], center: FloatArray, yaw: FloatArray, speed: FloatArray) -> None:
        """Puts bodies where somebody else has moved them within one step; what they do follows from it."""
        turn, axle = wrap_angle(yaw - self.yaw[rows]), self.wheelbase_m[rows]
        self.acceleration[rows] = (speed - self.speed[rows]) / STEP_S
        self.yaw_rate[rows] = turn / STEP_S
        moving = np.abs(speed) > 0.5
        wheel = np.arctan(self.yaw_rate[rows] * axle / np.where(moving, speed, 1.0))
        most = self.steering_limit[rows]
        self.steering[rows] = np.where(moving, np.clip(wheel, -most, most), self.steering[rows])
        self.yaw[rows], self.speed[rows] = wrap_angle(yaw), speed
        ahead = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
        self.rear[rows] = center - self.center_m[rows][:, None] * ahead

    def _roll(self, rows: NDArray[np.int64], speed: FloatArray, wheel: FloatArray) -> None:
        """Moves along the arc of the front-wheel angle for one step."""
        rate = speed * np.tan(wheel) / self.wheelbase_m[rows]
        middle = self.yaw[rows] + 0.5 * STEP_S * rate
        self.rear[rows] += (STEP_S * speed)[:, None] * np.stack([np.cos(middle), np.sin(middle)], axis=-1)
        self.yaw[rows] = wrap_angle(self.yaw[rows] + STEP_S * rate)
        self.steering[rows], self.yaw_rate[rows] = wheel, rate
