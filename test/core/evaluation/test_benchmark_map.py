"""The benchmark of the map: what it measures, and the large map that it makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoox_prediction.evaluation import benchmark_map
from zoox_prediction.evaluation.benchmark_map import map_cases, real_map, write_copies
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.maps.readers import read_road_network

_SMALL = Path("maps", "lanelet2_autoware", "test_map_overlap_lanelet2_map.osm")


def test_without_recordings_the_town_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZOOX_PREDICTION_DATA", str(tmp_path))
    monkeypatch.setattr(benchmark_map, "town", lambda: town(1))
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
    ]
    answers = {(case.name, case.agents): case.run() for case in cases}
    assert np.any(answers["map: lanes of the agents", 5].lane >= 0)
    assert len(answers["map: paths of the agents, 150 m", 5]) >= 1
    assert len(answers["map: elements within 50 m", 5]) > 5


def test_the_real_map_is_the_one_of_371_lanelets(recordings: Path) -> None:
    file = real_map()
    assert file is not None
    assert file.read_text().count('v="lanelet"') == 371


def test_loading_is_measured_on_copies_and_from_their_cache(monkeypatch: pytest.MonkeyPatch, recordings: Path) -> None:
    monkeypatch.setattr(benchmark_map, "_REAL_MAP", _SMALL)
    read, cached = map_cases(2)[-2:]
    count = len(read_road_network(recordings / _SMALL).lanes) * 6
    assert read.name == f"map: reading {count} lanelets"
    assert cached.name == f"map: {count} lanelets from the cache"
    for case in (read, cached):
        assert len(case.run().lanes) == count


def test_copies_lie_side_by_side(recordings: Path, tmp_path: Path) -> None:
    write_copies(recordings / _SMALL, tmp_path / "copies.osm", 3)
    one, three = (read_road_network(file).lanes for file in (recordings / _SMALL, tmp_path / "copies.osm"))
    assert len(three) == 3 * len(one)
    assert len(set(three.ids.tolist())) == len(three)
    assert len(three.successors.values) == 3 * len(one.successors.values)
    of_copy = np.array([line[0] for line in three.centerline]).reshape(3, len(one), 2)
    of_copy = of_copy[:, np.argsort(three.ids[: len(one)])]
    shift = of_copy[1] - of_copy[0]
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=1e-6)
    assert shift[0, 0] > np.ptp(of_copy[0, :, 0])
