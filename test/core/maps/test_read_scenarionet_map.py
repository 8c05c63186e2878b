"""Maps in ScenarioNet's layout."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import shapely

from zoox_prediction.maps.areas import union_of
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.road_network import (
    NO_ID,
    BoundaryType,
    LaneType,
    MapError,
    RightOfWay,
    RoadNetwork,
    Turn,
)
from zoox_prediction.maps.scenarionet import lane_ids, read_scenarionet, road_network_from_features
from zoox_prediction.recording.datasets.restricted_pickle import load_restricted


def _lane(*points: tuple[float, ...], **more) -> dict:
    return {"type": "LANE_SURFACE_STREET", "polyline": np.array(points), **more}


def _nuscenes() -> dict:
    """Lane a, then connectors b (straight) and c (u-turn, to no lane), then d; a square border with a square hole."""
    ring = [(-10, -20), (60, -20), (60, 20), (-10, 20), (-10, -20)]
    hole = [(0, 10), (5, 10), (5, 15), (0, 15), (0, 10)]
    return {
        "a": _lane((0, 0), (10, 0), (20, 0), polygon=[(0, -2), (20, -2), (20, 2), (0, 2)]),
        "b": _lane((20.4, 0), (30, 0), speed_limit_kmh=100),
        "c": _lane((20.2, 0), (18, 0), speed_limit_kmh=100),
        "d": _lane((30, 0), (50, 0), polygon=[(30, -1.5), (50, -1.5), (50, 1.5), (30, 1.5)]),
        "boundary_0": {"type": "ROAD_LINE_SOLID_SINGLE_WHITE", "polyline": np.array(ring)},
        "boundary_1": {"type": "ROAD_LINE_SOLID_SINGLE_WHITE", "polyline": np.array(hole)},
        "divider": {"type": "ROAD_LINE_BROKEN_SINGLE_WHITE", "polyline": [(0, 2), (20, 2)]},
    }


@pytest.mark.parametrize(
    ("heading_rad", "follows"), [(0.0, True), (0.7, True), (-0.7, True), (0.9, False), (2.0, False)]
)
def test_a_lane_that_heads_elsewhere_does_not_follow(heading_rad: float, follows: bool) -> None:
    away = (10.2 + 9 * np.cos(heading_rad), 9 * np.sin(heading_rad))
    network = road_network_from_features({"a": _lane((0, 0), (10, 0)), "b": _lane((10.2, 0), away)})
    assert network.lanes.successors[0].tolist() == ([2] if follows else [])


def test_successors_are_inferred_where_lanes_meet_and_agree() -> None:
    network = road_network_from_features(_nuscenes(), "scene")
    assert network.lanes.ids.tolist() == [1, 2, 3, 4]
    assert [network.lanes.successors[row].tolist() for row in range(4)] == [[2], [4], [], []]
    assert network.source == "scene"


def test_connectors_are_intersections_where_they_meet_or_turn() -> None:
    features = _nuscenes() | {
        "crossing": _lane((25, -8), (25, 8)),
        "on": _lane((50, 0), (60, 0)),  # where the road merely goes on
        "away": _lane((50, 0), (54, 0.5), (57, 2), (58, 5)),
    }
    lanes, ids = road_network_from_features(features).lanes, lane_ids(features)
    inside = {name for name, lane in ids.items() if lanes.in_intersection[lanes.rows(lane)]}
    assert inside == {"b", "crossing", "away"}
    assert lanes.turn[lanes.rows([ids["b"], ids["away"], ids["on"]])].tolist() == [Turn.STRAIGHT, Turn.LEFT, Turn.NONE]


def test_nuscenes_connectors_and_placeholder_limits() -> None:
    lanes = road_network_from_features(_nuscenes()).lanes
    assert np.all(np.isnan(lanes.speed_limit_mps))
    np.testing.assert_allclose(lanes.left_boundary[0], [[0, 2], [20, 2]])
    np.testing.assert_allclose(lanes.right_boundary[0], [[0, -2], [20, -2]])
    np.testing.assert_allclose(lanes.left_boundary[1], [[20.2, 2], [30, 1.5]])  # as wide as the lanes that it joins
    np.testing.assert_allclose(lanes.right_boundary[1], [[20.2, -2], [30, -1.5]])
    half_width = LaneGraph(road_network_from_features(_nuscenes())).half_width_m
    np.testing.assert_allclose(half_width, [2, 1.75, 1.75, 1.5], atol=0.01)


def test_drivable_area_is_what_an_odd_number_of_borders_encloses() -> None:
    area = union_of(road_network_from_features(_nuscenes()).drivable_areas)
    assert shapely.contains_xy(area, [[30, 15], [2, 12], [70, 0]]).tolist() == [True, False, False]
    assert area.area == pytest.approx(70 * 40 - 25)
    without = {name: feature for name, feature in _nuscenes().items() if not name.startswith("boundary")}
    strips = union_of(road_network_from_features(without).drivable_areas)
    assert shapely.contains_xy(strips, [[10, 1.9], [25, 1.6], [25, 1.9]]).tolist() == [True, True, False]


def test_boundaries_are_what_lies_along_them() -> None:
    features = _nuscenes() | {
        "beside": _lane((0, 4), (20, 4), polygon=[(0, 2.1), (20, 2.1), (20, 6), (0, 6)]),
        "oncoming": _lane((20, -4), (0, -4), polygon=[(0, -6), (20, -6), (20, -2), (0, -2)]),
        "middle": {"type": "ROAD_LINE_SOLID_SINGLE_YELLOW", "polyline": [(-5, -2.2), (25, -2.2)]},
        "boundary_2": {"type": "ROAD_LINE_SOLID_SINGLE_WHITE", "polyline": [(0, 6.5), (20, 6.5), (9, 7), (0, 6.5)]},
    }
    network = road_network_from_features(features)
    lanes, ids = network.lanes, lane_ids(features)
    a, beside, oncoming, connector = lanes.rows([ids["a"], ids["beside"], ids["oncoming"], ids["b"]])
    assert lanes.left_boundary_type[[a, beside, oncoming, connector]].tolist() == [
        BoundaryType.DASHED,
        BoundaryType.ROAD_EDGE,
        BoundaryType.UNKNOWN,
        BoundaryType.UNKNOWN,
    ]
    assert lanes.right_boundary_type[[a, beside, oncoming]].tolist() == [
        BoundaryType.SOLID,
        BoundaryType.DASHED,
        BoundaryType.SOLID,
    ]
    assert (lanes.left_neighbor[a], lanes.right_neighbor[beside]) == (ids["beside"], ids["a"])
    assert lanes.right_neighbor[oncoming] == lanes.right_neighbor[a] == NO_ID
    assert np.flatnonzero(lanes.left_change).tolist() == [a]
    assert np.flatnonzero(lanes.right_change).tolist() == [beside]
    assert network.left_hand_traffic


def test_traffic_that_keeps_left_has_the_oncoming_lane_at_its_right() -> None:
    assert road_network_from_features({"a": _lane((0, 0), (20, 0)), "b": _lane((20, -4), (0, -4))}).left_hand_traffic
    assert not road_network_from_features({"a": _lane((0, 0), (20, 0)), "b": _lane((20, 4), (0, 4))}).left_hand_traffic


def test_intersections_turns_and_road_edges_of_nuscenes() -> None:
    features = _nuscenes()
    features["c"]["polyline"] = np.array([(20.2, 0), (24, 1), (26, 4), (26, 9)])
    network = road_network_from_features(features)
    assert network.lanes.turn.tolist() == [Turn.NONE, Turn.NONE, Turn.LEFT, Turn.NONE]
    inside = union_of(network.intersections)
    assert shapely.contains_xy(inside, [[29, 0], [26, 8], [10, 0], [40, 0]]).tolist() == [False, True, False, False]
    edges = shapely.MultiLineString(list(network.road_edges))
    for x, y, is_edge in ((25, -20, True), (2.5, 10, True), (60, 15, True), (60, 0, False), (-10, 0, False)):
        assert (edges.distance(shapely.Point(x, y)) < 1e-6) == is_edge, (x, y)


def test_gaps_are_closed_and_told() -> None:
    network = road_network_from_features({"a": _lane((0, 0), (10, 0)), "b": _lane((10.3, 0), (20, 0))})
    np.testing.assert_allclose(network.lanes.centerline[0][-1], network.lanes.centerline[1][0])
    assert len(network.repairs) == 1 and "0.30 m" in network.repairs[0]


def _waymo_lane(y: float, **more) -> dict:
    points = [(float(x), y) for x in range(0, 31, 10)]
    return _lane(*points, exit_lanes=[], width=np.array([(1.6, 0.0)] * 4), **more)


def _along(start: int, end: int, kind: str, feature: int = 0) -> dict[str, str]:
    return {
        "lane_start_index": str(start),
        "lane_end_index": str(end),
        "boundary_type": kind,
        "boundary_feature_id": str(feature),
    }


def test_waymo_boundaries_and_neighbors() -> None:
    broken, solid = "ROAD_LINE_BROKEN_SINGLE_WHITE", "ROAD_LINE_SOLID_SINGLE_WHITE"
    features = {
        "1": _waymo_lane(
            0.0,
            left_boundaries=[_along(0, 1, solid), _along(1, 3, broken)],
            right_boundaries=[_along(0, 3, "UNKNOWN", 9)],
            left_neighbor=[{"feature_id": "2", "boundaries": [_along(1, 3, broken)]}],
        ),
        "2": _waymo_lane(
            3.4,
            left_boundaries=[],
            right_boundaries=[_along(0, 3, broken)],
            right_neighbor=[{"feature_id": "1", "boundaries": [_along(0, 3, solid)]}],
        ),
        "9": {"type": "ROAD_EDGE_BOUNDARY", "polyline": np.array([(0, -2, 1), (30, -2, 1)])},
        "20": {"type": "STOP_SIGN", "position": np.array([31.0, 6.0, 0.0]), "lane": [2, 77]},
    }
    network = road_network_from_features(features)
    lanes = network.lanes
    assert lanes.left_boundary_type.tolist() == [BoundaryType.DASHED, BoundaryType.UNKNOWN]
    assert lanes.right_boundary_type.tolist() == [BoundaryType.ROAD_EDGE, BoundaryType.DASHED]
    assert lanes.left_change.tolist() == [True, False]
    assert lanes.right_change.tolist() == [False, False]  # what is told of the neighbour counts
    np.testing.assert_allclose(lanes.left_boundary[0][:, 1], 1.6)
    np.testing.assert_allclose(lanes.right_boundary[0][:, 1], -1.75)  # not told
    np.testing.assert_allclose(network.road_edges[0], [[0, -2], [30, -2]])
    assert lanes.right_of_way.tolist() == [RightOfWay.UNKNOWN, RightOfWay.STOP]
    assert lanes.stop_line[0] == NO_ID and lanes.stop_line[1] == network.stop_line_ids[0]
    np.testing.assert_allclose(network.stop_lines[0], [[30, 5.0], [30, 1.65]])


def test_scenario_files(tmp_path: Path) -> None:
    path = tmp_path / "sd_town.pkl"
    path.write_bytes(pickle.dumps({"map_features": _nuscenes()}))
    network = read_scenarionet(path)
    assert (network.source, len(network.lanes)) == ("sd_town", 4)
    for content, words in (
        (pickle.dumps({"tracks": {}}), "has no map_features"),
        (pickle.dumps([1]), "has no map_features"),
        (b"nothing", "is no complete pickle"),
        (pickle.dumps(Path()), "which plain data never needs"),
        (pickle.dumps({"map_features": {"a": {"type": "LANE_FREEWAY", "polyline": "x"}}}), "sd_town.pkl"),
    ):
        path.write_bytes(content)
        with pytest.raises(MapError, match=words):
            read_scenarionet(path)


def test_waymo_fields() -> None:
    features = {
        "7": _lane(
            (0, 0, 5), (10, 0, 5), exit_lanes=["8", 99], left_neighbor=[{"feature_id": 9}], speed_limit_mph=25.0
        ),
        8: _lane((10, 0, 5), (20, 0, 5), exit_lanes=[], interpolating=True, speed_limit_kmh=100.0),
        "9": {"type": "LANE_BIKE_LANE", "polyline": np.array([(0, 3), (10, 3)]), "exit_lanes": []},
        "20": {"type": "CROSSWALK", "polygon": np.array([(4, -2), (6, -2), (6, 5), (4, 5)])},
        "21": {"type": "STOP_SIGN", "position": np.zeros(3), "lane": [7]},
    }
    network = road_network_from_features(features)
    lanes = network.lanes
    rows = lanes.rows([7, 8, 9])
    assert lanes.successors[rows[0]].tolist() == [8]
    assert lanes.left_neighbor[rows].tolist() == [9, NO_ID, NO_ID]
    assert lanes.type[rows].tolist() == [LaneType.VEHICLE, LaneType.VEHICLE, LaneType.BICYCLE]
    assert lanes.in_intersection[rows].tolist() == [False, True, False]
    np.testing.assert_allclose(lanes.speed_limit_mps[rows], [25 * 0.44704, 100 / 3.6, np.nan])
    assert len(network.crosswalks) == 1


def test_lane_ids_do_not_depend_on_the_order() -> None:
    features = _nuscenes()
    assert lane_ids(features) == lane_ids(dict(reversed(features.items())))


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ({"type": "LANE_FREEWAY"}, "map feature x is a lane without a polyline"),
        (_lane((0, 0)), "map feature x has fewer than two"),
        (_lane((0, 0), (np.inf, 0)), "map feature x has a point that is not finite"),
    ],
)
def test_broken_lanes_are_named(feature: dict, words: str) -> None:
    with pytest.raises(MapError, match=words):
        road_network_from_features({"x": feature}, "scene-1")


def test_no_features_and_no_mapping() -> None:
    assert len(road_network_from_features({}).lanes) == 0
    with pytest.raises(MapError, match="not a mapping"):
        road_network_from_features([1])  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def nuscenes_scenes(recordings: Path) -> list[tuple[dict, RoadNetwork]]:
    scenes = []
    for file in sorted((recordings / "scenarionet_nuscenes").glob("*.pkl"))[:3]:
        scenario = load_restricted(file)
        scenes.append((scenario, road_network_from_features(scenario["map_features"], file.stem)))
    return scenes


def test_recorded_vehicles_drive_on_the_lanes_and_the_road(nuscenes_scenes: list) -> None:
    assert nuscenes_scenes
    for scenario, network in nuscenes_scenes:
        graph, area = LaneGraph(network), union_of(network.drivable_areas)
        position, yaw = [], []
        for track in scenario["tracks"].values():
            state = track["state"]
            moving = np.linalg.norm(state["velocity"], axis=1) > 2.0
            keep = np.asarray(state["valid"], dtype=bool) & moving & (track["type"] == "VEHICLE")
            position.append(state["position"][keep, :2])
            yaw.append(np.ravel(state["heading"])[keep])
        points, headings = np.concatenate(position), np.concatenate(yaw)
        answer = graph.assign(points, headings)
        assert (answer.lane[:, 0] >= 0).mean() > 0.97
        assert shapely.contains_xy(area, points).mean() > 0.95
        follows = graph.road_network.lanes.successor_rows
        assert len(follows.values) > 0.9 * len(graph)


def test_recorded_maps_know_their_boundaries(nuscenes_scenes: list) -> None:
    for scenario, network in nuscenes_scenes:
        lanes, ids = network.lanes, lane_ids(scenario["map_features"])
        named = lanes.rows([lane for name, lane in ids.items() if "polygon" in scenario["map_features"][name]])
        known = np.isin(lanes.left_boundary_type, (BoundaryType.SOLID, BoundaryType.DASHED, BoundaryType.ROAD_EDGE))
        assert known[named].mean() > 0.9
        assert lanes.left_change.sum() == pytest.approx(lanes.right_change.sum(), abs=5) and lanes.left_change.any()
        assert network.left_hand_traffic == scenario["metadata"]["map"].startswith("singapore")
        follows = lanes.successor_rows
        owner = np.repeat(np.arange(len(lanes)), np.diff(follows.offsets))
        gap = [
            np.linalg.norm(lanes.centerline[row][-1] - lanes.centerline[other][0])
            for row, other in zip(owner, follows.values, strict=True)
        ]
        assert np.mean(np.array(gap) > 0.5) < 0.05
        assert len(network.repairs) < 5
        assert len(network.road_edges) > 5
