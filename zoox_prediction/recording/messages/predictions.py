"""Predicted trajectories as a message."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.recording.messages.fields import MessageTypes, array_field, header_to_message, stamp_ns
from zoox_prediction.scene import PredictedTrajectories


def predictions_to_message(predictions: PredictedTrajectories, types: MessageTypes, scene_age_s: float = 0.0) -> Any:
    """PredictedTrajectoryArray; `scene_age_s` is the time of publication minus the stamp of the scene."""

    def floats(values: NDArray) -> Any:
        return types.array(values.astype(np.float32))

    covariance = predictions.covariance
    return types["zoox_prediction/msg/PredictedTrajectoryArray"](
        header=header_to_message(predictions.stamp_ns, predictions.frame_id, types),
        time_step=float(predictions.time_step_s),
        horizon=float(predictions.horizon_s),
        predictor_name=predictions.predictor_name,
        predictor_version=predictions.predictor_version,
        scene_age=float(scene_age_s),
        id=types.array(predictions.ids.astype(np.int64)),
        class_id=types.array(predictions.agent_class.astype(np.uint8)),
        source=types.array(predictions.source.astype(np.uint8)),
        num_modes=int(predictions.num_modes),
        num_steps=int(predictions.num_steps),
        probability=floats(predictions.probability),
        x=floats(predictions.position[..., 0]),
        y=floats(predictions.position[..., 1]),
        yaw=floats(predictions.yaw),
        speed=floats(predictions.speed),
        covariance_xx=floats(covariance[..., 0, 0]),
        covariance_xy=floats(covariance[..., 0, 1]),
        covariance_yy=floats(covariance[..., 1, 1]),
    )


def predictions_from_message(message: Any) -> PredictedTrajectories:
    """The trajectories of a PredictedTrajectoryArray; raises InputError when an array has a wrong length."""
    count, modes, steps = len(message.id), int(message.num_modes), int(message.num_steps)
    shape = (count, modes, steps)
    position = np.stack([array_field(message, name, np.float64, shape) for name in ("x", "y")], axis=-1)
    xx, xy, yy = (array_field(message, f"covariance_{name}", np.float64, shape) for name in ("xx", "xy", "yy"))
    return PredictedTrajectories(
        stamp_ns=stamp_ns(message.header.stamp),
        # float32 on the wire: 0.1 s comes back as 0.10000000149 s, which at the 80th step is 0.1 microseconds.
        time_step_s=round(float(message.time_step), 6),
        ids=array_field(message, "id", np.int64, (count,)),
        agent_class=array_field(message, "class_id", np.int64, (count,)),
        probability=array_field(message, "probability", np.float64, (count, modes)),
        position=position,
        yaw=array_field(message, "yaw", np.float64, shape),
        speed=array_field(message, "speed", np.float64, shape),
        covariance=np.stack([xx, xy, xy, yy], axis=-1).reshape(*shape, 2, 2),
        source=array_field(message, "source", np.uint8, (count,)),
        predictor_name=message.predictor_name,
        predictor_version=message.predictor_version,
        frame_id=message.header.frame_id,
    )
