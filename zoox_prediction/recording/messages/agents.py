"""Tracked agents, the ego and traffic signals as messages."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from zoox_prediction.errors import InputError
from zoox_prediction.geometry import quaternion_from_yaw, rotation_matrix, yaw_from_quaternion
from zoox_prediction.recording.messages.fields import (
    MessageTypes,
    array_field,
    header_to_message,
    stamp_ns,
    stamp_to_message,
    type_name,
)
from zoox_prediction.scene import NUM_CLASSES, AgentClass, EgoState, TrackedAgents, TrafficSignals

# Where x, y and yaw stand in the row-major 6x6 covariance of x, y, z, roll, pitch, yaw; and x, y alone.
_XY_YAW = (np.array([0, 1, 5])[:, None] * 6 + np.array([0, 1, 5])).reshape(-1)
_XY = (np.array([0, 1])[:, None] * 6 + np.array([0, 1])).reshape(-1)

_AGENT = "zoox_prediction/msg/TrackedAgent"

# The scalars of a TrackedAgent in the order in which `tracked_agents_from_message` cuts them apart again.
_agent_scalars = attrgetter(
    "existence_probability",
    "pose.pose.position.x",
    "pose.pose.position.y",
    "pose.pose.position.z",
    "pose.pose.orientation.x",
    "pose.pose.orientation.y",
    "pose.pose.orientation.z",
    "pose.pose.orientation.w",
    "twist.twist.linear.x",
    "twist.twist.linear.y",
    "twist.twist.angular.z",
    "acceleration.x",
    "acceleration.y",
    "size.x",
    "size.y",
    "size.z",
    "front_wheel_angle",
    "age",
    "time_since_seen",
)
_agent_integers = attrgetter("id", "attributes", "attributes_valid")


def tracked_agents_to_message(agents: TrackedAgents, types: MessageTypes) -> Any:
    """TrackedAgentArray of the agents, in their frame."""
    count = len(agents)
    pose_covariance = np.zeros((count, 36))
    pose_covariance[:, _XY_YAW] = agents.pose_covariance.reshape(count, 9)
    twist_covariance = np.zeros((count, 36))
    twist_covariance[:, _XY] = agents.velocity_covariance.reshape(count, 4)
    quaternion = quaternion_from_yaw(agents.yaw)
    scalars = np.column_stack(
        [
            agents.existence_probability,
            agents.position,
            quaternion[:, 2:],
            agents.velocity,
            agents.yaw_rate,
            agents.acceleration,
            agents.size,
            agents.front_wheel_angle,
            agents.age_s,
            agents.time_since_seen_s,
        ]
    ).tolist()
    integers = np.column_stack([agents.ids, agents.attributes, agents.attributes_valid]).astype(np.int64).tolist()
    probabilities = agents.class_probabilities.astype(np.float32)
    # One message per agent is the interface, so a loop; the default message is filled in place because a generated
    # constructor builds the default of every nested message even when it is given one.
    messages = []
    for row in range(count):
        message = types.new(_AGENT)
        _fill_scalars(message, scalars[row])
        message.id, message.attributes, message.attributes_valid = integers[row]
        message.class_probabilities = probabilities[row]
        message.pose.covariance = pose_covariance[row]
        message.twist.covariance = twist_covariance[row]
        message.sensors = list(agents.sensors[row])
        messages.append(message)
    header = header_to_message(agents.stamp_ns, agents.frame_id, types)
    return types["zoox_prediction/msg/TrackedAgentArray"](header=header, agents=messages)


def _fill_scalars(message: Any, values: list[float]) -> None:
    pose, twist = message.pose.pose, message.twist.twist
    position, orientation, linear = pose.position, pose.orientation, twist.linear
    acceleration, size = message.acceleration, message.size
    (
        message.existence_probability,
        position.x,
        position.y,
        position.z,
        orientation.z,
        orientation.w,
        linear.x,
        linear.y,
        twist.angular.z,
        acceleration.x,
        acceleration.y,
        size.x,
        size.y,
        size.z,
        message.front_wheel_angle,
        message.age,
        message.time_since_seen,
    ) = values


def tracked_agents_from_message(message: Any) -> TrackedAgents:
    """The agents of a TrackedAgentArray, in the frame of its header; NaN states and duplicate ids are passed on.

    Class probabilities are made to sum to 1; an agent that gives none is of the class unknown. Raises InputError when
    an array has a wrong length.
    """
    agents = message.agents
    count = len(agents)
    scalars = np.array([_agent_scalars(agent) for agent in agents], dtype=np.float64).reshape(count, 19)
    integers = np.array([_agent_integers(agent) for agent in agents], dtype=np.int64).reshape(count, 3)
    pose_covariance = _stacked(message, [agent.pose.covariance for agent in agents], "pose.covariance", 36)
    twist_covariance = _stacked(message, [agent.twist.covariance for agent in agents], "twist.covariance", 36)
    probabilities = _stacked(
        message, [agent.class_probabilities for agent in agents], "class_probabilities", NUM_CLASSES
    )
    return TrackedAgents(
        stamp_ns=stamp_ns(message.header.stamp),
        frame_id=message.header.frame_id,
        ids=integers[:, 0],
        attributes=integers[:, 1].astype(np.uint32),
        attributes_valid=integers[:, 2].astype(np.uint32),
        class_probabilities=_normalized(probabilities),
        existence_probability=scalars[:, 0],
        position=scalars[:, 1:4],
        yaw=yaw_from_quaternion(scalars[:, 4:8]),
        velocity=scalars[:, 8:10],
        yaw_rate=scalars[:, 10],
        acceleration=scalars[:, 11:13],
        size=scalars[:, 13:16],
        front_wheel_angle=scalars[:, 16],
        age_s=scalars[:, 17],
        time_since_seen_s=scalars[:, 18],
        pose_covariance=pose_covariance[:, _XY_YAW].reshape(count, 3, 3),
        velocity_covariance=twist_covariance[:, _XY].reshape(count, 2, 2),
        sensors=tuple(tuple(agent.sensors) for agent in agents),
    )


def _stacked(message: Any, rows: list, name: str, length: int) -> NDArray[np.float64]:
    """(N, length) of one fixed-size array per agent."""
    if any(len(row) != length for row in rows):
        raise InputError(f"{type_name(message)}.agents: {name} must have {length} values; mend its sender")
    return np.array(rows, dtype=np.float64).reshape(len(rows), length)


def _normalized(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows that sum to 1; a row without a positive finite sum becomes the class unknown."""
    weights = np.where(np.isfinite(probabilities), np.maximum(probabilities, 0.0), 0.0)
    total = weights.sum(axis=1, keepdims=True)
    weights[total[:, 0] <= 0.0, AgentClass.UNKNOWN] = 1.0
    return weights / np.where(total > 0.0, total, 1.0)


