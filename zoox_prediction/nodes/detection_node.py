"""One sensor in, what it sees out; its modality is a parameter, and every sensor has a node of its own."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from typing import Any

from nav_msgs.msg import Odometry
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup

from zoox_prediction.detection.config import DetectionConfig
from zoox_prediction.detection.ego_motion import EgoMotion
from zoox_prediction.detection.sensor_detector import CameraImage, SensorDetector
from zoox_prediction.detections import Detections
from zoox_prediction.errors import InputError
from zoox_prediction.msg import DetectionArray, TrackedAgentArray
from zoox_prediction.prediction.memory import keep_freed_memory
from zoox_prediction.recording import messages
from zoox_prediction.ros.diagnostics import ERROR, Diagnostics
from zoox_prediction.ros.inputs import Inputs
from zoox_prediction.ros.lifecycle import ManagedNode, run_node
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.parameters import declare_and_load
from zoox_prediction.ros.qos import INPUT
from zoox_prediction.ros.sensor_inputs import NewestOnly, SensorInputs, arrays_from_messages
from zoox_prediction.ros.transforms import FrameTransformer, TransformError
from zoox_prediction.scene import EgoState, TrackedAgents


class DetectionNode(ManagedNode):
    """Works on the newest frame; frames that come meanwhile are dropped and counted, never queued."""

    def __init__(self) -> None:
        super().__init__("detection_node")
        self._config = declare_and_load(self, DetectionConfig)
        self._name = self._config.sensor_name or self.get_name()
        self._diagnostics = Diagnostics(self, callback_group=MutuallyExclusiveCallbackGroup())
        self._inputs = Inputs(self, self._diagnostics, MutuallyExclusiveCallbackGroup())
        self._motion, self._motion_lock = EgoMotion(), threading.Lock()
        self._detector: SensorDetector | None = None
        self._tracks: TrackedAgents | None = None

    def setup(self) -> None:
        config = self._config
        self._detector = SensorDetector(config)
        self._topic = "image" if config.takes_images else "points"
        self._diagnostics.expect_latency("detection", config.max_latency_s)
        self._frames = FrameTransformer(self, config.base_frame, static_only=not config.looks_at_lights)
        self._publisher = self.create_lifecycle_publisher(DetectionArray, "detections", INPUT)
        self._newest = NewestOnly(self._work, self._failed, config.max_rate_hz)
        self._sensor = SensorInputs(self, self._diagnostics, config.max_input_age_s, self._offer)
        self._inputs.subscribe(
            Odometry, "odometry", messages.ego_from_odometry, self._add_ego, INPUT,
            max_age_s=config.max_input_age_s, gathered=True,
        )  # fmt: skip
        if config.looks_at_lights:
            self._inputs.subscribe(
                TrackedAgentArray, "tracked_agents", messages.tracked_agents_from_message, self._take_tracks, INPUT,
                max_age_s=config.max_input_age_s, gathered=True,
            )  # fmt: skip
        if config.scanning:
            self._sensor.subscribe_polar_image()
        elif config.takes_images:
            self._sensor.subscribe_image(compressed=config.compressed)
        else:
            self._sensor.subscribe_points()

    def teardown(self) -> None:
        if self._detector is None:
            return
        self._sensor.close()
        self._newest.close()
        self._inputs.close()
        self.destroy_lifecycle_publisher(self._publisher)
        self._detector = None
        self._frames.close()

    def reset(self) -> None:
        with self._motion_lock:
            self._motion.reset()
        self._tracks = None
        if self._detector is not None:
            self._sensor.reset()
            self._newest.clear()
            self._frames.reset()
        self._diagnostics.reset()

    def _add_ego(self, ego: EgoState) -> list[str]:
        with self._motion_lock:
            return self._motion.add(ego)

    def _take_tracks(self, tracks: TrackedAgents) -> None:
        self._tracks = tracks

    def _offer(self, *received: Any) -> None:
        self._newest.offer((time.monotonic(), received))

    def _work(self, arrived: tuple[float, tuple[Any, ...]]) -> None:
        received_s, received = arrived
        if self._detector is None or not self._publisher.is_activated:
            return
        self._inputs.gather()
        try:
            detections, problems = self._detect(self._detector, *received)
        except InputError as error:
            self._diagnostics.problem(self._topic, f"{self._topic}: {error}; the message is dropped")
            return
        self._publisher.publish(messages.detections_to_message(detections, ROS_TYPES))
        self._diagnostics.latency("detection", time.monotonic() - received_s)
        for problem in problems:
            self._diagnostics.problem(self._topic, f"{self._topic}: {problem}")
        counts = {"received": str(self._newest.received), "dropped": str(self._newest.dropped)}
        self._diagnostics.value("frames", f"{self._newest.dropped} dropped", details=counts)

    def _failed(self, error: Exception) -> None:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{error!r} in {place.name}, {place.filename}:{place.lineno}"
        text = f"{self._topic}: the detection failed ({where}); the message is dropped"
        self._diagnostics.problem(self._topic, text, ERROR)

    def _detect(self, detector: SensorDetector, message: Any, *info: Any) -> tuple[Detections, list[str]]:
        header = message.header
        stamp_ns = messages.stamp_ns(header.stamp)
        data = arrays_from_messages(self._config, message, *info)
        base_from_sensor = self._frames.matrix(header.frame_id, stamp_ns)
        with self._motion_lock:
            measurement = self._motion.measurement(stamp_ns, header.frame_id, self._name, base_from_sensor)
        detections, problems = detector.detect(measurement, data)
        if isinstance(data, CameraImage) and (tracks := self._tracks) is not None:
            try:
                pose = self._frames.matrix(header.frame_id, stamp_ns, tracks.frame_id)
                detections = detector.with_lights(detections, data, tracks, pose)
            except TransformError as error:
                problems.append(f"no lights are looked at: {error}")
        return detections, problems


def main(args: list[str] | None = None) -> int:
    keep_freed_memory()
    return run_node(DetectionNode, args)


if __name__ == "__main__":
    sys.exit(main())
