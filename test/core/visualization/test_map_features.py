"""What is drawn of a road network: kinds, dashes, stripes, chevrons, and where traffic waits."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
from drawn_maps import box, everything, lane, shifted

from zoox_prediction.maps.records import lanes_from_records
from zoox_prediction.maps.road_network import BoundaryType, Ragged, RoadNetwork
from zoox_prediction.visualization.map_features import Feature, map_features, signal_places


def features(network: RoadNetwork) -> dict[str, Feature]:
    return {each.name: each for each in map_features(network)}


def lengths(pieces: Ragged) -> np.ndarray:
    return np.array([np.linalg.norm(piece[1] - piece[0]) for piece in pieces])


def test_every_kind_is_there_once_areas_below_lines():
    found = map_features(everything())
    names = [each.name for each in found]
    assert len(set(names)) == len(names)
    assert set(names) == {
        "walkways",
        "drivable_areas",
        "parking_areas",
        "lanes",
        "bus_lanes",
        "bicycle_lanes",
        "restricted_lanes",
        "intersections",
        "centerlines",
        "directions",
        "unmarked_boundaries",
        "dashed_boundaries",
        "solid_boundaries",
        "road_edges",
        "crosswalks",
        "crosswalk_outlines",
        "stop_lines",
    }
    areas = [each.area for each in found]
    assert areas == sorted(areas, reverse=True)
    assert map_features(RoadNetwork()) == ()


def test_needless_points_are_left_out_and_bends_stay():
    bent = lane(1, 0.0, 3.0)
    bent.centerline = np.array([[0.0, 0.0], [10.0, 0.001], [20.0, 0.0], [30.0, 4.0]])
    (line,) = features(RoadNetwork(lanes=lanes_from_records([bent])))["centerlines"].shapes
    np.testing.assert_array_equal(line, [[0.0, 0.0], [20.0, 0.0], [30.0, 4.0]])


def test_a_boundary_of_two_lanes_is_dashed_once_from_whichever_end():
    oncoming = lane(2, 3.0, 6.0, left_boundary_type=BoundaryType.DASHED)
    oncoming.left_boundary = np.array([[60.0, 3.0], [30.0, 3.0], [0.0, 3.0]])
    one = lane(1, 0.0, 3.0, left_boundary_type=BoundaryType.DASHED)
    dashes = features(RoadNetwork(lanes=lanes_from_records([one, oncoming])))["dashed_boundaries"].shapes
    np.testing.assert_allclose(dashes.values[:, 1], 3.0)
    np.testing.assert_allclose(np.sort(dashes.values[::2, 0]), np.arange(0.0, 60.0, 7.5))
    np.testing.assert_allclose(lengths(dashes), 3.0)


def test_dashes_go_on_around_bends():
    bent = lane(1, 0.0, 3.0, left_boundary_type=BoundaryType.DASHED)
    bent.left_boundary = np.array([[0.0, 0.0], [8.0, 0.0], [8.0, 20.0]])
    dashes = features(RoadNetwork(lanes=lanes_from_records([bent])))["dashed_boundaries"].shapes
    expected = [[0, 0], [3, 0], [7.5, 0], [8, 0], [8, 0], [8, 2.5], [8, 7], [8, 10], [8, 14.5], [8, 17.5]]
    np.testing.assert_allclose(dashes.values, expected, atol=1e-9)


def test_stripes_of_a_crosswalk_lie_across_the_way_and_within():
    stripes = features(everything())["crosswalks"].shapes
    assert len(stripes) == 12  # one a metre of 12 m
    np.testing.assert_allclose(np.diff(stripes.values[:, 1])[::2], 0.0, atol=1e-9)
    np.testing.assert_allclose(np.sort(np.reshape(stripes.values[:, 0], (-1, 2)), axis=1), [[20.25, 23.75]] * 12)
    assert stripes.values[:, 1].min() > 0.0 and stripes.values[:, 1].max() < 12.0


def test_a_chevron_points_along_each_long_lane():
    short = lane(2, 10.0, 13.0)
    short.centerline = np.array([[0.0, 11.5], [5.0, 11.5]])
    (arrow,) = features(RoadNetwork(lanes=lanes_from_records([lane(1, 0.0, 3.0), short])))["directions"].shapes
    np.testing.assert_allclose(arrow[1], [30.0, 1.5])
    assert (arrow[[0, 2], 0] < 30.0).all() and arrow[0, 1] > 1.5 > arrow[2, 1]


def test_typed_boundaries_stand_in_where_the_map_has_no_road_edges():
    typed = features(everything())["road_edges"].shapes
    np.testing.assert_allclose(typed[0][:, 1], 11.0)
    own = replace(everything(), road_edges=Ragged.points([[[0.0, 50.0], [9.0, 50.0]]]))
    (edge,) = features(own)["road_edges"].shapes
    np.testing.assert_allclose(edge[:, 1], 50.0)


def test_far_from_the_origin_nothing_moves():
    offset = (456_789.0, 5_428_123.0)
    near, far = (features(each) for each in (everything(), shifted(everything(), offset)))
    assert near.keys() == far.keys()
    for name, feature in near.items():
        np.testing.assert_allclose(far[name].shapes.values - offset, feature.shapes.values, atol=1e-6, err_msg=name)


def test_points_that_are_not_finite_and_degenerate_shapes_are_left_out():
    broken = lane(1, 0.0, 3.0, left_boundary_type=BoundaryType.DASHED)
    broken.left_boundary = np.array([[0.0, 3.0], [np.nan, 3.0], [60.0, 3.0]])
    network = RoadNetwork(
        lanes=lanes_from_records([broken, lane(2, 3.0, 6.0)]),
        crosswalks=Ragged.points(
            [[[0.0, 0.0], [np.inf, 0.0], [1.0, 1.0]], [[1.0, 1.0]] * 4, [], box(0.0, 0.0, 3.0, 9.0)]
        ),
        stop_lines=Ragged.points([[[1.0, 1.0]], [[0.0, 0.0], [1.0, 0.0]]]),
    )
    found = features(network)
    for feature in found.values():
        assert np.isfinite(feature.shapes.values).all(), feature.name
    assert len(found["crosswalks"].shapes) == 9
    assert found["dashed_boundaries"].shapes.values[:, 0].max() > 50.0


def test_rows_within_are_those_that_meet_the_picture():
    feature = Feature("x", (0, 0, 0), Ragged.points([box(0, 0, 1, 1), [], box(10, 0, 11, 1), box(-5, -5, 50, 50)]))
    assert feature.rows_within((0.5, 0.5, 2.0, 2.0)).tolist() == [0, 3]
    assert feature.rows_within((60.0, 0.0, 61.0, 1.0)).tolist() == []


def test_features_are_made_once_for_a_network_and_do_not_keep_it():
    network = everything()
    assert map_features(network) is map_features(network)
    reference = weakref.ref(network)
    del network
    gc.collect()
    assert reference() is None


def test_traffic_waits_at_the_end_before_and_at_the_start_within_an_intersection_or_by_the_stop_line():
    network = everything()
    np.testing.assert_allclose(signal_places(network, np.array([0, 4])), [[60.0, 1.5], [60.0, -18.5]])
    without = replace(network, stop_lines=Ragged.points(), stop_line_ids=np.zeros(0, dtype=np.int64))
    np.testing.assert_allclose(signal_places(without, np.array([4])), [[0.0, -18.5]])
    assert signal_places(network, np.zeros(0, dtype=np.int64)).shape == (0, 2)


@pytest.mark.parametrize("length_m", [1.0, 5_000.0])
def test_a_crosswalk_of_any_length_has_a_bounded_number_of_stripes(length_m):
    network = RoadNetwork(crosswalks=Ragged.points([box(0.0, 0.0, 3.0, length_m)]))
    assert 1 <= len(features(network)["crosswalks"].shapes) <= 100
