"""What every agent of a recording did, the ego among them, as dense arrays over agents and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.tracks import TrackTable
from zoox_prediction.scene import VEHICLE_CLASSES, AgentClass, Attribute, TrackedAgents

STEP_S = 0.1
EGO_ID = -1
MOVES_MPS = 0.3  # slower agents stand
_TRAVELS_M = 2.0  # vehicles that move less in the whole recording are taken for parked
_RATE_WINDOW_S = 1.0

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Courses:
    """N agents at T instants STEP_S apart; what is not `valid` is zero."""

    ids: NDArray[np.int64]  # (N,) EGO_ID is the ego
    agent_class: NDArray[np.int64]  # (N,) AgentClass
    size: FloatArray  # (N, 2) length, width [m]
    position: FloatArray  # (N, T, 2) centre of the box [m]
    yaw: FloatArray  # (N, T) [rad]
    speed: FloatArray  # (N, T) >= 0 [m/s]
    valid: NDArray[np.bool_]  # (N, T)
    acceleration: FloatArray  # (N, T) along the heading, as the recording has it; NaN for the ego [m/s^2]
    attributes: NDArray[np.uint32]  # (N, T) Attribute bits that are on
    attributes_valid: NDArray[np.uint32]  # (N, T) Attribute bits that were observed
    front_wheel_angle: FloatArray  # (N, T) [rad], NaN where unknown

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def num_steps(self) -> int:
        return self.valid.shape[1]

    @property
    def moves(self) -> NDArray[np.bool_]:
        """(N, T)."""
        moves: NDArray[np.bool_] = self.valid & (self.speed > MOVES_MPS)
        return moves

    @property
    def is_vehicle(self) -> NDArray[np.bool_]:
        """(N,) cars, trucks, buses, motorcycles."""
        return np.isin(self.agent_class, VEHICLE_CLASSES)

    @property
    def is_pedestrian(self) -> NDArray[np.bool_]:
        return self.agent_class == AgentClass.PEDESTRIAN

    @property
    def travels(self) -> NDArray[np.bool_]:
        """(N,) whether the agent gets farther than 2 m from where it was first seen: no parked vehicle."""
        first = np.argmax(self.valid, axis=1)
        away = np.linalg.norm(self.position - self.position[np.arange(len(self)), first][:, None], axis=-1)
        travels: NDArray[np.bool_] = np.where(self.valid, away, 0.0).max(axis=1, initial=0.0) > _TRAVELS_M
        return travels

    def has(self, attribute: Attribute) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(N, T) where it is on, and where it was observed."""
        on, known = (self.attributes & attribute) != 0, (self.attributes_valid & attribute) != 0
        return on & known, known

    def mean_acceleration(self) -> FloatArray:
        """(N, T) change of speed over the second around each instant [m/s^2]; NaN where it is not known.

        The same for every source: what boxes and interpolation add in single steps does not count.
        """
        return self._rate(self.speed)

    def mean_yaw_rate(self) -> FloatArray:
        """(N, T) over the second around each instant [rad/s]; NaN where it is not known."""
        return wrap_angle(self._rate(self.yaw) * _RATE_WINDOW_S) / _RATE_WINDOW_S

    def mean_speed(self) -> FloatArray:
        """(N, T) displacement over the second around each instant [m/s]; NaN where it is not known."""
        return np.hypot(self._rate(self.position[..., 0]), self._rate(self.position[..., 1]))

    def _rate(self, values: FloatArray) -> FloatArray:
        half = round(0.5 * _RATE_WINDOW_S / STEP_S)
        rate = np.full(values.shape, np.nan)
        if self.num_steps > 2 * half:
            known = self.valid[:, 2 * half :] & self.valid[:, : -2 * half]
            change = (values[:, 2 * half :] - values[:, : -2 * half]) / _RATE_WINDOW_S
            rate[:, half:-half] = np.where(known, change, np.nan)
        return rate


