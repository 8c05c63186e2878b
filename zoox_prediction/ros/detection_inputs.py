"""Detections as they arrive: those of this package's nodes, and boxes of any other detector."""

from __future__ import annotations

from collections.abc import Callable

from zoox_prediction.detections import Detections
from zoox_prediction.errors import InputError
from zoox_prediction.msg import DetectionArray
from zoox_prediction.recording import messages
from zoox_prediction.ros.diagnostics import WARN, Diagnostics
from zoox_prediction.ros.inputs import Inputs
from zoox_prediction.ros.messages import interface_class
from zoox_prediction.ros.qos import MANY_INPUTS
from zoox_prediction.tracking.pipeline import TrackingNodeConfig

_VISION = "vision_msgs/msg/Detection3DArray"


def subscribe_detections(
    inputs: Inputs, diagnostics: Diagnostics, config: TrackingNodeConfig, use: Callable[[Detections], list[str]]
) -> None:
    """`detections`, and where the config asks for them and vision_msgs is installed `detections_3d`; one must come."""
    age_s, other = config.max_detections_age_s, _boxes_of_others(diagnostics, config)
    inputs.subscribe(
        DetectionArray, "detections", messages.detections_from_message, use, MANY_INPUTS,
        max_age_s=age_s, required=other is None, drained=True,
    )  # fmt: skip
    if other is not None:
        inputs.subscribe(other, "detections_3d", messages.detections_from_vision, use, MANY_INPUTS, max_age_s=age_s)


def _boxes_of_others(diagnostics: Diagnostics, config: TrackingNodeConfig) -> type | None:
    if not config.detections_3d:
        return None
    try:
        return interface_class(_VISION)
    except InputError as error:
        diagnostics.value("detections_3d", f"not taken: {error}", WARN)
        return None
