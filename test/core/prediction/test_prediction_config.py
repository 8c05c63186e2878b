"""The parameter file of the prediction node and the defaults in code are one and the same."""

from __future__ import annotations

import re

import pytest
import yaml

from zoox_prediction.config import ConfigError, flatten, from_mapping, load_yaml, unflatten
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.resources import resource_path

PATH = resource_path("config/prediction_node.yaml")


def parameters() -> dict:
    return yaml.safe_load(PATH.read_text())["prediction_node"]["ros__parameters"]


def test_file_loads_strictly_and_equals_the_defaults():
    assert load_yaml(PredictionConfig, PATH, "prediction_node") == PredictionConfig()


def test_file_lists_every_parameter_with_the_type_that_ros_declares():
    def leaves(values: dict, prefix: str = "") -> dict:
        found = {}
        for key, value in values.items():
            found.update(leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value})
        return found

    in_file, in_code = leaves(parameters()), flatten(PredictionConfig())
    assert set(in_file) == set(in_code)
    assert {key: type(value) for key, value in in_file.items()} == {key: type(v) for key, v in in_code.items()}
    for key, value in in_file.items():
        if isinstance(value, list):  # rclpy takes no mixed lists
            assert [type(item) for item in value] == [type(item) for item in in_code[key]], key


def test_every_group_or_parameter_is_explained():
    lines = PATH.read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"\s+\w+:", line) and "ros__parameters" not in line:
            above = lines[number - 1].strip()
            named_by_unit = re.match(r"\s+\w+_(m|s|mps|mps2|hz|ms):", line)
            is_group = line.rstrip().endswith(":")
            assert "#" in line or above.startswith("#") or named_by_unit or is_group, line


def test_flat_names_go_back_to_the_config():
    assert from_mapping(PredictionConfig, unflatten(flatten(PredictionConfig()))) == PredictionConfig()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"histori": {}}, "did you mean 'history'"),
        ({"history": {"past": 2.0}}, "did you mean 'history.past_s'"),
        ({"history": {"past_s": "long"}}, "'history.past_s' must be float"),
        ({"history": {"past_s": -1.0}}, "past_s"),
        ({"history": 3}, "'history' must be a mapping"),
        ({"history": {"limits": {"max_speed_mps": 0.0}}}, "max_speed_mps must be > 0"),
        ({"ego": {"length_m": 0.0}}, "length_m"),
    ],
)
def test_mistakes_are_one_sentence_that_names_the_parameter(values, words):
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        from_mapping(PredictionConfig, values)
    assert "\n" not in str(caught.value)
