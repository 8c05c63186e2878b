"""What the map node loads: a map in its frame, or one sentence about why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from osm_text import street

from zoox_prediction.maps import loading
from zoox_prediction.maps.cache import cache_path
from zoox_prediction.maps.loading import MapConfig, load_map
from zoox_prediction.maps.road_network import MapError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return street().write(tmp_path / "street.osm")


def test_the_network_is_in_the_nodes_frame_also_from_the_cache(file: Path) -> None:
    loaded = [load_map(str(file), None, MapConfig(frame_id=frame)) for frame in ("map", "town")]
    assert [each.from_cache for each in loaded] == [False, True]
    assert [each.network.frame_id for each in loaded] == ["map", "town"]
    assert loaded[0].summary == f"{file}: 6 lanes, 0 repairs"


def test_without_the_cache_none_is_made_nor_taken(file: Path) -> None:
    load_map(str(file), None, MapConfig())
    assert not load_map(str(file), None, MapConfig(use_cache=False)).from_cache
    cache_path(file).unlink()
    load_map(str(file), None, MapConfig(use_cache=False))
    assert not cache_path(file).exists()


def test_the_home_folder_is_understood(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(file.parent))
    assert load_map("~/street.osm", None, MapConfig()).path == file


@pytest.mark.parametrize(
    ("path", "origin", "words"),
    [
        ("", None, "the path of the map is empty"),
        ("none.osm", None, "none.osm: does not exist"),
        ("town.xyz", None, "town.xyz: unknown map format '.xyz'; known are .osm"),
        ("street.osm", (91.0, 8.4), r"street.osm: the origin \(91.0, 8.4\) is no latitude and longitude"),
        ("street.osm", (float("nan"), 8.4), "is no latitude and longitude"),
    ],
)
def test_what_cannot_be_loaded_is_one_sentence(file: Path, path: str, origin: tuple | None, words: str) -> None:
    (file.parent / "town.xyz").touch()
    with pytest.raises(MapError, match=words) as caught:
        load_map(str(file.parent / path) if path else "", origin, MapConfig())
    assert "\n" not in str(caught.value)


def test_whatever_a_reader_stumbles_over_names_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*arguments: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(loading, "read_cached", stumble)
    with pytest.raises(MapError, match=r"street.osm: cannot be read \(ZeroDivisionError"):
        load_map(str(file), None, MapConfig())


@pytest.mark.parametrize(
    "wrong",
    [{"origin_latitude": 49.0}, {"origin_latitude": 91.0, "origin_longitude": 0.0}, {"frame_id": ""}],
)
def test_parameters_are_checked(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"origin|frame_id"):
        MapConfig(**wrong)
