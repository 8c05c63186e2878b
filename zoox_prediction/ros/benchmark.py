"""What `zoox-prediction benchmark messages` measures of rclpy's messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.serialization import deserialize_message, serialize_message

from zoox_prediction.recording.messages import predictions_from_message, predictions_to_message
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.scene import PredictedTrajectories


def benchmark_cases(
    num_agents: int = 64, num_modes: int = 6, num_steps: int = 80
) -> list[tuple[str, Callable[[], Any]]]:
    """Name and callable of each case: numpy arrays to serialized PredictedTrajectoryArray and back."""
    predictions = _predictions(num_agents, num_modes, num_steps)
    message_type = ROS_TYPES["zoox_prediction/msg/PredictedTrajectoryArray"]

    def write() -> bytes:
        return serialize_message(predictions_to_message(predictions, ROS_TYPES, 0.0))

    serialized = write()

    def read() -> PredictedTrajectories:
        return predictions_from_message(deserialize_message(serialized, message_type))

    return [("rclpy: arrays to bytes", write), ("rclpy: bytes to arrays", read)]


def _predictions(num_agents: int, num_modes: int, num_steps: int) -> PredictedTrajectories:
    random = np.random.default_rng(0)
    shape = (num_agents, num_modes, num_steps)
    return PredictedTrajectories(
        stamp_ns=1_700_000_000_000_000_000,
        time_step_s=0.1,
        ids=np.arange(num_agents),
        agent_class=random.integers(0, 8, num_agents),
        probability=np.full((num_agents, num_modes), 1.0 / num_modes),
        position=random.normal(0.0, 100.0, (*shape, 2)),
        yaw=random.uniform(-np.pi, np.pi, shape),
        speed=random.uniform(0.0, 20.0, shape),
        covariance=np.broadcast_to(np.eye(2), (*shape, 2, 2)).copy(),
        source=np.ones(num_agents, dtype=np.uint8),
        predictor_name="benchmark",
        predictor_version="1",
    )
