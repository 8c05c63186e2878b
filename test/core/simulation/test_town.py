"""Generated towns hold what the simulator needs, and everybody can get through them."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import shapely
from town_checks import Network, generated, smallest_radius_m

from zoox_prediction.config import ConfigError, from_mapping
from zoox_prediction.errors import InputError
from zoox_prediction.maps.areas import union_of
from zoox_prediction.maps.road_network import NO_ID, LaneType, RightOfWay, Turn
from zoox_prediction.maps.sumo_rules import stable_id
from zoox_prediction.simulation.town import Town, TownConfig, generate_town, real_network_town

pytest.importorskip("sumo", reason="needs SUMO: pip install 'zoox_prediction[sim]'")

SEEDS = (1, 2, 3, 6, 10, 11)
_CAR_M = (5.0, 2.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_kind_of_place_is_there(seed: int) -> None:
    network = generated(seed)
    town, net, lanes = network.town, network.file.net, network.town.road_network.lanes
    crossroads = network.controls(arms=4)
    assert "traffic_light" in crossroads
    assert {"priority", "right_before_left", "allway_stop"} & set(crossroads)
    assert len(network.controls(arms=3)) >= 3
    assert len(net.getRoundabouts()) == 1
    assert len(net.getRoundabouts()[0].getNodes()) in (3, 4)
    assert town.bicycle_edges and all(net.getEdge(edge).allows("bicycle") for edge in town.bicycle_edges)
    assert town.residential_edges
    assert all(net.getEdge(edge).getSpeed() == pytest.approx(30.0 / 3.6, abs=0.01) for edge in town.residential_edges)
    assert {LaneType.VEHICLE, LaneType.BICYCLE, LaneType.PARKING} <= set(lanes.type.tolist())
    assert {Turn.LEFT, Turn.RIGHT, Turn.STRAIGHT} <= set(lanes.turn.tolist())
    assert {RightOfWay.PRIORITY, RightOfWay.YIELD} <= set(lanes.right_of_way.tolist())
    points = np.concatenate(
        [line for name, line in network.lines.items() if not name.startswith(("apart", "motorway"))]
    )
    assert np.all((np.ptp(points, axis=0) > 350.0) & (np.ptp(points, axis=0) < 900.0))


def test_towns_differ_and_together_hold_all_speeds_and_widths() -> None:
    towns = [generated(seed).town for seed in SEEDS]
    edges = [each for seed in SEEDS for each in generated(seed).file.net.getEdges(withInternal=False)]
    assert {round(3.6 * each.getSpeed()) for each in edges} == {30, 50, 70, 100}
    counts = {sum(lane.allows("passenger") for lane in each.getLanes()) for each in edges}
    assert {1, 2, 3} <= counts
    assert {bool(sum("motorway" in edge for edge in town.main_edges)) for town in towns} == {True, False}
    assert len({town.net_path.read_bytes() for town in towns}) == len(SEEDS)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_motorway_can_be_asked_for(tmp_path: Path, wanted: bool) -> None:
    network = Network(generate_town(3 if wanted else 1, tmp_path, TownConfig(motorway=wanted)))
    town = network.town
    assert ("motorway0" in town.entry_edges) == ("motorway4" in town.exit_edges) == wanted
    if wanted:
        inside = [edge for edge in town.entry_edges if edge != "motorway0"]
        assert set(town.exit_edges) <= network.reached("motorway0", "passenger")
        assert all("motorway4" in network.reached(edge, "passenger") for edge in inside)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_entry_reaches_the_exits(seed: int) -> None:
    network = generated(seed)
    town = network.town
    assert len(town.entry_edges) >= 6 and len(town.exit_edges) >= 6
    for entry in town.entry_edges:
        for vehicle_class in ("passenger", "bicycle", "bus"):
            if not network.file.net.getEdge(entry).allows(vehicle_class):
                continue
            exits = {each for each in town.exit_edges if network.file.net.getEdge(each).allows(vehicle_class)}
            missed = exits - network.reached(entry, vehicle_class)
            assert len(missed) <= 1, f"{vehicle_class} from {entry} cannot reach {missed}"  # the same road back
    heavy = {each.getID() for each in network.file.net.getEdges(withInternal=False) if each.allows("bus")}
    assert heavy == set(town.main_edges)


@pytest.mark.parametrize("seed", SEEDS)
def test_people_can_walk_from_everywhere_to_everywhere(seed: int) -> None:
    network = generated(seed)
    parts = network.walking_parts()
    sidewalks = [[name for name in part if not name.startswith(":")] for part in parts]
    largest = max(map(len, sidewalks))
    assert largest == sum(map(len, sidewalks)) > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_the_disconnected_street_is_far_from_all_others(seed: int) -> None:
    network = generated(seed)
    apart = set(network.town.disconnected_edges)
    assert len(apart) == 2
    assert not apart & {*network.town.entry_edges, *network.town.exit_edges, *network.town.main_edges}
    for edge in apart:
        assert network.reached(edge, "passenger") == {edge}
    own = [shapely.LineString(line) for name, line in network.lines.items() if name.rpartition("_")[0] in apart]
    others = [shapely.LineString(line) for name, line in network.lines.items() if name.rpartition("_")[0] not in apart]
    assert min(one.distance(other) for one in own for other in others) > 150.0


def test_the_disconnected_street_can_be_left_out(tmp_path: Path) -> None:
    assert generate_town(1, tmp_path, TownConfig(disconnected_street=False)).disconnected_edges == ()


@pytest.mark.parametrize("seed", SEEDS)
def test_parking_places_are_beside_the_lanes_and_off_crosswalks(seed: int) -> None:
    network = generated(seed)
    town, roads = network.town, network.town.road_network
    assert len(town.parking_places) >= 10
    lanes = roads.lanes
    driven = union_of(
        np.concatenate([lanes.left_boundary[row], lanes.right_boundary[row][::-1]])
        for row in np.flatnonzero(lanes.type != LaneType.PARKING)
    )
    closed = union_of([*roads.crosswalks, *roads.walkways])
    parking = union_of(roads.parking_areas)
    ahead: dict[str, list[float]] = {}
    for place in town.parking_places:
        corners = 0.5 * np.array(_CAR_M) * [[1, 1], [-1, 1], [-1, -1], [1, -1]]
        cos, sin = np.cos(place.yaw), np.sin(place.yaw)
        body = shapely.Polygon(corners @ np.array([[cos, sin], [-sin, cos]]) + place.center)
        assert body.intersection(driven).area < 0.05
        assert body.distance(closed.difference(parking.buffer(0.3))) > 0.0
        assert body.difference(parking).area < 0.05
        lane = network.lines[place.lane]
        to_lane = shapely.LineString(lane).interpolate(place.lane_position_m)
        step = np.array([to_lane.x, to_lane.y]) - place.center
        assert np.linalg.norm(step) < 3.0
        assert np.sign(cos * step[1] - sin * step[0]) == place.road_side == 1.0
        ahead.setdefault(place.area, []).append(place.lane_position_m)
    assert all(np.all(np.diff(positions) > 6.0) for positions in ahead.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_crosswalks_have_walk_signals_where_there_are_signals(seed: int) -> None:
    network = generated(seed)
    roads, net = network.town.road_network, network.file.net
    signal = dict(zip(roads.crosswalk_ids.tolist(), roads.crosswalk_signal.tolist(), strict=True))
    crossings = [each.getID() for each in net.getEdges() if each.getFunction() == "crossing"]
    lights = {each.getID() for each in net.getTrafficLights()}
    signalised = [each for each in crossings if each[1:].rpartition("_c")[0] in lights]
    assert 4 < len(signalised) < len(crossings)
    for crossing in crossings:
        assert (signal[stable_id(crossing)] != NO_ID) == (crossing in signalised)
    middle = network.town.mid_block_crosswalks
    assert {crossing in signalised for crossing in middle} == {True, False}
    assert set(middle) <= set(crossings)


@pytest.mark.parametrize("seed", SEEDS)
def test_signals_show_green_yellow_and_red_to_everybody_and_red_to_all_in_between(seed: int) -> None:
    for light in generated(seed).file.net.getTrafficLights():
        (program,) = light.getPrograms().values()
        states = [phase.state for phase in program.getPhases()]
        for link in zip(*states, strict=True):
            assert "r" in link
            assert {"g", "G"} & set(link), f"{light.getID()} never shows green to one of its links"
        assert any("y" in state for state in states)
        assert any(set(state) == {"r"} for state in states)
        assert 40 <= sum(phase.duration for phase in program.getPhases()) <= 120


@pytest.mark.parametrize("left_hand", [False, True])
def test_the_same_seed_gives_the_same_bytes_in_any_folder(tmp_path: Path, left_hand: bool) -> None:
    config = TownConfig(left_hand=left_hand)
    one, other = (generate_town(4, tmp_path / name, config) for name in ("a", "b/c"))
    assert one.net_path.read_bytes() == other.net_path.read_bytes()
    assert one.additional_path is not None and other.additional_path is not None
    assert one.additional_path.read_bytes() == other.additional_path.read_bytes()
    assert b"<!--" not in one.net_path.read_bytes()
    another = generate_town(5, tmp_path / "d", config)
    assert another.net_path.read_bytes() != one.net_path.read_bytes()


def test_where_traffic_keeps_left_the_town_is_mirrored(tmp_path: Path) -> None:
    left, right = generated(2, True), generated(2)
    assert left.town.road_network.left_hand_traffic and left.town.left_hand
    for field in dataclasses.fields(Town):
        if field.name.endswith("_edges"):
            assert getattr(left.town, field.name) == getattr(right.town, field.name)
    roads = [name for name in right.lines if not name.startswith(":")]
    one, other = (np.concatenate([network.lines[name] for name in roads]) @ [1.0, 1.0j] for network in (left, right))
    # A reflection in a line through the origin: z becomes c times its conjugate, for some c with |c| = 1.
    factor = one[0] / np.conj(other[0])
    assert np.abs(factor) == pytest.approx(1.0, abs=1e-3)
    assert np.abs(one - factor * np.conj(other)).max() < 0.05
    inside, mirrored = (
        np.sort([smallest_radius_m(line) for name, line in network.lines.items() if name.startswith(":")])
        for network in (left, right)
    )
    assert len(inside) == len(mirrored)
    assert np.median(inside) == pytest.approx(np.median(mirrored), rel=0.05)
    assert {place.road_side for place in left.town.parking_places} == {-1.0}


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="block_length_m must be two rising numbers"):
        TownConfig(block_length_m=(200.0, 100.0))
    with pytest.raises(ValueError, match="fringe_length_m"):
        TownConfig(fringe_length_m=5.0)
    with pytest.raises(ConfigError, match="unknown parameter 'motorways', did you mean 'motorway'"):
        from_mapping(TownConfig, {"motorways": True})


def test_errors_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="seed"):
        generate_town(-1, tmp_path)
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(InputError, match=r"file: cannot be written: .*; give another folder"):
        generate_town(1, in_the_way)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "sumo" else find(name))
    with pytest.raises(InputError, match=r"pip install 'zoox_prediction\[sim\]'"):
        generate_town(1, tmp_path / "town")


@pytest.mark.parametrize("name", ["i80", "us101", "lankershim", "peachtree"])
def test_real_networks_have_ways_in_and_out(recordings: Path, name: str) -> None:
    network = Network(real_network_town(recordings / "maps" / "sumo" / f"ngsim_{name}.net.xml"))
    town = network.town
    assert town.seed is None and not town.parking_places and not town.disconnected_edges
    exits = set(town.exit_edges)
    assert exits and all(exits & network.reached(entry, "passenger") for entry in town.entry_edges)


def test_a_network_without_ways_in_is_no_town(tmp_path: Path) -> None:
    path = tmp_path / "missing.net.xml"
    with pytest.raises(InputError, match=r"missing\.net\.xml: cannot be read"):
        real_network_town(path)
