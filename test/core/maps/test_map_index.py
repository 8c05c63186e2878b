"""What is near to places, whatever its kind."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from road_networks import road_network

from zoox_prediction.maps.map_index import ElementKind, MapIndex
from zoox_prediction.maps.road_network import NO_ID, Ragged, RoadNetwork

_SQUARE = np.array([(0, 0), (10, 0), (10, 10), (0, 10)], dtype=float)


@pytest.fixture()
def network() -> RoadNetwork:
    """One element of each kind, each 100 m further along x; signals at x = 800 m and nowhere."""
    at = {kind: np.array([100.0 * kind, 0.0]) for kind in ElementKind}
    return road_network(
        {7: [at[ElementKind.LANE], at[ElementKind.LANE] + (10, 0)]},
        crosswalk_ids=np.array([1]),
        crosswalks=Ragged.points([_SQUARE + at[ElementKind.CROSSWALK]]),
        crosswalk_signal=np.array([NO_ID]),
        stop_line_ids=np.array([2]),
        stop_lines=Ragged.points([[at[ElementKind.STOP_LINE], at[ElementKind.STOP_LINE] + (0, 10)]]),
        walkways=Ragged.points([_SQUARE + at[ElementKind.WALKWAY]]),
        drivable_areas=Ragged.points([_SQUARE + at[ElementKind.DRIVABLE_AREA]]),
        intersections=Ragged.points([_SQUARE + at[ElementKind.INTERSECTION]]),
        parking_areas=Ragged.points([_SQUARE + at[ElementKind.PARKING_AREA]]),
        road_edges=Ragged.points([[at[ElementKind.ROAD_EDGE], at[ElementKind.ROAD_EDGE] + (0, 10)]]),
        signal_ids=np.array([3, 4]),
        signal_positions=np.array([[np.nan, 0.0], at[ElementKind.SIGNAL]]),
    )


def test_every_kind_is_found_where_it_is(network: RoadNetwork) -> None:
    places = np.array([[100.0 * kind + 5.0, 5.0] for kind in ElementKind])
    found = network.index.within(places, 20.0)
    assert found.query.tolist() == found.kind.tolist() == list(ElementKind)
    assert found.row.tolist() == [0] * 8 + [1]
    assert len(found) == len(ElementKind)
    area = [
        ElementKind.CROSSWALK,
        ElementKind.WALKWAY,
        ElementKind.DRIVABLE_AREA,
        ElementKind.INTERSECTION,
        ElementKind.PARKING_AREA,
    ]
    expected = np.where(np.isin(list(ElementKind), area), 0.0, 5.0)
    expected[ElementKind.SIGNAL] = np.hypot(5.0, 5.0)
    np.testing.assert_allclose(found.distance_m, expected)


def test_only_the_kinds_asked_for_nearest_first(network: RoadNetwork) -> None:
    found = network.index.within([[102.0, -3.0], [5.0, 2.0]], 300.0, [ElementKind.STOP_LINE, ElementKind.LANE])
    assert found.query.tolist() == [0, 0, 1, 1]
    assert found.kind.tolist() == [0, 2, 0, 2]
    np.testing.assert_allclose(found.distance_m, [np.hypot(92, 3), np.hypot(98, 3), 2.0, 195.0])
    assert len(network.index.within([[5.0, 2.0]], 300.0, [])) == 0


def test_a_radius_for_every_place(network: RoadNetwork) -> None:
    found = network.index.within([[5.0, 3.0]] * 3, [2.9, 3.0, 0.0])
    assert found.query.tolist() == [1]


@pytest.mark.parametrize("place", [(np.nan, 0.0), (0.0, np.inf)])
def test_nowhere_has_no_elements(network: RoadNetwork, place: tuple) -> None:
    assert network.index.within([place, (5.0, 0.0)], 1.0).query.tolist() == [1]


def test_empty_maps_and_no_places(network: RoadNetwork) -> None:
    assert len(RoadNetwork().index.within([[0.0, 0.0]], 50.0)) == 0
    assert len(network.index.within(np.zeros((0, 2)), 50.0)) == 0


def test_it_is_built_once(network: RoadNetwork) -> None:
    assert network.index is network.index


def test_elements_without_a_place_are_left_out() -> None:
    broken = RoadNetwork(
        crosswalks=Ragged.points([[(0, 0), (1, 0)], [(0, 0), (1, 1), (0, 0)], [(0, np.nan), (1, 1), (0, 1)], _SQUARE]),
        road_edges=Ragged.points([[(0, 0)], [], [(0, np.inf), (1, 1)], [(0, 0), (1, 1)]]),
        signal_positions=np.array([[0.0, np.nan], [0.0, 0.0]]),
    )
    found = MapIndex(broken).within([[0.0, 0.0]], 5.0)
    assert sorted(zip(found.kind.tolist(), found.row.tolist(), strict=True)) == [
        (ElementKind.CROSSWALK, 3),
        (ElementKind.ROAD_EDGE, 3),
        (ElementKind.SIGNAL, 1),
    ]


def test_an_outline_that_crosses_itself_encloses_both_its_halves() -> None:
    bow_tie = RoadNetwork(walkways=Ragged.points([[(0, 0), (10, 10), (10, 0), (0, 10)]]))
    found = bow_tie.index.within([[1.0, 5.0], [9.0, 5.0], [5.0, 2.0]], 3.0)
    np.testing.assert_allclose(found.distance_m, [0.0, 0.0, np.sqrt(4.5)])


@pytest.mark.parametrize("radius", [-1.0, np.nan, np.inf])
def test_radii_are_checked(network: RoadNetwork, radius: float) -> None:
    with pytest.raises(ValueError, match="radius_m"):
        network.index.within([[0.0, 0.0]], radius)


_COORDINATE = st.floats(-50.0, 50.0).map(lambda value: round(value, 2))
_POINT = st.tuples(_COORDINATE, _COORDINATE)
_LINES = st.lists(st.lists(_POINT, min_size=2, max_size=5), max_size=4)


@settings(deadline=None)
@given(edges=_LINES, areas=_LINES, signals=st.lists(_POINT, max_size=3), places=st.lists(_POINT, max_size=4))
def test_distances_are_those_of_each_element_by_itself(edges: list, areas: list, signals: list, places: list) -> None:
    network = RoadNetwork(
        drivable_areas=Ragged.points(areas),
        road_edges=Ragged.points(edges),
        signal_positions=np.array(signals).reshape(-1, 2),
    )
    geometry = {(ElementKind.ROAD_EDGE, row): shapely.LineString(edge) for row, edge in enumerate(edges)}
    geometry |= {(ElementKind.SIGNAL, row): shapely.Point(signal) for row, signal in enumerate(signals)}
    for row, ring in enumerate(areas):
        outline = shapely.Polygon([*ring, ring[0]])
        if outline.is_valid and outline.area > 0.1:
            geometry[(ElementKind.DRIVABLE_AREA, row)] = outline
    found = network.index.within(np.array(places).reshape(-1, 2), 30.0)
    by_key = {
        (query, kind, row): distance
        for query, kind, row, distance in zip(found.query, found.kind, found.row, found.distance_m, strict=True)
    }
    for query, place in enumerate(places):
        for (kind, row), shape in geometry.items():
            distance = shape.distance(shapely.Point(place))
            if distance < 30.0 - 1e-9:
                assert by_key[(query, kind, row)] == pytest.approx(distance, abs=1e-9)
            elif distance > 30.0 + 1e-9:
                assert (query, kind, row) not in by_key
