"""The detection and tracking nodes as processes: from point clouds to tracks, and what becomes of bad input."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from nav_msgs.msg import Odometry
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2
from tf2_msgs.msg import TFMessage

from zoox_prediction.detections import Detections
from zoox_prediction.geometry import quaternion_from_yaw
from zoox_prediction.msg import DetectionArray, TrackedAgentArray
from zoox_prediction.recording.messages import (
    detections_from_message,
    odometry_to_message,
    tracked_agents_from_message,
)
from zoox_prediction.recording.sensor_messages import ego_transform_message, static_transforms_message
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.qos import INPUT, SENSOR_DATA, STATIC_TRANSFORMS, TRANSFORMS
from zoox_prediction.scene import AgentClass, EgoState, TrackedAgents
from zoox_prediction.simulation.sensors.config import LidarConfig
from zoox_prediction.simulation.sensors.suite import SensorSuite
from zoox_prediction.simulation.sensors.truth import SensorTruth

SPEED_MPS = 2.0  # of the ego and of the car ahead; another one stands, still ahead when the longest test ends
PERIOD_S = 0.1


class Vehicle(Node):
    """Drives along +x with a lidar, and hears what the nodes say."""

    def __init__(self) -> None:
        super().__init__("vehicle")
        suite = SensorSuite.load()
        self.suite = suite
        lidar = next(each for each in suite.config.sensors if isinstance(each, LidarConfig))
        self.topic, self.frame = lidar.topic, lidar.frame_id
        self.points = self.create_publisher(PointCloud2, "points", SENSOR_DATA)
        self.odometry = self.create_publisher(Odometry, "odometry", INPUT)
        self.transforms = self.create_publisher(TFMessage, "/tf", TRANSFORMS)
        static = self.create_publisher(TFMessage, "/tf_static", STATIC_TRANSFORMS)
        static.publish(static_transforms_message(suite.static_transforms(), 0, ROS_TYPES))
        self._static = static
        self.detections: list[Detections] = []
        self.tracks: list[TrackedAgents] = []
        self.statuses: dict[str, DiagnosticStatus] = {}
        self.create_subscription(
            DetectionArray, "detections", lambda message: self.detections.append(detections_from_message(message)), 50
        )
        self.create_subscription(
            TrackedAgentArray, "tracked_agents", lambda m: self.tracks.append(tracked_agents_from_message(m)), 50
        )
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 50)
        self._begun_ns = self.get_clock().now().nanoseconds

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.statuses |= {status.name: status for status in message.status}

    def cloud(self, stamp_ns: int) -> PointCloud2:
        """What the lidar sees at the stamp."""
        x = SPEED_MPS * (stamp_ns - self._begun_ns) * 1e-9
        ego = EgoState(stamp_ns, np.array([x, 0.0]), 0.0, np.array([SPEED_MPS, 0.0]))
        agents = TrackedAgents.from_states(
            stamp_ns,
            np.array([1, 2]),
            np.array([AgentClass.CAR, AgentClass.CAR]),
            np.array([[x + 15.0, 0.5, 0.8], [40.0, -6.0, 0.8]]),
            np.zeros(2),
            np.array([[SPEED_MPS, 0.0], [0.0, 0.0]]),
        )
        messages = self.suite.messages(SensorTruth(agents, ego), 3)
        return next(each.build(ROS_TYPES) for each in messages if each.topic == self.topic)

    def drive(self, seconds: float, change: Any = lambda cloud: cloud, transforms: bool = True) -> None:
        """Sends odometry, transforms and clouds, changed as asked, in real time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            started = time.monotonic()
            stamp_ns = int(self.get_clock().now().nanoseconds // 1e8 * 1e8)
            x = SPEED_MPS * (stamp_ns - self._begun_ns) * 1e-9
            ego = EgoState(stamp_ns, np.array([x, 0.0]), 0.0, np.array([SPEED_MPS, 0.0]))
            self.odometry.publish(odometry_to_message(ego, ROS_TYPES))
            if transforms:
                self.transforms.publish(ego_transform_message(ego, quaternion_from_yaw(0.0), ROS_TYPES))
            cloud = change(self.cloud(stamp_ns))
            if cloud is not None:
                self.points.publish(cloud)
            time.sleep(max(0.0, PERIOD_S - (time.monotonic() - started)))

    def problems(self, node: str) -> str:
        status = self.statuses.get(f"{node}: problems")
        return "" if status is None else " | ".join(f"{each.key}: {each.value}" for each in status.values)


@pytest.fixture
def vehicle(start_process, spin, wait_for) -> Vehicle:
    """With both nodes running and tracks of the two cars."""
    processes = [
        start_process("-m", f"zoox_prediction.nodes.{name}", "--ros-args", *arguments)
        for name, arguments in (
            ("detection_node", ["-p", "modality:=lidar", "-p", "sensor_name:=lidar_front_left"]),
            ("tracking_node", []),
        )
    ]
    vehicle = spin(Vehicle())
    wait_for(
        lambda: vehicle.points.get_subscription_count() and vehicle.count_publishers("/tracked_agents"),
        timeout_s=30.0,
        what=f"the discovery of the nodes, which wrote: {[each.output for each in processes]}",
    )
    for _ in range(10):  # seconds: how soon tracks are confirmed depends on how soon transforms came
        vehicle.drive(1.0)
        if vehicle.tracks and len(vehicle.tracks[-1]) >= 2:
            return vehicle
    pytest.fail(f"no tracks of two cars; the nodes wrote: {[each.output for each in processes]}")


def near(tracks: TrackedAgents, x: float, y: float) -> int:
    """Row of the track at a place."""
    apart = np.linalg.norm(tracks.position[:, :2] - [x, y], axis=1)
    assert len(tracks) and apart.min() < 2.0, f"nobody at {x}, {y}, only at {tracks.position[:, :2].tolist()}"
    return int(apart.argmin())


def test_from_clouds_to_tracks_at_ten_a_second(vehicle, wait_for):
    before = len(vehicle.tracks)
    vehicle.drive(2.0)
    told = vehicle.tracks[before:]
    assert 15 <= len(told) <= 23
    stamps = np.array([each.stamp_ns for each in told])
    assert (np.diff(stamps) > 0).all() and (stamps % 100_000_000 == 0).all()  # those of the clouds
    assert vehicle.detections[-1].sensor_name == "lidar_front_left" and vehicle.detections[-1].frame_id == vehicle.frame
    last = told[-1]
    x = SPEED_MPS * (last.stamp_ns - vehicle._begun_ns) * 1e-9
    ahead, standing = near(last, x + 15.0, 0.5), near(last, 40.0, -6.0)
    np.testing.assert_allclose(last.velocity[ahead], [SPEED_MPS, 0.0], atol=1.0)
    np.testing.assert_allclose(last.velocity[standing], 0.0, atol=1.0)
    assert last.agent_class[ahead] == AgentClass.CAR
    for row in (ahead, standing):  # the same ids all along
        assert all(last.ids[row] in each.ids for each in told)
    wait_for(lambda: "p99" in vehicle.statuses["tracking_node: sensor to tracks"].message)
    assert "dropped" in vehicle.statuses["detection_node: frames"].message


def test_bad_clouds_are_named_and_nothing_else_is_lost(vehicle, wait_for):
    ids = set(vehicle.tracks[-1].ids.tolist())

    def truncated(cloud: PointCloud2) -> PointCloud2:
        cloud.data = cloud.data[: len(cloud.data) // 2]
        return cloud

    def unknown_frame(cloud: PointCloud2) -> PointCloud2:
        cloud.header.frame_id = "lidar_of_nowhere"
        return cloud

    def not_finite(cloud: PointCloud2) -> PointCloud2:
        points = np.frombuffer(cloud.data, dtype=np.uint8).reshape(-1, cloud.point_step).copy()
        points[::7, :4] = np.frombuffer(np.float32(np.nan).tobytes(), dtype=np.uint8)
        cloud.data = ROS_TYPES.array(points)
        return cloud

    for change, words in (
        (truncated, "mend its sender"),
        (unknown_frame, "lidar_of_nowhere"),
        (not_finite, "points are not finite"),
    ):
        vehicle.drive(0.6, change)
        wait_for(lambda words=words: words in vehicle.problems("detection_node"), what=f"a problem with '{words}'")
        vehicle.drive(0.6)
    assert ids <= set(vehicle.tracks[-1].ids.tolist())  # through all of it


def test_without_transforms_odometry_stands_in(vehicle, wait_for):
    ids = set(vehicle.tracks[-1].ids.tolist())
    vehicle.drive(2.0, transforms=False)
    wait_for(lambda: "odometry stands in" in vehicle.problems("tracking_node"), what="a word about the transforms")
    assert ids <= set(vehicle.tracks[-1].ids.tolist())
    age_s = (vehicle.get_clock().now().nanoseconds - vehicle.tracks[-1].stamp_ns) * 1e-9
    assert age_s < 1.0


def test_a_sensor_that_stops_is_told_and_tracks_go_on_for_a_while(vehicle, wait_for):
    vehicle.drive(1.2, lambda cloud: None)
    wait_for(lambda: "old" in vehicle.statuses["detection_node: input points"].message, what="the age of the points")
    assert len(vehicle.tracks[-1]) >= 1
    stamps = np.array([each.stamp_ns for each in vehicle.tracks])
    assert (np.diff(stamps) > 0).all()
    vehicle.drive(1.0)
    wait_for(lambda: len(vehicle.tracks[-1]) >= 2, what="both tracks again")
