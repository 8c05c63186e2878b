"""Scores of tracks: what a perfect tracker gets, and what each kind of error costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.points_in_boxes import points_in_boxes
from zoox_prediction.evaluation.tracking_run import TrackedFrame
from zoox_prediction.evaluation.tracking_scores import TrackingScope, score_tracks
from zoox_prediction.scene import AgentClass, TrackedAgents

pytest.importorskip("trackeval")


def _agents(step: int, ids: tuple[int, ...] = (1, 2)) -> TrackedAgents:
    """Cars side by side at 5 m/s along +x."""
    count = len(ids)
    place = np.column_stack([np.full(count, 10.0 + 0.5 * step), 6.0 * np.arange(count)])
    velocity = np.tile([5.0, 0.0], (count, 1))
    return TrackedAgents.from_states(
        step * 10**8, np.array(ids), np.full(count, AgentClass.CAR), place, np.zeros(count), velocity,
        pose_covariance=np.tile(np.eye(3), (count, 1, 1)),
    )  # fmt: skip


def _score(
    change: Callable[[int, TrackedAgents], TrackedAgents], points: int = 50, scope: TrackingScope | None = None
) -> dict[str, float]:
    frames = [
        TrackedFrame(_agents(step), change(step, _agents(step)), np.full(2, points), np.zeros(2), 0.0)
        for step in range(20)
    ]
    return score_tracks(frames, scope)


def test_perfect_tracks() -> None:
    scores = _score(lambda step, tracks: replace(tracks, ids=tracks.ids + 70))
    assert scores["HOTA"] == scores["MOTA"] == pytest.approx(1.0)
    assert scores["id_switches"] == scores["false"] == scores["missed"] == scores["vehicle_velocity_rms"] == 0.0
    assert scores["truth"] == 40.0


def test_what_is_off_is_counted() -> None:
    offset, push = np.array([0.3, 0.4, 0.0]), np.array([0.6, 0.8])
    scores = _score(
        lambda step, tracks: replace(tracks, position=tracks.position + offset, velocity=tracks.velocity + push)
    )
    assert scores["position_rms"] == pytest.approx(0.5)
    assert scores["position_nees"] == pytest.approx(0.25)
    assert scores["vehicle_velocity_rms"] == pytest.approx(1.0)
    assert 0.75 < scores["LocA"] < 0.85  # from the similarity, and 1 where that is too little


def test_missed_false_and_switched() -> None:
    assert _score(lambda step, tracks: tracks.select(np.array([0])))["missed"] == 20.0
    extra = _score(lambda step, tracks: _agents(step, (1, 2, 3)))
    assert extra["false"] == 20.0 and extra["false_per_frame"] == 1.0 and extra["HOTA"] < 0.9
    switched = _score(lambda step, tracks: replace(tracks, ids=tracks.ids[::-1]) if step >= 10 else tracks)
    assert switched["id_switches"] == 2.0 and switched["AssA"] < 0.8


def test_who_is_out_of_sight_or_reach_does_not_count() -> None:
    with pytest.raises(InputError, match="in sight"):
        _score(lambda step, tracks: tracks, points=3)
    narrow = _score(lambda step, tracks: tracks, scope=TrackingScope(view_rad=0.2))
    assert narrow["truth"] == 20.0 and narrow["false"] == 0.0
    near = _score(lambda step, tracks: tracks.select(np.zeros(0, dtype=int)), scope=TrackingScope(radius_m=15.0))
    assert near["truth"] == near["missed"] < 40.0


def test_points_in_turned_boxes() -> None:
    agents = replace(_agents(0), yaw=np.array([0.5 * np.pi, 0.0]))
    points = np.array([[10.0, 2.2, 0.0], [12.2, 0.0, 0.0], [12.2, 6.0, 0.0], [10.0, 6.0, 3.0], [10.0, 0.0, 0.2]])
    np.testing.assert_array_equal(points_in_boxes(points, agents), [2, 1])
