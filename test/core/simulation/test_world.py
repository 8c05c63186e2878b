"""The world as a whole: its motion is physical, it is the same for the same seed, and it reacts to the ego."""

from __future__ import annotations

import multiprocessing
import pickle
import tempfile
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from motion_checks import breaches

from zoox_prediction.errors import InputError
from zoox_prediction.geometry import box_distance
from zoox_prediction.scene import AgentClass, Attribute, SignalState
from zoox_prediction.simulation.config import TrafficConfig, TrafficMix
from zoox_prediction.simulation.town import Town, TownConfig, generate_town
from zoox_prediction.simulation.world import EGO_SIZE_M, Truth, World

pytest.importorskip("sumo", reason="needs SUMO: pip install 'zoox_prediction[sim]'")

SCENES = 100
CONFIG = TrafficConfig(warm_up_s=40.0)
LIVELY = TrafficConfig(
    animals_per_minute=20.0, jaywalkers_per_minute=30.0, mix=TrafficMix(bus=0.1), density_range=(1.0, 1.0)
)


def drive(world: World, seconds: float) -> list[Truth]:
    frames = [world.truth()]
    for _ in range(round(10 * seconds)):
        world.step()
        frames.append(world.truth())
    return frames


def breaches_of_scene(seed: int) -> tuple[list[str], int]:
    """Of a drive of 4 s in a town of its own, and how many agents there were."""
    with tempfile.TemporaryDirectory() as folder:
        town = generate_town(seed, Path(folder), TownConfig(left_hand=seed % 5 == 4))
        with World(town, seed, CONFIG, 4.0) as world:
            frames = drive(world, 4.0)
    return breaches(frames), len(frames[0].agents)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return generate_town(5, tmp_path_factory.mktemp("town"))


def test_motion_is_physical_for_every_agent_of_100_scenes():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        results = list(pool.map(breaches_of_scene, range(SCENES), chunksize=10))
    found = [f"scene {seed}: {each}" for seed, (each_found, _) in enumerate(results) for each in each_found]
    assert found == []
    assert sum(count for _, count in results) > 50 * SCENES


def test_the_same_seed_gives_the_same_world_and_another_one_another(town):
    def states(seed: int) -> bytes:
        with World(town, seed, CONFIG, 2.0) as world:
            return pickle.dumps([frame.agents.position for frame in drive(world, 2.0)])

    first = states(3)
    assert states(4) != first
    assert states(3) == first


def test_all_classes_and_attributes_occur(town):
    classes: set[int] = set()
    attributes = 0
    with World(town, 11, LIVELY, 20.0) as world:
        for frame in drive(world, 20.0):
            classes |= set(frame.agents.agent_class.tolist())
            attributes |= int(np.bitwise_or.reduce(frame.agents.attributes))
    assert classes >= set(AgentClass) - {AgentClass.UNKNOWN}
    shown = Attribute(attributes)
    for each in (
        Attribute.BRAKE_LIGHT,
        Attribute.LEFT_INDICATOR,
        Attribute.RIGHT_INDICATOR,
        Attribute.PARKED,
        Attribute.DOOR_OPEN,
        Attribute.HOLDING_PHONE,
        Attribute.HEAD_TURNED_TO_EGO,
        Attribute.CHILD,
    ):
        assert each in shown, each.name


def test_signals_and_those_who_wait_for_them(town):
    with World(town, 2, CONFIG, 40.0) as world:
        frames = drive(world, 40.0)
        network = world.road_network
    lanes = network.lanes
    states = np.array([frame.signals.state for frame in frames])
    assert {SignalState.RED, SignalState.GREEN, SignalState.YELLOW} <= set(states.ravel().tolist())
    assert np.isin(lanes.signal[lanes.signal >= 0], frames[0].signals.ids).all()
    ran_red = moved = 0
    for before, after in pairwise(frames):
        red = set(before.signals.ids[before.signals.state == SignalState.RED].tolist())
        closed = np.isin(lanes.stop_line, network.stop_line_ids) & np.isin(lanes.signal, list(red))
        lines = {int(line) for line in lanes.stop_line[closed]}
        crossed = _crossed_lines(network, before, after)
        moved += len(crossed)
        # A line is closed when all signals of the lanes behind it are red.
        open_lines = {int(line) for line in lanes.stop_line[~closed & (lanes.stop_line >= 0) & (lanes.signal >= 0)]}
        ran_red += len(crossed & lines - open_lines)
    assert moved > 20
    assert ran_red <= 0.05 * moved  # who is past the line when yellow ends


