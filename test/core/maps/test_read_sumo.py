"""Road networks of SUMO."""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sumo_text import SIDE_ROAD, write_side_road

from zoox_prediction.geometry import EARTH_RADIUS_M
from zoox_prediction.maps.areas import union_of
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.road_network import NO_ID, BoundaryType, LaneType, MapError, RightOfWay, RoadNetwork, Turn
from zoox_prediction.maps.sumo import read_sumo
from zoox_prediction.maps.sumo_rules import lane_kind, may_change, signal_id, stable_id

_CROSSROADS = Path(__file__).parent / "data" / "crossroads.net.xml"


def _row(network: RoadNetwork, lane: str) -> int:
    row = int(network.lanes.rows(stable_id(lane)))
    assert row >= 0, lane
    return row


def _ids(lanes: Iterable[str]) -> set[int]:
    return {stable_id(lane) for lane in lanes}


@pytest.fixture(scope="module")
def crossroads() -> RoadNetwork:
    return read_sumo(_CROSSROADS)


@pytest.fixture
def side_road(tmp_path: Path) -> RoadNetwork:
    return read_sumo(write_side_road(tmp_path / "side.net.xml"))


def test_lanes_and_their_sides(side_road: RoadNetwork) -> None:
    lanes = side_road.lanes
    assert side_road.source == "side"
    assert len(lanes) == 12 and len(set(lanes.ids.tolist())) == 12
    outer, inner = _row(side_road, "west_0"), _row(side_road, "west_1")
    np.testing.assert_allclose(lanes.centerline[outer], [[0, -4.8], [40, -4.8]])
    np.testing.assert_allclose(lanes.left_boundary[outer], [[0, -3.2], [40, -3.2]])
    np.testing.assert_allclose(lanes.right_boundary[outer], [[0, -6.4], [40, -6.4]])
    np.testing.assert_allclose(lanes.left_boundary[_row(side_road, "side_0")][:, 0], 100.0)  # 4 m wide
    assert (lanes.left_neighbor[outer], lanes.right_neighbor[inner]) == (lanes.ids[inner], lanes.ids[outer])
    assert lanes.right_neighbor[outer] == lanes.left_neighbor[inner] == NO_ID
    assert lanes.left_change[[outer, inner]].tolist() == [True, False]
    assert lanes.right_change[[outer, inner]].tolist() == [False, True]
    assert lanes.left_boundary_type[[outer, inner]].tolist() == [BoundaryType.DASHED, BoundaryType.ROAD_EDGE]
    assert lanes.right_boundary_type[[outer, inner]].tolist() == [BoundaryType.ROAD_EDGE, BoundaryType.DASHED]
    assert not side_road.left_hand_traffic


def test_a_junction_without_conflicts_is_no_intersection(side_road: RoadNetwork) -> None:
    lanes = side_road.lanes
    assert set(lanes.ids[lanes.in_intersection].tolist()) == _ids((":J_0_0", ":J_0_1", ":J_3_0"))
    between = _row(side_road, ":A_0_0")
    assert lanes.turn[between] == Turn.NONE
    assert lanes.left_boundary_type[between] == BoundaryType.DASHED  # the marking goes on
    assert lanes.right_boundary_type[between] == BoundaryType.ROAD_EDGE
    assert len(side_road.intersections) == 1
    assert shapely.Polygon(side_road.intersections[0]).covers(shapely.Point(100, -3))


def test_ways_across_a_junction(side_road: RoadNetwork) -> None:
    lanes = side_road.lanes
    side, turning, through = (_row(side_road, lane) for lane in ("side_0", ":J_3_0", ":J_0_0"))
    assert lanes.successors[side].tolist() == [stable_id(":J_3_0")]  # the way of no length is left out
    assert lanes.successors[turning].tolist() == [stable_id("east_0")]
    assert any(":J_2_0" in repair for repair in side_road.repairs)
    assert lanes.turn[[turning, through]].tolist() == [Turn.RIGHT, Turn.STRAIGHT]
    assert lanes.right_of_way[[turning, through]].tolist() == [RightOfWay.YIELD, RightOfWay.PRIORITY]
    assert lanes.yields_to[turning].tolist() == [stable_id(":J_0_0")]
    assert len(lanes.yields_to[through]) == 0
    assert lanes.speed_limit_mps[[turning, through]].tolist() == [8.0, 15.0]  # not what the bend allows
    assert side_road.stop_line_ids.tolist() == [stable_id("side_0")]
    assert lanes.stop_line[turning] == stable_id("side_0") and lanes.stop_line[through] == NO_ID
    np.testing.assert_allclose(side_road.stop_lines[0], [[100, -20], [104, -20]])
    assert np.all(lanes.signal == NO_ID)


