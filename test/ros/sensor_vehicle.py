"""A simulated vehicle with three sensors around the detection and tracking nodes in their tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from nav_msgs.msg import Odometry
from rclpy.clock import Clock as NodeClock
from rclpy.clock import ClockType
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, PointCloud2
from tf2_msgs.msg import TFMessage

from zoox_prediction.detections import Detections
from zoox_prediction.geometry import quaternion_from_yaw
from zoox_prediction.msg import DetectionArray, TrackedAgentArray
from zoox_prediction.recording.datasets.source import StaticTransform
from zoox_prediction.recording.messages import (
    detections_from_message,
    odometry_to_message,
    stamp_to_message,
    tracked_agents_from_message,
)
from zoox_prediction.recording.sensor_messages import ego_transform_message, static_transforms_message
from zoox_prediction.ros.clock_jump import announce_jump
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.qos import CLOCK, INPUT, MANY_INPUTS, SENSOR_DATA, STATIC_TRANSFORMS, TRANSFORMS
from zoox_prediction.scene import AgentClass, EgoState, TrackedAgents
from zoox_prediction.simulation.sensors.config import LidarConfig, Mount, RadarConfig, ThermalConfig
from zoox_prediction.simulation.sensors.suite import SensorSuite
from zoox_prediction.simulation.sensors.truth import SensorTruth

SPEED_MPS = 2.0  # of the ego and of the cars ahead, along +x; all others stand
STEP_NS = 100_000_000
_START_NS = 1_000_000_000_000
_CLOCK_PERIOD_S = 0.04

# Where the cars that drive are ahead of base_link.
CARS = np.array([[16.0, 3.5], [28.0, -3.0]])

# By the names of the messages: points of lidar and radar, image and camera_info of the thermal camera. None: not sent.
Change = Callable[[Any], Any]


def _suite() -> SensorSuite:
    """The first lidar, radar and thermal camera of the package's vehicle, facing ahead from its front."""
    sensors = []
    for kind, name in ((LidarConfig, "lidar"), (RadarConfig, "radar"), (ThermalConfig, "thermal")):
        first = next(each for each in SensorSuite.load().config.sensors if isinstance(each, kind))
        sensors.append(replace(first, name=name, frame_id=name, mount=Mount(3.75, 0.0, first.mount.z_m)))
    return SensorSuite(replace(SensorSuite.load().config, sensors=tuple(sensors)))


def _agents(stamp_ns: int, x: float) -> TrackedAgents:
    """The cars ahead of an ego at x; people to the left and parked cars to the right of an endless road."""
    people = np.arange(np.ceil((x + 8.0) / 5.0), (x + 40.0) / 5.0)
    parked = np.arange(np.ceil((x + 6.0) / 13.0), (x + 50.0) / 13.0)
    counts = len(CARS), len(people), len(parked)
    rows = [np.add(CARS, [x, 0.0])]
    rows += [np.column_stack([5.0 * people, 6.5 + np.sin(people)])]
    rows += [np.column_stack([13.0 * parked, np.full(len(parked), -11.0)])]
    kinds = np.repeat([AgentClass.CAR, AgentClass.PEDESTRIAN, AgentClass.CAR], counts)
    velocity = np.zeros((sum(counts), 2))
    velocity[: len(CARS), 0] = SPEED_MPS
    return TrackedAgents.from_states(
        stamp_ns,
        np.concatenate([[1, 2], 100 + people, 200_000 + parked]).astype(np.int64),
        kinds,
        np.column_stack([np.concatenate(rows), np.repeat([0.8, 0.9, 0.8], counts)]),
        np.zeros(sum(counts)),
        velocity,
    )


