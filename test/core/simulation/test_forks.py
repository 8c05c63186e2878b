"""Futures of one instant differ only through the ego."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from zoox_prediction.maps.sumo_rules import stable_id
from zoox_prediction.simulation.config import TrafficConfig
from zoox_prediction.simulation.forks import Fork, ForkError, future, run_forks
from zoox_prediction.simulation.plans import KINDS, candidate_plans
from zoox_prediction.simulation.town import generate_town
from zoox_prediction.simulation.world import World

pytest.importorskip("sumo", reason="needs SUMO: pip install 'zoox_prediction[sim]'")

STEPS = 80


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """At an instant at which the ego drives."""
    town = generate_town(5, tmp_path_factory.mktemp("town"))
    with World(town, 6, TrafficConfig(warm_up_s=40.0), 60.0) as world:
        for _ in range(200):
            world.step()
            if np.linalg.norm(world.truth().ego.velocity) > 5.0:
                break
        yield world


def straight(world: World, change_mps2: float, from_s: float = 0.0) -> np.ndarray:
    """A plan straight ahead that changes its speed from a time on."""
    ego = world.truth().ego
    time_s = 0.1 * np.arange(1, STEPS + 1)
    speed = np.clip(np.linalg.norm(ego.velocity) + change_mps2 * np.maximum(time_s - from_s, 0.0), 0.0, 15.0)
    ahead = np.array([np.cos(ego.yaw), np.sin(ego.yaw)])
    place = ego.position + 0.1 * np.cumsum(speed)[:, None] * ahead
    return np.column_stack([place, np.full(STEPS, ego.yaw), speed])


def same(first: Fork, second: Fork, steps: int) -> bool:
    return all(
        np.array_equal(one.agents.ids, other.agents.ids)
        and np.array_equal(one.agents.position, other.agents.position)
        and np.array_equal(one.agents.attributes, other.agents.attributes)
        for one, other in zip(first.frames[: steps + 1], second.frames[: steps + 1], strict=True)
    )


def test_the_same_plan_twice_gives_the_same_future_and_the_world_stays(world):
    before = world.truth()
    plan = straight(world, -3.0)
    first, second = run_forks(world, [plan, plan.copy()], STEPS, processes=2)
    assert len(first.frames) == STEPS + 1 and same(first, second, STEPS)
    after = world.truth()
    assert after.ego.stamp_ns == before.ego.stamp_ns
    np.testing.assert_array_equal(after.agents.position, before.agents.position)
    np.testing.assert_allclose([frame.ego.position for frame in first.frames[1:]], plan[:, :2], atol=1e-9)


def test_futures_are_the_same_until_the_plans_differ_and_then_the_ego_is_elsewhere(world):
    goes, stops = run_forks(world, [straight(world, 0.0), straight(world, -4.0, from_s=3.0)], STEPS)
    assert same(goes, stops, 30)
    assert np.linalg.norm(goes.frames[-1].ego.position - stops.frames[-1].ego.position) > 5.0


def test_who_is_on_a_street_of_its_own_is_the_same_in_every_fork(world):
    lanes = world.road_network.lanes
    rows = [
        row
        for edge in world.town.disconnected_edges
        for row in lanes.rows(np.array([stable_id(f"{edge}_{index}") for index in range(6)]))
        if row >= 0
    ]
    street = np.concatenate([lanes.centerline[row] for row in rows])
    low, high = street.min(axis=0) - 10.0, street.max(axis=0) + 10.0
    forks = list(run_forks(world, [straight(world, 0.0), straight(world, -6.0), None], STEPS))
    kept = []
    for fork in forks:
        there = [
            (frame.agents.ids[inside], frame.agents.position[inside])
            for frame in fork.frames
            for inside in [((frame.agents.position[:, :2] > low) & (frame.agents.position[:, :2] < high)).all(axis=1)]
        ]
        kept.append(there)
    assert sum(len(ids) for ids, _ in kept[0]) > 20
    for other in kept[1:]:
        for (ids, position), (other_ids, other_position) in zip(kept[0], other, strict=True):
            np.testing.assert_array_equal(ids, other_ids)
            np.testing.assert_array_equal(position, other_position)


def test_what_goes_wrong_in_a_fork_is_told_here(world):
    with pytest.raises(ForkError, match="Traceback"):
        list(run_forks(world, [np.zeros((STEPS, 1))], STEPS))
    assert len(list(run_forks(world, [None], 2))) == 1


def test_candidate_plans_begin_where_the_ego_is_and_can_be_driven(world):
    ego = world.truth().ego
    plans = candidate_plans(world, STEPS)
    kinds = [plan.kind for plan in plans]
    assert kinds[0] == "go" and {"stop", "hard_brake"} <= set(kinds) <= set(KINDS)
    for plan in plans:
        poses = np.vstack([[*ego.position, ego.yaw, np.linalg.norm(ego.velocity)], plan.poses])
        assert np.linalg.norm(np.diff(poses[:, :2], axis=0), axis=-1).max() < 0.1 * (poses[:, 3].max() + 1.0)
        assert np.abs(np.diff(np.unwrap(poses[:, 2]))).max() < 0.12
        assert np.diff(poses[:, 3]).min() > -0.1 * 9.1 and np.diff(poses[:, 3]).max() < 0.1 * 4.6
    by_kind = {plan.kind: plan.poses for plan in plans}
    assert by_kind["stop"][-1, 3] < 0.1 and by_kind["hard_brake"][20, 3] < 0.5
    travelled = {kind: np.linalg.norm(poses[-1, :2] - ego.position) for kind, poses in by_kind.items()}
    assert travelled["hard_brake"] < travelled["stop"]


def test_the_future_without_a_plan_is_what_happens(world):
    (fork,) = run_forks(world, [None], 20)
    assert same(fork, Fork(None, future(world, None, 20)), 20)
