"""Ways remember where points have come from."""

from __future__ import annotations

import numpy as np

from zoox_prediction.simulation.way import SPACING_M, Ways

ROWS = np.array([0])


def test_places_and_tangents_along_a_bend():
    ways = Ways.straight([[0.0, 0.0]], [0.0])
    start_m = ways.length_m[0]
    angles = np.arange(0.02, 1.5, 0.02)  # a circle of 20 m to the left, in steps of 0.4 m
    for angle in angles:
        ways.extend(ROWS, 20.0 * np.array([[np.sin(angle), 1.0 - np.cos(angle)]]))
    np.testing.assert_allclose(ways.length_m - start_m, 20.0 * angles[-1], rtol=1e-3)
    for angle in (0.8, 1.1, 1.4):  # the last 25 m are remembered
        point, tangent = ways.at(ROWS, np.array([start_m + 20.0 * angle]))
        np.testing.assert_allclose(point, [[20.0 * np.sin(angle), 20.0 * (1.0 - np.cos(angle))]], atol=0.02)
        np.testing.assert_allclose(tangent, [[np.cos(angle), np.sin(angle)]], atol=0.02)


def test_what_is_forgotten_is_the_oldest_point_and_beyond_the_end_it_goes_straight_on():
    ways = Ways.straight([[0.0, 0.0], [5.0, 5.0]], [0.0, np.pi / 2])
    rows = np.array([0, 1])
    ways.extend(rows, np.array([[3.3, 0.0], [5.0, 5.1]]))
    end = ways.length_m
    point, tangent = ways.at(rows, end + 2.0)
    np.testing.assert_allclose(point, [[5.3, 0.0], [5.0, 7.1]], atol=1e-9)
    np.testing.assert_allclose(tangent, [[1.0, 0.0], [0.0, 1.0]], atol=1e-9)
    oldest = ways.at(rows, end - 1e3)[0]
    assert -26.0 < oldest[0, 0] < -18.0 and abs(oldest[1, 0] - 5.0) < 1e-9


def test_a_long_step_fills_all_points_between():
    ways = Ways.straight([[0.0, 0.0]], [0.0])
    ways.extend(ROWS, np.array([[0.0, 10.0]]))  # sharply to the left
    places = ways.length_m - np.arange(0.0, 9.0, 0.5)
    points = np.concatenate([ways.at(ROWS, np.array([place]))[0] for place in places])
    np.testing.assert_allclose(points[:, 0], 0.0, atol=1e-9)
    np.testing.assert_allclose(points[:, 1], 10.0 - np.arange(0.0, 9.0, 0.5), atol=1e-9)


def test_rows_keep_their_ways_when_others_come_and_go():
    ways = Ways.empty().joined(Ways.straight([[0.0, 0.0], [9.0, 9.0]], [0.0, 1.0]))
    kept = ways.select(np.array([False, True]))
    point, tangent = kept.at(ROWS, kept.length_m - SPACING_M)
    np.testing.assert_allclose(point, [[9.0 - SPACING_M * np.cos(1.0), 9.0 - SPACING_M * np.sin(1.0)]])
    np.testing.assert_allclose(tangent, [[np.cos(1.0), np.sin(1.0)]])
