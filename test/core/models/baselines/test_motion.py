"""Motion is estimated from the past, and a wrong tracked velocity does not spoil it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from baseline_scenes import make_scene

from zoox_prediction.config import flatten, from_mapping, unflatten
from zoox_prediction.models.baselines.classes import LimitsConfig
from zoox_prediction.models.baselines.config import BaselinesConfig
from zoox_prediction.models.baselines.motion import MotionConfig, estimate_motion
from zoox_prediction.scene import Attribute


def estimate(scene):
    return estimate_motion(scene, MotionConfig(), LimitsConfig())


def test_a_wrong_tracked_velocity_is_outvoted_by_the_past():
    scene = make_scene([[0.0, 0.0]], 0.0, 10.0)
    scene.agents.velocity[:] *= 0.5
    assert estimate(scene).speed[0] == pytest.approx(10.0, abs=0.1)


def test_an_agent_seen_once_has_its_tracked_velocity():
    scene = make_scene([[0.0, 0.0]], 0.5, 6.0)
    scene.past_valid[:, :-1] = False
    motion = estimate(scene)
    assert motion.speed[0] == pytest.approx(6.0, abs=0.1)
    assert motion.course[0] == pytest.approx(0.5, abs=0.01)


def test_turn_rate_and_acceleration_are_found():
    assert estimate(make_scene([[0.0, 0.0]], 0.0, 6.0, turn_rate=0.3)).turn_rate[0] == pytest.approx(0.3, abs=0.05)
    scene = make_scene([[0.0, 0.0]], 0.0, 8.0)
    times = (np.arange(21) - 20) * 0.1
    scene.past_position[0, :, 0] = 8.0 * times - 0.5 * 2.0 * times**2
    assert estimate(scene).acceleration[0] == pytest.approx(-2.0, abs=0.5)


def test_parked_and_reversing_are_recognised():
    parked = np.array([Attribute.PARKED], dtype=np.uint32)
    scene = make_scene([[0.0, 0.0]], 0.0, 2.0, attributes=parked, attributes_valid=parked)
    motion = estimate(scene)
    assert motion.standing[0] and motion.parked[0] and motion.speed[0] == 0.0
    assert estimate(make_scene([[0.0, 0.0]], 0.0, -2.0)).reversing[0]


def test_nothing_that_is_not_finite_comes_out():
    scene = make_scene(np.zeros((3, 2)), 0.0, 5.0)
    scene.agents.velocity[0] = np.nan
    scene.past_position[1, 3] = np.nan
    scene.past_yaw[1, 4] = np.inf
    scene.agents.velocity_covariance[2] = np.nan
    scene = replace(scene, agents=replace(scene.agents, size=np.zeros((3, 3))))
    motion = estimate(scene)
    for name in ("position", "course", "speed", "acceleration", "turn_rate", "jitter_m", "size"):
        assert np.isfinite(getattr(motion, name)).all(), name
    assert motion.size.min() > 0.0


def test_a_config_with_a_wrong_number_of_values_is_refused():
    with pytest.raises(ValueError, match="standing_speed_mps"):
        MotionConfig(standing_speed_mps=(0.5,))
    with pytest.raises(ValueError, match="max_speed_mps"):
        LimitsConfig(max_speed_mps=(1.0,) * 7 + (-1.0,))


def test_the_whole_configuration_round_trips_through_parameters():
    config = BaselinesConfig(motion=MotionConfig(memory_s=0.7))
    assert from_mapping(BaselinesConfig, unflatten(flatten(config))) == config
