"""Leaving the road and driving through each other."""

import numpy as np
import pytest
import shapely

from zoox_prediction.evaluation.compliance import (
    DrivableArea,
    boxes_overlap,
    leaves_area,
    overlaps_another,
    weighted_share,
)
from zoox_prediction.geometry import box_corners
from zoox_prediction.maps.records import LaneRecord, lanes_from_records
from zoox_prediction.maps.road_network import Ragged, RoadNetwork

SQUARE = [[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]]


def test_drivable_area_is_that_of_the_map_and_of_its_lanes():
    middle, left, right = (np.array([[10.0, y], [20.0, y]]) for y in (2.0, 4.0, 0.0))
    lanes = lanes_from_records([LaneRecord(id=1, centerline=middle, left_boundary=left, right_boundary=right)])
    area = DrivableArea(RoadNetwork(drivable_areas=Ragged.points([SQUARE]), lanes=lanes))
    points = np.array([[5.0, 9.0], [15.0, 2.0], [15.0, 9.0], [10.0, 2.0], [np.nan, 0.0]])
    np.testing.assert_array_equal(area.is_on(points), [True, True, False, True, False])


def test_beyond_the_map_nothing_is_known():
    # An L-shaped road: its convex hull covers the corner that it cuts, and ends with its arms.
    corner = [[0.0, 0.0], [100.0, 0.0], [100.0, 10.0], [10.0, 10.0], [10.0, 100.0], [0.0, 100.0]]
    area = DrivableArea(RoadNetwork(drivable_areas=Ragged.points([corner])))
    # The last one is within the hull, but so near to its rim that a longer arm may lie there.
    points = np.array([[50.0, 5.0], [30.0, 30.0], [150.0, 5.0], [5.0, 150.0], [90.0, 90.0], [53.0, 53.0]])
    np.testing.assert_array_equal(area.is_on(points), [True, False, False, False, False, False])
    np.testing.assert_array_equal(area.is_off(points), [False, True, False, False, False, False])


def test_a_slit_between_areas_is_on_the_road_and_a_gap_is_not():
    beside = [[[x + 10.0 + slit, y] for x, y in SQUARE] for slit in (0.15, 30.5)]
    area = DrivableArea(RoadNetwork(drivable_areas=Ragged.points([SQUARE, *beside])))
    np.testing.assert_array_equal(area.is_on(np.array([[10.07, 5.0], [30.3, 5.0]])), [True, False])


def test_a_map_without_areas_says_nothing():
    area = DrivableArea(RoadNetwork())
    assert not area.known
    assert not area.is_on(np.zeros((3, 2))).any()
    assert not area.is_off(np.zeros((3, 2))).any()
    assert DrivableArea(RoadNetwork(drivable_areas=Ragged.points([SQUARE]))).known


def test_an_outline_that_crosses_itself_is_mended():
    bow_tie = [[0.0, 0.0], [10.0, 10.0], [10.0, 0.0], [0.0, 10.0]]
    area = DrivableArea(RoadNetwork(drivable_areas=Ragged.points([bow_tie])))
    np.testing.assert_array_equal(area.is_on(np.array([[2.0, 5.0], [8.0, 5.0], [5.0, 1.0]])), [True, True, False])


def test_off_road_stays_off_road_and_is_weighted_by_probability():
    ring = [[[0, 0], [100, 0], [100, 10], [0, 10]], [[0, 90], [100, 90], [100, 100], [0, 100]]]  # two streets
    area = DrivableArea(RoadNetwork(drivable_areas=Ragged.points(ring)))
    across = [[50.0, 5.0], [50.0, 40.0], [50.0, 95.0]]
    along = [[50.0, 5.0], [55.0, 5.0], [60.0, 5.0]]
    left = leaves_area(np.array([[across, along]]), area)
    np.testing.assert_array_equal(left, [[[False, True, True], [False, False, False]]])
    assert weighted_share(left[..., -1].astype(float), np.array([[0.3, 0.7]])) == pytest.approx([0.3])
    assert weighted_share(left[..., -1].astype(float), np.array([[0.1, 0.1]])) == pytest.approx([0.5])


def test_box_overlap_agrees_with_shapely():
    generator = np.random.default_rng(5)
    count = 400
    centers = generator.uniform(-4, 4, size=(2, count, 2))
    yaws = generator.uniform(-np.pi, np.pi, size=(2, count))
    sizes = generator.uniform(0.3, 5.0, size=(2, count, 2))
    first, second = (shapely.polygons(box_corners(centers[i], yaws[i], sizes[i])) for i in range(2))
    expected = shapely.area(shapely.intersection(first, second)) > 1e-9
    found = boxes_overlap(centers[0], yaws[0], sizes[0], centers[1], yaws[1], sizes[1])
    assert 0.2 < expected.mean() < 0.8
    np.testing.assert_array_equal(found, expected)


def test_touching_boxes_do_not_overlap():
    center = np.array([[0.0, 0.0]]), np.array([[4.0, 0.0]])
    size = np.array([[4.0, 2.0]])
    assert not boxes_overlap(center[0], np.zeros(1), size, center[1], np.zeros(1), size)[0]
    assert boxes_overlap(center[0], np.zeros(1), size, center[1] - 0.01, np.zeros(1), size)[0]


def test_overlap_with_the_truth_of_others():
    # Agent 0 is predicted to drive east into a parked box at x = 10, which is truly there from the second step on.
    position = np.array([[[5.0, 0.0], [10.0, 0.0], [20.0, 0.0]]])
    others = np.array([[[0.0, 0.0]] * 3, [[10.0, 0.0]] * 3])
    arguments = {
        "position": position,
        "yaw": np.zeros((1, 3)),
        "size": np.array([[4.0, 2.0]]),
        "other_position": others,
        "other_yaw": np.zeros((2, 3)),
        "other_size": np.array([[4.0, 2.0], [4.0, 2.0]]),
        "in_the_way": np.array([[False, True]]),
    }
    everybody = np.ones((2, 3), dtype=bool)
    np.testing.assert_array_equal(overlaps_another(**arguments, other_valid=everybody), [[False, True, True]])
    absent = everybody.copy()
    absent[1, 1] = False
    np.testing.assert_array_equal(overlaps_another(**arguments, other_valid=absent), [[False, False, False]])
    itself = arguments | {"in_the_way": np.array([[False, False]])}
    np.testing.assert_array_equal(overlaps_another(**itself, other_valid=everybody), [[False, False, False]])
