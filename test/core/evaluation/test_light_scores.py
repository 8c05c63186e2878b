"""Lights of the tracks of a made-up drive, and how right tracks are about them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from zoox_prediction.cli import main
from zoox_prediction.evaluation.light_scores import score_lights
from zoox_prediction.evaluation.tracking_run import TrackedFrame
from zoox_prediction.resources import resource_path
from zoox_prediction.scene import AgentClass, Attribute, TrackedAgents

BRAKE, LEFT, RIGHT = Attribute.BRAKE_LIGHT, Attribute.LEFT_INDICATOR, Attribute.RIGHT_INDICATOR


def _agents(ids: list[int], x: list[float], on: list[int], known: list[int]) -> TrackedAgents:
    count = len(ids)
    return TrackedAgents.from_states(
        1,
        np.array(ids),
        np.full(count, AgentClass.CAR),
        np.column_stack([x, np.zeros(count), np.zeros(count)]),
        np.zeros(count),
        np.zeros((count, 2)),
        attributes=np.array(on, dtype=np.uint32),
        attributes_valid=np.array(known, dtype=np.uint32),
    )


def test_lights_are_compared_on_tracked_vehicles_that_are_near() -> None:
    every = int(BRAKE | LEFT | RIGHT)
    truth = _agents([1, 2, 3, 4, 5], [5.0, 12.0, 20.0, 28.0, 40.0], [BRAKE, BRAKE, 0, BRAKE, BRAKE], [every] * 5)
    tracks = _agents([9, 8, 7, 6], [5.5, 12.0, 20.0, 40.0], [BRAKE, BRAKE, BRAKE, BRAKE], [BRAKE, 0, every, every])
    frame = TrackedFrame(truth, tracks, np.full(5, 30), np.zeros(2), 0.0)
    nobody = TrackedFrame(truth, TrackedAgents.empty(1), np.full(5, 30), np.zeros(2), 0.0)
    rows = {row["light"]: row for row in score_lights([frame, nobody])}
    brake = rows["brake light"]
    assert (brake["vehicles"], brake["shown"], brake["told"]) == (3, 2, 2)
    assert brake["known"] == pytest.approx(2 / 3)
    assert (brake["precision"], brake["recall"], brake["recall_known"]) == (0.5, 0.5, 1.0)
    assert rows["left indicator"]["told"] == 0 and math.isnan(rows["left indicator"]["precision"])
    assert score_lights([])[0]["vehicles"] == 0


def test_tracks_of_a_drive_know_brake_lights(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    pytest.importorskip("trackeval")
    pytest.importorskip("sumo", reason="needs SUMO: pip install 'zoox_prediction[sim]'")
    document = yaml.safe_load(resource_path("config/sensor_suite.yaml").read_text())
    wanted = ("lidar_front_left", "camera_front_left")
    document["sensors"] = {name: document["sensors"][name] for name in wanted}
    suite = tmp_path / "suite.yaml"
    suite.write_text(yaml.safe_dump(document))
    arguments = ["simulate", "--scenes", "1", "--seconds", "5.5", "--seed", "3100", "--out", str(tmp_path / "out")]
    assert main([*arguments, "--sensors", str(suite)]) == 0
    drive, scores = tmp_path / "out" / "scene_003100", tmp_path / "scores.json"
    assert main(["evaluate-tracking", str(drive), "--lights", "--ablations", "--json", str(scores)]) == 0
    rows = json.loads(scores.read_text())
    rows = rows["rows"] if isinstance(rows, dict) else rows
    of_brakes = {row["sensors"]: row for row in rows if row.get("light") == "brake light"}
    assert of_brakes["without camera"]["told"] == 0 < of_brakes["all sensors"]["told"]
    assert of_brakes["all sensors"]["precision"] > 0.9
    assert "brake light" in capsys.readouterr().out
