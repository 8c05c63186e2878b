"""The benchmark of the node: a real process, real figures, and nothing left running."""

from __future__ import annotations

import json
from pathlib import Path

from zoox_prediction.cli import main
from zoox_prediction.evaluation import benchmark_cases
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.ros import benchmark_node


def test_rows_of_a_real_node(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark_cases, "town", lambda: town(1))
    started: list[int] = []
    start_process = benchmark_node.ProcessGroup.start

    def start(group, *arguments, **options):
        process = start_process(group, *arguments, **options)
        started.append(process.pid)
        return process

    monkeypatch.setattr(benchmark_node.ProcessGroup, "start", start)
    out = tmp_path / "times.json"
    assert main(["benchmark", "node", "--agents", "5", "--seconds", "2", "--json", str(out)]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert [row["name"] for row in rows] == [
        "node: tracks sent to predictions received",
        "node: tracks sent to predictions received, while asked about 8 plans",
        "node: 8 plans asked to answer received",
        "node: tracks sent to predictions received, while ~/debug/raster is watched",
    ]
    for row in rows:
        assert row["agents"] == 5
        assert 0.5 < row["p50_ms"] <= row["p99_ms"] < 5000.0
        assert row["ratio"] > 0.0
        assert row["cpu_ms"] > 0.0
    assert rows[3]["pictures"] > 5
    for row in (*rows[:2], rows[3]):
        assert row["repeats"] + row["unanswered"] == 20
        assert row["repeats"] >= 10
    assert len(started) == 1
    assert not Path(f"/proc/{started[0]}").exists()
