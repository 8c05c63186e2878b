"""The command from the outside: options, table, JSON, exit codes."""

import argparse
import json

import pytest
from made_up import recording

from zoox_prediction.cli import main
from zoox_prediction.evaluation import evaluate_command
from zoox_prediction.recording.convert import write_recording

ROW_KEYS = {
    "dataset",
    "agent_class",
    "subset",
    "predictor",
    "k",
    "horizon_s",
    "n",
    "min_ade_m",
    "min_fde_m",
    "miss_rate",
    "brier_min_fde_m",
    "off_road_rate",
    "overlap_rate",
    "ece",
    "coverage_50",
    "coverage_90",
    "recordings",
    "interval",
}


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("recordings") / "test.bag"
    write_recording(recording(), path)
    return path


def _evaluate(*arguments, workers=1):
    return main(["evaluate", "--recordings", *map(str, arguments), "--workers", str(workers)])


def test_table_and_json(bag, tmp_path, capsys):
    out = tmp_path / "scores.json"
    assert _evaluate(bag, "--predictor", "constant_velocity", "standing_still", "--json", out) == 0
    printed = capsys.readouterr().out
    assert "made-up: at 1, 3, 5, 8 s" in printed
    assert "standing_still" in printed
    rows = json.loads(out.read_text())["rows"]
    assert all(set(row) == ROW_KEYS for row in rows)
    assert {row["k"] for row in rows} == {1, 6}
    assert {row["horizon_s"] for row in rows} == {1.0, 3.0, 5.0, 8.0}
    assert {row["agent_class"] for row in rows} == {"all", "vehicle", "car", "pedestrian"}
    assert {row["subset"] for row in rows} == {None, "others", "moving"}
    by_key = {
        (row["predictor"], row["agent_class"], row["k"], row["horizon_s"]): row for row in rows if row["subset"] is None
    }
    # The car drives 10 m/s and the pedestrian walks 1 m/s, both straight on: 80 m and 8 m in 8 s.
    assert by_key["constant_velocity", "car", 1, 8.0]["min_fde_m"] == pytest.approx(0.0, abs=0.1)
    assert by_key["standing_still", "car", 1, 8.0]["min_fde_m"] == pytest.approx(80.0, abs=0.1)
    assert by_key["standing_still", "all", 6, 8.0]["min_fde_m"] == pytest.approx(44.0, abs=0.1)
    assert by_key["standing_still", "car", 1, 8.0]["n"] == 4
    assert by_key["standing_still", "car", 1, 8.0]["off_road_rate"] is None  # no map, no road


def test_two_recordings_of_a_dataset_are_one_row(bag, tmp_path):
    write_recording(recording(name="second"), tmp_path / "second.bag")
    out = tmp_path / "scores.json"
    assert _evaluate(bag, tmp_path, "--predictor", "constant_velocity", "--json", out) == 0
    (row,) = [
        row
        for row in json.loads(out.read_text())["rows"]
        if (row["agent_class"], row["subset"], row["k"], row["horizon_s"]) == ("all", None, 1, 8.0)
    ]
    assert row["n"] == 16
    assert row["recordings"] == 2
    assert row["interval"]["min_fde_m"] == pytest.approx([0.0, 0.0], abs=0.1)


def test_processes_measure_what_one_does(bag, tmp_path):
    write_recording(recording(name="second", duration_s=11.0), tmp_path / "second.bag")
    write_recording(recording(name="third", duration_s=10.0), tmp_path / "third.bag")
    sources = [bag, tmp_path / "second.bag", tmp_path / "third.bag"]
    documents = []
    for workers in (1, 2):
        out = tmp_path / f"{workers}.json"
        assert _evaluate(*sources, "--predictor", "constant_velocity", "--json", out, workers=workers) == 0
        documents.append(json.loads(out.read_text()))
    assert documents[0]["rows"] == documents[1]["rows"]
    assert documents[0]["recordings"] == documents[1]["recordings"]
    assert documents[0]["recordings"]["made-up"]["names"] == ["test", "second", "third"]


