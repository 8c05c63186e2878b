from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.errors import InputError
from zoox_prediction.recording.typestore import RosbagsTypes, typestore
from zoox_prediction.resources import resource_path


def test_every_interface_of_the_package_is_known():
    for path in resource_path("msg").glob("*.msg"):
        assert f"zoox_prediction/msg/{path.stem}" in typestore().types
    for path in resource_path("srv").glob("*.srv"):
        for part in ("Request", "Response"):
            assert f"zoox_prediction/srv/{path.stem}_{part}" in typestore().types


@pytest.mark.parametrize("name", ["nav_msgs/msg/Odometry", "sensor_msgs/msg/PointCloud2", "tf2_msgs/msg/TFMessage"])
def test_the_standard_messages_are_known(name):
    assert RosbagsTypes()[name].__msgtype__ == name


def test_the_store_is_made_once():
    assert typestore() is typestore()


def test_default_messages_can_be_serialized_and_share_nothing():
    types = RosbagsTypes()
    for name in typestore().types:
        if name.startswith(("zoox_prediction/", "sensor_msgs/", "nav_msgs/")):
            typestore().serialize_cdr(types.new(name), name)
    one, other = (types.new("zoox_prediction/msg/TrackedAgent") for _ in range(2))
    one.pose.pose.position.x = 5.0
    one.class_probabilities[0] = 1.0
    one.sensors.append("lidar")
    assert other.pose.pose.position.x == 0.0 and not other.class_probabilities.any() and other.sensors == []


def test_arrays_are_flat_and_contiguous():
    array = RosbagsTypes().array(np.arange(12.0).reshape(3, 4)[:, ::2])
    assert array.flags.c_contiguous and array.tolist() == [0, 2, 4, 6, 8, 10]


def test_a_service_has_a_request_and_a_response():
    service = RosbagsTypes()["zoox_prediction/srv/PredictConditional"]
    assert service.Request.__msgtype__.endswith("PredictConditional_Request")
    assert service.Response.__msgtype__.endswith("PredictConditional_Response")


def test_messages_go_over_cdr():
    types = RosbagsTypes()
    header = types.new("std_msgs/msg/Header")
    header.frame_id = "map"
    data = types.serialize(header)
    assert isinstance(data, bytes)
    assert types.deserialize(data, "std_msgs/msg/Header") == header
    for wrong in (b"", b"\x00\x01\x00\x00", data[:-6], b"\xff" * 40):
        with pytest.raises(InputError, match="no std_msgs/msg/Header"):
            types.deserialize(wrong, "std_msgs/msg/Header")
