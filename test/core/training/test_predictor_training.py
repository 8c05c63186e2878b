"""The training of the learned predictor: it learns, goes on exactly, runs in several processes, and exports."""

# ruff: noqa: E402  # what follows needs torch

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install '.[train]'")
pytest.importorskip("lightning_fabric", reason="pip install '.[train]'")
pytest.importorskip("tensorboard", reason="pip install '.[train]'")

from lightning_fabric import Fabric
from synthetic_samples import FEATURES, RASTER, synthetic_sample

from zoox_prediction.errors import InputError
from zoox_prediction.models.network_config import NetworkConfig
from zoox_prediction.prediction.checkpoint import load_checkpoint, save_checkpoint, trained_network
from zoox_prediction.prediction.model_card import ModelCard
from zoox_prediction.training.augmentation import AugmentationConfig
from zoox_prediction.training.export_command import export_checkpoint, largest_difference_m
from zoox_prediction.training.fit_calibration import calibrated
from zoox_prediction.training.loop import BEST, LATEST, Training
from zoox_prediction.training.train_config import DataConfig, LoggingConfig, OptimizationConfig, TrainConfig

NETWORK = NetworkConfig(
    width=32, edge_width=16, plan_width=8, decoder_width=32, raster_widths=(8, 8, 8), num_heads=2, num_rounds=1
)
_ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def _config(steps: int, **changes: Any) -> TrainConfig:
    config = TrainConfig(
        data=DataConfig(batch_size=4, workers=0),
        network=NETWORK,
        optimization=OptimizationConfig(steps=steps, learning_rate=5e-3, warmup_steps=5, averaging=0.9),
        logging=LoggingConfig(log_steps=1),
    )
    return replace(config, **changes)


def _training(
    config: TrainConfig, folder: Path, samples: Sequence[Any], validation: Sequence[Any] = (), **others: Any
) -> Training:
    folder.mkdir(exist_ok=True)
    card = ModelCard(version="test", features=FEATURES, raster=RASTER, network=asdict(config.network))
    fabric = Fabric(accelerator="cpu", devices=1)
    return Training(config, samples, validation, card, fabric, folder, **others)


def _samples(count: int, num_agents: int = 3) -> list[Any]:
    return [synthetic_sample(seed, num_agents) for seed in range(count)]


def test_a_few_scenes_are_learnt_by_heart(tmp_path: Path) -> None:
    quiet = AugmentationConfig(**dict.fromkeys(AugmentationConfig.__dataclass_fields__, 0.0))
    samples = _samples(4)
    training = _training(_config(150, augmentation=quiet), tmp_path, samples, samples)
    assert training.run()
    assert training.state.metrics["all/min_ade6"] < 0.3
    losses = _logged(tmp_path, "loss/total")
    assert len(losses) == 150
    assert np.mean(losses[-10:]) < 0.3 * np.mean(losses[:10])
    assert list((tmp_path / "tensorboard").iterdir())


def _logged(folder: Path, name: str) -> list[float]:
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        return [float(row["value"]) for row in csv.DictReader(file) if row["name"] == name]


class KilledError(Exception):
    pass


def _die_after_8(share: float, text: str) -> None:
    if text.startswith("step 8,"):
        raise KilledError


def test_a_killed_training_goes_on_to_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    samples = _samples(6)
    logging = LoggingConfig(log_steps=1, checkpoint_steps=3)
    config = _config(9, logging=logging)
    whole = _training(config, tmp_path / "whole", samples)
    whole.run()
    killed = _training(config, tmp_path / "killed", samples, show=_die_after_8)
    with pytest.raises(KilledError):
        killed.run()
    resumed = _training(config, tmp_path / "killed", samples)
    resumed.state.resume(load_checkpoint(tmp_path / "killed" / LATEST), "latest")
    assert resumed.state.step == 6
    resumed.run()
    for name, value in whole.state.plain.state_dict().items():
        assert torch.equal(resumed.state.plain.state_dict()[name], value), name
        assert torch.equal(resumed.state.averaged[name], whole.state.averaged[name]), name
    logs = [(tmp_path / name / "metrics.csv").read_text(encoding="utf-8") for name in ("whole", "killed")]
    whole_log, resumed_log = ([row for row in log.splitlines() if "per_s" not in row] for log in logs)
    assert resumed_log == whole_log


