"""Arc length, projection and curvature."""

from __future__ import annotations

import numpy as np
import pytest
from road_networks import arc

from zoox_prediction.maps.polylines import Polylines, heading_and_curvature, resample
from zoox_prediction.maps.road_network import MapError, Ragged


def test_projection_of_many_points_on_many_lines() -> None:
    lines = Polylines(Ragged.points([[(0, 0), (10, 0), (10, 10)], [(0, 0), (0, 0), (0, 5)], [(3, 3), (-3, 3)]]))
    np.testing.assert_allclose(lines.length, [20, 5, 6])
    rows = np.array([0, 0, 0, 1, 2, 0])
    points = np.array([[4, 2], [9, 6], [12, 4], [2, 3], [0, 4], [-1, 1]], dtype=float)
    on = lines.project(rows, points)
    np.testing.assert_allclose(on.arc_length_m, [4, 16, 14, 3, 3, 0])
    np.testing.assert_allclose(on.lateral_offset_m, [2, 1, -2, -2, -1, 1])
    np.testing.assert_allclose(on.heading_rad, [0, np.pi / 2, np.pi / 2, np.pi / 2, np.pi, 0], atol=1e-12)
    np.testing.assert_allclose(on.beyond_m, [0, 0, 0, 0, 0, -1])
    back, heading = lines.point_at(rows[:4], on.arc_length_m[:4])
    np.testing.assert_allclose(back, [[4, 0], [10, 6], [10, 4], [0, 3]])
    np.testing.assert_allclose(heading, on.heading_rad[:4])


def test_past_the_end_and_outside_a_corner() -> None:
    lines = Polylines(Ragged.points([[(0, 0), (10, 0), (10, 10)]]))
    on = lines.project(np.zeros(2, dtype=int), np.array([[10.5, 12.0], [13.0, -4.0]]))
    np.testing.assert_allclose(on.beyond_m, [2, 0])
    np.testing.assert_allclose(on.lateral_offset_m, [-0.5, -5])


@pytest.mark.parametrize("line", [[(0, 0)], [(1, 1), (1, 1)], [(0, 0), (np.nan, 1)]])
def test_lines_that_are_none(line: list) -> None:
    with pytest.raises(MapError, match="lane 42"):
        Polylines(Ragged.points([[(0, 0), (1, 0)], line]), [41, 42])


def test_curvature_of_a_noisy_circle() -> None:
    rng = np.random.default_rng(0)
    angle = np.arange(0.0, 2.0, 1.0 / 15.0)
    for sign in (1.0, -1.0):
        circle = arc((0, 0), 15.0, 0.0, sign * angle[-1], len(angle))
        heading, curvature = heading_and_curvature(circle + rng.normal(0, 0.02, circle.shape), 1.0, 7.0)
        np.testing.assert_allclose(curvature[3:-3], sign / 15.0, atol=0.035)
        assert np.mean(curvature[3:-3]) == pytest.approx(sign / 15.0, rel=0.1)
        expected = sign * (angle + np.pi / 2)
        np.testing.assert_allclose(heading[2:-2], expected[2:-2], atol=0.05)


def test_short_and_straight_lines_have_no_curvature() -> None:
    for count in (2, 3, 50):
        points = np.column_stack([np.arange(count), 2.0 * np.arange(count)]) / np.sqrt(5.0)
        heading, curvature = heading_and_curvature(points, 1.0, 7.0)
        np.testing.assert_allclose(heading, np.arctan2(2.0, 1.0))
        np.testing.assert_allclose(curvature, 0.0, atol=1e-9)


def test_resample_keeps_both_ends() -> None:
    points = resample(np.array([[0, 0], [3, 0], [3, 1.0]]), 5)
    np.testing.assert_allclose(points, [[0, 0], [1, 0], [2, 0], [3, 0], [3, 1]])
