"""The simulation node as a process: what it publishes, what it makes of plans, and how one drive follows another."""

from __future__ import annotations

import signal
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from nav_msgs.msg import Odometry, Path
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, PointCloud2
from std_msgs.msg import Int64MultiArray
from tf2_msgs.msg import TFMessage

from zoox_prediction.geometry import quaternion_from_yaw
from zoox_prediction.msg import PredictedTrajectoryArray, RoadNetwork, TrackedAgentArray, TrafficSignalArray
from zoox_prediction.recording.messages import (
    ego_from_odometry,
    stamp_ns,
    stamp_to_message,
    tracked_agents_from_message,
)
from zoox_prediction.resources import resource_path
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.qos import CLOCK, INPUT, LATCHED, MANY_INPUTS, SENSOR_DATA, STATIC_TRANSFORMS_INPUT, TRANSFORMS
from zoox_prediction.scene import EgoState

pytest.importorskip("sumo", reason="needs SUMO: pip install 'zoox_prediction[sim]'")

STEP_NS = 100_000_000
QUIET = {
    "traffic.vehicles": 10,
    "traffic.walkers": 4,
    "traffic.parked_share": 0.1,
    "traffic.warm_up_s": 25.0,
    "rate": 4.0,
}


class Passenger(Node):
    """Hears everything, and has plans."""

    def __init__(self) -> None:
        super().__init__("passenger")
        self.heard: dict[str, list[Any]] = {}
        self.order: list[tuple[str, int]] = []  # topic and stamp, as they came
        self.statuses: dict[str, DiagnosticStatus] = {}
        for message_type, topic, qos in (
            (Clock, "/clock", CLOCK),
            (TFMessage, "/tf", TRANSFORMS),
            (TFMessage, "/tf_static", STATIC_TRANSFORMS_INPUT),
            (RoadNetwork, "/road_network", LATCHED),
            (Odometry, "/odometry", MANY_INPUTS),
            (TrafficSignalArray, "/traffic_signals", MANY_INPUTS),
            (Int64MultiArray, "/ground_truth/lanes", MANY_INPUTS),
            (TrackedAgentArray, "/ground_truth/agents", MANY_INPUTS),
            (TrackedAgentArray, "/tracked_agents", MANY_INPUTS),
            (PredictedTrajectoryArray, "/predictions", INPUT),
        ):
            self.listen(message_type, topic, qos)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, INPUT)
        self.plan = self.create_publisher(Path, "/simulation_node/plan", INPUT)

    def listen(self, message_type: type, topic: str, qos: Any) -> None:
        messages = self.heard.setdefault(topic, [])
        self.create_subscription(message_type, topic, messages.append, qos)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.statuses[status.name.removeprefix("simulation_node: ")] = status

    def stamps(self, topic: str) -> np.ndarray:
        stamps = []
        for message in self.heard[topic]:
            if topic == "/clock":
                stamps.append(stamp_ns(message.clock))
            else:
                stamps.append(stamp_ns((message.transforms[0] if topic.startswith("/tf") else message).header.stamp))
        return np.array(stamps, dtype=np.int64)

    def says(self, part: str) -> str:
        """Of the diagnostics."""
        return self.statuses[part].message if part in self.statuses else ""

    def ego(self) -> EgoState:
        return ego_from_odometry(self.heard["/odometry"][-1])

    def drive(self, speed: float, seconds: float = 6.0, aside_m: float = 0.0, frame_id: str = "map") -> Path:
        """Publishes the plan to go straight on from where the ego is now; returns it."""
        ego = self.ego()
        path = Path()
        path.header.frame_id, path.header.stamp = frame_id, stamp_to_message(ego.stamp_ns, ROS_TYPES)
        ahead = np.array([np.cos(ego.yaw), np.sin(ego.yaw)])
        for time_s in np.arange(0.0, seconds + 1e-6, 0.1):
            pose = PoseStamped()
            pose.header.stamp = stamp_to_message(ego.stamp_ns + round(time_s * 1e9), ROS_TYPES)
            place = ego.position + speed * time_s * ahead + aside_m * np.array([-ahead[1], ahead[0]])
            pose.pose.position.x, pose.pose.position.y = place.tolist()
            _, _, pose.pose.orientation.z, pose.pose.orientation.w = quaternion_from_yaw(ego.yaw).tolist()
            path.poses.append(pose)
        self.plan.publish(path)
        return path


@pytest.fixture
def start_simulation(start_process, spin, wait_for):
    """start_simulation(**parameters) starts the node; returns a passenger who has heard of the first agents."""

    def start(waits: bool = True, **parameters: object) -> Passenger:
        assignments = [
            f"{key}:={str(value).lower() if isinstance(value, bool) else value}"
            for key, value in {**QUIET, **{k.replace("__", "."): v for k, v in parameters.items()}}.items()
        ]
        arguments = [word for each in assignments for word in ("-p", each)]
        passenger = spin(Passenger())
        passenger.process = start_process("-m", "zoox_prediction.nodes.simulation_node", "--ros-args", *arguments)
        if waits:
            wait_for(
                lambda: passenger.heard["/ground_truth/agents"] and passenger.plan.get_subscription_count(),
                timeout_s=60.0,
                what=lambda: f"the first agents of the node, which wrote: {passenger.process.output}",
            )
        return passenger

    return start


