"""The benchmark's town, its cases and its command."""

import json
import sys

import numpy as np
import pytest
import shapely

from zoox_prediction.cli import main
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation import benchmark_cases, benchmark_command, benchmark_map, benchmark_predict
from zoox_prediction.evaluation.benchmark_scenes import plans_for, scene_on, traffic
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.maps.road_network import NO_ID, RoadNetwork
from zoox_prediction.recording.generated_crossroads import crossroads
from zoox_prediction.scene import AgentClass


def test_the_town_is_one_map():
    network, tile = town(2), crossroads()
    lanes = network.lanes
    assert len(lanes) == 4 * len(tile.lanes)
    ids = set(lanes.ids.tolist())
    assert len(ids) == len(lanes)
    assert set(lanes.successors.values.tolist()) <= ids
    for references in (lanes.left_neighbor, lanes.right_neighbor):
        assert set(references.tolist()) - {NO_ID} <= ids
    assert set(lanes.signal.tolist()) - {NO_ID} <= set(network.signal_ids.tolist())
    assert set(lanes.stop_line.tolist()) - {NO_ID} <= set(network.stop_line_ids.tolist())
    assert len(network.crosswalks) == 4 * len(tile.crosswalks)


def test_its_streets_go_on_where_a_tile_ends():
    lanes = town(2).lanes
    row_of = {int(lane): row for row, lane in enumerate(lanes.ids)}
    joints = [
        lanes.centerline[row_of[int(successor)]][0] - lanes.centerline[row][-1]
        for row in range(len(lanes))
        for successor in lanes.successors[row]
    ]
    assert np.abs(joints).max() < 1e-6
    ends = sum(len(lanes.successors[row]) == 0 for row in range(len(lanes)))
    assert ends == 16  # two lanes each out of the eight arms at the rim


def test_scenes_are_repeatable_and_on_the_lanes():
    scene = scene_on(town(2), 50)
    assert len(scene) == 50
    assert scene.past_valid.all()
    assert scene.ego is not None
    np.testing.assert_array_equal(scene.agents.position, scene_on(town(2), 50).agents.position)
    lines = shapely.MultiLineString([town(2).lanes.centerline[row] for row in range(len(town(2).lanes))])
    cars = shapely.points(scene.agents.position[scene.agents.agent_class == AgentClass.CAR, :2])
    assert shapely.distance(cars, lines).max() < 1e-6
    assert len(scene_on(RoadNetwork(), 5)) == 5


def test_traffic_keeps_to_its_lanes():
    network = town(2)
    frames = traffic(network, 40, 6.0)
    assert len(frames) == 61
    assert np.diff([frame.stamp_ns for frame in frames]).tolist() == [100_000_000] * 60
    np.testing.assert_allclose(frames[0].position, scene_on(network, 40).agents.position, atol=0.5)
    cars = frames[0].agent_class == AgentClass.CAR
    lines = shapely.MultiLineString([network.lanes.centerline[row] for row in range(len(network.lanes))])
    away = shapely.distance(shapely.points(frames[-1].position[cars, :2]), lines)
    assert np.mean(away < 0.5) > 0.8  # the rest has left the map
    moved = np.linalg.norm(frames[-1].position - frames[-2].position, axis=1)
    np.testing.assert_allclose(moved, 0.1 * np.linalg.norm(frames[-1].velocity, axis=1), atol=0.05)


def test_plans_start_at_the_ego_and_differ():
    scene = scene_on(town(2), 2)
    plans = plans_for(scene, 8)
    assert plans.position.shape == (8, 80, 2)
    np.testing.assert_allclose(plans.position[:, 0], np.tile(scene.ego.position, (8, 1)), atol=1.0)
    travelled = np.linalg.norm(plans.position[:, -1] - scene.ego.position, axis=1)
    assert (np.diff(travelled) > 0.0).sum() >= 5  # the hardest brakes stop alike
    assert plans.speed.min() >= 0.0


@pytest.fixture
def small_town(monkeypatch, tmp_path):
    """Everything is measured on one generated crossroads."""
    monkeypatch.setenv("ZOOX_PREDICTION_DATA", str(tmp_path / "nowhere"))
    for module in (benchmark_cases, benchmark_map, benchmark_predict):
        monkeypatch.setattr(module, "town", lambda: town(1))


@pytest.mark.parametrize("group", list(benchmark_cases.GROUPS))
def test_every_case_runs(group, small_town):
    cases = benchmark_cases.GROUPS[group](5)
    assert cases
    for case in cases:
        assert case.run() is not None


def test_a_simulated_world_is_stepped_forked_and_sensed(tmp_path):
    pytest.importorskip("sumo", reason="needs SUMO: pip install 'zoox_prediction[sim]'")
    out = tmp_path / "times.json"
    assert main(["benchmark", "simulation", "--repeats", "1", "--json", str(out)]) == 0
    rows = {row["name"]: row for row in json.loads(out.read_text())["rows"]}
    assert set(rows) == {
        "simulation: 4 futures of 8 s",
        "simulation: 16 sensors at one instant",
        "simulation: a step of 0.1 s",
    }
    assert all(70 <= row["agents"] <= 140 for row in rows.values())


def test_without_sumo_the_rest_is_measured(monkeypatch, small_town, capsys):
    def missing(*_):
        raise InputError("SUMO is not installed")

    monkeypatch.setattr(benchmark_command, "measure_simulation", missing)
    monkeypatch.setattr(benchmark_command, "_KNOWN", ("map", "simulation"))
    assert main(["benchmark", "--agents", "3", "--repeats", "1"]) == 0
    assert "the simulation was not measured: SUMO is not installed" in capsys.readouterr().out
    assert main(["benchmark", "simulation", "--repeats", "1"]) == 2


def test_command_writes_its_rows(tmp_path, small_town, capsys):
    out = tmp_path / "times.json"
    assert main(["benchmark", "messages", "map", "--agents", "3", "4", "--repeats", "2", "--json", str(out)]) == 0
    assert "lane graph" in capsys.readouterr().out
    rows = json.loads(out.read_text())["rows"]
    assert all({"name", "agents", "p50_ms", "p99_ms", "ratio", "ratio_to"} <= set(row) for row in rows)
    names = [(row["name"], row["agents"]) for row in rows]
    assert len(names) == len(set(names))
    assert ("messages: rosbags: arrays to bytes", 3) in names
    assert ("messages: rosbags: arrays to bytes", 4) in names


def test_without_rclpy_it_says_what_was_left_out(monkeypatch, small_town, capsys):
    for module in ("rclpy", "zoox_prediction.ros.benchmark"):
        monkeypatch.setitem(sys.modules, module, None)
    assert main(["benchmark", "messages", "--agents", "3", "--repeats", "1"]) == 0
    printed = capsys.readouterr().out
    assert "rclpy's messages were not measured" in printed
    assert "rclpy: arrays" not in printed
    assert "rosbags: arrays to bytes" in printed
    assert main(["benchmark", "node"]) == 2
    assert "without ROS 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [["nonsense"], ["map", "--agents", "0"], ["map", "--repeats", "0"], ["node", "--seconds", "0"]],
)
def test_mistakes_end_in_one_sentence(options, capsys):
    assert main(["benchmark", *options]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
