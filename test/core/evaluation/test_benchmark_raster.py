"""The benchmark of the raster: what it measures, what it prints and writes, and the comparison with nuscenes-devkit."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from zoox_prediction.cli import main
from zoox_prediction.evaluation import benchmark_raster
from zoox_prediction.evaluation.benchmark import BenchmarkConfig
from zoox_prediction.evaluation.benchmark_raster import benchmark_map, crowded_scene, measure_raster, summary
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.evaluation.nuscenes_devkit import devkit_rasterizers
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.raster.rasterizer import Rasterizer
from zoox_prediction.scene import Scene

FEW = BenchmarkConfig(repeats=3, min_repeats=3, warm_ups=1)


@pytest.fixture
def no_recordings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Instead of a real map a generated crossroads, which is quick to draw."""
    monkeypatch.setenv("ZOOX_PREDICTION_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setattr(benchmark_raster, "town", lambda: town(1))


def test_rows_for_no_agents_and_each_number_of_them_and_for_a_cold_start(no_recordings):
    rows = measure_raster([7], FEW)
    assert [(row["agents"], "first" in str(row["name"])) for row in rows] == [(0, False), (7, False), (0, True)]
    for row in rows:
        assert row["ratio_to"] == "copying an array of the raster's size"
        assert row["channel_ms"] == pytest.approx(row["p50_ms"] / 60)
    warm, _, cold = rows
    assert cold["p50_ms"] > 3.0 * warm["p50_ms"]  # its tiles are drawn first
    assert 0 < warm["cache_bytes"] <= RasterConfig().tile_cache_mb * 2**20
    (sentence,) = summary(rows)
    assert f"{max(row['cache_bytes'] for row in rows[:2]) / 2**20:.1f} MiB" in sentence


def test_the_ego_drives_so_that_no_raster_comes_twice_in_a_row(no_recordings, monkeypatch):
    seen: list[Scene] = []
    rasterize = Rasterizer.rasterize
    monkeypatch.setattr(Rasterizer, "rasterize", lambda self, scene: seen.append(scene) or rasterize(self, scene))
    measure_raster([3], FEW)
    driving = [scene.ego.position for scene in seen if len(scene) == 3]
    steps = np.linalg.norm(np.diff(driving, axis=0), axis=1)
    np.testing.assert_allclose(steps[steps < 5.0], 1.0)
    assert len(driving) > 5 and steps.min() > 0.5


def test_the_raster_shows_every_agent():
    scene = crowded_scene(town(2), 200)
    pixels = Rasterizer().frame(scene).pixels_from_map(scene.agents.position[:, :2])
    assert len(scene) == 200 and ((pixels > 20) & (pixels < 235)).all()  # also when the ego has driven 20 m
    assert len(scene.road_network.lanes) == len(town(2).lanes)
    np.testing.assert_allclose(scene.ego_past[-1], [*scene.ego.position, scene.ego.yaw])


def test_the_command_prints_and_writes_it(no_recordings, tmp_path, capsys):
    file = tmp_path / "times.json"
    assert main(["benchmark", "raster", "--agents", "5", "--repeats", "2", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "generated town" in printed and "tile_cache_mb" in printed and "copying an array" in printed
    rows = json.loads(file.read_text())["rows"]
    assert [row["agents"] for row in rows] == [0, 5, 0] and rows[0]["cache_bytes"] > 0


def test_the_largest_real_map_is_taken_where_it_is(recordings):
    name, network = benchmark_map()
    assert name.endswith(".osm") and len(network.lanes) >= 300


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["raster", "--map", "nowhere.osm"], "nowhere.osm"),
        (["map", "--against", "nuscenes-devkit"], "--map and --against are for the raster"),
    ],
)
def test_mistakes_are_told_in_one_sentence(no_recordings, arguments, words, capsys):
    assert main(["benchmark", *arguments]) == 2
    errors = capsys.readouterr().err
    assert words in errors and len(errors.splitlines()) == 1


def test_without_the_other_package_one_sentence_says_how_to_get_it(no_recordings, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "nuscenes", None)
    assert main(["benchmark", "raster", "--agents", "2", "--repeats", "1", "--against", "nuscenes-devkit"]) == 2
    errors = capsys.readouterr().err
    assert "pip install nuscenes-devkit==1.2.0" in errors and len(errors.splitlines()) == 1


def test_the_other_package_draws_the_same_scene(tmp_path):
    """Roads and boxes of both cover the same ground, up to their rims of a pixel."""
    pytest.importorskip("nuscenes.prediction", reason="nuscenes-devkit is not installed")
    scene = crowded_scene(town(2), 30)
    rasterizer = Rasterizer()
    ours = rasterizer.rasterize(scene)
    config = RasterConfig()
    static, agents = devkit_rasterizers(scene, tmp_path, config.size_px, config.resolution_m).values()
    index = rasterizer.table.index
    ground = np.any([ours[index(name)] > 0 for name in ("drivable_area", "crosswalk", "walkway")], axis=0)
    assert _share_near(ground, static().any(axis=-1)) > 0.99 < _share_near(static().any(axis=-1), ground)
    names = [channel.name for group in ("agents", "past") for channel in rasterizer.table.groups[group]]
    boxes = np.any([ours[index(name)] > 0 for name in (*names, "ego", "ego_past")], axis=0)
    assert _share_near(boxes, agents().any(axis=-1)) > 0.98 < _share_near(agents().any(axis=-1), boxes)


def test_the_comparison_is_per_channel(monkeypatch, no_recordings):
    slow = {name: lambda: np.zeros((256, 256, 3), dtype=np.uint8) for name in ("first", "second")}
    monkeypatch.setattr(benchmark_raster, "import_devkit", dict)
    monkeypatch.setattr(benchmark_raster, "devkit_rasterizers", lambda *_: slow)
    rows = measure_raster([4], FEW, against_devkit=True)
    ours, theirs = next(row for row in rows if row["agents"] == 4), rows[-2:]
    assert [row["channels"] for row in theirs] == [3, 3]
    expected = sum(row["p50_ms"] for row in theirs) / 6 / (ours["p50_ms"] / 60)
    assert ours["times_faster"] == pytest.approx(expected)
    assert any("4 agents" in sentence for sentence in summary(rows))


def _share_near(drawn: np.ndarray, other: np.ndarray) -> float:
    """The share of what is drawn within four pixels of the other; the package's boxes are wider by up to three."""
    return float(binary_dilation(other, iterations=4)[drawn].mean())
