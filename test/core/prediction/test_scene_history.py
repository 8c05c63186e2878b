"""The scene that comes out of what arrived, and what happens to what should not have arrived."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.prediction.scene_history import EgoConfig, SceneHistory, SceneHistoryConfig
from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass, EgoState, TrackedAgents, TrafficSignals

START_NS = 1_700_000_000_000_000_000


def frame(time_s: float, ids=(1, 2), velocity=((10.0, 0.0), (0.0, 2.0)), **changes) -> TrackedAgents:
    """Agent i starts at (100 i, 0) and moves with its velocity."""
    ids = np.array(ids, dtype=np.int64)
    velocity = np.array(velocity, dtype=np.float64).reshape(len(ids), 2)
    position = np.column_stack([100.0 * ids, np.zeros(len(ids))]) + velocity * time_s
    agents = TrackedAgents.from_states(
        START_NS + round(time_s * 1e9),
        ids,
        np.full(len(ids), AgentClass.CAR),
        position,
        np.arctan2(velocity[:, 1], velocity[:, 0]),
        velocity,
    )
    return replace(agents, **changes)


def ego(time_s: float, speed: float = 5.0) -> EgoState:
    return EgoState(
        START_NS + round(time_s * 1e9), np.array([speed * time_s, 1.0]), 0.0, np.array([speed, 0.0]), yaw_rate=0.1
    )


def fed(times, **keywords) -> SceneHistory:
    history = SceneHistory()
    for time_s in times:
        assert history.add_agents(frame(time_s, **keywords)) == []
    return history


def changed(agents: TrackedAgents, name: str, row: int, value) -> TrackedAgents:
    array = np.array(getattr(agents, name), dtype=np.float64)
    array[row] = value
    return replace(agents, **{name: array})


def test_no_agents_yet_gives_no_scene():
    assert SceneHistory().scene() is None


def test_past_is_sampled_on_the_grid_and_interpolated():
    history = fed(np.arange(0.0, 2.3, 0.07))  # frames that never fall on the grid
    scene = history.scene()
    assert scene is not None
    assert scene.past_position.shape == (2, 21, 2)
    assert scene.past_valid.all()
    last = scene.agents.position[:, :2]
    steps = np.arange(-20, 1) * 0.1
    expected = last[:, None] + scene.agents.velocity[:, None] * steps[:, None]
    np.testing.assert_allclose(scene.past_position, expected, atol=1e-6)
    np.testing.assert_allclose(scene.past_velocity[0], [[10.0, 0.0]] * 21)


def test_past_before_the_first_frame_is_invalid():
    scene = fed(np.arange(0.0, 0.55, 0.1)).scene()
    assert scene.past_valid.sum(axis=1).tolist() == [6, 6]
    assert scene.past_valid[:, -6:].all()
    np.testing.assert_allclose(scene.past_position[:, 0], scene.agents.position[:, :2])  # held, finite


def test_holes_in_a_track_are_bridged_only_when_short():
    history = SceneHistory()
    for k in range(21):
        seen = k not in range(3, 6) and k not in range(9, 17)  # 0.4 s and 0.9 s between reports
        history.add_agents(frame(k * 0.1, ids=(1, 2)) if seen else frame(k * 0.1, ids=(2,), velocity=((0.0, 2.0),)))
    valid = history.scene().past_valid
    assert valid[1].all()
    assert np.flatnonzero(~valid[0]).tolist() == list(range(9, 17))


def test_yaw_is_interpolated_the_short_way():
    history = SceneHistory()
    history.add_agents(replace(frame(0.0), yaw=np.array([3.1, 0.0])))
    history.add_agents(replace(frame(0.2), yaw=np.array([-3.1, 0.0])))
    assert abs(history.scene().past_yaw[0, -2]) == pytest.approx(np.pi, abs=1e-9)


def test_agents_that_are_no_longer_reported_vanish_and_ids_may_change_order():
    history = SceneHistory()
    history.add_agents(frame(0.0, ids=(7, 3, 5), velocity=((1, 0), (2, 0), (3, 0))))
    history.add_agents(frame(0.1, ids=(5, 7), velocity=((3, 0), (1, 0))))
    scene = history.scene()
    assert scene.agents.ids.tolist() == [5, 7]
    np.testing.assert_allclose(scene.past_position[:, -2], [[500.0, 0.0], [700.0, 0.0]])


def test_a_scene_at_a_stamp_sees_nothing_later():
    history = fed(np.arange(0.0, 2.05, 0.1))
    scene = history.scene(START_NS + 1_050_000_000)
    assert scene.stamp_ns == START_NS + 1_000_000_000
    assert scene.agents.position[0, 0] == pytest.approx(110.0)
    assert history.scene(START_NS - 1) is None


def test_zero_agents_and_five_hundred():
    history = SceneHistory()
    assert history.add_agents(TrackedAgents.empty(START_NS)) == []
    assert len(history.scene()) == 0
    ids = tuple(range(500))
    assert history.add_agents(frame(0.1, ids=ids, velocity=np.ones((500, 2)))) == []
    assert history.add_agents(frame(0.2, ids=ids, velocity=np.ones((500, 2)))) == []
    assert history.scene().past_valid.sum() == 1000


def test_bad_position_is_dead_reckoned_then_dropped():
    history = fed([0.0, 0.1])
    for k in range(2, 10):
        problems = history.add_agents(changed(frame(k * 0.1), "position", 0, np.nan))
        scene = history.scene()
        assert len(problems) == 1
        assert "agent 1" in problems[0]
        if k * 0.1 <= 0.1 + 0.5 + 1e-9:
            np.testing.assert_allclose(scene.agents.position[0, :2], [100.0 + k, 0.0], atol=1e-9)
        else:  # the last good state is too old; dead-reckoned ones do not count as good
            assert scene.agents.ids.tolist() == [2]
            assert "not predicted" in problems[0]
    assert np.isfinite(history.scene().past_position).all()


def test_bad_position_of_a_new_agent_is_dropped_and_the_others_stay():
    history = SceneHistory()
    problems = history.add_agents(changed(frame(0.0), "position", 0, np.inf))
    assert problems == ["agent 1: the position is unusable and there is no past; not predicted"]
    assert history.scene().agents.ids.tolist() == [2]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_velocity_comes_from_the_past_or_is_zero(value):
    history = SceneHistory()
    assert len(history.add_agents(changed(frame(0.0), "velocity", 0, value))) == 1
    np.testing.assert_allclose(history.scene().agents.velocity, [[0.0, 0.0], [0.0, 2.0]])
    assert len(history.add_agents(changed(frame(0.1), "velocity", 0, value))) == 1
    np.testing.assert_allclose(history.scene().agents.velocity, [[10.0, 0.0], [0.0, 2.0]], atol=1e-9)


def test_bad_yaw_is_the_direction_of_motion():
    history = SceneHistory()
    assert "yaw" in history.add_agents(changed(frame(0.0), "yaw", 1, np.nan))[0]
    assert history.scene().agents.yaw[1] == pytest.approx(np.pi / 2)


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("size", [-4.0, 2.0, 1.5], "size"),
        ("size", 0.0, "size"),
        ("size", 1e6, "size"),
        ("size", np.nan, "size"),
        ("velocity", [500.0, 0.0], "500 m/s"),
        ("class_probabilities", 0.0, "class"),
        ("class_probabilities", np.nan, "class"),
        ("class_probabilities", -1.0, "class"),
        ("existence_probability", np.nan, "existence_probability"),
        ("acceleration", np.inf, "acceleration"),
        ("yaw_rate", np.nan, "yaw_rate"),
        ("pose_covariance", np.nan, "pose_covariance"),
        ("velocity_covariance", -np.eye(2), "velocity_covariance"),
    ],
)
def test_each_bad_value_is_reported_once_and_mended(field, value, word):
    history = SceneHistory()
    problems = history.add_agents(changed(frame(0.0), field, 0, value))
    assert len(problems) == 1
    assert "agent 1:" in problems[0]
    assert word in problems[0]
    agents, good = history.scene().agents, frame(0.0)
    for name in ("position", "yaw", "velocity", "size", "class_probabilities", "acceleration", "pose_covariance"):
        assert np.isfinite(getattr(agents, name)).all()
        np.testing.assert_array_equal(getattr(agents, name)[1], getattr(good, name)[1])
    assert np.linalg.norm(agents.velocity, axis=1).max() <= 100.0 + 1e-9
    assert (agents.size > 0).all()
    np.testing.assert_allclose(agents.class_probabilities.sum(axis=1), 1.0)
    if field == "class_probabilities":
        assert agents.agent_class[0] == AgentClass.UNKNOWN
    if field == "size":
        assert agents.size[0, 2] == (DEFAULT_SIZE_M[AgentClass.CAR, 2] if value != [-4.0, 2.0, 1.5] else 1.5)


def test_duplicate_ids_keep_the_one_that_continues_the_track():
    history = fed([0.0, 0.1])
    doubled = frame(0.2, ids=(1, 1, 2), velocity=((10, 0), (10, 0), (0, 2)))
    problems = history.add_agents(changed(doubled, "position", 0, [900.0, 0.0, 0.0]))
    assert problems == ["agent 1: the id is not unique; one agent is kept of each"]
    scene = history.scene()
    assert scene.agents.ids.tolist() == [1, 2]
    assert scene.agents.position[0, 0] == pytest.approx(102.0)


def test_duplicate_ids_without_a_past_keep_the_first_that_can_be_placed():
    history = SceneHistory()
    doubled = frame(0.0, ids=(4, 4, 4), velocity=((1, 0), (2, 0), (3, 0)))
    history.add_agents(changed(doubled, "position", 0, np.nan))
    scene = history.scene()
    assert scene.agents.ids.tolist() == [4]
    assert scene.agents.velocity[0, 0] == 2.0


def test_out_of_order_is_dropped_and_a_jump_back_resets():
    history = fed([0.0, 0.1, 5.0])
    history.add_ego(ego(5.0))
    assert "out of order" in history.add_agents(frame(4.5))[0]
    assert "twice" in history.add_agents(frame(5.0))[0]
    assert history.resets == 0
    assert history.newest_stamp_ns == START_NS + 5_000_000_000
    problems = history.add_agents(frame(0.0))
    assert len(problems) == 1
    assert "jumps back by 5.000 s" in problems[0]
    assert history.resets == 1
    scene = history.scene()
    assert scene.stamp_ns == START_NS
    assert scene.past_valid.sum() == 2
    assert scene.ego is None


def test_a_jump_back_of_the_ego_resets_once():
    history = fed([0.0, 5.0])
    history.add_ego(ego(5.0))
    assert "jumps back" in history.add_ego(ego(0.0))[0]
    assert history.scene() is None
    assert history.add_agents(frame(0.0)) == []
    assert history.resets == 1
    assert history.scene().ego is not None


def test_frames_other_than_map_are_dropped():
    history = SceneHistory()
    assert "'odom'" in history.add_agents(replace(frame(0.0), frame_id="odom"))[0]
    assert "'utm'" in history.set_road_network(RoadNetwork(frame_id="utm"))[0]
    assert history.scene() is None


def test_road_network_survives_a_reset():
    history = SceneHistory()
    network = RoadNetwork(source="town")
    assert history.set_road_network(network) == ["the road network has no lanes; agents follow their own motion"]
    history.reset()
    history.add_agents(frame(0.0))
    assert history.scene().road_network is network


def test_ego_is_interpolated_to_the_agents_stamp():
    history = SceneHistory(ego=EgoConfig(length_m=5.0, width_m=2.1, center_offset_m=1.2))
    for k in range(300):
        history.add_ego(ego(k * 0.01))
    history.add_agents(frame(2.505))
    scene = history.scene()
    assert scene.ego.stamp_ns == scene.stamp_ns
    np.testing.assert_allclose(scene.ego.position, [2.505 * 5.0, 1.0], atol=1e-9)
    assert scene.ego_past.shape == (21, 3)
    assert scene.ego_past_valid.all()
    np.testing.assert_allclose(scene.ego_past[0], [0.505 * 5.0, 1.0, 0.0], atol=1e-9)
    assert scene.ego_size == (5.0, 2.1)
    assert scene.ego_center_offset_m == 1.2


def test_old_ego_is_moved_on_then_left_out():
    history = SceneHistory()
    history.add_ego(ego(0.0))
    history.add_agents(frame(0.4))
    scene = history.scene()
    np.testing.assert_allclose(scene.ego.position, [2.0, 1.0])
    assert scene.ego.yaw == pytest.approx(0.04)
    assert history.problems == ()
    history.add_agents(frame(0.6))
    assert history.scene().ego is None
    assert "0.60 s older" in history.problems[0]


def test_no_ego_at_all_is_no_problem():
    history = fed([0.0])
    assert history.scene().ego is None
    assert history.problems == ()


def test_ego_that_is_not_finite_is_dropped():
    history = fed([0.0])
    assert len(history.add_ego(replace(ego(0.0), yaw=float("nan")))) == 1
    assert history.scene().ego is None


def test_fast_odometry_does_not_grow_the_past():
    history = fed([2.0])
    for k in range(4000):
        history.add_ego(ego(k * 0.0005))
    assert len(history._ego) < 350
    np.testing.assert_allclose(history.scene().ego_past[:, 0], 5.0 * np.arange(0, 2.05, 0.1), atol=5e-3)


def signals(time_s: float, ids, states, seen_s=None) -> TrafficSignals:
    stamp = START_NS + round(time_s * 1e9)
    seen = stamp if seen_s is None else START_NS + round(seen_s * 1e9)
    count = len(ids)
    return TrafficSignals(
        stamp, np.array(ids), np.array(states, dtype=np.uint8), np.full(count, seen, dtype=np.int64), np.ones(count)
    )


def test_signals_merge_and_go_stale():
    history = fed([0.0])
    assert history.add_signals(signals(0.0, [5, 3], [1, 3])) == []
    assert history.add_signals(signals(0.5, [3], [2])) == []
    scene = history.scene()
    assert scene.signals.ids.tolist() == [3, 5]
    assert scene.signals.state.tolist() == [2, 1]
    history.add_agents(frame(5.2))
    assert history.scene().signals.ids.tolist() == [3]
    assert "traffic signal 5" in history.problems[0]


def test_unknown_signal_state_is_unknown():
    history = fed([0.0])
    assert "signal 9 has the unknown state 77" in history.add_signals(signals(0.0, [8, 9], [1, 77]))[0]
    assert history.scene().signals.state.tolist() == [1, 0]


@pytest.mark.parametrize(
    "wrong",
    [{"past_s": 0.0}, {"time_step_s": -0.1}, {"max_ego_age_s": float("nan")}, {"max_extrapolation_s": -1.0}],
)
def test_config_ranges(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SceneHistoryConfig(**wrong)


def test_long_run_keeps_a_bounded_buffer():
    history = fed(np.arange(0.0, 30.0, 0.1))
    assert len(history._frames) <= 28
