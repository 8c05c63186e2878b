"""All the lane sequences that are reachable in a distance."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from road_networks import road_network

from zoox_prediction.maps.lane_graph import LaneGraph, LaneGraphConfig
from zoox_prediction.maps.road_network import RoadNetwork


def _network(lengths: list[float], successors: dict[int, list[int]]) -> RoadNetwork:
    """Lanes with these lengths; where they lie does not matter to what follows what."""
    return road_network({row: [(0, row), (length, row)] for row, length in enumerate(lengths)}, successors)


def test_forks_ends_and_how_far() -> None:
    graph = LaneGraph(_network([10, 10, 10, 10], {0: [1, 2], 2: [3]}))
    found = graph.reachable([0, 2, -1, 3, 0], [25.0, 5.0, 50.0, 50.0, 10.0])
    assert found.query.tolist() == [0, 0, 1, 3, 4]
    assert sorted(lanes.tolist() for lanes in found.lanes)[:2] == [[0], [0, 1]]
    assert [lanes.tolist() for lanes in found.lanes][2:] == [[2], [3], [0]]
    assert [0, 2, 3] in [lanes.tolist() for lanes in found.lanes][:2]
    np.testing.assert_allclose(found.probability, [0.5, 0.5, 1, 1, 1])
    assert found.complete.all()
    assert len(found) == 5


def test_a_ring_is_gone_round_as_often_as_the_distance_asks_for() -> None:
    found = LaneGraph(_network([10, 10], {0: [1], 1: [0]})).reachable([0], 45.0)
    assert found.lanes[0].tolist() == [0, 1, 0, 1, 0]
    assert found.complete.tolist() == [True]


def test_a_successor_that_is_named_twice_is_one() -> None:
    found = LaneGraph(_network([10, 10], {0: [1, 1]})).reachable([0], 15.0)
    assert len(found) == 1
    assert found.probability.tolist() == [1.0]


def test_bounds_are_told() -> None:
    every_way = {row: [0, 1, 2] for row in range(3)}
    graph = LaneGraph(_network([5.0, 6.0, 7.0], every_way), LaneGraphConfig(max_lanes=300))
    began = time.perf_counter()
    endless = graph.reachable([0, 0, 0], [1e4, np.inf, 12.0])
    assert time.perf_counter() - began < 2.0
    assert endless.complete.tolist() == [False, False, True]
    assert np.bincount(endless.query).max() <= 300
    few = graph.reachable([0], 12.0, max_sequences=2)
    assert len(few) == 2
    assert few.complete.tolist() == [False]
    whole = graph.reachable([0], 12.0)
    np.testing.assert_array_equal(few.probability, whole.probability[:2])


def test_nothing_in_nothing_out() -> None:
    assert len(LaneGraph(RoadNetwork()).reachable([-1], 10.0)) == 0
    none = LaneGraph(_network([5.0], {})).reachable(np.zeros(0, dtype=int), 10.0)
    assert len(none) == len(none.lanes) == len(none.complete) == 0
    with pytest.raises(ValueError, match="NaN"):
        LaneGraph(_network([5.0], {})).reachable([0], np.nan)


def _walk(lengths: list[float], successors: dict[int, list[int]], so_far: tuple, left: float) -> set[tuple]:
    left -= lengths[so_far[-1]]
    following = successors.get(so_far[-1], [])
    if left <= 0.0 or not following:
        return {so_far}
    return set().union(*(_walk(lengths, successors, (*so_far, lane), left) for lane in following))


@st.composite
def _graphs(draw: st.DrawFn) -> tuple[list[float], dict[int, list[int]]]:
    lengths = draw(st.lists(st.integers(3, 12).map(float), min_size=1, max_size=6))
    ways = st.lists(st.integers(0, len(lengths) - 1), max_size=3)
    return lengths, {row: draw(ways) for row in range(len(lengths))}


@settings(deadline=None)
@given(_graphs(), st.lists(st.tuples(st.integers(0, 5), st.floats(0.0, 18.0)), max_size=4))
def test_as_walking_every_way_finds(graph: tuple, places: list[tuple[int, float]]) -> None:
    lengths, successors = graph
    starts = [start % len(lengths) for start, _ in places]
    found = LaneGraph(_network(lengths, successors)).reachable(starts, [distance for _, distance in places])
    assert found.complete.all()
    for row, (start, (_, distance)) in enumerate(zip(starts, places, strict=True)):
        of_place = np.flatnonzero(found.query == row)
        sequences = [tuple(found.lanes[each].tolist()) for each in of_place]
        assert len(sequences) == len(set(sequences))
        assert set(sequences) == _walk(lengths, successors, (start,), distance)
        assert found.probability[of_place].sum() == pytest.approx(1.0)
        assert np.all(np.diff(found.probability[of_place]) <= 1e-12)
