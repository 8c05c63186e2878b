"""Three detection nodes and the tracking node as processes: from sensors to tracks, and what bad input does to them.

All tests share the processes, so each also shows that the nodes recovered from what the tests before did to them.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rclpy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import PointCloud2
from sensor_peer import STEP_NS, Change, in_frame, nothing, of_another_size, shifted, truncated
from sensor_vehicle import SPEED_MPS, Vehicle

from zoox_prediction.detections import Detections
from zoox_prediction.ros.lifecycle import spinning
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.scene import AgentClass

if TYPE_CHECKING:
    from conftest import NodeProcess

SENSORS = ("lidar", "radar", "thermal")


# Less than by default, so that a few seconds and points are enough.
LIMITS = {"lidar": "lidar.max_points:=100000", "tracking_node": "tracker.calibration.min_boxes:=18"}


@pytest.fixture(scope="module")
def processes(start_shared_process: Callable[..., NodeProcess]) -> dict[str, NodeProcess]:
    """By the names of their nodes."""

    def start(module: str, name: str, *arguments: str) -> NodeProcess:
        limits = ["-p", LIMITS[name]] if name in LIMITS else []
        command = ["-m", f"zoox_prediction.nodes.{module}", "--ros-args", "-p", "use_sim_time:=true"]
        return start_shared_process(*command, "-r", f"__node:={name}", *limits, *arguments)

    found = {}
    for name in SENSORS:
        topics = [f"{topic}:={name}/{topic}" for topic in ("points", "image", "camera_info")]
        remaps = [word for each in topics for word in ("-r", each)]
        found[name] = start("detection_node", name, "-p", f"modality:={name}", "-p", "compressed:=true", *remaps)
    return {**found, "tracking_node": start("tracking_node", "tracking_node")}


@pytest.fixture(scope="module")
def vehicle(processes: dict[str, NodeProcess]) -> Iterator[Vehicle]:
    """With tracks of both cars."""
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    vehicle = Vehicle()
    with spinning(vehicle):
        vehicle.drive(
            until=lambda: vehicle.tracks and 0 not in vehicle.ids_of_cars(vehicle.tracks[-1]),
            what="tracks of both cars",
            timeout_s=60.0,
        )
        yield vehicle
    vehicle.destroy_node()
    rclpy.try_shutdown()
    for name, each in processes.items():
        print(f"{name} wrote:\n{each.output}")


def with_points(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    """`change` has the points' bytes (N, point_step), of which x, y, z are the first twelve."""

    def changed(cloud: PointCloud2) -> PointCloud2:
        points = change(np.frombuffer(cloud.data, dtype=np.uint8).reshape(-1, cloud.point_step).copy())
        cloud.width, cloud.row_step, cloud.data = len(points), points.size, ROS_TYPES.array(points)
        return cloud

    return changed


def not_finite(every: int) -> Change:
    def change(points: np.ndarray) -> np.ndarray:
        points[::every, :4] = np.frombuffer(np.float32(np.nan).tobytes(), dtype=np.uint8)
        return points

    return with_points(change)


def ten_times(points: np.ndarray) -> np.ndarray:
    """A few centimetres apart."""
    many = np.tile(points, (10, 1))
    places = many[:, :12].copy().view(np.float32)
    places += np.random.default_rng(0).normal(0.0, 0.02, places.shape).astype(np.float32)
    many[:, :12] = places.view(np.uint8)
    return many


def test_tracks_come_ten_times_a_second_at_the_stamps_of_the_detections(vehicle: Vehicle) -> None:
    def lately(name: str) -> list[Detections]:
        since_ns = vehicle.now_ns() - 2.2e9
        return [each for each in vehicle.of_sensor(name) if each.stamp_ns > since_ns]

    def all_keep_pace() -> bool:
        """For two seconds; of a loaded machine some are carried on, or come late."""
        stamps = np.array([each.stamp_ns for each in vehicle.tracks_of_last(2.0)])
        on_time = 17 <= len(stamps) <= 22 and np.mean(stamps % STEP_NS == 0) > 0.8
        return on_time and all(len(lately(name)) >= 15 for name in SENSORS)

    vehicle.drive(2.5, until=all_keep_pace, what="ten tracks and detections of each sensor a second", timeout_s=120.0)
    told = vehicle.tracks_of_last(2.0)
    assert (np.diff([each.stamp_ns for each in told]) > 0).all()
    for each in (each for name in SENSORS for each in lately(name)):
        assert each.stamp_ns % STEP_NS == 0 and each.frame_id == each.sensor_name
    assert len({tuple(vehicle.ids_of_cars(each)) for each in told}) == 1  # the same ids all along
    last = told[-1]
    cars = np.flatnonzero(np.isin(last.ids, vehicle.ids_of_cars(last)))
    np.testing.assert_allclose(last.velocity[cars], [[SPEED_MPS, 0.0]] * 2, atol=0.7)
    assert (last.agent_class[cars] == AgentClass.CAR).all()
    assert all({"lidar", "radar"} <= set(last.sensors[row]) for row in cars)
    vehicle.drive(until=lambda: "p99" in vehicle.says("tracking_node", "sensor to tracks"), what="the latency")
    assert vehicle.says("tracking_node", "sensors") == "all send"
    assert "dropped" in vehicle.says("lidar", "frames") and "p99" in vehicle.says("lidar", "detection")