def test_everything_comes_every_tenth_of_a_simulated_second_and_agents_move(start_simulation, wait_for):
    passenger = start_simulation(rate=2.0)  # so that a pause of the listener's is shorter than what its queues hold
    wait_for(lambda: len(passenger.heard["/ground_truth/agents"]) > 25, timeout_s=60.0, what="agents")
    for topic in ("/tf", "/odometry", "/traffic_signals", "/ground_truth/agents", "/tracked_agents"):
        stamps = passenger.stamps(topic)
        assert (np.diff(stamps) == STEP_NS).all(), topic
    assert (np.diff(passenger.stamps("/clock")) >= 0).all()
    assert len(passenger.heard["/road_network"]) == 1 and len(passenger.heard["/road_network"][0].lane_id) > 20
    transform = passenger.heard["/tf"][-1].transforms[0]
    assert (transform.header.frame_id, transform.child_frame_id) == ("map", "base_link")
    first, last = (tracked_agents_from_message(passenger.heard["/ground_truth/agents"][row]) for row in (0, 25))
    both, rows, later = np.intersect1d(first.ids, last.ids, return_indices=True)
    way_m = np.linalg.norm(last.position[later] - first.position[rows], axis=1)
    assert len(both) > 5 and (way_m > 2.0).any()
    # They have no stamp, and one of the topics may have been discovered a moment before the other.
    rows_of_lanes = [np.reshape(each.data, (-1, 2)) for each in list(passenger.heard["/ground_truth/lanes"])]
    lanes = next(rows for rows in rows_of_lanes if np.array_equal(rows[:, 0], last.ids))
    assert set(lanes[:, 1]) & set(passenger.heard["/road_network"][0].lane_id)
    wait_for(lambda: "times real time" in passenger.says("simulation"))
    values = {each.key: each.value for each in passenger.statuses["simulation"].values}
    assert values["seed"] == "0" and 0.0 < float(values["real_time_factor"]) < 2.25 and int(values["agents"]) > 5
    assert passenger.says("plan") == "none; the ego drives by itself"
    assert passenger.process.end(signal.SIGINT) == 0
    assert "Traceback" not in passenger.process.output


def test_tracked_agents_are_those_about_the_ego_and_none_when_a_tracker_is_there(start_simulation, wait_for):
    passenger = start_simulation(tracks_range_m=60.0)
    wait_for(lambda: len(passenger.heard["/tracked_agents"]) > 3, what="tracked agents")
    truth = {
        stamp_ns(each.header.stamp): tracked_agents_from_message(each)
        for each in list(passenger.heard["/ground_truth/agents"])
    }
    ego = {each.stamp_ns: each for each in map(ego_from_odometry, list(passenger.heard["/odometry"]))}
    for message in passenger.heard["/tracked_agents"][:4]:
        tracked = tracked_agents_from_message(message)
        all_agents, place = truth[tracked.stamp_ns], ego[tracked.stamp_ns].position
        near = np.linalg.norm(all_agents.position[:, :2] - place, axis=1) <= 60.0
        assert sorted(tracked.ids) == sorted(all_agents.ids[near]) and not near.all()
    assert passenger.process.end() == 0
    other = start_simulation(tracks_range_m=0.0)
    assert not other.count_publishers("/tracked_agents") and other.count_publishers("/ground_truth/agents")


def test_the_ego_follows_a_published_plan_and_a_bad_one_is_named(start_simulation, wait_for):
    passenger = start_simulation(rate=2.0)
    path = passenger.drive(speed=3.0, seconds=5.0)
    ends_ns = stamp_ns(path.poses[-1].header.stamp)
    wait_for(lambda: "made at" in passenger.says("plan"), what="the plan in force")
    passenger.drive(speed=3.0, aside_m=30.0)
    wait_for(lambda: "refused: the plan jumps" in passenger.says("plan"), what="the refusal")
    assert passenger.statuses["plan"].level == DiagnosticStatus.WARN
    assert "30.0 m away from the ego" in passenger.says("problems")
    passenger.drive(speed=3.0, frame_id="odom")
    wait_for(lambda: "the plan is in 'odom'" in passenger.says("problems"), what="the refusal of a frame")
    wait_for(lambda: passenger.ego().stamp_ns >= ends_ns, timeout_s=60.0, what="the end of the plan")
    planned = {stamp_ns(each.header.stamp): each.pose.position for each in path.poses}
    states = [ego_from_odometry(each) for each in list(passenger.heard["/odometry"])]
    driven = [each for each in states if each.stamp_ns in planned][10:]  # the plan is a little late
    assert len(driven) > 20
    for each in driven:
        assert np.hypot(*(each.position - [planned[each.stamp_ns].x, planned[each.stamp_ns].y])) < 0.01
        assert np.linalg.norm(each.velocity) == pytest.approx(3.0, abs=0.1)
    wait_for(lambda: "drives by itself" in passenger.says("plan"), what="the driver")


