"""Small look-ups on a road network, and the reader that picks by file type."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest
from osm_text import street
from sumo_text import write_side_road

from zoox_prediction.maps.readers import read_road_network
from zoox_prediction.maps.road_network import NO_ID, MapError, rows_of_ids

_EMPTY = {"map.net.xml": b'<net version="1.20"/>', "map.pkl": pickle.dumps({})}


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
        (tmp_path / "map.xodr", "convert it with SUMO: netconvert --opendrive map.xodr -o map.net.xml"),
        (tmp_path / "map.shp", "unknown map format '.shp'"),
        (tmp_path / "map.xml", "unknown map format '.xml'"),
        (tmp_path / "map.net.xml", "has no lanes"),
        (tmp_path / "map.pkl", "has no map_features"),
        (tmp_path / "map.json", "no lane_segments"),
    ):
        if path.suffix != ".osm" and path != tmp_path:
            path.write_bytes(_EMPTY.get(path.name, b"{}"))
        with pytest.raises(MapError, match=words):
            read_road_network(path)
    for name in ("map.json", "map.pkl"):
        with pytest.raises(MapError, match="takes no origin"):
            read_road_network(tmp_path / name, origin=(49.0, 8.0))


def test_reader_reads_every_format(tmp_path: Path, recordings: Path) -> None:
    argoverse = next((recordings / "av2").glob("**/log_map_archive_*.json"))
    scenario = next((recordings / "scenarionet_nuscenes").glob("*.pkl"))
    zipped = tmp_path / "SIDE.NET.XML.GZ"
    zipped.write_bytes(gzip.compress(write_side_road(tmp_path / "side.net.xml").read_bytes()))
    for path in (argoverse, scenario, zipped, tmp_path / "side.net.xml"):
        assert len(read_road_network(path).lanes) > 5
