"""The suite as a whole: messages of an instant, determinism, rates, mounting, visibility."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from sensor_scenes import STAMP_NS, agents, ego, truth

from zoox_prediction.recording.generated import generated_log
from zoox_prediction.recording.messages import ego_from_odometry, stamp_ns
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.scene import AgentClass, TrackedAgents
from zoox_prediction.simulation.sensors import SensorSuite, SensorTruth
from zoox_prediction.simulation.sensors.suite import sensor_random

TYPES = RosbagsTypes()


@pytest.fixture(scope="module")
def crossroads() -> SensorTruth:
    log = generated_log(0)
    agents_now = log.agents[120]
    state = next(each for each in log.ego if each.stamp_ns == agents_now.stamp_ns)
    signals = next(each for each in log.signals if each.stamp_ns == agents_now.stamp_ns)
    return SensorTruth(agents_now, state, log.ego_size, log.ego_center_offset_m, log.road_network, signals)


def _built(suite: SensorSuite, world: SensorTruth, seed: int = 5) -> dict[str, Any]:
    return {message.topic: message.build(TYPES) for message in suite.messages(world, seed)}


def _bytes(messages: dict[str, Any]) -> dict[str, bytes]:
    return {topic: TYPES.serialize(message) for topic, message in messages.items()}


def test_every_sensor_speaks_on_its_topic_in_its_frame(crossroads: SensorTruth) -> None:
    suite = SensorSuite.load()
    messages = _built(suite, crossroads)
    kinds = {
        "lidar": "sensor_msgs/msg/PointCloud2",
        "radar": "sensor_msgs/msg/PointCloud2",
        "camera": "sensor_msgs/msg/CompressedImage",
        "thermal": "sensor_msgs/msg/CompressedImage",
    }
    for sensor in suite.config.sensors:
        message = messages[sensor.topic]
        assert message.__msgtype__ == kinds[sensor.modality.label]
        assert message.header.frame_id == sensor.frame_id
        assert stamp_ns(message.header.stamp) == crossroads.stamp_ns
    assert len(messages) == 16 + 8 + 1


def test_points_have_the_fields_of_their_kind(crossroads: SensorTruth) -> None:
    messages = _built(SensorSuite.load(), crossroads)
    lidar, radar = messages["/sensors/lidar_front_left/points"], messages["/sensors/radar_front_left/points"]
    assert [field.name for field in lidar.fields] == ["x", "y", "z", "intensity", "ring", "time"]
    assert [field.name for field in radar.fields] == ["x", "y", "z", "radial_speed", "rcs", "snr"]
    assert lidar.width > 5000 and lidar.is_dense
    assert 3 <= radar.width < 200 and radar.is_dense


def test_images_decode_to_the_size_that_camera_info_tells(crossroads: SensorTruth) -> None:
    messages = _built(SensorSuite.load(), crossroads)
    for name, shape, dtype in (("camera", (400, 640, 3), np.uint8), ("thermal", (256, 320), np.uint16)):
        message = messages[f"/sensors/{name}_front_left/image/compressed"]
        image = cv2.imdecode(np.asarray(message.data), cv2.IMREAD_UNCHANGED)
        info = messages[f"/sensors/{name}_front_left/camera_info"]
        assert image.shape == shape and image.dtype == dtype
        assert (info.height, info.width) == shape[:2]
        assert info.k[0] == info.k[4] > 0.0
        assert info.header.frame_id == message.header.frame_id


def test_the_same_truth_and_seed_give_the_same_bytes_in_any_order_and_from_threads(crossroads: SensorTruth) -> None:
    first = _bytes(_built(SensorSuite.load(), crossroads))
    messages = SensorSuite.load().messages(crossroads, 5)
    again = {message.topic: TYPES.serialize(message.build(TYPES)) for message in reversed(messages)}
    assert first == again
    with ThreadPoolExecutor(4) as threads:
        messages = SensorSuite.load().messages(crossroads, 5)
        built = threads.map(lambda message: TYPES.serialize(message.build(TYPES)), messages)
        assert first == dict(zip((message.topic for message in messages), built, strict=True))
    other = _bytes(_built(SensorSuite.load(), crossroads, seed=6))
    assert all(first[topic] != other[topic] for topic in first if not topic.endswith("camera_info"))


def test_what_was_drawn_before_does_not_matter(crossroads: SensorTruth) -> None:
    """The ground is kept between instants, and must come out as if it were not."""
    suite = SensorSuite.load()
    away = replace(crossroads, ego=replace(crossroads.ego, position=crossroads.ego.position + 40.0))
    _built(suite, away)
    assert _bytes(_built(suite, crossroads)) == _bytes(_built(SensorSuite.load(), crossroads))


def test_a_sensor_that_is_left_out_changes_nothing_in_the_others(crossroads: SensorTruth) -> None:
    suite = SensorSuite.load()
    fewer = SensorSuite(replace(suite.config, sensors=suite.config.sensors[1::2]))
    everything = _bytes(_built(suite, crossroads))
    some = _bytes(_built(fewer, crossroads))
    assert len(some) == 8 + 4 + 1
    assert all(everything[topic] == data for topic, data in some.items())


def test_sensors_do_not_share_their_noise() -> None:
    draws = [sensor_random(1, name, STAMP_NS).random() for name in ("lidar_front_left", "lidar_front_right")]
    assert draws[0] != draws[1]
    assert sensor_random(1, "lidar_front_left", STAMP_NS + 1).random() != draws[0]


def test_messages_are_built_late(crossroads: SensorTruth, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("was built")

    monkeypatch.setattr("zoox_prediction.simulation.sensors.scenery.solids_of", fail)
    messages = SensorSuite.load().messages(crossroads, 1)
    assert len(messages) == 25
    with pytest.raises(AssertionError, match="was built"):
        messages[0].build(TYPES)


@pytest.mark.parametrize(("rate_hz", "expected"), [(10.0, 50), (5.0, 25), (2.0, 10), (4.0, 20)])
@pytest.mark.parametrize("offset_ns", [0, 37_000_000])
def test_sensors_speak_at_their_rate(rate_hz: float, expected: int, offset_ns: int) -> None:
    suite = SensorSuite.load()
    radar = replace(suite.config.sensors[4], rate_hz=rate_hz)
    alone = SensorSuite(replace(suite.config, sensors=(radar,), odometry=replace(suite.config.odometry, topic="")))
    count = 0
    for step in range(50):
        empty = TrackedAgents.empty(STAMP_NS + offset_ns + step * 100_000_000)
        count += len(alone.messages(truth(empty), 1))
    assert count == expected


def test_static_transforms_are_proper_and_optical_frames_look_forward() -> None:
    suite = SensorSuite.load()
    transforms = {each.child: each for each in suite.static_transforms()}
    assert len(transforms) == 16
    for each in transforms.values():
        assert each.parent == "base_link"
        assert each.matrix[:3, :3] @ each.matrix[:3, :3].T == pytest.approx(np.eye(3), abs=1e-12)
        assert np.linalg.det(each.matrix[:3, :3]) == pytest.approx(1.0)
    camera, lidar = transforms["camera_front_left"].matrix, transforms["lidar_front_left"].matrix
    assert np.arctan2(camera[1, 2], camera[0, 2]) == pytest.approx(0.7854, abs=1e-3)  # z: 45 degrees to the left
    assert camera[2, 1] < -0.99  # y: down
    assert np.arctan2(lidar[1, 0], lidar[0, 0]) == pytest.approx(0.7854, abs=1e-3)


def test_lidar_and_camera_agree_about_where_an_agent_is() -> None:
    """Points on the agent fall on its pixels through /tf_static and CameraInfo, as fusion will do it."""
    suite = SensorSuite.load()
    world = truth(agents([AgentClass.TRUCK], [(15.0, 9.0)], [0.3]), ego((0.0, 0.0), yaw=0.0))
    transforms = {each.child: each.matrix for each in suite.static_transforms()}
    messages = _built(suite, world)
    cloud = messages["/sensors/lidar_front_left/points"]
    names = [field.name for field in cloud.fields]
    formats = {7: "<f4", 4: "<u2"}
    dtype = np.dtype([(field.name, formats[field.datatype]) for field in cloud.fields])
    points = np.frombuffer(np.asarray(cloud.data).tobytes(), dtype=dtype)
    assert names[:3] == ["x", "y", "z"]
    local = np.column_stack([points["x"], points["y"], points["z"], np.ones(len(points))])
    base = local @ transforms["lidar_front_left"].T
    on_truck = base[base[:, 2] > 1.0]
    optical = on_truck @ np.linalg.inv(transforms["camera_front_left"]).T
    info = messages["/sensors/camera_front_left/camera_info"]
    pixels = optical[:, :3] @ np.array(info.k).reshape(3, 3).T
    pixels = np.rint(pixels[:, :2] / pixels[:, 2:]).astype(int)
    data = np.asarray(messages["/sensors/camera_front_left/image/compressed"].data)
    empty = np.asarray(_built(suite, truth())["/sensors/camera_front_left/image/compressed"].data)
    image, without = (cv2.imdecode(each, cv2.IMREAD_COLOR).astype(int) for each in (data, empty))
    assert len(on_truck) > 300
    changed = np.abs(image - without).sum(axis=2)[pixels[:, 1], pixels[:, 0]] > 30
    assert changed.mean() > 0.97


def test_odometry_is_near_the_truth_and_not_the_truth(crossroads: SensorTruth) -> None:
    message = _built(SensorSuite.load(), crossroads)["/localization/odometry"]
    said = ego_from_odometry(message)
    off = np.linalg.norm(said.position - crossroads.ego.position)
    assert 0.0 < off < 0.6
    assert message.pose.covariance[0] > 0.0


def test_visibility_counts_what_is_seen() -> None:
    suite = SensorSuite.load()
    places = [(15.0, 0.0), (25.0, 0.0), (-20.0, 0.0), (15.0, 40.0)]
    kinds = [AgentClass.TRUCK, AgentClass.PEDESTRIAN, AgentClass.CAR, AgentClass.CAR]
    seen = suite.visible_points(truth(agents(kinds, places)))
    assert set(seen) == {sensor.name for sensor in suite.config.sensors}
    lidar, camera = seen["lidar_front_left"], seen["camera_front_left"]
    assert lidar.fraction[0] == pytest.approx(1.0)
    assert lidar.fraction[1] == 0.0 and lidar.rays[1] > 0
    assert camera.rays[2] == 0 and camera.fraction[2] == 0.0
    assert camera.fraction[3] == pytest.approx(1.0)
    assert seen["lidar_rear_left"].visible_rays[2] > 20


def test_half_hidden_is_half_visible() -> None:
    suite = SensorSuite.load()
    size = np.array([[1.0, 10.0, 4.0], [1.0, 10.0, 4.0]])
    boxes = agents([AgentClass.UNKNOWN] * 2, [(24.0, -10.0), (24.05, 0.0)], size=size)
    behind = replace(boxes, position=boxes.position + np.array([[-6.0, 4.9, 0.0], [6.0, 0.0, 0.0]]))
    fraction = suite.visible_points(truth(behind))["lidar_front_right"].fraction
    assert fraction[0] == pytest.approx(1.0)
    assert 0.2 < fraction[1] < 0.8


def test_an_empty_world_works() -> None:
    messages = _built(SensorSuite.load(), truth())
    assert len(messages) == 25
    assert all(len(each.rays) == 0 for each in SensorSuite.load().visible_points(truth()).values())


@pytest.mark.parametrize("light", ["day", "night"])
@pytest.mark.parametrize("visibility_m", [20_000.0, 50.0])
def test_output_is_finite_in_any_weather(crossroads: SensorTruth, light: str, visibility_m: float) -> None:
    messages = _built(SensorSuite.load(), replace(crossroads, light=light, visibility_m=visibility_m))
    for topic, message in messages.items():
        if topic.endswith("/points"):
            assert message.is_dense
        assert np.isfinite(getattr(message, "k", np.zeros(1))).all()


def test_truth_that_means_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="visibility_m must be above 0"):
        truth(visibility_m=0.0)
    with pytest.raises(ValueError, match="'dusk' is not a valid Light"):
        truth(light="dusk")