def test_road_edges_follow_the_road_and_leave_its_ends_open(side_road: RoadNetwork) -> None:
    edges = shapely.MultiLineString(list(side_road.road_edges))
    for x, y, at_edge in ((20, 0, True), (20, -6.4, True), (100, -60, True), (104, -60, True), (60, -3.2, False)):
        assert (edges.distance(shapely.Point(x, y)) < 0.01) == at_edge, (x, y)
    for x, y in ((0, -3.2), (200, -3.2), (102, -100)):
        assert edges.distance(shapely.Point(x, y)) > 1.5
    road = union_of(side_road.drivable_areas)
    assert shapely.contains_xy(road, [[20, -3], [102, -50], [42, -3], [20, 3]]).tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("change", "left_change"),
    [('changeLeft="passenger truck"', True), ('changeLeft="authority"', False), ('changeLeft="all"', True)],
)
def test_change_permissions(tmp_path: Path, change: str, left_change: bool) -> None:
    lane = '<lane id="west_0" index="0"'
    network = read_sumo(write_side_road(tmp_path / "side.net.xml", (lane, f"{lane} {change}")))
    row = _row(network, "west_0")
    assert bool(network.lanes.left_change[row]) == left_change
    assert network.lanes.left_boundary_type[row] == (BoundaryType.DASHED if left_change else BoundaryType.SOLID)
    assert network.lanes.right_change[_row(network, "west_1")]  # the other way is another permission


def test_traffic_that_keeps_left(tmp_path: Path) -> None:
    mirrored = re.sub(
        r'shape="[^"]*"', lambda shape: re.sub(r",(-?)", lambda y: "," if y[1] else ",-", shape[0]), SIDE_ROAD
    )
    path = tmp_path / "left.net.xml"
    lane = '<lane id="west_0" index="0"'
    path.write_text(mirrored.replace("<net ", '<net lefthand="true" ').replace(lane, f'{lane} changeLeft="authority"'))
    network = read_sumo(path)
    lanes = network.lanes
    outer, inner = _row(network, "west_0"), _row(network, "west_1")
    assert network.left_hand_traffic
    assert (lanes.right_neighbor[outer], lanes.left_neighbor[inner]) == (lanes.ids[inner], lanes.ids[outer])
    assert lanes.right_change[[outer, inner]].tolist() == [False, False]  # "left" is inwards for SUMO
    assert lanes.left_change[[outer, inner]].tolist() == [False, True]
    assert lanes.left_boundary_type[outer] == BoundaryType.ROAD_EDGE


def test_gzipped_networks_are_the_same(tmp_path: Path, side_road: RoadNetwork) -> None:
    path = tmp_path / "side.net.xml.gz"
    path.write_bytes(gzip.compress(SIDE_ROAD.encode()))
    network = read_sumo(path)
    assert network.source == "side"
    np.testing.assert_array_equal(network.lanes.ids, side_road.lanes.ids)
    np.testing.assert_array_equal(network.lanes.centerline.values, side_road.lanes.centerline.values)


