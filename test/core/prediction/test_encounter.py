"""Gaps against brute force, collision probabilities against sampling, shared ground against arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.geometry import box_distance
from zoox_prediction.prediction.encounter import Separation, collision_probability, shared_ground, smallest_gap
from zoox_prediction.prediction.plans import EgoFutures

EGO_SIZE = np.array([4.6, 1.9])
SIZE = np.array([[4.0, 1.8], [0.6, 0.6], [12.0, 2.5]])


def wandering(rng: np.random.Generator, count: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Smooth random courses: positions (R, 81, 2) and yaws (R, 81)."""
    time = np.arange(81) * 0.1
    yaw = rng.uniform(-3, 3, (count, 1)) + rng.normal(0, 0.15, (count, 1)) * time
    speed = rng.uniform(0, 12, (count, 1))
    step = 0.1 * speed[..., None] * np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
    return rng.uniform(-spread, spread, (count, 1, 2)) + np.cumsum(step, axis=1), yaw


def futures(center, yaw, valid=None) -> EgoFutures:
    valid = np.ones(yaw.shape, dtype=bool) if valid is None else valid
    return EgoFutures(center, yaw, np.full(yaw.shape, 5.0), valid, EGO_SIZE, 0.1)


def test_smallest_gap_equals_the_minimum_over_all_steps():
    rng = np.random.default_rng(4)
    valid = np.ones((4, 81), dtype=bool)
    valid[3, 30:] = False
    ego = futures(*wandering(rng, 4, 20.0), valid)
    position, yaw = wandering(rng, 120, 40.0)
    plan, size = np.arange(120) % 4, SIZE[np.arange(120) % 3]
    gap = smallest_gap(ego, plan, position, yaw, size)
    every = box_distance(ego.center[plan], ego.yaw[plan], EGO_SIZE, position, yaw, size[:, None])
    expected = np.where(valid[plan], every, np.inf).min(axis=1)
    assert 0.03 < (expected == 0.0).mean() < 0.5
    assert (gap >= expected - 1e-5).all()
    assert (gap <= expected * 1.021 + 0.011).all()


@pytest.mark.parametrize("yaw", [0.0, np.pi / 2])
def test_collision_probability_equals_sampling_for_boxes_along_the_axes(yaw):
    rng = np.random.default_rng(4)
    count = 60
    ego = futures(np.zeros((1, 2, 2)), np.zeros((1, 2)))
    position = np.repeat(rng.uniform(-6, 6, (count, 1, 2)), 2, axis=1)
    sigma = rng.uniform(0.2, 2.0, (count, 2))
    covariance = np.repeat((sigma[:, :, None] ** 2 * np.eye(2))[:, None], 2, axis=1)
    plan, yaws, size = np.zeros(count, dtype=int), np.full((count, 2), yaw), SIZE[np.arange(count) % 3]
    separation = Separation.of(ego, plan, position, yaws, size)
    probability = collision_probability(separation, ego, plan, yaws, size, covariance)
    samples = position[:, None, 0] + sigma[:, None] * rng.normal(size=(count, 2000, 2))
    hit = box_distance(np.zeros(2), 0.0, EGO_SIZE, samples, yaw, size[:, None]) == 0.0
    np.testing.assert_allclose(probability, hit.mean(axis=1), atol=0.035)


def test_collision_probability_of_oblique_boxes_is_near_and_not_below_sampling():
    rng = np.random.default_rng(4)
    count = 80
    ego = futures(np.zeros((1, 2, 2)), np.full((1, 2), 0.4))
    position = np.repeat(rng.uniform(-5, 5, (count, 1, 2)), 2, axis=1)
    factor = rng.normal(0, 0.4, (count, 2, 2)) + 0.5 * np.eye(2)
    covariance = np.repeat((factor @ np.swapaxes(factor, 1, 2))[:, None], 2, axis=1)
    plan, yaws, size = (
        np.zeros(count, dtype=int),
        np.repeat(rng.uniform(-3, 3, (count, 1)), 2, axis=1),
        SIZE[[0] * count],
    )
    separation = Separation.of(ego, plan, position, yaws, size)
    probability = collision_probability(separation, ego, plan, yaws, size, covariance)
    samples = position[:, None, 0] + (factor[:, None] @ rng.normal(size=(count, 2000, 2, 1)))[..., 0]
    hit = (box_distance(np.zeros(2), 0.4, EGO_SIZE, samples, yaws[:, :1], size[:, None]) == 0.0).mean(axis=1)
    difference = probability - hit
    assert difference.min() > -0.15  # the correlation of the axes is left out
    assert difference.mean() > 0.0  # where both rectangles overlap, the boxes need not
    assert difference.max() < 0.25
    assert np.abs(difference).mean() < 0.05


def test_shared_ground_of_a_right_angle_crossing():
    time = np.arange(81) * 0.1
    center = np.stack([10.0 * time, np.zeros(81)], axis=-1)[None]
    position = np.stack([np.full(81, 30.0), -24.0 + 6.0 * time], axis=-1)[None]
    size = SIZE[:1]
    ground = shared_ground(
        futures(center, np.zeros((1, 81))), np.array([0]), position, np.full((1, 81), np.pi / 2), size, 0.2
    )
    ego_enters = (30.0 - 0.9 - 2.3) / 10.0
    agent_enters = (24.0 - 0.95 - 2.0) / 6.0
    # a piece begins up to 0.2 s before the instant of touching in it
    assert ego_enters - 0.2 <= ground.ego_s[0] <= ego_enters + 1e-6
    assert agent_enters - 0.2 <= ground.agent_s[0] <= agent_enters + 1e-6
    assert ground.both_s[0] == pytest.approx(max(ground.ego_s[0], ground.agent_s[0]))


def test_nothing_is_shared_on_neighbouring_lanes_or_after_the_end_of_a_plan():
    time = np.arange(81) * 0.1
    center = np.stack([10.0 * time, np.zeros(81)], axis=-1)[None].repeat(2, axis=0)
    valid = np.ones((2, 81), dtype=bool)
    valid[1, 20:] = False
    position = np.stack(
        [np.stack([60.0 - 8.0 * time, np.full(81, 3.0)], axis=-1), np.stack([np.full(81, 40.0), 5.0 - time], axis=-1)]
    )
    yaw = np.stack([np.full(81, np.pi), np.full(81, -np.pi / 2)])
    ground = shared_ground(futures(center, np.zeros((2, 81)), valid), np.array([0, 1]), position, yaw, SIZE[:2], 0.4)
    assert np.isinf(ground.ego_s).all()
    assert np.isinf(ground.both_s).all()
