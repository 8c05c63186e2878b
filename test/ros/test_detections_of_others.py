"""The tracking node on boxes of another detector, vision_msgs/Detection3DArray."""

from __future__ import annotations

import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from rclpy.node import Node
from tf2_msgs.msg import TFMessage

from zoox_prediction.geometry import quaternion_from_yaw
from zoox_prediction.msg import TrackedAgentArray
from zoox_prediction.recording.datasets.source import StaticTransform
from zoox_prediction.recording.messages import odometry_to_message, stamp_to_message, tracked_agents_from_message
from zoox_prediction.recording.sensor_messages import ego_transform_message, static_transforms_message
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.qos import INPUT, MANY_INPUTS, STATIC_TRANSFORMS, TRANSFORMS
from zoox_prediction.scene import AgentClass, EgoState, TrackedAgents

vision = pytest.importorskip("vision_msgs.msg")


class Detector(Node):
    """Stands at the origin of the map and sees, from a frame 2 m above the vehicle, a car that drives by."""

    def __init__(self) -> None:
        super().__init__("detector")
        self.boxes = self.create_publisher(vision.Detection3DArray, "boxes", INPUT)
        self._odometry = self.create_publisher(Odometry, "odometry", INPUT)
        self._transforms = self.create_publisher(TFMessage, "/tf", TRANSFORMS)
        mounting = self.create_publisher(TFMessage, "/tf_static", STATIC_TRANSFORMS)
        mount = np.eye(4)
        mount[2, 3] = 2.0
        mounting.publish(static_transforms_message([StaticTransform("base_link", "roof", mount)], 0, ROS_TYPES))
        self.tracks: list[TrackedAgents] = []
        self.statuses: dict[str, str] = {}
        self.create_subscription(TrackedAgentArray, "tracked_agents", self._on_tracks, INPUT)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, MANY_INPUTS)
        self._begun_s = time.monotonic()

    def _on_tracks(self, message: TrackedAgentArray) -> None:
        self.tracks.append(tracked_agents_from_message(message))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.statuses |= {status.name: status.message for status in message.status}

    def send(self) -> None:
        """What there is to see now."""
        stamp_ns = self.get_clock().now().nanoseconds
        ego = EgoState(stamp_ns, np.zeros(2), 0.0, np.zeros(2))
        self._odometry.publish(odometry_to_message(ego, ROS_TYPES))
        self._transforms.publish(ego_transform_message(ego, quaternion_from_yaw(0.0), ROS_TYPES))
        message = vision.Detection3DArray()
        message.header.frame_id, message.header.stamp = "roof", stamp_to_message(stamp_ns, ROS_TYPES)
        box = vision.Detection3D()
        position, turn = box.bbox.center.position, box.bbox.center.orientation
        position.x, position.y, position.z = 10.0 + 5.0 * (time.monotonic() - self._begun_s), 3.0, -1.2
        turn.x, turn.y, turn.z, turn.w = quaternion_from_yaw(0.0).tolist()
        box.bbox.size.x, box.bbox.size.y, box.bbox.size.z = 4.4, 1.8, 1.5
        result = vision.ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = "Car", 0.9
        box.results = [result]
        message.detections = [box]
        self.boxes.publish(message)


def test_boxes_become_tracks(start_process, spin, wait_for):
    node = start_process(
        "-m", "zoox_prediction.nodes.tracking_node", "--ros-args", "-p", "detections_3d:=true",
        "-r", "detections_3d:=boxes",
    )  # fmt: skip
    detector = spin(Detector())
    wait_for(detector.boxes.get_subscription_count, 30.0, "the subscription")

    def tracked() -> bool:
        detector.send()
        time.sleep(0.1)
        return any(len(tracks) and abs(tracks.speed[0] - 5.0) < 0.5 for tracks in detector.tracks)

    wait_for(tracked, 30.0, f"a track at 5 m/s; the node wrote {node.output}")
    tracks = detector.tracks[-1]
    assert tracks.agent_class.tolist() == [AgentClass.CAR] and tracks.sensors == (("roof",),)
    np.testing.assert_allclose(tracks.position[0, 1:], [3.0, 0.8], atol=0.3)
    np.testing.assert_allclose(tracks.size[0], [4.4, 1.8, 1.5], atol=0.4)
    wait_for(lambda: "tracking_node: input detections_3d" in detector.statuses)
    assert "optional" in detector.statuses["tracking_node: input detections"]