def test_crossroads_signals(crossroads: RoadNetwork) -> None:
    lanes = crossroads.lanes
    left, through, right = (_row(crossroads, lane) for lane in (":C_18_0", ":C_7_1", ":C_6_0"))
    assert lanes.signal[left] == signal_id("C", 18)
    assert lanes.signal[through] == signal_id("C", 8)
    assert lanes.turn[[left, through, right]].tolist() == [Turn.LEFT, Turn.STRAIGHT, Turn.RIGHT]
    # West and east have green together: who turns left gives way to all oncoming, but to no one who has red then.
    oncoming = {":C_5_0", ":C_7_0", ":C_7_1", ":C_6_0", ":C_22_0", ":C_4_0", ":C_21_0"}
    assert set(lanes.yields_to[left].tolist()) == _ids(oncoming)
    assert lanes.right_of_way[[left, through]].tolist() == [RightOfWay.YIELD, RightOfWay.UNKNOWN]
    assert len(lanes.yields_to[through]) == 0
    row = crossroads.signal_ids.tolist().index(signal_id("C", 18))
    np.testing.assert_allclose(crossroads.signal_positions[row], lanes.centerline[_row(crossroads, "west_3")][-1])
    assert lanes.stop_line[left] == stable_id("west_3")
    line = crossroads.stop_lines[crossroads.stop_line_ids.tolist().index(stable_id("west_3"))]
    np.testing.assert_allclose(np.linalg.norm(line[1] - line[0]), 3.2)
    second = _row(crossroads, ":C_26_0")  # behind the place where one waits for the oncoming traffic
    assert lanes.signal[second] == lanes.stop_line[second] == NO_ID
    assert lanes.yields_to[second].tolist() == lanes.yields_to[left].tolist()


def test_crossroads_without_programmes_keep_every_response(tmp_path: Path, crossroads: RoadNetwork) -> None:
    path = tmp_path / "dark.net.xml"
    path.write_text(re.sub(r"<tlLogic.*?</tlLogic>", "", _CROSSROADS.read_text(), flags=re.S))
    network = read_sumo(path)
    row = _row(network, ":C_18_0")
    assert set(crossroads.lanes.yields_to[row]) < set(network.lanes.yields_to[row])


def test_crossroads_crosswalks_and_walkways(crossroads: RoadNetwork) -> None:
    assert crossroads.crosswalk_ids.tolist() == [stable_id(f":C_c{number}") for number in range(3)]
    assert crossroads.crosswalk_signal.tolist() == [signal_id("C", number) for number in (19, 20, 21)]
    assert set(crossroads.crosswalk_signal) <= set(crossroads.signal_ids)
    north = shapely.Polygon(crossroads.crosswalks[0])
    assert north.area == pytest.approx(4.0 * 6.4, rel=0.01)
    assert north.centroid.distance(shapely.Point(80, 69.9)) < 0.2
    walkways, road = union_of(crossroads.walkways), union_of(crossroads.drivable_areas)
    assert shapely.contains_xy(walkways, [[40, 49.4], [75, 70], [40, 60]]).tolist() == [True, True, False]
    assert walkways.intersection(road).area < 0.01
    assert shapely.contains_xy(road, [[80, 60], [40, 60], [80, 20], [100, 67.2]]).tolist() == [True] * 4


def test_crossroads_lane_types(crossroads: RoadNetwork) -> None:
    lanes = crossroads.lanes
    names = ("west_1", "west_2", "west_3", "east_1", ":C_5_0")
    rows = [_row(crossroads, lane) for lane in names]
    assert lanes.type[rows].tolist() == [
        LaneType.VEHICLE,
        LaneType.BUS,
        LaneType.VEHICLE,
        LaneType.BICYCLE,
        LaneType.BICYCLE,
    ]
    assert stable_id("west_0") not in lanes.ids  # a sidewalk
    beside = _row(crossroads, "east_2")
    assert lanes.right_neighbor[beside] == stable_id("east_1")
    assert not lanes.right_change[beside]  # cars stay out of the bicycle lane
    assert lanes.right_boundary_type[beside] == BoundaryType.SOLID
    assert lanes.left_boundary_type[_row(crossroads, "east_3")] == BoundaryType.SOLID  # oncoming traffic beyond


