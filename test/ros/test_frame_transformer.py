from __future__ import annotations

import contextlib
import threading
import time

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.time import Time

from zoox_prediction.ros.tf import StaticTransformBroadcaster, TransformBroadcaster
from zoox_prediction.ros.transforms import FrameTransformer, TransformError
from zoox_prediction.scene import EgoState, TrackedAgents

SECOND = 1_000_000_000


def transform(parent, child, stamp_s, x, yaw, z=0.0):
    message = TransformStamped()
    message.header.frame_id, message.child_frame_id = parent, child
    message.header.stamp = Time(nanoseconds=round(stamp_s * 1e9)).to_msg()
    message.transform.translation.x, message.transform.translation.z = x, z
    message.transform.rotation.z, message.transform.rotation.w = np.sin(yaw / 2), np.cos(yaw / 2)
    return message


@pytest.fixture
def frames(request, spin, wait_for):
    """map <- odom (static, 1000 m, a quarter turn) <- base_link (moving at 10 m/s)."""
    sender, receiver = spin(Node("sender")), spin(Node("receiver"))
    frames = FrameTransformer(receiver, timeout_s=getattr(request, "param", 0.2))
    static, moving = StaticTransformBroadcaster(sender), TransformBroadcaster(sender)
    frames.moving = moving
    static.sendTransform(transform("map", "odom", 0.0, 1000.0, np.pi / 2, z=3.0))
    wait_for(moving.pub_tf.get_subscription_count)
    moving.sendTransform([transform("odom", "base_link", stamp, 10.0 * stamp, 0.0) for stamp in (1.0, 1.1, 1.2)])
    wait_for(lambda: knows(frames, "base_link", 1.2) and knows(frames, "odom", 1.2), what="the transforms")
    yield frames
    frames.close()


def knows(frames, frame, stamp_s):
    with contextlib.suppress(TransformError):
        return frames.pose(frame, round(stamp_s * SECOND))[0] is not None


def agents_in(frame, stamp_ns):
    return TrackedAgents.from_states(
        stamp_ns, np.array([1]), np.array([0]), np.array([[5.0, 2.0]]), np.zeros(1), np.array([[3.0, 0.0]]),
        frame_id=frame,
    )  # fmt: skip


def test_agents_of_a_moving_frame_come_into_the_map(frames):
    moved = frames.agents_in_map(agents_in("base_link", round(1.15 * SECOND)))
    np.testing.assert_allclose(moved.position, [[998.0, 16.5, 3.0]], atol=1e-9)
    np.testing.assert_allclose(moved.velocity, [[0.0, 3.0]], atol=1e-9)
    assert moved.yaw[0] == pytest.approx(np.pi / 2) and moved.frame_id == "map"


def test_the_whole_pose_of_a_frame_has_rotation_and_height(frames):
    matrix = frames.matrix("base_link", round(1.15 * SECOND))
    expected = [[0, -1, 0, 1000.0], [1, 0, 0, 11.5], [0, 0, 1, 3.0], [0, 0, 0, 1]]
    np.testing.assert_allclose(matrix, expected, atol=1e-9)


def test_ego_of_odometry_comes_into_the_map(frames):
    ego = EgoState(7 * SECOND, np.array([20.0, 0.0]), 0.0, np.array([10.0, 0.0]))
    moved = frames.ego_in_map(ego, "odom")  # static: at any time
    np.testing.assert_allclose(moved.position, [1000.0, 20.0], atol=1e-9)
    assert moved.z == pytest.approx(3.0)


def test_what_is_in_the_map_stays_as_it_is(frames):
    agents = agents_in("map", 99 * SECOND)
    assert frames.agents_in_map(agents) is agents
    ego = EgoState(99 * SECOND, np.zeros(2), 0.0, np.zeros(2))
    assert frames.ego_in_map(ego, "map") is ego


@pytest.mark.parametrize(("frame", "stamp_s"), [("base_link", 5.0), ("lidar", 1.1), ("", 1.1)])
def test_what_cannot_be_transformed_is_one_sentence(frames, frame, stamp_s):
    with pytest.raises(TransformError) as caught:
        frames.agents_in_map(agents_in(frame, round(stamp_s * SECOND)))
    assert f"no transform 'map' from '{frame}'" in str(caught.value) and "\n" not in str(caught.value)


def test_after_a_reset_the_past_is_gone_and_old_stamps_are_welcome(frames, wait_for):
    frames.agents_in_map(agents_in("base_link", round(1.1 * SECOND)))
    frames.reset()
    with pytest.raises(TransformError):
        frames.agents_in_map(agents_in("base_link", round(1.1 * SECOND)))
    frames.ego_in_map(EgoState(0, np.zeros(2), 0.0, np.zeros(2)), "odom")  # static ones stay
    frames.moving.sendTransform(transform("odom", "base_link", 0.5, 5.0, 0.0))
    wait_for(lambda: knows(frames, "base_link", 0.5))


@pytest.mark.parametrize("frames", [20.0], indirect=True)
def test_a_transform_that_is_on_its_way_is_waited_for(frames):
    stamp_s = 1.3
    late = threading.Timer(0.05, frames.moving.sendTransform, [transform("odom", "base_link", stamp_s, 13.0, 0.0)])
    late.start()
    moved = frames.agents_in_map(agents_in("base_link", round(stamp_s * SECOND)))
    late.join()
    np.testing.assert_allclose(moved.position, [[998.0, 18.0, 3.0]], atol=1e-9)


def test_waiting_does_not_hold_up_what_comes_next(frames):
    def duration_s(frame, stamp_s):
        started = time.monotonic()
        with pytest.raises(TransformError):
            frames.agents_in_map(agents_in(frame, round(stamp_s * SECOND)))
        return time.monotonic() - started

    duration_s("nowhere", 1.1)
    assert sum(duration_s("nowhere", 1.1) for _ in range(20)) < 0.2  # nobody ever named it
    assert duration_s("base_link", 9.0) >= 0.2  # it may come
    assert sum(duration_s("base_link", 9.0) for _ in range(20)) < 0.2  # but not always late
    time.sleep(0.4)
    assert duration_s("base_link", 9.0) >= 0.2
