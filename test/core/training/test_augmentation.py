"""What training takes from scenes and adds to them, which agents count how much, and in which order samples come."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from synthetic_samples import synthetic_sample

from zoox_prediction.models.scene_features import (
    AGENT_COLUMNS,
    ELEMENT_COLUMNS,
    PATH_COLUMNS,
    PathKind,
    SceneFeatures,
)
from zoox_prediction.raster.channels import load_channel_table
from zoox_prediction.scene import AgentClass
from zoox_prediction.training.augmentation import (
    AugmentationConfig,
    augmented,
    noisy,
    shortened,
    without_attributes,
    without_map,
    without_signals,
)
from zoox_prediction.training.balance import BalanceConfig, agent_weights, drawn
from zoox_prediction.training.sampling import SampleOrder

TABLE = load_channel_table()
FEATURES = synthetic_sample(0, 4).features
QUIET = AugmentationConfig(**dict.fromkeys(AugmentationConfig.__dataclass_fields__, 0.0))


def _full_raster(features: SceneFeatures) -> SceneFeatures:
    return replace(features, raster=np.full_like(features.raster, 200))


def test_nothing_changes_when_nothing_is_asked_for():
    found, shift = augmented(FEATURES, QUIET, TABLE, np.random.default_rng(0))
    assert not shift.any()
    for each in fields(SceneFeatures):
        np.testing.assert_array_equal(getattr(found, each.name), getattr(FEATURES, each.name), err_msg=each.name)


def test_the_same_generator_gives_the_same_scene():
    config = AugmentationConfig(without_map=0.5, without_attributes=0.5, short_history=0.5)
    found = [augmented(FEATURES, config, TABLE, np.random.default_rng(3))[0] for _ in range(2)]
    for each in fields(SceneFeatures):
        np.testing.assert_array_equal(*(getattr(one, each.name) for one in found), err_msg=each.name)


def test_without_the_map_no_channel_element_or_path_of_it_is_left():
    found = without_map(_full_raster(FEATURES), TABLE)
    of_map = [TABLE.index(channel.name) for channel in TABLE.groups["map"]]
    others = np.setdiff1d(np.arange(len(TABLE)), of_map)
    assert not found.raster[:, of_map].any() and (found.raster[:, others] == 200).all()
    assert len(found.element_pose) == len(found.element_scene) == 0 and not found.agent_element_valid.any()
    assert found.path_kind.tolist() == [PathKind.STRAIGHT] * 4
    assert found.path_agent.tolist() == [0, 1, 2, 3]
    share = PATH_COLUMNS.index("share")
    assert not np.delete(found.path_state, share, axis=-1).any() and (found.path_state[..., share] > 0.0).all()
    only_lanes = replace(FEATURES, path_kind=np.full_like(FEATURES.path_kind, PathKind.LANE))
    assert set(without_map(only_lanes, TABLE).path_agent) == {0, 1, 2, 3}  # every agent keeps a path


def test_without_signals_lanes_are_those_of_unknown_signals():
    features = replace(FEATURES, raster=np.zeros_like(FEATURES.raster), element_state=FEATURES.element_state.copy())
    features.raster[:, TABLE.index("signal_red"), 3, 4] = 255
    features.element_state[0, ELEMENT_COLUMNS.index("signalled")] = 1.0
    features.element_state[0, ELEMENT_COLUMNS.index("signal_red")] = 1.0
    found = without_signals(features, TABLE)
    assert found.raster[0, TABLE.index("signal_unknown"), 3, 4] == 255
    assert found.raster.sum() == 255
    assert found.element_state[0, ELEMENT_COLUMNS.index("signal_red")] == 0.0
    assert found.element_state[0, ELEMENT_COLUMNS.index("signal_unknown")] == 1.0
    assert found.element_state[1, ELEMENT_COLUMNS.index("signal_unknown")] == 0.0
    assert not found.path_state[..., PATH_COLUMNS.index("signal_red")].any()
    assert features.raster[0, TABLE.index("signal_red"), 3, 4] == 255  # what was given stays


def test_attributes_are_taken_from_the_agents_that_are_named():
    features = _full_raster(FEATURES)
    rows = np.array([True, False, False, True])
    found = without_attributes(features, rows)
    known = AGENT_COLUMNS.index("known_brake_light")
    assert found.agent_state[:, known].tolist() == [0.0, 1.0, 1.0, 0.0]
    kept = [row for row, name in enumerate(AGENT_COLUMNS) if name in ("length", "speed", "class_car", "existence")]
    np.testing.assert_array_equal(found.agent_state[:, kept], features.agent_state[:, kept])
    assert (found.raster == 200).all()
    all_agents = without_attributes(features, np.ones(4, dtype=bool), TABLE)
    assert not all_agents.raster[:, TABLE.index("brake_light")].any()
    assert (all_agents.raster[:, TABLE.index("existence_probability")] == 200).all()


def test_a_short_history_keeps_the_newest_steps():
    found = shortened(FEATURES, 1.0, np.random.default_rng(0))
    valid = found.history[..., 5] > 0.0
    assert valid[:, -2:].all() and not valid.all()
    assert (np.diff(valid.astype(int), axis=1) >= 0).all()
    assert not found.history[~valid].any()
    np.testing.assert_array_equal(found.history[valid], FEATURES.history[valid])


def test_noise_moves_the_frame_and_leaves_the_world_where_it_is():
    config = replace(QUIET, position_noise_m=0.3)
    found, shift = noisy(FEATURES, config, np.random.default_rng(0))
    assert 0.1 < np.abs(shift).mean() < 1.0
    cos, sin = FEATURES.agent_pose[:, 2], FEATURES.agent_pose[:, 3]
    world = np.stack([cos * shift[:, 0] - sin * shift[:, 1], sin * shift[:, 0] + cos * shift[:, 1]], axis=1)
    np.testing.assert_allclose(found.agent_pose[:, :2] - FEATURES.agent_pose[:, :2], world, atol=1e-5)
    jitter = found.history[..., :2] + shift[:, None] - FEATURES.history[..., :2]
    assert np.abs(jitter.mean(axis=1)).max() < 0.4 and 0.2 < jitter.std() < 0.4


def test_noise_of_the_speed_is_that_of_the_paths_too():
    config = replace(QUIET, speed_noise=0.1, speed_noise_mps=0.2)
    state = FEATURES.agent_state.copy()
    state[0, AGENT_COLUMNS.index("standing")] = 1.0
    features = replace(FEATURES, agent_state=state)
    found, _ = noisy(features, config, np.random.default_rng(0))
    column = AGENT_COLUMNS.index("speed")
    change = found.agent_state[:, column] - state[:, column]
    assert change[0] == 0.0 and (change[1:] != 0.0).all()
    np.testing.assert_allclose(
        found.path_start_speed - features.path_start_speed, change[features.path_agent], atol=1e-5
    )


def _weights(speed, end_speed, moved, turned=0.0, agent_class=AgentClass.CAR, steps=80, scored=True):
    position = np.zeros((1, 80, 2))
    position[0, :, 0] = np.linspace(0.0, moved, 80)
    return agent_weights(
        np.array([agent_class]),
        np.array([speed]),
        position,
        np.full((1, 80), turned),
        np.full((1, 80), end_speed),
        np.arange(80)[None] < steps,
        np.array([scored]),
        BalanceConfig(),
    )[0]


def test_weights_of_what_agents_do():
    config = BalanceConfig()
    assert _weights(0.0, 0.0, 0.1) == config.stays
    assert _weights(0.0, 8.0, 30.0) == config.drives_off
    assert _weights(8.0, 0.0, 20.0) == config.stops
    assert _weights(8.0, 8.0, 60.0) == 1.0
    assert _weights(8.0, 8.0, 40.0, turned=1.2) == config.turns
    assert _weights(8.0, 8.0, 60.0, agent_class=AgentClass.CYCLIST) == config.groups[1]
    assert _weights(8.0, 8.0, 60.0, steps=9) == 0.0  # less than a second is known
    assert _weights(8.0, 8.0, 60.0, steps=10) == 1.0
    assert _weights(8.0, 8.0, 60.0, scored=False) == 0.0


def test_light_agents_count_rarely_but_as_much_on_average():
    weight = np.tile([0.0, 0.25, 1.0, 2.0], (4000, 1))
    found = drawn(weight.ravel(), np.random.default_rng(0)).reshape(weight.shape)
    assert set(np.unique(found[:, 1])) == {0.0, 1.0}
    np.testing.assert_allclose(found.mean(axis=0), [0.0, 0.25, 1.0, 2.0], atol=0.03)


def test_every_sample_comes_once_per_epoch_in_another_order():
    order = SampleOrder(num_samples=10, batch_size=4, seed=1)
    batches = order.batches(0)
    keys = [key for _ in range(5) for key in next(batches)]
    assert [position for position, _ in keys] == list(range(20))
    first, second = ([sample for _, sample in keys[start : start + 10]] for start in (0, 10))
    assert sorted(first) == sorted(second) == list(range(10)) and first != second
    again = order.batches(3)
    assert [next(again), next(again)] == [keys[12:16], keys[16:20]]


def test_processes_share_a_batch():
    whole = SampleOrder(10, 4, seed=1).batch(7)
    parts = [SampleOrder(10, 4, seed=1, rank=rank, num_processes=2).batch(7) for rank in range(2)]
    assert sorted(parts[0] + parts[1]) == whole
    draws = [SampleOrder(10, 4, seed=1, rank=rank).random(5).uniform() for rank in range(2)]
    assert draws[0] == draws[1]  # what is random about a sample does not depend on who gets it
    with pytest.raises(ValueError, match="multiple of the 3 processes"):
        SampleOrder(10, 4, seed=1, num_processes=3)
