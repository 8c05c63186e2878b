"""What was read from a map comes back from the cache beside it, and only for that map, origin and version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from osm_text import street

from zoox_prediction.maps import cache
from zoox_prediction.maps.cache import cache_path, cached_road_network, read_cached
from zoox_prediction.maps.readers import read_road_network
from zoox_prediction.maps.road_network import Lanes, MapError, Ragged, RoadNetwork

PROJECTOR = "projector_type: TransverseMercator\nmap_origin: {latitude: 49.0, longitude: 8.4}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A map that can be read with and without an origin."""
    text = street()
    text.geodetic = True
    text.nodes = {node: (49.0 + 1e-5 * y, 8.4 + 1e-5 * x) for node, (x, y) in text.nodes.items()}
    return text.write(tmp_path / "street.osm")


def assert_same(one: RoadNetwork, other: RoadNetwork) -> None:
    for first, second in ((one, other), (one.lanes, other.lanes)):
        for each in fields(first):
            left, right = getattr(first, each.name), getattr(second, each.name)
            pairs = [(left, right)]
            if isinstance(left, Lanes):
                continue
            if isinstance(left, Ragged):
                pairs = [(left.values, right.values), (left.offsets, right.offsets)]
            for a, b in pairs:
                assert type(a) is type(b), each.name
                if isinstance(a, np.ndarray):
                    assert a.dtype == b.dtype and not b.flags.writeable, each.name
                np.testing.assert_array_equal(a, b, err_msg=each.name)


def test_the_second_time_is_from_the_cache_and_the_same(file: Path) -> None:
    first, second = read_cached(file), read_cached(file)
    assert (first.from_cache, second.from_cache) == (False, True)
    assert "there was no cache" in first.note and cache_path(file).name in second.note
    assert len(second.network.lanes) == 6 and second.network.lanes.successors.values.size
    assert_same(read_road_network(file), second.network)
    assert sorted(each.name for each in file.parent.iterdir()) == [cache_path(file).name, file.name]


def _edit(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = file.read_text()
    assert '"36"' in text
    file.write_text(text.replace('"36"', '"50"'))


def _project(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file.parent / "map_projector_info.yaml").write_text(PROJECTOR)


def _upgrade(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_readers_version", lambda: "another")


@pytest.mark.parametrize("change", [_edit, _project, _upgrade])
def test_what_changes_the_reading_makes_it_read_again(
    file: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path, pytest.MonkeyPatch], None]
) -> None:
    read_cached(file)
    change(file, monkeypatch)
    again = read_cached(file)
    assert not again.from_cache and "another content, origin or version" in again.note
    assert_same(read_road_network(file), again.network)
    assert read_cached(file).from_cache


def test_each_origin_is_read_for_itself(file: Path) -> None:
    read_cached(file)
    moved = read_cached(file, (49.001, 8.4))
    assert not moved.from_cache
    assert_same(read_road_network(file, (49.001, 8.4)), moved.network)
    assert read_cached(file, (49.001, 8.4)).from_cache


def test_the_cache_of_another_file_is_not_taken(file: Path) -> None:
    read_cached(file)
    other = file.with_name("other.osm")
    other.write_bytes(file.read_bytes())
    cache_path(other).write_bytes(cache_path(file).read_bytes())
    assert not read_cached(other).from_cache
    assert cached_road_network(other).source == "other"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_cache_is_replaced(file: Path, data: st.DataObject) -> None:
    network = cached_road_network(file)
    whole = cache_path(file).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    cache_path(file).write_bytes(data.draw(st.sampled_from([whole[:at], flipped])))
    assert_same(network, cached_road_network(file))
    assert read_cached(file).from_cache


def test_where_nothing_can_be_written_the_map_is_read_all_the_same(file: Path) -> None:
    cache_path(file).mkdir()  # as good as a folder without permission, which root does not know
    for _ in range(2):
        read = read_cached(file)
        assert not read.from_cache and "none was kept" in read.note
        assert_same(read_road_network(file), read.network)
    assert sorted(each.name for each in file.parent.iterdir()) == [cache_path(file).name, file.name]


def test_a_map_that_is_refused_leaves_no_cache(tmp_path: Path) -> None:
    broken = tmp_path / "broken.osm"
    broken.write_text("<osm version='0.6'></osm>")
    for path, words in ((broken, "has no lanelets"), (tmp_path / "none.osm", "does not exist")):
        with pytest.raises(MapError, match=words):
            cached_road_network(path)
    assert list(tmp_path.iterdir()) == [broken]
