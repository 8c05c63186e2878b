"""Lane assignment whatever the map and the agents are like."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from road_networks import road_network

from zoox_prediction.maps.lane_assignment import LaneAssignment
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.road_network import RoadNetwork

_SEEDS = st.integers(0, 2**32 - 1)


def _tangle(seed: int, offset: tuple[float, float] = (0.0, 0.0)) -> RoadNetwork:
    """30 winding lanes in 120 m x 120 m, each going on in up to two that start where it ends."""
    rng = np.random.default_rng(seed)
    ends = rng.uniform(-60.0, 60.0, (12, 2))
    which = np.array([rng.choice(12, 2, replace=False) for _ in range(30)])
    middle = ends[which].mean(axis=1) + rng.normal(0.0, 8.0, (30, 2))
    lines = np.stack([ends[which[:, 0]], middle, ends[which[:, 1]]], axis=1) + offset
    successors = {row: np.flatnonzero(which[:, 0] == which[row, 1])[:2].tolist() for row in range(30)}
    return road_network(dict(enumerate(lines)), successors)


def _agents(seed: int, count: int = 40) -> tuple[NDArray, NDArray]:
    rng = np.random.default_rng(seed + 1)
    return rng.uniform(-70.0, 70.0, (count, 2)), rng.uniform(-np.pi, np.pi, count)


def _by_lane(answer: LaneAssignment, values: NDArray, num_lanes: int) -> NDArray:
    """(N, L) of a table (N, M), 0 where a lane is not assigned."""
    table = np.zeros((len(answer.lane), num_lanes))
    agent, column = np.nonzero(answer.lane >= 0)
    table[agent, answer.lane[agent, column]] = values[agent, column]
    return table


@settings(deadline=None, max_examples=40)
@given(_SEEDS, st.tuples(st.floats(-9e5, 9e5), st.floats(-9e6, 9e6)))
def test_far_from_the_origin_the_answer_is_the_same(seed: int, offset: tuple[float, float]) -> None:
    position, yaw = _agents(seed)
    here = LaneGraph(_tangle(seed)).assign(position, yaw, max_lanes=30)
    there = LaneGraph(_tangle(seed, offset)).assign(position + offset, yaw, max_lanes=30)
    for name in ("probability", "arc_length_m", "lateral_offset_m", "heading_error_rad"):
        tables = [_by_lane(answer, getattr(answer, name), 30) for answer in (here, there)]
        np.testing.assert_allclose(*tables, atol=1e-5)


@settings(deadline=None, max_examples=40)
@given(
    _SEEDS,
    npst.arrays(
        np.float64, (10, 3), elements=st.floats(-80.0, 80.0) | st.sampled_from([np.nan, np.inf, -np.inf, 1e300])
    ),
)
def test_every_agent_gets_a_proper_answer_and_broken_ones_get_no_lane(seed: int, agents: NDArray) -> None:
    graph = LaneGraph(_tangle(seed))
    position, yaw = agents[:, :2], agents[:, 2]
    answer = graph.assign(position, yaw)
    used = answer.lane >= 0
    broken = ~np.isfinite(agents).all(axis=1)
    assert not used[broken].any()
    total = answer.probability.sum(axis=1)
    np.testing.assert_allclose(total, used.any(axis=1).astype(float))
    assert np.all(answer.probability[used] > 0.0)
    assert np.all(np.diff(answer.probability, axis=1) <= 0.0)
    assert all(len(set(lanes[lanes >= 0])) == np.count_nonzero(lanes >= 0) for lanes in answer.lane)
    for table in (answer.arc_length_m, answer.lateral_offset_m, answer.heading_error_rad):
        np.testing.assert_array_equal(np.isfinite(table), used)
    assert np.all(answer.arc_length_m[used] <= graph.lines.length[answer.lane[used]])
    assert np.all(np.abs(answer.heading_error_rad[used]) <= 0.5 * np.pi)
    reach = graph.half_width_m[answer.lane[used]] + graph.config.lateral_margin_m
    assert np.all(np.abs(answer.lateral_offset_m[used]) <= reach + 1e-9)


@settings(deadline=None, max_examples=20)
@given(_SEEDS)
def test_agents_do_not_depend_on_each_other(seed: int) -> None:
    graph = LaneGraph(_tangle(seed))
    position, yaw = _agents(seed, 20)
    together = graph.assign(position, yaw)
    for row in range(20):
        alone = graph.assign(position[row : row + 1], yaw[row : row + 1])
        np.testing.assert_array_equal(alone.lane[0], together.lane[row])
        np.testing.assert_allclose(alone.probability[0], together.probability[row])


@given(npst.arrays(np.float64, st.tuples(st.integers(0, 5), st.just(3)), elements=st.floats()))
def test_an_empty_map_has_no_lanes(agents: NDArray) -> None:
    answer = LaneGraph(RoadNetwork()).assign(agents[:, :2], agents[:, 2])
    assert answer.lane.shape == answer.probability.shape == (len(agents), 4)
    assert np.all(answer.lane == -1)
    assert np.all(answer.probability == 0.0)
