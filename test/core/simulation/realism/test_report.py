"""The report, from the command to the files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from drawn_courses import Course, log, straight

from zoox_prediction.cli import main
from zoox_prediction.errors import InputError
from zoox_prediction.simulation.realism.references import REFERENCES, Reference
from zoox_prediction.simulation.realism.report import (
    SIMULATION,
    Measured,
    far_off,
    report_rows,
    write_report,
)
from zoox_prediction.simulation.realism.statistics import QUANTITIES


def silent(share: float, name: str) -> None:
    assert 0.0 <= share <= 1.0 and name


def test_rows_and_what_is_far_off():
    slow, fast = np.linspace(1.0, 5.0, 200), np.linspace(8.0, 16.0, 200)
    measured = Measured({SIMULATION: {("speed_mps", "car"): slow}, "road": {("speed_mps", "car"): fast}})
    rows = report_rows(measured)
    row = next(row for row in rows if row.get("source") == "road" and row["quantity"] == "speed_mps")
    assert row["median"] == pytest.approx(12.0) and row["wasserstein"] == pytest.approx(9.0)
    assert row["kolmogorov_smirnov"] == 1.0
    assert far_off(rows) == ["speed_mps of car: 1.00"]
    measured.sources["other road"] = {("speed_mps", "car"): slow + 0.1}
    assert far_off(report_rows(measured)) == []
    measured.sources["other road"] = {("speed_mps", "car"): slow[::20]}  # too few to go by
    assert far_off(report_rows(measured)) == ["speed_mps of car: 1.00"]


def test_the_command_simulates_measures_and_says_what_is_missing(tmp_path, monkeypatch, capsys):
    pytest.importorskip("libsumo")
    monkeypatch.setenv("ZOOX_PREDICTION_DATA", str(tmp_path / "nowhere"))
    out = tmp_path / "towns"
    words = ["simulate", "--scenes", "2", "--seconds", "5", "--report", "--out", str(out)]
    assert main(words) == 0
    assert str(out / "report" / "report.md") in capsys.readouterr().out
    text = (out / "report" / "report.md").read_text(encoding="utf-8")
    assert all(f"{reference.name} was not compared" in text for reference in REFERENCES)
    assert "## What attributes announce" in text and "brake light" in text
    rows = json.loads((out / "report" / "report.json").read_text(encoding="utf-8"))["rows"]
    speeds = next(row for row in rows if row.get("quantity") == "speed_mps" and row["group"] == "car")
    assert speeds["n"] > 500 and 1.0 < speeds["median"] < 25.0 and speeds["wasserstein"] is None
    assert any(row["kind"] == "effect" and row["with_n"] > 0 for row in rows)
    (met,) = (row for row in rows if row["kind"] == "encounters")
    assert met["source"] == SIMULATION and met["minutes"] == pytest.approx(2 * 5 / 60, abs=0.01)
    pictures = {path.stem for path in (out / "report").glob("*.png")}
    assert {"speed_mps", "braking_mps2", "walking_mps"} <= pictures <= {each.key for each in QUANTITIES}


def test_recordings_are_compared_and_left_out_where_they_cannot_tell(tmp_path, monkeypatch):
    from zoox_prediction.simulation.realism import report

    monkeypatch.setattr(report, "load_log", lambda path: log([Course(straight(0.0, 0.0, 0.0, 9.0))]))
    monkeypatch.setattr(Reference, "logs", lambda self: iter([log([Course(straight(0.0, 0.0, 0.0, 5.0))])]))
    path = write_report(
        [tmp_path / "scene"], tmp_path / "report", silent, [Reference("road", "road", "a road", ("standing",))]
    )
    rows = json.loads(path.with_name("report.json").read_text(encoding="utf-8"))["rows"]
    by_key = {(row["quantity"], row["group"], row["source"]): row for row in rows if row["kind"] == "distribution"}
    assert by_key["speed_mps", "car", "road"]["wasserstein"] == pytest.approx(4.0)
    assert by_key["standing", "car", "road"]["n"] == 0 < by_key["standing", "car", SIMULATION]["n"]
    assert by_key["speed_mps", "cyclist", SIMULATION]["median"] is None
    assert "speed_mps of car: 1.00" in path.read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    from zoox_prediction.simulation.realism import report

    monkeypatch.setattr(report, "load_log", lambda path: log([Course(straight(0.0, 0.0, 0.0, 9.0))]))
    (tmp_path / "report").write_text("a file")
    with pytest.raises(InputError, match="report"):
        write_report([tmp_path / "scene"], tmp_path / "report", silent, [])
