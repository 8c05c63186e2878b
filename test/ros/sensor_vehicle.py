"""A simulated vehicle with three sensors around the detection and tracking nodes in their tests."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, CompressedImage, PointCloud2
from sensor_peer import START_NS, Change, SensorPeer
from tf2_msgs.msg import TFMessage

from zoox_prediction.geometry import quaternion_from_yaw
from zoox_prediction.msg import TrackedAgentArray
from zoox_prediction.recording.datasets.source import StaticTransform
from zoox_prediction.recording.messages import (
    odometry_to_message,
    tracked_agents_from_message,
)
from zoox_prediction.recording.sensor_messages import ego_transform_message, static_transforms_message
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.qos import INPUT, SENSOR_DATA, STATIC_TRANSFORMS, TRANSFORMS
from zoox_prediction.scene import AgentClass, EgoState, TrackedAgents
from zoox_prediction.simulation.sensors.config import LidarConfig, Mount, RadarConfig, ThermalConfig
from zoox_prediction.simulation.sensors.suite import SensorSuite
from zoox_prediction.simulation.sensors.truth import SensorTruth

SPEED_MPS = 2.0  # of the ego and of the cars ahead, along +x; all others stand

# Where the cars that drive are ahead of base_link.
CARS = np.array([[16.0, 3.5], [28.0, -3.0]])
ODOM_ORIGIN = np.array([-40.0, 25.0])  # of the frame odom, in the map


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


class Vehicle(SensorPeer):
    """Drives along +x. Names of the messages: lidar, radar, image and camera_info of the thermal camera, odometry."""

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
        self.tracks: list[TrackedAgents] = []
        self._came_s: list[float] = []  # steady time, of each of them
        self.in_odom = False  # odometry is in a frame of its own, and TF goes from there to base_link
        self.create_subscription(TrackedAgentArray, "tracked_agents", self._on_tracks, INPUT)

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

    def _on_tracks(self, message: TrackedAgentArray) -> None:
        self._came_s.append(time.monotonic())
        self.tracks.append(tracked_agents_from_message(message))

    def tracks_of_last(self, seconds: float) -> list[TrackedAgents]:
        """Those that came within this time."""
        since_s = time.monotonic() - seconds
        return [each for each, came_s in zip(list(self.tracks), list(self._came_s), strict=False) if came_s > since_s]

    def keeps_pace(self, *sensors: str) -> bool:
        """Whether tracks came ten times a second of late, up to now, and the detections of these sensors too."""
        lately, now_ns = self.tracks_of_last(1.0), self.now_ns()
        return (
            8 <= len(lately) <= 12
            and now_ns - lately[-1].stamp_ns < 0.5e9
            and all(self.of_sensor(each)[-1].stamp_ns > now_ns - 0.5e9 for each in sensors)
        )

    def place(self, stamp_ns: int) -> float:
        """x of base_link."""
        return SPEED_MPS * (stamp_ns - START_NS) * 1e-9

    def send_all(self, stamp_ns: int, changes: Mapping[str, Change], transforms: bool) -> None:
        x = self.place(stamp_ns)
        ego = EgoState(stamp_ns, np.array([x, 0.0]), 0.0, np.array([SPEED_MPS, 0.0]))
        self._tell_place(ego, transforms)
        for each in self._suite.messages(SensorTruth(_agents(stamp_ns, x), ego), 3):
            name = self._names.get(each.topic)
            if name is None:
                continue
            message = changes.get(name, lambda message: message)(each.build(ROS_TYPES))
            if message is not None:
                self.inputs[name].publish(message)

    def _tell_place(self, ego: EgoState, transforms: bool) -> None:
        """By odometry and TF; without `transforms` TF does not tell it in the map."""
        ahead = quaternion_from_yaw(0.0)
        in_map = ego_transform_message(ego, ahead, ROS_TYPES)
        if self.in_odom:
            origin = replace(ego, position=ODOM_ORIGIN)
            in_map = ego_transform_message(origin, ahead, ROS_TYPES)
            in_map.transforms[0].child_frame_id = "odom"
            ego = replace(ego, position=ego.position - ODOM_ORIGIN)
            driven = ego_transform_message(ego, ahead, ROS_TYPES)
            driven.transforms[0].header.frame_id = "odom"
            self._transforms.publish(driven)
        if transforms:
            self._transforms.publish(in_map)
        odometry = odometry_to_message(ego, ROS_TYPES)
        odometry.header.frame_id = "odom" if self.in_odom else "map"
        self.inputs["odometry"].publish(odometry)

    def ids_of_cars(self, tracks: TrackedAgents) -> list[int]:
        """Of the tracks where the cars are, 0 where there is none."""
        away = tracks.position[:, :2] - [self.place(tracks.stamp_ns), 0.0]
        ids = []
        for car in CARS:
            apart = np.linalg.norm(away - car, axis=1)
            near = len(tracks) and apart.min() < 2.5
            ids.append(int(tracks.ids[apart.argmin()]) if near else 0)
        return ids
