"""Agents on lanes: assignment and paths."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from road_networks import arc, road_network

from zoox_prediction.maps.lane_graph import LaneGraph, LaneGraphConfig
from zoox_prediction.maps.readers import read_road_network
from zoox_prediction.maps.road_network import LaneType, MapError, RoadNetwork


@pytest.fixture()
def fork() -> RoadNetwork:
    """Lane 1 along +x for 50 m, then straight on (2), left (3, radius 10 m, then 5) or right (4, radius 10 m)."""
    return road_network(
        {
            1: [(0, 0), (0, 0), (25, 0), (50, 0)],
            2: [(50, 0), (150, 0)],
            3: arc((50, 10), 10, -np.pi / 2, 0),
            4: arc((50, -10), 10, np.pi / 2, 0),
            5: [(60, 10), (60, 40)],
        },
        {1: [2, 3, 4, 99], 3: [5]},
        speed_limit_mps={1: 10.0, 2: 20.0},
    )


def test_assigns_lane_offset_and_heading_error(fork: RoadNetwork) -> None:
    answer = LaneGraph(fork).assign(np.array([[20.0, 0.6], [20.0, -0.6]]), np.array([0.1, -0.1]))
    assert answer.lane[:, 0].tolist() == [0, 0]
    assert np.all(answer.lane[:, 1:] == -1)
    np.testing.assert_allclose(answer.arc_length_m[:, 0], 20.0)
    np.testing.assert_allclose(answer.lateral_offset_m[:, 0], [0.6, -0.6])
    np.testing.assert_allclose(answer.heading_error_rad[:, 0], [0.1, -0.1])
    np.testing.assert_allclose(answer.probability[:, 0], 1.0)


def test_overlapping_lanes_share_probability_by_offset_and_heading(fork: RoadNetwork) -> None:
    graph = LaneGraph(fork)
    on_left_turn = arc((50, 10), 10, -np.pi / 2, 0, 7)[2]
    answer = graph.assign(on_left_turn[None], np.array([np.pi / 6]))
    assert answer.lane[0, 0] == 2
    assert set(answer.lane[0][answer.lane[0] >= 0]) == {1, 2}
    assert answer.probability[0, 0] > 0.7
    assert answer.probability.sum() == pytest.approx(1.0)
    expected = np.exp(-0.5 * (1.34 / 1.0) ** 2 - 0.5 * (np.pi / 6 / 0.35) ** 2)  # 10 (1 - cos 30 deg) = 1.34 m
    assert answer.probability[0, 1] / answer.probability[0, 0] == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("position", "yaw"),
    [((20.0, 0.0), np.pi), ((20.0, 5.0), 0.0), ((-9.0, 0.0), 0.0), ((np.nan, 0.0), 0.0), ((20.0, 0.0), np.nan)],
    ids=["against the lane", "beside the road", "before its start", "no position", "no yaw"],
)
def test_agents_without_a_lane(fork: RoadNetwork, position: tuple, yaw: float) -> None:
    graph = LaneGraph(fork)
    positions, yaws = np.array([position, (10.0, 0.0)]), np.array([yaw, 0.0])
    assert np.all(graph.assign(positions, yaws).lane[0] == -1)
    assert set(graph.paths(positions, yaws, np.array([80.0, 80.0])).agent) == {1}


def test_only_allowed_lane_types(fork: RoadNetwork) -> None:
    network = road_network(
        {1: [(0, 0), (50, 0)], 2: [(0, 1), (50, 1)]}, type=np.array([LaneType.VEHICLE, LaneType.BICYCLE])
    )
    allowed = np.zeros((2, len(LaneType)), dtype=bool)
    allowed[0, LaneType.VEHICLE] = allowed[1, LaneType.BICYCLE] = True
    answer = LaneGraph(network).assign(np.array([[20.0, 0.5]] * 2), np.zeros(2), allowed_types=allowed)
    assert answer.lane[:, 0].tolist() == [0, 1]
    assert np.all(answer.lane[:, 1] == -1)


def test_between_lanes_that_do_not_quite_meet() -> None:
    network = road_network({1: [(0, 0), (50, 0)], 2: [(51, 0), (99, 0)]}, {1: [2]})
    paths = LaneGraph(network).paths(np.array([[50.4, 0.0]]), np.zeros(1), np.array([20.0]))
    assert len(paths) == 1
    assert paths.lane[0, [0, -1]].tolist() == [0, 1]
    np.testing.assert_allclose(paths.points[0, -1], [70.0, 0.0])


def test_two_hundred_agents_on_a_town_cost_milliseconds(recordings: Path) -> None:
    file = recordings / "maps" / "lanelet2_autoware" / "test_map_road_shoulder_lanelet2_map.osm"
    graph = LaneGraph(read_road_network(file))
    assert len(graph) == 371
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(graph), 200)
    position, yaw = graph.lines.point_at(rows, rng.uniform(0.0, 1.0, 200) * graph.lines.length[rows])
    distance = rng.uniform(10.0, 170.0, 200)
    graph.paths(position, yaw, distance)  # fills the cache
    spent = []
    for _ in range(9):
        began = time.process_time()
        graph.assign(position, yaw)
        assigned = time.process_time()
        graph.paths(position, yaw, distance)
        spent.append((assigned - began, time.process_time() - assigned))
    # Typically 2 ms and 8 ms; the limits leave room for slow and busy machines.
    assert np.all(np.median(spent, axis=0) < (0.010, 0.040))


def test_a_path_for_every_branch(fork: RoadNetwork) -> None:
    paths = LaneGraph(fork).paths(np.array([[20.3, 0.4]]), np.array([0.05]), np.array([60.0]))
    assert len(paths) == 3
    assert paths.points.shape == (3, 61, 2)
    np.testing.assert_allclose(paths.probability.sum(), 1.0)
    assert np.all(np.diff(paths.probability) <= 0)
    straight, *turns = range(3)
    assert paths.probability[straight] > paths.probability[turns].max()
    np.testing.assert_allclose(paths.points[:, 0], [[20.3, 0.0]] * 3, atol=1e-9)
    np.testing.assert_allclose(paths.points[straight], np.column_stack([20.3 + np.arange(61), np.zeros(61)]), atol=1e-9)
    np.testing.assert_allclose(paths.lateral_offset_m, 0.4)
    np.testing.assert_allclose(paths.heading_error_rad, 0.05)
    assert paths.lane[straight].tolist() == [0] * 30 + [1] * 31
    np.testing.assert_allclose(paths.speed_limit_mps[straight], [10.0] * 30 + [20.0] * 31)
    left = next(row for row in turns if paths.points[row, 40, 1] > 0)
    right = next(row for row in turns if row != left)
    assert paths.lane[left, 35] == 2
    assert paths.lane[left, 60] == 4
    assert np.all(np.isnan(paths.speed_limit_mps[left, 31:]))
    assert np.all(paths.valid[[straight, left]])
    assert paths.valid[right].sum() == 46  # 29.7 m of lane 1 and 15.7 m of lane 4
    assert np.all(paths.lane[right, 46:] == -1)
    np.testing.assert_allclose(paths.curvature[left, 36:40], 0.1, rtol=0.05)
    np.testing.assert_allclose(paths.curvature[right, 36:40], -0.1, rtol=0.05)
    assert np.all(np.isfinite(paths.points))
    np.testing.assert_allclose(paths.heading[left, -1], np.pi / 2, atol=0.02)


def test_points_are_evenly_spaced_whatever_the_spacing(fork: RoadNetwork) -> None:
    for spacing in (0.5, 2.0):
        paths = LaneGraph(fork).paths(np.array([[20.0, 0.0]]), np.zeros(1), np.array([60.0]), spacing_m=spacing)
        steps = np.linalg.norm(np.diff(paths.points, axis=1), axis=2)
        np.testing.assert_allclose(steps, spacing, rtol=0.03)
        assert paths.points.shape[1] == np.ceil(60.0 / spacing) + 1


def test_branches_that_are_out_of_reach_are_one_path(fork: RoadNetwork) -> None:
    paths = LaneGraph(fork).paths(np.array([[5.0, 0.0], [5.0, 0.0]]), np.zeros(2), np.array([10.0, 70.0]))
    assert np.bincount(paths.agent).tolist() == [1, 3]
    assert paths.probability[0] == pytest.approx(1.0)
    assert paths.valid[0].sum() == 11


def test_max_paths_keeps_the_most_probable(fork: RoadNetwork) -> None:
    graph = LaneGraph(fork)
    all_paths = graph.paths(np.array([[20.0, 0.0]]), np.zeros(1), np.array([60.0]))
    best = graph.paths(np.array([[20.0, 0.0]]), np.zeros(1), np.array([60.0]), max_paths=1)
    assert best.probability.tolist() == [1.0]
    np.testing.assert_array_equal(best.points[0], all_paths.points[0])


def test_rings_end_by_distance() -> None:
    ring = road_network(
        {1: arc((0, 0), 20, 0, np.pi), 2: arc((0, 0), 20, np.pi, 2 * np.pi), 3: [(20, 0), (20, 60)]},
        {1: [2], 2: [1, 3]},
    )
    paths = LaneGraph(ring).paths(np.array([[0.0, 20.0]]), np.array([np.pi]), np.array([300.0]))
    assert len(paths) >= 3
    np.testing.assert_allclose(np.linalg.norm(paths.points[np.all(paths.valid, axis=1)], axis=2), 20.0, atol=0.05)


def test_tiny_rings_and_many_forks_stay_cheap() -> None:
    """A grid where every lane forks three ways has 3^40 sequences; a ring of 1 cm lanes never gets anywhere."""
    grid = {k: [(2.0 * k, 0.1 * (k % 3)), (2.0 * k + 2.0, 0.0)] for k in range(200)}
    network = road_network(grid, {k: [k + 1, k + 2, k + 3] for k in range(200)})
    tiny = road_network({1: [(0, 0), (0.01, 0)], 2: [(0.01, 0), (0, 0)]}, {1: [2], 2: [1]})
    began = time.perf_counter()
    many = LaneGraph(network).paths(np.array([[1.0, 0.0]]), np.zeros(1), np.array([160.0]))
    few = LaneGraph(tiny).paths(np.array([[0.0, 0.0]]), np.zeros(1), np.array([160.0]))
    assert time.perf_counter() - began < 2.0
    assert len(many) == 6
    assert len(few) >= 1
    assert np.all(np.isfinite(few.points))


def test_nothing_in_nothing_out(fork: RoadNetwork) -> None:
    for network, count in ((RoadNetwork(), 3), (fork, 0)):
        graph = LaneGraph(network)
        position = np.zeros((count, 2))
        assert graph.assign(position, np.zeros(count)).lane.shape == (count, 4)
        paths = graph.paths(position, np.zeros(count), np.full(count, 50.0))
        assert len(paths) == 0
        assert paths.points.shape[0] == 0


@pytest.mark.parametrize(
    ("lanes", "words"),
    [
        ({7: [(0, 0)]}, "lane 7.*fewer than two"),
        ({7: [(0, 0), (0, 0)]}, "lane 7.*fewer than two"),
        ({7: [(0, 0), (np.nan, 0)]}, "lane 7.*not finite"),
    ],
)
def test_broken_centrelines_are_named(lanes: dict, words: str) -> None:
    with pytest.raises(MapError, match=words):
        LaneGraph(road_network(lanes, width_m=None))


def test_config_is_checked() -> None:
    with pytest.raises(ValueError, match="lateral_sigma_m"):
        LaneGraphConfig(lateral_sigma_m=0.0)
    with pytest.raises(ValueError, match="spacing_m"):
        LaneGraph(RoadNetwork()).paths(np.zeros((0, 2)), np.zeros(0), np.zeros(0), spacing_m=0.0)


def test_the_cache_gives_what_a_fresh_graph_gives(fork: RoadNetwork) -> None:
    graph = LaneGraph(fork)
    rng = np.random.default_rng(1)
    position = np.column_stack([rng.uniform(0, 140, 50), rng.uniform(-1, 1, 50)])
    yaw, distance = rng.normal(0, 0.1, 50), rng.uniform(0, 150, 50)
    graph.paths(position[::-1], yaw, distance[::-1])
    again, fresh = graph.paths(position, yaw, distance), LaneGraph(fork).paths(position, yaw, distance)
    np.testing.assert_array_equal(again.agent, fresh.agent)
    np.testing.assert_allclose(again.points, fresh.points)
    np.testing.assert_array_equal(again.lane, fresh.lane)
