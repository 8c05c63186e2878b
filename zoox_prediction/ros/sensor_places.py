"""Where sensors and the vehicle are in the frame of the tracks."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detections import Detections
from zoox_prediction.recording import messages
from zoox_prediction.ros.transforms import FrameTransformer, TransformError
from zoox_prediction.scene import EgoState
from zoox_prediction.tracking.pipeline import TrackingPipeline

FloatArray = NDArray[np.float64]


class SensorPlaces:
    """By TF, or while that is missing by odometry.

    Odometry in a frame of its own (`odom` of REP-105) cannot stand in for the transform from this frame to the map.
    While that is missing no sensor has a place; the odometry's problem tells why, and the sensors do not repeat it.
    """

    def __init__(self, frames: FrameTransformer, base_frame: str, pipeline: TrackingPipeline) -> None:
        self._frames, self._base_frame, self._pipeline = frames, base_frame, pipeline
        self._lost_frame = ""  # of odometry that was not brought into the map
        self.missing = ""  # the transform for want of which the last detections had no place, in words

    def ego(self, message: Any) -> EgoState:
        """Of an Odometry, in the frame of the tracks; raises TransformError."""
        frame_id = message.header.frame_id
        try:
            ego = self._frames.ego_in_map(messages.ego_from_odometry(message), frame_id)
        except TransformError:
            self._lost_frame = frame_id
            raise
        self._lost_frame = ""
        return ego

    def place(self, detections: Detections) -> tuple[FloatArray, FloatArray | None, list[str]] | None:
        """Pose of the sensor, where it is on the vehicle (None: it is beside the road), and problems.

        None for want of the transform that odometry wants too; raises TransformError for any other reason.
        """
        name, frame_id, stamp_ns = detections.sensor_name, detections.frame_id, detections.stamp_ns
        mount = None
        with contextlib.suppress(TransformError):
            mount = self._frames.matrix(frame_id, stamp_ns, self._base_frame)
        problems = []
        try:
            pose = self._frames.matrix(frame_id, stamp_ns)
        except TransformError as error:
            base = None if mount is None else self._pipeline.map_from_base(stamp_ns)
            if mount is not None and base is None and self._lost_frame:
                self.missing = f"'{self._frames.target_frame}' from '{self._lost_frame}'"
                return None
            if mount is None or base is None:
                raise TransformError(f"{name}: {error}") from error
            pose, problems = base @ mount, [f"{name}: {error}; odometry stands in"]
        self.missing = ""
        return pose, mount, problems
