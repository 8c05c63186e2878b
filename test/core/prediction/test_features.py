"""Scenes as arrays for the network: their shapes, frames and references, and scenes that lack this or that."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from feature_scenes import agents_at, busy_scene, crossroads, ego_at, moved, scene_of

from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.models.scene_features import (
    AGENT_COLUMNS,
    EGO_COLUMNS,
    ELEMENT_COLUMNS,
    KNOT_TIMES_S,
    LIMIT_COLUMNS,
    NETWORK_INPUTS,
    PATH_COLUMNS,
    FeatureConfig,
    SceneFeatures,
    concatenate,
)
from zoox_prediction.prediction.features import FeatureExtractor, plan_features
from zoox_prediction.prediction.plans import ego_futures
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.scene import AgentClass, CandidatePlans, TrackedAgents

_SMALL = RasterConfig(size_px=32, resolution_m=2.0, tile_cache_mb=8.0)


def _extract(scene) -> SceneFeatures:
    return FeatureExtractor(_SMALL)(scene)


def _column(features: SceneFeatures, name: str) -> np.ndarray:
    return features.agent_state[:, AGENT_COLUMNS.index(name)]


def _assert_sound(features: SceneFeatures) -> None:
    """Shapes, types, finite numbers, references to rows that are there."""
    scenes, agents = features.num_scenes, features.num_agents
    paths, elements = features.num_paths, len(features.element_scene)
    shapes = {
        "raster": ((scenes, 60, 32, 32), np.uint8),
        "agent_scene": ((agents,), np.int64),
        "agent_pose": ((agents, 4), np.float32),
        "agent_state": ((agents, len(AGENT_COLUMNS)), np.float32),
        "history": ((agents, 11, 6), np.float32),
        "neighbor": ((agents, 16), np.int64),
        "neighbor_valid": ((agents, 16), np.bool_),
        "ego_pose": ((scenes, 4), np.float32),
        "ego_state": ((scenes, len(EGO_COLUMNS)), np.float32),
        "ego_valid": ((scenes,), np.bool_),
        "plan": ((scenes, 16, 5), np.float32),
        "plan_valid": ((scenes, 16), np.bool_),
        "element_scene": ((elements,), np.int64),
        "element_pose": ((elements, 4), np.float32),
        "element_points": ((elements, 10, 2), np.float32),
        "element_state": ((elements, len(ELEMENT_COLUMNS)), np.float32),
        "agent_element": ((agents, 24), np.int64),
        "agent_element_valid": ((agents, 24), np.bool_),
        "path_agent": ((paths,), np.int64),
        "path_kind": ((paths,), np.int64),
        "path_points": ((paths, 64, 3), np.float32),
        "path_spacing": ((paths,), np.float32),
        "path_state": ((paths, 64, len(PATH_COLUMNS)), np.float32),
        "path_start_speed": ((paths,), np.float32),
        "limits": ((agents, len(LIMIT_COLUMNS)), np.float32),
        "is_vehicle": ((agents,), np.bool_),
    }
    assert tuple(shapes) == NETWORK_INPUTS
    for name, values in features.network_inputs().items():
        shape, dtype = shapes[name]
        assert values.shape == shape, name
        assert values.dtype == dtype, name
        assert np.isfinite(values).all(), name
    assert np.array_equal(np.unique(features.path_agent), np.arange(agents))  # everybody has one
    assert (np.diff(features.path_agent) >= 0).all()
    for rows, valid, count in (
        (features.neighbor, features.neighbor_valid, agents),
        (features.agent_element, features.agent_element_valid, elements),
    ):
        assert ((rows[valid] >= 0) & (rows[valid] < count)).all()
        assert (rows[~valid] == 0).all()
    assert np.array_equal(np.unique(features.agent_element[features.agent_element_valid]), np.arange(elements))


def test_everything_has_its_shape_and_is_finite():
    features = _extract(busy_scene())
    _assert_sound(features)
    assert features.num_agents == 10
    assert len(features.element_scene) > 20
    assert set(features.path_kind) == set(range(8))


def test_poses_and_history_are_in_their_frames():
    scene = scene_of(agents_at([(3.0, 7.0)], yaw=np.pi / 2, speed=4.0), **ego_at(3.0, 2.0, np.pi / 2, 5.0))
    features = _extract(scene)
    assert features.agent_pose[0] == pytest.approx([5.0, 0.0, 1.0, 0.0], abs=1e-5)
    assert features.ego_pose[0] == pytest.approx([scene.ego_center_offset_m, 0.0, 1.0, 0.0], abs=1e-5)
    assert features.ego_state[0] == pytest.approx([5.0, 0.0, 0.0, 4.6, 1.9], abs=1e-4)
    assert features.history[0, :, 0] == pytest.approx(np.arange(-10, 1) * 0.8, abs=1e-4)
    assert features.history[0, :, 1:] == pytest.approx(np.tile([0.0, 1.0, 0.0, 4.0, 1.0], (11, 1)), abs=1e-4)
    assert features.origin[0] == pytest.approx([3.0, 7.0])
    assert features.heading[0] == pytest.approx(np.pi / 2)


def test_the_ego_brakes_in_its_acceleration():
    ego = ego_at(0.0, 0.0, 0.0, 5.0)
    ago = 0.1 * np.arange(20, -1, -1)
    ego["ego_past"][:, 0] = -5.0 * ago - 0.5 * 2.0 * ago**2
    assert _extract(scene_of(**ego)).ego_state[0, 1] == pytest.approx(-2.0, abs=1e-3)


def test_history_leaves_out_what_was_not_seen():
    scene = scene_of(agents_at([(0.0, 0.0)], speed=2.0))
    scene.past_valid[0, :10] = False
    scene.past_position[0, 12] = np.nan
    history = _extract(scene).history[0]
    assert np.array_equal(history[:, 5], [0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1])
    assert not history[[0, 1, 2, 3, 4, 6]].any()


def test_state_tells_what_is_known_of_an_agent():
    features = _extract(busy_scene())
    assert _column(features, "on_left_indicator")[0] == 1.0
    assert _column(features, "known_left_indicator")[0] == 1.0
    assert _column(features, "known_right_indicator")[0] == 1.0
    assert _column(features, "on_right_indicator")[0] == 0.0
    assert _column(features, "known_brake_light")[0] == 0.0
    assert _column(features, "parked")[3] == 1.0
    assert _column(features, "front_wheel_angle")[3] == pytest.approx(0.4)
    assert _column(features, "front_wheel_angle_known").tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert _column(features, "reversing")[8] == 1.0
    assert _column(features, "speed")[[0, 1, 8]] == pytest.approx([9.0, 12.0, -1.5], abs=0.05)
    assert features.agent_state[:, :8].sum(axis=1) == pytest.approx(1.0)
    assert features.is_vehicle.tolist() == [True] * 4 + [False] * 4 + [True, False]


def test_an_attribute_that_was_not_observed_is_not_on():
    agents = agents_at([(0.0, 0.0)], attributes=np.array([8], np.uint32), attributes_valid=np.array([0], np.uint32))
    features = _extract(scene_of(agents))
    assert _column(features, "on_brake_light")[0] == 0.0


def test_neighbors_come_nearest_first_and_the_lower_row_of_equals():
    places = [(0, 0), (2, 0), (-2, 0), (0, 2), (0, 1), (500, 0)]
    features = _extract(scene_of(agents_at(places, AgentClass.PEDESTRIAN)))
    assert features.neighbor[0, :4].tolist() == [4, 1, 2, 3]
    assert features.neighbor_valid[0].sum() == 4
    assert not features.neighbor_valid[5].any()


def test_elements_are_the_nearest_and_know_what_signals_show():
    features = _extract(busy_scene())
    signalled = features.element_state[:, ELEMENT_COLUMNS.index("kind_signal")] > 0
    assert signalled.sum() == 3
    assert (features.element_state[signalled, ELEMENT_COLUMNS.index("signal_red")] == 1.0).all()
    assert features.element_pose[signalled, 0] == pytest.approx(-14.0 + 70.0, abs=1e-4)
    plain = features.element_state[:, ELEMENT_COLUMNS.index("signalled")] == 0
    first = ELEMENT_COLUMNS.index("signal_unknown")
    assert not features.element_state[plain, first : first + 6].any()
    place = features.agent_pose[:, None, :2] - features.element_pose[features.agent_element, :2]
    far = np.where(features.agent_element_valid, np.linalg.norm(place, axis=-1), 0.0)
    standing = _column(features, "speed") == 0.0
    assert (np.diff(far[standing][features.agent_element_valid[standing].all(axis=1)], axis=1) > -1e-3).all()


def test_a_turned_and_distant_scene_looks_the_same_to_its_agents():
    scene = busy_scene()
    first, second = _extract(scene), _extract(moved(scene, 2.1, np.array([4.5e5, 5.4e6])))
    assert np.array_equal(first.path_kind, second.path_kind)
    for name in ("agent_pose", "agent_state", "history", "ego_pose", "ego_state", "path_spacing", "path_start_speed"):
        assert getattr(first, name) == pytest.approx(getattr(second, name), abs=1e-3), name
    assert np.abs(first.path_points - second.path_points).max() < 1e-3
    smooth = [PATH_COLUMNS.index(name) for name in ("curvature", "speed_limit", "stop_line", "share")]
    assert np.abs(first.path_state - second.path_state)[..., smooth].max() < 1e-3
    assert (np.abs(first.path_state - second.path_state) > 1e-3).sum() < 5  # a flag may be up a point earlier
    assert np.array_equal(first.neighbor, second.neighbor)


def test_what_came_before_changes_no_bit():
    extractor, scene = FeatureExtractor(_SMALL), busy_scene()
    first = extractor(scene)
    extractor(moved(scene, 0.7, np.array([30.0, -20.0])))
    extractor(scene_of(agents_at([(5.0, 5.0)]), road_network=scene.road_network))
    again, fresh = extractor(scene), _extract(busy_scene())
    for each in fields(SceneFeatures):
        assert np.array_equal(getattr(first, each.name), getattr(again, each.name)), each.name
        assert np.array_equal(getattr(first, each.name), getattr(fresh, each.name)), each.name


def test_a_batch_refers_to_its_own_rows():
    scenes = [busy_scene(), scene_of(), busy_scene(signals=busy_scene().signals), scene_of(agents_at([(0, 0), (3, 0)]))]
    parts = [_extract(scene) for scene in scenes]
    batch = concatenate(parts)
    _assert_sound(batch)
    agents = [part.num_agents for part in parts]
    assert batch.num_scenes == 4
    assert np.array_equal(batch.agent_scene, np.repeat(np.arange(4), agents))
    assert np.array_equal(batch.path_agent[-parts[3].num_paths :], parts[3].path_agent + sum(agents[:3]))
    assert batch.neighbor[-2:, 0].tolist() == [21, 20]
    third = slice(10, 20)
    chosen = batch.agent_element[third][batch.agent_element_valid[third]]
    own = parts[2].agent_element[parts[2].agent_element_valid]
    assert np.array_equal(batch.element_pose[chosen], parts[2].element_pose[own])
    assert (batch.element_scene[chosen] == 2).all()


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no features"):
        concatenate([])


def _twice_named_lanes() -> RoadNetwork:
    network = crossroads()
    return replace(network, lanes=replace(network.lanes, ids=np.zeros(len(network.lanes), dtype=np.int64)))


@pytest.mark.parametrize(
    "scene",
    [
        scene_of(),
        scene_of(road_network=crossroads()),
        scene_of(agents_at([(0, 0)])),
        busy_scene(road_network=RoadNetwork()),
        busy_scene(road_network=_twice_named_lanes()),
        busy_scene(ego=None, ego_past=None, ego_past_valid=None),
        busy_scene(past_valid=np.eye(21, dtype=bool)[[20] * 10]),
        busy_scene(past_position=np.full((10, 21, 2), np.nan)),
        scene_of(agents_at([(9e5, -8e5), (0, 0)], speed=[30.0, 3.0]), road_network=crossroads()),
        scene_of(agents_at([(0, 0)] * 3, AgentClass.BUS, speed=40.0), road_network=crossroads()),
    ],
    ids=["nothing", "map only", "agent only", "no map", "no graph", "no ego", "no past", "lost past", "far", "stacked"],
)
def test_scenes_that_lack_something(scene):
    features = _extract(scene)
    _assert_sound(features)
    assert features.num_agents == len(scene)
    assert features.ego_valid[0] == (scene.ego is not None)


def test_500_agents():
    random = np.random.default_rng(3)
    agents = agents_at(
        random.uniform(-150, 150, (500, 2)),
        random.integers(0, 8, 500),
        random.uniform(-3, 3, 500),
        random.gamma(1, 4, 500),
    )
    features = _extract(scene_of(agents, road_network=crossroads()))
    _assert_sound(features)
    assert features.neighbor_valid.sum(axis=1).min() > 0


def test_numbers_that_are_not_finite_do_not_get_through():
    agents = busy_scene().agents
    broken = replace(
        agents,
        velocity=np.full((10, 2), np.nan),
        existence_probability=np.full(10, np.nan),
        age_s=np.full(10, np.inf),
        size=np.full((10, 3), np.nan),
    )
    _assert_sound(_extract(busy_scene(agents=broken)))


def test_plans_are_told_at_their_knots():
    scene = busy_scene()
    times = np.arange(1, 81) * 0.1
    plans = CandidatePlans(
        start_ns=0,
        time_step_s=0.1,
        position=np.array([[-70.0, 0.0]]) + np.stack([8.0 * times, 0.0 * times], axis=1)[None],
        yaw=np.zeros((1, 80)),
        speed=np.full((1, 80), 8.0),
        valid=times[None] < 4.05,
    )
    features = _extract(scene)
    plan, valid = plan_features(features, ego_futures(scene, plans, 80, 0.1))
    assert valid[0].tolist() == [True] * 8 + [False] * 8
    assert plan[0, :8, 0] == pytest.approx(8.0 * KNOT_TIMES_S[:8] + scene.ego_center_offset_m, abs=1e-4)
    assert plan[0, :8, 1:] == pytest.approx(np.tile([0.0, 1.0, 0.0, 8.0], (8, 1)), abs=1e-4)
    assert not plan[0, 8:].any()
    planned = features.with_plan(plan, valid)
    assert planned.plan_valid.any()
    assert np.array_equal(planned.path_points, features.path_points)


def test_a_config_out_of_range_is_refused():
    with pytest.raises(ValueError, match="num_neighbors"):
        FeatureConfig(num_neighbors=0)


def test_an_empty_scene_keeps_its_stamp_and_frame():
    features = _extract(replace(scene_of(TrackedAgents.empty(5), **ego_at(3.0, 4.0, 0.5, 1.0)), stamp_ns=5))
    assert features.stamp_ns.tolist() == [5]
    assert features.frame_center[0] == pytest.approx([3.0, 4.0])
    assert features.frame_yaw[0] == pytest.approx(0.5)