def test_every_lane_of_the_crossroads_joins_its_successors(crossroads: RoadNetwork) -> None:
    lanes = crossroads.lanes
    follows = lanes.successor_rows
    owner = np.repeat(np.arange(len(lanes)), np.diff(follows.offsets))
    for row, other in zip(owner, follows.values, strict=True):
        gap = np.linalg.norm(lanes.centerline[row][-1] - lanes.centerline[other][0])
        cyclists = LaneType.BICYCLE in lanes.type[[row, other]]
        assert gap < (1.0 if cyclists else 0.05)  # cyclists keep to the side of a lane
    inside = lanes.in_intersection
    assert np.all(np.diff(follows.offsets)[inside] == 1)
    assert np.all(np.diff(lanes.predecessor_rows.offsets)[inside] == 1)
    assert len(LaneGraph(crossroads)) == len(lanes)


@pytest.mark.parametrize(
    ("allowed", "name", "kind", "walkway"),
    [
        ("passenger bus bicycle", "", LaneType.VEHICLE, False),
        ("bus taxi bicycle", "", LaneType.BUS, False),
        ("bicycle", "", LaneType.BICYCLE, False),
        ("bicycle pedestrian", "", LaneType.BICYCLE, True),
        ("pedestrian wheelchair", "", None, True),
        ("tram", "", None, False),
        ("tram bus", "", LaneType.BUS, False),
        ("delivery truck", "", LaneType.RESTRICTED, False),
        ("emergency authority", "", LaneType.RESTRICTED, False),
        ("", "", LaneType.RESTRICTED, False),
        ("passenger", "parking", LaneType.PARKING, False),
        ("", "shoulder", LaneType.RESTRICTED, False),
        ("pedestrian", "sidewalk", None, True),
        ("passenger", "driving", LaneType.VEHICLE, False),
    ],
)
def test_lane_kinds(allowed: str, name: str, kind: LaneType | None, walkway: bool) -> None:
    assert lane_kind(frozenset(allowed.split()), name) == (kind, walkway)


def test_lane_changes_are_those_of_cars_where_there_are_any() -> None:
    car, bus, both = frozenset({"passenger"}), frozenset({"bus"}), frozenset({"passenger", "bus"})
    assert may_change(both, car, None)
    assert not may_change(both, bus, None)
    assert may_change(bus, both, "bus taxi")
    assert not may_change(bus, both, "taxi")


def test_ids_are_stable() -> None:
    """Ids are part of recordings; they must not change with a version."""
    assert stable_id("gneE0_1") == 465601084526772230
    assert signal_id("C", 18) == stable_id("C#18") > 0


def test_projection_to_an_origin(tmp_path: Path) -> None:
    pyproj = pytest.importorskip("pyproj")
    path = write_side_road(tmp_path / "side.net.xml")
    network = read_sumo(path, origin=(49.0, 9.0))
    utm = pyproj.Proj("+proj=utm +zone=32 +ellps=WGS84 +datum=WGS84 +units=m")
    lon, lat = utm(500000.0, 5427000.0 - 4.8, inverse=True)
    x = EARTH_RADIUS_M * np.cos(np.radians(49.0)) * np.radians(lon - 9.0)
    y = EARTH_RADIUS_M * np.radians(lat - 49.0)
    np.testing.assert_allclose(network.lanes.centerline[_row(network, "west_0")][0], [x, y], atol=1e-6)


def test_origins_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_side_road(tmp_path / "side.net.xml")
    with pytest.raises(MapError, match="no latitude and longitude"):
        read_sumo(path, origin=(149.0, 9.0))
    monkeypatch.setitem(sys.modules, "pyproj", None)
    with pytest.raises(MapError, match="pip install pyproj"):
        read_sumo(path, origin=(49.0, 9.0))
    with pytest.raises(MapError, match="has no projection"):
        read_sumo(_CROSSROADS, origin=(49.0, 9.0))


