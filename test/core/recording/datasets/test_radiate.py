"""RADIATE: radar images, labels, and a GPS/IMU with a clock of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import radiate_samples as samples

from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.convert import convert
from zoox_prediction.recording.datasets.radiate import read_sequence
from zoox_prediction.recording.datasets.radiate_calibration import read_calibration
from zoox_prediction.recording.datasets.source import SourceError
from zoox_prediction.recording.log import load_log
from zoox_prediction.recording.messages.point_cloud import point_cloud_from_message
from zoox_prediction.recording.sources import find_one_recording
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.scene import AgentClass

START_NS = round(samples.START_S * 1e9)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return samples.radiate(tmp_path_factory.mktemp("radiate") / "fog_1")


@pytest.fixture
def copy(sample: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample, tmp_path / "copy"))


def test_the_clock_of_gps_is_found_by_the_speeds_that_radar_images_show(sample: Path) -> None:
    recording = read_sequence(sample)
    assert float(recording.notes["gps_clock_offset_s"]) == pytest.approx(samples.CLOCK_OFFSET_S, abs=0.1)
    assert recording.ego is not None and recording.ego.velocity is not None
    assert recording.ego.stamp_ns[0] == pytest.approx(START_NS, abs=0.1e9)
    speed = np.linalg.norm(recording.ego.velocity, axis=1)
    assert np.linalg.norm(recording.ego.position[-1]) == pytest.approx(0.05 * speed[1:].sum(), rel=0.02)


def test_clocks_that_agree_are_left_alone(copy: Path) -> None:
    lines = (copy / "GPS_IMU_Twist.txt").read_text().splitlines()
    stamps = {int(line.split()[1]): float(line.split()[-1]) - samples.START_S - 31.5 for line in lines}
    samples._stamps(copy / "GPS_IMU_Twist.txt", stamps)
    assert read_sequence(copy).notes["gps_clock_offset_s"] == "0.00"


def test_the_heading_is_the_mean_course_not_the_compass_and_does_not_wander(sample: Path) -> None:
    ego = read_sequence(sample).ego
    assert ego is not None and ego.velocity is not None
    yaw = np.array([state.yaw for state in ego.states()])
    assert yaw == pytest.approx(np.full(len(yaw), samples.HEADING_RAD), abs=0.005)
    assert np.arctan2(ego.velocity[:, 1], ego.velocity[:, 0]) == pytest.approx(yaw)


def test_a_standing_bus_stands_in_the_map_though_the_radar_turns_while_the_car_moves(sample: Path) -> None:
    recording = read_sequence(sample)
    seen = [frame for frame in recording.agents if len(frame)]
    assert (len(recording.agents), len(seen)) == (12, 11)
    along, left = samples.BUS
    cos, sin = np.cos(samples.HEADING_RAD), np.sin(samples.HEADING_RAD)
    expected = [cos * along - sin * left, sin * along + cos * left]
    places = np.array([frame.position[0, :2] for frame in seen])
    np.testing.assert_allclose(places.mean(axis=0), expected, atol=0.6)  # as well as the clock is known
    assert np.ptp(places, axis=0).max() < 0.6
    assert max(frame.speed[0] for frame in seen) < 1.0
    bus = seen[0]
    assert (bus.ids.tolist(), bus.agent_class.tolist()) == ([7], [AgentClass.BUS])
    np.testing.assert_allclose(bus.size[0, :2], [12.0, 2.6], atol=1e-6)
    assert bus.position[0, 2] == pytest.approx(0.5 * bus.size[0, 2])
    assert bus.yaw[0] == pytest.approx(samples.HEADING_RAD + np.radians(10.0), abs=0.005)


def test_an_agent_looks_where_it_goes_though_its_label_looks_back(copy: Path) -> None:
    """Twice as fast as the ego, ahead of it."""
    path = copy / "annotations" / "annotations.json"
    document = json.loads(path.read_text())
    for index, box in enumerate(document[0]["bboxes"]):
        if box:
            box["position"] = [575.0, 500.0 - 14.0 * index, 15.0, 30.0]
            box["rotation"] = 180.0
    path.write_text(json.dumps(document))
    frames = [frame for frame in read_sequence(copy).agents if len(frame)]
    assert np.cos(np.array([frame.yaw[0] for frame in frames]) - samples.HEADING_RAD).min() > 0.99
    assert all(frame.velocity[0] @ [np.cos(frame.yaw[0]), np.sin(frame.yaw[0])] > 10.0 for frame in frames)


def test_the_bag_has_all_sensors_at_the_time_they_measured(sample: Path, tmp_path: Path) -> None:
    convert("radiate", sample, tmp_path / "bag")
    with BagReader(tmp_path / "bag") as reader:
        messages = {each.topic: each.message for each in reader.messages() if each.topic.startswith("/sensors")}
        assert set(reader.topics) >= {"/tf", "/tf_static", "/odometry", "/ground_truth/agents", "/gps/fix", "/imu"}
    radar, lidar = messages["/sensors/navtech/image"], messages["/sensors/velodyne/points"]
    assert (radar.height, radar.width, radar.encoding, radar.header.frame_id) == (400, 576, "mono8", "navtech")
    last = 1.0 + 0.245 * 12
    stamp = radar.header.stamp.sec + radar.header.stamp.nanosec * 1e-9 - samples.START_S
    assert stamp == pytest.approx(last, abs=1e-5)
    picture = cv2.imread(str(sample / "Navtech_Polar" / "000012.png"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert np.array_equal(np.asarray(radar.data, dtype=np.uint8).reshape(400, 576), picture.T)
    cloud = point_cloud_from_message(lidar)
    assert cloud.ring is not None and cloud.ring.tolist() == [24, 25]
    assert cloud.position[1] == pytest.approx([-1.0, 2.5, 3.0])
    assert list(messages["/sensors/zed_left/camera_info"].d)[:2] == [-0.18, 0.03]
    assert "/sensors/zed_right/camera_info" not in messages
    assert len(load_log(tmp_path / "bag").agents) == 12


def test_axes_of_the_sensors(sample: Path) -> None:
    calibration = read_calibration(sample / "config" / "default-calib.yaml")
    lidar, left = calibration.radar_from_lidar, calibration.cameras["zed_left"].radar_from_camera
    np.testing.assert_allclose(lidar @ [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], atol=1e-9)  # ahead
    np.testing.assert_allclose(lidar[:3, 3], [0.25, -0.6, 0.1], atol=1e-9)
    np.testing.assert_allclose(left @ [0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0], atol=0.05)
    np.testing.assert_allclose(left @ [1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], atol=0.05)
    apart = left[:3, 3] - calibration.cameras["zed_right"].radar_from_camera[:3, 3]
    assert apart[1] == pytest.approx(0.12, abs=0.01)  # the left one is to the left
    assert calibration.base_from_radar[2, 3] == 1.8


def test_a_folder_of_it_is_known_as_a_recording(sample: Path) -> None:
    assert find_one_recording(sample).format_name == "radiate"


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("Navtech_Polar.txt", "Frame 1: 12.5", "is not 'Frame: NUMBER Time: SECONDS'"),
        ("Navtech_Polar.txt", "", "holds no image with a time"),
        ("GPS_IMU_Twist.txt", "", "fewer than two files with a time"),
        ("GPS_IMU_Twist/000003.txt", "1,2,3", "has 3 numbers where 55"),
        ("GPS_IMU_Twist/000003.txt", "north", "is not numbers"),
        ("config/default-calib.yaml", "lidar_calib: {}", "is missing or ill-formed"),
        ("config/default-calib.yaml", ":\n- {", "cannot be read as YAML"),
        ("annotations/annotations.json", '[{"id": 1}]', "is not the annotation file of RADIATE"),
        ("annotations/annotations.json", '[{"id": 1, "class_name": "tank", "bboxes": []}]', "'tank'"),
        ("Navtech_Polar/000002.png", "text", "is no whole picture"),
    ],
)
def test_damaged_files_are_one_sentence(copy: Path, name: str, content: str, text: str) -> None:
    (copy / name).write_text(content)
    with pytest.raises(SourceError, match=text) as caught:
        read_sequence(copy)
    assert Path(name).parts[0].partition(".")[0] in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["Navtech_Polar.txt", "GPS_IMU_Twist.txt", "config/default-calib.yaml"])
def test_missing_files_are_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(SourceError, match=Path(name).name):
        read_sequence(copy)


def test_what_is_not_of_one_drive_is_refused(copy: Path) -> None:
    for path in (copy / "GPS_IMU_Twist").iterdir():
        lines = path.read_text().splitlines()
        lines[16] = "25.0,0.0,0.0"
        path.write_text("\n".join(lines))
    with pytest.raises(SourceError, match="are both of one drive"):
        read_sequence(copy)


def test_optional_parts_may_be_absent(copy: Path) -> None:
    for name in ("annotations", "velo_lidar", "zed_left"):
        shutil.rmtree(copy / name)
    (copy / "velo_lidar.txt").unlink()
    recording = read_sequence(copy)
    assert all(not len(frame) for frame in recording.agents)
    assert {message.topic for message in recording.sensors} == {"/sensors/navtech/image", "/gps/fix", "/imu"}


def test_the_real_sequence(recordings: Path) -> None:
    recording = read_sequence(recordings / "radiate_tiny_foggy")
    assert recording.ego is not None
    # The labels stand, or drive along the road; radar images and GPS/IMU agree on the own speed.
    assert float(recording.notes["gps_clock_offset_s"]) == pytest.approx(65.75, abs=0.3)
    bus = [frame.select(frame.ids == 1) for frame in recording.agents]
    places = np.array([frame.position[0, :2] for frame in bus])
    assert len(places) == 18 and np.ptp(places, axis=0).max() < 4.0
    oncoming = [frame.select(frame.ids == 2).speed for frame in recording.agents]
    assert np.median(np.concatenate(oncoming)) == pytest.approx(10.5, abs=2.0)
    topics = [message.topic for message in recording.sensors]
    assert topics.count("/sensors/navtech/image") == 18 and topics.count("/sensors/velodyne/points") == 42
    types = RosbagsTypes()
    sweep = next(message for message in recording.sensors if message.topic == "/sensors/velodyne/points")
    cloud = point_cloud_from_message(sweep.build(types))
    assert len(cloud) > 20_000 and np.abs(cloud.position).max() < 110.0
