"""The prediction node with a network: it predicts with it, and goes on without one that cannot be used."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prediction_peer import cars

from zoox_prediction.scene import Source

sys.path.insert(0, str(Path(__file__).parents[1] / "core" / "prediction"))
from tiny_network import write_network

pytest.importorskip("onnxruntime")

OK, WARN = b"\x00", b"\x01"


def drive(peer, predicted, cycles):
    """Predictions of the last of some messages at 10 Hz."""
    start_ns = peer.now_ns()
    for cycle in range(cycles):
        agents = cars(start_ns + cycle * 100_000_000)
        last = predicted(peer, replace(agents, position=agents.position + np.array([0.5 * cycle, 0.0, 0.0])))
        time.sleep(0.1)
    return last


def test_the_node_predicts_with_the_weights_of_its_parameter(start_node, predicted, wait_for, tmp_path):
    weights = write_network(tmp_path / "tiny.onnx")
    peer = start_node(**{"predictor": "learned", "learned.weights": weights, "guard.deadline_s": 2.0})
    predictions = drive(peer, predicted, 3)
    assert (predictions.source == Source.LEARNED).all()
    assert (predictions.predictor_name, predictions.predictor_version) == ("learned", "tiny-1")
    ahead = predictions.position[:, 0, -1] - predictions.position[:, 0, 0]
    np.testing.assert_allclose(ahead, np.tile([5.0 * 7.9, 0.0], (3, 1)), atol=0.5)
    status = peer.statuses["predictor"]
    assert status.message == "learned" and status.level == OK
    assert [(each.key, each.value) for each in status.values] == [("version", "tiny-1")]
    assert peer.process.end() == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\x08\x07no network", "ONNX Runtime cannot read it"), (None, "there is no such file")],
    ids=["broken", "missing"],
)
def test_heuristics_predict_in_place_of_weights_that_cannot_be_used(
    content, words, start_node, predicted, complains, wait_for, tmp_path
):
    weights = tmp_path / "weights.onnx"
    if content is not None:
        weights.write_bytes(content)
    peer = start_node(**{"predictor": "learned", "learned.weights": weights, "guard.deadline_s": 2.0})
    predictions = drive(peer, predicted, 10)
    assert (predictions.source == Source.HEURISTIC_FALLBACK).all()
    assert predictions.predictor_name == "heuristic_mixture"
    complains(peer, "weights.onnx", words, "heuristic_mixture predicts instead")
    assert peer.statuses["predictor"].level == WARN
    assert peer.statuses["predictor"].message == "heuristic_mixture"
    assert peer.process.end() == 0
    told = [line for line in peer.process.output.splitlines() if "predicts instead" in line]
    assert 1 <= len(told) <= 4  # of ten cycles: at most one in five seconds
    assert "Traceback" not in peer.process.output


def test_a_network_that_says_nan_is_replaced_by_the_heuristics(start_node, predicted, complains, tmp_path):
    weights = write_network(tmp_path / "nan.onnx", logits=(np.nan, 0.0, 0.0))
    peer = start_node(**{"predictor": "learned", "learned.weights": weights, "guard.deadline_s": 5.0})
    predictions = drive(peer, predicted, 2)
    assert (predictions.source == Source.HEURISTIC_FALLBACK).all()
    complains(peer, "learned gave no usable answer", "heuristic mixture stands in")
