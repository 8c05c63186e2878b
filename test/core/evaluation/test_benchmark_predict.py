"""What is timed of predictors does what the node does, for the learned one in all of its stages."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from zoox_prediction.cli import main
from zoox_prediction.evaluation import benchmark_predict
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.prediction import network_runtime
from zoox_prediction.prediction.registry import PREDICTORS
from zoox_prediction.recording.messages import predictions_from_message
from zoox_prediction.recording.typestore import RosbagsTypes

sys.path.insert(0, str(Path(__file__).parents[1] / "prediction"))
from tiny_network import write_network

pytest.importorskip("onnxruntime")

CHAIN = "tracks in to predictions out"


@pytest.fixture(autouse=True)
def small_town(monkeypatch):
    monkeypatch.setattr(benchmark_predict, "town", lambda: town(1))
    monkeypatch.setattr(benchmark_predict, "_TRAFFIC_S", 3.0)


@pytest.fixture
def weights(tmp_path):
    return write_network(tmp_path / "tiny.onnx")


def test_every_predictor_and_every_stage_is_timed(weights):
    cases = {case.name: case for case in benchmark_predict.predict_cases(5, str(weights))}
    assert {f"predict: {name}" for name in (*PREDICTORS, "learned")} <= set(cases)
    for name in ("constant_velocity", "heuristic_mixture", "learned"):
        assert f"predict: {name}, {CHAIN}" in cases
    stages = {name.removeprefix("predict, a stage: ") for name in cases if "stage" in name}
    assert {"tracks from bytes", "raster", "network", "modes chosen, in the map", "predictions to bytes"} <= stages
    for case in cases.values():
        assert case.agents == 5
        assert case.run() is not None


def test_the_chain_goes_from_bytes_to_bytes_frame_by_frame(weights):
    cases = {case.name: case for case in benchmark_predict.predict_cases(5, str(weights))}
    run, types = cases[f"predict: learned, {CHAIN}"].run, RosbagsTypes()
    sent = [
        predictions_from_message(types.deserialize(run(), "zoox_prediction/msg/PredictedTrajectoryArray"))
        for _ in range(20)  # beyond the end of the traffic, which starts anew
    ]
    steps = np.diff([each.stamp_ns for each in sent])
    assert sorted(set(steps.tolist())) == [-3_000_000_000, 100_000_000]
    for each in sent:
        assert each.predictor_name == "learned" and each.predictor_version == "tiny-1"
        assert each.position.shape == (5, 6, 80, 2)


def test_without_weights_the_rest_is_timed(monkeypatch, tmp_path):
    monkeypatch.setattr(network_runtime, "_WEIGHTS", tmp_path)
    names = [case.name for case in benchmark_predict.predict_cases(3)]
    assert f"predict: heuristic_mixture, {CHAIN}" in names
    assert "predict, a stage: consistency" in names
    assert not any("learned" in name or "network" in name for name in names)


def test_the_command_takes_weights(weights, tmp_path, capsys):
    out = tmp_path / "times.json"
    command = ["benchmark", "predict", "--agents", "3", "--repeats", "1", "--json", str(out)]
    assert main([*command, "--weights", str(weights)]) == 0
    assert "predict: learned" in capsys.readouterr().out
    assert any(row["name"] == "predict, a stage: network" for row in json.loads(out.read_text())["rows"])


@pytest.mark.parametrize(
    ("options", "words"),
    [(["predict", "--weights", "/no/such.onnx"], "no such file"), (["map", "--weights", "default"], "add 'predict'")],
)
def test_weights_that_cannot_be_timed_end_in_one_sentence(options, words, capsys):
    assert main(["benchmark", *options, "--agents", "2", "--repeats", "1"]) == 2
    error = capsys.readouterr().err.strip()
    assert words in error
    assert len(error.splitlines()) == 1
