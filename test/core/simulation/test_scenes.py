"""Scenes as bags: the same seed gives the same bytes, forks are bags of their own, what exists is kept."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import shapely

from zoox_prediction.cli import main
from zoox_prediction.maps.road_network import NO_ID
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.log import load_log
from zoox_prediction.resources import resource_path
from zoox_prediction.scene import AgentClass

pytest.importorskip("sumo", reason="needs SUMO: pip install 'zoox_prediction[sim]'")


def simulate(out: Path, *options: str) -> int:
    return main(["simulate", "--seed", "3", "--seconds", "3", "--out", str(out), *options])


def test_a_drive_with_sensors_and_forks_is_the_same_again_and_kept(tmp_path, capsys):
    suite = str(resource_path("config/sensor_suite_small.yaml"))
    for name in ("first", "second"):
        assert simulate(tmp_path / name, "--sensors", suite, "--forks", "1") == 0
    first, second = (sorted((tmp_path / name).rglob("*.*")) for name in ("first", "second"))
    assert [path.name for path in first] == [path.name for path in second]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name

    drive = load_log(tmp_path / "first" / "scene_000003")
    assert len(drive.agents) == len(drive.ego) == 31 and len(drive.agents[0]) > 20
    with BagReader(tmp_path / "first" / "scene_000003") as reader:
        kinds = {topic.type for topic in reader.topics.values()}
    assert {"sensor_msgs/msg/PointCloud2", "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"} <= kinds

    forks = sorted((tmp_path / "first").glob("scene_000003_at_*"))
    assert len(forks) >= 2
    stamp = {load_log(path).metadata["fork_stamp_ns"] for path in forks}
    assert stamp == {str(drive.stamps_ns[20])}
    for path in forks:
        log = load_log(path)
        assert log.metadata["plan"] in path.name and len(log.agents) == 20 + 81
        outcome = json.loads(log.metadata["outcome"])
        assert set(outcome["ids"]) <= set(drive.agents[20].ids.tolist())
        np.testing.assert_array_equal(log.ego[20].position, drive.ego[20].position)  # until then, it is the drive

    before = (tmp_path / "first" / "scene_000003" / "metadata.yaml").stat().st_mtime_ns
    assert simulate(tmp_path / "first", "--forks", "1") == 0
    assert "1 of them were there already" in capsys.readouterr().out
    assert (tmp_path / "first" / "scene_000003" / "metadata.yaml").stat().st_mtime_ns == before


def test_agents_out_of_range_are_left_out(tmp_path):
    for name, options in (("near", ["--range", "60"]), ("all", [])):
        assert simulate(tmp_path / name, *options) == 0
    near, everybody = (load_log(tmp_path / name / "scene_000003") for name in ("near", "all"))
    for recorded, whole, ego in zip(near.agents, everybody.agents, everybody.ego, strict=True):
        away = np.linalg.norm(whole.position[:, :2] - ego.position, axis=1)
        assert 0 < (away <= 60.0).sum() < len(whole)
        np.testing.assert_array_equal(recorded.ids, whole.ids[away <= 60.0])


def test_the_lanes_of_agents_are_those_that_they_drive_in(tmp_path):
    assert simulate(tmp_path / "out") == 0
    bag = tmp_path / "out" / "scene_000003"
    log = load_log(bag)
    lanes = log.road_network.lanes
    lines = {int(number): shapely.LineString(line) for number, line in zip(lanes.ids, lanes.centerline, strict=True)}
    with BagReader(bag) as reader:
        rows = [np.reshape(each.message.data, (-1, 2)) for each in reader.messages(["/ground_truth/lanes"])]
    away, driving = [], 0
    for agents, of_agent in zip(log.agents, rows, strict=True):
        np.testing.assert_array_equal(of_agent[:, 0], agents.ids)
        on_wheels = np.isin(agents.agent_class, [AgentClass.CAR, AgentClass.TRUCK, AgentClass.BUS])
        moving = on_wheels & (agents.speed > 2.0)
        assert (of_agent[agents.agent_class == AgentClass.PEDESTRIAN, 1] == NO_ID).all()
        driving += moving.sum()
        for row in np.flatnonzero(moving & (of_agent[:, 1] != NO_ID)):
            away.append(lines[int(of_agent[row, 1])].distance(shapely.Point(agents.position[row, :2])))
    assert driving > 100 and len(away) > 0.95 * driving
    assert np.mean(np.array(away) < 2.0) > 0.95  # the rest change lanes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--scenes", "0"], "--scenes 0: must be at least 1"),
        (["--range", "0"], "--range 0: must be positive"),
        (["--network", "nowhere.net.xml"], "nowhere.net.xml: does not exist"),
    ],
)
def test_mistakes_are_told_in_one_sentence(tmp_path, options, words, capsys):
    assert simulate(tmp_path / "out", *options) == 2
    errors = capsys.readouterr().err
    assert words in errors and len(errors.splitlines()) == 1


def test_the_installed_command_simulates_in_two_processes(tmp_path):
    command = shutil.which("zoox-prediction", path=str(Path(sys.executable).parent))
    if command is None:
        pytest.skip("zoox-prediction is not installed beside this interpreter")
    arguments = ["simulate", "--scenes", "2", "--seconds", "1", "--workers", "2", "--out", str(tmp_path / "out")]
    done = subprocess.run([command, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("scene_*"))) == 2