def test_missing_library_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_side_road(tmp_path / "side.net.xml")
    monkeypatch.setitem(sys.modules, "sumolib.net", None)
    with pytest.raises(MapError, match="pip install sumolib"):
        read_sumo(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("<net version", "<network version", "not well-formed XML|the root element is <network>"),
        ('speed="8.00"', 'speed="nan"', "lane side_0 has the speed 'nan'"),
        ('width="4.00"', 'width="-1"', "lane side_0 has the width '-1'"),
        ('length="80.00" ', "", "lane side_0 has no attribute 'length'"),
        ("102.00,-100.00 102.00,-20.00", "102.00,-100.00", "lane side_0 has fewer than two distinct points"),
        ("102.00,-100.00 102.00,-20.00", "1,nan 2,2", "lane side_0 has the point '1,nan'"),
        ("102.00,-100.00 102.00,-20.00", "1,1e9 2,2", "lane side_0 has the point '1,1e9'"),
        ('id="side_0"', 'id="side_1"', "lane side_1 is out of order"),
        ('id="side" from="S"', 'id="side"', "edge side has no attribute 'from'"),
        ('id="side" from="S"', 'id="side" from="X"', "edge side refers to the junction 'X'"),
        ('id="side" from', 'id="east" from', "edge east appears twice"),
        ('to="east" fromLane="0" toLane="0" via=":J_0_0"', 'to="north" fromLane="0" toLane="0"', "refers to 'north'"),
        ('fromLane="0" toLane="0" via=":J_0_0"', 'fromLane="7" toLane="0"', "a lane that its edge does not have"),
        ('fromLane="0" toLane="0" via=":J_0_0"', 'fromLane="x" toLane="0"', "a value that cannot be read"),
        ('via=":J_2_0"', 'via=":J_9_0"', "goes via lane :J_9_0, which the file does not have"),
        ('via=":J_3_0"', 'via=":J_2_0"', "goes via lane :J_2_0, which it has passed already"),
        ('response="001"', 'response="0x1"', "a request of junction J has a response"),
        ('index="2" response', 'index="-2" response', "a request of junction J has the index '-2'"),
        ('x="42.50"', 'x="here"', "junction A has the x 'here'"),
        ('dir="r" state="m"/>\n    <connection from=":A_0"', 'tl="T" dir="r" state="m"/>\n    <connection from=":A_0"',
         "no attribute 'linkIndex'"),
        ("</net>", "", "not well-formed XML"),
    ],
)  # fmt: skip
def test_broken_networks_are_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = write_side_road(tmp_path / "side.net.xml", (old, new))
    with pytest.raises(MapError, match=words) as refusal:
        read_sumo(path)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not well-formed XML"),
        (b"\x1f\x8bnot gzip", "cannot be read"),
        (gzip.compress(SIDE_ROAD.encode())[:500], "cannot be read"),
        (b"<routes/>", "the root element is <routes>, not <net>"),
        (b'<net version="1.20"/>', "has no lanes"),
        (b'<?xml version="1.0" encoding="nothing"?><net version="1.20"/>', "cannot be read|not well-formed"),
        (b'<net version="0.12"><succ edge="a" lane="a_0"/></net>', "before 0.13"),
    ],
)
def test_files_that_are_no_networks(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x.net.xml"
    path.write_bytes(content)
    with pytest.raises(MapError, match=words):
        read_sumo(path)


def test_networks_without_internal_lanes_are_refused(tmp_path: Path) -> None:
    text = re.sub(r'<edge id=":.*?</edge>', "", SIDE_ROAD, flags=re.S)
    text = re.sub(r'<connection from=":.*?/>', "", text)
    text = re.sub(r' via=":[^"]*"', "", text)
    path = tmp_path / "bare.net.xml"
    path.write_text(re.sub(r'intLanes="[^"]*"', 'intLanes=""', text))
    with pytest.raises(MapError, match="no-internal-links"):
        read_sumo(path)


_SPANS = [match.span(1) for match in re.finditer(r'="([^"]*)"', _CROSSROADS.read_text().replace("\n", " "))]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, len(_SPANS) - 1),
    st.sampled_from(["", "nan", "x", "-1", "99999", "1e400", "0", "a b", "1,2", "1,2 1,2", ":C_0_0", "all"]),
)
def test_any_damaged_attribute_is_read_or_refused(tmp_path: Path, place: int, value: str) -> None:
    text = _CROSSROADS.read_text().replace("\n", " ")
    start, end = _SPANS[place]
    path = tmp_path / "damaged.net.xml"
    path.write_text(text[:start] + value + text[end:])
    try:
        network = read_sumo(path)
    except MapError as error:
        assert str(error).startswith(str(path))
    else:
        LaneGraph(network)
