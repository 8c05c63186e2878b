"""Walkers: goal-directed, crossing or waiting, standing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from baseline_scenes import lane_road, make_scene, red_signal, signal_showing, straight_line

from zoox_prediction.models.baselines.modes import ModeKind
from zoox_prediction.models.baselines.pedestrian import Pedestrian
from zoox_prediction.scene import AgentClass, SignalState

ROAD = lane_road([straight_line((-50, 0), (50, 0))], crosswalks=[[(-2, -6), (2, -6), (2, 6), (-2, 6)]])


def kinds_of(scene):
    _, _, modes = Pedestrian().candidates(scene)
    return {ModeKind(int(kind)): modes.position[row] for row, kind in enumerate(modes.kind)}


def test_walks_on_towards_the_preferred_speed():
    scene = make_scene([[0.0, 30.0]], 1.0, 0.8, AgentClass.PEDESTRIAN)
    prediction = Pedestrian().predict(scene)
    best = prediction.probability[0].argmax()
    end = prediction.position[0, best, -1] - [0.0, 30.0]
    assert np.arctan2(end[1], end[0]) == pytest.approx(1.0, abs=0.05)
    assert 0.8 * 8.0 <= np.hypot(*end) < 1.35 * 8.0
    assert prediction.probability[0, best] > 0.3


def test_at_a_crosswalk_it_crosses_or_waits_at_the_kerb():
    kinds = kinds_of(make_scene([[0.5, -9.0]], np.pi / 2, 1.4, AgentClass.PEDESTRIAN, road_network=ROAD))
    crossing, waiting = kinds[ModeKind.CROSS], kinds[ModeKind.STAND]
    assert crossing[-1, 1] > 1.0 and np.abs(crossing[:, 0] - 0.5).max() < 0.1
    assert -7.0 < waiting[-1, 1] <= -5.9
    assert np.hypot(*(waiting[-1] - waiting[-2])) < 1e-3


def test_who_walks_away_or_along_the_road_does_not_cross():
    away = kinds_of(make_scene([[0.5, -9.0]], -np.pi / 2, 1.4, AgentClass.PEDESTRIAN, road_network=ROAD))
    along = kinds_of(make_scene([[0.5, -9.0]], 0.0, 1.4, AgentClass.PEDESTRIAN, road_network=ROAD))
    far = kinds_of(make_scene([[30.0, -9.0]], np.pi / 2, 1.4, AgentClass.PEDESTRIAN, road_network=ROAD))
    assert not {ModeKind.CROSS} & (set(away) | set(along) | set(far))


def test_who_is_on_the_crosswalk_goes_on_to_the_side_that_it_faces():
    scene = make_scene([[0.5, 1.0]], -np.pi / 2 + 0.2, 1.4, AgentClass.PEDESTRIAN, road_network=ROAD)
    assert kinds_of(scene)[ModeKind.CROSS][-1, 1] < -6.0


def test_crossing_gives_place_to_waiting_from_a_green_signal_over_none_and_yellow_to_a_red_one():
    network = replace(ROAD, crosswalk_signal=np.array([7]))
    cross, wait = [], []
    shown = [signal_showing(state) for state in (SignalState.GREEN, SignalState.YELLOW, SignalState.RED)]
    for signals in (shown[0], None, *shown[1:]):
        scene = make_scene([[0.5, -9.0]], np.pi / 2, 1.4, AgentClass.PEDESTRIAN, road_network=network, signals=signals)
        prediction = Pedestrian().predict(scene)
        end = prediction.position[0, :, -1, 1]
        cross.append(prediction.probability[0, end > -4.0].sum())
        wait.append(prediction.probability[0, (end > -7.0) & (end < -5.5)].sum())
    assert np.all(np.diff(cross) < 0.0)
    assert np.all(np.diff(wait) > 0.0)
    _, _, modes = Pedestrian().candidates(scene)
    assert modes.share[modes.kind == ModeKind.CROSS][0] < 0.3


def test_a_red_signal_does_not_hold_who_is_on_the_crosswalk():
    network = replace(ROAD, crosswalk_signal=np.array([7]))
    scene = make_scene([[0.5, -3.0]], np.pi / 2, 1.4, AgentClass.PEDESTRIAN, road_network=network, signals=red_signal())
    _, _, modes = Pedestrian().candidates(scene)
    assert modes.share[modes.kind == ModeKind.CROSS][0] == 1.0


def test_a_standing_walker_mainly_stands_but_may_set_off():
    prediction = Pedestrian().predict(make_scene([[0.0, 30.0]], 1.0, 0.0, AgentClass.PEDESTRIAN))
    travel = np.hypot(*(prediction.position[0, :, -1] - [0.0, 30.0]).T)
    standing = travel < 0.1
    assert prediction.probability[0, standing].sum() > 0.5
    assert np.any((travel > 3.0) & (prediction.probability[0] > 0.0))
