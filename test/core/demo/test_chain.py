"""Which nodes a recording is played through."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoox_prediction.demo.chain import chain_of
from zoox_prediction.errors import InputError
from zoox_prediction.recording.generated import generate_recording
from zoox_prediction.recording.sources import find_one_recording
from zoox_prediction.resources import resource_path


@pytest.fixture(scope="module")
def with_sensors() -> Path:
    return find_one_recording(resource_path("recordings")).path


@pytest.fixture(scope="module")
def without_sensors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recordings") / "drive"
    generate_recording(path, duration_s=1.0)
    return path


def test_sensors_have_a_node_each_and_the_truth_is_not_played(with_sensors):
    chain = chain_of(with_sensors, from_tracks=False)
    assert len(chain.sensors) == 16 and chain.from_sensors
    assert chain.odometry_topic == "/localization/odometry" and chain.tracks_topic == "/tracked_agents"
    assert {"/ground_truth/agents", "/tracked_agents", "/detections"} <= set(chain.not_played)
    assert len(chain.awaited) == 16 and chain.min_subscribers == 1
    assert not set(chain.awaited) & set(chain.not_played)


def test_asked_for_tracks_or_without_sensors_the_recorded_tracks_are_predicted(with_sensors, without_sensors):
    for chain in (chain_of(with_sensors, from_tracks=True), chain_of(without_sensors, from_tracks=False)):
        assert not chain.from_sensors and chain.tracks_topic == "/ground_truth/agents"
        assert chain.awaited == ("/ground_truth/agents",) and "/ground_truth/agents" not in chain.not_played


def test_a_suite_names_the_sensors_that_are_used(with_sensors, tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text("sensors: {front: {modality: lidar, topic: /sensors/lidar_front_left/points}}")
    chain = chain_of(with_sensors, from_tracks=False, sensor_suite=suite)
    assert [node.name for node in chain.sensors] == ["front_detection"]
    suite.write_text("sensors: {front: {modality: lidar, topic: /elsewhere}}")
    with pytest.raises(InputError, match="has no topic /elsewhere"):
        chain_of(with_sensors, from_tracks=False, sensor_suite=suite)


@pytest.mark.parametrize(("processors", "rate"), [(1, 1.0 / 3.0), (2, 0.5), (3, 1.0), (8, 1.0)])
def test_many_sensors_on_few_processors_are_played_slower(with_sensors, monkeypatch, processors, rate):
    monkeypatch.setattr("os.cpu_count", lambda: processors)
    chain = chain_of(with_sensors, from_tracks=False)
    assert chain.fitting_rate == pytest.approx(rate)
    limits = {node.parameters["modality"]: node.parameters.get("max_rate_hz") for node in chain.sensors}
    assert limits["lidar"] is limits["radar"] is limits["thermal"] is None
    assert limits["camera"] == pytest.approx(0.2 * processors / (4 * 0.03))
    assert chain_of(with_sensors, from_tracks=True).fitting_rate == 1.0