def test_a_jump_back_in_time_starts_all_nodes_afresh(vehicle: Vehicle) -> None:
    before, detected = len(vehicle.tracks), len(vehicle.detections)
    ids = set(vehicle.ids_of_cars(vehicle.tracks[-1]))
    vehicle.jump_back(30.0)
    vehicle.drive(
        until=lambda: len(vehicle.tracks) > before + 3 and 0 not in vehicle.ids_of_cars(vehicle.tracks[-1]),
        what="tracks of both cars",
    )
    assert not ids & set(vehicle.ids_of_cars(vehicle.tracks[-1]))
    stamps = np.array([each.stamp_ns for each in vehicle.tracks[before - 1 :]])
    assert np.sum(np.diff(stamps) < 0) == 1  # all of the new time after the first
    vehicle.drive(1.1, until=lambda: vehicle.keeps_pace(*SENSORS), what="the pace of before")
    assert {each.sensor_name for each in vehicle.detections[detected:] if each.stamp_ns < stamps[0]} == set(SENSORS)


def test_a_mounting_that_is_off_by_five_degrees_is_found(vehicle: Vehicle) -> None:
    begun, ids = len(vehicle.tracks), vehicle.ids_of_cars(vehicle.tracks[-1])
    vehicle.drive(
        until=lambda: "check its calibration" in vehicle.problems("tracking_node"),
        what="the calibration",
        timeout_s=120.0,
        image=in_frame("thermal_turned"),
    )
    told = [each for each in vehicle.problems("tracking_node").split("; ") if "boxes lie" in each]
    degrees = float(told[0].partition("boxes lie ")[2].split()[0])
    assert degrees == pytest.approx(5.0, abs=0.7) and "thermal:" in told[0] and "left of" in told[0]

    def values() -> dict[str, str]:
        mounting = vehicle.statuses["tracking_node: mounting of thermal"]
        return {each.key: each.value for each in mounting.values}

    # This status is told by a timer of its own: what it says may be from before.
    vehicle.drive(
        until=lambda: float(values().get("left_deg", "nan")) == pytest.approx(5.0, abs=0.7),
        what="where its boxes lie",
        image=in_frame("thermal_turned"),
    )
    assert values()["sensor"] == "thermal" and int(values()["boxes"]) >= 18
    assert "degrees to the left" in vehicle.statuses["tracking_node: mounting of thermal"].message
    assert all(vehicle.ids_of_cars(each) == ids for each in vehicle.tracks[begun:])


