"""What surrounds the prediction node in its tests."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from rclpy.node import Node

from zoox_prediction.msg import PredictedTrajectoryArray, TrackedAgentArray, TrafficSignalArray
from zoox_prediction.msg import RoadNetwork as RoadNetworkMessage
from zoox_prediction.recording.messages import (
    predictions_from_message,
    tracked_agents_to_message,
)
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.qos import INPUT, LATCHED
from zoox_prediction.scene import (
    AgentClass,
    PredictedTrajectories,
    TrackedAgents,
)
from zoox_prediction.srv import PredictConditional


class Peer(Node):
    """The rest of the vehicle: publishes inputs, keeps what the node says."""

    def __init__(self) -> None:
        super().__init__("peer")
        self.predictions: list[PredictedTrajectories] = []
        self.arrival_s: dict[int, float] = {}  # steady time of the first prediction of a stamp
        self.statuses: dict[str, Any] = {}
        self.create_subscription(PredictedTrajectoryArray, "/predictions", self._on_predictions, INPUT)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, INPUT)
        self.agents = self.create_publisher(TrackedAgentArray, "/tracked_agents", INPUT)
        self.odometry = self.create_publisher(Odometry, "/odometry", INPUT)
        self.signals = self.create_publisher(TrafficSignalArray, "/traffic_signals", INPUT)
        self.road_network = self.create_publisher(RoadNetworkMessage, "/road_network", LATCHED)
        self.inputs = (self.agents, self.odometry, self.signals, self.road_network)
        self.query = self.create_client(PredictConditional, "/prediction_node/predict_conditional")

    def _on_predictions(self, message: PredictedTrajectoryArray) -> None:
        self.predictions.append(predictions_from_message(message))
        self.arrival_s.setdefault(self.predictions[-1].stamp_ns, time.monotonic())

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.statuses[status.name.removeprefix("prediction_node: ")] = status

    def now_ns(self) -> int:
        return self.get_clock().now().nanoseconds

    def problems(self) -> str:
        status = self.statuses.get("problems")
        return "" if status is None else " | ".join(f"{each.key}: {each.value}" for each in status.values)

    def publish(self, agents: TrackedAgents) -> None:
        self.agents.publish(tracked_agents_to_message(agents, ROS_TYPES))

    def predictions_of(self, agents: TrackedAgents) -> PredictedTrajectories | None:
        return next((each for each in self.predictions if each.stamp_ns == agents.stamp_ns), None)


def cars(stamp_ns: int, count: int = 3, **changes: Any) -> TrackedAgents:
    ids = np.arange(1, count + 1)
    position = np.column_stack([10.0 * ids, 4.0 * (ids % 7)])
    velocity = np.tile([5.0, 0.0], (count, 1))
    agents = TrackedAgents.from_states(
        stamp_ns, ids, np.full(count, AgentClass.CAR), position, np.zeros(count), velocity
    )
    return dataclasses.replace(agents, **changes)


def broken(agents: TrackedAgents, row: int, **values: Any) -> TrackedAgents:
    """`agents` with other values in one row of some fields."""
    changed = {}
    for name, value in values.items():
        changed[name] = getattr(agents, name).copy()
        changed[name][row] = value
    return dataclasses.replace(agents, **changed)
