"""The benchmark of the map: what it measures, and the large map that it makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoox_prediction.evaluation import benchmark_map
from zoox_prediction.evaluation.benchmark_map import map_cases, real_map
from zoox_prediction.evaluation.benchmark_town import town


def test_without_recordings_the_town_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZOOX_PREDICTION_DATA", str(tmp_path))
    monkeypatch.setattr(benchmark_map, "town", lambda: town(1))
    monkeypatch.setattr(benchmark_map, "_LANELETS", 32)
    benchmark_map._town_folder.cache_clear()
    lanelets = len(town(1).lanes) + len(town(1).crosswalks)
    assert real_map() is None
    cases = map_cases(5)
    assert [(case.name, case.agents) for case in cases] == [
        ("map: lane graph of 28 lanes", 0),
        ("map: index of all elements", 0),
        ("map: lanes of the agents", 1),
        ("map: paths of the agents, 150 m", 1),
        ("map: elements within 50 m", 1),
        ("map: lanes of the agents", 5),
        ("map: paths of the agents, 150 m", 5),
        ("map: elements within 50 m", 5),
        (f"map: reading {lanelets} lanelets", 0),
        (f"map: {lanelets} lanelets from the cache", 0),
    ]
    answers = {(case.name, case.agents): case.run() for case in cases}
    assert np.any(answers["map: lanes of the agents", 5].lane >= 0)
    assert len(answers["map: paths of the agents, 150 m", 5]) >= 1
    assert len(answers["map: elements within 50 m", 5]) > 5
    read, cached = (answers[case.name, 0] for case in cases[-2:])
    assert len(read.lanes) == len(cached.lanes) == len(town(1).lanes)
    benchmark_map._town_folder.cache_clear()


def test_the_real_map_is_the_one_of_371_lanelets(recordings: Path) -> None:
    file = real_map()
    assert file is not None
    assert file.read_text().count('v="lanelet"') == 371