def test_a_training_that_is_told_to_stop_loses_no_step(tmp_path: Path) -> None:
    def show(share: float, text: str) -> None:
        if text.startswith("step 4,"):
            training.stop()

    training = _training(_config(9), tmp_path, _samples(2, 1), show=show)
    assert not training.run()
    assert load_checkpoint(tmp_path / LATEST).resume["step"] == 4
    resumed = _training(_config(9), tmp_path, _samples(2, 1))
    resumed.state.resume(load_checkpoint(tmp_path / LATEST), "latest")
    assert resumed.run() and resumed.state.step == 9


def test_the_time_limit_ends_a_training_with_its_cosine(tmp_path: Path) -> None:
    seconds = iter(range(10_000))
    optimization = OptimizationConfig(steps=10_000, max_minutes=1.0, warmup_steps=0)
    config = _config(1, optimization=optimization, logging=LoggingConfig(log_steps=1, checkpoint_minutes=100.0))
    training = _training(config, tmp_path, _samples(4, 1), clock=lambda: next(seconds))
    training.run()
    assert 10 < training.state.step < 60
    rates = _logged(tmp_path, "learning_rate")
    assert rates[0] > 0.9 * optimization.learning_rate
    assert rates[-1] < 0.05 * optimization.learning_rate
    assert np.all(np.diff(rates) < 0.0)


def test_scenes_without_agents_are_no_obstacle(tmp_path: Path) -> None:
    samples = [synthetic_sample(0, 0), synthetic_sample(1, 2), synthetic_sample(2, 0)]
    training = _training(_config(3), tmp_path, samples, samples)
    before = {name: value.clone() for name, value in training.state.plain.state_dict().items()}
    training.run()
    assert np.isfinite(training.state.metrics["all/min_fde6"])
    after = training.state.plain.state_dict()
    assert all(torch.isfinite(value).all() for value in after.values())
    assert any(not torch.equal(after[name], value) for name, value in before.items())


def test_what_does_not_fit_is_refused_with_both_values(tmp_path: Path) -> None:
    samples = _samples(4, 1)
    training = _training(_config(1), tmp_path, samples)
    training.run()
    latest = load_checkpoint(tmp_path / LATEST)

    def refused(config: TrainConfig, *words: str) -> None:
        with pytest.raises(InputError) as error:
            _training(config, tmp_path, samples).state.resume(latest, "latest.pt")
        for word in ("latest.pt", *words):
            assert word in str(error.value)

    refused(_config(1, seed=5), "seed 0", "has 5")
    refused(_config(1, data=DataConfig(batch_size=2, workers=0)), "data.batch_size 4", "has 2")
    refused(_config(1, network=replace(NETWORK, num_styles=4)), "network.num_styles 3", "has 4")
    with pytest.raises(InputError, match="holds weights only"):
        _training(_config(1), tmp_path, samples).state.resume(load_checkpoint(tmp_path / BEST), "best.pt")
    longer = _training(_config(5), tmp_path, samples)
    longer.state.resume(latest, "latest.pt")
    longer.run()
    assert longer.state.step == 5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"feature_version": 99}, ("feature_version 99", "this version has")),
        ({"channel_digest": "abc"}, ("channel_digest abc", "this version has")),
        ({"network": {**asdict(NETWORK), "with": 3}}, ("unknown parameter 'network.with'", "'network.width'")),
        ({"network": {**asdict(NETWORK), "width": 64}}, ("has the shape", "that of this network")),
    ],
)
def test_checkpoints_of_another_layout_are_refused(changes: dict, words: tuple[str, ...], tmp_path: Path) -> None:
    training = _training(_config(1), tmp_path, _samples(1, 1))
    checkpoint = training.state.checkpoint(with_resume=False)
    path = tmp_path / "other.pt"
    save_checkpoint(path, replace(checkpoint, card=replace(checkpoint.card, **changes)))
    with pytest.raises(InputError) as error:
        trained_network(load_checkpoint(path), str(path))
    for word in (str(path), *words):
        assert word in str(error.value)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nothing.pt"
    with pytest.raises(InputError, match="cannot be read"):
        load_checkpoint(path)
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="is no checkpoint"):
        load_checkpoint(path)


