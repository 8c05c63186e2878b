"""Maps in ScenarioNet's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely

from zoox_prediction.maps.areas import union_of
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.road_network import NO_ID, LaneType, MapError, RoadNetwork
from zoox_prediction.maps.scenarionet import lane_ids, road_network_from_features
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


def test_nuscenes_connectors_and_placeholder_limits() -> None:
    lanes = road_network_from_features(_nuscenes()).lanes
    assert lanes.in_intersection.tolist() == [False, True, True, False]
    assert np.all(np.isnan(lanes.speed_limit_mps))
    np.testing.assert_allclose(lanes.left_boundary[0], [[0, 2], [20, 2]])
    np.testing.assert_allclose(lanes.right_boundary[0], [[0, -2], [20, -2]])
    assert len(lanes.left_boundary[1]) == 0
    np.testing.assert_allclose(LaneGraph(road_network_from_features(_nuscenes())).half_width_m, [2, 1.75, 1.75, 1.5])


def test_drivable_area_is_what_an_odd_number_of_borders_encloses() -> None:
    area = union_of(road_network_from_features(_nuscenes()).drivable_areas)
    assert shapely.contains_xy(area, [[30, 15], [2, 12], [70, 0]]).tolist() == [True, False, False]
    assert area.area == pytest.approx(70 * 40 - 25)
    without = {name: feature for name, feature in _nuscenes().items() if not name.startswith("boundary")}
    strips = union_of(road_network_from_features(without).drivable_areas)
    assert shapely.contains_xy(strips, [[10, 1.9], [25, 1.6], [25, 1.9]]).tolist() == [True, True, False]


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
