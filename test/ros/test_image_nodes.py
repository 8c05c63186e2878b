"""Detection nodes of cameras (Image and CompressedImage), a thermal camera and a scanning radar as processes, and what
bad pictures do to them.

All tests share the processes, so each also shows that the nodes recovered from what the tests before did to them.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rclpy
from picture_sender import CAMERAS, ECHO_M, ECHO_RAD, SENSORS, PictureSender
from rclpy.signals import SignalHandlerOptions
from sensor_peer import Change, in_frame, nothing, of_another_size, shifted, truncated

from zoox_prediction.recording.sensor_messages import image_message
from zoox_prediction.ros.lifecycle import spinning
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.scene import AgentClass, Attribute
from zoox_prediction.simulation.sensors.config import Mount

if TYPE_CHECKING:
    from conftest import NodeProcess

_PARAMETERS = {
    "camera": ("modality:=camera", "image.camera.input_width_px:=320"),  # small, for the pace of a loaded machine
    "jpeg": ("modality:=camera", "image.camera.input_width_px:=320", "compressed:=true"),
    "thermal": ("modality:=thermal",),
    "scan": ("modality:=radar", "scanning:=true"),
}


@pytest.fixture(scope="module")
def processes(start_shared_process: Callable[..., NodeProcess]) -> dict[str, NodeProcess]:
    """By the names of their nodes."""
    found = {}
    for name, parameters in _PARAMETERS.items():
        assigned = [word for each in ("use_sim_time:=true", *parameters) for word in ("-p", each)]
        remaps = [word for topic in ("image", "camera_info") for word in ("-r", f"{topic}:={name}/{topic}")]
        module = ("-m", "zoox_prediction.nodes.detection_node", "--ros-args", "-r", f"__node:={name}")
        found[name] = start_shared_process(*module, *assigned, *remaps)
    return found


@pytest.fixture(scope="module")
def sender(processes: dict[str, NodeProcess]) -> Iterator[PictureSender]:
    """With detections of every sensor."""
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    sender = PictureSender()
    with spinning(sender):
        sender.drive(until=lambda: all(map(sender.of_sensor, SENSORS)), what="detections of all", timeout_s=60.0)
        yield sender
    sender.destroy_node()
    rclpy.try_shutdown()
    for name, each in processes.items():
        print(f"{name} wrote:\n{each.output}")


def of_all(change: Change, *names: str) -> dict[str, Change]:
    return dict.fromkeys(names, change)


def _with(**values: Any) -> Change:
    """Fields of a message set."""

    def change(message: Any) -> Any:
        for name, value in values.items():
            setattr(message, name, value)
        return message

    return change


def all_black(message: Any) -> Any:
    message.data = ROS_TYPES.array(np.zeros(len(message.data), dtype=np.uint8))
    return message


def of_floats(message: Any) -> Any:
    """All of them NaN."""
    message.encoding, message.step = "32FC1", 4 * message.width
    message.data = ROS_TYPES.array(np.full(message.height * message.width, np.nan, np.float32).view(np.uint8))
    return message


def damaged(message: Any) -> Any:
    """A JPEG whose header is lost."""
    data = np.array(message.data, dtype=np.uint8)
    data[4:-4] = 0
    message.data = ROS_TYPES.array(data)
    return message


INFOS = tuple(f"{name}_info" for name in CAMERAS)
NO_KNOWN_ENCODING = "is not known; send one of"

# What is done to which message, and the words that the nodes say about it.
BAD_INPUT: dict[str, tuple[dict[str, Change], dict[str, str]]] = {
    "images of another size than their cameras": (of_all(of_another_size, *INFOS), {
        "camera": "has 640 x 400 pixels where CameraInfo says 1280 x 400",
        "jpeg": "has 640 x 400 pixels where CameraInfo says 1280 x 400",
        "thermal": "has 320 x 256 pixels where CameraInfo says 640 x 256",
    }),
    "truncated pictures": (of_all(truncated, *SENSORS), {
        "camera": "where 640 x 400 pixels bgr8 take 768000",
        "jpeg": "ends amid its JPEG picture",
        "thermal": "where 320 x 256 pixels mono16 take 163840",
        "scan": "where 576 x 400 pixels mono8 take 230400",
    }),
    "unknown encodings": (
        of_all(of_floats, "thermal", "scan") | {"camera": _with(encoding="nv21"), "jpeg": _with(data=[71, 73, 70, 56])},
        {
            "camera": f"'nv21' {NO_KNOWN_ENCODING}",
            "jpeg": "neither a JPEG nor a PNG picture",
            "thermal": f"'32FC1' {NO_KNOWN_ENCODING}",
            "scan": f"'32FC1' {NO_KNOWN_ENCODING}",
        },
    ),
    "damaged pictures, rows that do not agree": (
        {"jpeg": damaged, "scan": _with(step=100), "thermal": _with(width=400), "camera": _with(height=0)},
        {
            "camera": "Image has 640 x 0 pixels",
            "jpeg": "is a damaged JPEG picture",
            "thermal": "Image.step is 640 bytes where a row of 400 pixels mono16 takes 800",
            "scan": "Image.step is 100 bytes where a row of 576 pixels mono8 takes 576",
        },
    ),
    "no camera infos": (of_all(nothing, *INFOS), dict.fromkeys(CAMERAS, "no camera_info has the stamp of any")),
    "cameras that are not calibrated": (
        {
            "camera_info": _with(k=np.zeros(9)),
            "jpeg_info": _with(distortion_model="my_lens", d=[0.1]),
            "thermal_info": _with(k=np.full(9, np.nan)),
        },
        {
            "camera": "CameraInfo.k has no focal length; calibrate the camera 'camera'",
            "jpeg": "distortion_model 'my_lens' is not known",
            "thermal": "CameraInfo.k has no focal length",
        },
    ),
    "wrong frames": (
        of_all(in_frame("roof"), "camera", "thermal") | of_all(in_frame(""), "jpeg", "scan"),
        {
            "camera": "'roof' does not exist",
            "jpeg": "'' is no frame id",
            "thermal": "'roof' does not exist",
            "scan": "'' is no frame id",
        },
    ),
    "stamps from the future": (of_all(shifted(65.0), *SENSORS, *INFOS), dict.fromkeys(SENSORS, "the stamp lies 6")),
    "black pictures": (
        of_all(all_black, "camera", "thermal", "scan"),
        dict.fromkeys(("camera", "thermal", "scan"), "all pixels are 0; look at the sensor"),
    ),
}  # fmt: skip


def _recovers(sender: PictureSender, names: tuple[str, ...] = SENSORS) -> None:
    mended_ns = sender.now_ns()
    sender.drive(
        until=lambda: all(sender.of_sensor(each)[-1].stamp_ns > mended_ns for each in names),
        what="detections of all sensors",
    )


def test_detections_are_those_of_the_pictures_at_their_stamps(sender: PictureSender) -> None:
    _recovers(sender)
    last = {name: sender.of_sensor(name)[-1] for name in SENSORS}
    for name, detections in last.items():
        assert detections.frame_id == name and detections.stamp_ns % 100_000_000 == 0
    people = last["thermal"].class_probabilities.argmax(axis=1) == AgentClass.PEDESTRIAN
    assert people.sum() >= 2 and np.isfinite(last["thermal"].apparent_temperature[people]).all()
    place = ECHO_M * np.array([np.cos(ECHO_RAD), np.sin(ECHO_RAD)])
    assert len(last["scan"]) == 1 and np.isnan(last["scan"].radial_speed).all()
    np.testing.assert_allclose(last["scan"].center[0, :2], place, atol=1.5)
    np.testing.assert_allclose(last["camera"].bearing_box.shape[1], 4)


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_pictures_are_told_and_the_nodes_go_on_after_them(sender: PictureSender, name: str) -> None:
    changes, words = BAD_INPUT[name]
    begun_ns = sender.now_ns()
    sender.drive(
        until=lambda: all(text in sender.problems(node) for node, text in words.items()),
        what=f"words {words}",
        **changes,
    )
    sender.drive(0.3, **changes)
    assert all(sender.of_sensor(each)[-1].stamp_ns <= begun_ns for each in words)
    _recovers(sender)


def test_pictures_of_8_bits_of_a_thermal_camera_have_no_temperatures(sender: PictureSender) -> None:
    def narrow(message: Any) -> Any:
        counts = sender.pixels["thermal"].astype(np.float64)
        grey = 255.0 * (counts - counts.min()) / np.ptp(counts)
        told = image_message(grey.astype(np.uint8), 0, "", ROS_TYPES)
        told.header = message.header
        return told

    begun_ns = sender.now_ns()

    def narrow_ones() -> list:
        return [each for each in sender.of_sensor("thermal") if each.stamp_ns > begun_ns and len(each)]

    sender.drive(until=lambda: len(narrow_ones()) > 2, what="detections in 8 bits", thermal=narrow)
    assert all(np.isnan(each.apparent_temperature).all() for each in narrow_ones())
    _recovers(sender)
    assert np.isfinite(sender.of_sensor("thermal")[-1].apparent_temperature).any()


def test_rows_with_padding_are_the_same_picture(sender: PictureSender) -> None:
    def padded(message: Any) -> Any:
        rows = np.frombuffer(message.data, dtype=np.uint8).reshape(message.height, message.step)
        wide = np.pad(rows, ((0, 0), (0, 24)), constant_values=255)
        message.step, message.data = wide.shape[1], ROS_TYPES.array(wide)
        return message

    plain, begun = sender.of_sensor("scan")[-1], len(sender.of_sensor("scan"))
    sender.drive(until=lambda: len(sender.of_sensor("scan")) > begun + 2, what="detections", scan=padded)
    np.testing.assert_allclose(sender.of_sensor("scan")[-1].center, plain.center)


def test_cameras_tell_of_the_lights_of_tracks_wherever_tf_tells_where_they_are(sender: PictureSender) -> None:
    def lit(name: str) -> bool:
        told = sender.of_sensor(name)[-1].of_tracks
        return told is not None and bool((told.ids == 1).any() and (told.attributes == Attribute.BRAKE_LIGHT).all())

    sender.drive(until=lambda: lit("camera") and lit("jpeg"), what="lit brake lights")
    assert all(sender.of_sensor(each)[-1].of_tracks is None for each in ("thermal", "scan"))
    begun_ns = sender.now_ns()
    sender.drive(
        2.0,
        until=lambda: (
            "no lights are looked at: no transform 'map' from 'camera'" in sender.problems("camera")
            and sender.of_sensor("camera")[-1].stamp_ns > begun_ns + 1_000_000_000
        ),
        what="the words, or detections all the same",
        transforms=False,
    )
    assert sender.of_sensor("camera")[-1].of_tracks is None
    sender.drive(until=lambda: lit("camera") and lit("jpeg"), what="lit brake lights")


def test_stamps_that_go_back_are_told_by_their_age(sender: PictureSender) -> None:
    def says_old() -> bool:
        return all("s old, the limit is 0.5 s" in sender.says(each, "input image") for each in SENSORS)

    sender.drive(until=says_old, what="the age of the pictures", **of_all(shifted(-3.0), *SENSORS, *INFOS))
    _recovers(sender)
    sender.drive(
        until=lambda: all(sender.says(each, "input image").startswith("age") for each in SENSORS),
        what="an age below it",
    )


def test_sensors_that_stop_are_told_and_come_back(sender: PictureSender) -> None:
    begun_ns = sender.now_ns()

    def says_old() -> bool:
        return all("s old, the limit is 0.5 s" in sender.says(each, "input image") for each in SENSORS)

    sender.drive(until=says_old, what="the silence", **of_all(nothing, *SENSORS, *INFOS))
    assert all(sender.of_sensor(each)[-1].stamp_ns <= begun_ns for each in SENSORS)
    _recovers(sender)


def test_a_mounting_that_is_told_two_seconds_late_is_waited_for(sender: PictureSender) -> None:
    changes = of_all(in_frame("late"), *SENSORS)
    begun_ns = sender.now_ns()
    sender.drive(
        2.0,
        until=lambda: all("'late' does not exist" in sender.problems(each) for each in SENSORS),
        what="the words",
        **changes,
    )
    assert all(sender.of_sensor(each)[-1].stamp_ns <= begun_ns for each in SENSORS)
    sender.mount(late=Mount(0.0, 0.0, 2.0).base_from_optical)
    sender.drive(
        until=lambda: all(sender.of_sensor(each)[-1].frame_id == "late" for each in SENSORS),
        what="detections in the frame that was late",
        **changes,
    )
    _recovers(sender)


def test_a_jump_back_in_time_starts_all_nodes_afresh(sender: PictureSender) -> None:
    sender.jump_back(100.0)
    now_ns = sender.now_ns()
    sender.drive(
        until=lambda: all(now_ns <= sender.of_sensor(each)[-1].stamp_ns < now_ns + 60e9 for each in SENSORS),
        what="detections of the new time",
        timeout_s=50.0,
    )


def test_all_is_well_again_and_the_nodes_end_in_order(sender: PictureSender, processes: dict[str, NodeProcess]) -> None:
    def is_well() -> bool:
        return all(sender.says(node, "problems") == "none" for node in SENSORS)

    sender.drive(until=is_well, what="the end of all problems", timeout_s=60.0)
    for process in processes.values():
        assert process.end(signal.SIGINT) == 0
        assert "Traceback" not in process.output