# What is done to which message, and the words that the node (here: process) says about it.
BAD_INPUT = {
    "truncated cloud, image of another size": (
        {"lidar": truncated, "camera_info": of_another_size},
        {"lidar": "mend its sender", "thermal": "pixels where CameraInfo says 640 x 256"},
    ),
    "no finite point, truncated image": (
        {"lidar": not_finite(1), "image": truncated},
        {"lidar": "points is finite; look at the sensor", "thermal": "ends amid its PNG picture"},
    ),
    "some points not finite, images without camera info": (
        {"radar": not_finite(3), "camera_info": nothing},
        {"radar": "points are not finite, left out", "thermal": "no camera_info has the stamp"},
    ),
    "wrong frames": (
        {"lidar": in_frame("roof"), "image": in_frame("")},
        {"lidar": "'roof' does not exist", "thermal": "'' is no frame id"},
    ),
    "stamps from the future": (
        {"radar": shifted(5.0), "image": shifted(5.0), "camera_info": shifted(5.0)},
        {"radar": "s in the future", "thermal": "s in the future"},
    ),
    "time of sensors goes back": (
        {"lidar": shifted(-5.0), "image": shifted(-3.0), "camera_info": shifted(-3.0)},
        {"tracking_node": "lidar: detections come", "lidar": "", "thermal": ""},
    ),
    "ten times the points": ({"lidar": with_points(ten_times)}, {"lidar": "points, too many, are thinned"}),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_of_some_sensors_is_told_and_the_others_go_on(vehicle: Vehicle, name: str) -> None:
    changes, words = BAD_INPUT[name]
    sensors = {"thermal" if each in ("image", "camera_info") else each for each in changes}
    vehicle.drive(until=lambda: 0 not in vehicle.ids_of_cars(vehicle.tracks[-1]), what="tracks of both cars")
    others = set(SENSORS) - sensors
    begun, ids = len(vehicle.tracks), vehicle.ids_of_cars(vehicle.tracks[-1])
    vehicle.drive(
        1.1,
        until=lambda: (
            all(text in vehicle.problems(node) for node, text in words.items()) and vehicle.keeps_pace(*others)
        ),
        what=f"words {words}, or the pace of the others",
        **changes,
    )
    told = vehicle.tracks[begun:]
    assert (np.diff([each.stamp_ns for each in told]) > 0).all()
    assert {tuple(vehicle.ids_of_cars(each)) for each in told} == {tuple(ids)}
    mended_ns = vehicle.now_ns()
    vehicle.drive(
        until=lambda: all(vehicle.of_sensor(each)[-1].stamp_ns > mended_ns for each in SENSORS),
        what="detections of all sensors",
    )
    assert vehicle.ids_of_cars(vehicle.tracks[-1]) == ids


def test_a_sensor_that_stops_is_named_by_both_nodes_and_comes_back(vehicle: Vehicle) -> None:
    ids = vehicle.ids_of_cars(vehicle.tracks[-1])
    vehicle.drive(
        until=lambda: (
            "lidar is silent for" in vehicle.says("tracking_node", "sensors")
            and "s old, the limit is 0.5 s" in vehicle.says("lidar", "input points")
        ),
        what="the silence of the lidar",
        lidar=nothing,
    )
    assert vehicle.ids_of_cars(vehicle.tracks[-1]) == ids
    vehicle.drive(
        until=lambda: (
            vehicle.says("tracking_node", "sensors") == "all send"
            and vehicle.says("lidar", "input points").startswith("age")
        ),
        what="the lidar's return",
    )
    assert vehicle.ids_of_cars(vehicle.tracks[-1]) == ids


def test_without_transforms_for_two_seconds_odometry_stands_in(vehicle: Vehicle) -> None:
    begun, ids = len(vehicle.tracks), vehicle.ids_of_cars(vehicle.tracks[-1])
    vehicle.drive(2.0, until=vehicle.keeps_pace, what="ten tracks a second", transforms=False)
    assert all(vehicle.ids_of_cars(each) == ids for each in vehicle.tracks[begun:])
    vehicle.drive(until=lambda: "odometry stands in" in vehicle.problems("tracking_node"), what="the words")


def test_without_a_transform_from_odom_to_the_map_one_problem_names_both(vehicle: Vehicle) -> None:
    no_place = "none can be placed: there is no transform 'map' from 'odom'; publish it on /tf"

    def places_cars() -> bool:
        return vehicle.now_ns() - vehicle.tracks[-1].stamp_ns < 0.5e9 and 0 not in vehicle.ids_of_cars(
            vehicle.tracks[-1]
        )

    vehicle.in_odom = True
    vehicle.jump_back(30.0)  # the nodes forget what TF told before
    for _ in ("it never came", "it came, and stopped"):
        vehicle.drive(
            2.0,
            until=lambda: (
                vehicle.says("tracking_node", "sensors") == no_place
                and "no transform 'map' from 'odom'" in vehicle.says("tracking_node", "problems")
            ),
            what="the words",
            transforms=False,
        )
        # No sensor says it again; for half a second the last place is carried on.
        of_sensors = re.findall(r"no transform 'map' from '(?:lidar|radar|thermal)'.*?/tf; (\w+)", vehicle.problems())
        assert set(of_sensors) <= {"odometry"}
        vehicle.drive(1.0, until=places_cars, what="tracks of both cars")
        vehicle.drive(until=lambda: vehicle.says("tracking_node", "sensors") == "all send", what="the sensors' return")
    ids = vehicle.ids_of_cars(vehicle.tracks[-1])
    vehicle.in_odom = False
    vehicle.drive(1.0)
    assert vehicle.ids_of_cars(vehicle.tracks[-1]) == ids


def test_a_paused_clock_silences_without_a_word_and_tracks_go_on_after_it(vehicle: Vehicle) -> None:
    vehicle.drive(0.3)
    ids = vehicle.ids_of_cars(vehicle.tracks[-1])
    vehicle.pause()
    time.sleep(0.5)
    count = len(vehicle.tracks)
    time.sleep(1.0)
    assert len(vehicle.tracks) == count
    vehicle.resume()
    vehicle.drive(0.5, until=lambda: len(vehicle.tracks) > count + 2)
    assert vehicle.ids_of_cars(vehicle.tracks[-1]) == ids


def test_all_is_well_again_and_the_nodes_end_in_order(vehicle: Vehicle, processes: dict[str, NodeProcess]) -> None:
    def is_well() -> bool:
        return all(vehicle.says(node, "problems") == "none" for node in (*SENSORS, "tracking_node"))

    vehicle.drive(until=is_well, what="the end of all problems", timeout_s=60.0)
    for process in processes.values():
        assert process.end(signal.SIGINT) == 0
        assert "Traceback" not in process.output
