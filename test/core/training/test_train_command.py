"""`train` and `export` from the command line, and what they say when something is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from synthetic_samples import synthetic_sample, write_samples

from zoox_prediction import cli
from zoox_prediction.config import ConfigError
from zoox_prediction.resources import resource_path
from zoox_prediction.training.train_config import load_train_config

SMALL = {
    "name": "small",
    "licence": "none",
    "network": {
        "width": 32, "edge_width": 16, "plan_width": 8, "decoder_width": 32, "raster_widths": [8, 8, 8],
        "num_heads": 2, "num_rounds": 1,
    },
    "data": {"batch_size": 2, "workers": 0},
    "optimization": {"steps": 3},
}  # fmt: skip


@pytest.mark.parametrize("name", ["default", "research"])
def test_shipped_configurations_are_read(name: str) -> None:
    config = load_train_config(resource_path(f"config/training/{name}.yaml"))
    assert config.name == name and config.licence
    assert (config.init_from is not None) == (name == "research")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"optimisation": {"steps": 3}}, "did you mean 'optimization'"),
        ({"network": {"use_rater": False}}, "did you mean 'network.use_raster'"),
        ({"losses": {"overlap": -1.0}}, "overlap must be finite and not negative"),
        ({"optimization": {"precision": "8"}}, "precision must be one of"),
        ({"augmentation": {"without_map": 2.0}}, "without_map must be 0 to 1"),
        ([], "expected a mapping"),
    ],
)
def test_what_cannot_be_meant_is_told_with_the_file(values: object, words: str, tmp_path: Path) -> None:
    path = tmp_path / "training.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load_train_config(path)
    assert words in str(error.value) and str(path) in str(error.value)


def test_from_samples_to_the_file_that_a_node_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for package in ("torch", "lightning_fabric", "tensorboard", "onnx", "onnxruntime"):
        pytest.importorskip(package, reason="pip install '.[train]'")
    samples = [synthetic_sample(seed) for seed in range(4)]
    write_samples(samples, tmp_path / "samples")
    config, out = tmp_path / "training.yaml", tmp_path / "run"
    config.write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    folders = ["--samples", str(tmp_path / "samples"), "--validation", str(tmp_path / "samples")]
    command = ["train", str(config), *folders, "--out", str(out), "--threads", "1"]

    assert cli.main(command) == 0
    assert "best.pt: small-3, calibrated" in capsys.readouterr().out
    assert cli.main([*command, "--steps", "5"]) == 0
    said = capsys.readouterr().out
    assert "goes on from step 3" in said and "step 5, validation" in said

    exported = tmp_path / "small.onnx"
    command = ["export", str(out / "best.pt"), "--out", str(exported), "--samples", str(tmp_path / "samples")]
    assert cli.main([*command, "--calibrate", "--decoder", str(tmp_path / "decoder.onnx")]) == 0
    assert "of the checkpoint" in capsys.readouterr().out
    assert (tmp_path / "decoder.onnx").stat().st_size > 1000
    from zoox_prediction.prediction.network_runtime import OnnxNetwork

    card = OnnxNetwork(exported, num_threads=1).card
    assert card.training_data == ({"name": "made_up", "licence": "none", "recordings": 1, "scenes": 4},)
    assert card.calibration is not None and card.network["width"] == 32


def test_what_is_missing_is_told_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="pip install '.[train]'")
    pytest.importorskip("lightning_fabric", reason="pip install '.[train]'")
    config = tmp_path / "training.yaml"
    config.write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    nowhere = str(tmp_path / "nowhere")
    wrong = {
        "training-none.yaml: cannot be read": ["train", str(tmp_path / "training-none.yaml")],
        "--threads 0: must be at least 1": ["train", str(config), "--threads", "0"],
        "steps must be at least 1": ["train", str(config), "--steps", "0"],
        "holds no samples": ["train", str(config), "--samples", nowhere, "--out", str(tmp_path / "run")],
        "nowhere: cannot be read": ["export", nowhere, "--out", str(tmp_path / "a.onnx")],
        "its folder does not exist": ["export", nowhere, "--out", f"{nowhere}/a.onnx"],
        "--calibrate needs --samples": ["export", nowhere, "--out", str(tmp_path / "a.onnx"), "--calibrate"],
    }
    for words, arguments in wrong.items():
        assert cli.main(arguments) == 2, words
        error = capsys.readouterr().err.strip()
        assert words in error and "\n" not in error, error
