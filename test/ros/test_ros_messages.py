from __future__ import annotations

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message

from zoox_prediction.errors import InputError
from zoox_prediction.maps.road_network import Ragged, RoadNetwork
from zoox_prediction.recording.messages import (
    predictions_from_message,
    predictions_to_message,
    road_network_from_message,
    road_network_to_message,
    tracked_agents_from_message,
    tracked_agents_to_message,
    traffic_signals_from_message,
    traffic_signals_to_message,
)
from zoox_prediction.ros.benchmark import benchmark_cases
from zoox_prediction.ros.messages import ROS_TYPES, interface_class
from zoox_prediction.scene import TrackedAgents, TrafficSignals


def over_the_wire(message):
    return deserialize_message(serialize_message(message), type(message))


@pytest.mark.parametrize(
    ("dtype", "typecode"),
    [("f4", "f"), ("f8", "d"), ("u1", "B"), ("i1", "b"), ("i4", "i"), ("u4", "I"), ("i8", "q"), ("u8", "Q")],
)
def test_array_has_the_typecode_of_the_field_and_every_value(dtype, typecode):
    values = np.arange(12, dtype=dtype).reshape(3, 4)[:, ::2]  # not contiguous
    filled = ROS_TYPES.array(values)
    assert filled.typecode == typecode and list(filled) == values.ravel().tolist()
    assert len(ROS_TYPES.array(values[:0])) == 0


def test_array_of_booleans_is_a_list_and_other_types_are_refused():
    assert ROS_TYPES.array(np.array([True, False])) == [True, False]
    with pytest.raises(TypeError, match="float16"):
        ROS_TYPES.array(np.zeros(2, dtype=np.float16))


def test_classes_by_name():
    assert ROS_TYPES["sensor_msgs/msg/PointCloud2"].__name__ == "PointCloud2"
    assert ROS_TYPES["zoox_prediction/srv/PredictConditional_Request"]().agent_ids.typecode == "q"
    assert ROS_TYPES.new("std_msgs/msg/Header").frame_id == ""
    for missing in ("no_such_msgs/msg/Thing", "std_msgs/msg/Thing", "Thing"):
        with pytest.raises(InputError, match="no such ROS interface"):
            interface_class(missing)


def test_agents_survive_the_wire():
    agents = TrackedAgents.from_states(
        1_700_000_000_123_456_789,
        np.array([3, -4]),
        np.array([0, 5]),
        np.array([[1.0, 2.0, 0.5], [3.0, 4.0, 0.0]]),
        np.array([0.5, -2.0]),
        np.array([[5.0, 1.0], [0.0, 1.0]]),
        pose_covariance=np.tile(np.diag([0.25, 0.5, 0.125]), (2, 1, 1)),
        attributes=np.array([8, 2**31], dtype=np.uint32),
    )
    received = tracked_agents_from_message(over_the_wire(tracked_agents_to_message(agents, ROS_TYPES)))
    assert received.stamp_ns == agents.stamp_ns and received.frame_id == "map"
    for name in ("ids", "position", "velocity", "pose_covariance", "attributes", "class_probabilities"):
        np.testing.assert_allclose(getattr(received, name), getattr(agents, name), atol=1e-6, err_msg=name)
    np.testing.assert_allclose(received.yaw, agents.yaw, atol=1e-6)


def test_signals_and_road_network_survive_the_wire():
    signals = TrafficSignals(5, np.array([7, 8]), np.array([1, 3], np.uint8), np.array([4, 5]), np.array([0.5, 1.0]))
    received = traffic_signals_from_message(over_the_wire(traffic_signals_to_message(signals, ROS_TYPES)))
    np.testing.assert_array_equal(received.state_stamp_ns, signals.state_stamp_ns)
    np.testing.assert_array_equal(received.state, signals.state)
    zebra = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 8.0], [0.0, 8.0]])
    network = RoadNetwork(
        source="a zebra",
        crosswalk_ids=np.array([5]),
        crosswalks=Ragged.points([zebra]),
        crosswalk_signal=np.array([-1]),
    )
    received = road_network_from_message(over_the_wire(road_network_to_message(network, ROS_TYPES)))
    assert received.source == "a zebra" and len(received.lanes) == 0
    np.testing.assert_array_equal(received.crosswalks[0], zebra)


def test_benchmark_runs_what_it_says():
    cases = dict(benchmark_cases(num_agents=3, num_modes=2, num_steps=5))
    serialized = cases["rclpy: arrays to bytes"]()
    received = cases["rclpy: bytes to arrays"]()
    assert received.position.shape == (3, 2, 5, 2)
    again = over_the_wire(predictions_to_message(received, ROS_TYPES))
    np.testing.assert_array_equal(predictions_from_message(again).position, received.position)
    assert len(serialized) > 3 * 2 * 5 * 7 * 4
