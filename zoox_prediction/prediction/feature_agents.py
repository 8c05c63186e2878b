"""The agents and the ego of a scene as numbers, each agent in its own frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.motion import MAX_COORDINATE_M, Motion
from zoox_prediction.models.scene_features import AGENT_COLUMNS, EGO_COLUMNS, HISTORY_COLUMNS, FeatureConfig
from zoox_prediction.raster.frame import RasterFrame
from zoox_prediction.scene import Attribute, Scene

FloatArray = NDArray[np.float64]

_COURSE_SPEED_MPS = 1.5  # from here on the direction of motion is a better heading than the body's yaw
_MAX_UNSEEN_S, _MAX_AGE_S = 5.0, 10.0
_MAX_SPEED_MPS = 100.0
_MAX_WHEEL_RAD = 1.2
_MAX_RATE_RADPS = 5.0
_ACCELERATION_S = 0.5  # over which the ego's speed is compared


@dataclass(frozen=True)
class AgentFrames:
    """The frames of N agents in the map, and where they are headed."""

    origin: FloatArray  # (N, 2) [m]
    heading: FloatArray  # (N,) of the x axis [rad]
    course: FloatArray  # (N,) in which a path starts, relative to the x axis, in (-pi, pi]

    @classmethod
    def of(cls, motion: Motion) -> AgentFrames:
        """x along the body of vehicles and cyclists, along the motion of others that move."""
        body = drives(motion)
        heading = np.where(body, motion.yaw, motion.course)
        away = wrap_angle(motion.course - heading)
        known = (motion.speed > _COURSE_SPEED_MPS) & ~motion.reversing
        return cls(motion.position, heading, np.where(known & body, away, 0.0))

    def into(self, points: FloatArray, rows: NDArray[np.int64] | None = None) -> FloatArray:
        """Map points (N, P, 2), or (R, P, 2) of the agents `rows` (R,), in the agents' frames."""
        origin, heading = (self.origin, self.heading) if rows is None else (self.origin[rows], self.heading[rows])
        offset = points - origin[:, None, :]
        cos, sin = np.cos(heading)[:, None], np.sin(heading)[:, None]
        x, y = offset[..., 0], offset[..., 1]
        return np.stack([cos * x + sin * y, cos * y - sin * x], axis=-1)

    def into_single(
        self, x: FloatArray, y: FloatArray, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `into`, of map coordinates x and y (R, P) of the agents `rows` (R,), in single precision."""
        heading = self.heading[rows]
        cos, sin = np.cos(heading)[:, None].astype(np.float32), np.sin(heading)[:, None].astype(np.float32)
        east = (x - self.origin[rows, :1]).astype(np.float32)
        north = (y - self.origin[rows, 1:]).astype(np.float32)
        return cos * east + sin * north, cos * north - sin * east


def drives(motion: Motion) -> NDArray[np.bool_]:
    """(N,) vehicles and cyclists."""
    wheels: NDArray[np.bool_] = (motion.group == Group.VEHICLE) | (motion.group == Group.CYCLIST)
    return wheels


def poses_in(frame: RasterFrame, position: FloatArray, heading: FloatArray) -> NDArray[np.float32]:
    """(N, 4) x, y, cos, sin in the scene frame of map positions (N, 2) and headings (N,)."""
    offset = position - frame.center
    cos, sin = np.cos(frame.yaw), np.sin(frame.yaw)
    relative = heading - frame.yaw
    columns = [
        cos * offset[:, 0] + sin * offset[:, 1],
        cos * offset[:, 1] - sin * offset[:, 0],
        np.cos(relative),
        np.sin(relative),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def agent_states(scene: Scene, motion: Motion, frames: AgentFrames) -> NDArray[np.float32]:
    """(N, len(AGENT_COLUMNS))."""
    agents = scene.agents
    relative = motion.course - frames.heading
    speed, lateral = motion.speed * np.cos(relative), motion.speed * np.sin(relative)
    turning = motion.turn_rate * motion.speed  # the acceleration to the left of the course
    body = motion.yaw - frames.heading
    wheel, wheel_known = _wheel(agents.front_wheel_angle)
    bits = np.array([int(each) for each in Attribute], dtype=np.uint32)
    known = (agents.attributes_valid[:, None] & bits) > 0
    on = known & ((agents.attributes[:, None] & bits) > 0)
    table = np.column_stack(
        [
            np.nan_to_num(agents.class_probabilities),
            motion.size,
            np.clip(np.nan_to_num(agents.size[:, 2]), 0.0, 40.0),
            speed,
            lateral,
            motion.acceleration * np.cos(relative) - turning * np.sin(relative),
            motion.acceleration * np.sin(relative) + turning * np.cos(relative),
            np.clip(np.nan_to_num(motion.turn_rate), -_MAX_RATE_RADPS, _MAX_RATE_RADPS),
            np.clip(np.nan_to_num(agents.existence_probability, nan=1.0), 0.0, 1.0),
            np.clip(np.nan_to_num(agents.time_since_seen_s), 0.0, _MAX_UNSEEN_S),
            np.clip(np.nan_to_num(agents.age_s), 0.0, _MAX_AGE_S),
            np.cos(body),
            np.sin(body),
            motion.standing,
            motion.parked,
            motion.reversing,
            motion.jitter_m,
            wheel,
            wheel_known,
            on,
            known,
        ]
    )
    assert table.shape[1] == len(AGENT_COLUMNS)
    return table.astype(np.float32)


def histories(scene: Scene, frames: AgentFrames, config: FeatureConfig) -> NDArray[np.float32]:
    """(N, num_history_steps, len(HISTORY_COLUMNS)), oldest first."""
    num_past = scene.past_position.shape[1]
    back = np.rint(np.arange(config.num_history_steps)[::-1] * config.history_step_s / scene.time_step_s)
    column = num_past - 1 - back.astype(np.int64)
    there, column = column >= 0, np.maximum(column, 0)
    if not num_past or not len(scene):
        return np.zeros((len(scene), config.num_history_steps, len(HISTORY_COLUMNS)), dtype=np.float32)
    position, yaw = scene.past_position[:, column], scene.past_yaw[:, column]
    velocity = scene.past_velocity[:, column]
    finite = (np.abs(position) < MAX_COORDINATE_M).all(axis=-1) & np.isfinite(yaw)  # false for NaN too
    valid = scene.past_valid[:, column] & there & finite
    place = frames.into(np.where(valid[..., None], position, 0.0))
    turned = np.where(valid, yaw, 0.0) - frames.heading[:, None]
    speed = np.clip(np.nan_to_num(np.hypot(velocity[..., 0], velocity[..., 1])), 0.0, _MAX_SPEED_MPS)
    known = np.ones(valid.shape)
    table = np.stack([place[..., 0], place[..., 1], np.cos(turned), np.sin(turned), speed, known], axis=-1)
    return np.where(valid[..., None], table, 0.0).astype(np.float32)


def nearest_agents(position: FloatArray, config: FeatureConfig) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Rows (N, num_neighbors) of the agents nearest to each, nearest first, and which of them there are.

    The lower row is the nearer one of two that are equally far, to the precision of float32.
    """
    count, wanted = len(position), config.num_neighbors
    rows, valid = np.zeros((count, wanted), dtype=np.int64), np.zeros((count, wanted), dtype=bool)
    if count < 2:
        return rows, valid
    x, y = position[:, 0], position[:, 1]
    squared = ((x[:, None] - x) ** 2 + (y[:, None] - y) ** 2).astype(np.float32)
    np.fill_diagonal(squared, np.inf)
    # Floats that are not negative are ordered as their bits are: distance above, row below, and no two are equal.
    keys = (squared.view(np.int32).astype(np.int64) << 20) | np.arange(count)
    kept = min(wanted, count)
    nearest = np.sort(np.partition(keys, kept - 1, axis=1)[:, :kept], axis=1) & ((1 << 20) - 1)
    rows[:, :kept] = nearest
    valid[:, :kept] = np.take_along_axis(squared, nearest, axis=1) <= config.neighbor_range_m**2
    return np.where(valid, rows, 0), valid


def ego_features(scene: Scene, frame: RasterFrame) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Pose (1, 4) of the ego's box in the scene frame and state (1, len(EGO_COLUMNS)); zeros without an ego."""
    ego = scene.ego
    if ego is None:
        return np.zeros((1, 4), dtype=np.float32), np.zeros((1, len(EGO_COLUMNS)), dtype=np.float32)
    heading = np.array([np.cos(ego.yaw), np.sin(ego.yaw)])
    center = np.asarray(ego.position, dtype=np.float64)[:2] + scene.ego_center_offset_m * heading
    speed = float(np.clip(np.nan_to_num(ego.velocity @ heading), -_MAX_SPEED_MPS, _MAX_SPEED_MPS))
    rate = float(np.clip(np.nan_to_num(ego.yaw_rate), -_MAX_RATE_RADPS, _MAX_RATE_RADPS))
    state = np.array([[speed, _ego_acceleration(scene, speed), rate, *scene.ego_size]], dtype=np.float32)
    return poses_in(frame, center[None], np.array([float(ego.yaw)])), state


def _ego_acceleration(scene: Scene, speed: float) -> float:
    """[m/s^2] along the way, from the speed now and the mean speed over the last steps; 0 where these are unknown."""
    steps = round(_ACCELERATION_S / scene.time_step_s)
    past, valid = scene.ego_past, scene.ego_past_valid
    if past is None or valid is None or len(past) <= steps or not valid[-steps - 1 :].all():
        return 0.0
    step = np.diff(past[-steps - 1 :, :2], axis=0)
    heading = past[-steps - 1 : -1, 2]
    travelled = float(np.sum(step[:, 0] * np.cos(heading) + step[:, 1] * np.sin(heading)))
    duration = steps * scene.time_step_s
    acceleration = (speed - travelled / duration) / (0.5 * duration)
    return float(np.clip(np.nan_to_num(acceleration), -15.0, 15.0))


def _wheel(angle: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The front wheels' angle (N,), 0 where it is unknown, and where it is known."""
    known = np.isfinite(angle)
    return np.clip(np.where(known, angle, 0.0), -_MAX_WHEEL_RAD, _MAX_WHEEL_RAD), known
