"""Samples, targets and training of the thermal network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from zoox_prediction import cli
from zoox_prediction.detection.image.heat_map import peaks
from zoox_prediction.detection.image.thermal_input import STRIDE, thermal_input
from zoox_prediction.errors import InputError
from zoox_prediction.recording.datasets.hit_uav import ThermalClass, ThermalPicture
from zoox_prediction.training.thermal_calibration import fitted, judged_peaks
from zoox_prediction.training.thermal_samples import ThermalSamples, clutter, heat_map_targets


def _picture(path: Path) -> ThermalPicture:
    """People as bright squares, all labelled."""
    random = np.random.default_rng(5)
    image = np.full((256, 320), 60.0) + random.normal(0.0, 3.0, (256, 320))
    corner = np.stack(np.meshgrid(np.arange(20, 300, 40), np.arange(20, 240, 40)), axis=-1).reshape(-1, 2)
    boxes = np.concatenate([corner, corner + np.array([12, 20])], axis=1).astype(float)
    for left, top, right, bottom in boxes.astype(int):
        image[top:bottom, left:right] = 200.0
    cv2.imwrite(str(path), np.clip(image, 0, 255).astype(np.uint8))
    return ThermalPicture(path, boxes, np.zeros(len(boxes), dtype=np.int64), np.zeros((0, 4)))


def test_the_unit_and_gain_of_a_camera_do_not_matter() -> None:
    random = np.random.default_rng(0)
    image = random.uniform(0.0, 1.0, (64, 96)).astype(np.float32)
    first = thermal_input(image)
    np.testing.assert_allclose(thermal_input(270.0 + 30.0 * image), first, atol=1e-3)
    assert first.shape == (2, 64, 96)
    assert np.isfinite(thermal_input(np.full((32, 32), 7, dtype=np.uint8))).all()


def test_targets_are_what_the_detector_reads() -> None:
    boxes = np.array([[10.0, 20.0, 22.0, 44.0], [60.0, 30.0, 100.0, 52.0]])
    classes = np.array([ThermalClass.PERSON, ThermalClass.CAR])
    heat, values, weight = heat_map_targets(boxes, classes, 128)
    assert (weight == 1.0).sum() == 2
    found, scores, found_classes = peaks(heat, values, 0.99)
    order = np.argsort(found_classes)
    np.testing.assert_allclose(found[order], boxes, atol=1e-3)
    np.testing.assert_allclose(scores, 1.0)
    assert found_classes[order].tolist() == classes.tolist()
    # Cells beside the centre say the same box.
    rows, columns = np.nonzero(weight[:, :10])
    assert len(rows) == 3
    center = np.stack([columns, rows], axis=1) + values[2:, rows, columns].T
    np.testing.assert_allclose(center, np.broadcast_to([4.0, 8.0], center.shape), atol=1e-5)


def test_samples_show_their_labels_where_the_targets_say(tmp_path: Path) -> None:
    samples = ThermalSamples([_picture(tmp_path / "picture.png")], 128, np.random.default_rng(1))
    bright, dark = [], []
    for _ in range(20):
        sample = samples.draw()
        assert sample.image.shape == (2, 128, 128) and np.isfinite(sample.image).all()
        rows, columns = np.nonzero((sample.box_weight == 1.0) * sample.counts)
        at_centers = sample.image[0, rows * STRIDE + 2, columns * STRIDE + 2]
        away = sample.image[0, ::STRIDE, ::STRIDE][(sample.heat.max(axis=0) < 0.01) & (sample.counts > 0)]
        if len(at_centers) and len(away):
            bright.append(abs(np.median(at_centers) - np.median(away)))
            dark.append(np.percentile(np.abs(away - np.median(away)), 50))
    assert len(bright) > 10
    assert np.median(bright) > 5.0 * np.median(dark)


def test_what_is_not_labelled_one_by_one_does_not_count(tmp_path: Path) -> None:
    picture = _picture(tmp_path / "picture.png")
    whole = np.array([[0.0, 0.0, 320.0, 256.0]])
    counts = []
    for ignored in (whole[:0], whole):
        unlabelled = ThermalPicture(picture.path, picture.boxes[:0], picture.classes[:0], ignored)
        samples = ThermalSamples([unlabelled], 128, np.random.default_rng(1))
        counts.append(np.mean([samples.draw().counts.mean() for _ in range(10)]))
    assert counts[0] > 0.3
    assert counts[1] < 0.2 * counts[0]  # turned, a region is not covered by its box up to the corners


def test_the_command_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "network.onnx")
    assert cli.main(["train-thermal", "--data", str(tmp_path / "none"), "--out", out]) == 2
    assert cli.main(["train-thermal", "--data", str(tmp_path), "--out", str(tmp_path / "none" / "a.onnx")]) == 2
    assert cli.main(["train-thermal", "--data", str(tmp_path), "--out", out, "--steps", "0"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    for words, line in zip(("annotations.json", "its folder does not exist", "at least 1"), lines, strict=True):
        assert words in line


def test_training_learns_and_the_file_gives_what_was_learnt(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="pip install '.[train]'")
    from zoox_prediction.detection.image.heat_map import HeatMapDetector
    from zoox_prediction.detection.image.networks import open_onnx
    from zoox_prediction.training.thermal_network import (
        ThermalTrainingConfig,
        export_thermal_network,
        train_thermal_network,
    )

    torch.set_num_threads(1)
    picture = _picture(tmp_path / "picture.png")
    config = ThermalTrainingConfig(steps=120, batch_size=4, size_px=128)
    losses: list[float] = []
    samples = ThermalSamples([picture], config.size_px, np.random.default_rng(0))
    network = train_thermal_network(samples, config, lambda step, loss: losses.append(loss))
    assert losses[-1] < 0.5 * losses[0]
    export_thermal_network(network, tmp_path / "network.onnx", "test")
    image = picture.read()
    with torch.no_grad():
        expected = network(torch.from_numpy(thermal_input(image)[None])).numpy()
    opened = open_onnx(tmp_path / "network.onnx")
    np.testing.assert_allclose(opened.run(thermal_input(image)[None])[0], expected, atol=1e-3)
    boxes, _, classes = HeatMapDetector(opened, "network.onnx").detect(image, 0.3)
    assert len(boxes) > 0.7 * len(picture.boxes)
    assert (classes == ThermalClass.PERSON).all()


def test_an_interrupted_training_goes_on_to_the_same_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="pip install '.[train]'")
    from zoox_prediction.training import thermal_network

    torch.set_num_threads(1)
    monkeypatch.setattr(thermal_network, "_SAVE_EVERY", 3)
    picture, checkpoint = _picture(tmp_path / "picture.png"), tmp_path / "training.pt"
    config = thermal_network.ThermalTrainingConfig(steps=6, batch_size=2, size_px=64)

    def trained(progress: Callable[[int, float], None]) -> dict[str, Any]:
        samples = ThermalSamples([picture], config.size_px, np.random.default_rng(0))
        network = thermal_network.train_thermal_network(samples, config, progress, checkpoint)
        return {name: value.numpy() for name, value in network.state_dict().items()}

    whole = trained(lambda step, loss: None)
    checkpoint.unlink()

    def interrupt(step: int, loss: float) -> None:
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(interrupt)
    steps: list[int] = []
    resumed = trained(lambda step, loss: steps.append(step))
    assert steps == [4, 5, 6]
    for name, value in whole.items():
        np.testing.assert_allclose(resumed[name], value, atol=1e-6)
    samples = ThermalSamples([picture], config.size_px, np.random.default_rng(0))
    with pytest.raises(InputError, match="other settings"):
        thermal_network.train_thermal_network(samples, replace(config, batch_size=3), checkpoint=checkpoint)
    with pytest.raises(InputError, match="is of step 6 already"):
        thermal_network.train_thermal_network(samples, replace(config, steps=5), checkpoint=checkpoint)
    steps.clear()
    longer = replace(config, steps=8)
    thermal_network.train_thermal_network(samples, longer, lambda step, loss: steps.append(step), checkpoint)
    assert steps == [7, 8]
    checkpoint.write_bytes(b"nothing")
    with pytest.raises(InputError, match="no checkpoint"):
        thermal_network.train_thermal_network(samples, config, checkpoint=checkpoint)


def test_pieces_in_which_nothing_is_are_those_that_stand_out(tmp_path: Path) -> None:
    labelled = _picture(tmp_path / "picture.png")
    image = labelled.read()
    is_left = labelled.boxes[:, 0] < 160.0
    picture = replace(labelled, boxes=labelled.boxes[is_left], classes=labelled.classes[is_left])
    pieces = clutter(image, picture, np.random.default_rng(1))
    assert pieces and all(piece.label is None for piece in pieces)
    strength = [float(np.abs(piece.contrast).max()) for piece in pieces]
    assert strength == sorted(strength, reverse=True) and strength[0] > 0.4
    assert not clutter(image, replace(picture, boxes=np.zeros((0, 4))), np.random.default_rng(1))


def test_scores_are_fitted_to_how_often_they_are_right() -> None:
    random = np.random.default_rng(0)
    scores = random.uniform(0.2, 0.7, 4000)
    probability = 1.0 / (1.0 + np.exp(-(3.0 * np.log(scores / (1.0 - scores)) - 0.5)))
    slope, offset = fitted(scores, random.uniform(size=4000) < probability)
    assert (slope, offset) == pytest.approx((3.0, -0.5), abs=0.2)
    assert fitted(np.zeros(0), np.zeros(0, dtype=bool)) == pytest.approx((1.0, 0.0), abs=1e-3)


def test_a_label_makes_one_box_right(tmp_path: Path) -> None:
    """The best-scoring one; boxes of another class and in ignored places are not counted right."""
    picture = replace(_picture(tmp_path / "picture.png"), ignored=np.array([[290.0, 0.0, 320.0, 256.0]]))
    label, person, car = picture.boxes[0], ThermalClass.PERSON, ThermalClass.CAR
    boxes = np.array([label, label + np.array([0, 8, 0, 8]), label, [300.0, 10, 310, 30], picture.boxes[1]])
    scores, kinds = np.array([0.6, 0.7, 0.9, 0.5, 0.4]), np.array([person, person, car, person, person])
    found, right = judged_peaks(lambda image, minimum: (boxes, scores, kinds), [picture])
    by_score = dict(zip(found.tolist(), right.tolist(), strict=True))
    assert by_score == {0.7: False, 0.6: True, 0.9: False, 0.4: True}


def test_calibrated_scores_are_in_the_weights_of_the_last_layer(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="pip install '.[train]'")
    from zoox_prediction.training.thermal_calibration import calibrate_scores
    from zoox_prediction.training.thermal_network import thermal_network

    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = thermal_network().eval()
    with torch.no_grad():
        network.heat[-1].bias.fill_(-1.0)  # it finds things everywhere, and none is right
        calibrated = calibrate_scores(network, [_picture(tmp_path / "picture.png")], 1.25)
        image = torch.rand(1, 2, 64, 64)
        before, after = (each(image)[0] for each in (network, calibrated))
    odds = [torch.logit(each[:3]).double().numpy().ravel() for each in (before, after)]
    slope, offset = np.polyfit(*odds, 1)
    np.testing.assert_allclose(odds[1], slope * odds[0] + offset, atol=1e-3)
    assert after[:3].max() < before[:3].min()
    np.testing.assert_allclose(after[3:], before[3:])
