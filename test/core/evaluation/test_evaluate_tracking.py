"""`evaluate-tracking` on a made-up drive with lidars and radars: sensors are found, and tracks follow the truth."""

from __future__ import annotations

import json

import pytest

from zoox_prediction.cli import main
from zoox_prediction.detections import Modality
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.recorded_sensors import find_sensors

pytest.importorskip("trackeval")
pytest.importorskip("sumo", reason="needs SUMO: pip install 'zoox_prediction[sim]'")


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    """Four seconds with the small suite, of which two lidars and two radars are used."""
    import yaml

    from zoox_prediction.resources import resource_path

    folder = tmp_path_factory.mktemp("drive")
    document = yaml.safe_load(resource_path("config/sensor_suite_small.yaml").read_text())
    wanted = ("lidar_front_left", "lidar_rear_right", "radar_front_left", "radar_front_right")
    document["sensors"] = {name: document["sensors"][name] for name in wanted}
    suite = folder / "suite.yaml"
    suite.write_text(yaml.safe_dump(document))
    arguments = ["simulate", "--scenes", "1", "--seconds", "4", "--seed", "23", "--out", str(folder / "out")]
    assert main([*arguments, "--sensors", str(suite)]) == 0
    return next(path for path in (folder / "out").iterdir() if path.is_dir() and path.name.startswith("scene"))


def test_sensors_are_told_by_their_messages(drive):
    with BagReader(drive) as reader:
        sensors = find_sensors(reader)
    assert {sensor.name: sensor.modality for sensor in sensors} == {
        "lidar_front_left": Modality.LIDAR,
        "lidar_rear_right": Modality.LIDAR,
        "radar_front_left": Modality.RADAR,
        "radar_front_right": Modality.RADAR,
    }
    assert all(sensor.frame_id == sensor.name for sensor in sensors)


def test_tracks_of_both_kinds_are_better_than_of_radars_alone(drive, tmp_path, capsys):
    assert main(["evaluate-tracking", str(drive), "--ablations", "--json", str(tmp_path / "scores.json")]) == 0
    rows = json.loads((tmp_path / "scores.json").read_text())
    rows = rows["rows"] if isinstance(rows, dict) else rows
    hota = {row["sensors"]: row["HOTA"] for row in rows if row["class"] == "all"}
    assert hota["all sensors"] > 0.3 and hota["all sensors"] > hota["without lidar"] > 0.0
    assert hota["without camera"] == hota["all sensors"]  # there is none
    assert "position_nees" in capsys.readouterr().out


def test_a_recording_without_sensors_is_told(tmp_path, capsys):
    arguments = ["simulate", "--scenes", "1", "--seconds", "1", "--seed", "23", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    bag = next(path for path in (tmp_path / "out").iterdir() if path.is_dir() and path.name.startswith("scene"))
    assert main(["evaluate-tracking", str(bag)]) == 2
    assert "has no lidar, radar, camera or thermal topics" in capsys.readouterr().err
