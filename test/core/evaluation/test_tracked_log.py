"""Tracks and the true agents that they are of."""

from __future__ import annotations

import numpy as np

from zoox_prediction.evaluation.tracked_log import tracked_log, true_ids
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.scene import AgentClass, TrackedAgents

STEP_NS = 100_000_000


def agents(stamp_ns: int, ids: list[int], position: list[list[float]]) -> TrackedAgents:
    count = len(ids)
    return TrackedAgents.from_states(
        stamp_ns, ids, [AgentClass.CAR] * count, position, [0.0] * count, [[10.0, 0.0]] * count
    )


def log() -> RecordedLog:
    """Two cars at 10 m/s, side by side."""
    frames = (agents(step * STEP_NS, [1, 2], [[1.0 * step, 0.0], [1.0 * step, 3.0]]) for step in range(21))
    return RecordedLog("two", "test", tuple(frames), ())


def test_pairs_are_those_that_are_nearest_together_at_the_very_time():
    # Between two frames; each track is nearer to the second car than to its own, but for the other one.
    stamp = 5 * STEP_NS + STEP_NS // 2
    found = true_ids(log(), stamp, [[5.5, 1.6], [5.5, 3.1], [80.0, 0.0]], [31, 32, 33])
    assert found.tolist() == [1, 2, -34]


def test_nobody_is_matched_where_the_truth_knows_nothing():
    assert true_ids(log(), 60 * STEP_NS, [[5.0, 0.0]], [4]).tolist() == [-5]
    assert true_ids(RecordedLog("none", "test", (), ()), 0, [[5.0, 0.0]], [4]).tolist() == [-5]
    assert true_ids(log(), 0, np.zeros((0, 2)), []).tolist() == []


def test_futures_of_tracks_are_what_their_agents_really_did():
    tracks = [agents(step * STEP_NS + 7, [50, 60], [[1.0 * step + 0.5, 0.2], [1.0 * step, 40.0]]) for step in range(5)]
    tracked = tracked_log(log(), tracks)
    assert [frame.ids.tolist() for frame in tracked.agents] == [[1, -61]] * 5
    future = tracked.future([1, -61], 2 * STEP_NS, 0.5, 2)
    np.testing.assert_allclose(future.position[0], [[7.0, 0.0], [12.0, 0.0]])
    assert future.valid.tolist() == [[True, True], [False, False]]


def test_without_truth_a_track_is_its_own():
    tracks = [agents(step * STEP_NS, [50], [[1.0 * step, 0.0]]) for step in range(5)]
    tracked = tracked_log(RecordedLog("none", "test", (), ()), tracks)
    assert [frame.ids.tolist() for frame in tracked.agents] == [[50]] * 5
    np.testing.assert_allclose(tracked.future([50], 0, 0.1, 3).position[0, :, 0], [1.0, 2.0, 3.0])
