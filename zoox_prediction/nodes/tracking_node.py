"""Detections of every sensor in, tracked agents out: each sensor at its own stamp, none waits for another."""

from __future__ import annotations

import sys
import time

import numpy as np
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType

from zoox_prediction.detections import Detections
from zoox_prediction.msg import DetectionArray, TrackedAgentArray
from zoox_prediction.prediction.memory import keep_freed_memory
from zoox_prediction.recording import messages
from zoox_prediction.ros.diagnostics import Diagnostics
from zoox_prediction.ros.inputs import Inputs
from zoox_prediction.ros.lifecycle import ManagedNode, run_node
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.parameters import declare_and_load
from zoox_prediction.ros.qos import INPUT, MANY_INPUTS
from zoox_prediction.ros.transforms import FrameTransformer, TransformError
from zoox_prediction.scene import EgoState
from zoox_prediction.tracking.pipeline import TrackingNodeConfig, TrackingPipeline


class TrackingNode(ManagedNode):
    """All sensors publish their detections on one topic. Tracks go out a moment after the first detections since the
    last ones came, so that those of other sensors are in them too."""

    def __init__(self) -> None:
        super().__init__("tracking_node")
        self._config = declare_and_load(self, TrackingNodeConfig)
        self._diagnostics = Diagnostics(self, callback_group=MutuallyExclusiveCallbackGroup())
        self._inputs = Inputs(self, self._diagnostics, MutuallyExclusiveCallbackGroup())
        self._pipeline: TrackingPipeline | None = None
        self._told_s = 0.0  # steady time of the last tracks,
        self._begun_s = 0.0  # and of the detections that they waited for others from
        self._is_gathering = False

    def setup(self) -> None:
        config = self._config
        self._pipeline = TrackingPipeline(config)
        self._frames = FrameTransformer(self, config.frame_id)
        self._diagnostics.expect_latency("tracking", config.max_latency_s)
        self._diagnostics.expect_latency("sensor to tracks", config.max_latency_s)
        self._publisher = self.create_lifecycle_publisher(TrackedAgentArray, "tracked_agents", INPUT)
        group, steady = MutuallyExclusiveCallbackGroup(), Clock(clock_type=ClockType.STEADY_TIME)
        self._gathered = self.create_timer(max(config.gather_s, 1e-3), self._on_gathered, group, clock=steady)
        self._gathered.cancel()
        self._silence = self.create_timer(config.period_s, self._on_silence, group, clock=steady)
        self._inputs.subscribe(
            Odometry, "odometry", self._ego, self._pipeline.add_ego, INPUT,
            max_age_s=config.max_odometry_age_s, gathered=True,
        )  # fmt: skip
        self._inputs.subscribe(
            DetectionArray, "detections", messages.detections_from_message, self._add, MANY_INPUTS,
            max_age_s=config.max_detections_age_s, required=True,
        )  # fmt: skip

    def teardown(self) -> None:
        if self._pipeline is None:
            return
        self._inputs.close()
        self.destroy_timer(self._gathered)
        self.destroy_timer(self._silence)
        self.destroy_lifecycle_publisher(self._publisher)
        self._frames.close()
        self._pipeline = None

    def reset(self) -> None:
        if self._pipeline is not None:
            self._pipeline.reset()
            self._frames.reset()
        self._diagnostics.reset()

    def _ego(self, message: Odometry) -> EgoState:
        return self._frames.ego_in_map(messages.ego_from_odometry(message), message.header.frame_id)

    def _add(self, detections: Detections) -> list[str]:
        if self._pipeline is None:
            return []
        problems: list[str] = []
        mount = self._mount(detections)
        pose = self._pose(detections, mount, problems)
        problems += self._pipeline.add_detections(detections, pose, mount)
        now_s = time.monotonic()
        if not self._is_gathering and now_s - self._begun_s >= self._config.period_s - self._config.gather_s:
            self._is_gathering, self._begun_s = True, now_s
            self._gathered.reset()
        return problems

    def _mount(self, detections: Detections) -> NDArray[np.float64] | None:
        """Where the sensor is on the vehicle; None for one beside the road."""
        try:
            return self._frames.matrix(detections.frame_id, detections.stamp_ns, self._config.base_frame)
        except TransformError:
            return None

    def _pose(
        self, detections: Detections, mount: NDArray[np.float64] | None, problems: list[str]
    ) -> NDArray[np.float64]:
        """Of the sensor, by TF, or while that is missing by odometry; raises TransformError when neither tells it."""
        try:
            return self._frames.matrix(detections.frame_id, detections.stamp_ns)
        except TransformError as error:
            base = self._pipeline.map_from_base(detections.stamp_ns) if self._pipeline and mount is not None else None
            if base is None or mount is None:
                raise TransformError(f"{detections.sensor_name}: {error}") from error
            problems.append(f"{detections.sensor_name}: {error}; odometry stands in")
            return base @ mount

    def _on_gathered(self) -> None:
        self._gathered.cancel()
        self._is_gathering = False
        self._publish()

    def _on_silence(self) -> None:
        if not self._is_gathering and time.monotonic() - self._told_s > 1.5 * self._config.period_s:
            self._publish()

    def _publish(self) -> None:
        started_s, now_ns = time.monotonic(), self.get_clock().now().nanoseconds
        if self._pipeline is None or not self._publisher.is_activated:
            return
        tracks = self._pipeline.tracks(now_ns)
        if tracks is None:
            return
        self._told_s = started_s
        self._publisher.publish(messages.tracked_agents_to_message(tracks, ROS_TYPES))
        self._diagnostics.latency("tracking", time.monotonic() - started_s)
        self._diagnostics.latency("sensor to tracks", (self.get_clock().now().nanoseconds - tracks.stamp_ns) * 1e-9)
        self._diagnostics.value("tracks", f"{len(tracks)} confirmed")


def main(args: list[str] | None = None) -> int:
    keep_freed_memory()
    return run_node(TrackingNode, args)


if __name__ == "__main__":
    sys.exit(main())
