"""The arrays of a road network and what follows from them."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.maps.road_network import NO_ID, Lanes, Ragged, RoadNetwork


def test_columns_left_out_are_neutral():
    lanes = Lanes(ids=np.array([4, 9]), centerline=Ragged.points([[[0, 0], [1, 0]], [[1, 0], [2, 0]]]))
    assert lanes.left_neighbor.tolist() == lanes.signal.tolist() == [NO_ID, NO_ID]
    assert np.isnan(lanes.speed_limit_mps).all() and not lanes.left_change.any()
    assert [len(each) for each in lanes.successors] == [len(each) for each in lanes.left_boundary] == [0, 0]
    assert not lanes.turn.flags.writeable


def test_a_column_of_another_length_is_an_error():
    with pytest.raises(ValueError, match="turn has 3 rows for 2 lanes"):
        Lanes(ids=np.array([4, 9]), turn=np.zeros(3, dtype=np.uint8))


def test_predecessors_mirror_successors():
    lanes = Lanes(ids=np.array([10, 20, 30, 40]), successors=Ragged.ids([[30, 99], [30, 40], [], [10]]))
    assert [each.tolist() for each in lanes.predecessors] == [[40], [], [10, 20], [20]]
    assert [each.tolist() for each in lanes.predecessor_rows] == [[3], [], [0, 1], [1]]


def test_lanes_to_yield_to_are_those_in_the_map():
    lanes = Lanes(ids=np.array([10, 20]), yields_to=Ragged.ids([[20, 99], []]))
    assert [each.tolist() for each in lanes.yields_to_rows] == [[1], []]


def test_nothing_in_a_network_can_be_written_to_and_what_it_was_made_of_still_can():
    ids, points, offsets = np.array([4]), np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([0, 2])
    lines = Ragged(points, offsets)
    network = RoadNetwork(lanes=Lanes(ids=ids, centerline=lines), crosswalk_ids=ids, stop_lines=lines)
    for array in (
        network.lanes.ids, network.lanes.centerline[0], network.crosswalk_ids, network.stop_lines.values,
        network.stop_lines.offsets,
    ):  # fmt: skip
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
    assert ids.flags.writeable and points.flags.writeable and offsets.flags.writeable
