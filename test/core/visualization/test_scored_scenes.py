"""`render scored`: the scenes of an evaluation, found again and drawn."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from zoox_prediction.cli import main
from zoox_prediction.recording.convert import write_recording
from zoox_prediction.recording.datasets.source import SourceRecording
from zoox_prediction.scene import TrackedAgents

START_NS = 1_000_000_000


def _braking(steps: int) -> tuple[TrackedAgents, ...]:
    """Three cars side by side at 10 m/s that stand from x = 60 m on."""
    return tuple(
        TrackedAgents.from_states(
            START_NS + step * 100_000_000,
            np.array([4, 5, 6]),
            np.zeros(3, dtype=int),
            np.column_stack([np.full(3, min(float(step), 60.0)), [0.0, 5.0, 10.0]]),
            np.zeros(3),
            np.tile([10.0 if step < 60 else 0.0, 0.0], (3, 1)),
        )
        for step in range(steps)
    )


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of two recordings, and the scores on them."""
    folder = tmp_path_factory.mktemp("recordings")
    for name in ("first", "second"):
        write_recording(SourceRecording(dataset="made-up", name=name, agents=_braking(121)), folder / name)
    scores = tmp_path_factory.mktemp("scores") / "scores.json"
    options = ["--predictor", "cv=constant_velocity", "standing_still", "--workers", "1", "--json", str(scores)]
    assert main(["evaluate", "--recordings", str(folder), *options]) == 0
    return folder, scores


def test_the_worst_scene_becomes_a_picture_around_the_agent(scored, tmp_path, capsys):
    folder, scores = scored
    options = ["--predictor", "cv=constant_velocity", "--rank", "worst", "--out", str(tmp_path)]
    assert main(["render", "scored", str(scores), "--recordings", str(folder), *options]) == 0
    (path,) = map(Path, capsys.readouterr().out.split())
    (row,) = [each for each in json.loads(scores.read_text())["scenes"] if each["predictor"] == "cv"][-1:]
    assert path.name == f"made-up-cv-worst-{row['recording']}.png"
    picture = cv2.imread(str(path))
    assert picture.shape == (960, 1280, 3)
    blue = np.argwhere((abs(picture.astype(int) - [230, 90, 40]) < 60).all(axis=2))  # the truth, in BGR
    assert len(blue) > 100, "what really happened is in the picture"


def test_films_hold_the_seconds_around_the_scene(scored, tmp_path, capsys):
    folder, scores = scored
    options = ["--predictor", "standing_still", "--rank", "best", "--films", "--out", str(tmp_path)]
    assert main(["render", "scored", str(scores), "--recordings", str(folder), *options]) == 0
    film = cv2.VideoCapture(capsys.readouterr().out.strip())
    frames = 0
    while film.read()[0]:
        frames += 1
    (row,) = [
        each
        for each in json.loads(scores.read_text())["scenes"]
        if (each["predictor"], each["rank"]) == ("standing_still", "best")
    ]
    first, last = max(row["at_s"] - 1.0, 0.0), min(row["at_s"] + 8.0, 11.9)
    assert frames == round(10 * (last - first)) + 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--predictor", "pedestrian"], "has no such scene"),
        (["--rank", "worst", "--recordings", "{empty}"], "is not among them"),
    ],
)
def test_mistakes_are_told_in_one_sentence(scored, tmp_path, capsys, options, says):
    folder, scores = scored
    write_recording(SourceRecording(dataset="made-up", name="third", agents=_braking(30)), tmp_path / "third")
    options = [each.format(empty=tmp_path) for each in options]
    predictors = ["--predictor", "cv=constant_velocity"]
    arguments = ["render", "scored", str(scores), "--recordings", str(folder), *predictors, *options]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    errors = capsys.readouterr().err
    assert says in errors and len(errors.splitlines()) == 1
