"""Lanelet2 maps: what they mean, and that broken ones are refused by element."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from osm_text import OsmText, street

from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.lanelet2 import read_lanelet2
from zoox_prediction.maps.lanelet2_rules import lane_kind, speed_mps
from zoox_prediction.maps.road_network import (
    NO_ID,
    BoundaryType,
    LaneType,
    MapError,
    RightOfWay,
    RoadNetwork,
    Turn,
)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> RoadNetwork:
    return read_lanelet2(street().write(tmp_path_factory.mktemp("map") / "street.osm"))


def test_lanes_in_metres_and_in_the_direction_of_travel(network: RoadNetwork) -> None:
    lanes = network.lanes
    assert network.source == "street"
    first = lanes.rows(1)
    np.testing.assert_allclose(lanes.centerline[first][[0, -1]], [[0.0, 1.5], [50.0, 1.5]])
    np.testing.assert_allclose(lanes.left_boundary[first], [[0.0, 3.0], [50.0, 3.0]])
    np.testing.assert_allclose(lanes.right_boundary[first], [[0.0, 0.0], [50.0, 0.0]])
    west = lanes.rows(4)  # its boundaries are drawn eastwards
    np.testing.assert_allclose(lanes.centerline[west][[0, -1]], [[50.0, 7.5], [0.0, 7.5]])


@pytest.mark.parametrize(
    ("subtype", "following"), [("road", [2]), ("bus_lane", [2]), ("bicycle_lane", []), ("road_shoulder", [])]
)
def test_vehicles_go_on_where_vehicles_may(tmp_path: Path, subtype: str, following: list[int]) -> None:
    text = street()
    text.lanelet(2, 23, 24, subtype=subtype)
    lanes = read_lanelet2(text.write(tmp_path / "street.osm")).lanes
    assert lanes.successors[int(lanes.rows(1))].tolist() == following


def test_successors_neighbors_and_types(network: RoadNetwork) -> None:
    lanes = network.lanes
    row = {int(lane): index for index, lane in enumerate(lanes.ids)}
    assert lanes.successors[row[1]].tolist() == [2]
    assert lanes.successors[row[2]].tolist() == []
    assert lanes.left_neighbor[row[1]] == 3
    assert lanes.right_neighbor[row[3]] == 1
    assert lanes.left_neighbor[row[3]] == NO_ID  # the oncoming lane is none
    assert lanes.left_neighbor[row[4]] == NO_ID
    assert lanes.right_neighbor[row[1]] == NO_ID
    assert lanes.type[row[1]] == LaneType.VEHICLE
    assert lanes.type[row[7]] == LaneType.BICYCLE
    assert lanes.left_boundary_type[row[1]] == BoundaryType.DASHED
    assert lanes.right_boundary_type[row[1]] == BoundaryType.ROAD_EDGE
    assert lanes.left_boundary_type[row[2]] == BoundaryType.VIRTUAL
    assert lanes.left_boundary_type[row[3]] == BoundaryType.SOLID
    assert not network.left_hand_traffic


def test_a_lane_for_both_directions_becomes_two(network: RoadNetwork) -> None:
    lanes = network.lanes
    both = np.flatnonzero(lanes.type == LaneType.BICYCLE)
    assert len(both) == 2
    forward, backward = both
    assert lanes.ids[forward] == 7
    assert lanes.ids[backward] > 0
    assert len(set(lanes.ids.tolist())) == len(lanes)
    np.testing.assert_allclose(lanes.centerline[backward], lanes.centerline[forward][::-1])
    np.testing.assert_allclose(lanes.left_boundary[backward], lanes.right_boundary[forward][::-1])


def test_rules_of_lanes(network: RoadNetwork) -> None:
    lanes = network.lanes
    one, two, three = (int(lanes.rows(lane)) for lane in (1, 2, 3))
    np.testing.assert_allclose(lanes.speed_limit_mps[[one, two]], [10.0, 20 * 0.44704])
    assert np.isnan(lanes.speed_limit_mps[three])
    assert lanes.turn[one] == Turn.STRAIGHT
    assert lanes.in_intersection[one]
    assert not lanes.in_intersection[two]
    assert lanes.right_of_way[[one, two, three]].tolist() == [
        RightOfWay.YIELD,
        RightOfWay.UNKNOWN,
        RightOfWay.PRIORITY,
    ]
    assert lanes.signal[[one, two, three]].tolist() == [90, NO_ID, 90]
    assert lanes.stop_line[[one, two]].tolist() == [30, NO_ID]
    assert network.signal_ids.tolist() == [90]
    np.testing.assert_allclose(network.signal_positions, [[52.0, 10.0]])
    assert network.stop_line_ids.tolist() == [30]
    np.testing.assert_allclose(network.stop_lines[0], [[50.0, 0.0], [50.0, 6.0]])


def test_areas(network: RoadNetwork) -> None:
    assert network.crosswalk_ids.tolist() == [5]
    np.testing.assert_allclose(np.ptp(network.crosswalks[0], axis=0), [4.0, 9.0])
    assert len(network.walkways) == 1
    assert len(network.drivable_areas) == 1
    corners = network.drivable_areas[0]
    area = 0.5 * abs(
        np.dot(corners[:, 0], np.roll(corners[:, 1], 1)) - np.dot(corners[:, 1], np.roll(corners[:, 0], 1))
    )
    assert area == pytest.approx(50 * 9 + 50 * 3, rel=1e-3)
    assert len(network.intersections) == 1


def test_origin_gives_the_metres_of_the_recordings(tmp_path: Path) -> None:
    lat0, lon0 = 49.0116, 8.4385
    text = street()
    per_degree = math.radians(1.0) * 6378137.0
    text.nodes = {
        key: (lat0 + y / per_degree, lon0 + x / per_degree / math.cos(math.radians(lat0)))
        for key, (x, y) in text.nodes.items()
    }
    text.geodetic = True
    network = read_lanelet2(text.write(tmp_path / "map.osm"), (lat0, lon0))
    row = int(network.lanes.rows(1))
    np.testing.assert_allclose(network.lanes.left_boundary[row], [[0.0, 3.0], [50.0, 3.0]], atol=1e-6)
    middle = read_lanelet2(tmp_path / "map.osm")
    np.testing.assert_allclose(np.diff(middle.lanes.left_boundary[row], axis=0), [[50.0, 0.0]], atol=1e-4)


def test_ids_of_unfinished_maps_become_positive(tmp_path: Path) -> None:
    text = street()
    text.relations = {
        {1: -1, 2: -2, 3: 2}.get(key, key): value for key, value in text.relations.items() if key in (1, 2, 3, 90)
    }
    network = read_lanelet2(text.write(tmp_path / "map.osm"))
    assert NO_ID not in network.lanes.ids
    assert np.all(network.lanes.ids > 0)
    assert len(set(network.lanes.ids.tolist())) == 3
    first = int(network.lanes.rows(1))
    (follower,) = network.lanes.successors[first]
    np.testing.assert_allclose(network.lanes.centerline[int(network.lanes.rows(follower))][0], [50.0, 1.5])


def test_negative_ids_of_signals_do_not_collide(tmp_path: Path) -> None:
    text = street()
    text.relations[-90] = text.relations[90]
    text.ways[-30] = ((111, 112), {"type": "stop_line"})
    text.relations[-90] = ([("way", "refers", 31), ("way", "ref_line", -30)], text.relations[90][1])
    text.lanelet(3, 12, 13, -90, subtype="road")
    network = read_lanelet2(text.write(tmp_path / "map.osm"))
    one, three = (int(network.lanes.rows(lane)) for lane in (1, 3))
    assert network.lanes.signal[one] == 90
    assert network.lanes.signal[three] not in (90, NO_ID)
    assert sorted(network.signal_ids) == sorted(network.lanes.signal[[one, three]])
    assert network.lanes.stop_line[three] not in (30, NO_ID)
    row = network.stop_line_ids.tolist().index(network.lanes.stop_line[three])
    np.testing.assert_allclose(network.stop_lines[row], [[50.0, 3.0], [50.0, 6.0]])


def _without_node(text: OsmText) -> None:
    del text.nodes[111]


def _not_a_number(text: OsmText) -> None:
    text.nodes[111] = (math.nan, 3.0)


def _far_away(text: OsmText) -> None:
    text.nodes[111] = (1e300, 3.0)


def _no_left_boundary(text: OsmText) -> None:
    members, tags = text.relations[1]
    text.relations[1] = (members[1:], tags)


def _missing_boundary(text: OsmText) -> None:
    text.lanelet(1, 777, 14, subtype="road")


def _one_point(text: OsmText) -> None:
    text.ways[13] = ((101, 101), {})


def _points_that_coincide(text: OsmText) -> None:
    text.nodes[111] = text.nodes[101]


def _centerline_outside(text: OsmText) -> None:
    text.nodes.update({170: (0.0, 1.5), 171: (53.0, 1.5)})
    text.ways[50] = ((170, 171), {})
    members, tags = text.relations[1]
    text.relations[1] = ([*members, ("way", "centerline", 50)], tags)


def _no_lanelets(text: OsmText) -> None:
    text.relations = {}


def _flat_crosswalk(text: OsmText) -> None:
    text.lanelet(5, 40, 40, subtype="crosswalk")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_without_node, "way 13 uses node 111"),
        (_not_a_number, "node 111 has no valid local_x"),
        (_far_away, "node 111 has no valid local_x"),
        (_no_left_boundary, "lanelet 1 has 0 left boundaries"),
        (_missing_boundary, "lanelet 1 has the left way 777"),
        (_one_point, "lanelet 1 has the left way 13 of fewer than two"),
        (_points_that_coincide, "lanelet 1: its left boundary has fewer than two"),
        (_centerline_outside, "lanelet 1: its centreline leaves the lanelet by 3.00 m"),
        (_no_lanelets, "has no lanelets"),
        (_flat_crosswalk, "lanelet 5: its boundaries enclose no area"),
    ],
)
def test_broken_maps_are_refused_by_element(tmp_path: Path, damage: Callable[[OsmText], None], words: str) -> None:
    text = street()
    damage(text)
    path = text.write(tmp_path / "broken.osm")
    with pytest.raises(MapError, match=words) as refusal:
        read_lanelet2(path)
    assert "broken.osm" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not well-formed XML"),
        (b"<osm><node id='1'", "not well-formed XML"),
        (b"\x00\xff\xfe", "not well-formed XML"),
        (b"<html></html>", "root element is <html>"),
        (b"<osm><node id='1'/><node id='1'/></osm>", "node 1 appears twice"),
        (b"<osm><node id='a'/></osm>", "'a', which is no 64-bit integer"),
        (b"<osm><node id='99999999999999999999'/></osm>", "which is no 64-bit integer"),
        (b"<osm><way id='3'><nd ref='x'/></way></osm>", "way 3"),
    ],
)
def test_files_that_are_no_maps(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "no_map.osm"
    path.write_bytes(content)
    with pytest.raises(MapError, match=words):
        read_lanelet2(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MapError, match="cannot be read"):
        read_lanelet2(tmp_path / "none.osm")


def test_without_the_library_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lanelet2", None)
    with pytest.raises(MapError, match="pip install lanelet2"):
        read_lanelet2(street().write(tmp_path / "map.osm"))


def test_a_hand_drawn_centerline_is_cut_to_its_lanelet(tmp_path: Path) -> None:
    text = street()
    text.nodes.update({170: (0.5, 1.2), 171: (50.8, 1.2)})
    text.ways[50] = ((170, 171), {})
    members, tags = text.relations[1]
    text.relations[1] = ([*members, ("way", "centerline", 50)], tags)
    del text.relations[2]
    network = read_lanelet2(text.write(tmp_path / "map.osm"))
    np.testing.assert_allclose(network.lanes.centerline[int(network.lanes.rows(1))], [[0.5, 1.2], [50.0, 1.2]])
    assert network.repairs == ("lanelet 1: its centreline ran past its ends; cut it there",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("50", 13.889), ("30 mph", 13.411), ("10 m/s", 10.0), ("72km/h", 20.0), ("none", None), ("-5", None), ("0", None)],
)
def test_speeds_with_units(text: str, expected: float | None) -> None:
    speed = speed_mps(text)
    assert np.isnan(speed) if expected is None else speed == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("attributes", "lane_type", "walkway"),
    [
        ({"highway": "primary"}, LaneType.VEHICLE, False),
        ({"highway": "footway"}, None, True),
        ({"subtype": "road", "participant:pedestrian": "yes"}, None, True),
        ({"subtype": "road", "participant:bicycle": "yes", "participant:pedestrian": "yes"}, LaneType.BICYCLE, True),
        ({"subtype": "road", "participant:vehicle": "yes"}, LaneType.VEHICLE, False),
        ({"subtype": "road_shoulder"}, LaneType.RESTRICTED, False),
        ({"subtype": "rail"}, None, False),
    ],
)
def test_kinds_of_lanelets(attributes: dict, lane_type: LaneType | None, walkway: bool) -> None:
    kind = lane_kind(attributes)
    assert kind.lane_type == lane_type
    assert kind.walkway == walkway


def test_every_public_map_is_read_or_refused_by_element(recordings: Path) -> None:
    files = sorted([*(recordings / "maps").glob("lanelet2_*/*.osm"), *recordings.glob("taf_bw/**/maps/*.osm")])
    assert len(files) >= 27
    refused = {}
    for file in files:
        try:
            network = read_lanelet2(file)
        except MapError as error:
            refused[file.name] = str(error)
            continue
        graph = LaneGraph(network)
        assert len(graph) > 2, file.name
        assert np.all(network.lanes.rows(network.lanes.successors.values) >= 0), file.name
        width = 2.0 * graph.half_width_m[network.lanes.type == LaneType.VEHICLE]
        assert 2.0 < np.median(width) <= 8.0, file.name
    # The one whose centrelines overlap those of the next lanelet by more than a metre.
    assert list(refused) == ["sample_map_vm_01_10-12_invalid_01_lanelet2_map.osm"]
    assert "lanelet 57: its centreline leaves the lanelet" in next(iter(refused.values()))


@pytest.mark.parametrize(("name", "share"), [("k729_2022-03-16", 0.99), ("k733_2020-09-15", 0.9)])
def test_recorded_cars_drive_on_the_lanes(recordings: Path, name: str, share: float) -> None:
    import pandas as pd

    tracks = recordings / "taf_bw" / "datasets" / "recorded_trackfiles" / name
    meta = pd.read_csv(tracks / "meta_data.csv").iloc[0]
    network = read_lanelet2(
        recordings / "taf_bw" / "datasets" / "maps" / f"{name}.osm", (float(meta.originLat), float(meta.originLon))
    )
    agents = pd.read_csv(tracks / "vehicle_tracks_000.csv", skipinitialspace=True)
    cars = agents[agents.agent_type == "Car"]
    answer = LaneGraph(network).assign(cars[["x", "y"]].to_numpy(), cars.psi_rad.to_numpy())
    on_lane = answer.lane[:, 0] >= 0
    assert on_lane.mean() > share
    assert np.median(np.abs(answer.lateral_offset_m[on_lane, 0])) < 1.2


def test_successors_are_those_of_the_librarys_routing_graph(recordings: Path) -> None:
    import lanelet2

    file = recordings / "maps" / "lanelet2_fzi" / "mapping_example.osm"
    projector = lanelet2.projection.UtmProjector(lanelet2.io.Origin(49.0, 8.42))
    library_map = lanelet2.io.load(str(file), projector)
    rules = lanelet2.traffic_rules.create(
        lanelet2.traffic_rules.Locations.Germany, lanelet2.traffic_rules.Participants.VehicleCar
    )
    graph = lanelet2.routing.RoutingGraph(library_map, rules)
    lanes = read_lanelet2(file).lanes
    # The library drives a lanelet that is open to both directions backwards; ours has a lane of its own for that.
    known = {lanelet.id for lanelet in library_map.laneletLayer}
    forward = {
        lanes.left_boundary[row].tobytes(): int(lane) for row, lane in enumerate(lanes.ids) if int(lane) in known
    }
    lanelet_of = {
        int(lane): int(lane) if int(lane) in known else forward[lanes.right_boundary[row][::-1].tobytes()]
        for row, lane in enumerate(lanes.ids)
    }
    compared = 0
    for lanelet in library_map.laneletLayer:
        row = int(lanes.rows(lanelet.id))
        if row < 0 or lanes.type[row] != LaneType.VEHICLE or not rules.canPass(lanelet):
            continue
        theirs = {following.id for following in graph.following(lanelet) if following.id in lanes.ids}
        ours = {lanelet_of[int(lane)] for lane in lanes.successors[row]}
        assert theirs == ours, lanelet.id
        compared += len(theirs)
    assert compared > 100