def courses_of(log: RecordedLog) -> Courses:
    """The courses of a recording, interpolated where it is slower than 10 Hz (frames at most 0.5 s apart)."""
    frames = log.agents
    if not frames:
        return _table(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros((0, 2)), frames, 1)
    ids = np.unique(np.concatenate([each.ids for each in frames]))
    agent_class = np.zeros(len(ids), dtype=np.int64)
    size = np.zeros((len(ids), 2))
    for frame in frames:
        rows = np.searchsorted(ids, frame.ids)
        agent_class[rows], size[rows] = frame.agent_class, frame.size[:, :2]
    seconds = (frames[-1].stamp_ns - frames[0].stamp_ns) * 1e-9
    courses = _table(ids, agent_class, size, frames, round(seconds / STEP_S) + 1)
    return _with_ego(courses, log) if log.ego else courses


def _table(
    ids: NDArray[np.int64],
    agent_class: NDArray[np.int64],
    size: FloatArray,
    frames: Sequence[TrackedAgents],
    num_steps: int,
) -> Courses:
    shape = len(ids), num_steps
    attributes, known = np.zeros(shape, dtype=np.uint32), np.zeros(shape, dtype=np.uint32)
    wheels, acceleration = np.full(shape, np.nan), np.full(shape, np.nan)
    for frame in frames:  # frames are few, and each is one array
        at = np.searchsorted(ids, frame.ids), round((frame.stamp_ns - frames[0].stamp_ns) * 1e-9 / STEP_S)
        attributes[at], known[at], wheels[at] = frame.attributes, frame.attributes_valid, frame.front_wheel_angle
        ahead = np.stack([np.cos(frame.yaw), np.sin(frame.yaw)], axis=-1)
        acceleration[at] = (frame.acceleration * ahead).sum(axis=-1)
    start = frames[0].stamp_ns if frames else 0
    states = TrackTable(frames).at(ids, start + np.round(np.arange(num_steps) * STEP_S * 1e9).astype(np.int64))
    return Courses(
        ids=ids,
        agent_class=agent_class,
        size=size,
        position=states.position,
        yaw=states.yaw,
        speed=states.speed,
        valid=states.valid,
        acceleration=acceleration,
        attributes=attributes,
        attributes_valid=known,
        front_wheel_angle=wheels,
    )


def _with_ego(courses: Courses, log: RecordedLog) -> Courses:
    """The ego as one more car, without attributes."""
    frames = []
    for state in log.ego:
        center = state.position + log.ego_center_offset_m * np.array([np.cos(state.yaw), np.sin(state.yaw)])
        frames.append(
            TrackedAgents.from_states(
                state.stamp_ns,
                np.array([EGO_ID]),
                np.array([int(AgentClass.CAR)]),
                center[None],
                np.array([state.yaw]),
                state.velocity[None],
            )
        )
    times = log.agents[0].stamp_ns + np.round(np.arange(courses.num_steps) * STEP_S * 1e9).astype(np.int64)
    ego = TrackTable(frames).at([EGO_ID], times)
    nothing, none = np.full((1, courses.num_steps), np.nan), np.zeros((1, courses.num_steps), dtype=np.uint32)
    return replace(
        courses,
        ids=np.append(courses.ids, EGO_ID),
        agent_class=np.append(courses.agent_class, int(AgentClass.CAR)),
        size=np.concatenate([courses.size, np.array([log.ego_size])]),
        position=np.concatenate([courses.position, ego.position]),
        yaw=np.concatenate([courses.yaw, ego.yaw]),
        speed=np.concatenate([courses.speed, ego.speed]),
        valid=np.concatenate([courses.valid, ego.valid]),
        acceleration=np.concatenate([courses.acceleration, nothing]),
        attributes=np.concatenate([courses.attributes, none]),
        attributes_valid=np.concatenate([courses.attributes_valid, none]),
        front_wheel_angle=np.concatenate([courses.front_wheel_angle, nothing]),
    )