def test_fine_tuning_begins_with_the_other_weights(tmp_path: Path) -> None:
    samples = _samples(4, 1)
    _training(_config(3), tmp_path / "first", samples).run()
    first = load_checkpoint(tmp_path / "first" / BEST)
    second = _training(_config(3, seed=7), tmp_path / "second", samples)
    second.state.start_from(first, "best.pt")
    for name, value in first.state_dict.items():
        assert torch.equal(second.state.plain.state_dict()[name], value)
    assert second.state.step == 0
    other = _training(_config(3, network=replace(NETWORK, use_graph=False)), tmp_path / "third", samples)
    with pytest.raises(InputError, match=r"network.use_graph True, the configuration has False"):
        other.state.start_from(first, "best.pt")


def test_what_was_trained_runs_in_onnx_runtime_with_the_same_numbers(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    samples = _samples(4)
    _training(_config(5), tmp_path, samples, samples).run()
    best = load_checkpoint(tmp_path / BEST)
    calibration = calibrated(trained_network(best, BEST), samples * 20, torch.device("cpu"))
    assert calibration is not None and calibration.temperature[0] != 1.0
    best = replace(best, card=replace(best.card, calibration=calibration))
    save_checkpoint(tmp_path / BEST, best)
    exported = tmp_path / "network.onnx"
    export_checkpoint(load_checkpoint(tmp_path / BEST), exported, BEST)
    assert largest_difference_m(best, exported, [*samples, synthetic_sample(9, 0)]) < 1e-3
    from zoox_prediction.prediction.network_runtime import OnnxNetwork

    card = OnnxNetwork(exported, num_threads=1).card
    assert card.version == "default-5" and card.metrics["step"] == 5
    np.testing.assert_allclose(card.calibration.covariance_scale, calibration.covariance_scale)


def _slow(steps: int) -> TrainConfig:
    """With faster steps, rounding soon decides which proposal is the nearest, and trainings part."""
    return _config(steps, optimization=OptimizationConfig(steps=steps, learning_rate=1e-4, warmup_steps=0))


_SCRIPT = """
import sys
from pathlib import Path
from dataclasses import replace
sys.path[:0] = {paths!r}
import torch
torch.set_num_threads(1)
import test_predictor_training as tests
from zoox_prediction.training.loop import Training
from zoox_prediction.training.train_command import make_fabric
from zoox_prediction.prediction.model_card import ModelCard
from dataclasses import asdict
config = tests._slow(6)
card = ModelCard(version="test", features=tests.FEATURES, raster=tests.RASTER, network=asdict(config.network))
samples = tests._samples(6)
training = Training(config, samples, samples, card, make_fabric(config), Path({folder!r}))
training.run()
training._fabric.barrier()
"""


def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    pytest.importorskip("torch.distributed")
    if not torch.distributed.is_available():
        pytest.skip("this torch has no torch.distributed")
    samples = _samples(6)
    alone = _training(_slow(6), tmp_path / "alone", samples, samples)
    alone.run()
    folder = tmp_path / "two"
    folder.mkdir()
    script = tmp_path / "script.py"
    paths = [str(_ROOT), str(Path(__file__).parent)]
    script.write_text(_SCRIPT.format(paths=paths, folder=str(folder)), encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    together = load_checkpoint(folder / LATEST)
    assert together.resume is not None and together.resume["step"] == 6
    for name, value in alone.state.averaged.items():
        torch.testing.assert_close(together.state_dict[name], value, atol=3e-4, rtol=1e-3, msg=name)
    assert together.card.metrics["all/min_fde6"] == pytest.approx(alone.state.metrics["all/min_fde6"], rel=1e-3)
    for name in ("loss/total", "gradient_norm"):
        assert _logged(folder, name) == pytest.approx(_logged(tmp_path / "alone", name), rel=1e-3)
