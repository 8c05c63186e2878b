"""What the network is given of a scene: arrays by name, their columns, and batches of them.

Two kinds of frames. The *scene frame* is that of the raster: x ahead along its yaw, y to the left, from its centre. The
*agent frame* has its origin in the agent's position and x along its heading: of the body for vehicles and cyclists, of
the motion for others that move. Metres, seconds, radians.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import LaneType, RightOfWay, Turn
from zoox_prediction.models.baselines.modes import NUM_STEPS, TIME_STEP_S
from zoox_prediction.scene import AgentClass, Attribute, SignalState

FEATURE_VERSION = 1  # rises with every change of what a number means; a model of another version must refuse

NUM_PATH_POINTS = 64
NUM_ELEMENT_POINTS = 10
NUM_PLAN_KNOTS = 16
KNOT_STEPS = NUM_STEPS // NUM_PLAN_KNOTS  # steps from one knot of the plan to the next
KNOT_TIMES_S: NDArray[np.float64] = np.arange(1, NUM_PLAN_KNOTS + 1, dtype=np.float64) * (KNOT_STEPS * TIME_STEP_S)
KNOT_TIMES_S.flags.writeable = False


class PathKind(IntEnum):
    """Where a candidate path comes from."""

    LANE = 0  # along the lanes that the agent is on
    LANE_CHANGE = 1  # to the neighbouring lane
    ARC = 2  # today's turn, fading
    STRAIGHT = 3  # straight on
    REVERSE = 4  # backwards
    CROSSWALK = 5  # over a crosswalk
    VEER = 6  # a walker that turns aside
    JOIN = 7  # from beside the road onto a lane


def _names(prefix: str, values: type[IntEnum] | type[Attribute]) -> tuple[str, ...]:
    return tuple(f"{prefix}_{str(each.name).lower()}" for each in values)


AGENT_COLUMNS: tuple[str, ...] = (
    *_names("class", AgentClass),  # probabilities
    "length",
    "width",
    "height",
    "speed",  # along the heading
    "lateral_speed",  # to the left of it
    "acceleration",  # along the heading
    "lateral_acceleration",
    "yaw_rate",
    "existence",  # probability
    "time_since_seen",  # at most 5 s
    "age",  # at most 10 s
    "body_cos",  # of the body's yaw in the agent frame
    "body_sin",
    "standing",  # 0 or 1, as are the next two
    "parked",
    "reversing",
    "jitter",  # how far the past strays from a smooth motion
    "front_wheel_angle",  # 0 where unknown
    "front_wheel_angle_known",
    *_names("on", Attribute),  # observed, and on
    *_names("known", Attribute),  # observed
)
HISTORY_COLUMNS: tuple[str, ...] = ("x", "y", "cos", "sin", "speed", "valid")
EGO_COLUMNS: tuple[str, ...] = ("speed", "acceleration", "yaw_rate", "length", "width")
PLAN_COLUMNS: tuple[str, ...] = ("x", "y", "cos", "sin", "speed")
ELEMENT_COLUMNS: tuple[str, ...] = (
    "kind_lane",
    "kind_crosswalk",
    "kind_stop_line",
    "kind_signal",
    *_names("type", LaneType),
    *_names("turn", Turn),
    *_names("right_of_way", RightOfWay),
    "in_intersection",
    "left_change",  # may be changed to the left
    "right_change",
    "speed_limit",  # 0 where unknown
    "speed_limit_known",
    "signalled",  # by a signal that is or is not observed
    *_names("signal", SignalState),  # what that signal shows
    "length",  # of the piece, or along the crosswalk's axis
    "width",
)
PATH_COLUMNS: tuple[str, ...] = (
    "curvature",  # positive to the left
    "speed_limit",  # 0 where unknown
    "speed_limit_known",
    "on_lane",  # the map goes on here
    "signal_red",  # shown to the lane here
    "signal_yellow",
    "signal_green",
    "stop_line",  # where the signals and signs of the path are obeyed: 1 there, falling to 0 at a point's distance
    "in_intersection",
    "on_crosswalk",
    "yields",  # the lane here gives way
    "stops",  # and that after a stop
    "share",  # of the path among those of its kind of its agent, the same at all points
)
LIMIT_COLUMNS: tuple[str, ...] = ("max_speed", "max_acceleration", "max_deceleration", "max_curvature")


@dataclass(frozen=True)
class FeatureConfig:
    """How much of a scene the network is given."""

    num_history_steps: int = 11
    history_step_s: float = 0.2
    num_neighbors: int = 16
    neighbor_range_m: float = 80.0
    num_elements: int = 24  # nearest to each agent
    element_range_m: float = 60.0
    element_length_m: float = 20.0  # of a piece of a lane
    element_lookahead_s: float = 1.0  # elements are those near to where an agent is in so long
    max_paths: int = 8  # along lanes, of one agent
    path_horizon_s: float = 8.0
    speed_reserve_mps: float = 7.0  # paths reach as far as an agent that is so much faster than now
    walking_reserve_mps: float = 1.5  # the same of people, animals and what is unknown
    min_reach_m: float = 30.0
    min_walking_reach_m: float = 16.0  # the same
    crosswalks_per_agent: int = 2  # that people and cyclists may cross
    crosswalk_range_m: float = 10.0
    join_range_m: float = 5.0  # to the side: lanes that a standing vehicle may join

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be positive, got {value}")


@dataclass(frozen=True)
class SceneFeatures:
    """B scenes with N agents, R candidate paths and M static elements in all.

    Rows of agents, paths and elements are sorted by scene, those of paths by agent; every agent has a path. Everything
    is finite. References are rows of this batch; where they are not valid they are 0, which need not be a row.
    """

    raster: NDArray[np.uint8]  # (B, C, H, W) as of Rasterizer
    agent_scene: NDArray[np.int64]  # (N,) row of the scene
    agent_pose: NDArray[np.float32]  # (N, 4) x, y, cos, sin in the scene frame
    agent_state: NDArray[np.float32]  # (N, len(AGENT_COLUMNS))
    history: NDArray[np.float32]  # (N, num_history_steps, 6) oldest first, agent frame; 0 where not valid
    neighbor: NDArray[np.int64]  # (N, num_neighbors) rows of the nearest agents of the same scene
    neighbor_valid: NDArray[np.bool_]  # (N, num_neighbors)
    ego_pose: NDArray[np.float32]  # (B, 4) centre of the box, x, y, cos, sin in the scene frame; 0 without an ego
    ego_state: NDArray[np.float32]  # (B, len(EGO_COLUMNS))
    ego_valid: NDArray[np.bool_]  # (B,)
    plan: NDArray[np.float32]  # (B, 16, 5) the ego's box at KNOT_TIMES_S under a candidate plan, scene frame
    plan_valid: NDArray[np.bool_]  # (B, 16) nowhere: there is no plan
    element_scene: NDArray[np.int64]  # (M,)
    element_pose: NDArray[np.float32]  # (M, 4) scene frame
    element_points: NDArray[np.float32]  # (M, 10, 2) in the element's own frame
    element_state: NDArray[np.float32]  # (M, len(ELEMENT_COLUMNS))
    agent_element: NDArray[np.int64]  # (N, num_elements) rows of the nearest elements
    agent_element_valid: NDArray[np.bool_]  # (N, num_elements)
    path_agent: NDArray[np.int64]  # (R,) row of the agent, rising
    path_kind: NDArray[np.int64]  # (R,) PathKind
    path_points: NDArray[np.float32]  # (R, 64, 3) x, y, heading of motion (unwrapped), agent frame; from (0, 0) on
    path_spacing: NDArray[np.float32]  # (R,) [m] of arc length between points
    path_state: NDArray[np.float32]  # (R, 64, len(PATH_COLUMNS))
    path_start_speed: NDArray[np.float32]  # (R,) [m/s] along the path now, >= 0
    limits: NDArray[np.float32]  # (N, 4) LIMIT_COLUMNS of the class
    is_vehicle: NDArray[np.bool_]  # (N,) car, truck, bus, motorcyclist: moves along its body
    # The way back into the map, and who is who; the network is not given these.
    frame_center: NDArray[np.float64]  # (B, 2) origin of the scene frame in the map
    frame_yaw: NDArray[np.float64]  # (B,) direction of its x axis in the map
    stamp_ns: NDArray[np.int64]  # (B,) of the scene
    origin: NDArray[np.float64]  # (N, 2) origin of the agent frame in the map
    heading: NDArray[np.float64]  # (N,) direction of its x axis in the map
    ids: NDArray[np.int64]  # (N,)
    agent_class: NDArray[np.int64]  # (N,) AgentClass

    @property
    def num_scenes(self) -> int:
        return len(self.raster)

    @property
    def num_agents(self) -> int:
        return len(self.agent_scene)

    @property
    def num_paths(self) -> int:
        return len(self.path_agent)

    def network_inputs(self) -> dict[str, NDArray]:
        """What the network is given, by name, in the order of NETWORK_INPUTS."""
        return {name: getattr(self, name) for name in NETWORK_INPUTS}

    def with_plan(self, plan: NDArray[np.float32], plan_valid: NDArray[np.bool_]) -> SceneFeatures:
        """The same scenes under candidate plans (B, 16, 5), (B, 16)."""
        return replace(self, plan=plan, plan_valid=plan_valid)


NETWORK_INPUTS: tuple[str, ...] = tuple(
    each.name
    for each in fields(SceneFeatures)
    if each.name not in ("frame_center", "frame_yaw", "stamp_ns", "origin", "heading", "ids", "agent_class")
)

# What the rows of a field refer to, and where they are valid.
_REFERENCES: dict[str, tuple[str, str | None]] = {
    "agent_scene": ("raster", None),
    "neighbor": ("agent_scene", "neighbor_valid"),
    "element_scene": ("raster", None),
    "agent_element": ("element_scene", "agent_element_valid"),
    "path_agent": ("agent_scene", None),
}


def concatenate(batch: Sequence[SceneFeatures]) -> SceneFeatures:
    """One batch of all scenes, in order. Raises ValueError when there are none, or rows of different shapes."""
    if not batch:
        raise ValueError("there are no features to put together")
    joined = {each.name: np.concatenate([getattr(part, each.name) for part in batch]) for each in fields(SceneFeatures)}
    for name, (target, valid) in _REFERENCES.items():
        before = np.cumsum([0] + [len(getattr(part, target)) for part in batch[:-1]])
        offset = np.repeat(before, [len(getattr(part, name)) for part in batch])
        moved = joined[name] + offset.reshape(-1, *([1] * (joined[name].ndim - 1)))
        joined[name] = moved if valid is None else np.where(joined[valid], moved, 0)
    return SceneFeatures(**joined)