def traffic_signals_to_message(signals: TrafficSignals, types: MessageTypes) -> Any:
    """TrafficSignalArray of the signals."""
    return types["zoox_prediction/msg/TrafficSignalArray"](
        header=header_to_message(signals.stamp_ns, "", types),
        id=types.array(signals.ids.astype(np.int64)),
        state=types.array(signals.state.astype(np.uint8)),
        stamp=[stamp_to_message(each, types) for each in signals.state_stamp_ns.tolist()],
        confidence=types.array(signals.confidence.astype(np.float32)),
    )


def traffic_signals_from_message(message: Any) -> TrafficSignals:
    """The signals of a TrafficSignalArray; states outside of SignalState are passed on, to be reported.

    Raises InputError when an array has a wrong length.
    """
    ids = np.array(message.id, dtype=np.int64)
    count = len(ids)
    state = array_field(message, "state", np.uint8, (count,))
    if len(message.stamp) != count:
        raise InputError(f"TrafficSignalArray.stamp has {len(message.stamp)} values for {count} ids; mend its sender")
    return TrafficSignals(
        stamp_ns=stamp_ns(message.header.stamp),
        ids=ids,
        state=state,
        state_stamp_ns=np.array([stamp_ns(each) for each in message.stamp], dtype=np.int64),
        confidence=array_field(message, "confidence", np.float64, (count,)),
    )


def ego_from_odometry(message: Any) -> EgoState:
    """The ego of a nav_msgs/Odometry, in the frame of its header (the caller sees to it that this is the map frame).

    The twist of an Odometry is along the axes of its child frame, base_link: it is rotated. Raises InputError when the
    orientation is no rotation.
    """
    pose, twist = message.pose.pose, message.twist.twist
    quaternion = np.array([pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w])
    velocity = np.array([twist.linear.x, twist.linear.y, twist.linear.z])
    if not np.linalg.norm(quaternion) > 1e-6:  # also when NaN
        raise InputError("Odometry.pose.pose.orientation is not a rotation; mend its sender")
    return EgoState(
        stamp_ns=stamp_ns(message.header.stamp),
        position=np.array([pose.position.x, pose.position.y], dtype=np.float64),
        yaw=float(yaw_from_quaternion(quaternion)),
        velocity=Rotation.from_quat(quaternion).apply(velocity)[:2],
        yaw_rate=float(twist.angular.z),
        z=float(pose.position.z),
    )


def odometry_to_message(
    ego: EgoState, types: MessageTypes, frame_id: str = "map", child_frame_id: str = "base_link"
) -> Any:
    """nav_msgs/Odometry of the ego: pose in `frame_id`, twist along the axes of `child_frame_id`."""
    message = types.new("nav_msgs/msg/Odometry")
    message.header = header_to_message(ego.stamp_ns, frame_id, types)
    message.child_frame_id = child_frame_id
    pose, twist = message.pose.pose, message.twist.twist
    pose.position.x, pose.position.y, pose.position.z = float(ego.position[0]), float(ego.position[1]), float(ego.z)
    _, _, pose.orientation.z, pose.orientation.w = quaternion_from_yaw(ego.yaw).tolist()
    twist.linear.x, twist.linear.y = (rotation_matrix(-ego.yaw) @ ego.velocity).tolist()
    twist.angular.z = float(ego.yaw_rate)
    return message
