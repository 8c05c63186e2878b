"""`zoox-prediction calibrate` writes a file that the predictors take, says where it comes from, and repeats itself."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zoox_prediction import cli
from zoox_prediction.models.baselines.calibration import load_calibrations
from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.constant_velocity import ConstantVelocity
from zoox_prediction.models.baselines.mixture import HeuristicMixture
from zoox_prediction.prediction.registry import PREDICTORS
from zoox_prediction.recording.convert import write_recording
from zoox_prediction.recording.datasets.source import SourceRecording
from zoox_prediction.scene import AgentClass, TrackedAgents

START_NS = 1_000_000_000
COUNT = 12


def _swerving(seed: int, duration_s: float = 9.0) -> tuple[TrackedAgents, ...]:
    """Cars at 10 m/s along x whose lateral velocity wanders."""
    random = np.random.default_rng(seed)
    lateral = np.cumsum(random.normal(0.0, 0.15, (round(10 * duration_s) + 1, COUNT)), axis=0)
    offset = np.cumsum(0.1 * lateral, axis=0)
    return tuple(
        TrackedAgents.from_states(
            START_NS + step * 100_000_000,
            np.arange(COUNT),
            np.full(COUNT, AgentClass.CAR),
            np.column_stack([np.full(COUNT, float(step)), 30.0 * np.arange(COUNT) + offset[step]]),
            np.zeros(COUNT),
            np.column_stack([np.full(COUNT, 10.0), lateral[step]]),
        )
        for step in range(len(lateral))
    )


@pytest.fixture(scope="module")
def bags(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for index, name in enumerate(("a", "b", "c")):
        write_recording(SourceRecording(dataset="made-up", name=name, agents=_swerving(index)), folder / name)
    return folder


@pytest.fixture(scope="module")
def fitted(bags, tmp_path_factory):
    path = tmp_path_factory.mktemp("fit") / "calibration.yaml"
    assert cli.main(["calibrate", "--recordings", str(bags), "--out", str(path), "--interval", "2"]) == 0
    return path


def test_the_file_serves_every_predictor_and_names_its_origin(fitted, bags):
    assert set(load_calibrations(str(fitted))) == set(PREDICTORS)
    header = fitted.read_text().split("\nconstant_velocity:")[0]
    assert "calibrate --half first --interval 2 --recordings made-up" in header
    assert "made-up: a, c" in header
    assert "2 recordings, 8 scenes, 96 agents" in header
    assert str(bags) not in header


def test_the_spread_across_is_that_of_the_swerving_cars(fitted):
    loaded = load_calibrations(str(fitted))
    for predictor in (ConstantVelocity, HeuristicMixture):
        cell = loaded[predictor.name]
        main = cell.weight[Group.VEHICLE, 3].argmax()
        along, lateral = cell.along_m[Group.VEHICLE, 3, main], cell.lateral_m[Group.VEHICLE, 3, main]
        assert lateral[3] > 2.0 * along[3]


def test_the_same_recordings_give_the_same_file(fitted, bags, tmp_path):
    again = tmp_path / "again.yaml"
    cli.main(["calibrate", "--recordings", str(bags), "--out", str(again), "--interval", "2"])
    assert again.read_text() == fitted.read_text()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"--recordings": "nowhere"}, "nowhere: no such file"),
        ({"--out": "no_folder/c.yaml"}, "no_folder"),
        ({"--interval": "0"}, "--interval 0"),
    ],
)
def test_mistakes_are_one_sentence(changed, named, bags, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = {"--recordings": str(bags), "--out": "c.yaml", "--interval": "2", **changed}
    assert cli.main(["calibrate", *(word for pair in options.items() for word in pair)]) == 2
    error = capsys.readouterr().err
    assert named in error and error.count("\n") == 1


def test_evaluate_judges_on_the_half_that_was_not_fitted(bags, tmp_path, capsys):
    counts = {}
    for half in ("first", "second", "all"):
        path = tmp_path / f"{half}.json"
        options = ["--half", half, "--predictor", "constant_velocity", "--json", str(path)]
        assert cli.main(["evaluate", "--recordings", str(bags), *options]) == 0
        rows = json.loads(path.read_text())["rows"]
        counts[half] = next(row["n"] for row in rows if row["agent_class"] == "all" and row["horizon_s"] == 1.0)
    assert counts["first"] == 2 * counts["second"] > 0
    assert counts["all"] == 3 * counts["second"]
