"""Candidate paths: where they lead, how they start, and what lies along them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from feature_scenes import LIMIT_MPS, STOP_X, agents_at, busy_scene, crossroads, scene_of, signal_showing

from zoox_prediction.models.scene_features import PATH_COLUMNS, PathKind, SceneFeatures
from zoox_prediction.prediction.features import FeatureExtractor
from zoox_prediction.prediction.recorded_scenes import recorded_scenes
from zoox_prediction.prediction.scene_history import SceneHistoryConfig
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.recording.sources import find_one_recording, open_recording
from zoox_prediction.resources import resource_path
from zoox_prediction.scene import AgentClass, SignalState

_EXTRACT = FeatureExtractor(RasterConfig(size_px=32, resolution_m=2.0, tile_cache_mb=8.0))
_ROAD = crossroads()


def _features(position, agent_class=AgentClass.CAR, yaw=0.0, speed=0.0, signals=None, **more) -> SceneFeatures:
    agents = agents_at([position], agent_class, yaw, speed, **more)
    return _EXTRACT(scene_of(agents, road_network=_ROAD, **({} if signals is None else {"signals": signals})))


def _paths(features: SceneFeatures, kind: PathKind) -> np.ndarray:
    """(R, 64, 3) of a kind, in the map; headings as they are."""
    rows = np.flatnonzero(features.path_kind == kind)
    points = features.path_points[rows].astype(float)
    agent = features.path_agent[rows]
    cos, sin = np.cos(features.heading[agent])[:, None], np.sin(features.heading[agent])[:, None]
    x = features.origin[agent, :1] + cos * points[..., 0] - sin * points[..., 1]
    y = features.origin[agent, 1:] + sin * points[..., 0] + cos * points[..., 1]
    return np.stack([x, y, points[..., 2] + features.heading[agent][:, None]], axis=-1)


def _along(features: SceneFeatures, row: int, name: str) -> np.ndarray:
    return features.path_state[row, :, PATH_COLUMNS.index(name)]


def test_headings_lead_along_the_points():
    features = _EXTRACT(busy_scene())
    heading, spacing = features.path_points[..., 2].astype(float), features.path_spacing[:, None].astype(float)
    middle = 0.5 * (heading[:, 1:] + heading[:, :-1])
    way = np.stack([np.cumsum(spacing * np.cos(middle), axis=1), np.cumsum(spacing * np.sin(middle), axis=1)], axis=-1)
    apart = np.linalg.norm(way - features.path_points[:, 1:, :2], axis=-1).max(axis=1)
    assert (apart < 0.01 * 63.0 * spacing[:, 0]).all()
    assert not features.path_points[:, 0, :2].any()
    assert np.abs(np.diff(heading, axis=1)).max() < 1.0


def test_paths_start_as_their_agents_move():
    features = _EXTRACT(busy_scene())
    moving = features.path_start_speed > 2.0
    lanes = np.isin(features.path_kind, (PathKind.LANE, PathKind.LANE_CHANGE, PathKind.ARC, PathKind.STRAIGHT))
    assert (moving & lanes).sum() > 8
    assert np.abs(features.path_points[moving & lanes, 0, 2]).max() < 0.05


@pytest.mark.parametrize(("speed", "reach"), [(0.0, 56.0), (10.0, 136.0)])
def test_paths_reach_as_far_as_the_agent_may_get(speed, reach):
    features = _features((-150.0, 0.0), speed=speed)
    assert 63.0 * features.path_spacing == pytest.approx(reach, rel=0.01)


def test_walkers_paths_are_short():
    features = _features((-50.0, -20.0), AgentClass.PEDESTRIAN, speed=1.4)
    assert 63.0 * features.path_spacing == pytest.approx((1.4 + 1.5) * 8.0, rel=0.05)


def test_a_car_before_a_fork_has_both_ways():
    paths = _paths(_features((-40.0, 3.9), yaw=0.05, speed=9.0), PathKind.LANE)
    ends = paths[:, -1]
    straight, left = ends[np.argmin(ends[:, 1])], ends[np.argmax(ends[:, 1])]
    assert len(paths) == 2
    assert straight[1] == pytest.approx(3.5, abs=0.3)
    assert straight[0] > 60.0
    assert left[0] == pytest.approx(0.0, abs=0.3)
    assert left[1] > 60.0
    assert left[2] == pytest.approx(np.pi / 2, abs=0.02)
    assert np.allclose(paths[:, 0], [-40.0, 3.9, 0.05], atol=0.02)


def test_a_car_may_change_lanes_now():
    ends = _paths(_features((-120.0, 0.0), speed=9.0), PathKind.LANE_CHANGE)[:, -1]
    assert len(ends) == 1
    assert ends[0, 1] == pytest.approx(3.5, abs=0.05)


def test_a_car_may_change_lanes_behind_the_junction():
    paths = _paths(_features((-8.0, 0.0), speed=9.0), PathKind.LANE_CHANGE)
    assert len(paths) == 1
    inside = paths[0, :, 0] < 9.0
    assert np.abs(paths[0, inside, 1]).max() < 0.05
    assert paths[0, -1, 1] == pytest.approx(3.5, abs=0.05)


def test_a_parked_car_may_join_the_lane_or_roll_back():
    features = _features(
        (-80.0, -3.2), attributes=np.array([512], np.uint32), attributes_valid=np.array([512], np.uint32)
    )
    assert not len(_paths(features, PathKind.LANE))
    joining, back = _paths(features, PathKind.JOIN), _paths(features, PathKind.REVERSE)
    assert joining[0, -1, 1] == pytest.approx(0.0, abs=0.05)
    assert joining[0, 0] == pytest.approx([-80.0, -3.2, 0.0], abs=1e-6)
    assert back[0, -1, 0] < -100.0
    assert abs(back[0, 0, 2]) == pytest.approx(np.pi)


def test_a_car_across_the_road_may_turn_into_it():
    joining = _paths(_features((-80.0, -4.5), yaw=1.5, speed=1.8), PathKind.JOIN)
    assert joining[0, 0, 2] == pytest.approx(1.5, abs=0.02)
    assert joining[0, -1] == pytest.approx([joining[0, -1, 0], 0.0, 0.0], abs=0.05)
    assert joining[0, -1, 0] > -50.0


def test_turned_wheels_bend_the_path_of_a_car_that_stands():
    features = _features((-80.0, -3.2), front_wheel_angle=np.array([0.4]))
    assert _paths(features, PathKind.ARC)[0, -1, 1] > 5.0


def test_a_reversing_car_goes_on_backwards():
    features = _features((-80.0, 0.2), speed=-1.5)
    row = int(np.flatnonzero(features.path_kind == PathKind.REVERSE)[0])
    assert features.path_points[row, -1, 0] < -50.0
    assert features.path_start_speed[row] == pytest.approx(1.5, abs=0.05)
    assert (features.path_start_speed[features.path_kind == PathKind.STRAIGHT] == 0.0).all()


def test_a_cyclist_is_not_kept_to_the_lane():
    kinds = set(_features((-80.0, 0.5), AgentClass.CYCLIST, speed=5.0).path_kind)
    assert {PathKind.LANE, PathKind.ARC, PathKind.STRAIGHT, PathKind.VEER} <= kinds


def test_a_walker_may_cross_and_knows_where():
    features = _features((22.0, -7.0), AgentClass.PEDESTRIAN, yaw=1.2, speed=1.4)
    row = int(np.flatnonzero(features.path_kind == PathKind.CROSSWALK)[0])
    path = _paths(features, PathKind.CROSSWALK)[0]
    on = _along(features, row, "on_crosswalk") > 0.0
    assert np.array_equal(on, (np.abs(path[:, 1] - 2.0) <= 6.0) & (np.abs(path[:, 0] - 22.0) <= 2.0))
    assert on.sum() > 20
    assert path[-1, 1] > 8.0


def test_a_walker_may_turn_aside_to_both_sides():
    turned = _paths(_features((-50.0, -20.0), AgentClass.PEDESTRIAN, speed=1.4), PathKind.VEER)[:, -1, 2]
    assert turned.min() < -1.0
    assert turned.max() > 1.0
    assert turned.sum() == pytest.approx(0.0, abs=1e-3)


def test_a_car_off_the_road_turns_no_tighter_than_it_can():
    features = _features((-50.0, -60.0))
    rows = np.flatnonzero(features.path_kind == PathKind.VEER)
    bend = features.path_state[rows, :, PATH_COLUMNS.index("curvature")]
    assert len(rows) == 4
    assert 0.1 < np.abs(bend).max() < features.limits[0, 3]


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (SignalState.RED, "signal_red"),
        (SignalState.YELLOW, "signal_yellow"),
        (SignalState.GREEN, "signal_green"),
    ],
)
def test_a_signal_is_told_at_its_line(state, name):
    features = _features((-41.3, 0.0), speed=9.0, signals=signal_showing(state))
    row = int(np.flatnonzero(features.path_kind == PathKind.LANE)[0])
    arc = np.arange(64) * features.path_spacing[row]
    line, told = _along(features, row, "stop_line"), _along(features, row, name) > 0.0
    # Between the two points beside the line, the weights of the tent say where it is.
    assert (line * arc).sum() / line.sum() == pytest.approx(STOP_X + 41.3, abs=0.05)
    assert line.sum() == pytest.approx(1.0, abs=1e-4)
    assert arc[told].min() > STOP_X + 41.3 - features.path_spacing[row]
    assert 12.0 < arc[told].max() - arc[told].min() < 20.0
    others = {"signal_red", "signal_yellow", "signal_green"} - {name}
    assert not any(_along(features, row, other).any() for other in others)


def test_a_line_that_was_passed_is_not_told():
    features = _features((-9.0, 0.0), speed=9.0, signals=signal_showing(SignalState.RED))
    row = int(np.flatnonzero(features.path_kind == PathKind.LANE)[0])
    assert not _along(features, row, "stop_line").any()
    assert not _along(features, row, "signal_red").any()


@pytest.mark.parametrize(("state", "yields"), [(SignalState.UNKNOWN, True), (SignalState.GREEN, False)])
def test_a_sign_counts_where_no_signal_works(state, yields):
    features = _features((-40.0, 3.5), speed=9.0, signals=signal_showing(state))
    lanes = features.path_kind == PathKind.LANE
    turns = lanes & (features.path_points[:, -1, 1] > 20.0)
    across = lanes & ~turns
    assert turns.sum() == 1
    assert features.path_state[turns, :, PATH_COLUMNS.index("yields")].any() == yields
    assert not features.path_state[across, :, PATH_COLUMNS.index("yields")].any()


def test_lanes_are_told_along_paths():
    features = _features((-40.0, 0.0), speed=9.0)
    row = int(np.flatnonzero(features.path_kind == PathKind.LANE)[0])
    x = _paths(features, PathKind.LANE)[0, :, 0]
    assert _along(features, row, "speed_limit") == pytest.approx(LIMIT_MPS)
    assert (_along(features, row, "speed_limit_known") == 1.0).all()
    assert (_along(features, row, "on_lane") == 1.0).all()
    sure = np.abs(np.abs(x) - 10.0) > 2.5  # not beside the ends of the junction
    assert np.array_equal(_along(features, row, "in_intersection")[sure] > 0.0, (np.abs(x) < 10.0)[sure])
    assert np.array_equal(_along(features, row, "on_crosswalk") > 0.0, np.abs(x - 22.0) <= 2.0)
    free = int(np.flatnonzero(features.path_kind == PathKind.ARC)[0])
    assert not features.path_state[free, :, : PATH_COLUMNS.index("share")].any()


def test_curvature_is_that_of_the_bend():
    features = _features((-30.0, 3.5), speed=3.0)
    left = (features.path_kind == PathKind.LANE) & (features.path_points[:, -1, 1] > 10.0)
    row = int(np.flatnonzero(left)[0])
    assert _along(features, row, "curvature").max() == pytest.approx(0.1, abs=0.03)


def test_a_path_goes_on_straight_beyond_the_map():
    features = _features((250.0, 0.0), speed=20.0)
    path = _paths(features, PathKind.LANE)[0]
    row = int(np.flatnonzero(features.path_kind == PathKind.LANE)[0])
    assert path[-1] == pytest.approx([250.0 + 63.0 * features.path_spacing[row], 0.0, 0.0], abs=0.1)
    off = path[:, 0] > 304.0
    assert off.sum() > 20
    assert not _along(features, row, "on_lane")[off].any()


def test_shares_of_the_lanes_sum_up_to_one():
    features = _EXTRACT(replace(busy_scene(), road_network=_ROAD))
    lanes = features.path_kind == PathKind.LANE
    total = np.bincount(features.path_agent[lanes], weights=features.path_state[lanes, 0, PATH_COLUMNS.index("share")])
    assert total[np.unique(features.path_agent[lanes])] == pytest.approx(1.0, abs=1e-5)


def test_what_vehicles_did_next_is_along_some_path():
    log = open_recording(find_one_recording(resource_path("recordings")))
    apart = []
    for scene in recorded_scenes(log, SceneHistoryConfig(), 2.0, 1.0, 8.0):
        features, future = _EXTRACT(scene), log.future(scene.agents.ids, scene.stamp_ns, 0.1, 80)
        drives = features.is_vehicle & (np.linalg.norm(scene.agents.velocity, axis=1) > 1.0)
        for row in np.flatnonzero(drives & future.valid.all(axis=1)):
            apart.append(_farthest(features, row, future.position[row, ::4]))
    assert len(apart) > 50
    assert np.mean(np.array(apart) < 1.5) > 0.95


def _farthest(features: SceneFeatures, agent: int, positions: np.ndarray) -> float:
    """How far map positions (T, 2) stray from the path of an agent that they keep closest to [m]."""
    offset = positions - features.origin[agent]
    cos, sin = np.cos(features.heading[agent]), np.sin(features.heading[agent])
    place = np.stack([cos * offset[:, 0] + sin * offset[:, 1], cos * offset[:, 1] - sin * offset[:, 0]], axis=-1)
    lines = shapely.linestrings(features.path_points[features.path_agent == agent, :, :2].astype(float))
    return float(shapely.distance(lines[:, None], shapely.points(place)).max(axis=1).min())
