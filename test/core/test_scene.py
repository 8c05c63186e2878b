"""The words that every part shares mean the same in code and in the messages."""

from __future__ import annotations

import re
from dataclasses import fields

import numpy as np
import pytest

from zoox_prediction.resources import resource_path
from zoox_prediction.scene import (
    DEFAULT_SIZE_M,
    NUM_CLASSES,
    AgentClass,
    Attribute,
    SignalState,
    Source,
    TrackedAgents,
    TrafficSignals,
)


@pytest.mark.parametrize(
    ("enumeration", "message", "prefix"),
    [
        (AgentClass, "TrackedAgent", "CLASS_"),
        (Attribute, "TrackedAgent", "ATTRIBUTE_"),
        (SignalState, "TrafficSignalArray", "STATE_"),
        (Source, "PredictedTrajectoryArray", "SOURCE_"),
    ],
)
def test_enumerations_equal_the_constants_of_the_messages(enumeration, message, prefix):
    text = resource_path(f"msg/{message}.msg").read_text()
    constants = {name: int(value) for name, value in re.findall(rf"{prefix}(\w+)\s*=\s*(\d+)", text)}
    assert constants == {member.name: int(member) for member in enumeration}


def agents() -> TrackedAgents:
    return TrackedAgents.from_states(
        5,
        np.array([4, 2, 9]),
        np.array([AgentClass.CAR, AgentClass.PEDESTRIAN, AgentClass.UNKNOWN]),
        np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        np.array([0.0, 1.0, 2.0]),
        np.array([[3.0, 4.0], [0.0, 1.0], [0.0, 0.0]]),
        sensors=(("front",), (), ("left", "right")),
    )


def test_agents_of_which_only_the_essentials_are_known():
    each = agents()
    assert len(each) == 3
    assert each.agent_class.tolist() == [0, 5, 7]
    assert each.speed.tolist() == [5.0, 1.0, 0.0]
    np.testing.assert_array_equal(each.size, DEFAULT_SIZE_M[[0, 5, 7]])
    np.testing.assert_array_equal(each.position[:, 2], 0.0)
    assert np.isnan(each.front_wheel_angle).all()
    np.testing.assert_array_equal(each.class_probabilities.sum(axis=1), 1.0)


@pytest.mark.parametrize("rows", [[2, 0], np.array([True, False, True]), np.array([], dtype=int), slice(1, None)])
def test_selected_agents_keep_all_their_fields(rows):
    chosen, everyone = agents().select(rows), agents()
    expected = np.arange(3)[rows]
    assert chosen.sensors == tuple(everyone.sensors[i] for i in expected)
    for each in fields(TrackedAgents):
        value = getattr(everyone, each.name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(chosen, each.name), value[expected])
    assert (chosen.stamp_ns, chosen.frame_id) == (5, "map")


def test_no_agents_have_the_shapes_of_some():
    none = TrackedAgents.empty(3)
    assert len(none) == 0
    for each in fields(TrackedAgents):
        value = getattr(none, each.name)
        if isinstance(value, np.ndarray):
            assert value.shape[1:] == getattr(agents(), each.name).shape[1:], each.name
    assert none.agent_class.shape == none.speed.shape == (0,)


def test_a_field_that_does_not_exist_is_named():
    with pytest.raises(TypeError, match="no field colour"):
        TrackedAgents.from_states(0, [], [], np.zeros((0, 2)), [], np.zeros((0, 2)), colour=np.zeros(0))


def test_fresh_signals():
    signals = TrafficSignals(
        10, np.array([1, 2, 3]), np.array([1, 2, 3]), np.array([0, 4_000_000_000, 7_000_000_000]), np.ones(3)
    )
    assert signals.fresh(5_000_000_000, 2.0).ids.tolist() == [2, 3]
    assert signals.fresh(5_000_000_000, 0.5).ids.tolist() == []


def test_default_sizes_are_one_per_class():
    assert DEFAULT_SIZE_M.shape == (NUM_CLASSES, 3)
    assert (DEFAULT_SIZE_M > 0.0).all()
