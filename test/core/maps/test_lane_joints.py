"""Who is on which lane around the places where lanes join."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from road_networks import arc, road_network

from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.maps.lane_assignment import LaneAssignment
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.path_coordinates import PathCoordinates
from zoox_prediction.maps.polylines import Polylines
from zoox_prediction.maps.readers import read_road_network
from zoox_prediction.maps.road_network import Ragged, RoadNetwork
from zoox_prediction.recording.generated_crossroads import crossroads


def _lane_of(network: RoadNetwork, position: tuple[float, float], yaw: float) -> int:
    """The id of the only lane of an agent."""
    answer = LaneGraph(network).assign(np.array([position]), np.array([yaw]))
    assert answer.lane[0, 1] == -1
    assert answer.probability[0, 0] == 1.0
    return int(network.lanes.ids[answer.lane[0, 0]])


def test_just_past_a_joint_the_lane_that_has_begun_holds_the_agent() -> None:
    """GEOS and the sum of the steps differ in the last digit of the length of the lane before."""
    assert _lane_of(crossroads(), (1.66, -17.27), 1.64) == 405


@pytest.mark.parametrize(("x", "lane"), [(49.9, 1), (50.0 - 1e-3, 1), (50.0 + 1e-3, 2), (51.5, 2)])
@pytest.mark.parametrize("y", [-1.0, 0.0, 0.3])
def test_straight_on_the_lane_changes_at_the_joint(x: float, y: float, lane: int) -> None:
    network = road_network({1: [(0, 0), (50, 0)], 2: [(50, 0), (99, 0)]}, {1: [2]})
    assert _lane_of(network, (x, y), 0.0) == lane


@pytest.mark.parametrize("across", [-2.0, -0.5, 0.5, 2.0])
@pytest.mark.parametrize("kink", [-1.5, -0.4, 0.4, 1.5])
def test_at_an_angle_the_lane_changes_where_the_angle_is_halved(kink: float, across: float) -> None:
    """Where both lanes are beside the agent (inside), and where neither is (outside)."""
    end = 50.0 * np.array([np.cos(kink), np.sin(kink)])
    network = road_network({1: [(-50, 0), (0, 0)], 2: [(0, 0), end]}, {1: [2]})
    half = np.array([np.cos(0.5 * kink), np.sin(0.5 * kink)])
    place = across * np.array([-half[1], half[0]])
    before, past = place - 1e-3 * half, place + 1e-3 * half
    assert _lane_of(network, tuple(before), 0.5 * kink) == 1
    assert _lane_of(network, tuple(past), 0.5 * kink) == 2


@pytest.mark.parametrize("gap", [-2.0, 0.4, 1.0])
def test_lanes_that_overlap_or_leave_a_gap_change_half_way(gap: float) -> None:
    network = road_network({1: [(0, 0), (50, 0)], 2: [(50 + gap, 0), (99, 0)]}, {1: [2]})
    assert _lane_of(network, (50 + 0.5 * gap - 1e-3, 0.2), 0.0) == 1
    assert _lane_of(network, (50 + 0.5 * gap + 1e-3, 0.2), 0.0) == 2


def test_in_a_gap_the_neighbour_does_not_take_the_agent_over() -> None:
    """The neighbour is beside the agent all along, 2.4 m to the left of it; the agent's own lane pauses for 0.4 m."""
    network = road_network({1: [(0, 0), (50, 0)], 2: [(50.4, 0), (99, 0)], 3: [(0, 3.4), (99, 3.4)]}, {1: [2]})
    x = np.array([49.0, 50.0 + 1e-3, 50.2, 50.4 - 1e-3, 51.0])
    answer = LaneGraph(network).assign(np.column_stack([x, np.ones(5)]), np.zeros(5))
    assert answer.lane[:, 0].tolist() == [0, 0, 0, 1, 1] or answer.lane[:, 0].tolist() == [0, 0, 1, 1, 1]
    assert answer.lane[:, 1].tolist() == [2] * 5
    np.testing.assert_allclose(answer.probability[:, 0], answer.probability[0, 0], atol=0.02)


def test_probabilities_run_on_across_joints() -> None:
    """Between two parallel roads of two lanes each, joined at the same height: the shares stay as they were."""
    network = road_network(
        {1: [(0, 0), (50, 0)], 2: [(50, 0), (99, 2)], 3: [(0, 3), (50, 3)], 4: [(50, 3), (99, 5)]}, {1: [2], 3: [4]}
    )
    x = np.linspace(47.0, 53.0, 121)
    answer = LaneGraph(network).assign(np.column_stack([x, np.full(121, 1.2)]), np.zeros(121))
    lower = np.sum(np.where(np.isin(answer.lane, [0, 1]), answer.probability, 0.0), axis=1)
    assert np.all(np.sum(answer.lane >= 0, axis=1) == 2)
    np.testing.assert_allclose(answer.probability.sum(axis=1), 1.0)
    assert np.abs(np.diff(lower)).max() < 0.03
    assert 0.65 < lower.min() < lower.max() < 0.8


