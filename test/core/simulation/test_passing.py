"""Who comes up behind an ego that a plan has stopped passes it where there is room, and waits where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from motion_checks import breaches

from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation.collisions import collisions
from zoox_prediction.simulation.config import TrafficConfig, TrafficMix
from zoox_prediction.simulation.town import Town
from zoox_prediction.simulation.town_network import build_network
from zoox_prediction.simulation.town_plan import PlanNode, Road, TownPlan
from zoox_prediction.simulation.town_roads import Block, CrossSection, add_block
from zoox_prediction.simulation.world import EGO_SIZE_M, Truth, World

pytest.importorskip("sumo", reason="needs SUMO: pip install 'zoox_prediction[sim]'")

LENGTH_M, STANDS_S = 800.0, 40.0
CONFIG = TrafficConfig(
    vehicles=14, walkers=0, jaywalkers_per_minute=0.0, animals_per_minute=0.0, warm_up_s=40.0, density_range=(1.0, 1.0),
    mix=TrafficMix(car=1.0, truck=0.0, bus=0.0, motorcyclist=0.0, cyclist=0.0),
)  # fmt: skip


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """One lane each way, 800 m."""
    plan, ends = TownPlan(), np.array([[0.0, 0.0], [LENGTH_M, 0.0]])
    plan.add(*(PlanNode(name, end, fringe=True) for name, end in zip("ab", ends, strict=True)))
    section = CrossSection(Road.COLLECTOR, 40.0 / 3.6)
    add_block(plan, Block("a", "b", ends, (section, section)))
    path: Path = tmp_path_factory.mktemp("street") / "street.net.xml"
    build_network(plan, path, left_hand=False)
    return Town(path, entry_edges=("a_b", "b_a"), exit_edges=("a_b", "b_a"))


def stop(world: World, aside_m: float) -> list[Truth]:
    """The ego comes to a stand `aside_m` to the right, and stands."""
    ego, frames = world.truth().ego, []
    ahead = np.array([np.cos(ego.yaw), np.sin(ego.yaw)])
    right = np.array([ahead[1], -ahead[0]])
    speed = first = float(np.linalg.norm(ego.velocity))
    assert first > 5.0
    place, whole_m = 0.0, first**2 / 5.0
    for _ in range(round(10 * STANDS_S)):
        speed = max(speed - 0.25, 0.0)
        place += 0.1 * speed
        share = min(place / whole_m, 1.0)
        aside = aside_m * share**2 * (3.0 - 2.0 * share)
        world.step(np.array([*(ego.position + place * ahead + aside * right), ego.yaw, speed]))
        frames.append(world.truth())
    return frames


def passed(frames: list[Truth]) -> set[int]:
    """Cars of the ego's direction that have come from behind it to ahead of it."""
    ego = frames[-1].ego
    ahead = np.array([np.cos(ego.yaw), np.sin(ego.yaw)])
    behind: set[int] = set()
    gone: set[int] = set()
    for frame in frames:
        agents = frame.agents
        place = (agents.position[:, :2] - frame.ego.position) @ ahead
        same = (np.cos(agents.yaw - ego.yaw) > 0.8) & (agents.agent_class == AgentClass.CAR)
        behind |= set(agents.ids[same & (place < -5.0)].tolist())
        gone |= set(agents.ids[same & (place > 10.0)].tolist())
    return behind & gone


def test_an_ego_that_stands_at_the_edge_of_its_lane_is_passed(street):
    with World(street, 3, CONFIG, STANDS_S) as world:
        frames = stop(world, 1.4)
        assert len(passed(frames)) >= 2
        assert collisions(frames, EGO_SIZE_M[:2], world.ego_center_offset_m) == ()
    assert breaches(frames) == []
    # Who has passed comes back to the middle of the lane.
    ego, agents = frames[-1].ego, frames[-1].agents
    far = agents.position[np.isin(agents.ids, list(passed(frames))), :2]
    left = np.array([-np.sin(ego.yaw), np.cos(ego.yaw)])
    away = far[np.linalg.norm(far - ego.position, axis=-1) > 40.0] - ego.position
    assert np.all(np.abs(away @ left - 1.4) < 0.6)


def test_an_ego_that_stands_in_the_middle_of_its_lane_is_waited_for(street):
    with World(street, 3, CONFIG, STANDS_S) as world:
        frames = stop(world, 0.0)
        assert collisions(frames, EGO_SIZE_M[:2], world.ego_center_offset_m) == ()
        assert passed(frames) == set()
    ego, agents = frames[-1].ego, frames[-1].agents
    place = (agents.position[:, :2] - ego.position) @ np.array([np.cos(ego.yaw), np.sin(ego.yaw)])
    waits = (place < -3.0) & (place > -25.0) & (np.linalg.norm(agents.velocity, axis=-1) < 0.3)
    assert waits.any()
    assert breaches(frames) == []
