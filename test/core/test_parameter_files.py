"""The parameter files of the detection and tracking nodes and the defaults in code are one and the same."""

from __future__ import annotations

import re

import pytest
import yaml

from zoox_prediction.config import ConfigError, flatten, from_mapping, load_yaml, unflatten
from zoox_prediction.detection.config import DetectionConfig
from zoox_prediction.resources import resource_path
from zoox_prediction.tracking.pipeline import TrackingNodeConfig

FILES = [("detection_node", DetectionConfig), ("tracking_node", TrackingNodeConfig)]


@pytest.mark.parametrize(("node", "config"), FILES)
def test_file_loads_strictly_and_equals_the_defaults(node, config):
    assert load_yaml(config, resource_path(f"config/{node}.yaml"), node) == config()


@pytest.mark.parametrize(("node", "config"), FILES)
def test_file_lists_every_parameter_with_the_type_that_ros_declares(node, config):
    def leaves(values: dict, prefix: str = "") -> dict:
        found = {}
        for key, value in values.items():
            found.update(leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value})
        return found

    text = resource_path(f"config/{node}.yaml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    in_file, in_code = leaves(document.get(node, document.get("/**"))["ros__parameters"]), flatten(config())
    assert set(in_file) == set(in_code)
    assert {key: type(value) for key, value in in_file.items()} == {key: type(v) for key, v in in_code.items()}
    for key, value in in_file.items():
        if isinstance(value, list):  # rclpy takes no mixed lists
            assert [type(item) for item in value] == [type(item) for item in in_code[key]], key


@pytest.mark.parametrize(("node", "config"), FILES)
def test_flat_names_go_back_to_the_config(node, config):
    assert from_mapping(config, unflatten(flatten(config()))) == config()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"modality": "lydar"}, "did you mean 'lidar'"),
        ({"modality": "camera", "scanning": True}, "scanning is for radars"),
        ({"max_latency_s": 0.0}, "max_latency_s must be above 0"),
        ({"lidar": {"max_range": 3.0}}, "did you mean 'lidar.max_range_m'"),
    ],
)
def test_what_cannot_be_meant_is_told(values, words):
    with pytest.raises(ConfigError, match=re.escape(words)):
        from_mapping(DetectionConfig, values)


def test_an_output_waits_less_than_a_period():
    with pytest.raises(ConfigError, match="gather_s must be 0 to below period_s"):
        from_mapping(TrackingNodeConfig, {"period_s": 0.05, "gather_s": 0.05})
