"""Networks are run from their files, and files that cannot be used say so in one sentence."""

from __future__ import annotations

import importlib.util
import json
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny_network import LOGITS, SPEED_SHARES, some_inputs, write_network

from zoox_prediction.errors import InputError
from zoox_prediction.prediction import network_runtime
from zoox_prediction.prediction.learned_config import LearnedConfig
from zoox_prediction.prediction.model_card import METADATA_KEY, ModelCard
from zoox_prediction.prediction.network_runtime import open_network, weights_file

pytest.importorskip("onnxruntime")


def config(path: Path, **values: object) -> LearnedConfig:
    return LearnedConfig(weights=str(path), **values)


def test_proposals_come_from_the_inputs(tmp_path):
    network = open_network(config(write_network(tmp_path / "tiny.onnx")))
    proposals = network(some_inputs(network.card))
    assert network.card.version == "tiny-1"
    np.testing.assert_allclose(proposals.logits, np.tile(LOGITS, (4, 1)))
    assert proposals.position.shape == (4, 3, 80, 2)
    np.testing.assert_allclose(proposals.position[:, :, -1, 0], np.outer([1, 2, 3, 4], SPEED_SHARES) * 8.0, rtol=1e-5)
    assert proposals.covariance.shape == (4, 3, 80, 3)


def test_no_paths_are_no_proposals(tmp_path):
    network = open_network(config(write_network(tmp_path / "tiny.onnx")))
    assert network(some_inputs(network.card, paths=0)).position.shape == (0, 3, 80, 2)


def test_a_session_is_shared_until_its_file_changes(tmp_path):
    path = write_network(tmp_path / "tiny.onnx")
    first = open_network(config(path))
    assert open_network(config(path)) is first
    assert open_network(config(path, num_threads=1)) is not first
    write_network(path, ModelCard(version="tiny-2"))
    assert open_network(config(path)).card.version == "tiny-2"


def test_several_threads_get_each_their_own_answer(tmp_path):
    network = open_network(config(write_network(tmp_path / "tiny.onnx")))
    answers: dict[int, np.ndarray] = {}

    def ask(paths: int) -> None:
        for _ in range(20):
            answers[paths] = network(some_inputs(network.card, paths)).speed[:, 0, 0]

    threads = [threading.Thread(target=ask, args=(paths,)) for paths in (1, 5, 9)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert {paths: answer.tolist() for paths, answer in answers.items()} == {
        paths: list(range(1, paths + 1)) for paths in (1, 5, 9)
    }


def garbage(path: Path) -> Path:
    path.write_bytes(b"no network at all" * 100)
    return path


def without_metadata(path: Path) -> Path:
    model = onnx.load(str(write_network(path)))
    del model.metadata_props[:]
    onnx.save(model, str(path))
    return path


def of_other_features(path: Path) -> Path:
    model = onnx.load(str(write_network(path)))
    card = json.loads(model.metadata_props[0].value)
    model.metadata_props[0].value = json.dumps(card | {"feature_version": 0})
    assert model.metadata_props[0].key == METADATA_KEY
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (garbage, "ONNX Runtime cannot read it"),
        (without_metadata, "has no metadata 'zoox_prediction'"),
        (of_other_features, "feature_version 0, this version has "),
        (lambda path: write_network(path, shapes={"limits": (None, 9)}), "'limits' is of shape [None, 9], scenes have"),
        (lambda path: write_network(path, shapes={"mood": (None,)}), "an input 'mood' that no scene has"),
        (lambda path: write_network(path, leave_out="yaw"), "has no output 'yaw', only logits"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(make, words, tmp_path):
    path = make(tmp_path / "bad.onnx")
    with pytest.raises(InputError) as caught:
        open_network(config(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_by_name_are_those_of_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(network_runtime, "_WEIGHTS", tmp_path)
    with pytest.raises(InputError, match="weights research: this version ships none"):
        weights_file("research")
    (tmp_path / "research.onnx").touch()
    assert weights_file("research") == tmp_path / "research.onnx"


@pytest.mark.parametrize(
    ("weights", "words"), [("defualt", "must be default, research or a file"), ("/no/such.onnx", "no such file")]
)
def test_weights_that_are_nowhere(weights, words):
    with pytest.raises(InputError, match=words):
        weights_file(weights)


def test_without_onnx_runtime_the_sentence_says_what_to_install(tmp_path, monkeypatch):
    path = write_network(tmp_path / "tiny.onnx")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name))
    with pytest.raises(InputError, match="pip install onnxruntime"):
        open_network(config(path))
