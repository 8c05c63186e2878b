"""The topics of a live world, and plans for its ego from a topic."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, PointCloud2
from std_msgs.msg import Int64MultiArray
from tf2_msgs.msg import TFMessage

from zoox_prediction.errors import InputError
from zoox_prediction.geometry import quaternion_from_yaw, yaw_from_quaternion
from zoox_prediction.msg import RoadNetwork, TrackedAgentArray, TrafficSignalArray
from zoox_prediction.recording.messages import (
    odometry_to_message,
    road_network_to_message,
    stamp_ns,
    stamp_to_message,
    tracked_agents_to_message,
    traffic_signals_to_message,
)
from zoox_prediction.recording.sensor_messages import ego_transform_message, static_transforms_message
from zoox_prediction.ros.lifecycle import ManagedNode
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.qos import CLOCK, INPUT, LATCHED, SENSOR_DATA, STATIC_TRANSFORMS, TRANSFORMS
from zoox_prediction.simulation.ego_plan import EgoPlan
from zoox_prediction.simulation.live import LiveWorld
from zoox_prediction.simulation.recorded import lanes_to_message
from zoox_prediction.simulation.sensors.config import ImageConfig, SuiteConfig

_FRAME = "map"
_MOST_THREADS = 4  # that make sensor messages, mostly in numpy and OpenCV, which let go of Python's lock


class SimulationTopics:
    """Life-cycle publishers, silent until the node is active."""

    def __init__(self, node: ManagedNode, suite: SuiteConfig | None, tracks_range_m: float) -> None:
        """`suite`: sensors that are published too; agents within `tracks_range_m` of the ego count as tracked."""
        self._node = node
        self._tracks_range_m = tracks_range_m
        cv2.setNumThreads(1)  # of its own, which would only get in the way of these
        self._threads = ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS), thread_name_prefix="sensors")
        self._publishers: dict[str, Any] = {}
        self._create(Clock, "/clock", CLOCK)
        self._create(TFMessage, "/tf", TRANSFORMS)
        self._create(TFMessage, "/tf_static", STATIC_TRANSFORMS)
        self._create(RoadNetwork, "road_network", LATCHED)
        self._create(Odometry, "odometry", INPUT)
        self._create(TrafficSignalArray, "traffic_signals", INPUT)
        self._create(Int64MultiArray, "ground_truth/lanes", INPUT)
        self._create(TrackedAgentArray, "ground_truth/agents", INPUT)
        if tracks_range_m:
            self._create(TrackedAgentArray, "tracked_agents", INPUT)
        for sensor in suite.sensors if suite is not None else ():
            self._create(CompressedImage if isinstance(sensor, ImageConfig) else PointCloud2, sensor.topic, SENSOR_DATA)
            if isinstance(sensor, ImageConfig):
                self._create(CameraInfo, sensor.info_topic, SENSOR_DATA)
        if suite is not None and suite.odometry.topic:
            self._create(Odometry, suite.odometry.topic, INPUT)

    def close(self) -> None:
        self._threads.shutdown()
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers = {}

    def publish_clock(self, live: LiveWorld) -> None:
        self._publish("/clock", Clock(clock=stamp_to_message(live.truth.ego.stamp_ns, ROS_TYPES)))

    def publish_latched(self, live: LiveWorld) -> None:
        """What holds for the whole drive."""
        stamp = live.truth.ego.stamp_ns
        if mounting := live.static_transforms():
            self._publish("/tf_static", static_transforms_message(mounting, stamp, ROS_TYPES))
        self._publish("road_network", road_network_to_message(live.road_network, ROS_TYPES, stamp))

    def publish_now(self, live: LiveWorld) -> None:
        """The world at this instant: the time first, so that no stamp lies in the future of its receiver.

        The agents come last: who predicts when they arrive then knows the ego and the signals of the instant.
        """
        truth = live.truth
        self.publish_clock(live)
        self._publish("/tf", ego_transform_message(truth.ego, quaternion_from_yaw(truth.ego.yaw), ROS_TYPES))
        self._publish("odometry", odometry_to_message(truth.ego, ROS_TYPES))
        self._publish("traffic_signals", traffic_signals_to_message(truth.signals, ROS_TYPES))
        sensors = live.sensor_messages()
        built = self._threads.map(lambda sensor: sensor.build(ROS_TYPES), sensors)
        for sensor, message in zip(sensors, built, strict=True):
            self._publish(sensor.topic, message)
        self._publish("ground_truth/lanes", lanes_to_message(truth, ROS_TYPES))
        self._publish("ground_truth/agents", tracked_agents_to_message(truth.agents, ROS_TYPES))
        if self._tracks_range_m:
            away_m = np.linalg.norm(truth.agents.position[:, :2] - truth.ego.position, axis=1)
            tracked = truth.agents.select(away_m <= self._tracks_range_m)
            self._publish("tracked_agents", tracked_agents_to_message(tracked, ROS_TYPES))

    def _create(self, message_type: type, topic: str, qos: Any) -> None:
        self._publishers[topic] = self._node.create_lifecycle_publisher(message_type, topic, qos)

    def _publish(self, topic: str, message: Any) -> None:
        self._publishers[topic].publish(message)


def plan_from_path(message: Any) -> EgoPlan:
    """The plan in a nav_msgs/Path: the header's stamp is when it was made, that of a pose when base_link is there.

    Raises InputError for another frame than the map and for orientations that are no rotations.
    """
    poses = [each.pose for each in message.poses]
    frames = {message.header.frame_id, *(each.header.frame_id for each in message.poses if each.header.frame_id)}
    if frames != {_FRAME}:
        raise InputError(f"the plan is in '{', '.join(sorted(frames - {_FRAME}))}'; give it in '{_FRAME}'")
    quaternion = np.array([[q.x, q.y, q.z, q.w] for q in (each.orientation for each in poses)]).reshape(-1, 4)
    if not (np.linalg.norm(quaternion, axis=1) > 1e-6).all():  # also when NaN
        raise InputError("an orientation of the plan is not a rotation; give all poses one")
    position = np.array([[each.position.x, each.position.y] for each in poses]).reshape(-1, 2)
    return EgoPlan(
        stamp_ns(message.header.stamp),
        np.array([stamp_ns(each.header.stamp) for each in message.poses], dtype=np.int64),
        np.column_stack([position, yaw_from_quaternion(quaternion)]),
    )
