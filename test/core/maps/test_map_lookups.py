"""Small look-ups on a road network, and the reader that picks by file type."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from osm_text import street

from zoox_prediction.maps.readers import read_road_network
from zoox_prediction.maps.road_network import NO_ID, MapError, rows_of_ids


def test_rows_of_ids() -> None:
    ids = np.array([50, 10, 30])
    np.testing.assert_array_equal(rows_of_ids(ids, [[10, 30], [50, 7], [NO_ID, 99]]), [[1, 2], [0, -1], [-1, -1]])
    np.testing.assert_array_equal(rows_of_ids(np.zeros(0, dtype=np.int64), [3]), [-1])


def test_reader_picks_by_file_type(tmp_path: Path) -> None:
    network = read_road_network(street().write(tmp_path / "street.OSM"))
    assert 1 in network.lanes.ids
    for path, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "none.osm", "does not exist"),
        (tmp_path / "map.xodr", "unknown map format '.xodr'"),
        (tmp_path / "map.json", "no lane_segments"),
    ):
        if path.suffix in (".xodr", ".json"):
            path.write_text("{}")
        with pytest.raises(MapError, match=words):
            read_road_network(path)
    with pytest.raises(MapError, match="takes no origin"):
        read_road_network(tmp_path / "map.json", origin=(49.0, 8.0))
