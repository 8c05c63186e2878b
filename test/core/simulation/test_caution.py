"""Drivers see what is in their way, and slow down in time."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.simulation.caution import Boxes, conflict_distance, limited_speed
from zoox_prediction.simulation.walker_motion import STEP_S


def boxes(*rows: tuple[float, ...], size=(4.5, 1.8)) -> Boxes:
    """Rows of x, y, yaw, speed, yaw rate."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    ahead = np.stack([np.cos(table[:, 2]), np.sin(table[:, 2])], axis=-1)
    return Boxes(table[:, :2], table[:, 2], table[:, 3:4] * ahead, table[:, 4], np.tile(size, (len(table), 1)))


PERSON = (0.5, 0.5)


def test_a_person_who_crosses_is_met_where_the_ways_cross():
    driver = boxes((0.0, 0.0, 0.0, 10.0, 0.0))
    meets = conflict_distance(driver, boxes((15.0, -2.5, np.pi / 2, 1.4, 0.0), size=PERSON))
    assert 8.0 <= meets[0] <= 15.0
    passes = conflict_distance(driver, boxes((15.0, -9.0, np.pi / 2, 1.4, 0.0), size=PERSON))
    assert np.isinf(passes[0])


def test_who_walks_beside_the_road_or_behind_is_no_conflict():
    driver = boxes((0.0, 0.0, 0.0, 10.0, 0.0))
    others = boxes((15.0, -3.0, 0.0, 1.4, 0.0), (-6.0, 0.0, 0.0, 14.0, 0.0), size=PERSON)
    assert np.isinf(conflict_distance(driver, others)[0])


def test_in_a_bend_the_driver_looks_along_the_bend():
    radius = 15.0
    driver = boxes((0.0, 0.0, 0.0, 6.0, 6.0 / radius))
    on_arc = (radius * np.sin(0.8), radius * (1.0 - np.cos(0.8)), 0.0, 0.0, 0.0)
    straight = (12.0, 0.0, 0.0, 0.0, 0.0)
    assert np.isfinite(conflict_distance(driver, boxes(on_arc, size=PERSON))[0])
    assert np.isinf(conflict_distance(driver, boxes(straight, size=PERSON))[0])


def test_a_vehicle_ahead_at_the_same_speed_is_left_to_the_car_following():
    driver, ahead = boxes((0.0, 0.0, 0.0, 10.0, 0.0)), boxes((12.0, 0.0, 0.0, 10.0, 0.0))
    assert np.isinf(conflict_distance(driver, ahead)[0])
    stands = boxes((22.0, 0.0, 0.0, 0.0, 0.0))
    assert np.isfinite(conflict_distance(driver, stands)[0])


def test_nobody_and_nothing():
    assert len(conflict_distance(boxes(), boxes((0.0, 0.0, 0.0, 0.0, 0.0)))) == 0
    assert np.isinf(conflict_distance(boxes((0.0, 0.0, 0.0, 5.0, 0.0)), boxes())).all()


@pytest.mark.parametrize("speed", [4.0, 8.0, 13.0])
def test_a_driver_who_keeps_to_the_limit_stops_before_the_conflict(speed):
    place, now = 0.0, speed
    conflict = speed**2 / (2.0 * 4.0) + 3.0  # needs about 4 m/s^2
    hardest = 0.0
    for _ in range(200):
        limit = limited_speed(np.array([now]), np.array([conflict - place]), np.array([9.0]))[0]
        then = min(now, limit)
        hardest = max(hardest, (now - then) / STEP_S)
        place, now = place + 0.5 * (now + then) * STEP_S, then
    assert now == 0.0 and conflict - 5.0 < place < conflict
    assert hardest < 8.0


def test_far_conflicts_are_watched_and_near_ones_keep_a_standing_driver():
    limits = limited_speed(np.array([10.0, 0.2, 10.0]), np.array([80.0, 2.0, np.inf]), np.full(3, 9.0))
    assert limits[0] > 12.0 and limits[1] == 0.0 and np.isinf(limits[2])
