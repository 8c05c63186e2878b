"""The suite file as launch files read it: which detection node each sensor gets, and what is refused."""

from __future__ import annotations

import re

import pytest

from zoox_prediction.config import ConfigError, from_mapping, unflatten
from zoox_prediction.detection.config import DetectionConfig
from zoox_prediction.detection.sensor_suite import load_sensor_suite
from zoox_prediction.resources import resource_path
from zoox_prediction.simulation.sensors.suite_file import load_suite_config


def written(tmp_path, text: str):
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["sensor_suite.yaml", "sensor_suite_small.yaml"])
def test_every_sensor_of_the_shipped_suites_has_a_node_that_accepts_its_parameters(name):
    path = resource_path(f"config/{name}")
    nodes = [sensor.node() for sensor in load_sensor_suite(path)]
    simulated = load_suite_config(path).sensors
    assert [node.name for node in nodes] == [f"{sensor.name}_detection" for sensor in simulated]
    for node, sensor in zip(nodes, simulated, strict=True):
        config = from_mapping(DetectionConfig, unflatten(node.parameters))
        assert config.sensor_modality == sensor.modality and config.sensor_name == sensor.name
        assert sensor.topic in node.remappings.values()
        assert config.compressed == sensor.topic.endswith("/compressed")


def test_a_vehicle_need_not_say_what_the_simulation_wants_to_know(tmp_path):
    path = written(
        tmp_path,
        """
        sensors:
          roof: {modality: lidar, topic: /roof/points, frame_id: roof}
          turning: {modality: radar, topic: /navtech, detection: {scanning: true}}
          night: {modality: thermal, topic: /night/image, info_topic: /night/camera_info,
                  detection: {image: {thermal: {min_score: 0.5}}}}
        """,
    )
    roof, turning, night = (sensor.node() for sensor in load_sensor_suite(path))
    assert roof.parameters == {"modality": "lidar", "sensor_name": "roof"}
    assert roof.remappings == {"points": "/roof/points"}
    assert turning.parameters == {"modality": "radar", "sensor_name": "turning", "scanning": True}
    assert turning.remappings == {"image": "/navtech"}
    assert night.parameters["image.thermal.min_score"] == 0.5
    assert night.remappings == {"image": "/night/image", "camera_info": "/night/camera_info"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "expected a mapping 'sensors:'"),
        ("sensors: {}", "expected a mapping 'sensors:'"),
        ("sensors: {a: {modality: sonar, topic: /a}}", "'sensors.a.modality' must be one of"),
        ("sensors: {a: {modality: lidar, topics: /a}}", "did you mean 'sensors.a.topic'?"),
        ("sensors: {a: {modality: lidar}}", "'sensors.a.topic' must name a topic"),
        ("sensors: {a: {modality: camera, topic: /a}}", "'sensors.a.info_topic' must name a topic"),
        ("sensors: {a b: {modality: lidar, topic: /a}}", "the name 'a b'"),
        (
            "sensors: {a: {modality: lidar, topic: /a, detection: {lidar: {max_range: 1.0}}}}",
            "did you mean 'sensors.a.detection.lidar.max_range_m'",
        ),
        ("sensors: {a: {modality: lidar, topic: /a, detection: {sensor_name: b}}}", "told by the sensor itself"),
        (
            "sensors: {a: {modality: lidar, topic: /a}, b: {modality: lidar, topic: /a}}",
            "two sensors have the topic '/a'",
        ),
    ],
)
def test_mistakes_are_told_with_file_and_key(tmp_path, text, words):
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=re.escape(words)) as error:
        load_sensor_suite(path)
    assert str(path) in str(error.value)


def test_the_simulation_does_not_mind_parameters_of_the_detection_node(tmp_path):
    text = resource_path("config/sensor_suite_small.yaml").read_text()
    changed = text.replace("    modality: camera\n", "    modality: camera\n    detection: {max_latency_s: 0.2}\n")
    assert load_suite_config(written(tmp_path, changed)) == load_suite_config(
        resource_path("config/sensor_suite_small.yaml")
    )