def test_the_next_drive_begins_anew_and_the_clock_tells_first(start_simulation, wait_for, start_process):
    passenger = start_simulation(duration_s=4.0, rate=2.0)  # see above
    start_process("-m", "zoox_prediction.nodes.prediction_node", "--ros-args", "-p", "use_sim_time:=true")

    def has_begun_anew() -> bool:
        return bool((np.diff(passenger.stamps("/predictions")) < 0).any())

    wait_for(has_begun_anew, timeout_s=120.0, what="predictions of two drives")
    agents = passenger.stamps("/ground_truth/agents")
    again = int(np.flatnonzero(np.diff(agents) < 0)[0]) + 1
    assert agents[again - 1] - agents[again] == 40 * STEP_NS  # the first of the first drive may have been missed
    assert (np.diff(passenger.stamps("/clock")) < 0).any()
    networks = passenger.heard["/road_network"]
    assert len(networks) >= 2 and not np.array_equal(networks[0].lane_id, networks[1].lane_id)
    wait_for(lambda: passenger.says("simulation").startswith("seed "), what="the diagnostics")
    assert passenger.says("simulation").split(",")[0] != "seed 0"
    assert "its 4 s are over; making the world of seed 1" in passenger.process.output


def test_one_drive_alone_ends_the_node(start_simulation):
    passenger = start_simulation(waits=False, duration_s=2.0, loop=False)  # it may be over before anybody hears of it
    assert passenger.process.wait(120.0) == 0
    assert "its 2 s are over" in passenger.process.output and "Traceback" not in passenger.process.output


def test_sensors_are_published_with_their_mounting(start_simulation, wait_for):
    passenger = start_simulation(waits=False, sensors=resource_path("config/sensor_suite_small.yaml"))
    wait_for(lambda: passenger.heard["/tf_static"], timeout_s=60.0, what="the mounting")
    for message_type, topic in (
        (PointCloud2, "/sensors/lidar_front_left/points"),
        (PointCloud2, "/sensors/radar_front_left/points"),
        (CompressedImage, "/sensors/camera_front_left/image/compressed"),
        (CameraInfo, "/sensors/camera_front_left/camera_info"),
    ):
        passenger.listen(message_type, topic, SENSOR_DATA)
        wait_for(lambda topic=topic: passenger.heard[topic], timeout_s=60.0, what=topic)
        frame = passenger.heard[topic][0].header.frame_id
        assert frame in {each.child_frame_id for each in passenger.heard["/tf_static"][0].transforms}
        assert stamp_ns(passenger.heard[topic][0].header.stamp) % STEP_NS == 0


def test_a_machine_that_is_too_slow_says_so_and_time_goes_on(start_simulation, wait_for):
    passenger = start_simulation(rate=1000.0)
    wait_for(lambda: "too long for a rate of 1000" in passenger.says("problems"), what="the warning")
    before = len(passenger.heard["/ground_truth/agents"])
    wait_for(lambda: len(passenger.heard["/ground_truth/agents"]) > before + 20, what="more agents")
    assert passenger.process.output.count("too long for a rate of 1000") <= 3


def test_time_stands_still_while_the_node_is_inactive(start_simulation, wait_for):
    passenger = start_simulation(waits=False, autostart=False)
    change = passenger.create_client(ChangeState, "/simulation_node/change_state")
    assert change.wait_for_service(60.0)

    def transition(identifier: int) -> None:
        done = change.call_async(ChangeState.Request(transition=Transition(id=identifier)))
        wait_for(done.done, timeout_s=60.0, what="the transition")
        assert done.result().success

    agents = passenger.heard["/ground_truth/agents"]
    transition(Transition.TRANSITION_CONFIGURE)
    assert not agents
    transition(Transition.TRANSITION_ACTIVATE)
    wait_for(lambda: len(agents) > 5, what="agents")
    transition(Transition.TRANSITION_DEACTIVATE)
    transition(Transition.TRANSITION_ACTIVATE)
    count = len(agents)
    wait_for(lambda: len(agents) > count + 5, what="more agents")
    assert (np.diff(passenger.stamps("/ground_truth/agents")) <= 2 * STEP_NS).all()
    transition(Transition.TRANSITION_DEACTIVATE)
    transition(Transition.TRANSITION_CLEANUP)
    transition(Transition.TRANSITION_CONFIGURE)
    assert passenger.process.end() == 0


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("network", "/no/such.net.xml", "/no/such.net.xml"),
        ("sensors", "/no/suite.yaml", "/no/suite.yaml: cannot be read"),
        ("duration_s", "0.1", "duration_s must be in"),
        ("traffic.cars", "5", "unknown parameter 'traffic.cars'"),
    ],
)
def test_what_cannot_be_ends_the_node_with_one_sentence(start_process, name, value, words):
    process = start_process("-m", "zoox_prediction.nodes.simulation_node", "--ros-args", "-p", f"{name}:={value}")
    assert process.wait() == 2
    assert words in process.output and "Traceback" not in process.output