def test_a_split_chooses_and_labels_name(bag, tmp_path):
    write_recording(recording(name="second"), tmp_path / "second.bag")
    split = tmp_path / "split.yaml"
    split.write_text("train: [{dataset: made-up, names: test}]\ntest: [{dataset: made-up, names: sec*}]\n")
    out = tmp_path / "scores.json"
    options = ["--split", split, "--predictor", "cv=constant_velocity", "--json", out]
    assert _evaluate(bag, tmp_path / "second.bag", *options) == 0
    document = json.loads(out.read_text())
    assert document["recordings"] == {"made-up": {"licence": "unknown", "names": ["second"]}}
    assert {row["predictor"] for row in document["rows"]} == {"cv"}
    assert document["predictors"] == [{"label": "cv", "name": "constant_velocity", "version": "1", "heuristic": True}]
    assert str(tmp_path) not in document["command"]
    assert "--recordings made-up --split config/splits/split.yaml --part test" in document["command"]


def test_what_cannot_be_read_is_named_and_the_rest_scored(bag, tmp_path, capsys):
    broken = tmp_path / "broken.mcap"
    broken.write_bytes(b"not a bag")
    out = tmp_path / "scores.json"
    code = _evaluate(broken, bag, tmp_path / "missing.bag", "--predictor", "constant_velocity", "--json", out)
    assert code == 2
    errors = capsys.readouterr().err
    assert "broken.mcap" in errors
    assert "missing.bag: no such file" in errors
    assert "Traceback" not in errors
    assert json.loads(out.read_text())["rows"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--predictor", "constant_velocty"], "did you mean 'constant_velocity'"),
        (["--interval", "0"], "--interval 0"),
        (["--json", "/nowhere/scores.json"], "the folder does not exist"),
        (["--split", "/nowhere/split.yaml"], "/nowhere/split.yaml"),
        (["--predictor", "a=pedestrian", "a=standing_still"], "'a' stands for both"),
    ],
)
def test_mistakes_end_in_one_sentence(bag, capsys, options, says):
    assert _evaluate(bag, *options) == 2
    errors = capsys.readouterr().err
    assert says in errors
    assert len(errors.strip().splitlines()) == 1


def test_no_worker_is_refused(bag, capsys):
    assert _evaluate(bag, workers=0) == 2
    assert "--workers 0" in capsys.readouterr().err


def test_a_recording_that_is_too_short_says_so(tmp_path, capsys):
    write_recording(recording(duration_s=1.0), tmp_path / "short.bag")
    assert _evaluate(tmp_path / "short.bag", "--predictor", "constant_velocity") == 2
    assert "longer" in capsys.readouterr().err


def test_eth_ucy_gets_its_own_protocol(tmp_path):
    for name in ("biwi_eth", "biwi_hotel"):
        rows = [f"{10 * step} {agent} {0.5 * step + agent} {agent}" for step in range(22) for agent in (1, 2)]
        (tmp_path / f"{name}.txt").write_text("\n".join(rows))
    out = tmp_path / "scores.json"
    sources = [tmp_path / "biwi_eth.txt", tmp_path / "biwi_hotel.txt"]
    assert _evaluate(*sources, "--predictor", "constant_velocity", "--json", out) == 0
    rows = json.loads(out.read_text())["rows"]
    assert {row["dataset"] for row in rows} == {"eth-ucy/eth", "eth-ucy/hotel", "eth-ucy"}
    assert {row["horizon_s"] for row in rows} == {4.8}
    counted = {row["dataset"]: row["n"] for row in rows if row["agent_class"] == "all" and row["subset"] is None}
    assert counted == {"eth-ucy/eth": 6, "eth-ucy/hotel": 6, "eth-ucy": 12}  # 3 windows of 20 steps, 2 pedestrians
    assert all(row["min_fde_m"] == pytest.approx(0.0, abs=0.05) for row in rows)


def test_help_teaches(capsys):
    parser = argparse.ArgumentParser(prog="zoox-prediction evaluate")
    evaluate_command.add_arguments(parser)
    text = parser.format_help()
    assert "--recordings" in text
    assert "Waymo Open Motion" in text
