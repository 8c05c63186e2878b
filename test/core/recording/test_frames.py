"""Frames of a recording in each other, in space and time."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from zoox_prediction.recording.frames import Pose, TransformHistory
from zoox_prediction.recording.messages import stamp_to_message
from zoox_prediction.recording.typestore import RosbagsTypes

_TYPES = RosbagsTypes()


def _transform(parent: str, child: str, stamp_ns: int, x: float, rotation: Rotation | None = None) -> SimpleNamespace:
    message = _TYPES.new("geometry_msgs/msg/TransformStamped")
    message.header.stamp, message.header.frame_id = stamp_to_message(stamp_ns, _TYPES), parent
    message.child_frame_id = child
    message.transform.translation.x = x
    each = message.transform.rotation
    each.x, each.y, each.z, each.w = (rotation or Rotation.identity()).as_quat().tolist()
    return SimpleNamespace(transforms=[message])


def test_poses_in_space_compose_from_left_to_right() -> None:
    roll, yaw = Rotation.from_euler("x", np.pi / 2), Rotation.from_euler("z", np.pi / 2)
    a_from_b, b_from_c = Pose(roll, np.array([1.0, 0.0, 0.0])), Pose(yaw, np.array([0.0, 2.0, 0.0]))
    a_from_c = a_from_b.after(b_from_c)
    point = np.array([3.0, 4.0, 5.0])
    in_b = yaw.apply(point) + b_from_c.translation
    in_a = roll.apply(in_b) + a_from_b.translation
    np.testing.assert_allclose(a_from_c.rotation.apply(point) + a_from_c.translation, in_a)


def test_a_chain_is_followed_and_interpolated() -> None:
    history = TransformHistory()
    history.add_message(_transform("base_link", "lidar", 0, 1.5), static=True)
    for stamp_ns, x, yaw in ((0, 0.0, 3.0), (100_000_000, 2.0, -3.0)):  # the shorter way is across pi
        history.add_message(_transform("map", "base_link", stamp_ns, x, Rotation.from_euler("z", yaw)))
    pose = history.lookup("map", "lidar", 50_000_000)
    assert pose is not None
    np.testing.assert_allclose(pose.planar[:2], [1.0 - 1.5, 0.0], atol=1e-9)
    assert abs(pose.planar[2]) == pytest.approx(np.pi)


@pytest.mark.parametrize("times", [(0,), (0, 100_000_000)])
def test_an_old_transform_is_not_known_but_a_static_one_is(times: tuple[int, ...]) -> None:
    history = TransformHistory()
    for stamp_ns in times:
        history.add_message(_transform("map", "base_link", stamp_ns, 1.0))
    last = times[-1]
    assert history.lookup("map", "base_link", last + 499_000_000) is not None
    assert history.lookup("map", "base_link", last + 501_000_000) is None
    history.add_message(_transform("base_link", "lidar", 0, 1.0), static=True)
    assert history.lookup("base_link", "lidar", 10**18) is not None


def test_unknown_frames_and_circles_have_no_pose() -> None:
    history = TransformHistory()
    history.add_message(_transform("a", "b", 0, 1.0), static=True)
    history.add_message(_transform("b", "a", 0, 1.0), static=True)
    assert history.lookup("map", "b", 0) is None
    assert history.lookup("map", "nowhere", 0) is None
    history.add_message(_transform("map", "c", 0, np.nan), static=True)
    assert history.lookup("map", "c", 0) is None
