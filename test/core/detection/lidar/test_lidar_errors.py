"""Where boxes lie against the truth, over many road users: no bias, and errors as large as the covariances say."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from lidar_views import BUS, CAR, CYCLIST, MEASUREMENT, PEDESTRIAN, ROOF, detect, on_base, road_users, sweep
from numpy.typing import NDArray

from zoox_prediction.detection.lidar import LidarDetector
from zoox_prediction.geometry import rotation_matrix
from zoox_prediction.scene import AgentClass, TrackedAgents

SPARSE = replace(ROOF, elevations_rad=tuple(np.linspace(-0.3, 0.1, 32).tolist()), num_azimuths=1200)


@dataclass(frozen=True)
class Errors:
    """Of N boxes against the road users that they belong to."""

    kind: NDArray[np.int64]  # (N,) true class
    ahead: NDArray[np.float64]  # (N,) along the line of sight, away from the sensor is positive [m]
    normalised: NDArray[np.float64]  # (N,) squared, by the covariance
    num_agents: int


def _street(seed: int, kinds: tuple[AgentClass, ...]) -> TrackedAgents:
    """Sixteen road users around the sensor, none behind another, turned anyhow and of unequal sizes."""
    random = np.random.default_rng(seed)
    angle = np.linspace(-np.pi, np.pi, 16, endpoint=False) + random.uniform(-0.05, 0.05, 16)
    away = random.permutation(np.linspace(11.0, 42.0, 16))
    agents = road_users(
        [kinds[row] for row in random.integers(len(kinds), size=16)],
        [(a * np.cos(b), a * np.sin(b)) for a, b in zip(away, angle, strict=True)],
        random.uniform(-np.pi, np.pi, 16).tolist(),
    )
    size = agents.size * random.normal(1.0, 0.06, (16, 3))
    return replace(agents, size=size, position=np.column_stack([agents.position[:, :2], 0.5 * size[:, 2]]))


@pytest.fixture(scope="module")
def errors() -> Errors:
    detector, place = LidarDetector(), MEASUREMENT.base_from_sensor[:2, 3]
    kinds, ahead, normalised, count = [], [], [], 0
    for seed in range(8):
        agents = _street(seed, (CAR, CAR, PEDESTRIAN, CYCLIST))
        detections = detector.detect(MEASUREMENT, sweep(agents, SPARSE))
        detections = detections.select(detections.existence_probability >= 0.3)
        assert detections.covariance is not None
        count += len(agents)
        center = on_base(detections)[:, :2]
        for row, true in enumerate(agents.position[:, :2]):
            off = np.linalg.norm(center - true, axis=1)
            found = int(off.argmin())
            if off[found] > 3.0:
                continue
            error, sight = center[found] - true, (true - place) / np.linalg.norm(true - place)
            kinds.append(int(agents.agent_class[row]))
            ahead.append(error @ sight)
            normalised.append(error @ np.linalg.solve(detections.covariance[found, :2, :2], error))
    return Errors(np.array(kinds), np.array(ahead), np.array(normalised), count)


@pytest.mark.parametrize("kind", [CAR, PEDESTRIAN, CYCLIST])
def test_boxes_are_neither_before_nor_behind_what_they_stand_for(errors: Errors, kind: AgentClass) -> None:
    rows = errors.kind == kind
    assert rows.sum() >= 15
    assert abs(errors.ahead[rows].mean()) < 0.2
    assert np.abs(np.median(errors.ahead[rows])) < 0.12


def test_errors_are_as_large_as_the_covariances_say(errors: Errors) -> None:
    assert len(errors.kind) >= 0.85 * errors.num_agents
    assert 0.3 < errors.normalised.mean() < 3.0  # 2 where they are right
    assert 0.2 < np.median(errors.normalised) < 2.0  # 1.39
    assert np.mean(errors.normalised > 9.2) < 0.05  # 0.01


def test_the_field_of_view_hides_what_lies_beyond_its_edge() -> None:
    agents = road_users([CAR], [(-1.0, 12.0)], [0.0])
    behind = replace(ROOF, horizontal_fov_rad=2.0 * np.radians(100.0), num_azimuths=1000)  # its edge cuts the car
    detections = LidarDetector().detect(MEASUREMENT, sweep(agents, behind))
    whole = detect(agents)
    spread, center = [], []
    for each in (detections, whole):
        assert each.covariance is not None
        row = int(np.linalg.norm(on_base(each)[:, :2] - agents.position[0, :2], axis=1).argmin())
        spread.append(float(np.sqrt(each.covariance[row, 0, 0])))
        center.append(on_base(each)[row, 0])
    assert spread[0] > 1.5 * spread[1]
    assert abs(center[0] + 1.0) < 0.6  # a box around the points alone would be 0.9 m off
    assert abs(center[1] + 1.0) < 0.2


def test_a_side_seen_at_a_grazing_angle_is_one_car_though_its_points_are_far_apart() -> None:
    agents = road_users([CAR], [(34.0, 4.0)], [0.0])
    detections = LidarDetector().detect(MEASUREMENT, sweep(agents, replace(SPARSE, num_azimuths=900)))
    near = np.linalg.norm(on_base(detections)[:, :2] - agents.position[0, :2], axis=1) < 3.5
    sure = near & (detections.existence_probability >= 0.3)
    assert sure.sum() == 1
    (row,) = np.flatnonzero(sure)
    assert detections.class_probabilities[row].argmax() == CAR
    off = (on_base(detections)[row, :2] - agents.position[0, :2]) @ rotation_matrix(0.0)
    assert np.abs(off).max() < 0.7


def test_a_bus_of_which_the_rear_alone_was_seen_may_go_on() -> None:
    agents = road_users([BUS], [(30.0, 0.0)], [0.0])
    detections = detect(agents)
    assert detections.covariance is not None
    row = int(np.argmin(np.linalg.norm(on_base(detections)[:, :2] - agents.position[0, :2], axis=1)))
    along, across = np.sqrt(np.diag(detections.covariance[row])[:2])
    assert along > 0.8 and across < 0.8
