"""Where a Lanelet2 map's nodes are in metres, by Autoware's projector file, beside formulas of our own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from osm_text import OsmText, street
from scipy.integrate import quad

from zoox_prediction.maps.lanelet2_projection import PROJECTOR_FILE, project
from zoox_prediction.maps.osm_file import read_osm
from zoox_prediction.maps.readers import read_road_network
from zoox_prediction.maps.road_network import MapError

# WGS 84
_A_M, _FLATTENING = 6378137.0, 1 / 298.257223563
_E2 = _FLATTENING * (2 - _FLATTENING)
_ORIGIN = (49.0, 8.4)


def _prime_vertical_m(lat: float) -> float:
    return float(_A_M / np.sqrt(1 - _E2 * np.sin(lat) ** 2))


def _meridian_m(from_lat: float, to_lat: float) -> float:
    """Length of the meridian between two latitudes [deg]."""

    def radius(lat: float) -> float:
        return float(_A_M * (1 - _E2) / (1 - _E2 * np.sin(lat) ** 2) ** 1.5)

    return float(quad(radius, np.radians(from_lat), np.radians(to_lat))[0])


def _cartesian(lat: float, lon: float) -> NDArray[np.float64]:
    """Earth-centred, earth-fixed [m], on the ellipsoid."""
    lat, lon = np.radians([lat, lon])
    normal = _prime_vertical_m(lat)
    return np.array(
        [
            normal * np.cos(lat) * np.cos(lon),
            normal * np.cos(lat) * np.sin(lon),
            normal * (1 - _E2) * np.sin(lat),
        ]
    )


def _positions(tmp_path: Path, places: list[tuple[float, float]], info: str) -> NDArray[np.float64]:
    text = OsmText(geodetic=True, nodes=dict(enumerate(places, start=1)), ways={9: ((1, 2), {}), 10: ((2, 1), {})})
    text.lanelet(20, 9, 10)
    path = text.write(tmp_path / "map.osm")
    (tmp_path / PROJECTOR_FILE).write_text(info)
    return project(read_osm(path), None)


def _info(kind: str, origin: tuple[float, float] = _ORIGIN, **more: float) -> str:
    extra = "".join(f"{key}: {value}\n" for key, value in more.items())
    return f"projector_type: {kind}\nmap_origin: {{latitude: {origin[0]}, longitude: {origin[1]}}}\n{extra}"


def test_local_cartesian_is_the_plane_at_the_origin(tmp_path: Path) -> None:
    places = [_ORIGIN, (49.003, 8.41), (48.9, 8.2)]
    lat, lon = np.radians(_ORIGIN)
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    north = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    expected = [[east @ (_cartesian(*each) - _cartesian(*_ORIGIN)) for each in places]]
    expected += [[north @ (_cartesian(*each) - _cartesian(*_ORIGIN)) for each in places]]
    np.testing.assert_allclose(_positions(tmp_path, places, _info("LocalCartesian")).T, expected, atol=1e-6)


@pytest.mark.parametrize(("scale", "key"), [(0.9996, {}), (1.0, {"scale_factor": 1.0})])
def test_transverse_mercator_about_the_meridian_of_the_origin(tmp_path: Path, scale: float, key: dict) -> None:
    places = [_ORIGIN, (49.02, 8.4), (49.0, 8.401)]
    found = _positions(tmp_path, places, _info("TransverseMercator", **key))
    across = np.radians(0.001) * _prime_vertical_m(np.radians(49.0)) * np.cos(np.radians(49.0))
    np.testing.assert_allclose(found[0], 0.0, atol=1e-6)
    np.testing.assert_allclose(found[1], [0.0, scale * _meridian_m(49.0, 49.02)], atol=1e-4)
    np.testing.assert_allclose(found[2], [scale * across, 0.0], atol=1e-3)


def test_local_cartesian_utm_is_utm_less_the_origin(tmp_path: Path) -> None:
    on_meridian = (49.0, 9.0)  # of zone 32
    found = _positions(tmp_path, [on_meridian, (49.02, 9.0)], _info("LocalCartesianUTM", on_meridian))
    np.testing.assert_allclose(found, [[0.0, 0.0], [0.0, 0.9996 * _meridian_m(49.0, 49.02)]], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "grid"),
    [
        ("sample_map_vm_03_right_hand_lanelet2_map.osm", "54SUE"),
        ("test_map_lanelet2_map.osm", "54SVE"),
        ("test_map_overlap_map.osm", "54SUD"),
    ],
)
def test_mgrs_gives_the_local_coordinates_that_autowares_maps_have_too(
    recordings: Path, tmp_path: Path, name: str, grid: str
) -> None:
    path = tmp_path / name
    path.write_bytes((recordings / "maps" / "lanelet2_autoware" / name).read_bytes())
    (tmp_path / PROJECTOR_FILE).write_text(f"projector_type: MGRS\nmgrs_grid: {grid}\n")
    osm = read_osm(path)
    np.testing.assert_allclose(project(osm, None), osm.local(), atol=1e-3)
    (tmp_path / PROJECTOR_FILE).write_text("projector_type: Local\n")
    np.testing.assert_array_equal(project(osm, None), osm.local())


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ("projector_type: MGRS\nmgrs_grid: 32UPV\n", "mgrs_grid 32UPV is not where the nodes of the map are"),
        ("projector_type: MGRS\nmgrs_grid: 54SVE\n", "cannot be projected so: .* zone 54; correct it"),
        ("projector_type: MGRS\nmgrs_grid: 54SAE\n", "mgrs_grid is '54SAE', not a 100 km square"),
        ("projector_type: MGRS\n", "mgrs_grid is '', not a 100 km square"),
        ("projector_type: Mercator\n", "projector_type is 'Mercator'; known are Local, MGRS"),
        ("projector_type: LocalCartesian\n", "map_origin is missing"),
        (_info("LocalCartesian", (91.0, 8.4)), "map_origin.latitude is 91.0, not a number from -90 to 90"),
        (_info("TransverseMercator", scale_factor=7.0), "scale_factor is 7.0, not a number from 0.5 to 2"),
        ("- a\n- b\n", "is no mapping of keys to values"),
        ("{", "cannot be read"),
    ],
)
def test_a_projector_file_that_cannot_be_used_is_named_with_its_defect(tmp_path: Path, info: str, words: str) -> None:
    with pytest.raises(MapError, match=words) as caught:
        _positions(tmp_path, [_ORIGIN, (49.001, 8.4)], info)
    assert str(tmp_path / PROJECTOR_FILE) in str(caught.value) and "\n" not in str(caught.value)


def test_an_origin_comes_before_the_projector_file(tmp_path: Path) -> None:
    (tmp_path / PROJECTOR_FILE).write_text("projector_type: nonsense\n")
    text = street()
    text.geodetic = True
    text.nodes = {node: (49.0 + 1e-5 * y, 8.4 + 1e-5 * x) for node, (x, y) in text.nodes.items()}
    path = text.write(tmp_path / "street.osm")
    assert len(read_road_network(path, _ORIGIN).lanes) == 6
    with pytest.raises(MapError, match="nonsense"):
        read_road_network(path)
