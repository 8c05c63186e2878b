"""Walkers see what would pass too near, and step back from it."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.simulation.caution import Boxes
from zoox_prediction.simulation.step_aside import comes_near, step_aside

RADIUS = np.array([0.25])


def car(x: float, y: float, speed: float, yaw: float = 0.0, turning: float = 0.0) -> Boxes:
    ahead = np.array([[np.cos(yaw), np.sin(yaw)]])
    return Boxes(np.array([[x, y]]), np.array([yaw]), speed * ahead, np.array([turning]), np.array([[4.5, 1.8]]))


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_to_the_side_on_which_one_stands_until_there_is_room(side):
    aside = step_aside(np.array([[0.0, 1.0 * side]]), RADIUS, car(-6.0, 0.0, 8.0))
    np.testing.assert_allclose(aside, [[0.0, side * (0.9 + 0.25 + 0.3 - 1.0)]], atol=1e-9)


def test_not_for_what_is_far_stands_or_passes_with_room():
    at = np.array([[0.0, 1.0]])
    for vehicle in (car(-20.0, 0.0, 8.0), car(-3.0, 0.0, 0.2), car(-6.0, -0.5, 8.0), car(6.0, 0.0, 8.0)):
        assert not step_aside(at, RADIUS, vehicle).any()
    assert not step_aside(at, RADIUS, Boxes(*(np.zeros(shape) for shape in ((0, 2), 0, (0, 2), 0, (0, 2))))).any()


def test_from_a_vehicle_that_turns_towards_one_and_no_farther_than_a_step():
    at = np.array([[4.0, 2.2]])
    assert not step_aside(at, RADIUS, car(-2.0, 0.0, 6.0)).any()
    aside = step_aside(at, RADIUS, car(-2.0, 0.0, 6.0, turning=0.5))
    assert np.linalg.norm(aside) > 0.1 and aside[0, 1] > 0.0
    assert np.linalg.norm(step_aside(np.array([[0.0, 0.05]]), RADIUS, car(-6.0, 0.0, 8.0))) == pytest.approx(0.9)


def test_each_walker_for_the_vehicle_that_comes_nearest():
    both = car(-6.0, 0.0, 8.0).joined(car(-6.0, 0.3, 8.0))
    aside = step_aside(np.array([[0.0, 1.4], [0.0, 50.0]]), np.repeat(RADIUS, 2), both)
    np.testing.assert_allclose(aside, [[0.0, 0.3 + 0.9 + 0.55 - 1.4], [0.0, 0.0]], atol=1e-9)


def test_what_comes_near_within_the_time():
    at = np.array([[0.0, 0.0], [0.0, 4.0]])
    assert comes_near(at, 0.9, car(-20.0, 1.5, 8.0), 3.0).tolist() == [True, False]
    assert not comes_near(at, 0.9, car(-20.0, 1.5, 8.0), 1.0).any()
    assert not comes_near(at, 0.9, car(-20.0, 1.9, 8.0), 3.0)[0]
    assert not comes_near(at, 0.9, car(0.0, 1.5, 0.0), 3.0).any()