def test_a_fork_shares_and_a_merge_gathers() -> None:
    left, right = arc((0, 30), 30, -np.pi / 2, 0), arc((0, -30), 30, np.pi / 2, 0)
    fork = road_network({1: [(-50, 0), (0, 0)], 2: left, 3: right}, {1: [2, 3]})
    answer = LaneGraph(fork).assign(np.array([[-0.1, 0.0], [0.1, 0.0]]), np.zeros(2))
    assert answer.lane[:, 0].tolist()[0] == 0
    assert answer.probability[0].tolist() == [1.0, 0.0, 0.0, 0.0]
    np.testing.assert_allclose(answer.probability[1, :2], 0.5, atol=0.01)
    merge = road_network({1: left[::-1] * (-1, 1), 2: right[::-1] * (-1, 1), 3: [(0, 0), (50, 0)]}, {1: [3], 2: [3]})
    for y in (-1.0, 0.0, 1.0):
        answer = LaneGraph(merge).assign(np.array([[-0.1, y], [0.1, y]]), np.zeros(2))
        assert set(answer.lane[0, :2].tolist()) == {0, 1}
        assert answer.lane[1].tolist() == [2, -1, -1, -1]


def test_the_end_of_the_map_lets_go_where_another_lane_goes_on() -> None:
    network = road_network({1: [(0, 0), (50, 0)], 2: [(0, 2), (99, 2)]})
    answer = LaneGraph(network).assign(np.array([[49.9, 0.5], [50.1, 0.5]]), np.zeros(2))
    assert sorted(answer.lane[0, :2].tolist()) == [0, 1]
    assert answer.lane[1, :2].tolist() == [1, -1]


def test_in_a_ring_shorter_than_its_joints_the_agent_keeps_a_lane() -> None:
    network = road_network(
        {1: arc((0, 0), 0.5, 0, np.pi), 2: arc((0, 0), 0.5, np.pi, 2 * np.pi)}, {1: [2], 2: [1]}, width_m=None
    )
    angle = np.linspace(0.0, 2.0 * np.pi, 50)
    position = 0.5 * np.column_stack([np.cos(angle), np.sin(angle)])
    assert np.all(LaneGraph(network).assign(position, angle + 0.5 * np.pi).lane[:, 0] >= 0)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=5), st.floats(-1.0, 1.0))
def test_a_chain_of_lanes_is_driven_through_lane_by_lane(kinks: list[float], across: float) -> None:
    """Lanes of 12 m, each at an angle to the one before: whoever drives through them changes once at every joint."""
    yaw = np.cumsum([0.0, *kinks])
    ends = np.cumsum(12.0 * np.column_stack([np.cos(yaw), np.sin(yaw)]), axis=0)
    nodes = np.concatenate([np.zeros((1, 2)), ends])
    network = road_network(
        {row: nodes[row : row + 2] for row in range(len(yaw))}, {row: [row + 1] for row in range(len(yaw) - 1)}
    )
    graph = LaneGraph(network)
    drive = PathCoordinates(_path(graph, tuple(range(len(yaw)))))
    held = _held(graph.assign(*drive.from_path(0, np.arange(0.0, drive.length_m[0], 0.2), across)), 0)
    assert held[0] == 0
    assert held[-1] == len(yaw) - 1
    assert set(np.diff(held).tolist()) <= {0, 1}


def _path(graph: LaneGraph, lanes: tuple[int, ...]) -> Ragged:
    """The centrelines of lanes that follow one another as one polyline."""
    lines = graph.lines
    return Ragged.points([np.concatenate([lines.points[slice(*lines.offsets[[row, row + 1]])] for row in lanes])])


def _held(answer: LaneAssignment, first: int) -> NDArray:
    """The most probable lane over time; of lanes that are equally probable the one that held before.

    They are where maps have lanes with one and the same geometry.
    """
    held = [first]
    for lanes, probability in zip(answer.lane, answer.probability, strict=True):
        best = lanes[probability > probability.max() - 1e-6]
        held.append(held[-1] if held[-1] in best else int(best[0]))
    return np.array(held[1:])


def _assert_no_flicker(network: RoadNetwork) -> None:
    """Drives of 120 m from every fifth lane on, counted from 5 m on, where the joint with the lane before is behind."""
    graph = LaneGraph(network)
    for start in range(0, len(graph), 5):
        for lanes in graph.reachable([start], 120.0, max_sequences=2).lanes:
            line = Polylines(_path(graph, lanes))
            at = np.arange(5.0, line.length[0], 0.2)
            answer = graph.assign(*line.point_at(np.zeros(len(at), dtype=np.int64), at))
            assert np.all(answer.lane[:, 0] >= 0)
            held = _held(answer, lanes[0])
            changes = np.count_nonzero(np.diff(held))
            assert changes <= len(lanes) - 1, f"{held.tolist()} on a drive along {lanes}"


@pytest.mark.parametrize("network", [crossroads(), town(2)], ids=["crossroads", "town"])
def test_no_flicker_on_generated_maps(network: RoadNetwork) -> None:
    _assert_no_flicker(network)


@pytest.mark.parametrize(
    "name",
    [
        "lanelet2_autoware/test_map_road_shoulder_lanelet2_map.osm",
        "lanelet2_autoware/test_map_intersection_lanelet2_map.osm",
        "lanelet2_fzi/mapping_example.osm",
    ],
)
def test_no_flicker_on_real_maps(recordings: Path, name: str) -> None:
    _assert_no_flicker(read_road_network(recordings / "maps" / name))
