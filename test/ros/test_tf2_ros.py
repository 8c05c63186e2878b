"""One suite for the stand-in and, wherever it can be imported, the distribution's own tf2_ros."""

from __future__ import annotations

import importlib
import importlib.util
import threading
import time

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time
from scipy.spatial.transform import Rotation

import zoox_prediction.ros.tf

STANDIN = "zoox_prediction.ros.standins.tf2_ros"


# A distribution has the real one; the head of the test report says which were found.
@pytest.fixture(params=[STANDIN, *["tf2_ros"] * bool(importlib.util.find_spec("tf2_ros"))])
def tf2(request):
    return importlib.import_module(request.param)


@pytest.fixture
def buffer(tf2):
    return tf2.Buffer(Duration(seconds=10))


def transform(parent, child, stamp_s=0.0, xyz=(0.0, 0.0, 0.0), rpy=(0.0, 0.0, 0.0)):
    message = TransformStamped()
    message.header.frame_id, message.child_frame_id = parent, child
    message.header.stamp = Time(nanoseconds=round(stamp_s * 1e9)).to_msg()
    vector, quaternion = message.transform.translation, message.transform.rotation
    vector.x, vector.y, vector.z = map(float, xyz)
    quaternion.x, quaternion.y, quaternion.z, quaternion.w = Rotation.from_euler("xyz", rpy).as_quat().tolist()
    return message


def at(seconds):
    return Time(nanoseconds=round(seconds * 1e9))


def matrix(message):
    result = np.eye(4)
    vector, quaternion = message.transform.translation, message.transform.rotation
    result[:3, :3] = Rotation.from_quat([quaternion.x, quaternion.y, quaternion.z, quaternion.w]).as_matrix()
    result[:3, 3] = vector.x, vector.y, vector.z
    return result


def test_the_switch_takes_the_real_one_where_there_is_one():
    try:
        expected = importlib.import_module("tf2_ros")
    except ImportError:
        expected = importlib.import_module(STANDIN)
    assert zoox_prediction.ros.tf.Buffer is expected.Buffer


def test_chains_through_a_tree_with_branches(buffer):
    random = np.random.default_rng(1)
    links = {
        ("map", "odom"): False,
        ("odom", "base_link"): False,
        ("base_link", "lidar"): True,
        ("base_link", "camera"): True,
    }
    known = {}
    for (parent, child), static in links.items():
        message = transform(parent, child, 5.0, random.normal(0, 10, 3), random.uniform(-3, 3, 3))
        (buffer.set_transform_static if static else buffer.set_transform)(message, "test")
        known[parent, child] = matrix(message)
    map_from_base = known["map", "odom"] @ known["odom", "base_link"]
    expected = {
        ("map", "lidar"): map_from_base @ known["base_link", "lidar"],
        ("camera", "lidar"): np.linalg.inv(known["base_link", "camera"]) @ known["base_link", "lidar"],
        ("lidar", "map"): np.linalg.inv(map_from_base @ known["base_link", "lidar"]),
        ("odom", "map"): np.linalg.inv(known["map", "odom"]),
        ("camera", "camera"): np.eye(4),
    }
    for (target, source), value in expected.items():
        for stamp in (at(5.0), Time()):
            found = buffer.lookup_transform(target, source, stamp)
            assert (found.header.frame_id, found.child_frame_id) == (target, source)
            np.testing.assert_allclose(matrix(found), value, atol=1e-9, err_msg=f"{target} from {source}")
            assert buffer.can_transform(target, source, stamp)


def test_interpolates_position_and_rotation_the_short_way(buffer):
    buffer.set_transform(transform("map", "car", 1.0, (0, 0, 0), (0, 0, 3.0)), "test")
    buffer.set_transform(transform("map", "car", 2.0, (10, 20, -4), (0, 0, -3.0)), "test")
    found = buffer.lookup_transform("map", "car", at(1.25))
    vector = found.transform.translation
    assert (vector.x, vector.y, vector.z) == pytest.approx((2.5, 5.0, -1.0))
    turn = 2 * np.pi - 6.0  # from 3.0 to -3.0 over pi
    expected = Rotation.from_euler("z", 3.0 + 0.25 * turn)
    actual = Rotation.from_matrix(matrix(found)[:3, :3])
    assert (actual * expected.inv()).magnitude() == pytest.approx(0.0, abs=1e-9)
    assert found.header.stamp == at(1.25).to_msg()


