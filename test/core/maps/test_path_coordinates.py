"""Arc-length coordinates on paths, there and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from road_networks import arc, road_network

from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.path_coordinates import PathCoordinates
from zoox_prediction.maps.road_network import MapError, Ragged

_CORNER = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)]


def test_on_a_straight_path_they_are_x_and_y() -> None:
    path = PathCoordinates([[(0, 0), (4, 0), (10, 0)]])
    points = np.array([[1, 2], [4, -1], [9, 0], [-3, 1], [14, -2]], dtype=float)
    along, lateral = path.to_path(0, points)
    np.testing.assert_allclose(along, points[:, 0], atol=1e-12)
    np.testing.assert_allclose(lateral, points[:, 1], atol=1e-12)
    back, heading = path.from_path(0, along, lateral)
    np.testing.assert_allclose(back, points, atol=1e-12)
    np.testing.assert_allclose(heading, 0.0, atol=1e-12)


def test_at_a_corner_the_angle_is_halved() -> None:
    path = PathCoordinates([_CORNER])
    points, heading = path.from_path(0, [10.0, 10.0, 10.0], [0.0, -np.sqrt(2), np.sqrt(2)])
    np.testing.assert_allclose(points, [[10, 0], [11, -1], [9, 1]], atol=1e-12)
    np.testing.assert_allclose(heading, np.pi / 4)


def test_around_the_outside_of_a_corner_the_arc_length_rises_steadily() -> None:
    angle = np.linspace(-np.pi / 2, 0.0, 200)
    along, lateral = PathCoordinates([_CORNER]).to_path(
        0, np.array([10.0, 0.0]) + 3.0 * np.column_stack([np.cos(angle), np.sin(angle)])
    )
    assert np.diff(along).min() > 0.0
    assert np.diff(along).max() < 0.1
    np.testing.assert_allclose(along[[0, -1]], [8.0, 12.0], atol=1.5)
    assert np.all((lateral < -2.9) & (lateral > -3.8))


def test_on_a_circle_they_are_polar() -> None:
    circle = arc((0, 0), 20.0, 0.0, np.pi, 60)
    angle, radius = np.meshgrid(np.linspace(0.1, 3.0, 30), [15.0, 19.0, 20.0, 22.0, 26.0])
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    along, lateral = PathCoordinates([circle]).to_path(0, points)
    np.testing.assert_allclose(along, 20.0 * angle, atol=0.03)
    np.testing.assert_allclose(lateral, 20.0 - radius, atol=0.01)


def test_many_paths_and_many_points_on_each() -> None:
    ragged = PathCoordinates(Ragged.points([_CORNER, [(0, 5), (-20, 5)], [(3, 3), (3, 4), (3, 9), (3, 13)]]))
    np.testing.assert_allclose(ragged.length_m, [20, 20, 10])
    points = np.array([[5.0, 1.0], [-4.0, 4.0]])
    rows = np.arange(len(ragged))[:, None]
    along, lateral = ragged.to_path(rows, points)
    assert along.shape == lateral.shape == (3, 2)
    for row in range(3):
        alone = ragged.to_path(row, points)
        np.testing.assert_array_equal(alone[0], along[row])
        np.testing.assert_array_equal(alone[1], lateral[row])
    np.testing.assert_allclose(along[1], [-5, 4], atol=1e-12)
    np.testing.assert_allclose(lateral[1], [4, 1], atol=1e-12)
    back, _ = ragged.from_path(rows, along, lateral)
    np.testing.assert_allclose(back, np.broadcast_to(points, (3, 2, 2)), atol=1e-9)
    even = PathCoordinates(np.array([_CORNER, _CORNER[::-1]]))
    np.testing.assert_allclose(even.to_path([0, 1], [10.0, 5.0])[0], [15.0, 5.0], atol=1e-9)


def test_what_is_not_finite_stays_so() -> None:
    path = PathCoordinates([_CORNER])
    along, lateral = path.to_path(0, [[np.nan, 0.0], [np.inf, 0.0], [5.0, 1.0]])
    assert np.isnan(along).tolist() == np.isnan(lateral).tolist() == [True, True, False]
    points, heading = path.from_path(0, [np.nan, 3.0], [0.0, np.nan])
    assert np.isnan(points).any(axis=1).tolist() == [True, True]
    assert np.isnan(heading).tolist() == [True, False]


def test_nothing_in_nothing_out() -> None:
    none = PathCoordinates(Ragged.points())
    assert len(none) == 0
    assert none.to_path(np.zeros(0, dtype=int), np.zeros((0, 2)))[0].shape == (0,)
    assert PathCoordinates([_CORNER]).from_path(np.zeros((0, 3), dtype=int), 0.0)[0].shape == (0, 3, 2)


def test_a_path_that_turns_back_on_itself_is_finite() -> None:
    path = PathCoordinates([[(0, 0), (10, 0), (0, 0)]])
    along, lateral = path.to_path(0, [[10.0, 1.0], [12.0, 0.0], [12.0, -1.0], [5.0, 0.0]])
    assert np.isfinite(along).all()
    assert np.isfinite(lateral).all()
    np.testing.assert_allclose(along[1], 10.0)
    np.testing.assert_allclose(lateral[1], -2.0)


@pytest.mark.parametrize("path", [[(0, 0)], [(1, 1), (1, 1)], [(0, 0), (np.nan, 1)]])
def test_paths_that_are_none(path: list) -> None:
    with pytest.raises(MapError, match="path 1"):
        PathCoordinates(Ragged.points([_CORNER, path]))


def test_along_the_paths_of_agents() -> None:
    """Agent 0 is 25 m before the end of the map, agent 1 at its very end."""
    graph = LaneGraph(road_network({1: [(0, 0), (50, 0)]}))
    found = graph.paths(np.array([[25.0, 0.5], [50.0, 0.0]]), np.zeros(2), np.array([40.0, 40.0]))
    paths = PathCoordinates.along(found)
    assert len(paths) == len(found) == 2
    along, lateral = paths.to_path(np.arange(2), [60.0, 1.0])
    np.testing.assert_allclose(along, [35.0, 10.0], atol=1e-9)
    np.testing.assert_allclose(lateral, [1.0, 1.0], atol=1e-9)
    no_distance = graph.paths(np.array([[25.0, 0.5]]), np.zeros(1), np.zeros(1))
    assert PathCoordinates.along(no_distance).to_path(0, [[30.0, 1.0]])[0][0] == pytest.approx(5.0)


@st.composite
def _bending_paths(draw: st.DrawFn) -> NDArray:
    """Segments of 2 to 8 m with corners of at most 0.3 rad, a quarter turn in all, somewhere on earth."""
    kinks = draw(st.lists(st.floats(-0.3, 0.3), max_size=5))
    spans = np.array(draw(st.lists(st.floats(2.0, 8.0), min_size=len(kinks) + 1, max_size=len(kinks) + 1)))
    yaw = draw(st.floats(-np.pi, np.pi)) + np.cumsum([0.0, *kinks])
    origin = draw(st.sampled_from([(0.0, 0.0), (458_000.0, 5_430_000.0)]))
    steps = spans[:, None] * np.column_stack([np.cos(yaw), np.sin(yaw)])
    return np.array(origin) + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])


_PLACES = st.lists(st.tuples(st.floats(-0.5, 1.5), st.floats(-3.0, 3.0)), min_size=1, max_size=10)


@settings(deadline=None)
@given(_bending_paths(), _PLACES)
def test_there_and_back(points: NDArray, places: list) -> None:
    path = PathCoordinates([points])
    along, lateral = np.array(places).T * np.array([[path.length_m[0]], [1.0]])
    position, heading = path.from_path(0, along, lateral)
    again_along, again_lateral = path.to_path(0, position)
    np.testing.assert_allclose(again_along, along, atol=1e-5)
    np.testing.assert_allclose(again_lateral, lateral, atol=1e-6)
    again, _ = path.from_path(0, again_along, again_lateral)
    np.testing.assert_allclose(again, position, atol=1e-6)
    normal = np.column_stack([-np.sin(heading), np.cos(heading)])
    foot, _ = path.from_path(0, along)
    np.testing.assert_allclose(np.sum((position - foot) * normal, axis=1), lateral, atol=1e-6)