def _crossed_lines(network, before: Truth, after: Truth) -> set[int]:
    """Stop lines that the fronts of vehicles have come over in one step."""
    crossed: set[int] = set()
    _, rows, onward = np.intersect1d(before.agents.ids, after.agents.ids, return_indices=True)
    cars = before.agents.agent_class[rows] <= AgentClass.MOTORCYCLIST
    first, second = (_fronts(frame.agents)[index[cars]] for frame, index in ((before, rows), (after, onward)))
    ways = second - first
    for line_id, line in zip(network.stop_line_ids.tolist(), network.stop_lines, strict=True):
        along = line[-1] - line[0]
        normal = np.array([-along[1], along[0]])
        sides = (first - line[0]) @ normal, (second - line[0]) @ normal
        apart = sides[0] - sides[1]
        share = sides[0] / np.where(apart == 0.0, np.inf, apart)
        place = ((first + share[:, None] * ways - line[0]) @ along) / (along @ along)
        if np.any((sides[0] * sides[1] < 0.0) & (place > 0.0) & (place < 1.0)):
            crossed.add(line_id)
    return crossed


def _fronts(agents) -> np.ndarray:
    ahead = np.stack([np.cos(agents.yaw), np.sin(agents.yaw)], axis=-1)
    return agents.position[:, :2] + 0.5 * agents.size[:, :1] * ahead


def test_the_ego_drives_and_others_keep_away_from_it(town):
    with World(town, 6, CONFIG, 15.0) as world:
        frames = drive(world, 15.0)
        offset = world.ego_center_offset_m
    path = np.array([frame.ego.position for frame in frames])
    assert np.linalg.norm(np.diff(path, axis=0), axis=-1).sum() > 20.0
    assert _smallest_gap(frames, offset) > 0.0
    assert 0 not in frames[0].agents.ids


def test_who_follows_brakes_for_an_ego_that_stops(town):
    """Where somebody drives behind the ego, a plan that stops it stops him too."""
    with World(town, 6, CONFIG, 20.0) as world:
        for _ in range(100):
            world.step()
            if world.truth().ego.velocity @ world.truth().ego.velocity > 25.0:
                break
        state, offset = world.truth().ego, world.ego_center_offset_m
        ahead = np.array([np.cos(state.yaw), np.sin(state.yaw)])
        speed, place, frames = float(np.linalg.norm(state.velocity)), 0.0, []
        assert speed > 4.0
        for _ in range(120):
            speed = max(speed - 0.4, 0.0)
            place += 0.1 * speed
            world.step(np.array([*(state.position + place * ahead), state.yaw, speed]))
            frames.append(world.truth())
        assert np.linalg.norm(frames[-1].ego.position - (state.position + place * ahead)) < 1e-9
        assert _smallest_gap(frames, offset) > 0.0
        # It goes on by itself when the plan has ended.
        later = drive(world, 6.0)
    assert np.linalg.norm(later[-1].ego.position - frames[-1].ego.position) > 2.0
    assert breaches(later) == []


def _smallest_gap(frames: list[Truth], offset: float) -> float:
    gaps = []
    for frame in frames:
        ahead = np.array([np.cos(frame.ego.yaw), np.sin(frame.ego.yaw)])
        agents = frame.agents
        gap = box_distance(
            frame.ego.position + offset * ahead,
            frame.ego.yaw,
            EGO_SIZE_M[:2],
            agents.position[:, :2],
            agents.yaw,
            agents.size[:, :2],
        )
        gaps.append(gap.min())
    return float(min(gaps))


def test_a_second_world_in_the_process_is_refused(town):
    with World(town, 0, CONFIG, 1.0), pytest.raises(InputError, match="a simulation runs in this process already"):
        World(town, 1, CONFIG, 1.0)


def test_a_network_that_sumo_does_not_take_is_told_in_one_sentence(town, tmp_path, monkeypatch):
    monkeypatch.setattr("zoox_prediction.simulation.demand.vehicle_type", lambda name, driver: "<vType id='broken'")
    with pytest.raises(InputError, match="SUMO does not take it"):
        World(town, 0, CONFIG, 1.0)
    monkeypatch.undo()
    with World(town, 0, CONFIG, 1.0) as world:  # and the process is free for the next one
        world.step()
