"""`evaluate-detections` on a made-up drive and on a real one in fog: what sensors find alone and together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from zoox_prediction.cli import main
from zoox_prediction.resources import resource_path

Rows = dict[tuple[str, str], dict[str, float]]


def _rows(path: Path) -> Rows:
    document = json.loads(path.read_text())
    rows = document["rows"] if isinstance(document, dict) else document
    return {(row["boxes"], row["sensors"]): row for row in rows}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds with one lidar and one radar."""
    pytest.importorskip("sumo", reason="needs SUMO: pip install 'zoox_prediction[sim]'")
    folder = tmp_path_factory.mktemp("drive")
    document = yaml.safe_load(resource_path("config/sensor_suite_small.yaml").read_text())
    document["sensors"] = {name: document["sensors"][name] for name in ("lidar_front_left", "radar_front_left")}
    suite = folder / "suite.yaml"
    suite.write_text(yaml.safe_dump(document))
    arguments = ["simulate", "--scenes", "1", "--seconds", "3", "--seed", "23", "--out", str(folder / "out")]
    assert main([*arguments, "--sensors", str(suite)]) == 0
    return next(path for path in (folder / "out").iterdir() if path.is_dir() and path.name.startswith("scene"))


def test_more_is_found_together_than_alone(simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "scores.json"
    arguments = ["evaluate-detections", str(simulated), "--radius", "50", "--min-points", "10", "--json", str(out)]
    assert main(arguments) == 0
    rows = _rows(out)
    groups = ("lidar alone", "radar alone", "lidar + radar")
    assert set(rows) == {(boxes, sensors) for boxes in ("detections", "tracks") for sensors in groups}
    for boxes in ("detections", "tracks"):
        alone = [rows[boxes, name]["recall"] for name in groups[:2]]
        assert rows[boxes, groups[2]]["recall"] >= max(alone) - 0.05
    assert rows["detections", "lidar alone"]["recall"] > 0.5 and rows["tracks", "lidar + radar"]["recall"] > 0.3
    assert 0.0 < rows["detections", "radar alone"]["recall"] < 1.0
    assert (
        rows["detections", "lidar + radar"]["false_per_frame"] >= rows["detections", "lidar alone"]["false_per_frame"]
    )
    printed = capsys.readouterr().out
    assert "recall at 5" in printed and "lidar + radar" in printed


def test_both_kinds_find_no_less_than_each_in_fog(recordings: Path, tmp_path: Path) -> None:
    bag, out = tmp_path / "fog", tmp_path / "scores.json"
    assert main(["convert", "radiate", str(recordings / "radiate_tiny_foggy"), str(bag)]) == 0
    assert main(["evaluate-detections", str(bag), "--without", "camera", "--json", str(out)]) == 0
    rows = _rows(out)
    lidar, radar, both = (rows["detections", name] for name in ("lidar alone", "radar alone", "lidar + radar"))
    assert both["num_labels"] == 40
    for name in ("recall", "recall_at_false"):
        assert both[name] >= max(lidar[name], radar[name])
    # The radar finds what the lidar does not, and the lidar knows better what is something.
    assert both["recall"] > lidar["recall"] + 0.3 and both["recall_at_false"] > radar["recall_at_false"]
    assert radar["recall"] > 0.8 and lidar["recall"] > 0.15


def test_wrong_options_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate-detections", str(tmp_path), "--radius", "0"]) == 2
    assert main(["evaluate-detections", str(tmp_path), "--min-iou", "2"]) == 2
    assert main(["evaluate-detections", str(tmp_path / "none")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    for words, line in zip(("--radius", "--min-iou", "none"), lines, strict=True):
        assert words in line
