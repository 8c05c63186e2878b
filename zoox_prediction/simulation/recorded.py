"""A simulated drive as a recording: the truth at 10 Hz, the ego, the signals, the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from zoox_prediction.geometry import quaternion_from_yaw
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.recording.datasets.kinematics import EgoTrajectory
from zoox_prediction.recording.datasets.source import SensorMessage, SourceRecording
from zoox_prediction.recording.messages import MessageTypes
from zoox_prediction.simulation.sensors.suite import SensorSuite
from zoox_prediction.simulation.sensors.truth import Light, SensorTruth
from zoox_prediction.simulation.vehicle_motion import STEP_S
from zoox_prediction.simulation.world import EGO_SIZE_M, Truth

DATASET = "simulation"
LANES_TOPIC = "/ground_truth/lanes"


def sensors_of(
    recording: SourceRecording, suite: SensorSuite, seed: int, light: Light, visibility_m: float
) -> tuple[SensorMessage, ...]:
    """All messages of the suite on the drive; they are made when they are written."""
    if recording.ego is None:
        raise ValueError("sensors need the vehicle that carries them")
    messages: list[SensorMessage] = []
    for agents, ego, signals in zip(recording.agents, recording.ego.states(), recording.signals, strict=True):
        truth = sensor_truth(
            Truth(agents, ego, signals),
            recording.road_network or RoadNetwork(),
            recording.ego_center_offset_m,
            light,
            visibility_m,
        )
        messages += suite.messages(truth, seed)
    return tuple(messages)


def sensor_truth(
    truth: Truth, road_network: RoadNetwork, ego_center_offset_m: float, light: Light, visibility_m: float
) -> SensorTruth:
    """What the sensors look at in an instant of a world."""
    return SensorTruth(
        agents=truth.agents,
        ego=truth.ego,
        ego_size=EGO_SIZE_M[:2],
        ego_center_offset_m=ego_center_offset_m,
        road_network=road_network,
        signals=truth.signals,
        light=light,
        visibility_m=visibility_m,
        ego_height_m=EGO_SIZE_M[2],
        step_s=STEP_S,
    )


def recording_of(
    name: str,
    frames: Sequence[Truth],
    road_network: RoadNetwork,
    ego_center_offset_m: float,
    notes: Mapping[str, str],
) -> SourceRecording:
    """Frames of one world as a recording without sensors; the lanes of agents are messages of their own."""
    ego = [frame.ego for frame in frames]
    position = np.array([[*each.position, each.z] for each in ego])
    trajectory = EgoTrajectory(
        np.array([each.stamp_ns for each in ego], dtype=np.int64),
        position,
        quaternion_from_yaw(np.array([each.yaw for each in ego])),
        np.array([each.velocity for each in ego]),
    )
    return SourceRecording(
        dataset=DATASET,
        name=name,
        agents=tuple(frame.agents for frame in frames),
        ego=trajectory,
        ego_size=EGO_SIZE_M[:2],
        ego_center_offset_m=ego_center_offset_m,
        road_network=road_network,
        signals=tuple(frame.signals for frame in frames),
        sensors=tuple(
            SensorMessage(LANES_TOPIC, frame.agents.stamp_ns, partial(lanes_to_message, frame)) for frame in frames
        ),
        notes=notes,
    )


def lanes_to_message(truth: Truth, types: MessageTypes) -> Any:
    """std_msgs/Int64MultiArray (N, 2): id of the agent, id of the lane of the road network that it is in, or NO_ID."""
    message = types.new("std_msgs/msg/Int64MultiArray")
    rows = np.column_stack([truth.agents.ids, truth.lanes])
    dimension = types["std_msgs/msg/MultiArrayDimension"]
    message.layout.dim = [
        dimension(label="agent", size=len(rows), stride=rows.size),
        dimension(label="agent id, lane id", size=2, stride=2),
    ]
    message.data = types.array(rows)
    return message
