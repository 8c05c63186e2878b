"""Detections of every sensor in, tracked agents out: each sensor at its own stamp, none waits for another."""

from __future__ import annotations

import sys
import threading
import time

from nav_msgs.msg import Odometry
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType

from zoox_prediction.detections import Detections
from zoox_prediction.msg import TrackedAgentArray
from zoox_prediction.prediction.memory import keep_freed_memory
from zoox_prediction.recording import messages
from zoox_prediction.ros.detection_inputs import subscribe_detections
from zoox_prediction.ros.diagnostics import OK, WARN, Diagnostics
from zoox_prediction.ros.inputs import Inputs
from zoox_prediction.ros.lifecycle import ManagedNode, run_node
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.parameters import declare_and_load
from zoox_prediction.ros.qos import INPUT
from zoox_prediction.ros.sensor_places import SensorPlaces
from zoox_prediction.ros.transforms import FrameTransformer
from zoox_prediction.tracking.pace import OutputPace
from zoox_prediction.tracking.pipeline import TrackingNodeConfig, TrackingPipeline


class TrackingNode(ManagedNode):
    """All sensors publish their detections on one topic. Tracks go out a moment after the first detections since the
    last ones came, so that those of other sensors are in them too, see `OutputPace`."""

    def __init__(self) -> None:
        super().__init__("tracking_node")
        self._config = declare_and_load(self, TrackingNodeConfig)
        self._diagnostics = Diagnostics(self, callback_group=MutuallyExclusiveCallbackGroup())
        self._inputs = Inputs(self, self._diagnostics, MutuallyExclusiveCallbackGroup())
        self._pipeline: TrackingPipeline | None = None
        self._output_lock = threading.Lock()  # of the pace, its timer and the publisher

    def setup(self) -> None:
        config = self._config
        pipeline = self._pipeline = TrackingPipeline(config)
        self._frames = FrameTransformer(self, config.frame_id)
        self._places = SensorPlaces(self._frames, config.base_frame, pipeline)
        self._diagnostics.expect_latency("tracking", config.max_latency_s)
        self._diagnostics.expect_latency("sensor to tracks", config.max_latency_s)
        self._publisher = self.create_lifecycle_publisher(TrackedAgentArray, "tracked_agents", INPUT)
        self._pace, steady = OutputPace(config.period_s, config.gather_s), Clock(clock_type=ClockType.STEADY_TIME)
        self._output = self.create_timer(config.period_s, self._on_output, MutuallyExclusiveCallbackGroup(), steady)
        self._mountings = self.create_timer(1.0, self._tell_mountings, self._output.callback_group, steady)
        self._inputs.subscribe(
            Odometry, "odometry", self._places.ego, pipeline.add_ego, INPUT,
            max_age_s=config.max_odometry_age_s, gathered=True,
        )  # fmt: skip
        subscribe_detections(self._inputs, self._diagnostics, config, self._add)

    def start(self) -> None:
        if self._pipeline is not None:
            self._pipeline.reset()  # what was tracked before the node was inactive is of long ago

    def teardown(self) -> None:
        if self._pipeline is None:
            return
        self._inputs.close()
        with self._output_lock:
            self._pipeline = None
            self.destroy_timer(self._output)
            self.destroy_timer(self._mountings)
            self.destroy_lifecycle_publisher(self._publisher)
        self._frames.close()

    def reset(self) -> None:
        if self._pipeline is not None:
            self._pipeline.reset()
            self._frames.reset()
        self._diagnostics.reset()

    def _add(self, detections: Detections) -> list[str]:
        pipeline = self._pipeline
        if pipeline is None or not self._publisher.is_activated:
            return []
        if refusal := pipeline.refusal(detections, self.get_clock().now().nanoseconds):
            return [refusal]
        if (placed := self._places.place(detections)) is None:
            return []
        pose, mount, problems = placed
        problems += pipeline.add_detections(detections, pose, mount)
        with self._output_lock:
            if self._pipeline is pipeline and pipeline.has_news:
                self._wait(self._pace.on_news(time.monotonic()))
        return problems

    def _wait(self, seconds: float | None) -> None:
        if seconds is not None:
            self._output.timer_period_ns = max(round(seconds * 1e9), 1)
            self._output.reset()

    def _on_output(self) -> None:
        with self._output_lock:
            if self._pipeline is not None:
                self._wait(self._pace.on_output(time.monotonic()))
                self._publish(self._pipeline)

    def _publish(self, pipeline: TrackingPipeline) -> None:
        started_s, now_ns, waiting = time.monotonic(), self.get_clock().now().nanoseconds, pipeline.num_waiting
        tracks = pipeline.tracks(now_ns) if self._publisher.is_activated else None
        if tracks is not None:
            self._publisher.publish(messages.tracked_agents_to_message(tracks, ROS_TYPES))
            self._diagnostics.latency("tracking", time.monotonic() - started_s)
            self._diagnostics.latency("sensor to tracks", (self.get_clock().now().nanoseconds - tracks.stamp_ns) * 1e-9)
            self._diagnostics.value("tracks", f"{len(tracks)} confirmed", details={"waiting": str(waiting)})
        if tracks is not None or self._places.missing:
            self._tell_sensors(pipeline, now_ns)

    def _tell_mountings(self) -> None:
        pipeline = self._pipeline
        for name, offset in ({} if pipeline is None else pipeline.bearing_offsets()).items():
            text, details = "too few boxes agree yet", {"sensor": name}
            if offset is not None:
                left, above = offset.degrees
                text = f"{offset.boxes} boxes lie {left:+.1f} degrees to the left of the tracks, {above:+.1f} above"
                details |= {"left_deg": f"{left:.2f}", "above_deg": f"{above:.2f}", "boxes": str(offset.boxes)}
            self._diagnostics.value(f"mounting of {name}", text, details=details)

    def _tell_sensors(self, pipeline: TrackingPipeline, now_ns: int) -> None:
        troubles = [f"{name} is silent for {age_s:.1f} s" for name, age_s in pipeline.silent(now_ns).items()]
        if self._places.missing:
            troubles = [f"none can be placed: there is no transform {self._places.missing}; publish it on /tf"]
        self._diagnostics.value("sensors", "; ".join(troubles) or "all send", WARN if troubles else OK)


def main(args: list[str] | None = None) -> int:
    keep_freed_memory()
    return run_node(TrackingNode, args)


if __name__ == "__main__":
    sys.exit(main())
