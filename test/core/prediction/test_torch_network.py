"""A checkpoint run by torch says what its export to ONNX says."""

from __future__ import annotations

from dataclasses import asdict, fields

import numpy as np
import pytest

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.benchmark_scenes import scene_on
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.models.network_config import NetworkConfig
from zoox_prediction.prediction import network_runtime
from zoox_prediction.prediction.features import FeatureExtractor
from zoox_prediction.prediction.learned_config import LearnedConfig
from zoox_prediction.prediction.model_card import ModelCard
from zoox_prediction.prediction.network_runtime import open_network, weights_file
from zoox_prediction.prediction.registry import create_predictor
from zoox_prediction.training.export_command import export_checkpoint

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
checkpoints = pytest.importorskip("zoox_prediction.prediction.checkpoint")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With new.pt and new.onnx of one network that has learnt nothing."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    card = ModelCard(version="new", network=asdict(NetworkConfig()))
    checkpoint = checkpoints.Checkpoint(card, checkpoints.make_network(card, "new").state_dict())
    checkpoints.save_checkpoint(folder / "new.pt", checkpoint)
    export_checkpoint(checkpoint, folder / "new.onnx", "new", None)
    return folder


def test_both_say_the_same(folder):
    inputs = FeatureExtractor()(scene_on(town(), 12)).network_inputs()
    found = [open_network(LearnedConfig(weights=str(folder / f"new.{kind}")))(inputs) for kind in ("pt", "onnx")]
    for each in fields(found[0]):
        first, second = (getattr(proposals, each.name) for proposals in found)
        assert first.dtype == second.dtype == np.float32
        assert first.size
        np.testing.assert_allclose(first, second, atol=1e-3, err_msg=each.name)


def test_a_checkpoint_predicts_by_its_path(folder):
    scene = scene_on(town(), 5)
    predictions = create_predictor(f"learned:{folder / 'new.pt'}").predict(scene)
    assert predictions.predictor_version == "new"
    assert np.isfinite(predictions.position).all()


def test_what_is_no_checkpoint_says_so(tmp_path):
    path = tmp_path / "broken.pt"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"broken\.pt: is no checkpoint"):
        open_network(LearnedConfig(weights=str(path)))


def test_by_name_the_checkpoint_is_taken_where_onnx_runtime_is_absent(tmp_path, monkeypatch):
    monkeypatch.setattr(network_runtime, "_WEIGHTS", tmp_path)
    for suffix in ("onnx", "pt"):
        (tmp_path / f"default.{suffix}").touch()
    assert weights_file("default").suffix == ".onnx"
    monkeypatch.setattr(network_runtime, "_is_installed", lambda module: module != "onnxruntime")
    assert weights_file("default").suffix == ".pt"
