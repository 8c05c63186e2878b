"""Vehicles that give way at a crosswalk in use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from baseline_scenes import lane_road, make_scene, signal_showing, straight_line

from zoox_prediction.models.baselines.mixture import HeuristicMixture
from zoox_prediction.models.baselines.modes import ModeKind
from zoox_prediction.scene import AgentClass, SignalState

ROAD = lane_road([straight_line((-50, 0), (150, 0))], crosswalks=[[(38, -6), (42, -6), (42, 6), (38, 6)]])
CLASSES = [AgentClass.CAR, AgentClass.PEDESTRIAN]


def yielding(walker, course, pace, speed=9.0, signals=None):
    """Future positions (80, 2) of the car at the origin that gives way; None when it has no such future."""
    road = replace(ROAD, crosswalk_signal=np.array([7]))
    scene = make_scene([[0.0, 0.0], walker], [0.0, course], [speed, pace], CLASSES, road_network=road, signals=signals)
    _, _, modes = HeuristicMixture().candidates(scene)
    rows = np.flatnonzero(modes.kind == ModeKind.LANE_YIELD)
    assert len(rows) <= 1
    return (modes.position[rows[0]], scene) if len(rows) else (None, scene)


@pytest.mark.parametrize("walker", [(40.0, -2.0), (40.0, -7.5)])
def test_a_car_stops_before_somebody_who_crosses_or_is_about_to(walker):
    future, scene = yielding(walker, np.pi / 2, 1.3)
    front = future[:, 0] + 0.5 * scene.agents.size[0, 0]
    assert 34.0 < front[-1] <= 38.0
    assert np.hypot(*(future[-1] - future[-2])) < 0.05


@pytest.mark.parametrize(
    ("walker", "course", "pace"),
    [((40.0, -9.5), np.pi / 2, 1.3), ((40.0, -7.5), -np.pi / 2, 1.3), ((40.0, -7.5), np.pi / 2, 0.0)],
    ids=["far from it", "walking away", "standing beside it"],
)
def test_an_empty_crosswalk_stops_nobody(walker, course, pace):
    assert yielding(walker, course, pace)[0] is None


def test_who_cannot_stop_any_more_drives_on():
    assert yielding((40.0, 0.0), np.pi / 2, 1.3, speed=25.0)[0] is None


def test_the_walk_signal_says_who_is_about_to_cross():
    green, red = signal_showing(SignalState.GREEN), signal_showing(SignalState.RED)
    waits, walks = ((40.0, -7.5), np.pi / 2, 0.0), ((40.0, -7.5), np.pi / 2, 1.3)
    assert yielding(*waits, signals=green)[0] is not None
    assert yielding(*waits, signals=red)[0] is None
    assert yielding(*walks, signals=red)[0] is None
    assert yielding((40.0, -2.0), np.pi / 2, 1.3, signals=red)[0] is not None, "who is on it has to be let off it"


def test_driving_on_stays_possible():
    _, scene = yielding((40.0, -2.0), np.pi / 2, 1.3)
    prediction = HeuristicMixture().predict(scene)
    ends = prediction.position[0, prediction.probability[0] > 0.0, -1, 0]
    assert ends.min() < 38.0
    assert ends.max() > 60.0
