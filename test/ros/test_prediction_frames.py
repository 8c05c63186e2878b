"""Tracks and odometry in other frames than the map, through the prediction node as a process."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from prediction_peer import Peer, cars
from rclpy.time import Time

from zoox_prediction.recording.messages import odometry_to_message
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.tf import StaticTransformBroadcaster, TransformBroadcaster
from zoox_prediction.scene import EgoState

ODOM_IN_MAP = (1000.0, -50.0)  # turned by a quarter to the left


def transform(stamp_ns: int) -> TransformStamped:
    message = TransformStamped()
    message.header.frame_id, message.child_frame_id = "map", "odom"
    message.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
    message.transform.translation.x, message.transform.translation.y = ODOM_IN_MAP
    message.transform.rotation.z = message.transform.rotation.w = np.sqrt(0.5)
    return message


def publish_odometry(peer: Peer, frame_id: str, stamp_ns: int) -> None:
    ego = EgoState(stamp_ns, np.zeros(2), 0.0, np.array([5.0, 0.0]))
    message = odometry_to_message(ego, ROS_TYPES)
    message.header.frame_id = frame_id
    peer.odometry.publish(message)


def received(peer: Peer, topic: str) -> int:
    """How many messages the node has taken so far."""
    status = peer.statuses[f"input {topic}"]
    return int(next(each.value for each in status.values if each.key == "messages"))


@pytest.mark.parametrize("broadcaster_class", [StaticTransformBroadcaster, TransformBroadcaster])
def test_what_arrives_in_odom_is_predicted_in_the_map(peer, wait_for, broadcaster_class):
    broadcaster = broadcaster_class(peer)
    if broadcaster_class is StaticTransformBroadcaster:
        broadcaster.sendTransform(transform(0))
    sent = []

    def send() -> bool:
        """As on a vehicle: the transform of a moment comes a little later than what was seen then."""
        stamp_ns = peer.now_ns()
        sent.append(dataclasses.replace(cars(stamp_ns), frame_id="odom"))
        peer.publish(sent[-1])
        publish_odometry(peer, "odom", stamp_ns)
        time.sleep(0.02)
        if broadcaster_class is TransformBroadcaster:
            broadcaster.sendTransform(transform(stamp_ns))
        time.sleep(0.08)
        return len({each.stamp_ns for each in peer.predictions}) >= 5

    wait_for(send, timeout_s=60.0, what="the fifth prediction")
    stamps = {each.stamp_ns for each in peer.predictions}
    agents = next(each for each in sent if each.stamp_ns in stamps)
    predictions = peer.predictions_of(agents)
    assert predictions.frame_id == "map"
    best = predictions.position[np.arange(3), predictions.probability.argmax(axis=1)]
    expected = np.column_stack([ODOM_IN_MAP[0] - agents.position[:, 1], ODOM_IN_MAP[1] + agents.position[:, 0]])
    np.testing.assert_allclose(best[:, 0], expected + np.array([0.0, 0.5]), atol=0.2)  # after 0.1 s at 5 m/s
    wait_for(lambda: received(peer, "odometry") > 0)


def test_a_frame_that_nobody_names_is_one_line_and_holds_up_nothing(peer, wait_for):
    wait_for(lambda: "input odometry" in peer.statuses)
    started_s = time.monotonic()
    sent, sent_s = [], []
    for step in range(150):  # 3 s: odometry at 50 Hz in the map, agents at 10 Hz in nowhere and in the map
        publish_odometry(peer, "map", peer.now_ns())
        if step % 5 == 0:
            peer.publish(dataclasses.replace(cars(peer.now_ns()), frame_id="nowhere"))
            agents = cars(peer.now_ns())
            peer.publish(agents)
            sent.append(agents)
            sent_s.append(time.monotonic())
        time.sleep(max(0.0, started_s + 0.02 * (step + 1) - time.monotonic()))
    wait_for(lambda: received(peer, "odometry") >= 145, what="the odometry")
    wait_for(lambda: peer.predictions_of(sent[-1]) is not None)
    arrivals_s = [peer.arrival_s.get(agents.stamp_ns, np.inf) for agents in sent]
    assert np.isfinite(arrivals_s).sum() >= 27
    # Each came right behind one in nowhere; the fastest quarter, for the machine may be busy with other things.
    assert np.percentile(np.subtract(arrivals_s, sent_s), 25) < 0.09
    assert "tracked_agents" in peer.problems() and "'nowhere'" in peer.problems()
    assert sum("'nowhere'" in line for line in peer.process.output.splitlines()) == 1
