"""Collisions are labelled from the true boxes: an imposed crash is, and nothing overlaps without a label."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
import shapely
from shapely.affinity import rotate, translate

from zoox_prediction.recording.log import load_log
from zoox_prediction.scene import Attribute, EgoState, TrackedAgents, TrafficSignals
from zoox_prediction.simulation.collisions import Collision, collisions
from zoox_prediction.simulation.config import TrafficConfig
from zoox_prediction.simulation.forks import future
from zoox_prediction.simulation.scenes import SceneJob, simulate_scene
from zoox_prediction.simulation.town import generate_town
from zoox_prediction.simulation.vehicles import EGO_NUMBER
from zoox_prediction.simulation.world import EGO_SIZE_M, Truth, World

SIZE = (4.0, 2.0)
LABELLED_SCENES = 4
CONFIG = TrafficConfig(warm_up_s=40.0, density_range=(1.0, 1.0))


def frame(step: int, ego: tuple[float, float, float], agents: dict[int, tuple[float, ...]]) -> Truth:
    """`ego` x, y, yaw of its centre; `agents` x, y, yaw, speed by id."""
    stamp = 1 + 100_000_000 * step
    states = np.array(list(agents.values()), dtype=np.float64).reshape(-1, 4)
    ahead = np.stack([np.cos(states[:, 2]), np.sin(states[:, 2])], axis=-1)
    tracked = TrackedAgents.from_states(
        stamp,
        np.array(list(agents)),
        np.zeros(len(agents), dtype=int),
        states[:, :2],
        states[:, 2],
        states[:, 3:] * ahead,
        np.tile([*SIZE, 1.5], (len(agents), 1)),
    )
    return Truth(tracked, EgoState(stamp, np.array(ego[:2]), ego[2], np.zeros(2)), TrafficSignals())


def test_who_touches_whom_from_when_to_when_and_how_fast():
    far, turned = (50.0, 0.0, 0.0), np.pi / 2
    frames = [
        frame(0, far, {9: (0.0, 0.0, 0.0, 8.0), 4: (3.6, 0.0, turned, 6.0)}),  # 0.6 m apart
        frame(1, far, {9: (0.8, 0.0, 0.0, 8.0), 4: (3.6, 0.6, turned, 6.0)}),
        frame(2, far, {9: (1.0, 0.0, 0.0, 1.0), 4: (3.6, 0.8, turned, 1.0)}),
        frame(3, far, {9: (-1.0, 0.0, 0.0, 0.0), 4: (3.6, 0.8, turned, 0.0)}),
        frame(4, (1.0, 0.0, 0.0), {9: (0.8, 0.0, 0.0, 3.0), 4: (9.6, 0.8, turned, 0.0)}),
    ]
    first, second = collisions(frames, SIZE, 0.0)
    assert first == Collision((4, 9), frames[1].ego.stamp_ns, frames[2].ego.stamp_ns, (6.0, 8.0), pytest.approx(10.0))
    assert second.ids == (EGO_NUMBER, 9) and second.first_ns == second.last_ns == frames[4].ego.stamp_ns
    assert second.speed_mps == pytest.approx((0.0, 3.0))


def test_a_contact_that_begins_again_is_another_one_and_nobody_meets_nobody():
    near, apart = {1: (0.0, 0.0, 0.0, 0.0)}, {1: (20.0, 0.0, 0.0, 0.0)}
    frames = [frame(step, (0.5, 0.0, 0.0), near if step != 1 else apart) for step in range(4)]
    first, second = collisions(frames, SIZE, 0.0)
    assert (first.last_ns, second.first_ns, second.last_ns) == tuple(frames[step].ego.stamp_ns for step in (0, 2, 3))
    assert collisions([frame(0, (0.0, 0.0, 0.0), {})], SIZE, 0.0) == () == collisions([], SIZE, 0.0)


def test_a_crash_that_a_plan_imposes_is_labelled(tmp_path):
    """The ego is driven straight into the nearest parked car."""
    with World(generate_town(6, tmp_path), 6, CONFIG, 10.0) as world:
        ego, agents = world.truth().ego, world.truth().agents
        parked = np.flatnonzero(agents.attributes & Attribute.PARKED)
        target = int(parked[np.argmin(np.linalg.norm(agents.position[parked, :2] - ego.position, axis=-1))])
        way = agents.position[target, :2] - ego.position
        yaw, shares = float(np.arctan2(way[1], way[0])), np.linspace(0.0, 1.0, 21)[1:]
        plan = np.array([[*(ego.position + share * way), yaw, np.linalg.norm(way) / 2.0] for share in shares])
        frames = future(world, plan, 20)
        found = collisions(frames, EGO_SIZE_M[:2], world.ego_center_offset_m)
        offset = world.ego_center_offset_m
    crashes = [each for each in found if each.ids == (EGO_NUMBER, int(agents.ids[target]))]
    assert crashes and crashes[0].speed_mps[0] == pytest.approx(np.linalg.norm(way) / 2.0)
    assert labelled(found, frames) == overlaps(frames, offset)


def test_every_overlap_of_a_written_drive_has_its_label(tmp_path):
    for seed in range(LABELLED_SCENES):
        log = load_log(simulate_scene(SceneJob(seed, tmp_path, 6.0, traffic=CONFIG)))
        note = json.loads(log.metadata["collisions"])
        found = [
            Collision(tuple(ids), first_ns, last_ns, tuple(speed_mps), relative_speed_mps)
            for ids, first_ns, last_ns, speed_mps, relative_speed_mps in zip(*note.values(), strict=True)
        ]
        frames = [Truth(agents, ego, TrafficSignals()) for agents, ego in zip(log.agents, log.ego, strict=True)]
        assert labelled(found, frames) == overlaps(frames, log.ego_center_offset_m), seed


def labelled(found, frames) -> set[tuple[int, int, int]]:
    """(stamp, id, id) of all frames of all collisions."""
    stamps = [each.ego.stamp_ns for each in frames]
    return {(s, *each.ids) for each in found for s in stamps if each.first_ns <= s <= each.last_ns}


def overlaps(frames, ego_center_offset_m: float) -> set[tuple[int, int, int]]:
    """The same from polygons, by shapely alone."""
    found = set()
    for each in frames:
        agents, ego = each.agents, each.ego
        shapes = {
            int(number): box(*position[:2], yaw, *size[:2])
            for number, position, yaw, size in zip(agents.ids, agents.position, agents.yaw, agents.size, strict=True)
        }
        center = ego.position + ego_center_offset_m * np.array([np.cos(ego.yaw), np.sin(ego.yaw)])
        shapes[EGO_NUMBER] = box(*center, ego.yaw, *EGO_SIZE_M[:2])
        found |= {
            (ego.stamp_ns, *sorted((one, other)))
            for one, other in combinations(shapes, 2)
            if shapes[one].intersects(shapes[other])
        }
    return found


def box(x: float, y: float, yaw: float, length: float, width: float) -> shapely.Polygon:
    flat = shapely.box(-0.5 * length, -0.5 * width, 0.5 * length, 0.5 * width)
    return translate(rotate(flat, yaw, origin=(0.0, 0.0), use_radians=True), x, y)
