"""The lidar classifier's training: made-up sweeps, their labelled clusters, the fit, the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from zoox_prediction.cli import main
from zoox_prediction.detection.lidar import LidarDetectorConfig
from zoox_prediction.detection.lidar.classifier import load_classifier, softmax
from zoox_prediction.detection.lidar.features import FEATURES
from zoox_prediction.detection.lidar.segmentation import segment
from zoox_prediction.geometry import box_distance
from zoox_prediction.resources import resource_path
from zoox_prediction.scene import AgentClass
from zoox_prediction.training.lidar_classifier import FitConfig, fit_classifier
from zoox_prediction.training.lidar_samples import BACKGROUND, Samples, best_match, draw_samples
from zoox_prediction.training.lidar_scenes import draw_sweep

SEED = 1_000_003


def test_points_of_a_made_up_sweep_lie_on_their_owners_and_nobody_touches_another() -> None:
    sweep = draw_sweep(SEED)
    again = draw_sweep(SEED)
    np.testing.assert_array_equal(sweep.position, again.position)
    assert (sweep.owner == -1).any()
    base = sweep.position @ sweep.base_from_sensor[:3, :3].T + sweep.base_from_sensor[:3, 3]
    seen = np.unique(sweep.owner[sweep.owner >= 0])
    assert len(seen) > 5
    for row in seen:
        away = np.linalg.norm(base[sweep.owner == row, :2] - sweep.agents.position[row, :2], axis=1)
        reach = 0.5 * np.linalg.norm(sweep.agents.size[row, :2])
        assert np.median(away) < reach + 0.5
    boxes = (sweep.agents.position[:, :2], sweep.agents.yaw, sweep.agents.size[:, :2])
    apart = box_distance(*(each[:, None] for each in boxes), *(each[None] for each in boxes))
    assert apart[~np.eye(len(apart), dtype=bool)].min() >= 0.3


def test_labels_of_clusters_are_those_of_the_points_in_them() -> None:
    sweep, config = draw_sweep(SEED), LidarDetectorConfig()
    segmentation = segment(sweep.position, sweep.base_from_sensor, config)
    iou, agent = best_match(segmentation, sweep)
    whole = np.flatnonzero(iou > 0.9)
    assert len(whole) > 5
    off = np.linalg.norm(segmentation.clusters.boxes.center[whole] - sweep.agents.position[agent[whole], :2], axis=1)
    assert (off < 0.6 * sweep.agents.size[agent[whole], 0] + 0.5).all()
    samples = draw_samples(SEED, config)
    assert samples.features.shape == (len(samples), len(FEATURES)) and np.isfinite(samples.features).all()
    assert set(samples.label.tolist()) <= set(range(BACKGROUND + 1)) and (samples.label == BACKGROUND).any()
    assert len(set(samples.label.tolist())) >= 3


def test_the_fit_learns_what_can_be_learned_and_is_repeatable() -> None:
    random = np.random.default_rng(0)
    features = random.normal(0.0, 1.0, (4000, len(FEATURES)))
    label = np.where(features[:, 2] * features[:, 3] > 0.0, int(AgentClass.CAR), BACKGROUND)  # not linear
    config = FitConfig(epochs=40, batch=256, noise=0.05)
    classifier = fit_classifier(Samples(features, label), config)
    guessed = softmax(classifier.logits(features)).argmax(axis=1)
    assert (guessed == label).mean() > 0.9
    again = fit_classifier(Samples(features, label), config)
    np.testing.assert_array_equal(classifier.weights[0], again.weights[0])


def test_the_command_writes_a_classifier_that_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "classifier.json"
    assert main(["train-lidar", "--scenes", "10", "--out", str(out)]) == 0
    document = json.loads(out.read_text(encoding="utf-8"))
    assert document["training_data"] == "made-up sweeps only, no recordings"
    assert "--scenes 10 --seed 0" in document["made_by"]
    _, existence = load_classifier(out).classify(np.zeros((2, len(FEATURES))))
    assert ((existence > 0.0) & (existence < 1.0)).all()
    assert "background:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["--scenes", "3"], "--scenes 3"), (["--seed", "-1"], "--seed -1"), ([], "its folder does not exist")],
)
def test_options_that_cannot_be_used(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / ("nowhere/c.json" if not arguments else "c.json")
    assert main(["train-lidar", "--out", str(out), *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_the_shipped_classifier_says_what_it_was_made_from() -> None:
    document = json.loads(resource_path("config/lidar_classifier.json").read_text(encoding="utf-8"))
    assert document["training_data"] == "made-up sweeps only, no recordings"
    assert document["made_by"].startswith("zoox-prediction")