def test_a_message_stamp_is_a_time_too(buffer):
    buffer.set_transform(transform("map", "car", 1.0, (1, 2, 3)), "test")
    assert buffer.lookup_transform("map", "car", at(1.0).to_msg()).transform.translation.x == 1.0


def test_newest_is_the_newest_that_all_links_have(buffer):
    for stamp in (1.0, 2.0, 3.0):
        buffer.set_transform(transform("map", "odom", stamp, (stamp, 0, 0)), "test")
    for stamp in (1.5, 2.5):
        buffer.set_transform(transform("odom", "car", stamp, (0, stamp, 0)), "test")
    found = buffer.lookup_transform("map", "car", Time())
    assert found.header.stamp == at(2.5).to_msg()
    assert (found.transform.translation.x, found.transform.translation.y) == pytest.approx((2.5, 2.5))


def test_order_of_arrival_does_not_matter(buffer):
    for stamp in (3.0, 1.0, 2.0):
        buffer.set_transform(transform("map", "car", stamp, (stamp**2, 0, 0)), "test")
    assert buffer.lookup_transform("map", "car", at(1.5)).transform.translation.x == pytest.approx(2.5)


@pytest.mark.parametrize("stamp", [0.5, 2.5])
def test_no_extrapolation(tf2, buffer, stamp):
    for known in (1.0, 2.0):
        buffer.set_transform(transform("map", "car", known), "test")
    with pytest.raises(tf2.ExtrapolationException):
        buffer.lookup_transform("map", "car", at(stamp))
    assert not buffer.can_transform("map", "car", at(stamp))
    assert buffer.can_transform("map", "car", at(1.5))


def test_a_single_stamp_holds_only_then(tf2, buffer):
    buffer.set_transform(transform("map", "car", 1.0), "test")
    assert buffer.can_transform("map", "car", at(1.0))
    with pytest.raises(tf2.ExtrapolationException):
        buffer.lookup_transform("map", "car", at(1.1))


def test_errors_by_cause(tf2, buffer):
    buffer.set_transform(transform("map", "car", 1.0), "test")
    buffer.set_transform(transform("other", "thing", 1.0), "test")
    with pytest.raises(tf2.LookupException, match="nowhere"):
        buffer.lookup_transform("map", "nowhere", at(1.0))
    for stamp in (at(1.0), Time()):
        with pytest.raises(tf2.ConnectivityException):
            buffer.lookup_transform("map", "thing", stamp)
    for malformed in ("", "/map"):
        with pytest.raises(tf2.InvalidArgumentException):
            buffer.lookup_transform(malformed, "car", at(1.0))
        assert not buffer.can_transform(malformed, "car", at(1.0))
    for error in (
        tf2.LookupException,
        tf2.ConnectivityException,
        tf2.ExtrapolationException,
        tf2.InvalidArgumentException,
    ):
        assert issubclass(error, tf2.TransformException)


def test_an_extrapolating_link_above_the_common_frame_does_not_matter(tf2, buffer):
    buffer.set_transform(transform("map", "base", 1.0), "test")
    buffer.set_transform_static(transform("base", "a", 0.0, (1, 0, 0)), "test")
    buffer.set_transform_static(transform("base", "b", 0.0, (0, 1, 0)), "test")
    assert buffer.lookup_transform("a", "b", at(99.0)).transform.translation.x == pytest.approx(-1.0)
    with pytest.raises(tf2.ExtrapolationException):
        buffer.lookup_transform("map", "b", at(99.0))


def test_malformed_transforms_are_ignored(tf2, buffer):
    for bad in (
        transform("map", "bad", 1.0, (np.nan, 0, 0)),
        transform("", "bad", 1.0),
        transform("bad", "bad", 1.0),
    ):
        buffer.set_transform(bad, "test")
    zero = transform("map", "bad", 1.0)
    zero.transform.rotation.w = 0.0
    buffer.set_transform(zero, "test")
    with pytest.raises(tf2.LookupException):
        buffer.lookup_transform("map", "bad", at(1.0))