class Vehicle(Node):
    """Drives along +x by its own clock, which is the nodes' too, and hears what they say."""

    def __init__(self) -> None:
        super().__init__("vehicle")
        self._suite = _suite()
        lidar, radar, thermal = self._suite.config.sensors
        self._names = {
            lidar.topic: "lidar", radar.topic: "radar", thermal.topic: "image", thermal.info_topic: "camera_info",
        }  # fmt: skip
        self.inputs = {
            "lidar": self.create_publisher(PointCloud2, "lidar/points", SENSOR_DATA),
            "radar": self.create_publisher(PointCloud2, "radar/points", SENSOR_DATA),
            "image": self.create_publisher(CompressedImage, "thermal/image", SENSOR_DATA),
            "camera_info": self.create_publisher(CameraInfo, "thermal/camera_info", SENSOR_DATA),
            "odometry": self.create_publisher(Odometry, "odometry", INPUT),
        }
        self._transforms = self.create_publisher(TFMessage, "/tf", TRANSFORMS)
        self._mounting = self.create_publisher(TFMessage, "/tf_static", STATIC_TRANSFORMS)
        self._mounting.publish(static_transforms_message(self._mounts(), 0, ROS_TYPES))
        self.detections: list[Detections] = []
        self.tracks: list[TrackedAgents] = []
        self.statuses: dict[str, DiagnosticStatus] = {}
        self.create_subscription(DetectionArray, "detections", self._on_detections, MANY_INPUTS)
        self.create_subscription(TrackedAgentArray, "tracked_agents", self._on_tracks, INPUT)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 50)
        self._clock = self.create_publisher(Clock, "/clock", CLOCK)
        self._begun_s, self._begun_ns = time.monotonic(), _START_NS  # steady time, and the vehicle's of then
        self._stands_ns: int | None = None
        self.create_timer(_CLOCK_PERIOD_S, self._tick, clock=NodeClock(clock_type=ClockType.STEADY_TIME))
        self._sent_ns = 0

    def _mounts(self) -> list[StaticTransform]:
        """The sensors, and a frame of the thermal camera whose mounting is told wrongly by 5 degrees."""
        mounts = list(self._suite.static_transforms())
        turned = np.eye(4)
        turned[:2, :2] = [[np.cos(np.radians(5.0)), -np.sin(np.radians(5.0))],
                          [np.sin(np.radians(5.0)), np.cos(np.radians(5.0))]]  # fmt: skip
        right = mounts[-1].matrix
        wrong = right.copy()
        wrong[:3, :3] = turned[:3, :3] @ right[:3, :3]
        return [*mounts, StaticTransform("base_link", "thermal_turned", wrong)]

    def _on_detections(self, message: DetectionArray) -> None:
        self.detections.append(detections_from_message(message))

    def _on_tracks(self, message: TrackedAgentArray) -> None:
        self.tracks.append(tracked_agents_from_message(message))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.statuses |= {status.name: status for status in message.status}

    def now_ns(self) -> int:
        if self._stands_ns is not None:
            return self._stands_ns
        return self._begun_ns + round((time.monotonic() - self._begun_s) * 1e9)

    def _tick(self) -> None:
        self._clock.publish(Clock(clock=stamp_to_message(self.now_ns(), ROS_TYPES)))

    def pause(self) -> None:
        self._stands_ns = self.now_ns()

    def resume(self) -> None:
        assert self._stands_ns is not None
        self._begun_s, self._begun_ns, self._stands_ns = time.monotonic(), self._stands_ns, None

    def jump_back(self, seconds: float) -> None:
        """As a recording that is played again: /clock tells first."""
        self._begun_ns -= round(seconds * 1e9)
        self._sent_ns = 0
        announce_jump(self._tick)

    def place(self, stamp_ns: int) -> float:
        """x of base_link."""
        return SPEED_MPS * (stamp_ns - _START_NS) * 1e-9

    def send(self, changes: Mapping[str, Change], transforms: bool = True) -> None:
        """Everything of one instant, changed as asked."""
        stamp_ns = self.now_ns() // STEP_NS * STEP_NS
        if stamp_ns <= self._sent_ns:
            return
        self._sent_ns = stamp_ns
        x = self.place(stamp_ns)
        ego = EgoState(stamp_ns, np.array([x, 0.0]), 0.0, np.array([SPEED_MPS, 0.0]))
        self.inputs["odometry"].publish(odometry_to_message(ego, ROS_TYPES))
        if transforms:
            self._transforms.publish(ego_transform_message(ego, quaternion_from_yaw(0.0), ROS_TYPES))
        for each in self._suite.messages(SensorTruth(_agents(stamp_ns, x), ego), 3):
            name = self._names.get(each.topic)
            if name is None:
                continue
            message = changes.get(name, lambda message: message)(each.build(ROS_TYPES))
            if message is not None:
                self.inputs[name].publish(message)

    def drive(
        self,
        seconds: float = 0.0,
        until: Callable[[], object] = lambda: True,
        what: str = "the condition",
        timeout_s: float = 15.0,
        transforms: bool = True,
        **changes: Change,
    ) -> None:
        """Drives for some seconds, and on until the condition holds; AssertionError when it never does."""
        begun_s = time.monotonic()
        while (passed_s := time.monotonic() - begun_s) < seconds or not until():
            assert passed_s < timeout_s, f"{what} did not come true within {timeout_s} s; problems: {self.problems()}"
            self.send(changes, transforms)
            time.sleep(0.005)

    def says(self, node: str, part: str) -> str:
        """A status of the diagnostics."""
        status = self.statuses.get(f"{node}: {part}")
        return "" if status is None else status.message

    def problems(self, node: str = "") -> str:
        """All problems that a node, or any, has told."""
        told = [each for name, each in self.statuses.items() if name.startswith(node) and name.endswith(": problems")]
        return " | ".join(f"{value.key}: {value.value}" for each in told for value in each.values)

    def of_sensor(self, name: str) -> list[Detections]:
        return [each for each in list(self.detections) if each.sensor_name == name]

    def ids_of_cars(self, tracks: TrackedAgents) -> list[int]:
        """Of the tracks where the cars are, 0 where there is none."""
        away = tracks.position[:, :2] - [self.place(tracks.stamp_ns), 0.0]
        ids = []
        for car in CARS:
            apart = np.linalg.norm(away - car, axis=1)
            near = len(tracks) and apart.min() < 2.5
            ids.append(int(tracks.ids[apart.argmin()]) if near else 0)
        return ids
