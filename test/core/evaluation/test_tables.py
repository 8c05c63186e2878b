"""Tables that people read and the JSON that programs read."""

import io
import json

import pytest
from rich.console import Console

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation import provenance, tables
from zoox_prediction.evaluation.score_sums import MEAN_METRICS


def _row(**changes):
    row = {"dataset": "site", "agent_class": "car", "predictor": "cv", "k": 1, "horizon_s": 3.0, "n": 12}
    return row | dict.fromkeys((*MEAN_METRICS, "ece"), 0.25) | changes


def _printed(table):
    out = io.StringIO()
    Console(file=out, width=200).print(table)
    return out.getvalue()


def test_scores_by_class_with_every_horizon_in_a_cell():
    rows = [
        _row(min_ade_m=0.5, n=20, horizon_s=1.0),
        _row(min_ade_m=1.25),
        _row(min_ade_m=9.0, agent_class="pedestrian", off_road_rate=None),
    ]
    (table,) = tables.score_tables(rows)
    text = _printed(table)
    assert "site: at 1, 3 s" in text
    assert all(f"{name} [m]" in text for name in ("minADE", "minFDE", "Brier-minFDE"))
    (car,) = [line for line in text.splitlines() if " car " in line]
    assert "0.50  1.25" in car
    assert " 20 " in car
    (pedestrian,) = [line for line in text.splitlines() if " pedestrian " in line]
    assert "-  9.00" in pedestrian
    assert pedestrian.count(" - ") >= 2


def test_one_table_per_dataset_and_one_line_where_k_makes_no_difference():
    rows = [_row(k=1), _row(k=6), _row(k=1, predictor="mixture"), _row(k=6, predictor="mixture", min_ade_m=0.1)]
    first, second = tables.score_tables([*rows, _row(dataset="elsewhere")])
    lines = [line for line in _printed(first).splitlines() if "cv" in line or "mixture" in line]
    assert len(lines) == 3
    assert "1, 6" in lines[0]
    assert "elsewhere" in _printed(second)


def test_benchmark_table():
    row = {"name": "predict", "agents": 64, "p50_ms": 1.5, "p99_ms": 2.25, "ratio": 0.5, "ratio_to": "reference"}
    text = _printed(tables.benchmark_table([row]))
    assert "predict" in text
    assert "p50 [ms]" in text and "p99 [ms]" in text
    assert "1.500" in text
    assert "2.250" in text


def test_json_has_the_layout_that_was_agreed(tmp_path):
    path = tmp_path / "scores.json"
    tables.write_json(path, [_row(ece=None, min_fde_m=float("inf"))])
    document = json.loads(path.read_text())
    assert set(document) == {"machine", "versions", "commit", "rows"}
    assert document["rows"][0]["ece"] is None
    assert document["rows"][0]["min_fde_m"] is None
    assert document["rows"][0]["min_ade_m"] == 0.25
    assert document["versions"]["numpy"]
    assert document["machine"]["cores"] >= 1
    assert list(tmp_path.iterdir()) == [path]  # nothing half-written is left


def test_machine_does_not_name_the_host():
    import platform

    machine = provenance.machine()
    assert set(machine) == {"cpu", "cores", "memory_gib", "platform"}
    assert platform.node() not in machine.values()
    assert not any("/" in str(value) for value in machine.values())


def test_commit_is_that_of_a_checkout_only(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "package" / "evaluation" / "provenance.py"))
    assert provenance.commit() is None
    (tmp_path / "package.xml").touch()
    (tmp_path / ".git").mkdir()  # a repository that git does not accept
    assert provenance.commit() is None


def test_a_file_that_cannot_be_written_is_said_before_the_work(tmp_path):
    with pytest.raises(InputError, match=r"scores\.json: the folder does not exist"):
        tables.check_writable(tmp_path / "nowhere" / "scores.json")
    with pytest.raises(InputError, match="is a folder"):
        tables.check_writable(tmp_path)
