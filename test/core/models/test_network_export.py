"""ONNX Runtime gives what torch gives, for any number of scenes, agents, paths and elements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_up_features import made_up_features

from zoox_prediction.models.scene_features import NETWORK_INPUTS, SceneFeatures, concatenate
from zoox_prediction.prediction.model_card import ModelCard
from zoox_prediction.raster.config import RasterConfig

torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")
export = pytest.importorskip("zoox_prediction.models.export")
network_module = pytest.importorskip("zoox_prediction.models.network")

torch.set_num_threads(1)  # more only wait for each other at these sizes


@pytest.fixture(scope="module")
def network():
    """With random weights where training begins with zeros."""
    torch.manual_seed(0)
    network = network_module.PredictionNetwork(raster=RasterConfig(size_px=64)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return network


def _session(path: Path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def shapes() -> dict[str, tuple[int | None, ...]]:
    return ModelCard(version="test", raster=RasterConfig(size_px=64)).input_shapes()


@pytest.fixture(scope="module")
def session(network, shapes, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("export") / "network.onnx"
    export.export_network(network, shapes, path, {"key": "value"})
    return _session(path)


def _given(session, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inputs that the network looks at."""
    return {each.name: inputs[each.name] for each in session.get_inputs()}


def _torch(network, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    with torch.no_grad():
        found = network(**{name: torch.from_numpy(values) for name, values in inputs.items()})
    return {name: values.numpy() for name, values in found.items()}


def _scenes(*counts: tuple[int, int, int]) -> SceneFeatures:
    return concatenate([made_up_features(row, *each, with_plan=row % 2 == 0) for row, each in enumerate(counts)])


@pytest.mark.parametrize(
    "features",
    [
        _scenes((6, 3, 12)),
        _scenes((1, 1, 1)),
        _scenes((4, 2, 0)),
        _scenes((0, 0, 0)),
        _scenes((0, 0, 5)),
        _scenes((5, 3, 8), (0, 0, 0), (9, 2, 30)),
    ],
    ids=["some", "one of each", "no elements", "nothing", "no agents", "a batch"],
)
def test_onnx_runtime_gives_what_torch_gives(network, session, features: SceneFeatures) -> None:
    inputs = features.network_inputs()
    expected = _torch(network, inputs)
    names = list(network_module.NETWORK_OUTPUTS)
    found = dict(zip(names, session.run(names, _given(session, inputs)), strict=True))
    for name, values in expected.items():
        assert found[name].dtype == np.float32
        assert found[name].shape == values.shape
        np.testing.assert_allclose(found[name], values, rtol=1e-3, atol=1e-4 if name == "position" else 1e-3)


def test_the_file_takes_what_scenes_have_and_tells_what_was_given_along(session) -> None:
    assert {each.name for each in session.get_inputs()} == set(NETWORK_INPUTS) - {"element_scene"}
    assert session.get_modelmeta().custom_metadata_map == {"key": "value"}


def test_the_decoder_alone_answers_several_plans_as_the_network_does(network, session, shapes, tmp_path: Path) -> None:
    export.export_decoder(network, shapes, tmp_path / "decoder.onnx", {})
    scene = made_up_features(3, num_agents=4, paths_per_agent=2)
    others = [made_up_features(seed, with_plan=True) for seed in (4, 5, 6)]
    under_plans = concatenate([scene.with_plan(other.plan, other.plan_valid) for other in others])
    (code,) = session.run([export.CODE], _given(session, scene.network_inputs()))
    inputs = {**under_plans.network_inputs(), export.CODE: np.tile(code, (3, 1))}
    decoder = _session(tmp_path / "decoder.onnx")
    answers = decoder.run(["position"], _given(decoder, inputs))[0]
    np.testing.assert_allclose(answers, _torch(network, under_plans.network_inputs())["position"], atol=1e-3)
    assert np.abs(answers[:8] - answers[8:16]).max() > 0.01


def test_switches_that_cut_inputs_leave_the_interface_as_it_is(shapes, tmp_path: Path) -> None:
    config = network_module.NetworkConfig(use_raster=False, use_graph=False, use_attributes=False, use_signals=False)
    network = network_module.PredictionNetwork(config, raster=RasterConfig(size_px=64))
    export.export_network(network, shapes, tmp_path / "network.onnx", {})
    features = made_up_features(num_agents=3)
    inputs = features.network_inputs()
    session = _session(tmp_path / "network.onnx")
    found = session.run(["position"], _given(session, inputs))[0]
    np.testing.assert_allclose(found, _torch(network.eval(), inputs)["position"], atol=1e-4)
