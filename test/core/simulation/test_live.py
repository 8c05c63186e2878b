"""The live world: the ego follows plans while they last, the others answer it, and one drive comes after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from zoox_prediction.config import flatten, load_yaml
from zoox_prediction.errors import InputError
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.resources import resource_path
from zoox_prediction.simulation.config import SimulationConfig, TrafficConfig
from zoox_prediction.simulation.ego_plan import EgoPlan, PlanConfig
from zoox_prediction.simulation.live import STEP_NS, LiveWorld
from zoox_prediction.simulation.plans import candidate_plans
from zoox_prediction.simulation.sumo import EGO

pytest.importorskip("sumo", reason="needs SUMO: pip install 'zoox_prediction[sim]'")

QUIET = TrafficConfig(
    vehicles=6, walkers=0, parked_share=0.0, jaywalkers_per_minute=0.0, animals_per_minute=0.0, warm_up_s=30.0
)
CONFIG = SimulationConfig(seed=4, duration_s=60.0, traffic=QUIET)
PATH = resource_path("config/simulation_node.yaml")


@pytest.fixture
def begin() -> Iterator[Callable[..., LiveWorld]]:
    """begin(**changes of CONFIG) makes a world, the only one of its time."""
    worlds: list[LiveWorld] = []

    def make(**changes: object) -> LiveWorld:
        for world in worlds:
            world.close()
        worlds.append(LiveWorld(replace(CONFIG, **changes)))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


def straight(live: LiveWorld, speed: float, seconds: float, left_m: float = 0.0) -> EgoPlan:
    """Straight on at a speed, in the end `left_m` to the left."""
    ego = live.truth.ego
    time_s = np.arange(0.0, seconds + 1e-6, 0.1)
    share = time_s / seconds
    ahead = np.array([np.cos(ego.yaw), np.sin(ego.yaw)])
    aside = left_m * share**2 * (3.0 - 2.0 * share)
    position = ego.position + speed * time_s[:, None] * ahead + aside[:, None] * np.array([-ahead[1], ahead[0]])
    stamps_ns = ego.stamp_ns + np.round(time_s * 1e9).astype(np.int64)
    return EgoPlan(ego.stamp_ns, stamps_ns, np.column_stack([position, np.full(len(time_s), ego.yaw)]))


def run(live: LiveWorld, seconds: float) -> np.ndarray:
    """(T + 1, 4) x, y, yaw, speed of base_link, the present first; ends with the drive."""
    states = []
    for step in range(round(10 * seconds) + 1):
        ego = live.truth.ego
        states.append([*ego.position, ego.yaw, ego.velocity @ [np.cos(ego.yaw), np.sin(ego.yaw)]])
        if step < round(10 * seconds) and not live.over:
            live.step()
    return np.array(states)


def steps_m(states: np.ndarray) -> np.ndarray:
    return np.linalg.norm(np.diff(states[:, :2], axis=0), axis=1)


def test_the_ego_follows_a_plan_and_goes_on_by_itself_when_it_ends(begin):
    live = begin()
    assert "drives by itself" in live.plan_status
    speed = float(np.linalg.norm(live.truth.ego.velocity))
    plan = straight(live, speed, 2.0)
    live.offer(plan)
    assert "until 3.0 s" in live.plan_status
    states = run(live, 2.0)
    np.testing.assert_allclose(states[:, :2], plan.poses[:, :2], atol=1e-6)
    assert "has ended; the ego drives by itself" in live.plan_status
    later = run(live, 8.0)
    assert steps_m(later).max() < 2.5  # no jump when it is let go
    assert np.abs(np.diff(later[:, 3])).max() < 1.0
    assert steps_m(later).sum() > 5.0
    assert not live.over


def test_a_refused_plan_changes_nothing(begin):
    live = begin()
    plan = straight(live, 5.0, 2.0)
    live.offer(plan)
    with pytest.raises(InputError, match="away from the ego"):
        live.offer(replace(plan, poses=plan.poses + np.array([30.0, 0.0, 0.0])))
    np.testing.assert_allclose(run(live, 1.0)[:, :2], plan.poses[:11, :2], atol=1e-6)


def in_the_way(live: LiveWorld) -> tuple[int, EgoPlan]:
    """Number of the driving car with most room ahead in its lane, and a plan to stand there, 4 s before it."""
    library = live.world.traffic.library
    vehicle, rooms = library.vehicle, {}
    for name in vehicle.getIDList():
        if name != EGO and 4.0 < vehicle.getSpeed(name) < 15.0:
            place = vehicle.getLanePosition(name) + 4.0 * vehicle.getSpeed(name)
            rooms[name] = library.lane.getLength(vehicle.getLaneID(name)) - place
    name = max(rooms, key=lambda each: rooms[each])
    edge, _, index = vehicle.getLaneID(name).rpartition("_")
    here, ahead = (
        np.array(library.simulation.convert2D(edge, vehicle.getLanePosition(name) + away_m, int(index)))
        for away_m in 4.0 * vehicle.getSpeed(name) + np.array([10.0, 11.0])
    )
    pose = [*here, np.arctan2(*(ahead - here)[::-1])]
    stamp_ns = live.truth.ego.stamp_ns
    return int(name), EgoPlan(stamp_ns, stamp_ns + np.array([0, 7_900_000_000]), np.array([pose, pose]))


def test_the_others_answer_the_plan(begin):
    """A car that finds the ego in its way does not go on into it; those who are elsewhere do not notice."""
    ends = []
    for stands in (False, True):
        live = begin(
            traffic=replace(QUIET, vehicles=30, density_range=(1.0, 1.0)),
            plan=PlanConfig(tolerance_m=2000.0, tolerance_rad=7.0),
        )
        number, plan = in_the_way(live)
        if stands:
            live.offer(plan)
        run(live, 7.5)
        ends.append(live.truth.agents)
    free, stopped = ends
    both = np.intersect1d(free.ids, stopped.ids)
    rows = [np.array([each.ids.tolist().index(other) for other in both]) for each in ends]
    moved_m = np.linalg.norm(free.position[rows[0]] - stopped.position[rows[1]], axis=1)
    row = both.tolist().index(number)
    assert moved_m[row] > 1.0
    assert np.median(moved_m) < 1e-6
    assert np.linalg.norm(stopped.position[rows[1][row], :2] - plan.poses[0, :2]) > 2.5


def test_beside_the_road_the_ego_stands_until_another_plan_takes_it_on(begin):
    live = begin()
    live.offer(straight(live, 5.0, 3.0, left_m=-20.0))
    run(live, 3.0)
    states = run(live, 4.0)
    assert states[-1, 3] == 0.0 and np.ptp(states[:, 2]) < 1e-6
    assert (np.diff(states[:, 3]) > -0.5).all()  # brakes, as a car does
    assert "stands, for it is on no lane" in live.plan_status and not live.over
    plan = straight(live, 2.0, 2.0)
    live.offer(plan)
    np.testing.assert_allclose(run(live, 2.0)[-1, :2], plan.poses[-1, :2], atol=1e-6)


def test_an_ego_whose_route_a_plan_has_cut_short_has_one_out_of_the_town_again(begin):
    live = begin()
    vehicle = live.world.traffic.library.vehicle
    here = vehicle.getRoute(EGO)[vehicle.getRouteIndex(EGO)]
    vehicle.setRoute(EGO, [here])  # as SUMO does when a plan takes another turn
    go = next(plan for plan in candidate_plans(live.world) if plan.kind == "go")
    stamps_ns = live.truth.ego.stamp_ns + STEP_NS * (1 + np.arange(len(go.poses)))
    live.offer(EgoPlan(live.truth.ego.stamp_ns, stamps_ns[:5], go.poses[:5, :3]))
    run(live, 0.8)
    route = vehicle.getRoute(EGO)
    assert here in route and len(route) > 1
    assert route[-1] in live.world.town.exit_edges


def test_the_drive_is_over_when_its_time_is_and_the_next_one_has_the_next_seed(begin):
    live = begin(duration_s=2.0)
    began = live.truth
    live.offer(straight(live, 5.0, 7.0))
    run(live, 1.9)
    assert live.over == ""
    live.step()
    assert live.over == "its 2 s are over"
    network = live.road_network
    assert live.next_seed == live.seed + 1
    live.restart()
    assert live.seed == 5 and live.over == "" and live.plan_status == "none; the ego drives by itself"
    assert live.truth.ego.stamp_ns == began.ego.stamp_ns
    assert live.road_network is not network and not np.allclose(live.truth.ego.position, began.ego.position)


def test_the_same_seed_again_is_the_same_drive(begin):
    live = begin(next_seed=False)
    assert live.next_seed == live.seed
    run(live, 1.0)
    first = live.truth
    live.restart()
    run(live, 1.0)
    assert live.seed == 4
    np.testing.assert_array_equal(live.truth.agents.position, first.agents.position)
    np.testing.assert_array_equal(live.truth.ego.position, first.ego.position)


def test_the_drive_is_over_when_a_plan_leads_out_of_the_network(begin):
    live = begin()
    live.offer(straight(live, 65.0, 7.9))
    run(live, 7.9)
    live.offer(straight(live, 65.0, 7.9))
    run(live, 7.9)
    assert live.over == "the ego has left the network"


def test_the_drive_is_over_when_the_ego_comes_to_the_end_of_its_route(begin):
    live = begin()
    vehicle = live.world.traffic.library.vehicle
    vehicle.setRoute(EGO, [vehicle.getRoute(EGO)[vehicle.getRouteIndex(EGO)]])
    run(live, 50.0)
    assert live.over == "the ego has left the network"


def test_sensors_see_the_world(begin):
    live = begin(sensors=str(resource_path("config/sensor_suite_small.yaml")))
    assert {each.parent for each in live.static_transforms()} == {"base_link"}
    live.step()
    messages = live.sensor_messages()
    assert len({each.topic for each in messages}) == len(messages) > 2
    assert {each.stamp_ns for each in messages} == {live.truth.ego.stamp_ns}
    assert messages[0].build(RosbagsTypes()).header.stamp.sec == 1


def test_without_a_suite_there_are_no_sensors_and_real_networks_are_driven_in(begin, recordings):
    live = begin(network=str(recordings / "maps" / "sumo" / "ngsim_lankershim.net.xml"))
    assert live.sensor_messages() == [] and live.static_transforms() == ()
    states = run(live, 3.0)
    assert steps_m(states).max() < 3.0


def test_a_network_that_is_not_there_is_told_in_one_sentence_and_leaves_no_world_behind(begin):
    with pytest.raises(InputError, match=r"nowhere\.net\.xml"):
        LiveWorld(replace(CONFIG, network="nowhere.net.xml"))
    begin().step()


def test_the_parameter_file_holds_every_parameter_with_its_default():
    assert load_yaml(SimulationConfig, PATH, "simulation_node") == SimulationConfig()
    words = PATH.read_text()
    for name in flatten(SimulationConfig()):
        assert f" {name.rpartition('.')[2]}:" in words, name


@pytest.mark.parametrize(
    "values", [{"seed": -1}, {"duration_s": 0.5}, {"rate": 0.0}, {"rate": np.nan}, {"tracks_range_m": -1.0}]
)
def test_parameters_are_checked(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        SimulationConfig(**values)
