"""What the predictor sees and says: tracked agents, the ego, signals, the scene, and predicted trajectories.

Arrays are row-per-agent and in the map frame: metres, seconds, radians, m/s. Missing steps are a boolean `valid` mask.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntEnum, IntFlag

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import RoadNetwork

NUM_CLASSES = 8


class AgentClass(IntEnum):
    """As TrackedAgent.CLASS_*."""

    CAR = 0
    TRUCK = 1
    BUS = 2
    MOTORCYCLIST = 3
    CYCLIST = 4
    PEDESTRIAN = 5
    ANIMAL = 6
    UNKNOWN = 7


VEHICLE_CLASSES = (AgentClass.CAR, AgentClass.TRUCK, AgentClass.BUS, AgentClass.MOTORCYCLIST)

# Length, width, height [m] of a typical agent, for sources that do not give a size.
DEFAULT_SIZE_M = np.array(
    [
        [4.6, 1.9, 1.6],  # car
        [8.0, 2.5, 3.2],  # truck
        [12.0, 2.5, 3.2],  # bus
        [2.2, 0.8, 1.6],  # motorcyclist
        [1.8, 0.6, 1.7],  # cyclist
        [0.6, 0.6, 1.7],  # pedestrian
        [0.8, 0.4, 0.6],  # animal
        [1.0, 1.0, 1.0],  # unknown
    ]
)


class Attribute(IntFlag):
    """As TrackedAgent.ATTRIBUTE_*."""

    HOLDING_PHONE = 1
    HEAD_TURNED_TO_EGO = 2
    CHILD = 4
    BRAKE_LIGHT = 8
    LEFT_INDICATOR = 16
    RIGHT_INDICATOR = 32
    REVERSING_LIGHT = 64
    HAZARD = 128
    DOOR_OPEN = 256
    PARKED = 512
    EMERGENCY = 1024


class SignalState(IntEnum):
    """As TrafficSignalArray.STATE_*."""

    UNKNOWN = 0
    RED = 1
    YELLOW = 2
    GREEN = 3
    FLASHING = 4
    DARK = 5


class Source(IntEnum):
    """Where a prediction comes from, as PredictedTrajectoryArray.SOURCE_*."""

    LEARNED = 0
    HEURISTIC = 1
    HEURISTIC_FALLBACK = 2


@dataclass(frozen=True)
class TrackedAgents:
    """N agents at one instant, in the frame `frame_id`; mirrors msg/TrackedAgentArray."""

    stamp_ns: int
    ids: NDArray[np.int64]  # (N,)
    class_probabilities: NDArray[np.float64]  # (N, 8) in the order of AgentClass
    existence_probability: NDArray[np.float64]  # (N,)
    position: NDArray[np.float64]  # (N, 3) centre of the box [m]
    yaw: NDArray[np.float64]  # (N,)
    velocity: NDArray[np.float64]  # (N, 2) along the frame's axes [m/s]
    yaw_rate: NDArray[np.float64]  # (N,) [rad/s]
    acceleration: NDArray[np.float64]  # (N, 2) along the frame's axes [m/s^2]
    size: NDArray[np.float64]  # (N, 3) length, width, height [m]
    pose_covariance: NDArray[np.float64]  # (N, 3, 3) of x, y, yaw
    velocity_covariance: NDArray[np.float64]  # (N, 2, 2)
    attributes: NDArray[np.uint32]  # (N,) Attribute bits that are on
    attributes_valid: NDArray[np.uint32]  # (N,) Attribute bits that were observed
    front_wheel_angle: NDArray[np.float64]  # (N,) [rad], NaN where unknown
    age_s: NDArray[np.float64]  # (N,)
    time_since_seen_s: NDArray[np.float64]  # (N,)
    sensors: tuple[tuple[str, ...], ...]  # N lists of sensor names
    frame_id: str = "map"

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def agent_class(self) -> NDArray[np.int64]:
        """(N,) the most probable AgentClass."""
        return np.argmax(self.class_probabilities, axis=1) if len(self) else np.zeros(0, dtype=np.int64)

    @property
    def speed(self) -> NDArray[np.float64]:
        """(N,) [m/s], >= 0."""
        return np.linalg.norm(self.velocity, axis=1)

    def select(self, rows: NDArray) -> TrackedAgents:
        """The agents of `rows`, an index or boolean array (N,)."""
        rows = np.arange(len(self))[rows]
        chosen = {
            each.name: getattr(self, each.name)[rows]
            for each in fields(self)
            if each.name not in ("stamp_ns", "sensors", "frame_id")
        }
        return TrackedAgents(
            stamp_ns=self.stamp_ns, frame_id=self.frame_id, sensors=tuple(self.sensors[i] for i in rows), **chosen
        )

    @classmethod
    def from_states(
        cls,
        stamp_ns: int,
        ids: NDArray,
        agent_class: NDArray,
        position: NDArray,
        yaw: NDArray,
        velocity: NDArray,
        size: NDArray | None = None,
        *,
        frame_id: str = "map",
        **optional: NDArray,
    ) -> TrackedAgents:
        """Agents of which only the essentials are known; the rest takes neutral values.

        ids (N,), agent_class (N,) of AgentClass, position (N, 2) or (N, 3), yaw (N,), velocity (N, 2), size (N, 3);
        `optional` names further fields of the class.
        """
        count = len(ids)
        agent_class = np.asarray(agent_class, dtype=np.int64)
        position = np.asarray(position, dtype=np.float64)
        if position.shape[1] == 2:
            position = np.column_stack([position, np.zeros(count)])
        values: dict = {
            "class_probabilities": np.eye(NUM_CLASSES)[agent_class],
            "existence_probability": np.ones(count),
            "yaw_rate": np.zeros(count),
            "acceleration": np.zeros((count, 2)),
            "size": DEFAULT_SIZE_M[agent_class] if size is None else np.asarray(size, dtype=np.float64),
            "pose_covariance": np.zeros((count, 3, 3)),
            "velocity_covariance": np.zeros((count, 2, 2)),
            "attributes": np.zeros(count, dtype=np.uint32),
            "attributes_valid": np.zeros(count, dtype=np.uint32),
            "front_wheel_angle": np.full(count, np.nan),
            "age_s": np.zeros(count),
            "time_since_seen_s": np.zeros(count),
            "sensors": ((),) * count,
        }
        unknown = set(optional) - set(values)
        if unknown:
            raise TypeError(f"TrackedAgents has no field {', '.join(sorted(unknown))}")
        return cls(
            stamp_ns=int(stamp_ns),
            ids=np.asarray(ids, dtype=np.int64),
            position=position,
            yaw=np.asarray(yaw, dtype=np.float64),
            velocity=np.asarray(velocity, dtype=np.float64).reshape(count, 2),
            frame_id=frame_id,
            **{**values, **optional},
        )

    @classmethod
    def empty(cls, stamp_ns: int) -> TrackedAgents:
        none = np.zeros(0)
        return cls.from_states(stamp_ns, none, none, np.zeros((0, 2)), none, np.zeros((0, 2)))


@dataclass(frozen=True)
class EgoState:
    """The ego vehicle at one instant, in the map frame; position and yaw are those of base_link (REP-105)."""

    stamp_ns: int
    position: NDArray[np.float64]  # (2,) [m]
    yaw: float
    velocity: NDArray[np.float64]  # (2,) along the map's axes [m/s]
    yaw_rate: float = 0.0
    z: float = 0.0  # height of base_link [m]


@dataclass(frozen=True)
class TrafficSignals:
    """S signals and their last observed states; mirrors msg/TrafficSignalArray."""

    stamp_ns: int = 0
    ids: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # (S,)
    state: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, dtype=np.uint8))  # (S,) SignalState
    state_stamp_ns: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # (S,)
    confidence: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))  # (S,)

    def fresh(self, now_ns: int, max_age_s: float) -> TrafficSignals:
        """Only the signals that were observed within `max_age_s` before `now_ns`."""
        keep = np.abs(now_ns - self.state_stamp_ns) <= max_age_s * 1e9
        return TrafficSignals(
            self.stamp_ns, self.ids[keep], self.state[keep], self.state_stamp_ns[keep], self.confidence[keep]
        )


@dataclass(frozen=True)
class Scene:
    """All agents' states over the past at one instant, plus the ego, the map and the signals.

    The past has P steps of `time_step_s`, oldest first; the last one is the stamp of the scene.
    """

    stamp_ns: int
    agents: TrackedAgents  # N agents now, finite
    past_position: NDArray[np.float64]  # (N, P, 2)
    past_yaw: NDArray[np.float64]  # (N, P)
    past_velocity: NDArray[np.float64]  # (N, P, 2)
    past_valid: NDArray[np.bool_]  # (N, P); the last column is always true
    time_step_s: float = 0.1
    ego: EgoState | None = None  # at the stamp of the scene; None when unknown or roadside
    ego_past: NDArray[np.float64] | None = None  # (P, 3) x, y, yaw of base_link
    ego_past_valid: NDArray[np.bool_] | None = None  # (P,)
    ego_size: tuple[float, float] = (4.6, 1.9)  # length, width [m]
    ego_center_offset_m: float = 1.4  # from base_link forward to the centre of the box
    road_network: RoadNetwork = field(default_factory=RoadNetwork)
    signals: TrafficSignals = field(default_factory=TrafficSignals)
    route: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))  # (R, 2) where the ego means to go [m]

    def __len__(self) -> int:
        return len(self.agents)


@dataclass(frozen=True)
class PredictedTrajectories:
    """N agents x K modes x T steps; mirrors msg/PredictedTrajectoryArray. Step t is at stamp + (t + 1) * time_step."""

    stamp_ns: int
    time_step_s: float
    ids: NDArray[np.int64]  # (N,)
    agent_class: NDArray[np.int64]  # (N,)
    probability: NDArray[np.float64]  # (N, K), rows sum to 1; an unused mode has 0
    position: NDArray[np.float64]  # (N, K, T, 2) [m]
    yaw: NDArray[np.float64]  # (N, K, T) [rad]
    speed: NDArray[np.float64]  # (N, K, T) [m/s]
    covariance: NDArray[np.float64]  # (N, K, T, 2, 2) of the position [m^2]
    source: NDArray[np.uint8]  # (N,) Source
    predictor_name: str = ""
    predictor_version: str = ""
    frame_id: str = "map"

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def num_modes(self) -> int:
        return self.probability.shape[1]

    @property
    def num_steps(self) -> int:
        return self.position.shape[2]

    @property
    def horizon_s(self) -> float:
        return self.num_steps * self.time_step_s


@dataclass(frozen=True)
class CandidatePlans:
    """C candidate plans of the ego over T steps; step t is at start + (t + 1) * time_step. Poses are of base_link."""

    start_ns: int
    time_step_s: float
    position: NDArray[np.float64]  # (C, T, 2) [m] map frame
    yaw: NDArray[np.float64]  # (C, T)
    speed: NDArray[np.float64]  # (C, T) [m/s]
    valid: NDArray[np.bool_]  # (C, T); a plan may end early

    def __len__(self) -> int:
        return len(self.position)


@dataclass(frozen=True)
class ConditionalAnswer:
    """What C candidate plans would do to N agents; mirrors the response of srv/PredictConditional."""

    predictions: tuple[PredictedTrajectories, ...]  # C of them, N agents each
    ids: NDArray[np.int64]  # (N,)
    yield_probability: NDArray[np.float64]  # (C, N)
    collision_probability: NDArray[np.float64]  # (C, N)
    smallest_gap_m: NDArray[np.float64]  # (C, N)
    time_to_conflict_s: NDArray[np.float64]  # (C, N), +inf where never
    shift_m: NDArray[np.float64]  # (C, N)
