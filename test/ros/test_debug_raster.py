"""What the network sees, on a topic of the running prediction node: only for who looks, of a scene just predicted."""

from __future__ import annotations

import time

import numpy as np
import pytest
from prediction_peer import cars
from sensor_msgs.msg import Image

from zoox_prediction.recording.messages import odometry_to_message
from zoox_prediction.recording.messages.fields import stamp_ns
from zoox_prediction.ros.debug_raster import STATUS
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.qos import OUTPUT
from zoox_prediction.scene import AgentClass, EgoState
from zoox_prediction.visualization import palette

SIZE_PX = 128
TOPIC = "/prediction_node/debug/raster"


@pytest.fixture
def peer(start_node):
    return start_node(**{"raster.size_px": SIZE_PX, "raster.resolution_m": 0.5})


def test_the_scene_is_drawn_only_for_who_subscribes(peer, wait_for):
    """One process for all of it, because its start takes longer than the rest."""
    received: list[Image] = []
    wait_for(lambda: drive(peer, ego=False) and "p99" in peer.statuses["prediction"].message, what="predictions")
    assert drawn(peer) == 0

    subscription = peer.create_subscription(Image, TOPIC, received.append, OUTPUT)
    wait_for(lambda: drive(peer, ego=False) and received, what="a picture without an ego")
    assert received[-1].header.frame_id == "map"  # where it stands still
    assert (picture(received[-1]) == palette.AGENT[AgentClass.CAR]).all(axis=-1).any()

    wait_for(lambda: drive(peer) and received[-1].header.frame_id == "base_link", what="a picture with an ego")
    check_ego(received[-1])
    assert stamp_ns(received[-1].header.stamp) in {each.stamp_ns for each in peer.predictions}
    wait_for(lambda: drawn(peer) > 0)

    peer.destroy_subscription(subscription)
    after = [drawn(peer) for _ in range(30) if drive(peer)]
    assert after[-1] <= after[14] + 1  # the node may hear of the end a little later


def check_ego(message: Image) -> None:
    """A picture of the right size with the ego in its middle, looking up."""
    assert (message.height, message.width, message.step) == (SIZE_PX, SIZE_PX, 3 * SIZE_PX)
    assert message.encoding == "rgb8"
    rows, columns = np.nonzero((picture(message) == palette.EGO).all(axis=-1))
    middle = SIZE_PX / 2 - 0.5
    ahead_px = 1.4 / 0.5  # the middle of the box lies ahead of base_link, and ahead is up
    assert abs(columns.mean() - middle) < 1.0 and abs(rows.mean() - (middle - ahead_px)) < 1.0
    assert np.ptp(rows) > np.ptp(columns)


def drive(peer, ego: bool = True) -> bool:
    """A tenth of a second of a vehicle that looks north, among cars."""
    now_ns = peer.now_ns()
    if ego:
        state = EgoState(now_ns, np.array([10.0, 20.0]), np.pi / 2, np.array([0.0, 3.0]))
        peer.odometry.publish(odometry_to_message(state, ROS_TYPES))
    peer.publish(cars(now_ns))
    time.sleep(0.1)
    return True


def drawn(peer) -> int:
    """How many pictures the node has drawn of late, by its diagnostics."""
    (samples,) = [each.value for each in peer.statuses[STATUS].values if each.key == "samples"]
    return int(samples)


def picture(message: Image) -> np.ndarray:
    return np.frombuffer(bytes(message.data), dtype=np.uint8).reshape(message.height, message.width, 3)