def test_quaternions_are_normalised(buffer):
    message = transform("map", "car", 1.0, rpy=(0.1, 0.2, 0.3))
    for name in "xyzw":
        setattr(message.transform.rotation, name, 1.5 * getattr(message.transform.rotation, name))
    buffer.set_transform(message, "test")
    quaternion = buffer.lookup_transform("map", "car", at(1.0)).transform.rotation
    assert np.linalg.norm([quaternion.x, quaternion.y, quaternion.z, quaternion.w]) == pytest.approx(1.0)


def test_the_cache_is_limited(tf2, buffer):
    for stamp in range(1, 31):
        buffer.set_transform(transform("map", "car", stamp), "test")
    buffer.set_transform(transform("map", "car", 2.0), "test")  # too old to come back
    assert buffer.can_transform("map", "car", at(20.5))
    with pytest.raises(tf2.ExtrapolationException):
        buffer.lookup_transform("map", "car", at(19.5))


def test_clear_keeps_static_transforms(tf2, buffer):
    buffer.set_transform(transform("map", "car", 1.0), "test")
    buffer.set_transform_static(transform("car", "lidar", 0.0, (1, 2, 3)), "test")
    buffer.clear()
    assert buffer.can_transform("car", "lidar", at(1.0))
    with pytest.raises(tf2.TransformException):
        buffer.lookup_transform("map", "car", at(1.0))
    assert not buffer.can_transform("map", "car", Time())
    buffer.set_transform(transform("map", "car", 0.5), "test")  # time has jumped back: not too old
    assert buffer.can_transform("map", "lidar", at(0.5))


def test_a_frame_may_change_its_parent(buffer):
    buffer.set_transform_static(transform("map", "odom", 0.0, (100, 0, 0)), "test")
    buffer.set_transform(transform("map", "car", 1.0, (1, 0, 0)), "test")
    buffer.set_transform(transform("odom", "car", 2.0, (2, 0, 0)), "test")
    assert buffer.lookup_transform("map", "car", at(1.0)).transform.translation.x == pytest.approx(1.0)
    assert buffer.lookup_transform("map", "car", at(1.5)).transform.translation.x == pytest.approx(1.0)
    assert buffer.lookup_transform("map", "car", at(2.0)).transform.translation.x == pytest.approx(102.0)


def test_waits_for_a_transform(tf2, buffer):
    def publish_late():
        time.sleep(0.2)
        buffer.set_transform(transform("map", "car", 1.0, (7, 0, 0)), "test")

    thread = threading.Thread(target=publish_late)
    thread.start()
    found = buffer.lookup_transform("map", "car", at(1.0), Duration(seconds=5))
    thread.join()
    assert found.transform.translation.x == 7.0
    begin = time.monotonic()
    assert not buffer.can_transform("map", "car", at(9.0), Duration(seconds=0.1))
    assert 0.08 < time.monotonic() - begin < 2.0


def test_listener_and_broadcasters_over_the_wire(tf2, buffer, spin, wait_for):
    sender, receiver = spin(Node("sender")), spin(Node("receiver"))
    static = tf2.StaticTransformBroadcaster(sender)
    static.sendTransform([transform("base_link", "lidar", 0.0, (1, 0, 2)), transform("base_link", "camera")])
    static.sendTransform(transform("base_link", "radar", 0.0, (3, 0, 0)))
    listener = tf2.TransformListener(buffer, receiver)  # late: the static ones are latched
    wait_for(lambda: all(buffer.can_transform("base_link", each, Time()) for each in ("lidar", "camera", "radar")))
    moving = tf2.TransformBroadcaster(sender)
    wait_for(lambda: moving.pub_tf.get_subscription_count() > 0)
    moving.sendTransform(transform("map", "base_link", 1.0, (10, 0, 0)))
    moving.sendTransform([transform("map", "base_link", 2.0, (20, 0, 0))])
    wait_for(lambda: buffer.can_transform("map", "lidar", at(1.5)))
    assert buffer.lookup_transform("map", "lidar", at(1.5)).transform.translation.x == pytest.approx(16.0)
    listener.unregister()
