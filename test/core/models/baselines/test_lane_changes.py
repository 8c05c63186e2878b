"""Changes to a neighbouring lane: where they are allowed, what announces them, and how they are driven."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from baseline_scenes import make_scene, two_lanes

from zoox_prediction.models.baselines.lane_changes import LaneChangeConfig
from zoox_prediction.models.baselines.lane_following import LaneFollowing
from zoox_prediction.models.baselines.modes import ModeKind
from zoox_prediction.scene import AgentClass, Attribute

LEFT, RIGHT, HAZARD = Attribute.LEFT_INDICATOR, Attribute.RIGHT_INDICATOR, Attribute.HAZARD


def change_of(scene, predictor=LaneFollowing):
    """The one mode of agent 0 that changes lanes, None when it has none."""
    _, _, modes = predictor().candidates(scene)
    rows = np.flatnonzero((modes.agent == 0) & (modes.kind == ModeKind.LANE_CHANGE))
    assert len(rows) <= 1
    return modes.select(rows) if len(rows) else None


def share_of(*others, y=0.0, yaw=0.0, lit=None):
    """The share of the change of a car at (0, y) with others at (x, y, speed); `lit` of observed indicators."""
    table = np.array([(0.0, y, 10.0), *others])
    attributes = {}
    if lit is not None:
        attributes = {
            "attributes": np.full(len(table), lit, np.uint32),
            "attributes_valid": np.full(len(table), LEFT | RIGHT | HAZARD, np.uint32),
        }
    yaws = np.append(yaw, np.zeros(len(others)))
    return change_of(make_scene(table[:, :2], yaws, table[:, 2], road_network=two_lanes(), **attributes)).share[0]


def test_a_change_ends_on_the_other_centreline_without_a_jerk():
    for speed in (4.0, 10.0, 25.0):
        mode = change_of(make_scene([[0.0, 0.0]], 0.0, speed, road_network=two_lanes()))
        x, y = mode.position[0].T
        assert y[-1] == pytest.approx(3.5, abs=0.5)
        assert np.diff(y).min() > -1e-6 and y.max() < 3.6
        assert 1.0 < 0.1 * np.argmax(y > 1.75) < 5.0, "it takes some seconds"
        lateral = np.diff(np.concatenate([[0.0, 0.0], y]), 2) / 0.01
        assert np.abs(lateral).max() < LaneChangeConfig().max_lateral_mps2 + 0.3
        step = np.hypot(np.diff(x), np.diff(y))
        bend = np.abs(np.diff(np.arctan2(np.diff(y), np.diff(x)))) / step[1:]
        assert bend.max() < 0.2


@pytest.mark.parametrize(
    ("road", "agent_class", "speed"),
    [
        (two_lanes(left_change=False), AgentClass.CAR, 10.0),
        (two_lanes(), AgentClass.CYCLIST, 5.0),
        (two_lanes(), AgentClass.CAR, 1.0),
        (
            replace(two_lanes(), lanes=replace(two_lanes().lanes, in_intersection=np.array([True, True]))),
            AgentClass.CAR,
            10.0,
        ),
    ],
    ids=["not permitted", "cyclist", "too slow", "in a junction"],
)
def test_who_must_not_does_not_change(road, agent_class, speed):
    assert change_of(make_scene([[0.0, 0.0]], 0.0, speed, agent_class, road_network=road)) is None


def test_from_the_left_lane_there_is_no_change_to_the_right_without_permission():
    assert change_of(make_scene([[0.0, 3.5]], 0.0, 10.0, road_network=two_lanes())) is None


def test_drift_announces_a_change_and_its_opposite_does_not():
    assert share_of(y=0.5, yaw=0.06) > 0.6
    assert share_of() > share_of(y=-0.5, yaw=-0.05)
    assert share_of() == pytest.approx(LaneChangeConfig().unannounced_share, abs=0.05)


def test_indicators_announce_deny_and_contradict_a_change():
    left, neither, right, hazard = (share_of(lit=lit) for lit in (LEFT, 0, RIGHT, LEFT | RIGHT))
    assert left > 0.7
    assert share_of() > neither > right
    assert hazard == pytest.approx(share_of())


def test_somebody_beside_or_coming_up_blocks_it():
    free = share_of()
    assert share_of((1.0, 3.5, 10.0)) < 0.5 * free
    assert share_of((-11.0, 3.5, 17.0)) < 0.5 * free
    assert share_of((-11.0, 3.5, 10.0)) == share_of((30.0, 3.5, 10.0)) == free
    assert share_of((1.0, 0.0 - 3.5, 10.0)) == free


def test_who_changes_follows_who_is_ahead_on_the_other_lane():
    scene = make_scene([[0.0, 0.0], [18.0, 3.5]], 0.0, [14.0, 6.0], road_network=two_lanes())
    end = change_of(scene).position[0, -1, 0]
    assert end < 18.0 + 8.0 * 6.0 - 4.0
