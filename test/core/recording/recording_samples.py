"""Core objects with every field filled by numbers of their own, and how to compare them."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from zoox_prediction.maps.road_network import Lanes, Ragged, RoadNetwork
from zoox_prediction.scene import (
    AgentClass,
    CandidatePlans,
    ConditionalAnswer,
    PredictedTrajectories,
    TrackedAgents,
    TrafficSignals,
)

STAMP_NS = 1_700_000_000_123_456_789
START_NS = 1_700_000_000_000_000_000


def _covariances(random: np.random.Generator, shape: tuple[int, ...], size: int) -> np.ndarray:
    root = random.normal(size=(*shape, size, size))
    return root @ np.swapaxes(root, -1, -2)


def tracked_agents(count: int, stamp_ns: int = STAMP_NS, seed: int = 0) -> TrackedAgents:
    random = np.random.default_rng(seed)
    probabilities = random.uniform(0.1, 1.0, (count, 8))
    return TrackedAgents(
        stamp_ns=stamp_ns,
        ids=np.arange(count, dtype=np.int64) + 2**40,
        class_probabilities=probabilities / probabilities.sum(axis=1, keepdims=True),
        existence_probability=random.uniform(size=count),
        position=random.normal(scale=100.0, size=(count, 3)),
        yaw=random.uniform(-3.1, 3.1, count),
        velocity=random.normal(size=(count, 2)),
        yaw_rate=random.normal(size=count),
        acceleration=random.normal(size=(count, 2)),
        size=random.uniform(0.5, 10.0, (count, 3)),
        pose_covariance=_covariances(random, (count,), 3),
        velocity_covariance=_covariances(random, (count,), 2),
        attributes=random.integers(0, 2048, count).astype(np.uint32),
        attributes_valid=random.integers(0, 2048, count).astype(np.uint32),
        front_wheel_angle=np.where(random.uniform(size=count) < 0.5, np.nan, random.normal(size=count)),
        age_s=random.uniform(0.0, 100.0, count),
        time_since_seen_s=random.uniform(0.0, 1.0, count),
        sensors=tuple(("lidar_top", "radar_front")[: row % 3] for row in range(count)),
    )


def agents_at(seconds: float, states: dict[int, tuple], frame_id: str = "map") -> TrackedAgents:
    """Cars of the given ids and states (x, y, yaw, vx, vy)."""
    table = np.array(list(states.values()), dtype=float).reshape(-1, 5)
    return TrackedAgents.from_states(
        START_NS + round(seconds * 1e9),
        np.array(list(states), dtype=np.int64),
        np.full(len(states), AgentClass.CAR),
        table[:, :2],
        table[:, 2],
        table[:, 3:],
        frame_id=frame_id,
    )


def road_network() -> RoadNetwork:
    return RoadNetwork(
        source="two lanes and a crossing",
        left_hand_traffic=True,
        lanes=Lanes(
            ids=np.array([7, 2**40]),
            type=np.array([0, 1], dtype=np.uint8),
            turn=np.array([3, 1], dtype=np.uint8),
            right_of_way=np.array([1, 2], dtype=np.uint8),
            in_intersection=np.array([False, True]),
            speed_limit_mps=np.array([13.875, np.nan]),
            left_neighbor=np.array([-1, 7]),
            right_neighbor=np.array([2**40, -1]),
            left_change=np.array([False, True]),
            right_change=np.array([True, False]),
            signal=np.array([4, -1]),
            stop_line=np.array([11, -1]),
            successors=Ragged.ids([[2**40, 99], []]),
            yields_to=Ragged.ids([[], [7]]),
            centerline=Ragged.points([[[0, 0], [10, 0], [20, 0.5]], [[0, 4], [1e5 + 0.123456, 4]]]),
            left_boundary=Ragged.points([[[0, 2], [20, 2]], []]),
            left_boundary_type=np.array([1, 2], dtype=np.uint8),
            right_boundary=Ragged.points([[[0, -2], [20, -2]], [[0, 2], [30, 2]]]),
            right_boundary_type=np.array([3, 4], dtype=np.uint8),
        ),
        crosswalk_ids=np.array([5]),
        crosswalks=Ragged.points([[[0, 0], [1, 0], [1, 9]]]),
        crosswalk_signal=np.array([8]),
        stop_line_ids=np.array([11]),
        stop_lines=Ragged.points([[[0, 0], [0, 3]]]),
        walkways=Ragged.points([[[0, 0], [1, 0], [1, 1]], [[5, 5], [6, 5], [6, 6], [5, 6]]]),
        drivable_areas=Ragged.points([[[0, 0], [100, 0], [100, 50]]]),
        intersections=Ragged.points([[[40, 0], [60, 0], [60, 20]]]),
        parking_areas=Ragged.points([[[0, -9], [5, -9], [5, -6]]]),
        road_edges=Ragged.points([[[0, -3], [30, -3]], [[0, 8], [15, 8], [30, 9]]]),
        signal_ids=np.array([4, 8]),
        signal_positions=np.array([[1.5, 2.5], [np.nan, np.nan]]),
    )


def traffic_signals(stamp_ns: int = STAMP_NS) -> TrafficSignals:
    return TrafficSignals(
        stamp_ns=stamp_ns,
        ids=np.array([4, 8]),
        state=np.array([3, 1], dtype=np.uint8),
        state_stamp_ns=np.array([stamp_ns - 5, 1_000_000_001]),
        confidence=np.array([0.5, 1.0]),
    )


def predictions(agents: int = 5, modes: int = 6, steps: int = 80, seed: int = 0) -> PredictedTrajectories:
    random = np.random.default_rng(seed)
    shape = (agents, modes, steps)
    probability = random.uniform(size=(agents, modes))
    return PredictedTrajectories(
        stamp_ns=STAMP_NS,
        time_step_s=0.1,
        ids=np.arange(agents, dtype=np.int64) + 2**33,
        agent_class=random.integers(0, 8, agents),
        probability=probability / probability.sum(axis=1, keepdims=True),
        position=random.normal(scale=1000.0, size=(*shape, 2)),
        yaw=random.uniform(-3.0, 3.0, shape),
        speed=random.uniform(0.0, 30.0, shape),
        covariance=_covariances(random, shape, 2),
        source=random.integers(0, 3, agents).astype(np.uint8),
        predictor_name="lane_following",
        predictor_version="1",
    )


def candidate_plans() -> CandidatePlans:
    """Two plans, of 4 and of 2 steps."""
    random = np.random.default_rng(3)
    valid = np.array([[True] * 4, [True, True, False, False]])
    return CandidatePlans(
        start_ns=STAMP_NS,
        time_step_s=0.5,
        position=random.normal(scale=100.0, size=(2, 4, 2)),
        yaw=random.uniform(-3.0, 3.0, (2, 4)),
        speed=random.uniform(0.0, 20.0, (2, 4)),
        valid=valid,
    )


def conditional_answer(plans: int = 2, agents: int = 3) -> ConditionalAnswer:
    random = np.random.default_rng(4)
    matrices = random.uniform(size=(5, plans, agents))
    matrices[3, 0, 0] = np.inf  # never in conflict
    return ConditionalAnswer(
        predictions=tuple(predictions(agents, 2, 4, seed) for seed in range(plans)),
        ids=np.arange(agents, dtype=np.int64) + 2**33,
        yield_probability=matrices[0],
        collision_probability=matrices[1],
        smallest_gap_m=matrices[2],
        time_to_conflict_s=matrices[3],
        shift_m=matrices[4],
    )


def assert_same(actual: Any, expected: Any, relative: float = 0.0, name: str = "") -> None:
    """All fields of nested dataclasses, tuples and arrays are equal, floats within `relative` (float32 on the wire)."""
    if is_dataclass(expected):
        for field in fields(expected):
            path = f"{name}.{field.name}"
            assert_same(getattr(actual, field.name), getattr(expected, field.name), relative, path)
    elif isinstance(expected, tuple) and expected and is_dataclass(expected[0]):
        assert len(actual) == len(expected), name
        for one, other in zip(actual, expected, strict=True):
            assert_same(one, other, relative, name)
    elif isinstance(expected, np.ndarray):
        assert actual.shape == expected.shape, name
        assert actual.dtype == expected.dtype, name
        np.testing.assert_allclose(actual, expected, rtol=relative, atol=relative, err_msg=name)
    elif isinstance(expected, float):
        np.testing.assert_allclose(actual, expected, rtol=relative, err_msg=name)
    else:
        assert actual == expected, name
