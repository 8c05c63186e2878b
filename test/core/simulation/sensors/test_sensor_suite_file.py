"""The suite's file: what the package's own says, and what is refused with which sentence."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from zoox_prediction.config import ConfigError
from zoox_prediction.detections import Modality
from zoox_prediction.resources import resource_path
from zoox_prediction.simulation.sensors.config import CameraConfig, LidarConfig
from zoox_prediction.simulation.sensors.suite_file import SUITE_FILE, load_suite_config, suite_config

DOCUMENT = yaml.safe_load(resource_path(SUITE_FILE).read_text(encoding="utf-8"))
FILES = sorted(path.name for path in resource_path("config").glob("sensor_suite*.yaml"))


@pytest.mark.parametrize("name", FILES)
def test_every_corner_has_all_modalities_and_each_sees_the_full_circle(name: str) -> None:
    config = load_suite_config(resource_path(f"config/{name}"))
    assert len(config.sensors) == 16
    for modality in Modality:
        mine = [sensor for sensor in config.sensors if sensor.modality == modality]
        places = {(np.sign(each.mount.x_m - 1.4), np.sign(each.mount.y_m)) for each in mine}
        assert places == {(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)}
        bearing = np.linspace(-np.pi, np.pi, 721)
        off = np.angle(np.exp(1j * (bearing[:, None] - [each.mount.yaw_rad for each in mine])))
        assert (np.abs(off) <= [0.5 * each.horizontal_fov_rad for each in mine]).any(axis=1).all()


def test_lidars_reach_150_m_and_have_moderate_sizes() -> None:
    lidars = [sensor for sensor in load_suite_config().sensors if isinstance(sensor, LidarConfig)]
    assert len(lidars) == 4
    assert {lidar.max_range_m for lidar in lidars} == {150.0}
    assert all(lidar.num_azimuths * len(lidar.elevations_rad) <= 30_000 for lidar in lidars)


def test_names_topics_and_frames() -> None:
    camera = next(sensor for sensor in load_suite_config().sensors if isinstance(sensor, CameraConfig))
    assert camera.name == "camera_front_left"
    assert camera.topic == "/sensors/camera_front_left/image/compressed"
    assert camera.info_topic == "/sensors/camera_front_left/camera_info"
    assert camera.frame_id == "camera_front_left"


def _sensor(document: dict, name: str = "lidar_front_left") -> dict:
    return document["sensors"][name]


MISTAKES: list[tuple[Callable[[dict], Any], str]] = [
    (
        lambda d: _sensor(d).update(topik="/x"),
        r"unknown parameter 'sensors\.lidar_front_left\.topik', did you mean .*topic'",
    ),
    (
        lambda d: _sensor(d)["noise"].update(drop_out=0.1),
        r"'sensors\.lidar_front_left\.noise\.drop_out', did you mean 'sensors\.lidar_front_left\.noise\.dropout'",
    ),
    (lambda d: _sensor(d)["mount"].update(yaw=0.1), r"'sensors\.lidar_front_left\.mount\.yaw'"),
    (
        lambda d: _sensor(d).update(modality="lider"),
        r"modality' must be one of camera, thermal, lidar, radar, got 'lider'",
    ),
    (lambda d: _sensor(d).pop("modality"), r"modality' must be one of"),
    (lambda d: _sensor(d).pop("frame_id"), r"'sensors\.lidar_front_left' is not complete: missing .*'frame_id'"),
    (lambda d: _sensor(d).update(rate_hz=0.0), r"sensors\.lidar_front_left: rate_hz must be 0\.01 to 1000"),
    (lambda d: _sensor(d).update(num_azimuths="many"), r"num_azimuths' must be int, got 'many'"),
    (lambda d: _sensor(d).update(elevations_rad=[0.1, 0.0]), r"elevations_rad must rise"),
    (lambda d: _sensor(d).update(min_range_m=200.0), r"min_range_m must be above 0 and below max_range_m"),
    (lambda d: _sensor(d).update(horizontal_fov_rad=270.0), r"horizontal_fov_rad must be above 0 and at most 2 pi"),
    (lambda d: _sensor(d).update(topic="points"), r"topic must begin with /"),
    (lambda d: _sensor(d).update(name="x"), r"the sensor's name is the key above it"),
    (lambda d: _sensor(d, "camera_front_left").update(horizontal_fov_rad=3.1), r"of a pinhole must be at most 2\.8"),
    (lambda d: _sensor(d, "camera_front_left").update(jpeg_quality=0), r"jpeg_quality must be 1 to 100"),
    (lambda d: _sensor(d, "lidar_rear_left").update(frame_id="lidar_front_left"), r"two sensors have the frame_id"),
    (
        lambda d: _sensor(d, "radar_rear_left").update(topic="/sensors/lidar_front_left/points"),
        r"two sensors have the topic",
    ),
    (lambda d: d.update(sensor={}), r"unknown parameter 'sensor', did you mean 'sensors'"),
    (lambda d: d["odometry"].update(drift=1.0), r"unknown parameter 'odometry\.drift'"),
    (lambda d: d.pop("sensors"), r"expected a mapping 'sensors:'"),
    (lambda d: d["sensors"].update(lidar_front_left=[1]), r"'sensors\.lidar_front_left' must be a mapping"),
]


@pytest.mark.parametrize(("spoil", "sentence"), MISTAKES, ids=[str(number) for number in range(len(MISTAKES))])
def test_a_mistake_is_named(spoil: Callable[[dict], Any], sentence: str, tmp_path: Path) -> None:
    document = copy.deepcopy(DOCUMENT)
    spoil(document)
    path = tmp_path / "suite.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(ConfigError, match=sentence) as caught:
        load_suite_config(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot be read"):
        load_suite_config(tmp_path / "gone.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("sensors: [", encoding="utf-8")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_suite_config(broken)


def test_what_is_left_out_has_its_default() -> None:
    document = copy.deepcopy(DOCUMENT)
    del document["odometry"], document["sensors"]["lidar_front_left"]["noise"]
    config = suite_config(document)
    assert config.odometry.topic == ""
    lidar = config.sensors[0]
    assert isinstance(lidar, LidarConfig) and lidar.noise.range_deviation_m == 0.02
